//! Bitstreams: what an image contains, the manifest beside it, the checks before it is loaded, and
//! the load. README.md is the page.
#![forbid(unsafe_code)]

mod admit;
mod error;
pub mod image;
mod library;
mod load;
mod manifest;
mod plan;
mod record;
mod sysfs;

use std::path::Path;

use serde::de::DeserializeOwned;

pub use admit::{Admitted, admit};
pub use error::{BitstreamError, ImageError, LoadError};
pub use library::Library;
pub use load::{Identity, Loader, Manager, Station};
pub use manifest::{Built, ImageFile, Input, Kernel, Manifest, Map, SCHEMA};
pub use plan::{KernelSet, Pcie, Wanted, tcl};
pub use record::{Found, Record, Records};
pub use sysfs::FpgaManager;

/// Reads TOML from a file.
fn load<T>(
    path: &Path,
    parse: impl FnOnce(&str, &str) -> Result<T, BitstreamError>,
) -> Result<T, BitstreamError> {
    let file = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => parse(&text, &file),
        Err(source) => Err(BitstreamError::Read { file, source }),
    }
}

/// The fields of `text`; `file` is the name that errors show.
fn fields<T: DeserializeOwned>(text: &str, file: &str) -> Result<T, BitstreamError> {
    toml::from_str(text)
        .map_err(|source| BitstreamError::Parse { file: file.into(), source: Box::new(source) })
}

/// SHA-256 in lower-case hexadecimal digits, as manifests have it.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
