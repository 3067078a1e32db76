//! One version of a model, loaded: its instances on plain threads behind a bounded queue.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tandem_engine::EngineOptions;
use tandem_engine::tensors::{Network, OutputTensor, Tensor, TensorSpec, load_network, zeros};
use tokio::sync::oneshot;

use crate::config::{ConfigTensor, ModelConfig};
use crate::error::ServeError;
use crate::queue::{Queue, Refusal};
use crate::repository::folder::VersionFiles;
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

/// A version that is ready.
#[derive(Debug)]
pub struct Model {
    /// Names, tensors, configuration.
    pub interface: Interface,
    /// `ort` or `rten`.
    pub runtime: &'static str,
    /// Counters.
    pub statistics: Statistics,
    /// Why the warm-up run was not made or failed, where the model's open sides allow that.
    pub cold: Option<String>,
    queue: Arc<Queue<Job>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// What an instance is given.
pub struct Job {
    /// In the model's order.
    pub inputs: Vec<Tensor>,
    /// Indices of the wanted outputs.
    pub outputs: Vec<usize>,
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
    /// Loads every instance and runs each once on zeros.
    ///
    /// # Errors
    /// The runtime's, and what does not fit the configuration.
    pub fn load(
        name: &str,
        files: VersionFiles,
        config: &ModelConfig,
        labels: &Labels<'_>,
        options: &EngineOptions,
    ) -> Result<Self, ServeError> {
        let id = format!("{name}/{}", files.version);
        let mut networks = Vec::new();
        for _ in 0..config.instances {
            networks.push(load_network(&id, &files.onnx, options)?);
        }
        let first = &networks[0];
        let (inputs, outputs) = (first.inputs().to_vec(), first.outputs().to_vec());
        let runtime = first.runtime();
        let inputs = with_config(&id, "input", inputs, &config.input, config.max_batch_size)?;
        let outputs = with_config(&id, "output", outputs, &config.output, config.max_batch_size)?;
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
            cold = warm_up(&id, network.as_mut(), &inputs)?.or(cold);
        }
        let queue = Arc::new(Queue::new(config.queue.max_queue_size as usize));
        let interface = Interface {
            name: name.to_owned(),
            version: files.version,
            inputs,
            outputs,
            labels,
            config: config.clone(),
        };
        let mut model = Self {
            interface,
            runtime,
            statistics: Statistics::default(),
            cold,
            queue,
            threads: Mutex::default(),
        };
        model.start(networks)?;
        Ok(model)
    }

    fn start(&mut self, networks: Vec<Box<dyn Network>>) -> Result<(), ServeError> {
        let mut threads = Vec::new();
        for network in networks {
            let queue = self.queue.clone();
            let thread = std::thread::Builder::new().name(format!("serve-{}", self.name));
            let thread = thread.spawn(move || instance(network, &queue));
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

fn instance(mut network: Box<dyn Network>, queue: &Queue<Job>) {
    while let Some(job) = queue.pop() {
        if job.reply.is_closed() {
            continue;
        }
        let taken = Instant::now();
        if job.by.is_some_and(|by| by <= taken) {
            let _ = job.reply.send(Err(timed_out()));
            continue;
        }
        let run = || network.run(&job.inputs, &job.outputs);
        let outputs = catch_unwind(AssertUnwindSafe(run));
        let infer = taken.elapsed();
        let answer = match outputs {
            Ok(Ok(outputs)) => {
                let queue = taken - job.queued;
                let times =
                    RunTimes { queue, input: Duration::ZERO, infer, output: Duration::ZERO };
                Ok(Ran { outputs, times })
            }
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(ServeError::internal("The runtime panicked on this request")),
        };
        let _ = job.reply.send(answer);
    }
}

/// What a request that is too late is told.
pub fn timed_out() -> ServeError {
    ServeError::unavailable("Request timeout expired")
}

/// The tensors as the model has them, narrowed by the configuration's dims.
fn with_config(
    id: &str,
    what: &str,
    mut specs: Vec<TensorSpec>,
    configured: &[ConfigTensor],
    max_batch_size: u32,
) -> Result<Vec<TensorSpec>, ServeError> {
    let bad = |name: &str, why: String| {
        Err(ServeError::invalid(format!("Model {id}, config.pbtxt, {what} {name:?}: {why}")))
    };
    let batch = usize::from(max_batch_size > 0);
    for spec in &specs {
        if batch == 1 && spec.shape.first() != Some(&-1) {
            let why = format!("max_batch_size needs an open first side, it is {:?}", spec.shape);
            return bad(&spec.name, why);
        }
    }
    for tensor in configured {
        let Some(spec) = specs.iter_mut().find(|spec| spec.name == tensor.name) else {
            return bad(&tensor.name, "the model has none of that name".into());
        };
        if spec.datatype != tensor.datatype {
            let why = format!("it is {}, not {}", spec.datatype.name(), tensor.datatype.name());
            return bad(&tensor.name, why);
        }
        let sides = &mut spec.shape[batch..];
        let fits = sides.len() == tensor.dims.len()
            && sides.iter().zip(&tensor.dims).all(|(side, dim)| *side == -1 || side == dim);
        if !fits {
            let why = format!("dims {:?} do not fit the model's {sides:?}", tensor.dims);
            return bad(&tensor.name, why);
        }
        sides.copy_from_slice(&tensor.dims);
    }
    Ok(specs)
}

/// The first run of a runtime allocates its arenas. Where sides are open 1 stands for them, which
/// not every model takes: that it failed is then said, and no reason to refuse it.
fn warm_up(
    id: &str,
    network: &mut dyn Network,
    inputs: &[TensorSpec],
) -> Result<Option<String>, ServeError> {
    let sides = |spec: &TensorSpec| {
        spec.shape.iter().try_fold(1i64, |all, side| all.checked_mul((*side).max(1)))
    };
    if !inputs.iter().all(|spec| sides(spec).is_some_and(|count| count <= MAX_WARM_UP)) {
        return Ok(Some("its inputs are too large for a warm-up run".into()));
    }
    let tensors: Vec<Tensor> = inputs.iter().map(zeros).collect();
    let outputs: Vec<usize> = (0..network.outputs().len()).collect();
    let open = inputs.iter().any(|spec| spec.shape.contains(&-1));
    match network.run(&tensors, &outputs) {
        Ok(_) => Ok(None),
        Err(error) if open => Ok(Some(format!("its warm-up run on sides of 1 failed: {error}"))),
        Err(error) => {
            Err(ServeError::internal(format!("Model {id}: the warm-up run failed: {error}")))
        }
    }
}
