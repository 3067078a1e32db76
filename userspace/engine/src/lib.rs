//! Runtimes for the main model, behind one trait. See README.md.

mod dequantise;
mod elf;
mod library;
pub mod model;
mod ort_engine;
mod rten_engine;
pub mod tensors;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use thiserror::Error;

pub use self::library::find_library;
pub use self::model::{Model, ModelRepository};
pub use self::ort_engine::OrtEngine;
pub use self::rten_engine::RtenEngine;

/// Heads are f32 little endian and engines write them in the machine's own order.
const _: () = assert!(cfg!(target_endian = "little"), "needs a little-endian machine");

/// Why a model could not be loaded or run.
#[derive(Debug, Error)]
pub enum EngineError {
    /// The runtime's shared library is not there or does not fit.
    #[error("Runtime library {path}: {reason}")]
    Library {
        /// What was tried.
        path: String,
        /// Why it failed.
        reason: String,
    },
    /// The model file is missing, damaged, or does not match its descriptor.
    #[error("Model {model}, {field}: {reason}")]
    Model {
        /// `name/version`.
        model: String,
        /// File or descriptor field.
        field: String,
        /// Why it was refused.
        reason: String,
    },
    /// A buffer does not have the size that the descriptor says.
    #[error("{buffer} holds {have} bytes, the model needs {need}")]
    Size {
        /// Which buffer.
        buffer: &'static str,
        /// Bytes given.
        have: usize,
        /// Bytes needed.
        need: usize,
    },
    /// A buffer does not begin where its numbers may lie.
    #[error("{buffer} begins at an address that is not a multiple of {align}")]
    Alignment {
        /// Which buffer.
        buffer: &'static str,
        /// Bytes.
        align: usize,
    },
    /// The runtime failed while running.
    #[error("Inference failed: {0}")]
    Run(String),
    /// The process that runs the model is gone, silent, or another one; it may come back.
    #[error("{engine}: {reason}")]
    Lost {
        /// Which one.
        engine: String,
        /// What was seen.
        reason: String,
    },
    /// The time given was over before the heads were there.
    #[error("The time given to the main model was over")]
    Late,
}

/// What an engine can do without a copy; the agent counts the copies of one that cannot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Reads the u8 tensor slot itself (else it dequantises into a buffer of its own).
    pub reads_in_place: bool,
    /// Writes its outputs straight into the heads slot.
    pub writes_in_place: bool,
}

/// A main model, loaded and ready.
pub trait Engine: Send {
    /// `ort`, `rten`, ...
    fn name(&self) -> &'static str;
    /// Runtime, version and threads, for people.
    fn describe(&self) -> String;
    /// Copies it makes.
    fn capabilities(&self) -> Capabilities;
    /// Runs one image. `tensor` is the u8 tensor as the descriptor lays it out; each head is
    /// written into `heads` at its descriptor's offset as little-endian f32. `heads` must begin
    /// at a multiple of 4; bytes between the heads are left alone.
    ///
    /// # Errors
    /// [`EngineError::Size`] and [`EngineError::Alignment`] before anything runs,
    /// [`EngineError::Run`] from the runtime; the heads are then undefined.
    fn run(&mut self, tensor: &[u8], heads: &mut [u8]) -> Result<(), EngineError>;

    /// The same, for an answer that is of no use after `by`. A runtime in this process cannot be
    /// interrupted and ignores the limit; an engine elsewhere gives up then.
    ///
    /// # Errors
    /// As [`Engine::run`], and [`EngineError::Late`] and [`EngineError::Lost`].
    fn run_by(&mut self, tensor: &[u8], heads: &mut [u8], by: Instant) -> Result<(), EngineError> {
        let _ = by;
        self.run(tensor, heads)
    }

    /// Keeps an engine in another process: beats, looks whether it is there, reconnects. To be
    /// called while no run is under way; returns when to call again at the latest. `None`: this
    /// engine needs no keeping.
    fn tend(&mut self) -> Option<Duration> {
        None
    }

    /// How an engine in another process does; one in this process is always there.
    fn presence(&self) -> Presence {
        Presence::LOCAL
    }

    /// What an engine in another process knows of the way to it; `None` before its first answer.
    fn away(&self) -> Option<Away> {
        None
    }
}

/// The way to an engine in another process, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Away {
    /// What its runtime took for the last run: the rest of that run's time was on the way.
    pub engine_ns: u64,
    /// What the connection took to come about: one round trip.
    pub round_trip_ns: u64,
}

/// How an engine in another process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Presence {
    /// Tensors and heads travel over a network.
    pub remote: bool,
    /// A run would be taken now.
    pub ready: bool,
    /// How often it was lost so far; one that was never there counts once.
    pub losses: u64,
}

impl Presence {
    /// Of an engine in this process.
    pub const LOCAL: Self = Self { remote: false, ready: true, losses: 0 };
}

