//! From paths and names to a running service. Every error says what was looked for and where.

mod error;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tandem_bitstreams::FpgaManager;
use tandem_channels::Probe;
use tandem_engine::model::{Model, ModelRepository};
use tandem_engine::{Engine, EngineOptions, load_engine_with};
use tandem_link::board::{Board, CoreState};
use tandem_policy::{Source, Store, Timing, Watch};
use tandem_uio::{System, UioBoard};
use tandem_vboard::{Lockstep, Options as BoardOptions, Pl, VirtualBoard};
use tandem_worker::{Absent, Address, Engines as Choice, RemoteEngine};

use crate::agent::{Agent, AgentConfig, Engines};
use crate::channels::{self, Said};
use crate::firmware;
use crate::gate::GateOption;
use crate::judge::{AcceptAll, Policy};
use crate::logs::{self, Logs};
use crate::recipe::store::{RecipeStore, RecipeSummary};
use crate::recipe::{Recipe, RecipeJudge};
use crate::routing;
use crate::service::{Care, Info, Service, policy, staging};

pub use error::SetupError;

/// How long the firmware may take to join before the agent starts without it.
pub const JOIN_WITHIN: Duration = Duration::from_secs(5);

/// Name of the board that is part of this program.
const VIRTUAL: &str = "virtual";

/// Where an installation has the R5F's image.
pub const FIRMWARE: &str = "/lib/firmware/tandem-rpu";

/// Where an installation keeps what lasts.
pub const STATE: &str = "/var/lib/tandem";

/// Where a system keeps what ends with its power.
const RUN: &str = "/run/tandem";

