//! QEMU's R5F. It has plain memory where TCM is, starts by a PSCI call that the module `r5ctl`
//! makes, and cannot be reset once it runs: then the firmware is asked to park.

use crate::{Region, System, Uio, UioError};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tandem_link::SharedMemory;
use tandem_link::board::{CoreError, CoreState, RemoteCore};
use tandem_link::glue;
use tandem_link::image::Image;

/// How long a core may take to park. An emulated core on a busy machine is slow.
const PATIENCE: Duration = Duration::from_secs(10);
/// `PSCI AFFINITY_INFO`: the core is on (DEN0022, 5.1.6).
const ON: &str = "0";

/// The R5F of QEMU's xlnx-zcu102.
pub struct QemuCore {
    glue: Region,
    tcm: Region,
    parameter: PathBuf,
    /// The image. Whoever controls the core holds the lock.
    control: Mutex<PathBuf>,
}

impl QemuCore {
    /// Opens the core's memory.
    ///
    /// # Errors
    /// [`UioError`].
    pub fn open(system: &System, glue: Region, image: PathBuf) -> Result<Self, UioError> {
        let tcm = Uio::open(system, "tandem-tcm")?.map("tcm")?;
        let parameter = system.sys.join("module/r5ctl/parameters/on");
        if !parameter.is_file() {
            return Err(UioError::Io {
                what: "starting the R5F needs the module r5ctl:",
                path: parameter,
                source: std::io::ErrorKind::NotFound.into(),
            });
        }
        Ok(Self { glue, tcm, parameter, control: Mutex::new(image) })
    }

    fn lock(&self) -> MutexGuard<'_, PathBuf> {
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_on(&self) -> bool {
        std::fs::read_to_string(&self.parameter).is_ok_and(|text| text.trim() == ON)
    }

    fn is_parked(&self) -> bool {
        self.glue.load(glue::PARKED) == 1
    }

    fn park(&self) -> Result<(), CoreError> {
        let start = Instant::now();
        self.glue.store(glue::RESTART, glue::PARK);
        while !self.is_parked() {
            if start.elapsed() > PATIENCE {
                let within = PATIENCE.as_secs();
                return Err(CoreError::Board(format!("the R5F did not park within {within} s")));
            }
            std::thread::sleep(Duration::from_micros(200));
        }
        Ok(())
    }

    /// Writes the image into the core's memory and lets it run. It must be off or parked.
    fn load_and_go(&self, file: &Path) -> Result<(), CoreError> {
        let wrong = |error: &dyn std::fmt::Display| {
            CoreError::Image(format!("{}: {error}", file.display()))
        };
        let bytes = std::fs::read(file).map_err(|error| wrong(&error))?;
        let image = Image::parse(&bytes, self.tcm.size()).map_err(|error| wrong(&error))?;
        for (address, bytes) in &image.segments {
            self.write(*address, bytes);
        }
        if self.is_on() {
            self.glue.store(glue::RESTART, image.entry | 1);
            return Ok(());
        }
        self.glue.store(glue::RESTART, 0);
        std::fs::write(&self.parameter, format!("{:#x}", image.entry))
            .map_err(|error| CoreError::Board(format!("{}: {error}", self.parameter.display())))
    }

    /// Whole words, since the map is Device memory; bytes around the segment keep their value.
    fn write(&self, address: u32, bytes: &[u8]) {
        let first = address & !3;
        let mut shift = (address - first) as usize;
        let mut left = bytes;
        let mut at = first;
        while !left.is_empty() {
            let mut word = self.tcm.load_plain(at).to_le_bytes();
            let count = left.len().min(4 - shift);
            word[shift..shift + count].copy_from_slice(&left[..count]);
            self.tcm.store_plain(at, u32::from_le_bytes(word));
            (left, shift, at) = (&left[count..], 0, at + 4);
        }
    }
}

impl RemoteCore for QemuCore {
    fn state(&self) -> CoreState {
        match (self.is_on(), self.is_parked()) {
            (false, _) => CoreState::Stopped,
            (true, false) => CoreState::Running,
            (true, true) => CoreState::Crashed,
        }
    }

    fn start(&self) -> Result<(), CoreError> {
        let image = self.lock();
        match self.state() {
            CoreState::Running => Err(CoreError::Running),
            CoreState::Stopped | CoreState::Crashed => self.load_and_go(&image),
        }
    }

    fn stop(&self) -> Result<(), CoreError> {
        let _one = self.lock();
        match self.state() {
            CoreState::Stopped => Err(CoreError::Stopped),
            CoreState::Crashed => Ok(()),
            CoreState::Running => self.park(),
        }
    }

    fn restart(&self) -> Result<(), CoreError> {
        let image = self.lock();
        if self.state() == CoreState::Running {
            self.park()?;
        }
        self.load_and_go(&image)
    }

    fn image(&self) -> Option<PathBuf> {
        Some(self.lock().clone())
    }

    fn set_image(&self, image: &Path) -> Result<(), CoreError> {
        image.clone_into(&mut self.lock());
        Ok(())
    }
}
