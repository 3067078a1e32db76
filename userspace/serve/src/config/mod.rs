//! `config.pbtxt`: what of a model's configuration is honoured. Every other field is refused by its
//! name and place, since a setting that is passed over in silence misleads.

mod read;
mod scheduling;
pub mod text;

use std::time::Duration;

use serde_json::{Value, json};
use tandem_engine::tensors::{DataType, TensorSpec};

use crate::model::{BACKEND, Interface, PLATFORM};
use crate::queue::Batching;
use crate::repository::folder::MODEL_FILE;

pub use self::text::TextError;

/// Longest `config.pbtxt` in bytes.
pub const MAX_CONFIG_BYTES: u64 = 1 << 20;
/// Most instances of a model.
pub const MAX_INSTANCES: u32 = 16;
/// Longest queue that may be asked for.
pub const MAX_QUEUE: u32 = 65_536;
/// Most priority levels.
pub const MAX_PRIORITY_LEVELS: u64 = 1_000;
/// Longest wait for a batch: a minute, in microseconds.
pub const MAX_QUEUE_DELAY: u64 = 60_000_000;
/// Most preferred sizes of batches.
pub const MAX_PREFERRED: usize = 64;

/// Which versions of a folder are served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VersionPolicy {
    /// The highest, so many.
    Latest(u32),
    /// Every one.
    All,
    /// These.
    Specific(Vec<u64>),
}

/// An input or output as the configuration claims it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigTensor {
    /// ONNX name.
    pub name: String,
    /// Element type.
    pub datatype: DataType,
    /// Sides without the batch; -1 is any.
    pub dims: Vec<i64>,
    /// Outputs: file of class names in the model's folder, one a line.
    pub label_filename: Option<String>,
}

/// How requests wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueuePolicy {
    /// Priority levels; 1 is the highest.
    pub priority_levels: u64,
    /// Of requests that bring none.
    pub default_priority_level: u64,
    /// Of requests that bring none, in microseconds; 0 is none.
    pub default_timeout_microseconds: u64,
    /// Whether a request's own timeout counts where there is a default.
    pub allow_timeout_override: bool,
    /// Waiting requests at most.
    pub max_queue_size: u32,
}

/// How requests become batches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchPolicy {
    /// Sizes that are run as soon as they are there.
    pub preferred_batch_size: Vec<u32>,
    /// How long others wait for more, in microseconds.
    pub max_queue_delay_microseconds: u64,
}

impl Default for QueuePolicy {
    fn default() -> Self {
        Self {
            priority_levels: 10,
            default_priority_level: 5,
            default_timeout_microseconds: 0,
            allow_timeout_override: true,
            max_queue_size: 64,
        }
    }
}

/// A model's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelConfig {
    /// The folder's name.
    pub name: Option<String>,
    /// Largest batch; 0: the model's first sides are no batch.
    pub max_batch_size: u32,
    /// Inputs, compared with the model's where given.
    pub input: Vec<ConfigTensor>,
    /// Outputs, likewise.
    pub output: Vec<ConfigTensor>,
    /// Which versions.
    pub version_policy: VersionPolicy,
    /// How many runtimes run it at once.
    pub instances: u32,
    /// How requests wait.
    pub queue: QueuePolicy,
    /// `dynamic_batching` is there; without a `max_batch_size` it says only how requests wait.
    pub dynamic_batching: Option<BatchPolicy>,
}

impl Default for ModelConfig {
    fn default() -> Self {
        Self {
            name: None,
            max_batch_size: 0,
            input: Vec::new(),
            output: Vec::new(),
            version_policy: VersionPolicy::Latest(1),
            instances: 1,
            queue: QueuePolicy::default(),
            dynamic_batching: None,
        }
    }
}

impl ModelConfig {
    /// Reads a `config.pbtxt`.
    ///
    /// # Errors
    /// [`TextError`] with the place and name of what is unknown or out of range.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        read::config(&text::parse(text)?)
    }

    /// The rule of batches; none: each request runs on its own.
    pub fn batching(&self) -> Option<Batching> {
        let policy = self.dynamic_batching.as_ref().filter(|_| self.max_batch_size > 0)?;
        Some(Batching {
            most: self.max_batch_size as usize,
            preferred: policy.preferred_batch_size.iter().map(|size| *size as usize).collect(),
            delay: Duration::from_micros(policy.max_queue_delay_microseconds),
        })
    }

    /// The file of an output's class names; empty without one.
    pub fn label_file(&self, output: &str) -> &str {
        let found = self.output.iter().find(|tensor| tensor.name == output);
        found.and_then(|tensor| tensor.label_filename.as_deref()).unwrap_or_default()
    }
}

/// The name of a datatype in configurations.
pub fn config_name(datatype: DataType) -> String {
    match datatype {
        DataType::Bytes => "TYPE_STRING".into(),
        other => format!("TYPE_{}", other.name()),
    }
}

/// A version's configuration as clients read it over REST: what is in force, defaults included.
pub fn to_json(model: &Interface) -> Value {
    let batch = usize::from(model.config.max_batch_size > 0);
    let tensor = |spec: &TensorSpec| {
        json!({
            "name": spec.name,
            "data_type": config_name(spec.datatype),
            "dims": spec.shape[batch..],
        })
    };
    let outputs: Vec<Value> = model
        .outputs
        .iter()
        .map(|spec| {
            let mut output = tensor(spec);
            output["label_filename"] = json!(model.config.label_file(&spec.name));
            output
        })
        .collect();
    let policy = match &model.config.version_policy {
        VersionPolicy::Latest(count) => json!({ "latest": { "num_versions": count } }),
        VersionPolicy::All => json!({ "all": {} }),
        VersionPolicy::Specific(versions) => json!({ "specific": { "versions": versions } }),
    };
    let mut config = json!({
        "name": model.name,
        "platform": PLATFORM,
        "backend": BACKEND,
        "max_batch_size": model.config.max_batch_size,
        "input": model.inputs.iter().map(tensor).collect::<Vec<Value>>(),
        "output": outputs,
        "version_policy": policy,
        "instance_group": [{
            "name": model.name,
            "count": model.config.instances,
            "kind": "KIND_CPU",
        }],
        "default_model_filename": MODEL_FILE,
    });
    if let Some(batching) = &model.config.dynamic_batching {
        let queue = &model.config.queue;
        config["dynamic_batching"] = json!({
            "preferred_batch_size": batching.preferred_batch_size,
            "max_queue_delay_microseconds": batching.max_queue_delay_microseconds,
            "priority_levels": queue.priority_levels,
            "default_priority_level": queue.default_priority_level,
            "default_queue_policy": {
                "timeout_action": "REJECT",
                "default_timeout_microseconds": queue.default_timeout_microseconds,
                "allow_timeout_override": queue.allow_timeout_override,
                "max_queue_size": queue.max_queue_size,
            },
        });
    }
    config
}

#[cfg(test)]
mod tests;
