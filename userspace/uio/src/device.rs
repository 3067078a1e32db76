//! UIO devices by name, and their maps (Linux, Documentation/driver-api/uio-howto.rst).

use crate::{Region, UioError};
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use tandem_boards::Range;

/// Where the kernel's files are: `/sys` and `/dev`, or a test's copy of them.
#[derive(Clone, Debug)]
pub struct System {
    /// sysfs.
    pub sys: PathBuf,
    /// Device files.
    pub dev: PathBuf,
}

impl Default for System {
    fn default() -> Self {
        Self { sys: PathBuf::from("/sys"), dev: PathBuf::from("/dev") }
    }
}

/// One map of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Map {
    /// `reg-names` of the device tree.
    pub name: String,
    /// Physical address.
    pub addr: u64,
    /// Bytes.
    pub size: u64,
}

/// A UIO device that was found by its name and opened.
#[derive(Debug)]
pub struct Uio {
    name: String,
    path: PathBuf,
    file: File,
    maps: Vec<Map>,
}

impl Uio {
    /// Opens the device that the kernel calls `name`: a device tree node's name without address.
    ///
    /// # Errors
    /// [`UioError::NoDevice`], [`UioError::Io`], [`UioError::Text`].
    pub fn open(system: &System, name: &str) -> Result<Self, UioError> {
        let device = find(system, name)?;
        let path = system.dev.join(device.file_name().unwrap_or_default());
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&path)
            .map_err(UioError::io("opening", &path))?;
        Ok(Self { name: name.to_owned(), path, file, maps: maps(&device.join("maps"))? })
    }

    /// The open device file: it is readable after an interrupt.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its maps.
    pub fn maps(&self) -> &[Map] {
        &self.maps
    }

    /// Maps the registers or memory called `map`.
    ///
    /// # Errors
    /// [`UioError::NoMap`], [`UioError::Io`].
    pub fn map(&self, map: &'static str) -> Result<Region, UioError> {
        let (index, found) = self.find(map)?;
        Region::map(&self.file, index, found.size).map_err(UioError::io("mapping", &self.path))
    }

    /// As [`Uio::map`], where the board's description says what must be there.
    ///
    /// # Errors
    /// [`UioError::Place`] besides.
    pub fn map_at(&self, map: &'static str, want: Range) -> Result<Region, UioError> {
        let (_, found) = self.find(map)?;
        if (found.addr, found.size) != (u64::from(want.base), u64::from(want.size)) {
            return Err(UioError::Place {
                device: self.name.clone(),
                map: map.to_owned(),
                have: found.addr,
                have_size: found.size,
                want: want.base.into(),
                want_size: want.size.into(),
            });
        }
        self.map(map)
    }

    fn find(&self, map: &'static str) -> Result<(usize, &Map), UioError> {
        self.maps.iter().enumerate().find(|(_, found)| found.name == map).ok_or_else(|| {
            let names: Vec<&str> = self.maps.iter().map(|map| map.name.as_str()).collect();
            UioError::NoMap { device: self.name.clone(), map, have: names.join(", ") }
        })
    }
}

/// The maps of a device that is not opened.
pub(crate) fn maps_of(system: &System, name: &str) -> Result<Vec<Map>, UioError> {
    maps(&find(system, name)?.join("maps"))
}

/// The folder of sysfs of the device with this name.
fn find(system: &System, name: &str) -> Result<PathBuf, UioError> {
    let folder = system.sys.join("class/uio");
    let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
    let named = |device: &PathBuf| {
        std::fs::read_to_string(device.join("name")).is_ok_and(|text| text.trim() == name)
    };
    let found = entries.map(|entry| entry.path()).find(named);
    found.ok_or(UioError::NoDevice { name: name.to_owned(), folder })
}

/// `maps/map0`, `maps/map1`, ... up to the first that is not there.
fn maps(folder: &Path) -> Result<Vec<Map>, UioError> {
    let mut maps = Vec::new();
    loop {
        let entry = folder.join(format!("map{}", maps.len()));
        if !entry.is_dir() {
            return Ok(maps);
        }
        let name = read(&entry.join("name"))?;
        maps.push(Map { name, addr: hex(&entry.join("addr"))?, size: hex(&entry.join("size"))? });
    }
}

fn read(path: &Path) -> Result<String, UioError> {
    let text = std::fs::read_to_string(path).map_err(UioError::io("reading", path))?;
    Ok(text.trim().to_owned())
}

/// A number as sysfs prints it: `0x` and hexadecimal digits.
pub(crate) fn hex(path: &Path) -> Result<u64, UioError> {
    let text = read(path)?;
    let digits = text.strip_prefix("0x").unwrap_or(&text);
    u64::from_str_radix(digits, 16).map_err(|_| UioError::Text {
        path: path.to_owned(),
        text,
        what: "a hexadecimal number",
    })
}
