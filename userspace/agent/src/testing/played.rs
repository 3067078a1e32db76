//! The virtual board behind the kernel's remoteproc: the files are those of sysfs, `SysfsCore` writes
//! them, and what the kernel would do is played here. An image's text says how its firmware is.

use std::fs;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use tandem_link::SlotInit;
use tandem_link::board::{Board, CoreError, CoreState, FaultPort, LinePort, RemoteCore};
use tandem_link::message::Nanos;
use tandem_uio::{SysfsCore, System};
use tandem_vboard::{Options, VirtualBoard};

/// A firmware that is well.
pub const WELL: &[u8] = b"well";
/// One that runs and never announces itself.
pub const NEVER: &[u8] = b"never";
/// One that ends soon after it began.
pub const DIES: &[u8] = b"dies";
/// Accesses of a firmware of that kind until it does: within its boot, whatever the machine's speed.
const LIFE: u64 = 200;

/// See the module.
pub struct PlayedBoard {
    inner: Arc<VirtualBoard>,
    core: PlayedCore,
}

/// The core, and the kernel behind it.
pub struct PlayedCore {
    inner: Arc<VirtualBoard>,
    sysfs: SysfsCore,
    system: System,
    /// The image that the core has in its memory.
    loaded: Mutex<Vec<u8>>,
}

impl PlayedBoard {
    /// A running board; `root` becomes its `/sys` and `/dev`.
    pub fn start(root: &Path, image: PathBuf) -> Arc<Self> {
        let system = System { sys: root.join("sys"), dev: root.join("dev") };
        let put = |path: &str, text: &str| {
            let path = system.sys.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        put("class/remoteproc/remoteproc0/name", "ff9a0000.rf5ss:r5f_0\n");
        put("class/remoteproc/remoteproc0/state", "offline\n");
        put("class/remoteproc/remoteproc0/firmware", "(null)\n");
        put("module/firmware_class/parameters/path", "\n");
        let description = tandem_boards::Board::virtual_default();
        let inner = Arc::new(VirtualBoard::start(&description, Options::default()).unwrap());
        let sysfs = SysfsCore::open(&system, image).unwrap();
        let loaded = Mutex::default();
        let core = PlayedCore { inner: inner.clone(), sysfs, system, loaded };
        core.start().unwrap();
        Arc::new(Self { inner, core })
    }

    /// The image that the core has in its memory.
    pub fn loaded(&self) -> Vec<u8> {
        self.core.loaded.lock().unwrap().clone()
    }
}

impl PlayedCore {
    fn file(&self, name: &str) -> PathBuf {
        self.system.sys.join("class/remoteproc/remoteproc0").join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.file(name)).unwrap().trim().to_owned()
    }

    /// What the kernel does while the write to `state` blocks.
    fn settle(&self) -> Result<(), CoreError> {
        let core = self.inner.core();
        let now = match self.read("state").as_str() {
            "start" => {
                let _ = core.stop();
                let path = self.system.sys.join("module/firmware_class/parameters/path");
                let folder = PathBuf::from(fs::read_to_string(path).unwrap());
                let image = fs::read(folder.join(self.read("firmware"))).unwrap();
                let is = |kind: &[u8]| image.windows(kind.len()).any(|text| text == kind);
                if is(WELL) || is(DIES) {
                    core.start()?;
                }
                if is(DIES) {
                    self.inner.faults().unwrap().kill_core_at(LIFE);
                }
                *self.loaded.lock().unwrap() = image;
                "running\n"
            }
            "stop" => {
                let _ = core.stop();
                "offline\n"
            }
            _ => return Ok(()),
        };
        fs::write(self.file("state"), now).unwrap();
        Ok(())
    }
}

impl RemoteCore for PlayedCore {
    fn state(&self) -> CoreState {
        if self.inner.core().state() == CoreState::Crashed {
            return CoreState::Crashed;
        }
        self.sysfs.state()
    }

    fn start(&self) -> Result<(), CoreError> {
        self.sysfs.start().and_then(|()| self.settle())
    }

    fn stop(&self) -> Result<(), CoreError> {
        self.sysfs.stop().and_then(|()| self.settle())
    }

    fn restart(&self) -> Result<(), CoreError> {
        self.sysfs.restart().and_then(|()| self.settle())
    }

    fn image(&self) -> Option<PathBuf> {
        self.sysfs.image()
    }

    fn set_image(&self, image: &Path) -> Result<(), CoreError> {
        self.sysfs.set_image(image)
    }
}

impl Board for PlayedBoard {
    type Memory = <VirtualBoard as Board>::Memory;

    fn memory(&self) -> Self::Memory {
        self.inner.memory()
    }
    fn now(&self) -> Nanos {
        self.inner.now()
    }
    fn ring_peer(&self) {
        self.inner.ring_peer();
    }
    fn wait(&self, until: Nanos) {
        self.inner.wait(until);
    }
    fn wake(&self) {
        self.inner.wake();
    }
    fn slots(&self) -> Vec<SlotInit> {
        self.inner.slots()
    }
    fn payload_fd(&self) -> BorrowedFd<'_> {
        self.inner.payload_fd()
    }
    fn payload_offset(&self, addr: u32) -> u64 {
        self.inner.payload_offset(addr)
    }
    fn core(&self) -> &dyn RemoteCore {
        &self.core
    }
    fn drain_log(&self, sink: &mut Vec<u8>) -> u32 {
        self.inner.drain_log(sink)
    }
    fn crash_page(&self) -> Self::Memory {
        self.inner.crash_page()
    }
    fn faults(&self) -> Option<&dyn FaultPort> {
        None
    }
    fn line(&self) -> Option<&dyn LinePort> {
        None
    }
}
