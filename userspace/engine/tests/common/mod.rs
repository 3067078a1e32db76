//! Fixtures: copies of the committed tiny models, and the assets that setup fetches.
#![allow(dead_code, reason = "each test binary uses a part")]

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tandem_engine::{EngineChoice, Model, find_library};

pub fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/models")
}

/// The runtimes that can run here. ONNX Runtime's library is an asset: without it the test says
/// so and goes on with rten.
pub fn engines() -> Vec<EngineChoice> {
    if find_library().is_none() {
        eprintln!("skipped for ort: no libonnxruntime.so (run scripts/setup)");
        return vec![EngineChoice::Rten];
    }
    vec![EngineChoice::Ort, EngineChoice::Rten]
}

/// The default model, if setup has fetched its weights.
pub fn yolo() -> Option<Model> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/yolov3-tiny/1");
    let model = Model::load(&dir).unwrap();
    if !model.weights_path().exists() {
        eprintln!("skipped: the weights of yolov3-tiny are not there (run scripts/setup)");
        return None;
    }
    Some(model)
}

/// A model folder in a temporary place that a test may spoil.
pub struct Copy {
    _root: tempfile::TempDir,
    pub dir: PathBuf,
}

impl Copy {
    pub fn of(name: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join(name).join("1");
        std::fs::create_dir_all(&dir).unwrap();
        for entry in std::fs::read_dir(fixtures().join(name).join("1")).unwrap() {
            let path = entry.unwrap().path();
            std::fs::copy(&path, dir.join(path.file_name().unwrap())).unwrap();
        }
        Self { _root: root, dir }
    }

    /// Replaces text that must be there.
    pub fn edit(&self, file: &str, from: &str, to: &str) -> &Self {
        let path = self.dir.join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} does not hold {from:?}");
        std::fs::write(path, text.replacen(from, to, 1)).unwrap();
        self
    }

    /// Writes other weights and the hash that belongs to them, so that the runtime sees them.
    pub fn with_weights(&self, bytes: &[u8]) -> &Self {
        std::fs::write(self.dir.join("model.onnx"), bytes).unwrap();
        let hash: String = Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect();
        let text = std::fs::read_to_string(self.dir.join("model.toml")).unwrap();
        let lines = text.lines().map(|line| match line.starts_with("sha256") {
            true => format!("sha256 = \"{hash}\"\n"),
            false => format!("{line}\n"),
        });
        std::fs::write(self.dir.join("model.toml"), lines.collect::<String>()).unwrap();
        self
    }

    pub fn model(&self) -> Model {
        Model::load(&self.dir).unwrap()
    }
}

/// Memory that begins at a multiple of 64, as a heads slot does.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub struct Line([u8; 64]);

pub struct Slot {
    lines: Vec<Line>,
    bytes: usize,
}

impl Slot {
    pub fn of(bytes: usize, fill: u8) -> Self {
        Self { lines: vec![Line([fill; 64]); bytes.div_ceil(64)], bytes }
    }

    pub fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: `Line` is 64 bytes without padding, the lines hold at least `bytes`, and the
        // borrow is exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.bytes) }
    }
}

/// The values of a slot.
pub fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
}

/// The tensor of the fixtures' `expected.f32` (see `make_models.py`).
pub fn pattern(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|i| ((i * 37 + i / 251) % 256) as u8).collect()
}

/// Largest absolute difference.
pub fn distance(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(x, y)| (x - y).abs()).fold(0.0, f32::max)
}
