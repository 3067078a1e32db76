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
mod sysfs;

pub use admit::{Admitted, admit};
pub use error::{BitstreamError, ImageError, LoadError};
pub use library::Library;
pub use load::{Identity, Loader, Manager, Station};
pub use manifest::{Built, ImageFile, Input, Kernel, Manifest, Map, SCHEMA};
pub use plan::{KernelSet, Pcie, Wanted, tcl};
pub use sysfs::FpgaManager;

/// SHA-256 in lower-case hexadecimal digits, as manifests have it.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
