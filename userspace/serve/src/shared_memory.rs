//! The system shared memory extension: tensors in POSIX shared memory that a client made.
//!
//! Regions are read and written through their file, never mapped: a client that cuts its memory off
//! or writes to it meanwhile gives an error or odd numbers, and cannot kill the server.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, MutexGuard};

use rustix::fs::Mode;
use rustix::shm;

use crate::error::ServeError;

/// Regions at once.
const MAX_REGIONS: usize = 256;
/// Longest name and key.
const MAX_NAME: usize = 255;

/// A region as it was registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// The client's name for it.
    pub name: String,
    /// Of the memory object, as `shm_open` takes it.
    pub key: String,
    /// Where the region begins in the object, in bytes.
    pub offset: u64,
    /// Its length in bytes.
    pub byte_size: u64,
}

#[derive(Debug)]
struct Registered {
    region: Region,
    memory: File,
}

/// All registered regions.
#[derive(Debug)]
pub struct SharedMemory {
    allowed: bool,
    regions: Mutex<BTreeMap<String, Arc<Registered>>>,
}

/// A piece of a region that was checked to lie inside it.
#[derive(Clone, Debug)]
pub struct Piece {
    registered: Arc<Registered>,
    at: u64,
    /// Bytes.
    pub len: usize,
}

impl SharedMemory {
    /// Without regions; nothing can be registered unless `allowed`.
    pub fn new(allowed: bool) -> Self {
        Self { allowed, regions: Mutex::default() }
    }

    /// Whether clients may register.
    pub fn is_allowed(&self) -> bool {
        self.allowed
    }

    /// Opens a client's memory object; it must be there and hold the region.
    ///
    /// # Errors
    /// [`ServeError`] that names the region and what is wrong with it.
    pub fn register(&self, region: Region) -> Result<(), ServeError> {
        self.check_allowed()?;
        let bad = |why: &str| {
            ServeError::invalid(format!("Shared memory region {:?}: {why}", region.name))
        };
        let plain = |text: &str| !text.chars().any(|c| c.is_control() || c == '/');
        if region.name.is_empty() || region.name.len() > MAX_NAME || !plain(&region.name) {
            return Err(bad("a name has 1 to 255 bytes, no slash and no control character"));
        }
        let key = region.key.strip_prefix('/').unwrap_or(&region.key);
        if key.is_empty() || key.len() > MAX_NAME || !plain(key) || key == "." || key == ".." {
            return Err(bad("the key is not one of POSIX shared memory, such as \"/frames\""));
        }
        if region.byte_size == 0 {
            return Err(bad("byte_size is 0"));
        }
        let end = region.offset.checked_add(region.byte_size);
        let end = end.ok_or_else(|| bad("offset and byte_size are beyond any memory"))?;
        let memory = shm::open(format!("/{key}"), shm::OFlags::RDWR, Mode::empty())
            .map_err(|e| bad(&format!("key {:?} cannot be opened ({e})", region.key)))?;
        let memory = File::from(memory);
        let have = memory.metadata().map_err(|e| bad(&e.to_string()))?.len();
        if end > have {
            return Err(bad(&format!("it ends at byte {end}, {:?} has {have}", region.key)));
        }
        let mut regions = self.lock();
        if regions.contains_key(&region.name) {
            return Err(bad("the name is registered already, unregister it first"));
        }
        if regions.len() >= MAX_REGIONS {
            let why = format!("{MAX_REGIONS} regions are registered, unregister one");
            return Err(ServeError::unavailable(why));
        }
        regions.insert(region.name.clone(), Arc::new(Registered { region, memory }));
        Ok(())
    }

    /// Forgets a region, or all of them. Requests under way keep theirs until they end.
    ///
    /// # Errors
    /// Where shared memory is not allowed. A region that is not there is gone already.
    pub fn unregister(&self, name: Option<&str>) -> Result<(), ServeError> {
        self.check_allowed()?;
        match name {
            Some(name) => drop(self.lock().remove(name)),
            None => self.lock().clear(),
        }
        Ok(())
    }

    /// A region, or all of them.
    ///
    /// # Errors
    /// Where shared memory is not allowed, or the region is not there.
    pub fn status(&self, name: Option<&str>) -> Result<Vec<Region>, ServeError> {
        self.check_allowed()?;
        let regions = self.lock();
        match name {
            Some(name) => match regions.get(name) {
                Some(found) => Ok(vec![found.region.clone()]),
                None => Err(unknown(name)),
            },
            None => Ok(regions.values().map(|found| found.region.clone()).collect()),
        }
    }

    /// A piece of a region, for one tensor.
    ///
    /// # Errors
    /// Where the region is not there or the piece is not inside it.
    pub fn piece(&self, name: &str, offset: u64, len: u64) -> Result<Piece, ServeError> {
        self.check_allowed()?;
        let registered = self.lock().get(name).cloned().ok_or_else(|| unknown(name))?;
        let region = &registered.region;
        let inside = offset.checked_add(len).is_some_and(|end| end <= region.byte_size);
        match usize::try_from(len) {
            Ok(len) if inside => {
                let at = region.offset + offset;
                Ok(Piece { registered, at, len })
            }
            _ => Err(ServeError::invalid(format!(
                "Shared memory region {name:?} has {} bytes, the tensor wants {len} from {offset} on",
                region.byte_size
            ))),
        }
    }

    fn check_allowed(&self) -> Result<(), ServeError> {
        match self.allowed {
            true => Ok(()),
            false => Err(ServeError::unsupported(
                "Shared memory is off; whoever runs the server allows it with --allow-shared-memory",
            )),
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Registered>>> {
        self.regions.lock().unwrap_or_else(|poison| poison.into_inner())
    }
}

fn unknown(name: &str) -> ServeError {
    ServeError::not_found(format!("Shared memory region {name:?} is not registered"))
}

impl Piece {
    /// Copies the piece to `target`, which has its length.
    ///
    /// # Errors
    /// Where the client has cut the memory off.
    pub fn read(&self, target: &mut [u8]) -> Result<(), ServeError> {
        let done = self.registered.memory.read_exact_at(target, self.at);
        done.map_err(|e| self.failed("read", &e))
    }

    /// Copies `source` to the piece's beginning; it must not be longer.
    ///
    /// # Errors
    /// Where it is longer, or the client has cut the memory off.
    pub fn write(&self, source: &[u8]) -> Result<(), ServeError> {
        if source.len() > self.len {
            return Err(ServeError::invalid(format!(
                "Shared memory region {:?}: the output has {} bytes, its place {}",
                self.registered.region.name,
                source.len(),
                self.len
            )));
        }
        // Writing past the end would make a memory longer that its client has cut off.
        let have = self.registered.memory.metadata().map_or(0, |data| data.len());
        if self.at + source.len() as u64 > have {
            return Err(self.failed("written", &"its memory was cut off"));
        }
        let done = self.registered.memory.write_all_at(source, self.at);
        done.map_err(|e| self.failed("written", &e))
    }

    fn failed(&self, what: &str, why: &dyn std::fmt::Display) -> ServeError {
        let name = &self.registered.region.name;
        ServeError::invalid(format!("Shared memory region {name:?} cannot be {what} ({why})"))
    }
}

#[cfg(test)]
mod tests;
