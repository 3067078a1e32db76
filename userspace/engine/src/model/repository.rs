//! All models of a folder: `NAME/VERSION/model.toml`.

use std::path::{Path, PathBuf};

use super::Model;
use crate::EngineError;

/// The models of one folder, read once. A folder that is refused does not hide the others.
#[derive(Debug)]
pub struct ModelRepository {
    models: Vec<Model>,
    refused: Vec<EngineError>,
}

impl ModelRepository {
    /// Reads every `dir/NAME/VERSION` that has a `model.toml`.
    ///
    /// # Errors
    /// [`EngineError::Model`] where `dir` itself cannot be read.
    pub fn open(dir: &Path) -> Result<Self, EngineError> {
        let mut models = Vec::new();
        let mut refused = Vec::new();
        for name in folders(dir)? {
            for version in folders(&name)? {
                if !version.join("model.toml").exists() {
                    continue;
                }
                match Model::load(&version) {
                    Ok(model) => models.push(model),
                    Err(error) => refused.push(error),
                }
            }
        }
        let number = |m: &Model| m.descriptor().version.parse().unwrap_or(0u32);
        models.sort_by(|a, b| {
            let (x, y) = (&a.descriptor().name, &b.descriptor().name);
            x.cmp(y).then_with(|| number(a).cmp(&number(b)))
        });
        Ok(Self { models, refused })
    }

    /// The models, by name and then by version.
    pub fn models(&self) -> &[Model] {
        &self.models
    }

    /// Folders that were refused, and why.
    pub fn refused(&self) -> &[EngineError] {
        &self.refused
    }

    /// A model by `name/version`, or the newest version of a `name`.
    pub fn get(&self, id: &str) -> Option<&Model> {
        self.models.iter().rev().find(|m| m.descriptor().name == id || m.id() == id)
    }
}

/// Subfolders in order of their names.
fn folders(dir: &Path) -> Result<Vec<PathBuf>, EngineError> {
    let failed = |e: std::io::Error| EngineError::Model {
        model: "repository".into(),
        field: dir.display().to_string(),
        reason: format!("cannot be read ({e})"),
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
