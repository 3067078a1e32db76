//! The Open Inference Protocol (KServe v2) over REST and gRPC, for any ONNX model. See README.md.

pub mod args;
pub mod config;
pub mod error;
pub mod grpc;
pub mod infer;
pub mod metrics;
pub mod model;
pub mod queue;
pub mod repository;
pub mod rest;
pub mod server;
pub mod settings;
pub mod shared_memory;
pub mod statistics;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tandem_engine::EngineOptions;

use crate::repository::Repository;
use crate::repository::memory::Memory;
use crate::settings::{Log, Trace};
use crate::shared_memory::SharedMemory;

/// The protocol's messages.
#[allow(missing_docs, clippy::all)]
pub mod proto {
    tonic::include_proto!("inference");
}

/// The server's name in its metadata.
pub const SERVER_NAME: &str = "tandem";

/// Largest body and message if nobody says otherwise: 64 MiB.
pub const DEFAULT_MAX_BYTES: usize = 64 << 20;

/// How to serve.
#[derive(Clone, Debug)]
pub struct Options {
    /// Folder of models, `NAME/VERSION/model.onnx`.
    pub models: PathBuf,
    /// Runtime of the models.
    pub engine: EngineOptions,
    /// Whether clients may register shared memory.
    pub allow_shared_memory: bool,
    /// Largest body of a request and largest gRPC message, in bytes.
    pub max_bytes: usize,
    /// Bytes that all models may hold; none: any.
    pub memory: Option<u64>,
    /// How often the folder is looked at; none: never.
    pub poll: Option<Duration>,
    /// Where traces go, one JSON object a line.
    pub trace_file: Option<PathBuf>,
}

impl Options {
    /// A folder of models, everything else as it is by default.
    pub fn new(models: &Path) -> Self {
        Self {
            models: models.to_owned(),
            engine: EngineOptions::default(),
            allow_shared_memory: false,
            max_bytes: DEFAULT_MAX_BYTES,
            memory: None,
            poll: None,
            trace_file: None,
        }
    }
}

/// What both protocols stand on.
#[derive(Debug)]
pub struct Core {
    /// The models.
    pub repository: Repository,
    /// Registered shared memory.
    pub shared_memory: SharedMemory,
    /// Which requests leave a trace.
    pub trace: Trace,
    /// The log.
    pub log: Arc<Log>,
    /// Largest body and message, in bytes.
    pub max_bytes: usize,
    /// How often the folder is looked at; none: never.
    pub poll: Option<Duration>,
}

impl Core {
    /// Nothing is loaded yet: [`Repository::load_all`] does that, while doors may be open already.
    ///
    /// # Errors
    /// Where the trace file cannot be opened.
    pub fn new(options: &Options) -> std::io::Result<Self> {
        let log = Arc::new(Log::default());
        let memory = Memory::new(options.memory);
        Ok(Self {
            repository: Repository::new(
                &options.models,
                options.engine.clone(),
                memory,
                log.clone(),
            ),
            shared_memory: SharedMemory::new(options.allow_shared_memory),
            trace: Trace::new(options.trace_file.as_deref())?,
            log,
            max_bytes: options.max_bytes,
            poll: options.poll,
        })
    }

    /// The protocol's extensions that are offered: those that the tests with foreign clients cover.
    pub fn extensions(&self) -> Vec<&'static str> {
        let mut offered = vec![
            "binary_tensor_data",
            "classification",
            "logging",
            "model_configuration",
            "model_repository",
            "parameters",
            "schedule_policy",
            "statistics",
        ];
        if self.shared_memory.is_allowed() {
            offered.push("system_shared_memory");
        }
        offered.push("trace");
        offered
    }
}
