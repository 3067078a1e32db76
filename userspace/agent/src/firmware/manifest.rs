//! The manifest: a TOML file beside each image, `NAME.toml`.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::FirmwareError;

/// Version of the manifest's rules that this build reads.
pub const SCHEMA: u32 = 1;

/// What an image is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Version of the firmware, for people.
    pub version: String,
    /// Board that it is for: the `name` of a board description.
    pub board: String,
    /// Version of the link's layout that it speaks.
    pub link: u32,
    /// The image.
    pub image: ImageFile,
}

/// The image's file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageFile {
    /// Its name, in the manifest's folder.
    pub file: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256, hexadecimal.
    pub sha256: String,
}

impl Manifest {
    /// Reads and checks `text`; `file` is the name that errors show.
    ///
    /// # Errors
    /// [`FirmwareError::Parse`], [`FirmwareError::Value`].
    pub fn parse(text: &str, file: &str) -> Result<Self, FirmwareError> {
        let parsed = toml::from_str(text);
        let manifest: Self = parsed.map_err(|error| FirmwareError::Parse {
            file: file.to_owned(),
            what: error.to_string().trim_end().to_owned(),
        })?;
        manifest.check(file)?;
        Ok(manifest)
    }

    fn check(&self, file: &str) -> Result<(), FirmwareError> {
        let field = |field, value: &str, good: bool, rule| {
            let (file, value) = (file.to_owned(), value.to_owned());
            if good { Ok(()) } else { Err(FirmwareError::Value { file, field, value, rule }) }
        };
        field("schema", &self.schema.to_string(), self.schema == SCHEMA, "this build reads 1")?;
        let printable = |c: u8| c.is_ascii_graphic();
        let version = self.version.bytes();
        let good = (1..=64).contains(&version.len()) && version.clone().all(printable);
        field("version", &self.version, good, "must be 1 to 64 printable characters, no blanks")?;
        // It becomes a file of the agent's, and a word for the kernel.
        let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.');
        let name = &self.image.file;
        let good = (1..=64).contains(&name.len()) && name.bytes().all(plain);
        let good = good && !name.starts_with('.');
        field("image.file", name, good, "must be 1 to 64 of A-Z, a-z, 0-9, '-', '_', '.'")?;
        let hex = |c: u8| matches!(c, b'0'..=b'9' | b'a'..=b'f');
        let hash = &self.image.sha256;
        let good = hash.len() == 64 && hash.bytes().all(hex);
        field("image.sha256", hash, good, "must be 64 of 0-9, a-f")
    }
}

/// Where the manifest of an image lies: `tandem-rpu.toml` beside `tandem-rpu`.
#[must_use]
pub fn manifest_of(image: &Path) -> PathBuf {
    let mut name = image.as_os_str().to_owned();
    name.push(".toml");
    PathBuf::from(name)
}

/// SHA-256 in lower-case hexadecimal digits, as manifests have it.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