/// Where an installation has bitstreams.
pub const BITSTREAMS: &str = "/usr/share/tandem/bitstreams";

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
    /// Folder for what lasts: updates of that image.
    pub state: PathBuf,
    /// Folder that is empty after the power was off: which slot runs, which bitstream.
    pub run: PathBuf,
    /// Folder of bitstreams, `NAME/manifest.toml`.
    pub bitstreams: PathBuf,
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
    /// Where routing policies come from; `None`: only from `agentctl policy apply`.
    pub policy: Option<Source>,
    /// What an operator says of channels.
    pub channels: Said,
    /// How the agent runs.
    pub agent: AgentConfig,
    /// Settings of the gate, in place of the agent's own: its triggers are kept for clients.
    pub gate: Option<GateOption>,
    /// How the virtual board's threads behave.
    pub spin: BoardOptions,
    /// What computes in the virtual board's logic.
    pub pl: Pl,
    /// One thread and virtual time: a board of this seed, whose run replays to the bit while
    /// requests come one after the other.
    pub deterministic: Option<u64>,
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
            state: PathBuf::from(STATE),
            run: PathBuf::from(RUN),
            bitstreams: PathBuf::from(BITSTREAMS),
            models: find("models"),
            recipes: find("recipes"),
            recipe: "default".to_owned(),
            engine: EngineOptions::default(),
            workers: Vec::new(),
            stand_by: false,
            policy: None,
            channels: Said::default(),
            agent: AgentConfig::default(),
            gate: None,
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
        let board = prepared.board.clone();
        self.serve(prepared, engines, |config, start, engines| match self.deterministic {
            _ if board.name != VIRTUAL => {
                let (board, notes) = self.real_board(&board)?;
                Ok((Agent::start(board, config, start, engines)?, notes))
            }
            None => {
                let board = Arc::new(VirtualBoard::start_on(&board, self.spin, &self.pl)?);
                Ok((Agent::start(board, config, start, engines)?, Vec::new()))
            }
            Some(_) if self.pl != Pl::Model => Err(SetupError::RtlInTurns),
            Some(seed) => {
                let board = Arc::new(Lockstep::new(&board, seed)?);
                Ok((Agent::start_in_turns(board, config, start, engines)?, Vec::new()))
            }
        })
    }

    /// A service over the agent that `start` makes, with notes for the operator.
    pub(crate) fn serve(
        &self,
        prepared: Prepared,
        engines: Engines,
        start: impl FnOnce(AgentConfig, Policy, Engines) -> Result<(Agent, Vec<String>), SetupError>,
    ) -> Result<Arc<Service>, SetupError> {
        let Prepared { board, model, judge } = prepared;
        // The firmware of the virtual board is part of this program, and so are its log's strings.
        let strings = match board.name == VIRTUAL {
            true => PathBuf::from("/proc/self/exe"),
            false => self.firmware.clone(),
        };
        let info = Info {
            board: board.name.clone(),
            // A board of silicon says which part it has.
            simulated: board.device.is_none(),
            engine: engines.describe(),
            strings: strings.clone(),
        };
        let recipes = RecipeStore::open(&self.recipes, &self.recipe, |_| Ok(()))?;
        let base = Policy::of_model(&model, Arc::new(AcceptAll));
        let local =
            if self.workers.is_empty() { engines.main.first() } else { engines.spare.as_ref() };
        let local = local.map(|engine| engine.name());
        let root = self.system.sys.parent().unwrap_or(Path::new("/"));
        let channels = channels::table(&board, &model, &self.workers, local, &self.channels, root)?;
        let channels = Arc::new(channels);
        let routing = Arc::new(Store::new(routing::catalog(&model.id(), &channels)));
        if let Some(source) = &self.policy {
            source.load(&routing)?;
        }
        let mut config = AgentConfig {
            routing: Some(routing.clone()),
            channels: Some(channels),
            ..self.agent.clone()
        };
        if let Some(gate) = &self.gate {
            config.gate = Some(gate.on(&board)?);
        }
        let (agent, notes) = start(config, policy(&base, judge.clone()), engines)?;
        let agent = Arc::new(agent);
        let lines = Logs::default();
        drain_logs(&agent, lines.clone(), strings);
        let care = self.care(board, notes);
        let service = Arc::new(Service::new(agent, info, care, base, recipes, judge, lines));
        if self.gate.is_some() {
            service.keep_triggers();
        }
        if let Some(source) = &self.policy {
            service.follow(Watch::start(source.clone(), routing, Timing::default())?);
        }
        Ok(service)
    }

    fn care(&self, board: tandem_boards::Board, notes: Vec<String>) -> Care {
        let root = self.system.sys.parent().unwrap_or(Path::new("/"));
        let fpga = FpgaManager::at(root).placing_in(&staging(&self.run), root);
        let manager = fpga.clone();
        Care {
            board,
            installed: self.firmware.clone(),
            store: firmware::Store::in_state(&self.state),
            system: self.system.clone(),
            bitstreams: self.bitstreams.clone(),
            run: self.run.clone(),
            fpga,
            manager: Arc::new(move || Box::new(manager.clone())),
            probe: Probe { root: root.to_owned(), refuse: self.channels.refuse.clone() },
            notes,
        }
    }

    /// Opens the board that Linux shows, and starts its core unless it runs: an agent that comes
    /// back finds the firmware at work. Notes say why an update was passed over.
    fn real_board(
        &self,
        board: &tandem_boards::Board,
    ) -> Result<(Arc<UioBoard>, Vec<String>), SetupError> {
        let store = firmware::Store::in_state(&self.state);
        let (image, note) = store.image(&self.firmware, board);
        let board = UioBoard::open(board, image, &self.system)?;
        if store.take_trial() {
            // An agent ended while it tried an update: nobody knows what runs.
            board.core().restart()?;
        } else if board.core().state() != CoreState::Running {
            board.core().start()?;
        }
        Ok((Arc::new(board), note.into_iter().collect()))
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

/// Decodes the firmware's log with the strings in the image that the core loads; in `strings` where
/// it loads none.
fn drain_logs(agent: &Arc<Agent>, lines: Logs, strings: PathBuf) {
    let agent = Arc::downgrade(agent);
    tokio::spawn(async move {
        while let Some(image) = agent.upgrade().map(|agent| agent.core().image()) {
            let file = image.clone().unwrap_or_else(|| strings.clone());
            let read = move || logs::table(&file);
            let table = tokio::task::spawn_blocking(read).await.ok().flatten();
            let same = |agent: &Arc<Agent>| agent.core().image() == image;
            let source = |sink: &mut Vec<u8>| {
                agent.upgrade().filter(same).map(|agent| agent.drain_log(sink))
            };
            lines.clone().drain(table, source).await;
        }
    });
}
