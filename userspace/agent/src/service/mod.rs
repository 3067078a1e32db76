//! What agentd can do for a client, whatever the door it came through: HTTP, socket, in process.

mod bench;
mod bitstream;
mod board;
mod faults;
mod firmware;
mod held;
mod images;
#[cfg(test)]
mod loads;
mod policies;
mod published;
mod report;
mod reset;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod triggers;
#[cfg(test)]
mod updates;

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tandem_bitstreams::FpgaManager;
use tandem_channels::Probe;
use tandem_engine::model::q16;
use tandem_link::crash::Record;
use tandem_policy::Watch;
use tandem_uio::System;

pub use bitstream::{BitstreamEntry, BitstreamReport, KernelSeen};
pub(crate) use bitstream::{MakeManager, staging};
pub use board::{BoardInfo, SlotReport, SlotsReport};
pub use faults::{FREEZE_CORE, KILL_CORE};
pub use firmware::FirmwareReport;
pub use policies::{PolicyReport, RuleSummary};
pub use published::Published;
pub use report::{BenchReport, BenchRow, FaultReport, PingReport, Status, TensorDump};
pub use triggers::{MAX_WAIT, Passed, PassedList};

use published::Verdicts;
use triggers::TriggerLog;

use crate::agent::Agent;
use crate::api::ApiError;
use crate::control::{CrashReport, LogLine};
use crate::counters::Snapshot;
use crate::firmware::Store;
use crate::judge::Policy;
use crate::logs::{self, Logs};
use crate::recipe::store::{RecipeStore, RecipeSummary};
use crate::recipe::{Recipe, RecipeError, RecipeJudge};
use crate::serial;

/// How long a report of the data plane may take.
const REPORT_WAIT: Duration = Duration::from_secs(2);
/// Most round trips of one ping.
const MAX_PINGS: u32 = 1_000_000;

/// Facts about the agent that do not change while it runs.
#[derive(Clone, Debug)]
pub struct Info {
    /// Board's name.
    pub board: String,
    /// The board is a model on this machine.
    pub simulated: bool,
    /// Runtime of the main model, for people.
    pub engine: String,
    /// ELF file with the strings of the firmware's log, where the core loads no file.
    pub strings: PathBuf,
}

/// What work on the board itself needs.
#[derive(Clone)]
pub struct Care {
    /// The board's description.
    pub board: tandem_boards::Board,
    /// The image that the installation brought.
    pub installed: PathBuf,
    /// Updates of it.
    pub store: Store,
    /// Where the kernel shows the board.
    pub system: System,
    /// Folder of bitstreams.
    pub bitstreams: PathBuf,
    /// Folder that is empty after the power was off.
    pub run: PathBuf,
    /// What Linux loads the logic by.
    pub fpga: FpgaManager,
    /// Makes it again for a load.
    pub(crate) manager: Arc<MakeManager>,
    /// Where kinds of channels are looked for.
    pub probe: Probe,
    /// What an operator should know about the firmware that was chosen at the start.
    pub notes: Vec<String>,
}

/// Verbs over one agent.
pub struct Service {
    agent: Arc<Agent>,
    info: Info,
    care: Care,
    /// Held by whoever works on the core or the logic.
    busy: tokio::sync::Mutex<()>,
    /// The model with its own thresholds, before any recipe.
    base: Policy,
    recipes: RecipeStore,
    judge: ArcSwap<RecipeJudge>,
    logs: Logs,
    started: Instant,
    line: OnceLock<Arc<serial::Counters>>,
    /// Brings routing policies while the agent runs.
    watch: OnceLock<Watch>,
    triggers: OnceLock<Arc<TriggerLog>>,
    verdicts: Verdicts,
}

/// `base` under a recipe.
pub fn policy(base: &Policy, judge: Arc<RecipeJudge>) -> Policy {
    let mut policy = base.clone();
    let recipe = judge.recipe();
    if let Some(threshold) = recipe.score_threshold() {
        policy.post.score_threshold = q16(threshold);
    }
    if let Some(threshold) = recipe.iou_threshold() {
        policy.post.iou_threshold = q16(threshold);
    }
    policy.judge = judge;
    policy
}

impl Service {
    /// A service over an agent that runs under `judge`'s recipe already.
    pub fn new(
        agent: Arc<Agent>,
        info: Info,
        care: Care,
        base: Policy,
        recipes: RecipeStore,
        judge: Arc<RecipeJudge>,
        logs: Logs,
    ) -> Service {
        let (judge, started) = (ArcSwap::new(judge), Instant::now());
        let busy = tokio::sync::Mutex::default();
        let (line, triggers, verdicts) = Default::default();
        let watch = OnceLock::new();
        Service {
            agent,
            info,
            care,
            busy,
            base,
            recipes,
            judge,
            logs,
            started,
            line,
            watch,
            triggers,
            verdicts,
        }
    }

    /// The agent.
    pub fn agent(&self) -> &Arc<Agent> {
        &self.agent
    }

    /// Facts that do not change.
    pub fn info(&self) -> &Info {
        &self.info
    }

