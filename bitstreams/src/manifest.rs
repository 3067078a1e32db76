//! The manifest: a TOML file beside each image.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tandem_boards::{Board, Range};
use tandem_regs::{gate, post, pre};

use crate::error::BitstreamError;

/// Version of the manifest's rules that this build reads.
pub const SCHEMA: u32 = 1;

/// What a bitstream contains and how it was built.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Short name, of `a-z`, `0-9` and `-`; also the name of the folder.
    pub name: String,
    /// One line for people.
    pub title: String,
    /// Board that it is for: the `name` of a board description.
    pub board: String,
    /// Part that it was built for.
    pub part: String,
    /// IDCODE of the part's logic, as the tool knows it.
    pub idcode: u32,
    /// The image.
    pub image: ImageFile,
    /// How it was built.
    pub built: Built,
    /// The kernels in it.
    #[serde(rename = "kernel")]
    pub kernels: Vec<Kernel>,
    /// What it was built from.
    #[serde(rename = "input", default)]
    pub inputs: Vec<Input>,
}

/// The image's file.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ImageFile {
    /// Its name, in the manifest's folder.
    pub file: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256, hexadecimal.
    pub sha256: String,
}

/// How a bitstream was built.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Built {
    /// Tool and version.
    pub tool: String,
    /// Clock of the kernels, MHz.
    pub clock_mhz: f64,
    /// Worst slack of the routed design, ns; below 0 the clock is not met.
    pub wns_ns: f64,
}

/// A register map, of this project.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Map {
    /// `hw/regs/pre.rdl`
    Pre,
    /// `hw/regs/post.rdl`
    Post,
    /// `hw/regs/gate.rdl`
    Gate,
}

impl Map {
    /// Hash that this build was made for.
    #[must_use]
    pub const fn hash(self) -> u32 {
        match self {
            Self::Pre => pre::MAP_HASH,
            Self::Post => post::MAP_HASH,
            Self::Gate => gate::MAP_HASH,
        }
    }

    /// The ID register's value.
    #[must_use]
    pub fn id(self) -> u32 {
        match self {
            Self::Pre => pre::ID.reset(),
            Self::Post => post::ID.reset(),
            Self::Gate => gate::ID.reset(),
        }
    }

    /// Where the board has it.
    #[must_use]
    pub fn place(self, board: &Board) -> Range {
        match self {
            Self::Pre => board.pl.pre,
            Self::Post => board.pl.post,
            Self::Gate => board.pl.gate,
        }
    }

    /// As in a manifest.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pre => "pre",
            Self::Post => "post",
            Self::Gate => "gate",
        }
    }
}

/// A kernel in the logic.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Kernel {
    /// Which map it answers with.
    pub map: Map,
    /// That map's hash when it was built.
    pub map_hash: u32,
    /// Bus address of its registers.
    pub base: u32,
    /// Parameters of the build, as `PPC = 4`.
    #[serde(default)]
    pub parameters: BTreeMap<String, u32>,
}

/// A file that the build read.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Path in the repository.
    pub path: String,
    /// SHA-256, hexadecimal.
    pub sha256: String,
}

impl Manifest {
    /// Reads and checks the manifest at `path`.
    ///
    /// # Errors
    /// [`BitstreamError`] with the file, the field and what is wrong with it.
    pub fn load(path: &Path) -> Result<Self, BitstreamError> {
        crate::load(path, Self::parse)
    }

    /// Reads and checks `text`; `file` is the name that errors show.
    ///
    /// # Errors
    /// [`BitstreamError`] with the file, the field and what is wrong with it.
    pub fn parse(text: &str, file: &str) -> Result<Self, BitstreamError> {
        let manifest: Self = crate::fields(text, file)?;
        manifest.check(file)?;
        Ok(manifest)
    }

    fn check(&self, file: &str) -> Result<(), BitstreamError> {
        let field = |field: &str, value: String, good: bool, rule| {
            let (file, field) = (file.to_owned(), field.to_owned());
            if good { Ok(()) } else { Err(BitstreamError::Value { file, field, value, rule }) }
        };
        let version = self.schema == SCHEMA;
        field("schema", self.schema.to_string(), version, "this build reads 1")?;
        let plain = |text: &str| {
            let good = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
            !text.is_empty() && text.len() <= 64 && text.bytes().all(good)
        };
        field("name", self.name.clone(), plain(&self.name), "must be 1 to 64 of a-z, 0-9, '-'")?;
        // A path with a separator would leave the folder.
        let name = &self.image.file;
        let good = !name.is_empty() && !name.contains(['/', '\\', '\0']) && !name.starts_with('.');
        field("image.file", name.clone(), good, "must be a file name in the manifest's folder")?;
        let good = self.built.clock_mhz > 0.0 && self.built.clock_mhz <= 1000.0;
        let clock = self.built.clock_mhz.to_string();
        field("built.clock_mhz", clock, good, "must be above 0 and at most 1000")?;
        let good = self.built.wns_ns.is_finite();
        field("built.wns_ns", self.built.wns_ns.to_string(), good, "must be a number")?;
        let digests = [("image.sha256", &self.image.sha256)];
        let digests =
            digests.into_iter().chain(self.inputs.iter().map(|i| ("input.sha256", &i.sha256)));
        for (at, digest) in digests {
            let hex = |c: u8| matches!(c, b'0'..=b'9' | b'a'..=b'f');
            let good = digest.len() == 64 && digest.bytes().all(hex);
            field(at, digest.clone(), good, "must be 64 of 0-9, a-f")?;
        }
        for (at, kernel) in self.kernels.iter().enumerate() {
            let twice = self.kernels[..at].iter().any(|other| other.map == kernel.map);
            field("kernel.map", kernel.map.name().into(), !twice, "is there twice")?;
        }
        field("kernel", "[]".into(), !self.kernels.is_empty(), "must be at least one")
    }

    /// The kernel with that map.
    #[must_use]
    pub fn kernel(&self, map: Map) -> Option<&Kernel> {
        self.kernels.iter().find(|kernel| kernel.map == map)
    }
}
