//! Linux' `fpga_manager` (Documentation/ABI/testing/sysfs-class-fpga-manager, and the `flags` and
//! `firmware` files of AMD's kernel).

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::load::Manager;

/// The manager of the running system, or of a tree that looks like it.
#[derive(Clone, Debug)]
pub struct FpgaManager {
    class: PathBuf,
    firmware: PathBuf,
    meminfo: PathBuf,
    /// Where the kernel is told of another folder than `/lib/firmware`.
    path: Option<PathBuf>,
}

impl Default for FpgaManager {
    fn default() -> Self {
        Self::at(Path::new("/"))
    }
}

impl FpgaManager {
    /// Below `root`: `sys/class/fpga_manager/fpga0`, `lib/firmware`, `proc/meminfo`.
    #[must_use]
    pub fn at(root: &Path) -> Self {
        Self {
            class: root.join("sys/class/fpga_manager/fpga0"),
            firmware: root.join("lib/firmware"),
            meminfo: root.join("proc/meminfo"),
            path: None,
        }
    }

    /// Images are placed in `folder`, which the kernel is told of for the length of a load
    /// (`firmware_class.path`): `/lib/firmware` is not the agent's.
    #[must_use]
    pub fn placing_in(mut self, folder: &Path, root: &Path) -> Self {
        folder.clone_into(&mut self.firmware);
        self.path = Some(root.join("sys/module/firmware_class/parameters/path"));
        self
    }

    /// There is one that this program can use: AMD's kernels have the files, others only the class.
    ///
    /// # Errors
    /// What is missing, for people.
    pub fn check(&self) -> Result<(), String> {
        let missing = ["state", "flags", "firmware"].map(|name| self.class.join(name));
        match missing.iter().find(|path| !path.exists()) {
            None => Ok(()),
            Some(path) => Err(format!("{} is not there", path.display())),
        }
    }

    /// The `state` attribute: `operating` is the only good one behind a load.
    ///
    /// # Errors
    /// What failed, for people.
    pub fn state(&self) -> Result<String, String> {
        let path = self.class.join("state");
        let text = fs::read_to_string(&path);
        text.map(|text| text.trim().to_owned()).map_err(|error| told(&path, &error))
    }

    /// Writes an attribute by one write, as sysfs wants it.
    fn attribute(&self, name: &str, value: &str) -> Result<(), String> {
        write(&self.class.join(name), value)
    }

    /// The kernel looks in [`FpgaManager::placing_in`]'s folder first while `work` is done.
    fn announced<T>(&self, work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
        let Some(path) = &self.path else { return work() };
        let before = fs::read_to_string(path).map_err(|error| told(path, &error))?;
        write(path, &self.firmware.display().to_string())?;
        let done = work();
        // An empty path is one that the kernel does not look at; it takes no empty write.
        let before = before.trim_end_matches('\n');
        let back = write(path, if before.is_empty() { "\n" } else { before });
        done.and_then(|done| back.map(|()| done))
    }

    /// Puts the image where the kernel looks for it, whole or not at all.
    fn place(&self, file: &str, image: &[u8]) -> Result<PathBuf, String> {
        let path = self.firmware.join(file);
        let partial = self.firmware.join(format!(".{file}.partial"));
        let write = || {
            fs::create_dir_all(&self.firmware)?;
            let mut to = fs::File::create(&partial)?;
            to.write_all(image)?;
            to.sync_all()?;
            fs::rename(&partial, &path)
        };
        write().map_err(|error| {
            // What is left of it helps nobody; the first error is the one to tell.
            let _ = fs::remove_file(&partial);
            told(&path, &error)
        })?;
        Ok(path)
    }
}

/// By one write, as sysfs wants it.
fn write(path: &Path, value: &str) -> Result<(), String> {
    let written = fs::OpenOptions::new()
        .write(true)
        .open(path)
        .and_then(|mut file| file.write_all(value.as_bytes()));
    written.map_err(|error| told(path, &error))
}

fn told(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}

impl Manager for FpgaManager {
    fn contiguous(&self) -> Option<u64> {
        let text = fs::read_to_string(&self.meminfo).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("CmaFree:"))?;
        line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
    }

    fn program(&mut self, name: &str, image: &[u8]) -> Result<(), String> {
        let file = format!("tandem-{name}.bin");
        let placed = self.place(&file, image)?;
        // 0: a full bitstream, neither partial nor encrypted.
        let load = || self.attribute("flags", "0").and_then(|()| self.attribute("firmware", &file));
        let written = self.announced(load);
        // The kernel has copied it; what boards keep is the bitstream's own folder.
        let removed = fs::remove_file(&placed).map_err(|error| told(&placed, &error));
        written.map_err(|error| match self.state() {
            Ok(state) => format!("{error} (state: {state})"),
            Err(_) => error,
        })?;
        removed?;
        match self.state()?.as_str() {
            "operating" => Ok(()),
            state => Err(format!("the manager's state is {state:?}, not \"operating\"")),
        }
    }
}