    /// Model in use, `name/version`.
    pub fn model(&self) -> &str {
        &self.base.model
    }

    /// The firmware's log.
    pub fn logs(&self) -> &Logs {
        &self.logs
    }

    /// Puts a line into the log that does not come from the firmware.
    pub fn note(&self, level: &str, text: String) {
        self.logs.push(LogLine { level: level.to_owned(), at: String::new(), text });
    }

    /// The counters of agentctl's serial line, which status tells from now on; one line at most.
    pub fn line(&self) -> Arc<serial::Counters> {
        self.line.get_or_init(Arc::default).clone()
    }

    /// The firmware's crash records, oldest first, and how many are damaged.
    pub fn crashes(&self) -> (Vec<CrashReport>, u32) {
        let (records, damaged) = self.agent.crashes();
        let strings = self.agent.core().image().unwrap_or_else(|| self.info.strings.clone());
        let table = if records.is_empty() { None } else { logs::table(&strings) };
        let report = |record: &Record| {
            let mut log = Vec::new();
            if let Some(table) = &table {
                logs::Decoder::new(table).lines(&record.log, 0, |line| log.push(line));
            }
            CrashReport::new(record, log)
        };
        (records.iter().map(report).collect(), damaged)
    }

    /// All counters.
    pub fn stats(&self) -> Snapshot {
        self.agent.stats()
    }

    fn bind(&self, recipe: Recipe) -> Result<RecipeJudge, RecipeError> {
        let threshold = self.base.post.score_threshold;
        RecipeJudge::new(Arc::new(recipe), &self.base.model, self.base.labels.clone(), threshold)
    }

    /// How the agent does.
    pub async fn status(&self) -> Status {
        let report = tokio::time::timeout(REPORT_WAIT, self.agent.report()).await;
        let incidents = self.stats().incidents.into_iter().filter(|(_, count)| *count > 0);
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            board: self.info.board.clone(),
            simulated: self.info.simulated,
            uptime_s: self.started.elapsed().as_secs_f64(),
            model: self.model().to_owned(),
            engine: self.info.engine.clone(),
            recipe: self.agent.policy().judge.recipe().to_owned(),
            core: firmware::core_word(self.agent.core().state()).to_owned(),
            report: report.ok().and_then(Result::ok),
            frame_capacity: self.agent.frame_capacity() as u64,
            incidents: incidents.collect(),
            policy: self.agent.routing().map(|store| store.report()),
            serial: self.line.get().map(|counters| counters.report()),
        }
    }

    /// Waits until the firmware has joined; `false` if it did not in `limit`.
    pub async fn wait_ready(&self, limit: Duration) -> bool {
        let poll = async {
            while !self.status().await.is_ready() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(limit, poll).await.is_ok()
    }

    /// Ring round trips to the firmware and back, one after the other.
    pub async fn ping(&self, count: u32) -> Result<PingReport, ApiError> {
        if count == 0 || count > MAX_PINGS {
            let message = format!("count is {count}, use 1 to {MAX_PINGS}");
            return Err(ApiError::new("ping_range", "count", message));
        }
        let mut times = Vec::new();
        for _ in 0..count {
            match self.agent.ping().await {
                Ok(ns) => times.push(ns as f64 / 1e3),
                Err(_) => break, // the next would wait as long for nothing
            }
        }
        if times.is_empty() {
            let message = "The firmware does not answer, see agentctl status and agentctl logs";
            return Err(ApiError::new("no_answer", "firmware", message));
        }
        times.sort_by(f64::total_cmp);
        let at = |per_mille: usize| times[(times.len() - 1) * per_mille / 1000];
        Ok(PingReport {
            sent: count,
            answered: times.len() as u32,
            min_us: at(0),
            p50_us: at(500),
            p99_us: at(990),
            max_us: at(1000),
        })
    }

    /// Recipes of the folder.
    pub fn recipes(&self) -> Result<Vec<RecipeSummary>, ApiError> {
        Ok(self.recipes.list()?)
    }

    /// Holds a recipe's text against the model in use.
    pub fn check_recipe(&self, file: &str, text: &str) -> Result<RecipeSummary, ApiError> {
        let stem = std::path::Path::new(file).file_stem().and_then(|stem| stem.to_str());
        let recipe = Recipe::parse(stem.unwrap_or("recipe"), file, text)?;
        let judge = self.bind(recipe)?;
        Ok(RecipeSummary::of(judge.recipe(), false))
    }

    /// Puts a recipe in force for every image from now on. On an error the last good one stays.
    pub fn switch_recipe(&self, name: &str) -> Result<RecipeSummary, ApiError> {
        let recipe = self.recipes.switch(name, |recipe| {
            let judge = Arc::new(self.bind(recipe.clone())?);
            let policy = Arc::new(policy(&self.base, judge.clone()));
            self.agent
                .swap_policy(policy)
                .map_err(|error| ApiError::new("recipe_slots", "model", error.to_string()))?;
            self.judge.store(judge);
            Ok::<(), ApiError>(())
        })?;
        Ok(RecipeSummary::of(&recipe, true))
    }
}
