//! One version of a model, loaded: its instances on plain threads behind a bounded queue.

mod admission;
pub mod golden;
mod instance;

use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Instant;

use tandem_engine::EngineOptions;
use tandem_engine::tensors::{Network, OutputTensor, Tensor, TensorSpec, load_network};
use tokio::sync::oneshot;

use crate::config::ModelConfig;
use crate::error::ServeError;
use crate::queue::{Queue, Refusal};
use crate::repository::folder::VersionFiles;
use crate::repository::memory::Reservation;
use crate::statistics::{RunTimes, Statistics};

/// The protocol's name of what runs ONNX files.
pub const PLATFORM: &str = "onnxruntime_onnx";
/// The same, by its other name.
pub const BACKEND: &str = "onnxruntime";

/// Largest tensor of a warm-up in elements; a model with larger ones starts cold.
const MAX_WARM_UP: i64 = 1 << 26;

/// What clients can know of a version: requests are checked against it.
#[derive(Clone, Debug)]
pub struct Interface {
    /// Name.
    pub name: String,
    /// Version.
    pub version: u64,
    /// Inputs with the batch as their first side, if there is one.
    pub inputs: Vec<TensorSpec>,
    /// Outputs, likewise.
    pub outputs: Vec<TensorSpec>,
    /// Class names of each output that has any.
    pub labels: Vec<Option<Arc<[String]>>>,
    /// Configuration.
    pub config: ModelConfig,
}

impl Interface {
    /// `name/version`.
    pub fn id(&self) -> String {
        format!("{}/{}", self.name, self.version)
    }
}

/// A version that is ready. Whoever holds one can be answered by it: only an unload takes its queue
/// away before. A version that another has replaced ends when the last request lets it go.
#[derive(Debug)]
pub struct Model {
    /// Names, tensors, configuration.
    pub interface: Interface,
    /// `ort` or `rten`.
    pub runtime: &'static str,
    /// Counters.
    pub statistics: Arc<Statistics>,
    /// What people should know: no warm-up run, no golden samples. Empty: nothing.
    pub note: String,
    /// Its share of the memory budget; its threads hold it, too.
    pub memory: Arc<Reservation>,
    queue: Arc<Queue<Job>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// What an instance is given.
pub struct Job {
    /// In the model's order.
    pub inputs: Vec<Tensor>,
    /// Indices of the wanted outputs.
    pub outputs: Vec<usize>,
    /// Inferences in it.
    pub batch: u64,
    /// The answer is of no use after this.
    pub by: Option<Instant>,
    /// When it was put into the queue.
    pub queued: Instant,
    /// Where the answer goes; closed where nobody waits any more.
    pub reply: oneshot::Sender<Result<Ran, ServeError>>,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job").field("outputs", &self.outputs).finish_non_exhaustive()
    }
}

/// What came of a run.
pub struct Ran {
    /// The wanted outputs, in the order asked for.
    pub outputs: Vec<OutputTensor>,
    /// Where its time went so far.
    pub times: RunTimes,
}

/// Reads the file of labels with this name.
pub type Labels<'a> = dyn Fn(&str) -> Result<Arc<[String]>, ServeError> + 'a;

impl Model {
    /// Loads every instance, runs each once on zeros, and holds one against the golden samples.
    ///
    /// # Errors
    /// The runtime's, what does not fit the configuration, the sample that is answered wrongly.
    pub fn load(
        name: &str,
        files: VersionFiles,
        config: &ModelConfig,
        labels: &Labels<'_>,
        options: &EngineOptions,
        memory: Reservation,
    ) -> Result<Self, ServeError> {
        let id = format!("{name}/{}", files.version);
        let mut networks = Vec::new();
        for _ in 0..config.instances {
            networks.push(load_network(&id, &files.onnx, options)?);
        }
        let first = &networks[0];
        let (inputs, outputs) = (first.inputs().to_vec(), first.outputs().to_vec());
        let runtime = first.runtime();
        let most = config.max_batch_size;
        let inputs = admission::with_config(&id, "input", inputs, &config.input, most)?;
        let outputs = admission::with_config(&id, "output", outputs, &config.output, most)?;
        let labels = outputs
            .iter()
            .map(|spec| {
                let configured = config.output.iter().find(|output| output.name == spec.name);
                let file = configured.and_then(|output| output.label_filename.as_deref());
                file.map(labels).transpose()
            })
            .collect::<Result<Vec<_>, _>>()?;
        let mut cold = None;
        for network in &mut networks {
            cold = admission::warm_up(&id, network.as_mut(), &inputs)?.or(cold);
        }
        let version = files.version;
        let config = config.clone();
        let interface =
            Interface { name: name.to_owned(), version, inputs, outputs, labels, config };
        let untested = admission::gate(&interface, networks[0].as_mut(), &files.golden)?;
        let note: Vec<&str> = cold.as_deref().into_iter().chain(untested).collect();
        let mut model = Self {
            runtime,
            statistics: Arc::default(),
            note: note.join("; "),
            memory: Arc::new(memory),
            queue: Arc::new(Queue::new(interface.config.queue.max_queue_size as usize)),
            threads: Mutex::default(),
            interface,
        };
        model.start(networks)?;
        Ok(model)
    }

    fn start(&mut self, networks: Vec<Box<dyn Network>>) -> Result<(), ServeError> {
        let mut threads = Vec::new();
        let batching = self.config.batching();
        for network in networks {
            let (queue, statistics) = (self.queue.clone(), self.statistics.clone());
            let (batching, memory) = (batching.clone(), self.memory.clone());
            let thread = std::thread::Builder::new().name(format!("serve-{}", self.name));
            let thread = thread.spawn(move || {
                instance::instance(network, &queue, batching.as_ref(), &statistics);
                drop(memory);
            });
            threads.push(thread.map_err(|e| ServeError::internal(e.to_string()))?);
        }
        self.threads = Mutex::new(threads);
        Ok(())
    }

    /// Hands a job to the instances, or says at once why not.
    ///
    /// # Errors
    /// Unavailable: the queue is full, or the model is on its way out.
    pub fn submit(&self, priority: u64, job: Job) -> Result<(), ServeError> {
        let is_wanted = |job: &Job| !job.reply.is_closed();
        self.queue.push(priority, job, is_wanted).map_err(|refusal| {
            ServeError::unavailable(match refusal {
                Refusal::Full => format!(
                    "Model {}: {} requests are waiting, which is its max_queue_size; try again",
                    self.id(),
                    self.config.queue.max_queue_size
                ),
                Refusal::Closed => format!("Model {} is being unloaded", self.id()),
            })
        })
    }

    /// Requests that wait for an instance.
    pub fn pending(&self) -> usize {
        self.queue.len()
    }

    /// Takes no more, and waits until everything that waits or runs is answered. Blocks.
    pub fn stop(&self) {
        self.queue.close();
        let mut threads = self.threads.lock().unwrap_or_else(|poison| poison.into_inner());
        for thread in threads.drain(..) {
            // A panic of an instance was answered as an error already.
            let _ = thread.join();
        }
    }
}

impl std::ops::Deref for Model {
    type Target = Interface;

    fn deref(&self) -> &Interface {
        &self.interface
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// What a request that is too late is told.
pub fn timed_out() -> ServeError {
    ServeError::unavailable("Request timeout expired")
}
