//! Why nothing was started.

use std::path::PathBuf;

use tandem_boards::BoardError;
use tandem_engine::EngineError;
use tandem_link::board::CoreError;
use tandem_policy::{Refusal, SourceError};
use tandem_uio::UioError;
use tandem_vboard::VboardError;
use thiserror::Error;

use crate::agent::StartError;
use crate::api::ApiError;
use crate::channels::SaidError;
use crate::gate::GateError;
use crate::recipe::RecipeError;

/// Why nothing was started.
#[derive(Debug, Error)]
pub enum SetupError {
    /// The board description.
    #[error("{0}")]
    Board(#[from] BoardError),
    /// A board that Linux shows.
    #[error(transparent)]
    Uio(#[from] UioError),
    /// The R5F of such a board.
    #[error("{0}; --firmware names the image")]
    Core(#[from] CoreError),
    /// An option that only the virtual board has.
    #[error("Board {board} is not virtual: it has no {option}")]
    NotVirtual {
        /// Its name.
        board: String,
        /// The option.
        option: &'static str,
    },
    /// The virtual board.
    #[error("{0}")]
    Vboard(#[from] VboardError),
    /// Verilated kernels run on threads of their own, which virtual time cannot replay.
    #[error("A deterministic board has the model in its logic: leave out --pl rtl or the seed")]
    RtlInTurns,
    /// A folder that must be there.
    #[error("{what} {path} is not there; run scripts/setup, or name another one with {flag}")]
    Missing {
        /// What was looked for.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// Option that names it.
        flag: &'static str,
    },
    /// What was said of channels.
    #[error("{0}")]
    Channels(#[from] SaidError),
    /// The recipe.
    #[error("{0}")]
    Recipe(#[from] RecipeError),
    /// The folder of the recipe's model was refused.
    #[error("{0}")]
    Model(EngineError),
    /// The model's runtime.
    #[error("{0}; run scripts/setup, or choose with --engine")]
    Engine(EngineError),
    /// Virtual time cannot replay what a worker does in real time.
    #[error(
        "A deterministic board runs the main model in this process: leave out the worker or the seed"
    )]
    WorkerInTurns,
    /// A worker of the main model.
    #[error("{0}")]
    Worker(EngineError),
    /// The routing policy that is to be in force from the start.
    #[error("{0}")]
    Policy(#[from] Refusal),
    /// Where routing policies come from.
    #[error("--policy: {0}")]
    PolicySource(#[from] SourceError),
    /// Settings of the gate.
    #[error(transparent)]
    Gate(#[from] GateError),
    /// The agent.
    #[error("{0}")]
    Start(#[from] StartError),
}

impl SetupError {
    /// Stable code, as in [`ApiError::code`].
    pub fn code(&self) -> &'static str {
        match self {
            SetupError::Board(_) => "board_invalid",
            SetupError::Uio(_) | SetupError::Core(_) => "board_start",
            SetupError::NotVirtual { .. } => "option_conflict",
            SetupError::Vboard(_) => "board_start",
            SetupError::RtlInTurns | SetupError::WorkerInTurns => "option_conflict",
            SetupError::Gate(_) => "gate_setting",
            SetupError::Channels(_) => "channel_setting",
            SetupError::Missing { .. } => "folder_missing",
            SetupError::Recipe(error) => error.kind.code(),
            SetupError::Model(_) => "model_invalid",
            SetupError::Engine(EngineError::Library { .. }) => "library_missing",
            SetupError::Engine(_) => "engine_start",
            SetupError::Worker(_) => "worker_start",
            SetupError::Policy(refusal) => refusal.code().name(),
            SetupError::PolicySource(_) => "policy_source",
            SetupError::Start(_) => "agent_start",
        }
    }

    fn field(&self) -> String {
        match self {
            SetupError::Board(_) | SetupError::Uio(_) | SetupError::Vboard(_) => "board".to_owned(),
            SetupError::NotVirtual { option, .. } => (*option).to_owned(),
            SetupError::Core(_) => "firmware".to_owned(),
            SetupError::RtlInTurns => "pl".to_owned(),
            SetupError::WorkerInTurns => "engine".to_owned(),
            SetupError::Missing { path, .. } => path.display().to_string(),
            SetupError::Recipe(error) => ApiError::from(error.clone()).field,
            SetupError::Model(_) => "model".to_owned(),
            SetupError::Engine(EngineError::Library { path, .. }) => path.clone(),
            SetupError::Engine(EngineError::Model { field, .. }) => field.clone(),
            SetupError::Worker(EngineError::Model { field, .. }) => field.clone(),
            SetupError::Engine(_) | SetupError::Worker(_) => "engine".to_owned(),
            SetupError::Policy(refusal) => refusal.origin.clone(),
            SetupError::PolicySource(_) => "policy".to_owned(),
            SetupError::Gate(_) => "gate".to_owned(),
            SetupError::Channels(_) => "channels".to_owned(),
            SetupError::Start(_) => "agent".to_owned(),
        }
    }
}

impl From<SetupError> for ApiError {
    fn from(error: SetupError) -> ApiError {
        ApiError::new(error.code(), error.field(), error.to_string())
    }
}
