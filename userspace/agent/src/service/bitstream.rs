//! The programmable logic's bitstream: which are there, which runs, load another one.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use tandem_bitstreams::{
    Admitted, Identity, Library, LoadError, Loader, Manager, Manifest, Map, Record, Records,
    Station, admit,
};
use tandem_regs::kernel;
use tandem_uio::Logic;

use super::held::Held;
use super::{Care, Service};
use crate::api::ApiError;

/// A bitstream of the agent's folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BitstreamEntry {
    /// Name.
    pub name: String,
    /// One line for people.
    pub title: String,
    /// Board that it is for.
    pub board: String,
    /// Its kernels.
    pub kernels: Vec<String>,
    /// Clock of the kernels, MHz.
    pub clock_mhz: f64,
    /// SHA-256 of the image.
    pub sha256: String,
    /// It runs, as far as is known.
    pub current: bool,
}

/// A kernel where the board has one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelSeen {
    /// `pre`, `post`, `gate`.
    pub name: String,
    /// Bus address of its registers.
    pub base: u32,
    /// What its ID register says.
    pub id: u32,
    /// What its map's hash says.
    pub hash: u32,
    /// Both are those of this build.
    pub known: bool,
}

/// What the programmable logic holds, and how it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BitstreamReport {
    /// The bitstream of the last load that succeeded.
    pub name: Option<String>,
    /// SHA-256 of its image.
    pub sha256: Option<String>,
    /// When it was loaded, seconds of Unix time.
    pub loaded_at: Option<u64>,
    /// Program that loaded it.
    pub loaded_by: Option<String>,
    /// `record_and_kernels`, `record` (nobody could ask the kernels), `kernels` (loaded by somebody
    /// else, or before Linux), `doubt` (an unfinished load, or kernels that contradict), `nothing`.
    pub known_by: String,
    /// State of Linux' fpga_manager.
    pub manager: String,
    /// The kernels, where they can be asked.
    pub kernels: Vec<KernelSeen>,
    /// What is to be known besides.
    pub notes: Vec<String>,
}

fn failed(code: &str, field: &str, error: &dyn std::fmt::Display) -> ApiError {
    ApiError::new(code, field, error.to_string())
}

impl Service {
    /// This board's logic can be loaded from here.
    fn loadable(&self) -> Result<(), ApiError> {
        self.care.fpga.check().map_err(|why| {
            let message = format!(
                "Board {} has no fpga_manager that loads bitstreams: {why}",
                self.care.board.name
            );
            ApiError::new("no_fpga_manager", "board", message)
        })
    }

    fn library(&self) -> Result<Library, ApiError> {
        Library::open(&self.care.bitstreams).map_err(|error| {
            failed("bitstream_invalid", &self.care.bitstreams.display().to_string(), &error)
        })
    }

    fn admit(&self, name: &str) -> Result<Admitted, ApiError> {
        let library = self.library()?;
        let folder = library.named(name).ok_or_else(|| {
            let names: Vec<&str> = library.entries().map(|(_, m)| m.name.as_str()).collect();
            let folder = self.care.bitstreams.display();
            let message =
                format!("{folder} has no bitstream {name:?}; it has: {}", names.join(", "));
            ApiError::new("bitstream_unknown", "name", message)
        })?;
        admit(folder, &self.care.board).map_err(|error| failed("bitstream_refused", name, &error))
    }

    /// The bitstreams of the agent's folder. Blocks.
    ///
    /// # Errors
    /// `bitstream_invalid`.
    pub fn bitstreams(&self) -> Result<Vec<BitstreamEntry>, ApiError> {
        let runs = self.care.records().find().record;
        let entry = |manifest: &Manifest| BitstreamEntry {
            name: manifest.name.clone(),
            title: manifest.title.clone(),
            board: manifest.board.clone(),
            kernels: manifest.kernels.iter().map(|kernel| kernel.map.name().to_owned()).collect(),
            clock_mhz: manifest.built.clock_mhz,
            sha256: manifest.image.sha256.clone(),
            current: runs.as_ref().is_some_and(|runs| runs.sha256 == manifest.image.sha256),
        };
        Ok(self.library()?.entries().map(|(_, manifest)| entry(manifest)).collect())
    }

