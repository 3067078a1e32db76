//! A card's image onto a block device.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Advice, OFlags, fadvise};
use thiserror::Error;

/// Bytes that are written at once: an erase block of most cards.
const PIECE: usize = 4 << 20;

/// Why a card is not written.
#[derive(Debug, Error)]
pub enum CardError {
    /// No whole disk.
    #[error("{0} is no whole disk of this machine; lsblk -d lists them")]
    NoDisk(PathBuf),
    /// Something of it is mounted or swapped to.
    #[error("{device} is in use at {place}; unmount it first if it is the card")]
    Mounted {
        /// The disk.
        device: PathBuf,
        /// Where.
        place: String,
    },
    /// LVM, RAID, encryption.
    #[error("{0} carries LVM, RAID or encryption that is open; this is not a card")]
    Held(PathBuf),
    /// A disk that is built in.
    #[error("{0} cannot be taken out of this machine; --force writes it all the same")]
    Fixed(PathBuf),
    /// Pulled and plugged while a person was asked.
    #[error("{0} is another disk now than the one that was looked at; begin again")]
    Changed(PathBuf),
    /// Too small.
    #[error("The image has {image} bytes, {device} only {room}")]
    Room {
        /// The disk.
        device: PathBuf,
        /// Bytes of the image.
        image: u64,
        /// Bytes of the disk.
        room: u64,
    },
    /// It reads back otherwise.
    #[error(
        "{device} does not read back as it was written, from byte {at} on; it is broken, or no card"
    )]
    ReadBack {
        /// The disk.
        device: PathBuf,
        /// Offset of the first piece that differs.
        at: u64,
    },
    /// The system's.
    #[error("{path}: {source}")]
    Io {
        /// On what.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Where the kernel tells of disks and mounts: `/sys`, `/proc`, or a test's copy of them.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// sysfs.
    pub sys: PathBuf,
    /// procfs.
    pub proc: PathBuf,
}

impl Default for Kernel {
    fn default() -> Self {
        Self { sys: "/sys".into(), proc: "/proc".into() }
    }
}

impl Kernel {
    /// Refuses a disk that is no card, or that somebody uses. `force` takes a built-in one, too. Returns
    /// the disk's number, for [`write`]: a name may be another disk's later.
    ///
    /// # Errors
    /// [`CardError`].
    pub fn check(&self, device: &Path, force: bool) -> Result<String, CardError> {
        let no_disk = || CardError::NoDisk(device.to_owned());
        let real = device.canonicalize().map_err(|_| no_disk())?;
        let name = real.file_name().and_then(|name| name.to_str()).ok_or_else(no_disk)?;
        // Whole disks are in /sys/block; their partitions are not.
        let disk = self.sys.join("block").join(name);
        if !disk.is_dir() {
            return Err(no_disk());
        }
        let parts = parts(&disk, name);
        let held = |folder: &PathBuf| {
            std::fs::read_dir(folder.join("holders")).is_ok_and(|mut all| all.next().is_some())
        };
        if parts.iter().any(held) {
            return Err(CardError::Held(device.to_owned()));
        }
        if let Some(place) = self.in_use(&parts) {
            return Err(CardError::Mounted { device: device.to_owned(), place });
        }
        let word = |file: &str| std::fs::read_to_string(disk.join(file)).unwrap_or_default();
        let card = word("device/type").trim() == "SD";
        let usb = disk
            .canonicalize()
            .is_ok_and(|path| path.iter().any(|part| part.to_string_lossy().starts_with("usb")));
        if force || word("removable").trim() == "1" || card || usb {
            return Ok(word("dev").trim().to_owned());
        }
        Err(CardError::Fixed(device.to_owned()))
    }

