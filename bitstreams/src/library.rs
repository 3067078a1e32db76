//! A folder of bitstreams, one folder each.

use std::path::{Path, PathBuf};

use tandem_boards::Board;

use crate::error::BitstreamError;
use crate::manifest::{Manifest, Map};

/// The bitstreams of a folder.
#[derive(Clone, Debug, Default)]
pub struct Library {
    entries: Vec<(PathBuf, Manifest)>,
}

impl Library {
    /// Reads the manifest of every folder in `root`, in the order of their names; folders without one
    /// are left out.
    ///
    /// # Errors
    /// [`BitstreamError`] for a folder that cannot be read, a bad manifest, or a name that is not its
    /// folder's.
    pub fn open(root: &Path) -> Result<Self, BitstreamError> {
        let unreadable = |source| BitstreamError::Read { file: root.display().to_string(), source };
        let mut entries = Vec::new();
        for entry in std::fs::read_dir(root).map_err(unreadable)? {
            let folder = entry.map_err(unreadable)?.path();
            let path = folder.join("manifest.toml");
            if !path.is_file() {
                continue;
            }
            let manifest = Manifest::load(&path)?;
            if folder.file_name().is_none_or(|name| name != manifest.name.as_str()) {
                let rule = "must be the name of its folder";
                let (file, field) = (path.display().to_string(), "name".to_owned());
                return Err(BitstreamError::Value { file, field, value: manifest.name, rule });
            }
            entries.push((folder, manifest));
        }
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(Self { entries })
    }

    /// Folders and manifests.
    pub fn entries(&self) -> impl Iterator<Item = (&Path, &Manifest)> {
        self.entries.iter().map(|(folder, manifest)| (folder.as_path(), manifest))
    }

    /// The folder of the named bitstream.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Path> {
        self.entries().find(|(_, manifest)| manifest.name == name).map(|(folder, _)| folder)
    }

    /// The folder of the first bitstream for `board` with all those kernels, with as few others as
    /// possible. `running` goes first among equals, because a load costs an outage.
    ///
    /// # Errors
    /// [`BitstreamError::NoneFits`] with what there is.
    pub fn choose(
        &self,
        board: &Board,
        kernels: &[Map],
        running: Option<&str>,
    ) -> Result<&Path, BitstreamError> {
        let here = || self.entries().filter(|(_, manifest)| manifest.board == board.name);
        let has = |manifest: &Manifest| kernels.iter().all(|map| manifest.kernel(*map).is_some());
        let rank =
            |manifest: &Manifest| (manifest.kernels.len(), running != Some(manifest.name.as_str()));
        let best = here().filter(|(_, m)| has(m)).min_by_key(|(_, m)| rank(m));
        best.map(|(folder, _)| folder).ok_or_else(|| {
            let missing = kernels.iter().map(|map| map.name()).collect::<Vec<_>>().join(", ");
            let have = here().map(|(_, m)| m.name.as_str()).collect::<Vec<_>>().join(", ");
            let have = if have.is_empty() { "none".into() } else { have };
            BitstreamError::NoneFits { board: board.name.clone(), missing, have }
        })
    }
}
