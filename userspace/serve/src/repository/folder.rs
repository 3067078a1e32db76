//! A model's folder: what of it is complete, and what of it is read.
//!
//! A version is a folder whose name is a decimal number. It is made under another name and renamed
//! into place, or has a `SHA256SUMS` that every file must match; what changes while it is read, or
//! does not match, is not served.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::config::{MAX_CONFIG_BYTES, ModelConfig, VersionPolicy};
use crate::error::ServeError;

/// The file of a version.
pub const MODEL_FILE: &str = "model.onnx";
/// Hashes as `sha256sum` writes them.
pub const SUMS_FILE: &str = "SHA256SUMS";
/// Largest label file in bytes.
const MAX_LABEL_BYTES: u64 = 16 << 20;

/// What is read of a version's folder.
#[derive(Debug)]
pub struct VersionFiles {
    /// Number.
    pub version: u64,
    /// The ONNX file.
    pub onnx: Vec<u8>,
}

fn bad(path: &Path, why: impl std::fmt::Display) -> ServeError {
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
        if is_plain(&name) && entry.path().is_dir() && !versions(&entry.path())?.is_empty() {
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

/// The versions that a configuration asks for.
///
/// # Errors
/// Where there is none, or a named one is missing.
pub fn chosen(folder: &Path, policy: &VersionPolicy) -> Result<Vec<u64>, ServeError> {
    let found = versions(folder)?;
    let chosen = match policy {
        VersionPolicy::All => found,
        VersionPolicy::Latest(count) => {
            found[found.len().saturating_sub(*count as usize)..].to_vec()
        }
        VersionPolicy::Specific(wanted) => {
            if let Some(missing) = wanted.iter().find(|version| !found.contains(version)) {
                return Err(bad(folder, format_args!("version {missing} is not there")));
            }
            wanted.clone()
        }
    };
    match chosen.is_empty() {
        true => Err(bad(folder, "it has no version: no folder whose name is a number from 1 on")),
        false => Ok(chosen),
    }
}

/// Reads `config.pbtxt`; without one, the defaults.
///
/// # Errors
/// With the place in the text.
pub fn config(folder: &Path) -> Result<ModelConfig, ServeError> {
    let path = folder.join("config.pbtxt");
    if !path.exists() {
        return Ok(ModelConfig::default());
    }
    let text = limited(&path, MAX_CONFIG_BYTES)?;
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
pub fn labels(path: &Path) -> Result<Arc<[String]>, ServeError> {
    Ok(limited(path, MAX_LABEL_BYTES)?.lines().map(str::to_owned).collect())
}

fn limited(path: &Path, most: u64) -> Result<String, ServeError> {
    let len = fs::metadata(path).map_err(|e| bad(path, e))?.len();
    if len > most {
        return Err(bad(path, format_args!("{len} bytes, at most {most} are read")));
    }
    fs::read_to_string(path).map_err(|e| bad(path, e))
}

/// A file's name, size, time (s, ns) and identity.
type Print = (String, u64, i64, i64, u64);

/// What the files of a folder are, in order.
fn fingerprint(folder: &Path) -> Result<Vec<Print>, ServeError> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(|e| bad(folder, e))? {
        let entry = entry.map_err(|e| bad(folder, e))?;
        let data = fs::metadata(entry.path()).map_err(|e| bad(&entry.path(), e))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        files.push((name, data.len(), data.mtime(), data.mtime_nsec(), data.ino()));
    }
    files.sort();
    Ok(files)
}

/// Reads a version, if its folder is complete.
///
/// # Errors
/// Says what is missing, does not match, or changed meanwhile.
pub fn read(folder: &Path, version: u64) -> Result<VersionFiles, ServeError> {
    let folder = folder.join(version.to_string());
    let before = fingerprint(&folder)?;
    let sums = folder.join(SUMS_FILE);
    if sums.exists() {
        check_sums(&folder, &sums)?;
    }
    let path = folder.join(MODEL_FILE);
    let onnx = fs::read(&path).map_err(|e| bad(&path, e))?;
    if fingerprint(&folder)? != before {
        return Err(bad(&folder, "it is not complete: its files change while they are read"));
    }
    Ok(VersionFiles { version, onnx })
}

fn check_sums(folder: &Path, sums: &Path) -> Result<(), ServeError> {
    let mut listed = false;
    for line in limited(sums, MAX_CONFIG_BYTES)?.lines().filter(|line| !line.trim().is_empty()) {
        let (hash, name) = line
            .split_once(char::is_whitespace)
            .map(|(hash, name)| (hash, name.trim_start().trim_start_matches('*')))
            .filter(|(hash, name)| hash.len() == 64 && is_plain(name))
            .ok_or_else(|| bad(sums, format_args!("{line:?} is no line of sha256sum")))?;
        listed |= name == MODEL_FILE;
        let path = folder.join(name);
        let bytes = fs::read(&path)
            .map_err(|e| bad(&path, format_args!("the version is not complete ({e})")))?;
        let mut have = String::new();
        for byte in Sha256::digest(&bytes) {
            let _ = write!(have, "{byte:02x}");
        }
        if !have.eq_ignore_ascii_case(hash) {
            let why = format_args!("the version is not complete, {SUMS_FILE} has another hash");
            return Err(bad(&path, why));
        }
    }
    match listed {
        true => Ok(()),
        false => Err(bad(sums, format_args!("it does not list {MODEL_FILE}"))),
    }
}
