//! A model's folder: its versions, its configuration, what of a version is read.
//!
//! A version is a folder whose name is a decimal number.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::sealed::{Print, SUMS_FILE, Sealed, Trust};
use crate::config::{MAX_CONFIG_BYTES, ModelConfig, VersionPolicy};
use crate::error::ServeError;
use crate::model::golden::{MAX_SAMPLE_BYTES, Sample};

/// The file of a version.
pub const MODEL_FILE: &str = "model.onnx";
/// The file of a model.
const CONFIG_FILE: &str = "config.pbtxt";
/// Largest label file in bytes.
const MAX_LABEL_BYTES: u64 = 16 << 20;

/// What is read of a version's folder.
#[derive(Debug)]
pub struct VersionFiles {
    /// Number.
    pub version: u64,
    /// The ONNX file.
    pub onnx: Vec<u8>,
    /// Golden samples, by name.
    pub golden: Vec<Sample>,
}

pub(super) fn bad(path: &Path, why: impl std::fmt::Display) -> ServeError {
    ServeError::invalid(format!("{}: {why}", path.display()))
}

/// Whether a name is one folder below another, and no hidden one.
pub fn is_plain(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', '\0'])
}

/// Names of the folders that may be models, in order.
///
/// # Errors
/// Where `dir` cannot be read.
pub fn model_names(dir: &Path) -> Result<Vec<String>, ServeError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir).map_err(|e| bad(dir, e))?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        // One that goes while it is looked at is none.
        let has_version = || versions(&entry.path()).is_ok_and(|versions| !versions.is_empty());
        if is_plain(&name) && entry.path().is_dir() && has_version() {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Version numbers of a model's folder, in order.
///
/// # Errors
/// Where the folder cannot be read.
pub fn versions(folder: &Path) -> Result<Vec<u64>, ServeError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(|e| bad(folder, e))?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        match name.parse::<u64>() {
            Ok(version @ 1..) if version.to_string() == name && entry.path().is_dir() => {
                found.push(version);
            }
            _ => {}
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Which versions are to be served: as many as `most` of `candidates`, the first that can be.
#[derive(Debug, PartialEq, Eq)]
pub struct Choice {
    /// Numbers, the newest first.
    pub candidates: Vec<u64>,
    /// How many.
    pub most: usize,
}

/// The versions that a configuration asks for, but for those that were `withdrawn`.
///
/// # Errors
/// Where there is none, or a named one is missing.
pub fn choice(
    folder: &Path,
    policy: &VersionPolicy,
    withdrawn: &BTreeSet<u64>,
) -> Result<Choice, ServeError> {
    let found = versions(folder)?;
    if let VersionPolicy::Specific(wanted) = policy
        && let Some(missing) = wanted.iter().find(|version| !found.contains(version))
    {
        return Err(bad(folder, format_args!("version {missing} is not there")));
    }
    let mut candidates = found;
    candidates.retain(|version| match policy {
        VersionPolicy::Specific(wanted) => wanted.contains(version),
        VersionPolicy::Latest(_) | VersionPolicy::All => true,
    });
    if candidates.is_empty() {
        return Err(bad(folder, "it has no version: no folder whose name is a number from 1 on"));
    }
    candidates.retain(|version| !withdrawn.contains(version));
    candidates.reverse();
    match (candidates.is_empty(), policy) {
        (true, _) => Err(bad(folder, "every version of it was withdrawn; a load takes them back")),
        (false, VersionPolicy::Latest(count)) => Ok(Choice { candidates, most: *count as usize }),
        (false, _) => Ok(Choice { candidates, most: usize::MAX }),
    }
}

/// Opens a model's own files: configuration and labels. Where they are those that were accepted
/// before, or there are none, it does not matter who says that they are complete.
///
/// # Errors
/// As [`Sealed::open`].
pub fn open(folder: &Path, trust: Trust, accepted: Option<&Print>) -> Result<Sealed, ServeError> {
    let print = Print::of(folder)?;
    let known = accepted == Some(&print) || print == Print::default();
    Sealed::open(folder, if known { Trust::Told } else { trust })
}

/// Reads `config.pbtxt`; without one, the defaults.
///
/// # Errors
/// With the place in the text.
pub fn config(folder: &Path, files: &Sealed) -> Result<ModelConfig, ServeError> {
    let path = folder.join(CONFIG_FILE);
    if !path.exists() {
        return Ok(ModelConfig::default());
    }
    let text = files.text(CONFIG_FILE, MAX_CONFIG_BYTES)?;
    let config = ModelConfig::parse(&text).map_err(|e| bad(&path, e))?;
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    match &config.name {
        Some(other) if *other != name => {
            Err(bad(&path, format_args!("name: it says {other:?}, the folder is {name:?}")))
        }
        _ => Ok(config),
    }
}

/// Reads a file of class names.
///
/// # Errors
/// Where it is missing, too long or no UTF-8.
pub fn labels(files: &Sealed, name: &str) -> Result<Arc<[String]>, ServeError> {
    Ok(files.text(name, MAX_LABEL_BYTES)?.lines().map(str::to_owned).collect())
}

/// Reads a version, if its folder is complete.
///
/// # Errors
/// Says what is missing, does not match, or changed meanwhile.
pub fn read(files: Sealed, version: u64) -> Result<VersionFiles, ServeError> {
    let onnx = files.read(MODEL_FILE, u64::MAX)?;
    let names: Vec<String> = files.print().names().map(str::to_owned).collect();
    let mut golden = Vec::new();
    for name in names {
        if name.starts_with("golden_requests/") && name.ends_with(".json") {
            golden.push(Sample { text: files.read(&name, MAX_SAMPLE_BYTES)?, file: name });
        } else if name != MODEL_FILE && name != SUMS_FILE {
            // It is not served, but where it is listed it says whether the folder is complete.
            files.check_listed(&name)?;
        }
    }
    files.close()?;
    Ok(VersionFiles { version, onnx, golden })
}
