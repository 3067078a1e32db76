//! Whether a folder is complete. It is made under another name and renamed into place, or has a
//! `SHA256SUMS`, written last, that its files must match. What changes while it is read is refused.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::folder::{bad, is_plain};
use crate::config::MAX_CONFIG_BYTES;
use crate::error::ServeError;

/// Hashes as `sha256sum` writes them.
pub const SUMS_FILE: &str = "SHA256SUMS";
/// The folder of golden samples in a version's.
pub const GOLDEN: &str = "golden_requests";

/// Who says that a folder is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Whoever asked for the load, or started the server.
    Told,
    /// Nobody: it was found by polling. Only its sums can say so.
    Found,
}

/// A file's name, size, time (s, ns) and identity.
type FilePrint = (String, u64, i64, i64, u64);

/// What the files of a folder are, in order; its golden samples are among them, other folders not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Print(Vec<FilePrint>);

impl Print {
    /// Looks at a folder.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn of(folder: &Path) -> Result<Self, ServeError> {
        let mut files = Vec::new();
        let golden = folder.join(GOLDEN);
        look(folder, "", &mut files)?;
        if golden.is_dir() {
            look(&golden, "golden_requests/", &mut files)?;
        }
        files.sort();
        Ok(Self(files))
    }

    /// The names of its files; golden samples are `golden_requests/NAME`.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, ..)| name.as_str())
    }

    /// The length of a file in bytes.
    pub fn len_of(&self, name: &str) -> Option<u64> {
        self.0.iter().find(|(known, ..)| known == name).map(|(_, len, ..)| *len)
    }
}

fn look(folder: &Path, before: &str, files: &mut Vec<FilePrint>) -> Result<(), ServeError> {
    for entry in fs::read_dir(folder).map_err(|e| bad(folder, e))? {
        let entry = entry.map_err(|e| bad(folder, e))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let data = fs::metadata(entry.path()).map_err(|e| bad(&entry.path(), e))?;
        if data.is_file() && !name.starts_with('.') {
            let name = format!("{before}{name}");
            files.push((name, data.len(), data.mtime(), data.mtime_nsec(), data.ino()));
        }
    }
    Ok(())
}

/// A folder that is being read.
#[derive(Debug)]
pub struct Sealed {
    path: PathBuf,
    sums: Option<BTreeMap<String, String>>,
    print: Print,
}

impl Sealed {
    /// Looks at the folder and reads its sums.
    ///
    /// # Errors
    /// Sums that are not in order, that name what is not there, or that are missing where nobody else
    /// says that the folder is complete.
    pub fn open(path: &Path, trust: Trust) -> Result<Self, ServeError> {
        let print = Print::of(path)?;
        let file = path.join(SUMS_FILE);
        let sums = match file.exists() {
            true => Some(sums(&file)?),
            false if trust == Trust::Found => {
                return Err(bad(
                    path,
                    format_args!(
                        "it was found by polling and has no {SUMS_FILE} that says that it is complete; \
                     write one last, or ask for a load"
                    ),
                ));
            }
            false => None,
        };
        for name in sums.iter().flatten().map(|(name, _)| name) {
            if print.len_of(name).is_none() {
                return Err(bad(
                    &path.join(name),
                    "it is listed and not there: the folder is not complete",
                ));
            }
        }
        Ok(Self { path: path.to_owned(), sums, print })
    }

    /// What its files were when it was opened.
    pub fn print(&self) -> &Print {
        &self.print
    }

    /// Reads a file of at most `most` bytes, which must be listed where there are sums.
    ///
    /// # Errors
    /// Names the file and what is wrong with it.
    pub fn read(&self, name: &str, most: u64) -> Result<Vec<u8>, ServeError> {
        let path = self.path.join(name);
        let len = fs::metadata(&path).map_err(|e| bad(&path, e))?.len();
        if len > most {
            return Err(bad(&path, format_args!("{len} bytes, at most {most} are read")));
        }
        let bytes = fs::read(&path).map_err(|e| bad(&path, e))?;
        let Some(sums) = &self.sums else { return Ok(bytes) };
        let Some(hash) = sums.get(name) else {
            return Err(bad(&self.path.join(SUMS_FILE), format_args!("it does not list {name}")));
        };
        let mut have = String::new();
        for byte in Sha256::digest(&bytes) {
            let _ = write!(have, "{byte:02x}");
        }
        match have.eq_ignore_ascii_case(hash) {
            true => Ok(bytes),
            false => Err(bad(
                &path,
                format_args!(
                    "it is not complete, or not the one that was meant: {SUMS_FILE} has another hash"
                ),
            )),
        }
    }

    /// Checks a file that is not served, if the sums list it.
    ///
    /// # Errors
    /// As [`Sealed::read`].
    pub fn check_listed(&self, name: &str) -> Result<(), ServeError> {
        let listed = self.sums.as_ref().is_some_and(|sums| sums.contains_key(name));
        if listed { self.read(name, u64::MAX).map(drop) } else { Ok(()) }
    }

    /// Reads a text.
    ///
    /// # Errors
    /// As [`Sealed::read`], and where it is not UTF-8.
    pub fn text(&self, name: &str, most: u64) -> Result<String, ServeError> {
        let bytes = self.read(name, most)?;
        String::from_utf8(bytes).map_err(|e| bad(&self.path.join(name), e))
    }

    /// What was read is what the folder held: nothing changed meanwhile.
    ///
    /// # Errors
    /// Where something did.
    pub fn close(self) -> Result<Print, ServeError> {
        match Print::of(&self.path)? == self.print {
            true => Ok(self.print),
            false => {
                let why = "it is not complete: its files change while they are read";
                Err(bad(&self.path, why))
            }
        }
    }
}

fn sums(file: &Path) -> Result<BTreeMap<String, String>, ServeError> {
    let len = fs::metadata(file).map_err(|e| bad(file, e))?.len();
    if len > MAX_CONFIG_BYTES {
        return Err(bad(file, format_args!("{len} bytes, at most {MAX_CONFIG_BYTES} are read")));
    }
    let text = fs::read_to_string(file).map_err(|e| bad(file, e))?;
    let line = |line: &str| {
        line.split_once(char::is_whitespace)
            .map(|(hash, name)| (hash, name.trim_start().trim_start_matches('*')))
            .filter(|(hash, _)| hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit()))
            .filter(|(_, name)| is_plain(name.strip_prefix("golden_requests/").unwrap_or(name)))
            .map(|(hash, name)| (name.to_owned(), hash.to_owned()))
            .ok_or_else(|| bad(file, format_args!("{line:?} is no line of sha256sum")))
    };
    text.lines().filter(|text| !text.trim().is_empty()).map(line).collect()
}