/// Which runtime to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EngineChoice {
    /// ONNX Runtime where its library is found, else rten. A library that is found and does not
    /// work is an error: a slower runtime in silence would hide it.
    #[default]
    Auto,
    /// ONNX Runtime.
    Ort,
    /// rten, pure Rust.
    Rten,
}

impl std::fmt::Display for EngineChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Ort => "ort",
            Self::Rten => "rten",
        })
    }
}

impl std::str::FromStr for EngineChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "ort" => Ok(Self::Ort),
            "rten" => Ok(Self::Rten),
            _ => Err(format!("engine {text:?} is not one of auto, ort, rten")),
        }
    }
}

/// How to load an engine.
#[derive(Clone, Debug, Default)]
pub struct EngineOptions {
    /// Which runtime.
    pub choice: EngineChoice,
    /// Threads of one run; `None` is one per core, at most [`MAX_DEFAULT_THREADS`].
    pub threads: Option<NonZeroUsize>,
    /// ONNX Runtime's library; `None` is what [`find_library`] finds.
    pub library: Option<PathBuf>,
}

/// Batch-one detectors gain little above this many threads.
pub const MAX_DEFAULT_THREADS: usize = 4;

impl EngineOptions {
    fn threads(&self) -> usize {
        self.threads.map_or_else(
            || std::thread::available_parallelism().map_or(1, |n| n.get().min(MAX_DEFAULT_THREADS)),
            NonZeroUsize::get,
        )
    }
}

/// Loads a model with default options.
///
/// # Errors
/// As [`load_engine_with`].
pub fn load_engine(model: &Model, choice: EngineChoice) -> Result<Box<dyn Engine>, EngineError> {
    load_engine_with(model, &EngineOptions { choice, ..EngineOptions::default() })
}

/// Loads a model: weights against their sha256, inputs and outputs against the descriptor, and
/// one warm-up run on a zero tensor.
///
/// # Errors
/// [`EngineError::Library`] and [`EngineError::Model`]; a damaged file is an error, never a panic.
pub fn load_engine_with(
    model: &Model,
    options: &EngineOptions,
) -> Result<Box<dyn Engine>, EngineError> {
    let library = options.library.clone().or_else(find_library);
    let mut engine: Box<dyn Engine> = match (options.choice, library) {
        (EngineChoice::Ort, library) => {
            Box::new(OrtEngine::load(model, library.as_deref(), options.threads())?)
        }
        (EngineChoice::Auto, Some(library)) => {
            Box::new(OrtEngine::load(model, Some(&library), options.threads())?)
        }
        (EngineChoice::Auto, None) | (EngineChoice::Rten, _) => {
            Box::new(RtenEngine::load(model, options.threads())?)
        }
    };
    warm_up(model, engine.as_mut())?;
    Ok(engine)
}

/// The first run of a runtime allocates its arenas, and shows shapes that the file left open.
fn warm_up(model: &Model, engine: &mut dyn Engine) -> Result<(), EngineError> {
    let tensor = vec![0u8; model.tensor_bytes()];
    let mut heads = vec![0f32; model.heads_bytes() / size_of::<f32>()];
    engine.run(&tensor, bytes_of(&mut heads)).map_err(|error| EngineError::Model {
        model: model.id(),
        field: model.descriptor().file.clone(),
        reason: format!("warm-up run failed: {error}"),
    })
}

fn bytes_of(values: &mut [f32]) -> &mut [u8] {
    // SAFETY: the same memory, exclusively borrowed; every bit pattern is a valid u8 and f32.
    unsafe { std::slice::from_raw_parts_mut(values.as_mut_ptr().cast(), size_of_val(values)) }
}

/// Checks that both slots fit the model, before a runtime sees them.
fn check_slots(model: &Model, tensor: &[u8], heads: &[u8]) -> Result<(), EngineError> {
    let size = |buffer, have: usize, need: usize| match have >= need {
        true => Ok(()),
        false => Err(EngineError::Size { buffer, have, need }),
    };
    size("tensor", tensor.len(), model.tensor_bytes())?;
    size("heads", heads.len(), model.heads_bytes())?;
    match heads.as_ptr().cast::<f32>().is_aligned() {
        true => Ok(()),
        false => Err(EngineError::Alignment { buffer: "heads", align: align_of::<f32>() }),
    }
}

/// Runs a runtime's loader, which may panic on a damaged file, and makes a panic an error.
///
/// The values that the closure touched are dropped on a panic, so no broken state survives it.
fn without_panic<T>(
    load: impl FnOnce() -> Result<T, EngineError>,
    error: impl FnOnce(String) -> EngineError,
) -> Result<T, EngineError> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(load)).unwrap_or_else(|payload| {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("no message");
        Err(error(format!("the runtime panicked: {text}")))
    })
}
