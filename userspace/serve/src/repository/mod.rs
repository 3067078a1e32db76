//! The models of a folder, `NAME/VERSION/model.onnx` and `NAME/config.pbtxt`: what is there, what is
//! loaded, and what is on its way in or out.

mod change;
pub mod folder;
pub mod memory;
pub mod sealed;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, RwLock};

use tandem_engine::EngineOptions;

use self::memory::Memory;
use self::sealed::Print;
use crate::error::ServeError;
use crate::model::Model;
use crate::settings::Log;

/// How a version does.
#[derive(Clone, Debug)]
enum State {
    Loading,
    Ready(Arc<Model>),
    Unloading,
    Unavailable(String),
}

/// A line of the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelIndex {
    /// Name.
    pub name: String,
    /// Version; empty where none was ever loaded.
    pub version: String,
    /// `READY`, `LOADING`, `UNLOADING` or `UNAVAILABLE`.
    pub state: &'static str,
    /// Why, where that is not plain.
    pub reason: String,
}

/// What the files of a version and of its model were when it was loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Source {
    model: Print,
    version: Print,
}

/// A model of the folder.
#[derive(Debug, Default)]
struct Entry {
    versions: BTreeMap<u64, State>,
    /// Of the versions that are ready.
    sources: BTreeMap<u64, Source>,
    /// Versions that are not to be served until a load is asked for.
    withdrawn: BTreeSet<u64>,
    /// Why the last load came to nothing, where no version says so.
    refusal: String,
    /// What polling saw when it last tried.
    seen: Option<BTreeMap<u64, Print>>,
}

/// The models of a folder.
#[derive(Debug)]
pub struct Repository {
    dir: PathBuf,
    engine: EngineOptions,
    log: Arc<Log>,
    memory: Arc<Memory>,
    models: RwLock<BTreeMap<String, Entry>>,
    /// Held while a model is loaded or unloaded: one at a time.
    changing: Mutex<()>,
    /// The first loading is over and the end has not begun.
    serving: AtomicBool,
}

impl Repository {
    /// Nothing is loaded yet.
    pub fn new(dir: &Path, engine: EngineOptions, memory: Arc<Memory>, log: Arc<Log>) -> Self {
        Self {
            dir: dir.to_owned(),
            engine,
            log,
            memory,
            models: RwLock::default(),
            changing: Mutex::default(),
            serving: AtomicBool::new(false),
        }
    }

    /// Says that the server is ready without loading anything.
    pub fn load_none(&self) {
        self.serving.store(true, Ordering::Release);
    }

    /// Whether inferences are taken: the first loading is over, the end has not begun.
    pub fn is_ready(&self) -> bool {
        self.serving.load(Ordering::Acquire)
    }

    /// A ready model: a version, or the highest.
    ///
    /// # Errors
    /// Not found where there is no such version; unavailable where it is not ready.
    pub fn get(&self, name: &str, version: &str) -> Result<Arc<Model>, ServeError> {
        let models = self.models.read().unwrap_or_else(|poison| poison.into_inner());
        let none = || ServeError::not_found(format!("Model {name:?} is not loaded"));
        let versions = &models.get(name).ok_or_else(none)?.versions;
        if version.is_empty() {
            let ready = versions.values().rev().find_map(|state| match state {
                State::Ready(model) => Some(model.clone()),
                _ => None,
            });
            return ready.ok_or_else(|| match versions.values().next_back() {
                Some(state) => not_ready(name, "", state),
                None => none(),
            });
        }
        let number = version.parse::<u64>().ok();
        match number.and_then(|number| versions.get(&number)) {
            Some(State::Ready(model)) => Ok(model.clone()),
            Some(state) => Err(not_ready(name, version, state)),
            None => {
                Err(ServeError::not_found(format!("Model {name:?} has no version {version:?}")))
            }
        }
    }

    /// Every ready version of a model, in order.
    ///
    /// # Errors
    /// As [`Repository::get`].
    pub fn versions(&self, name: &str) -> Result<Vec<Arc<Model>>, ServeError> {
        self.get(name, "")?;
        Ok(self.ready(|model| model.name == name))
    }

    /// Every ready version of every model, in order.
    pub fn all(&self) -> Vec<Arc<Model>> {
        self.ready(|_| true)
    }

    fn ready(&self, wanted: impl Fn(&Model) -> bool) -> Vec<Arc<Model>> {
        let models = self.models.read().unwrap_or_else(|poison| poison.into_inner());
        let states = models.values().flat_map(|entry| entry.versions.values());
        states
            .filter_map(|state| match state {
                State::Ready(model) if wanted(model) => Some(model.clone()),
                _ => None,
            })
            .collect()
    }

    /// What is in the folder and what is loaded.
    ///
    /// # Errors
    /// Where the folder cannot be read.
    pub fn index(&self, ready_only: bool) -> Result<Vec<ModelIndex>, ServeError> {
        let mut index = Vec::new();
        let there = folder::model_names(&self.dir)?;
        let models = self.models.read().unwrap_or_else(|poison| poison.into_inner());
        let mut names: Vec<&String> = models.keys().chain(&there).collect();
        names.sort();
        names.dedup();
        for name in names {
            let line = |version: String, state, reason: &str| ModelIndex {
                name: name.clone(),
                version,
                state,
                reason: reason.to_owned(),
            };
            let entry = models.get(name);
            let refusal = entry.map(|entry| entry.refusal.as_str()).filter(|why| !why.is_empty());
            match entry.filter(|entry| !entry.versions.is_empty()) {
                None => {
                    let reason = refusal.unwrap_or("not loaded");
                    index.push(line(String::new(), "UNAVAILABLE", reason));
                }
                Some(entry) => index.extend(entry.versions.iter().map(|(version, state)| {
                    let (state, reason) = words(state);
                    line(version.to_string(), state, &reason)
                })),
            }
        }
        index.retain(|line| !ready_only || line.state == "READY");
        Ok(index)
    }

    /// The budget that models share.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    fn changing(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(|poison| poison.into_inner())
    }

    fn edit<T>(&self, name: &str, change: impl FnOnce(&mut Entry) -> T) -> T {
        let mut models = self.models.write().unwrap_or_else(|poison| poison.into_inner());
        change(models.entry(name.to_owned()).or_default())
    }
}

fn words(state: &State) -> (&'static str, String) {
    match state {
        State::Loading => ("LOADING", String::new()),
        State::Ready(model) => ("READY", model.note.clone()),
        State::Unloading => ("UNLOADING", String::new()),
        State::Unavailable(reason) => ("UNAVAILABLE", reason.clone()),
    }
}

fn not_ready(name: &str, version: &str, state: &State) -> ServeError {
    let (state, reason) = words(state);
    let version = if version.is_empty() { String::new() } else { format!(" version {version}") };
    let reason = if reason.is_empty() { reason } else { format!(" ({reason})") };
    ServeError::unavailable(format!("Model {name:?}{version} is {state}{reason}"))
}