    /// Where the disk or a part of it is mounted or swapped to; by number, since names have aliases.
    fn in_use(&self, parts: &[PathBuf]) -> Option<String> {
        let numbers: Vec<String> = parts
            .iter()
            .filter_map(|part| std::fs::read_to_string(part.join("dev")).ok())
            .map(|text| text.trim().to_owned())
            .collect();
        // proc_pid_mountinfo(5): the third field is the device, the fifth the place.
        let mounts = std::fs::read_to_string(self.proc.join("self/mountinfo")).unwrap_or_default();
        let mounted = mounts.lines().find_map(|line| {
            let number = line.split(' ').nth(2)?;
            numbers.iter().any(|ours| ours == number).then(|| line.split(' ').nth(4))?
        });
        let swaps = std::fs::read_to_string(self.proc.join("swaps")).unwrap_or_default();
        let names: Vec<_> = parts.iter().filter_map(|part| part.file_name()?.to_str()).collect();
        let swapped = swaps.lines().skip(1).any(|line| {
            let file = line.split_whitespace().next().and_then(|path| path.rsplit('/').next());
            file.is_some_and(|file| names.contains(&file))
        });
        mounted.map(str::to_owned).or_else(|| swapped.then(|| "swap".to_owned()))
    }
}

/// The disk's folder and those of its partitions, whose names begin with its own.
fn parts(disk: &Path, name: &str) -> Vec<PathBuf> {
    let inside = std::fs::read_dir(disk).into_iter().flatten().flatten().map(|entry| entry.path());
    let part = |path: &PathBuf| {
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        file.starts_with(name) && path.is_dir()
    };
    std::iter::once(disk.to_owned()).chain(inside.filter(part)).collect()
}

/// Writes `image` from the first byte of the disk whose number is `number` (0:0: a file), reads it back
/// from the medium; its bytes. `told` hears how many are done, written or read back.
///
/// # Errors
/// [`CardError`].
pub fn write(
    image: &Path,
    device: &Path,
    number: &str,
    mut told: impl FnMut(u64),
) -> Result<u64, CardError> {
    let at_image = |source| CardError::Io { path: image.to_owned(), source };
    let at_device = |source| CardError::Io { path: device.to_owned(), source };
    let mut from = File::open(image).map_err(at_image)?;
    let length = from.metadata().map_err(at_image)?.len();
    // Exclusive: the kernel, too, refuses a disk that is mounted.
    let exclusive = OFlags::EXCL.bits() as i32;
    let mut disk = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(exclusive)
        .open(device)
        .map_err(at_device)?;
    let opened = disk.metadata().map_err(at_device)?.rdev();
    if format!("{}:{}", rustix::fs::major(opened), rustix::fs::minor(opened)) != number {
        return Err(CardError::Changed(device.to_owned()));
    }
    let room = disk.seek(SeekFrom::End(0)).map_err(at_device)?;
    if length > room {
        return Err(CardError::Room { device: device.to_owned(), image: length, room });
    }
    disk.rewind().map_err(at_device)?;
    let mut piece = vec![0; PIECE];
    let mut done = 0;
    while let count @ 1.. = fill(&mut from, &mut piece).map_err(at_image)? {
        disk.write_all(&piece[..count]).map_err(at_device)?;
        done += count as u64;
        told(done);
    }
    disk.sync_all().map_err(at_device)?;
    // So that the medium is read, not what is kept of it in memory.
    fadvise(&disk, 0, None, Advice::DontNeed).map_err(|error| at_device(error.into()))?;
    disk.rewind().and_then(|()| from.rewind()).map_err(at_device)?;
    let mut back = vec![0; PIECE];
    let mut at = 0;
    while let count @ 1.. = fill(&mut from, &mut piece).map_err(at_image)? {
        disk.read_exact(&mut back[..count]).map_err(at_device)?;
        if piece[..count] != back[..count] {
            return Err(CardError::ReadBack { device: device.to_owned(), at });
        }
        at += count as u64;
        told(done + at);
    }
    Ok(length)
}

