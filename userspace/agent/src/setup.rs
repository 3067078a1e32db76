//! From paths and names to a running service. Every error says what was looked for and where.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tandem_boards::BoardError;
use tandem_engine::model::{Model, ModelRepository};
use tandem_engine::{Engine, EngineError, EngineOptions, load_engine_with};
use tandem_link::board::{Board, CoreError, CoreState};
use tandem_uio::{System, UioBoard, UioError};
use tandem_vboard::{Lockstep, Options as BoardOptions, Pl, VboardError, VirtualBoard};
use tandem_worker::{Absent, Address, Engines as Choice, RemoteEngine};
use thiserror::Error;

use crate::agent::{Agent, AgentConfig, Engines, StartError};
use crate::api::ApiError;
use crate::judge::{AcceptAll, Policy};
use crate::logs::{self, Logs};
use crate::recipe::store::{RecipeStore, RecipeSummary};
use crate::recipe::{Recipe, RecipeError, RecipeJudge};
use crate::service::{Info, Service, policy};

/// How long the firmware may take to join before the agent starts without it.
pub const JOIN_WITHIN: Duration = Duration::from_secs(5);

/// Name of the board that is part of this program.
const VIRTUAL: &str = "virtual";

/// Where an installation has the R5F's image.
pub const FIRMWARE: &str = "/lib/firmware/tandem-rpu";

/// When a Verilated kernel counts as hung, microseconds: the most that a description may say.
const RTL_TIMEOUT_US: u32 = 10_000_000;

/// What to start.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Board description; the built-in virtual board if `None`.
    pub board: Option<PathBuf>,
    /// Where the kernel shows a board that is not virtual.
    pub system: System,
    /// Image of its R5F; the log's strings are in it, too.
    pub firmware: PathBuf,
    /// Folder of models, `NAME/VERSION/model.toml`.
    pub models: PathBuf,
    /// Folder of recipes, `NAME.toml`.
    pub recipes: PathBuf,
    /// Recipe in force at the start; its model is loaded.
    pub recipe: String,
    /// Runtime of the main model in this process.
    pub engine: EngineOptions,
    /// Workers that run the main model in its place.
    pub workers: Vec<Address>,
    /// With workers: the runtime of this process stands by for what they do not answer.
    pub stand_by: bool,
    /// How the agent runs.
    pub agent: AgentConfig,
    /// How the virtual board's threads behave.
    pub spin: BoardOptions,
    /// What computes in the virtual board's logic.
    pub pl: Pl,
    /// One thread and virtual time: a board of this seed, whose run replays to the bit while
    /// requests come one after the other.
    pub deterministic: Option<u64>,
}

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
            SetupError::Missing { .. } => "folder_missing",
            SetupError::Recipe(error) => error.kind.code(),
            SetupError::Model(_) => "model_invalid",
            SetupError::Engine(EngineError::Library { .. }) => "library_missing",
            SetupError::Engine(_) => "engine_start",
            SetupError::Worker(_) => "worker_start",
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
            SetupError::Start(_) => "agent".to_owned(),
        }
    }
}

impl From<SetupError> for ApiError {
    fn from(error: SetupError) -> ApiError {
        ApiError::new(error.code(), error.field(), error.to_string())
    }
}

impl Setup {
    /// The folders of a checkout or an installation: `userspace/models` and `userspace/recipes`
    /// (or `models` and `recipes`) in the nearest folder upward from `from` that has them.
    pub fn near(from: &Path) -> Setup {
        let find = |name: &str| {
            from.ancestors()
                .flat_map(|folder| [folder.join("userspace").join(name), folder.join(name)])
                .find(|path| path.is_dir())
                .unwrap_or_else(|| PathBuf::from("userspace").join(name))
        };
        Setup {
            board: None,
            system: System::default(),
            firmware: PathBuf::from(FIRMWARE),
            models: find("models"),
            recipes: find("recipes"),
            recipe: "default".to_owned(),
            engine: EngineOptions::default(),
            workers: Vec::new(),
            stand_by: false,
            agent: AgentConfig::default(),
            spin: BoardOptions::default(),
            pl: Pl::Model,
            deterministic: None,
        }
    }

