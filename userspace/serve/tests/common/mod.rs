//! Repositories of the tests' models.
#![allow(dead_code)] // each test uses its part

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use tandem_engine::EngineOptions;
use tandem_engine::tensors::{Buffer, DataType, Elements, OutputElements, OutputTensor, Tensor};
use tandem_serve::error::ServeError;
use tandem_serve::model::{Job, Model, Ran};
use tandem_serve::repository::Repository;
use tandem_serve::repository::memory::Memory;
use tandem_serve::settings::Log;
use tokio::sync::oneshot;

pub fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/models").join(name)
}

/// Copies a version's network, without its golden samples.
pub fn put(folder: &Path, name: &str, version: &str, as_version: &str) {
    let to = folder.join(name).join(as_version);
    std::fs::create_dir_all(&to).unwrap();
    let from = data(name).join(version).join("model.onnx");
    std::fs::copy(from, to.join("model.onnx")).unwrap();
}

pub fn repository(folder: &Path) -> Repository {
    limited(folder, None)
}

pub fn limited(folder: &Path, memory: Option<u64>) -> Repository {
    let memory = Memory::new(memory);
    Repository::new(folder, EngineOptions::default(), memory, Arc::new(Log::default()))
}

pub fn state(repository: &Repository, name: &str) -> Vec<(String, &'static str)> {
    let lines = repository.index(false).unwrap().into_iter();
    lines.filter(|line| line.name == name).map(|line| (line.version, line.state)).collect()
}

pub fn ints(shape: &[usize], numbers: &[i32]) -> Tensor {
    let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    let elements = Elements::Numbers(Buffer::copy_of(&bytes));
    Tensor { datatype: DataType::Int32, shape: shape.to_vec(), elements }
}

pub fn bytes(output: &OutputTensor) -> &[u8] {
    match &output.elements {
        OutputElements::Numbers(bytes) => (**bytes).as_ref(),
        OutputElements::Strings(_) => panic!("strings"),
    }
}

pub type Answer = oneshot::Receiver<Result<Ran, ServeError>>;

/// Asks for outputs; the batch is the first side of the first input.
pub fn ask(model: &Model, inputs: Vec<Tensor>, outputs: Vec<usize>) -> Result<Answer, ServeError> {
    let (reply, answer) = oneshot::channel();
    let batch = inputs.first().and_then(|input| input.shape.first()).map_or(1, |n| *n as u64);
    let queued = Instant::now();
    model.submit(1, Job { inputs, outputs, batch, by: None, queued, reply })?;
    Ok(answer)
}
