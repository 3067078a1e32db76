//! What can go wrong at the facade.

use tandem_engine::EngineError;
use tandem_link::{LinkError, SlotClass};
use tandem_model::pre::PreError;

use crate::api::ApiError;
use crate::slots::MapError;

/// Why the agent did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The pool could not be mapped.
    #[error(transparent)]
    Map(#[from] MapError),
    /// The link's block could not be formatted.
    #[error("Link to the R5F: {0}")]
    Link(#[from] LinkError),
    /// No engine was given, or it could not be loaded.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The model does not fit the board's slots.
    #[error("Model {model} needs {need} bytes in a {class:?} slot, the board has {have}")]
    Slots {
        /// `name/version`.
        model: String,
        /// Which class.
        class: SlotClass,
        /// Bytes needed.
        need: usize,
        /// Bytes there.
        have: usize,
    },
    /// The policy is not one of the model that the engines run.
    #[error("Policy is of model {policy}, the engines run {engine}")]
    Model {
        /// Of the policy.
        policy: String,
        /// Of the engines.
        engine: String,
    },
    /// A thread could not be started.
    #[error("Starting thread {name}: {source}")]
    Thread {
        /// Its name.
        name: &'static str,
        /// The system's reason.
        source: std::io::Error,
    },
}

/// Why a job was not taken in. Nothing was counted and the frame slot is free again.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// The frame or the recipe's crop is impossible.
    #[error(transparent)]
    Frame(#[from] PreError),
    /// The frame does not fit its slot.
    #[error("The frame needs {need} bytes, a frame slot holds {have}")]
    TooLarge {
        /// Bytes needed.
        need: usize,
        /// Bytes there.
        have: usize,
    },
    /// The queue to the data plane is full.
    #[error("Too many images are waiting; try again")]
    Busy,
    /// The agent is shutting down.
    #[error("The agent is shutting down")]
    Stopping,
}

impl From<SubmitError> for ApiError {
    fn from(error: SubmitError) -> Self {
        let (code, field) = match &error {
            SubmitError::Frame(_) => ("bad_frame", "image"),
            SubmitError::TooLarge { .. } => ("image_too_large", "image"),
            SubmitError::Busy => ("busy", "agent"),
            SubmitError::Stopping => ("stopping", "agent"),
        };
        Self::new(code, field, error.to_string())
    }
}