    /// Starts board, agent and service. Must be called inside a tokio runtime: the log is drained
    /// by a task of it.
    pub fn start(&self) -> Result<Arc<Service>, SetupError> {
        let prepared = self.prepare()?;
        let engines = self.engines(&prepared.model)?;
        self.start_on(prepared, engines)
    }

    /// Takes over what `--engine` says.
    pub fn choose(&mut self, choice: &Choice) {
        self.workers.clone_from(&choice.workers);
        self.stand_by = choice.local.is_some();
        self.engine.choice = choice.local.unwrap_or_default();
    }

    /// The engines of a model: that of this process, or workers. A worker may be missing at the
    /// start where another engine stands by.
    fn engines(&self, model: &Model) -> Result<Engines, SetupError> {
        let load = || load_engine_with(model, &self.engine).map_err(SetupError::Engine);
        if self.workers.is_empty() {
            return Ok(vec![load()?].into());
        }
        if self.deterministic.is_some() {
            return Err(SetupError::WorkerInTurns);
        }
        let absent = if self.stand_by { Absent::Allow } else { Absent::Refuse };
        let connect = |address: &Address| {
            let engine = RemoteEngine::connect(model, address.clone(), absent);
            engine.map(|engine| Box::new(engine) as Box<dyn Engine>).map_err(SetupError::Worker)
        };
        let main = self.workers.iter().map(connect).collect::<Result<_, _>>()?;
        let spare = if self.stand_by { Some(load()?) } else { None };
        Ok(Engines { main, spare })
    }

    /// The board's description.
    pub fn description(&self) -> Result<tandem_boards::Board, SetupError> {
        let mut board = match &self.board {
            None => tandem_boards::Board::virtual_default(),
            Some(path) => tandem_boards::Board::load(path)?,
        };
        if board.name != VIRTUAL {
            let conflict = |option| SetupError::NotVirtual { board: board.name.clone(), option };
            return match (self.deterministic, &self.pl) {
                (Some(_), _) => Err(conflict("--deterministic")),
                (None, Pl::Rtl(_)) => Err(conflict("--pl rtl")),
                (None, Pl::Model) => Ok(board),
            };
        }
        if self.pl != Pl::Model {
            // Simulated clocks: a frame takes a fraction of a second.
            board.firmware.kernel_timeout_us = RTL_TIMEOUT_US;
        }
        Ok(board)
    }

    /// Holds a recipe's text against the model that it names, of the folder of models.
    pub fn check_recipe(&self, file: &str, text: &str) -> Result<RecipeSummary, SetupError> {
        let stem = Path::new(file).file_stem().and_then(|stem| stem.to_str());
        let recipe = Recipe::parse(stem.unwrap_or("recipe"), file, text)?;
        exists("The folder of models", &self.models, "--models")?;
        let model = self.model(&recipe)?;
        recipe.check(&model.id(), model.labels(), model.post_params().score_threshold)?;
        Ok(RecipeSummary::of(&recipe, false))
    }

    /// Everything that can be refused before a thread runs: board, recipe, model.
    pub fn prepare(&self) -> Result<Prepared, SetupError> {
        let board = self.description()?;
        exists("The folder of models", &self.models, "--models")?;
        exists("The folder of recipes", &self.recipes, "--recipes")?;
        let recipe = crate::recipe::store::load(&self.recipes, &self.recipe)?;
        let model = self.model(&recipe)?;
        let labels: Arc<[String]> = model.labels().into();
        let judge = Arc::new(RecipeJudge::new(
            Arc::new(recipe),
            &model.id(),
            labels,
            model.post_params().score_threshold,
        )?);
        Ok(Prepared { board, model, judge })
    }