    /// Every check before a load; nothing is touched. Blocks.
    ///
    /// # Errors
    /// `bitstream_invalid`, `bitstream_unknown`, `bitstream_refused`.
    pub fn check_bitstream(&self, name: &str) -> Result<BitstreamEntry, ApiError> {
        let admitted = self.admit(name)?;
        let hash = admitted.manifest.image.sha256;
        let found = self.bitstreams()?.into_iter().find(|entry| entry.sha256 == hash);
        found.ok_or_else(|| ApiError::new("bitstream_unknown", "name", "It went away meanwhile"))
    }

    /// What the logic holds: the last load's record against what the kernels say. Blocks.
    ///
    /// # Errors
    /// `no_fpga_manager`.
    pub fn bitstream(&self) -> Result<BitstreamReport, ApiError> {
        self.loadable()?;
        let found = self.care.records().find();
        let manager =
            self.care.fpga.state().map_err(|why| failed("fpga_manager", "state", &why))?;
        let mut report = BitstreamReport { manager, ..BitstreamReport::default() };
        report.notes.extend(found.damaged);
        let unfinished = found.unfinished.map(|name| {
            format!("a load of {name} did not end: the logic may hold anything until one does")
        });
        let in_doubt = unfinished.is_some();
        report.notes.extend(unfinished);
        // Logic that is not configured does not answer.
        if report.manager == "operating" && !in_doubt {
            match self.care.kernels() {
                Ok(kernels) => report.kernels = kernels,
                Err(why) => report.notes.push(why),
            }
        }
        let strangers = report.kernels.iter().any(|kernel| !kernel.known);
        report.known_by = match (&found.record, report.kernels.is_empty()) {
            (Some(_), false) if !strangers => "record_and_kernels",
            (Some(_), true) if !in_doubt => "record",
            (Some(_), _) => "doubt",
            (None, _) if in_doubt => "doubt",
            (None, false) => "kernels",
            (None, true) => "nothing",
        }
        .to_owned();
        if let Some(Record { name, sha256, at, by }) = found.record {
            (report.name, report.sha256) = (Some(name), Some(sha256));
            (report.loaded_at, report.loaded_by) = (Some(at), Some(by));
        }
        Ok(report)
    }

    /// Loads a bitstream: the R5F's jobs end, it stops, DMA halts, the logic is programmed, each kernel
    /// says who it is, the R5F begins a new epoch. Jobs go by the CPU meanwhile. Blocks.
    ///
    /// # Errors
    /// As [`Service::check_bitstream`], `no_fpga_manager`, `no_overlay`, `busy`, `bitstream_busy`:
    /// nothing was touched. `bitstream_rolled_back`: the one before runs. `bitstream_failed`: the logic
    /// is not used until a load succeeds, and the CPU stands in. `restart_failed`: the logic is good and
    /// the firmware did not come back.
    pub fn load_bitstream(&self, name: &str) -> Result<BitstreamReport, ApiError> {
        self.loadable()?;
        let _alone = self.alone()?;
        let admitted = self.admit(name)?;
        let record = record(&admitted.manifest);
        let logic = Logic::open(&self.care.system, &self.care.board)
            .map_err(|error| failed("no_overlay", "tandem-pl", &error))?;
        let records = self.care.records();
        let mut station = OnBoard {
            service: self,
            logic,
            configured: self.care.fpga.state().is_ok_and(|state| state == "operating"),
            records: &records,
            name: name.to_owned(),
            held: None,
            touched: false,
            restart: Ok(()),
        };
        let before = self.known(&records);
        let old = before.as_ref().map(|admitted| self::record(&admitted.manifest));
        let mut loader = Loader::over((self.care.manager)(), before);
        let outcome = loader.load(admitted, &mut station);
        let written = match &outcome {
            Ok(()) if station.touched => records.end(&record),
            Err(LoadError::RolledBack { .. }) => old.map_or(Ok(()), |old| records.end(&old)),
            // Untouched, or in doubt: the marker says so.
            Ok(()) | Err(_) => Ok(()),
        };
        let restart = station.restart.clone();
        match station.held.take() {
            Some(held) if matches!(outcome, Err(LoadError::Failed { .. })) => held.keep(),
            held => drop(held),
        }
        self.note("info", format!("bitstream {name}: {}", told(&outcome)));
        outcome.map_err(|error| {
            let code = match &error {
                LoadError::Busy { .. } => "bitstream_busy",
                LoadError::RolledBack { .. } => "bitstream_rolled_back",
                LoadError::Failed { .. } => "bitstream_failed",
                _ => "bitstream_refused",
            };
            failed(code, name, &error)
        })?;
        restart.map_err(|why| failed("restart_failed", "firmware", &why))?;
        written.map_err(|error| failed("record_unwritable", "bitstream.toml", &error))?;
        self.bitstream()
    }

