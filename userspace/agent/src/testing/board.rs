//! A board without hardware: shared words, a pool file, a clock that tests move.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use tandem_link::board::{Board, CoreError, CoreState, FaultPort, LinePort, RemoteCore};
use tandem_link::memory::HostMemory;
use tandem_link::message::Nanos;
use tandem_link::{Geometry, SlotClass, SlotInit};

use crate::lanes::Bell;

/// Bus address of the pool's first byte.
pub const POOL: u32 = 0x4100_0000;
/// Bytes of each slot, whatever its class.
pub const SLOT: u32 = 0x1_0000;
/// As many as the virtual board has: frame, tensor, heads, result.
const COUNTS: [(SlotClass, usize); 4] =
    [(SlotClass::Frame, 4), (SlotClass::Tensor, 6), (SlotClass::Heads, 6), (SlotClass::Result, 16)];

/// See the module.
pub struct FakeBoard {
    memory: HostMemory,
    pool: File,
    clock: AtomicU64,
    /// Real time passes, and `wait` waits.
    real: Option<Instant>,
    pub agent_bell: Timed,
    pub peer_bell: Timed,
    pub core: FakeCore,
}

/// A bell with a time limit.
#[derive(Default)]
pub struct Timed {
    rung: Mutex<bool>,
    changed: std::sync::Condvar,
    pub rings: AtomicU32,
}

impl Timed {
    pub fn ring(&self) {
        self.rings.fetch_add(1, Ordering::Relaxed);
        *self.rung.lock().unwrap() = true;
        self.changed.notify_all();
    }

    pub fn wait(&self, limit: Duration) {
        let rung = self.rung.lock().unwrap();
        let (mut rung, _) = self.changed.wait_timeout_while(rung, limit, |rung| !*rung).unwrap();
        *rung = false;
    }
}

/// A core that starts when told to, if it is willing.
#[derive(Default)]
pub struct FakeCore {
    pub running: AtomicBool,
    pub crashed: AtomicBool,
    pub restarts: AtomicU32,
    pub unwilling: AtomicBool,
    pub bell: Bell,
}

impl RemoteCore for FakeCore {
    fn state(&self) -> CoreState {
        if self.crashed.load(Ordering::Relaxed) {
            CoreState::Crashed
        } else if self.running.load(Ordering::Relaxed) {
            CoreState::Running
        } else {
            CoreState::Stopped
        }
    }

    fn start(&self) -> Result<(), CoreError> {
        self.restart()
    }

    fn stop(&self) -> Result<(), CoreError> {
        self.running.store(false, Ordering::Relaxed);
        Ok(())
    }

    fn restart(&self) -> Result<(), CoreError> {
        self.restarts.fetch_add(1, Ordering::Relaxed);
        if self.unwilling.load(Ordering::Relaxed) {
            return Err(CoreError::Board("does not want to".into()));
        }
        self.crashed.store(false, Ordering::Relaxed);
        self.running.store(true, Ordering::Relaxed);
        self.bell.ring();
        Ok(())
    }
}

impl FakeBoard {
    pub fn new() -> Self {
        let slots: usize = COUNTS.iter().map(|(_, count)| count).sum();
        let fd = memfd_create("fake-pool", MemfdFlags::CLOEXEC).unwrap();
        ftruncate(&fd, slots as u64 * u64::from(SLOT)).unwrap();
        Self {
            memory: HostMemory::new(Geometry::with_slots(slots as u32).bytes()),
            pool: File::from(fd),
            clock: AtomicU64::new(1_000 * super::MS),
            real: None,
            agent_bell: Timed::default(),
            peer_bell: Timed::default(),
            core: FakeCore::default(),
        }
    }

    /// A board on which real time passes.
    pub fn real_time() -> Self {
        Self { real: Some(Instant::now()), ..Self::new() }
    }

    pub fn advance(&self, by: Nanos) {
        self.clock.fetch_add(by, Ordering::Relaxed);
    }

    pub fn read(&self, addr: u32, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.pool.read_exact_at(&mut bytes, self.payload_offset(addr)).unwrap();
        bytes
    }

    pub fn write(&self, addr: u32, bytes: &[u8]) {
        self.pool.write_all_at(bytes, self.payload_offset(addr)).unwrap();
    }

    /// Inode of the pool file.
    pub fn inode(&self) -> u64 {
        use std::os::unix::fs::MetadataExt;
        self.pool.metadata().unwrap().ino()
    }
}

impl Board for FakeBoard {
    type Memory = HostMemory;

    fn memory(&self) -> HostMemory {
        self.memory.clone()
    }

    fn now(&self) -> Nanos {
        let real = self.real.map_or(0, |since| since.elapsed().as_nanos() as u64);
        self.clock.load(Ordering::Relaxed) + real
    }

    fn ring_peer(&self) {
        self.peer_bell.ring();
    }

    fn wait(&self, until: Nanos) {
        self.agent_bell.wait(Duration::from_nanos(until.saturating_sub(self.now())));
    }

    fn wake(&self) {
        self.agent_bell.ring();
    }

    fn slots(&self) -> Vec<SlotInit> {
        let classes = COUNTS.iter().flat_map(|&(class, count)| (0..count).map(move |_| class));
        classes
            .enumerate()
            .map(|(i, class)| SlotInit { class, addr: POOL + i as u32 * SLOT, capacity: SLOT })
            .collect()
    }

    fn payload_fd(&self) -> BorrowedFd<'_> {
        self.pool.as_fd()
    }

    fn payload_offset(&self, addr: u32) -> u64 {
        u64::from(addr - POOL)
    }

    fn core(&self) -> &dyn RemoteCore {
        &self.core
    }

    fn drain_log(&self, _: &mut Vec<u8>) -> u32 {
        0
    }

    fn crash_page(&self) -> HostMemory {
        HostMemory::new(tandem_link::crash::SIZE)
    }

    fn faults(&self) -> Option<&dyn FaultPort> {
        None
    }

    fn line(&self) -> Option<&dyn LinePort> {
        None
    }
}