    /// Loads the folder of the recipe's model. A recipe's model is `name/version` in plain
    /// characters, so the folder lies inside `models`.
    fn model(&self, recipe: &Recipe) -> Result<Model, SetupError> {
        let folder = self.models.join(recipe.model());
        if folder.join("model.toml").is_file() {
            return Model::load(&folder).map_err(SetupError::Model);
        }
        let repository = ModelRepository::open(&self.models).map_err(SetupError::Model)?;
        let ids: Vec<String> = repository.models().iter().map(Model::id).collect();
        recipe.check_model(ids.iter().map(String::as_str))?;
        Model::load(&folder).map_err(SetupError::Model)
    }

    /// Starts with an engine that is loaded already.
    pub fn start_with(
        &self,
        prepared: Prepared,
        engine: Box<dyn Engine>,
    ) -> Result<Arc<Service>, SetupError> {
        self.start_on(prepared, vec![engine].into())
    }

    fn start_on(&self, prepared: Prepared, engines: Engines) -> Result<Arc<Service>, SetupError> {
        let Prepared { board, model, judge } = prepared;
        // A board of silicon says which part it has.
        let simulated = board.device.is_none();
        // The firmware of the virtual board is part of this program, and so are its log's strings.
        let strings = match board.name == VIRTUAL {
            true => PathBuf::from("/proc/self/exe"),
            false => self.firmware.clone(),
        };
        let info = Info {
            board: board.name.clone(),
            simulated,
            engine: engines.describe(),
            strings: strings.clone(),
        };
        let recipes = RecipeStore::open(&self.recipes, &self.recipe, |_| Ok(()))?;
        let base = Policy::of_model(&model, Arc::new(AcceptAll));
        let start = policy(&base, judge.clone());
        let config = self.agent.clone();
        let agent = match self.deterministic {
            _ if board.name != VIRTUAL => {
                Agent::start(self.real_board(&board)?, config, start, engines)?
            }
            None => {
                let board = Arc::new(VirtualBoard::start_on(&board, self.spin, &self.pl)?);
                Agent::start(board, config, start, engines)?
            }
            Some(_) if self.pl != Pl::Model => return Err(SetupError::RtlInTurns),
            Some(seed) => {
                let board = Arc::new(Lockstep::new(&board, seed)?);
                Agent::start_in_turns(board, config, start, engines)?
            }
        };
        let agent = Arc::new(agent);
        let lines = Logs::default();
        drain_logs(&agent, lines.clone(), strings);
        Ok(Arc::new(Service::new(agent, info, base, recipes, judge, lines)))
    }

    /// Opens the board that Linux shows, and starts its core unless it runs: an agent that comes
    /// back finds the firmware at work.
    fn real_board(&self, board: &tandem_boards::Board) -> Result<Arc<UioBoard>, SetupError> {
        let board = UioBoard::open(board, self.firmware.clone(), &self.system)?;
        if board.core().state() != CoreState::Running {
            board.core().start()?;
        }
        Ok(Arc::new(board))
    }
}

/// What [`Setup::prepare`] found good.
#[derive(Debug)]
pub struct Prepared {
    /// Board description.
    pub board: tandem_boards::Board,
    /// Model of the recipe.
    pub model: Model,
    /// The recipe, bound to it.
    pub judge: Arc<RecipeJudge>,
}

fn exists(what: &'static str, path: &Path, flag: &'static str) -> Result<(), SetupError> {
    if path.is_dir() {
        return Ok(());
    }
    Err(SetupError::Missing { what, path: path.to_owned(), flag })
}

/// Decodes the firmware's log with the strings in the ELF file `image`.
fn drain_logs(agent: &Arc<Agent>, lines: Logs, image: PathBuf) {
    let agent = Arc::downgrade(agent);
    tokio::spawn(async move {
        let read = move || logs::table(&image);
        let table = tokio::task::spawn_blocking(read).await.ok().flatten();
        let source = move |sink: &mut Vec<u8>| agent.upgrade().map(|agent| agent.drain_log(sink));
        lines.drain(table, source).await;
    });
}