/// As many bytes as there are, up to the buffer's; 0 at the end.
fn fill(from: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut have = 0;
    while have < buffer.len() {
        match from.read(&mut buffer[have..])? {
            0 => break,
            count => have += count,
        }
    }
    Ok(have)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A made kernel with one disk of two partitions.
    struct Made {
        folder: tempfile::TempDir,
        kernel: Kernel,
    }

    impl Made {
        fn new() -> Made {
            let folder = tempfile::tempdir().unwrap();
            let kernel =
                Kernel { sys: folder.path().join("sys"), proc: folder.path().join("proc") };
            let made = Made { folder, kernel };
            for (name, number) in [("", "8:16"), ("/sdx1", "8:17"), ("/sdx2", "8:18")] {
                made.put(&format!("sys/block/sdx{name}/dev"), number);
                fs::create_dir(made.path(&format!("sys/block/sdx{name}/holders"))).unwrap();
            }
            made.put("sys/block/sdx/removable", "1\n");
            made.put("proc/self/mountinfo", "22 1 8:2 / / rw - ext4 /dev/sda2 rw\n");
            made.put("proc/swaps", "Filename Type Size Used Priority\n");
            made.put("dev/sdx", &"-".repeat(100));
            made
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn put(&self, name: &str, text: &str) {
            fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
            fs::write(self.path(name), text).unwrap();
        }

        fn check(&self, force: bool) -> Result<String, CardError> {
            self.kernel.check(&self.path("dev/sdx"), force)
        }
    }

    #[test]
    fn a_card_that_nobody_uses_is_taken_and_everything_else_refused() {
        let made = Made::new();
        assert_eq!(made.check(false).unwrap(), "8:16");
        made.put("proc/self/mountinfo", "30 22 8:17 / /media/card rw - vfat /dev/sdx1 rw\n");
        let error = made.check(false).unwrap_err().to_string();
        assert!(error.contains("in use at /media/card"), "{error}");
        assert!(matches!(made.check(true), Err(CardError::Mounted { .. })), "even with --force");
        made.put("proc/self/mountinfo", "");
        made.put("proc/swaps", "Filename Type\n/dev/sdx2 partition 1 0 -2\n");
        assert!(
            matches!(made.check(false), Err(CardError::Mounted { place, .. }) if place == "swap")
        );
        made.put("proc/swaps", "");
        made.put("sys/block/sdx/removable", "0\n");
        assert!(matches!(made.check(false), Err(CardError::Fixed(_))));
        made.check(true).unwrap();
        made.put("sys/block/sdx/device/type", "SD\n");
        made.check(false).unwrap();
        made.put("sys/block/sdx/sdx2/holders/dm-0", "");
        assert!(matches!(made.check(true), Err(CardError::Held(_))), "even with --force");
        let no_disk = |name: &str| made.kernel.check(&made.path(name), true).unwrap_err();
        made.put("dev/sdx1", "");
        assert!(matches!(no_disk("dev/sdx1"), CardError::NoDisk(_)), "a part of a disk");
        assert!(matches!(no_disk("dev/nothing"), CardError::NoDisk(_)));
    }

    #[test]
    fn an_image_is_written_read_back_and_told_of() {
        let made = Made::new();
        let (image, device) = (made.path("card.img"), made.path("dev/sdx"));
        let bytes: Vec<u8> = (0..PIECE + 1000).map(|at| ((at * 7) >> 4) as u8).collect();
        fs::write(&image, &bytes).unwrap();
        let error = write(&image, &device, "0:0", |_| {}).unwrap_err();
        assert!(matches!(error, CardError::Room { room: 100, .. }), "{error}");
        assert_eq!(fs::read(&device).unwrap(), [b'-'; 100], "untouched");
        fs::write(&device, vec![b'-'; PIECE + 5000]).unwrap();
        let mut last = 0;
        assert_eq!(write(&image, &device, "0:0", |done| last = done).unwrap(), bytes.len() as u64);
        let disk = fs::read(&device).unwrap();
        assert!(
            disk[..bytes.len()] == bytes && disk[bytes.len()..].iter().all(|byte| *byte == b'-')
        );
        assert_eq!(last, 2 * bytes.len() as u64);
        let other = write(&image, &device, "8:16", |_| {}).unwrap_err();
        assert!(matches!(other, CardError::Changed(_)), "{other}");
        let missing = write(&made.path("nothing"), &device, "0:0", |_| {}).unwrap_err().to_string();
        assert!(missing.contains("nothing"), "{missing}");
    }
}
