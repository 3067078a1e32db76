//! Which bitstream runs, as far as the last load tells: a file that lasts as long as the logic is
//! powered, in `/run`.
//!
//! `bitstream.toml` is the last load that succeeded; `bitstream.loading` is there while one is under
//! way. A cut in between leaves both: the old record, and that nobody knows what the logic holds.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::BitstreamError;

/// A load that succeeded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The bitstream.
    pub name: String,
    /// SHA-256 of its image.
    pub sha256: String,
    /// When, in seconds of Unix time.
    pub at: u64,
    /// Program and version that loaded it.
    pub by: String,
}

impl Record {
    /// Reads the text of a record; `file` is the name that errors show.
    ///
    /// # Errors
    /// [`BitstreamError::Parse`].
    pub fn parse(text: &str, file: &str) -> Result<Self, BitstreamError> {
        crate::fields(text, file)
    }
}

/// What is found of the last loads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The last one that succeeded.
    pub record: Option<Record>,
    /// One that began after it and did not end: the logic may hold anything.
    pub unfinished: Option<String>,
    /// A record that cannot be read.
    pub damaged: Option<String>,
}

/// The files.
#[derive(Clone, Debug)]
pub struct Records {
    folder: PathBuf,
}

impl Records {
    /// In a folder that is empty after the power was off.
    #[must_use]
    pub fn in_folder(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    fn path(&self) -> PathBuf {
        self.folder.join("bitstream.toml")
    }

    fn loading(&self) -> PathBuf {
        self.folder.join("bitstream.loading")
    }

    /// A load of the bitstream `name` begins.
    ///
    /// # Errors
    /// The system's; the load must not begin.
    pub fn begin(&self, name: &str) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        write(&self.loading(), name)
    }

    /// The logic holds what the record says. After a load that left nobody knows what, this is not
    /// called, and the marker stays.
    ///
    /// # Errors
    /// The system's.
    pub fn end(&self, record: &Record) -> io::Result<()> {
        let text = toml::to_string(record).map_err(io::Error::other)?;
        write(&self.path(), &text)?;
        fs::remove_file(self.loading())
    }

    /// What is known.
    #[must_use]
    pub fn find(&self) -> Found {
        let path = self.path();
        let mut found =
            Found { unfinished: fs::read_to_string(self.loading()).ok(), ..Found::default() };
        match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => found.damaged = Some(format!("{}: {error}", path.display())),
            Ok(text) => match Record::parse(&text, &path.display().to_string()) {
                Ok(record) => found.record = Some(record),
                Err(error) => found.damaged = Some(error.to_string()),
            },
        }
        found
    }
}

/// Whole or not at all.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let partial = path.with_extension("partial");
    fs::write(&partial, text)?;
    fs::rename(&partial, path)
}