    /// The bitstream of the record, if it is still there and no load was cut short since.
    fn known(&self, records: &Records) -> Option<Admitted> {
        let found = records.find();
        let record = found.record.filter(|_| found.unfinished.is_none())?;
        let admitted = self.admit(&record.name).ok()?;
        (admitted.manifest.image.sha256 == record.sha256).then_some(admitted)
    }
}

fn told(outcome: &Result<(), LoadError>) -> String {
    outcome.as_ref().map_or_else(ToString::to_string, |()| "runs".to_owned())
}

fn record(manifest: &Manifest) -> Record {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Record {
        name: manifest.name.clone(),
        sha256: manifest.image.sha256.clone(),
        at: since.map_or(0, |since| since.as_secs()),
        by: concat!("agentd ", env!("CARGO_PKG_VERSION")).to_owned(),
    }
}

impl Care {
    fn records(&self) -> Records {
        Records::in_folder(&self.run)
    }

    /// Who is at each kernel's place.
    fn kernels(&self) -> Result<Vec<KernelSeen>, String> {
        let logic = Logic::open(&self.system, &self.board).map_err(|error| error.to_string())?;
        let seen = |map: Map| {
            let base = map.place(&self.board).base;
            let found = identity(&logic, base)?;
            let known = (found.id, found.hash) == (map.id(), map.hash());
            Ok(KernelSeen { name: map.name().into(), base, id: found.id, hash: found.hash, known })
        };
        [Map::Pre, Map::Post, Map::Gate].into_iter().map(seen).collect()
    }
}

fn identity(logic: &Logic, base: u32) -> Result<Identity, String> {
    let word = |offset| {
        logic.word(base, offset).ok_or_else(|| format!("no kernel's registers are at {base:#010x}"))
    };
    Ok(Identity { id: word(kernel::ID.offset())?, hash: word(kernel::HASH.offset())? })
}

/// The board while its logic is loaded.
struct OnBoard<'s> {
    service: &'s Service,
    logic: Logic,
    /// The logic answers before the load, so that its DMA can be asked to halt.
    configured: bool,
    records: &'s Records,
    name: String,
    held: Option<Held<'s>>,
    /// The marker of a load under way was written.
    touched: bool,
    /// How the firmware came back.
    restart: Result<(), String>,
}

impl Station for OnBoard<'_> {
    fn quiesce(&mut self) -> Result<(), String> {
        let held = self.service.hold().map_err(|error| error.message)?;
        let quiet = held.quiet;
        self.held = Some(held);
        self.service.stop_core()?;
        match self.configured {
            true => self.logic.stop_dma()?,
            false if !quiet => return Err("jobs of the R5F did not end".to_owned()),
            false => {}
        }
        self.records
            .begin(&self.name)
            .map_err(|error| format!("{}: {error}", self.service.care.run.display()))?;
        self.touched = true;
        Ok(())
    }

    fn identify(&mut self, base: u32) -> Result<Identity, String> {
        identity(&self.logic, base)
    }

    fn resume(&mut self) {
        self.restart = self.service.start_core(None);
    }
}

/// Makes what programs the logic, for each load anew.
pub(crate) type MakeManager = dyn Fn() -> Box<dyn Manager> + Send + Sync;

/// The folder where an image is placed for the kernel.
pub(crate) fn staging(run: &Path) -> std::path::PathBuf {
    run.join("fpga")
}
