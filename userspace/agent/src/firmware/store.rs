//! Where an update is kept, so that the next start of the agent finds it.
//!
//! `DIR/firmware/HASH/` holds an image and its manifest, `DIR/firmware/current.toml` says which one is in
//! force, and over which installed image: an installation with another one wins over the update.
//! Every file is written beside its place, flushed, and renamed, so that a cut leaves the old or the
//! new one.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tandem_boards::Board;
use thiserror::Error;

use super::{Bundle, Manifest, check, manifest_of, sha256};

/// Where the system refused.
#[derive(Debug, Error)]
#[error("{path}: {source}; agentd --state names another folder")]
pub struct StoreError {
    /// File or folder.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

/// The updates of a board.
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
}

/// `current.toml`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Current {
    /// The folder of the update.
    update: String,
    /// File name of its image.
    image: String,
    /// SHA-256 of the installed image that it stands in for; empty where there was none.
    over: String,
}

impl Store {
    /// In the agent's folder for what lasts. Nothing is made before something is kept.
    #[must_use]
    pub fn in_state(state: &Path) -> Self {
        Self { folder: state.join("firmware") }
    }

    /// Writes a bundle that was checked to a folder of its own; returns the path of its image.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn stage(&self, bundle: &Bundle, manifest: &Manifest) -> Result<PathBuf, StoreError> {
        let folder = self.folder.join(&manifest.image.sha256[..16]);
        fs::create_dir_all(&folder).map_err(at(&folder))?;
        let image = folder.join(&manifest.image.file);
        write(&image, &bundle.image.0)?;
        write(&manifest_of(&image), bundle.manifest.as_bytes())?;
        Ok(image)
    }

    /// From now on a staged image may run that is not in force: an agent that starts and finds this
    /// does not trust the core ([`Store::take_trial`]).
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn try_out(&self) -> Result<(), StoreError> {
        write(&self.folder.join("trial"), b"")
    }

    /// Whether an agent ended while a staged image was tried; forgets it.
    #[must_use]
    pub fn take_trial(&self) -> bool {
        fs::remove_file(self.folder.join("trial")).is_ok()
    }

    /// The staged `image` is in force from the next start on, as long as `installed` is what it is
    /// now. Older updates are removed.
    ///
    /// # Errors
    /// [`StoreError`]; what was in force still is.
    pub fn commit(&self, image: &Path, installed: &Path) -> Result<(), StoreError> {
        let folder = image.parent().and_then(Path::file_name);
        let [Some(update), Some(name)] = [folder, image.file_name()].map(|part| part?.to_str())
        else {
            return Err(at(image)(io::ErrorKind::InvalidFilename.into()));
        };
        let (update, image) = (update.to_owned(), name.to_owned());
        let current = Current { update, image, over: hash_of(installed) };
        let text =
            toml::to_string(&current).map_err(|error| at(&self.folder)(io::Error::other(error)))?;
        write(&self.folder.join("current.toml"), text.as_bytes())?;
        let _ = self.take_trial();
        self.remove_others(&current.update);
        Ok(())
    }

    /// What cannot be removed takes room and does no other harm.
    fn remove_others(&self, keep: &str) {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        for entry in entries.filter(|entry| entry.file_name() != keep) {
            if entry.path().is_dir() {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }

    /// The image to load: the update in force, if it is whole, fits the board, and stands in for the
    /// image that is installed; else that one. The text says why an update is passed over.
    #[must_use]
    pub fn image(&self, installed: &Path, board: &Board) -> (PathBuf, Option<String>) {
        let path = self.folder.join("current.toml");
        let Ok(text) = fs::read_to_string(&path) else { return (installed.to_owned(), None) };
        match self.update(&text, installed, board) {
            Ok(image) => (image, None),
            Err(why) => (installed.to_owned(), Some(format!("{}: {why}", path.display()))),
        }
    }

    fn update(&self, text: &str, installed: &Path, board: &Board) -> Result<PathBuf, String> {
        let current: Current = toml::from_str(text).map_err(|error| error.to_string())?;
        if current.over != hash_of(installed) {
            return Err(format!("{} is another image than the update's", installed.display()));
        }
        let plain = |name: &str| !name.is_empty() && !name.contains('/') && !name.starts_with('.');
        if !plain(&current.update) || !plain(&current.image) {
            return Err("its names leave the folder".to_owned());
        }
        let image = self.folder.join(current.update).join(current.image);
        let bundle = read(&image).map_err(|error| error.to_string())?;
        check(&bundle, board).map_err(|error| error.to_string())?;
        Ok(image)
    }
}

/// The bundle of an image and the manifest beside it.
///
/// # Errors
/// [`StoreError`].
fn read(image: &Path) -> Result<Bundle, StoreError> {
    let path = manifest_of(image);
    let manifest = fs::read_to_string(&path).map_err(at(&path))?;
    let bytes = fs::read(image).map_err(at(image))?;
    Ok(Bundle { file: path.display().to_string(), manifest, image: bytes.into() })
}

/// Empty where the file cannot be read.
fn hash_of(file: &Path) -> String {
    fs::read(file).map(|bytes| sha256(&bytes)).unwrap_or_default()
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError { path, source }
}

/// Whole or not at all, and lasting when it returns.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let done = || {
        fs::create_dir_all(folder)?;
        let mut file = File::create(&partial)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&partial, path)?;
        File::open(folder)?.sync_all()
    };
    done().map_err(at(path))
}
