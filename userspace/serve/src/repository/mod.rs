//! The models of a folder, `NAME/VERSION/model.onnx` and `NAME/config.pbtxt`: what is there, what is
//! loaded, and what is on its way in or out.

pub mod folder;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, RwLock};

use tandem_engine::EngineOptions;

use crate::error::ServeError;
use crate::model::Model;
use crate::settings::{Level, Log};

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

type Versions = BTreeMap<u64, State>;

/// The models of a folder.
#[derive(Debug)]
pub struct Repository {
    dir: PathBuf,
    engine: EngineOptions,
    log: Arc<Log>,
    models: RwLock<BTreeMap<String, Versions>>,
    /// Held while a model is loaded or unloaded: one at a time.
    changing: Mutex<()>,
    /// The first loading is over and the end has not begun.
    serving: AtomicBool,
}

impl Repository {
    /// Nothing is loaded yet.
    pub fn new(dir: &Path, engine: EngineOptions, log: Arc<Log>) -> Self {
        Self {
            dir: dir.to_owned(),
            engine,
            log,
            models: RwLock::default(),
            changing: Mutex::default(),
            serving: AtomicBool::new(false),
        }
    }

    /// Loads every model of the folder, each on its own: one that is refused hides no other. Blocks.
    ///
    /// # Errors
    /// Where the folder itself cannot be read.
    pub fn load_all(&self) -> Result<(), ServeError> {
        for name in folder::model_names(&self.dir)? {
            if let Err(error) = self.load(&name) {
                self.log.write(Level::Warning, || format!("model {name} is not served: {error}"));
            }
        }
        self.serving.store(true, Ordering::Release);
        Ok(())
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
        let versions = models.get(name).ok_or_else(none)?;
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
        let states = models.values().flat_map(|versions| versions.values());
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
            match models.get(name).filter(|versions| !versions.is_empty()) {
                None => index.push(line(String::new(), "UNAVAILABLE", "not loaded")),
                Some(versions) => index.extend(versions.iter().map(|(version, state)| {
                    let (state, reason) = words(state);
                    line(version.to_string(), state, &reason)
                })),
            }
        }
        index.retain(|line| !ready_only || line.state == "READY");
        Ok(index)
    }

    /// Loads a model, or loads it anew: the versions that are served stay until the new ones have
    /// been read, loaded and warmed up, and stay for good where that fails. Blocks.
    ///
    /// # Errors
    /// Says what was wrong with which file.
    pub fn load(&self, name: &str) -> Result<(), ServeError> {
        let _changing = self.changing();
        let path = self.dir.join(name);
        if !folder::is_plain(name) || !path.is_dir() {
            let message = format!("Model {name:?} is not in the repository");
            return Err(ServeError::not_found(message));
        }
        let config = folder::config(&path)?;
        let wanted = folder::chosen(&path, &config.version_policy)?;
        self.edit(name, |versions| {
            for version in &wanted {
                match versions.get(version) {
                    Some(State::Ready(_)) => {}
                    _ => drop(versions.insert(*version, State::Loading)),
                }
            }
        });
        let mut loaded: BTreeMap<u64, Arc<Model>> = BTreeMap::new();
        for version in &wanted {
            let labels = |file: &str| folder::labels(&path.join(file));
            let model = folder::read(&path, *version)
                .and_then(|files| Model::load(name, files, &config, &labels, &self.engine));
            match model {
                Ok(model) => drop(loaded.insert(*version, Arc::new(model))),
                Err(error) => {
                    self.give_up(name, &wanted, *version, &error);
                    loaded.values().for_each(|model| model.stop());
                    return Err(error);
                }
            }
        }
        let mut old = Vec::new();
        self.edit(name, |versions| {
            let new = loaded.into_iter().map(|(version, model)| (version, State::Ready(model)));
            old.extend(std::mem::replace(versions, new.collect()).into_values());
        });
        for state in old {
            if let State::Ready(model) = state {
                model.stop();
            }
        }
        self.log.write(Level::Info, || format!("model {name}: versions {wanted:?} are ready"));
        Ok(())
    }

    fn give_up(&self, name: &str, wanted: &[u64], failed: u64, error: &ServeError) {
        self.edit(name, |versions| {
            for version in wanted {
                if let Some(State::Loading) = versions.get(version) {
                    let reason = match *version == failed {
                        true => error.to_string(),
                        false => format!("version {failed} was refused"),
                    };
                    versions.insert(*version, State::Unavailable(reason));
                }
            }
        });
    }

    /// Takes a model out: no new requests at once, and back when those under way are answered. Blocks.
    ///
    /// # Errors
    /// Not found where nothing of that name is or was loaded.
    pub fn unload(&self, name: &str) -> Result<(), ServeError> {
        let _changing = self.changing();
        let mut leaving = Vec::new();
        let mut known = false;
        {
            let mut models = self.models.write().unwrap_or_else(|poison| poison.into_inner());
            for state in models.get_mut(name).into_iter().flat_map(|all| all.values_mut()) {
                known = true;
                if let State::Ready(model) = state {
                    leaving.push(model.clone());
                    *state = State::Unloading;
                }
            }
        }
        if !known {
            return Err(ServeError::not_found(format!("Model {name:?} is not loaded")));
        }
        leaving.iter().for_each(|model| model.stop());
        self.edit(name, |versions| {
            for state in versions.values_mut() {
                if let State::Unloading = state {
                    *state = State::Unavailable("unloaded".into());
                }
            }
        });
        self.log.write(Level::Info, || format!("model {name} is unloaded"));
        Ok(())
    }

    /// Takes no more inferences, and waits for those under way. Blocks.
    pub fn stop(&self) {
        self.serving.store(false, Ordering::Release);
        let _changing = self.changing();
        self.all().iter().for_each(|model| model.stop());
    }

    fn changing(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(|poison| poison.into_inner())
    }

    fn edit(&self, name: &str, change: impl FnOnce(&mut Versions)) {
        let mut models = self.models.write().unwrap_or_else(|poison| poison.into_inner());
        change(models.entry(name.to_owned()).or_default());
    }
}

fn words(state: &State) -> (&'static str, String) {
    match state {
        State::Loading => ("LOADING", String::new()),
        State::Ready(model) => ("READY", model.cold.clone().unwrap_or_default()),
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
