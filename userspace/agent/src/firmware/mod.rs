//! Firmware of the R5F as files: an image and its manifest, what is checked before an image is
//! loaded, and where an update is kept.
//!
//! Nothing here is signed: the hash in the manifest finds damage, not an attacker.

mod image;
mod manifest;
mod store;
#[cfg(test)]
pub(crate) mod tests;

use serde::{Deserialize, Serialize};
use tandem_boards::Board;
use tandem_link::image::ImageError;
use tandem_link::layout::LAYOUT_VERSION;
use thiserror::Error;

use crate::api::ApiError;
use crate::control::Bytes;
pub use manifest::{ImageFile, Manifest, SCHEMA, manifest_of, sha256};
pub use store::{Store, StoreError};

/// An image and its manifest, as they travel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bundle {
    /// Name of the manifest, for errors.
    pub file: String,
    /// The manifest: TOML.
    pub manifest: String,
    /// The image: ELF.
    pub image: Bytes,
}

/// Why a firmware is not loaded. Nothing was touched.
#[derive(Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum FirmwareError {
    /// Not TOML, or a field is missing, unknown or of another type.
    #[error("{file}: {what}")]
    Parse {
        /// The manifest.
        file: String,
        /// Line, field and reason.
        what: String,
    },
    /// A field breaks its rule.
    #[error("{file}: {field} = {value}: {rule}")]
    Value {
        /// The manifest.
        file: String,
        /// The field.
        field: &'static str,
        /// What it says.
        value: String,
        /// What is allowed.
        rule: &'static str,
    },
    /// Manifest and something else disagree.
    #[error("{file}: {field} is {found}, {other} has {wanted}")]
    Differs {
        /// The manifest.
        file: String,
        /// The field.
        field: &'static str,
        /// As the manifest has it.
        found: String,
        /// The other side.
        other: &'static str,
        /// As the other side has it.
        wanted: String,
    },
    /// The image is no ELF file for the core, or overlaps itself.
    #[error("{file}: image: {source}")]
    Image {
        /// The manifest, or the image where there is none.
        file: String,
        /// Why.
        source: ImageError,
    },
    /// A segment that is in none of the core's two memories.
    #[error(
        "{file}: image: {from:#x}..{to:#x} is in none of the core's memories: bank A \
         {:#x}..{:#x}, bank B {:#x}..{:#x}", .banks[0].0, .banks[0].1, .banks[1].0, .banks[1].1
    )]
    Outside {
        /// The manifest, or the image.
        file: String,
        /// First byte.
        from: u64,
        /// One past the last.
        to: u64,
        /// First byte of each bank and one past its last.
        banks: [(u64, u64); 2],
    },
    /// The first instruction is not in the image.
    #[error("{file}: image: it begins at {entry:#x}, where it has nothing in bank A")]
    Entry {
        /// The manifest, or the image.
        file: String,
        /// The address.
        entry: u32,
    },
    /// No resource table, or one that remoteproc would refuse.
    #[error("{file}: image: resource table: {what}")]
    Resources {
        /// The manifest, or the image.
        file: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The board has no core that an image could be for.
    #[error("board {0} has no R5F that takes an image")]
    NoCore(String),
}

impl From<FirmwareError> for ApiError {
    fn from(error: FirmwareError) -> ApiError {
        let (code, field) = match &error {
            FirmwareError::Parse { .. } => ("firmware_syntax", "manifest"),
            FirmwareError::Value { field, .. } => ("firmware_value", *field),
            FirmwareError::Differs { field, .. } => ("firmware_differs", *field),
            FirmwareError::NoCore(_) => ("firmware_builtin", "board"),
            _ => ("firmware_image", "image"),
        };
        ApiError::new(code, field, error.to_string())
    }
}

/// Holds a bundle against the board and this build: manifest, board, link, size, hash, image.
///
/// # Errors
/// [`FirmwareError`], the first thing that is wrong.
pub fn check(bundle: &Bundle, board: &Board) -> Result<Manifest, FirmwareError> {
    let manifest = Manifest::parse(&bundle.manifest, &bundle.file)?;
    let differs = |field, found: String, other, wanted: String| {
        let file = bundle.file.clone();
        let wrong = FirmwareError::Differs { file, field, found, other, wanted };
        |same: bool| if same { Ok(()) } else { Err(wrong) }
    };
    let (have, this) = (&manifest.board, &board.name);
    differs("board", have.clone(), "this board", this.clone())(have == this)?;
    let (found, wanted) = (manifest.link.to_string(), LAYOUT_VERSION.to_string());
    differs("link", found, "this agent", wanted)(manifest.link == LAYOUT_VERSION)?;
    let size = bundle.image.0.len() as u64;
    let (found, wanted) = (manifest.image.size.to_string(), size.to_string());
    differs("image.size", found, "the image", wanted)(manifest.image.size == size)?;
    let hash = sha256(&bundle.image.0);
    let same = manifest.image.sha256 == hash;
    differs("image.sha256", manifest.image.sha256.clone(), "the image", hash)(same)?;
    image::check(&bundle.image.0, &bundle.file, board)?;
    Ok(manifest)
}

/// Holds an image alone against the board's core.
///
/// # Errors
/// [`FirmwareError`].
pub fn check_image(image: &[u8], file: &str, board: &Board) -> Result<(), FirmwareError> {
    image::check(image, file, board)
}
