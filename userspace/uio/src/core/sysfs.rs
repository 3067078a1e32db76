//! Linux's remoteproc through sysfs (Documentation/ABI/testing/sysfs-class-remoteproc).

use crate::{System, UioError};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tandem_link::board::{CoreError, CoreState, RemoteCore};

/// A core that the kernel's remoteproc driver controls.
pub struct SysfsCore {
    folder: PathBuf,
    firmware: PathBuf,
    /// The image. Whoever controls the core holds the lock.
    control: Mutex<PathBuf>,
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
        Ok(Self { folder, firmware, control: Mutex::new(image) })
    }

    fn put(&self, file: &str, text: &str) -> Result<(), CoreError> {
        write(&self.folder.join(file), text)
    }

    fn lock(&self) -> MutexGuard<'_, PathBuf> {
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, image: &Path) -> Result<(), CoreError> {
        let wrong = |what: &str| CoreError::Image(format!("{}: {what}", image.display()));
        if !image.is_file() {
            return Err(wrong("it is not there"));
        }
        let name = image.file_name().and_then(|name| name.to_str());
        let folder = image.parent().and_then(|folder| folder.to_str());
        let (name, folder) = name.zip(folder).ok_or_else(|| wrong("no name for the kernel"))?;
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
        let image = self.lock();
        match self.state() {
            CoreState::Running => Err(CoreError::Running),
            CoreState::Crashed => self.put("state", "stop").and_then(|()| self.begin(&image)),
            CoreState::Stopped => self.begin(&image),
        }
    }

    fn stop(&self) -> Result<(), CoreError> {
        let _one = self.lock();
        match self.state() {
            CoreState::Stopped => Err(CoreError::Stopped),
            CoreState::Running | CoreState::Crashed => self.put("state", "stop"),
        }
    }

    fn restart(&self) -> Result<(), CoreError> {
        let image = self.lock();
        if self.state() != CoreState::Stopped {
            self.put("state", "stop")?;
        }
        self.begin(&image)
    }

    fn image(&self) -> Option<PathBuf> {
        Some(self.lock().clone())
    }

    fn set_image(&self, image: &Path) -> Result<(), CoreError> {
        image.clone_into(&mut self.lock());
        Ok(())
    }
}
