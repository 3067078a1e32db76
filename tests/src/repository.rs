//! What the tests need of the checkout. What is missing fails with the command that fetches it.

use std::path::{Path, PathBuf};
use std::process::Command;

use tandem_engine::Model;

use crate::programs::{Ran, run};

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the repository's root")
}

/// A file or folder of the checkout; fails where `scripts/setup` has not run.
pub fn needed(path: &str) -> PathBuf {
    let full = root().join(path);
    assert!(full.exists(), "{path} is missing: run scripts/setup first");
    full
}

/// The photographs, by name.
pub fn photographs() -> Vec<PathBuf> {
    let folder = needed(".tandem/photos");
    let entries = folder.read_dir().expect("the folder of photographs");
    let mut photos: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    photos.retain(|path| matches!(extension(path), "jpg" | "png"));
    photos.sort();
    assert!(photos.len() > 5, "{photos:?} are too few photographs: run scripts/setup first");
    photos
}

/// One photograph.
pub fn photograph(name: &str) -> PathBuf {
    needed(&format!(".tandem/photos/{name}"))
}

/// A file's extension, or nothing.
pub fn extension(path: &Path) -> &str {
    path.extension().and_then(|extension| extension.to_str()).unwrap_or_default()
}

/// A path as text.
pub fn text(path: &Path) -> &str {
    path.to_str().expect("paths of the tests are text")
}

/// Folder of the default model, with its weights.
pub fn model_folder() -> PathBuf {
    needed("userspace/models/yolov3-tiny/1/model.onnx");
    root().join("userspace/models/yolov3-tiny/1")
}

/// The default model.
pub fn model() -> Model {
    Model::load(&model_folder()).expect("the default model")
}

/// Runs a script of `tests/reference` in the environment of `scripts/setup`.
pub fn reference(script: &str, arguments: &[&str]) -> Ran {
    let mut command = Command::new(needed(".tandem/venv/bin/python"));
    command.arg(root().join("tests/reference").join(script)).args(arguments);
    run(&mut command)
}

/// The photographs as PNG in `folder`, pixels as OpenCV decodes them, in the same order.
pub fn lossless(folder: &Path, photos: &[PathBuf]) -> Vec<PathBuf> {
    let mut arguments = vec![text(folder)];
    arguments.extend(photos.iter().map(|photo| text(photo)));
    let ran = reference("lossless.py", &arguments);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    ran.stdout_text().lines().map(PathBuf::from).collect()
}
