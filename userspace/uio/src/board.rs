//! The board.

use crate::clock::{self, Clock, GlueClock};
use crate::wires::{Bells, Waiter};
use crate::{QemuCore, Region, SysfsCore, System, Uio, UioError, pool};
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use tandem_link::SlotInit;
use tandem_link::board::{Board, FaultPort, LinePort, RemoteCore};
use tandem_link::log::LogReader;
use tandem_link::message::Nanos;

/// The device tree's node of the words that both sides share, with the doorbell's interrupt.
const LINK: &str = "tandem-link";
/// The node of Linux's IPI agent.
const IPI: &str = "tandem-ipi";

/// A real board, or QEMU's.
pub struct UioBoard {
    description: tandem_boards::Board,
    link: Region,
    crash: Region,
    log: Mutex<LogReader<Region>>,
    pool: File,
    clock: Box<dyn Clock>,
    bells: Bells,
    waiter: Waiter,
    core: Box<dyn RemoteCore>,
    // Keeps the device open: its interrupt is ours while it is.
    _device: Uio,
}

impl UioBoard {
    /// Opens everything and holds it against the description. The core is left as it is.
    ///
    /// # Errors
    /// [`UioError`].
    pub fn open(
        description: &tandem_boards::Board,
        image: PathBuf,
        system: &System,
    ) -> Result<Self, UioError> {
        let device = Uio::open(system, LINK)?;
        let regions = &description.regions;
        let link = device.map_at("link", regions.link)?;
        let log = device.map_at("log", regions.log)?;
        let crash = device.map_at("crash", regions.crash)?;
        let Fitted { clock, bells, core } = match description.pl.glue {
            Some(glue) => in_qemu(device.map_at("glue", glue)?, system, image)?,
            None => on_silicon(system, image)?,
        };
        let waiter = Waiter::new(device.file(), device.path())?;
        bells.listen();
        waiter.arm().map_err(UioError::io("arming the interrupt of", device.path()))?;
        Ok(Self {
            pool: pool::open(system, regions.pool)?,
            description: description.clone(),
            link,
            crash,
            log: Mutex::new(LogReader::new(log)),
            clock,
            bells,
            waiter,
            core,
            _device: device,
        })
    }
}

/// What differs between QEMU and silicon.
struct Fitted {
    clock: Box<dyn Clock>,
    bells: Bells,
    core: Box<dyn RemoteCore>,
}

fn in_qemu(glue: Region, system: &System, image: PathBuf) -> Result<Fitted, UioError> {
    Ok(Fitted {
        clock: Box::new(GlueClock(Mutex::new(glue.clone()))),
        bells: Bells::Glue(glue.clone()),
        core: Box::new(QemuCore::open(system, glue, image)?),
    })
}

fn on_silicon(system: &System, image: PathBuf) -> Result<Fitted, UioError> {
    let clock = clock::system_counter().ok_or_else(|| UioError::Io {
        what: "sharing a clock with the R5F on this processor:",
        path: PathBuf::from(std::env::consts::ARCH),
        source: std::io::ErrorKind::Unsupported.into(),
    })?;
    Ok(Fitted {
        clock,
        bells: Bells::Ipi(Uio::open(system, IPI)?.map("ipi")?),
        core: Box::new(SysfsCore::open(system, image)?),
    })
}

impl Board for UioBoard {
    type Memory = Region;

    fn memory(&self) -> Region {
        self.link.clone()
    }

    fn now(&self) -> Nanos {
        self.clock.now()
    }

    fn ring_peer(&self) {
        self.bells.ring();
    }

    fn wait(&self, until: Nanos) {
        let left = until.saturating_sub(self.now());
        if left > 0 {
            self.waiter.wait(left, &self.bells);
        }
    }

    fn wake(&self) {
        self.waiter.wake();
    }

    fn slots(&self) -> Vec<SlotInit> {
        self.description.resolve_slots()
    }

    fn payload_fd(&self) -> BorrowedFd<'_> {
        self.pool.as_fd()
    }

    fn payload_offset(&self, addr: u32) -> u64 {
        u64::from(addr) - u64::from(self.description.regions.pool.base)
    }

    fn core(&self) -> &dyn RemoteCore {
        &*self.core
    }

    fn drain_log(&self, sink: &mut Vec<u8>) -> u32 {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).drain(sink)
    }

    fn crash_page(&self) -> Region {
        self.crash.clone()
    }

    fn faults(&self) -> Option<&dyn FaultPort> {
        None
    }

    fn line(&self) -> Option<&dyn LinePort> {
        None
    }
}
