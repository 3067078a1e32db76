//! Linux's remoteproc through sysfs (Documentation/ABI/testing/sysfs-class-remoteproc).

use crate::{System, UioError};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use tandem_link::board::{CoreError, CoreState, RemoteCore};

/// A core that the kernel's remoteproc driver controls.
pub struct SysfsCore {
    folder: PathBuf,
    firmware: PathBuf,
    image: PathBuf,
    control: Mutex<()>,
}

impl SysfsCore {
    /// Finds the R5F among the kernel's remote processors: the first whose name has `r5`.
    ///
    /// # Errors
    /// [`UioError::NoDevice`].
    pub fn open(system: &System, image: PathBuf) -> Result<Self, UioError> {
        let class = system.sys.join("class/remoteproc");
        let mut folders: Vec<PathBuf> = std::fs::read_dir(&class)
            .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
            .unwrap_or_default();
        folders.sort();
        let named = |folder: &PathBuf| {
            std::fs::read_to_string(folder.join("name")).is_ok_and(|name| name.contains("r5"))
        };
        let folder = folders
            .into_iter()
            .find(named)
            .ok_or(UioError::NoDevice { name: "r5".to_owned(), folder: class })?;
        let firmware = system.sys.join("module/firmware_class/parameters/path");
        Ok(Self { folder, firmware, image, control: Mutex::new(()) })
    }

    fn put(&self, file: &str, text: &str) -> Result<(), CoreError> {
        write(&self.folder.join(file), text)
    }

    fn begin(&self) -> Result<(), CoreError> {
        let image = |what: &str| CoreError::Image(format!("{}: {what}", self.image.display()));
        if !self.image.is_file() {
            return Err(image("it is not there"));
        }
        let name = self.image.file_name().and_then(|name| name.to_str());
        let folder = self.image.parent().and_then(|folder| folder.to_str());
        let (name, folder) = name.zip(folder).ok_or_else(|| image("no name for the kernel"))?;
        // The kernel looks in this folder before /lib/firmware.
        write(&self.firmware, folder)?;
        self.put("firmware", name)?;
        self.put("state", "start")
    }
}

fn write(path: &Path, text: &str) -> Result<(), CoreError> {
    let say = |error| CoreError::Board(format!("writing {text:?} to {}: {error}", path.display()));
    std::fs::write(path, text).map_err(say)
}

impl RemoteCore for SysfsCore {
    fn state(&self) -> CoreState {
        let text = std::fs::read_to_string(self.folder.join("state")).unwrap_or_default();
        match text.trim() {
            "running" | "attached" => CoreState::Running,
            "crashed" => CoreState::Crashed,
            _ => CoreState::Stopped,
        }
    }

    fn start(&self) -> Result<(), CoreError> {
        let _one = self.control.lock().unwrap_or_else(PoisonError::into_inner);
        match self.state() {
            CoreState::Running => Err(CoreError::Running),
            CoreState::Crashed => self.put("state", "stop").and_then(|()| self.begin()),
            CoreState::Stopped => self.begin(),
        }
    }

    fn stop(&self) -> Result<(), CoreError> {
        let _one = self.control.lock().unwrap_or_else(PoisonError::into_inner);
        match self.state() {
            CoreState::Stopped => Err(CoreError::Stopped),
            CoreState::Running | CoreState::Crashed => self.put("state", "stop"),
        }
    }

    fn restart(&self) -> Result<(), CoreError> {
        let _one = self.control.lock().unwrap_or_else(PoisonError::into_inner);
        if self.state() != CoreState::Stopped {
            self.put("state", "stop")?;
        }
        self.begin()
    }
}
