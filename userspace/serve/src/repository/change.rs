//! Loads, unloads, polling: every change of what is served. One at a time; the change itself is one
//! step under a lock, so a request finds the old versions or the new ones, and whoever has found one is
//! answered by it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::folder::{self, MODEL_FILE};
use super::sealed::{Print, Sealed, Trust};
use super::{Repository, Source, State};
use crate::config::ModelConfig;
use crate::error::{Kind, ServeError};
use crate::model::Model;
use crate::settings::Level;

/// A version that is served, and the files that it was made of.
type Served = (Arc<Model>, Source);

/// What a load comes to.
#[derive(Default)]
struct Outcome {
    ready: BTreeMap<u64, Served>,
    /// The newest first.
    refused: Vec<(u64, ServeError)>,
}

impl Repository {
    /// Loads every model of the folder, each on its own: one that is refused hides no other. Blocks.
    ///
    /// # Errors
    /// Where the folder itself cannot be read.
    pub fn load_all(&self) -> Result<(), ServeError> {
        for name in folder::model_names(&self.dir)? {
            if let Err(error) = self.load(&name) {
                self.log.write(Level::Warning, || format!("model {name}: {error}"));
            }
        }
        self.serving.store(true, Ordering::Release);
        Ok(())
    }

    /// Loads what of a model is new or was changed, and takes back what was withdrawn. A version that
    /// is served stays until its successor has been read, loaded, warmed up and held against its golden
    /// samples, and for good where that fails. Blocks.
    ///
    /// # Errors
    /// The first version that was refused, with what was wrong with which file; others may be served.
    pub fn load(&self, name: &str) -> Result<(), ServeError> {
        let _changing = self.changing();
        let path = self.dir.join(name);
        if !folder::is_plain(name) || !path.is_dir() {
            let message = format!("Model {name:?} is not in the repository");
            return Err(ServeError::not_found(message));
        }
        let seen = look(&path).ok();
        let outcome = self.change(name, Trust::Told, BTreeSet::new());
        self.edit(name, |entry| entry.seen = seen);
        outcome
    }

    /// Looks for changes: models and versions that are new, changed or gone. What was refused is tried
    /// again when its files change, or where only memory was missing. Blocks.
    pub fn poll(&self) {
        let there = match folder::model_names(&self.dir) {
            Ok(names) => names,
            Err(error) => {
                return self.log.write(Level::Warning, || format!("polling: {error}"));
            }
        };
        let known: Vec<String> = {
            let models = self.models.read().unwrap_or_else(|poison| poison.into_inner());
            models.keys().cloned().collect()
        };
        for name in known.iter().filter(|name| !there.contains(name)) {
            let _changing = self.changing();
            self.take_out(name);
            let mut models = self.models.write().unwrap_or_else(|poison| poison.into_inner());
            models.remove(name);
        }
        for name in there {
            let _changing = self.changing();
            let Ok(seen) = look(&self.dir.join(&name)) else { continue };
            let (before, withdrawn) =
                self.edit(&name, |entry| (entry.seen.clone(), entry.withdrawn.clone()));
            if before.as_ref() == Some(&seen) {
                continue;
            }
            let outcome = self.change(&name, Trust::Found, withdrawn);
            let retry = outcome.as_ref().is_err_and(|error| error.kind == Kind::TooLarge);
            self.edit(&name, |entry| entry.seen = (!retry).then_some(seen));
            if let Err(error) = outcome {
                self.log.write(Level::Warning, || format!("model {name}: {error}"));
            }
        }
    }

    /// Takes a model out, or one version of it.
    ///
    /// A model: no new requests at once, and back when those under way are answered. A version: it is
    /// withdrawn, and the policy chooses among the others until a load is asked for; they are loaded
    /// before it goes, and it stays where there is none. Blocks.
    ///
    /// # Errors
    /// Not found where nothing of that name is or was loaded, and what a load says.
    pub fn unload(&self, name: &str, version: Option<&str>) -> Result<(), ServeError> {
        let Some(version) = version else {
            let _changing = self.changing();
            return match self.take_out(name) {
                true => Ok(()),
                false => Err(ServeError::not_found(format!("Model {name:?} is not loaded"))),
            };
        };
        let number = self.get(name, version)?.version;
        let _changing = self.changing();
        let mut withdrawn = self.edit(name, |entry| entry.withdrawn.clone());
        withdrawn.insert(number);
        let outcome = self.change(name, Trust::Told, withdrawn);
        match (self.get(name, version), outcome) {
            // It was kept: the others are to blame.
            (Ok(_), Err(error)) => Err(error),
            _ => Ok(()),
        }
    }

    /// Takes no more inferences, and waits for those under way. Blocks.
    pub fn stop(&self) {
        self.serving.store(false, Ordering::Release);
        let _changing = self.changing();
        self.all().iter().for_each(|model| model.stop());
    }

    /// Says whether anything of that name was known.
    fn take_out(&self, name: &str) -> bool {
        let mut leaving = Vec::new();
        let mut known = false;
        {
            let mut models = self.models.write().unwrap_or_else(|poison| poison.into_inner());
            if let Some(entry) = models.get_mut(name) {
                entry.sources.clear();
                for state in entry.versions.values_mut() {
                    known = true;
                    if let State::Ready(model) = state {
                        leaving.push(model.clone());
                        *state = State::Unloading;
                    }
                }
            }
        }
        if !known {
            return false;
        }
        leaving.iter().for_each(|model| model.stop());
        self.edit(name, |entry| {
            for state in entry.versions.values_mut() {
                if let State::Unloading = state {
                    *state = State::Unavailable("unloaded".into());
                }
            }
        });
        self.log.write(Level::Info, || format!("model {name} is unloaded"));
        true
    }

    /// Makes what is served what the folder asks for.
    fn change(&self, name: &str, trust: Trust, withdrawn: BTreeSet<u64>) -> Result<(), ServeError> {
        let held = self.edit(name, |entry| {
            let ready = entry.versions.iter().filter_map(|(version, state)| match state {
                State::Ready(model) => {
                    Some((*version, (model.clone(), entry.sources.get(version)?.clone())))
                }
                _ => None,
            });
            ready.collect::<BTreeMap<u64, Served>>()
        });
        let outcome = self.outcome(name, trust, &withdrawn, &held);
        let Outcome { ready, refused } = outcome.inspect_err(|error| {
            self.edit(name, |entry| {
                entry.refusal = error.to_string();
                for state in entry.versions.values_mut() {
                    if let State::Loading = state {
                        *state = State::Unavailable(error.to_string());
                    }
                }
            });
        })?;
        let numbers: Vec<u64> = ready.keys().copied().collect();
        // What is replaced lives here until after the step, and then as long as its requests.
        let _replaced = self.edit(name, |entry| {
            let unserved = |version: &u64| !ready.contains_key(version);
            let mut versions: BTreeMap<u64, State> = refused
                .iter()
                .filter(|(version, _)| unserved(version))
                .map(|(version, error)| (*version, State::Unavailable(error.to_string())))
                .collect();
            if ready.is_empty() {
                // Nothing takes the place of what is served: it stays.
                for (version, state) in versions {
                    entry.versions.insert(version, state);
                }
                return BTreeMap::new();
            }
            entry.withdrawn = withdrawn;
            entry.refusal.clear();
            entry.sources.clear();
            for (version, (model, source)) in ready {
                entry.sources.insert(version, source);
                versions.insert(version, State::Ready(model));
            }
            std::mem::replace(&mut entry.versions, versions)
        });
        drop(held);
        if !numbers.is_empty() {
            self.log.write(Level::Info, || format!("model {name}: versions {numbers:?} are ready"));
        }
        match refused.into_iter().next() {
            Some((_, error)) => Err(error),
            None => Ok(()),
        }
    }

    /// Loads what is not held already.
    fn outcome(
        &self,
        name: &str,
        trust: Trust,
        withdrawn: &BTreeSet<u64>,
        held: &BTreeMap<u64, Served>,
    ) -> Result<Outcome, ServeError> {
        let path = self.dir.join(name);
        let accepted = held.values().next().map(|(_, source)| &source.model);
        let files = folder::open(&path, trust, accepted)?;
        let config = folder::config(&path, &files)?;
        let choice = folder::choice(&path, &config.version_policy, withdrawn)?;
        let mut outcome = Outcome::default();
        for version in choice.candidates {
            if outcome.ready.len() == choice.most {
                break;
            }
            let held = held.get(&version);
            match self.version(name, version, (&config, &files), trust, held) {
                Ok(served) => drop(outcome.ready.insert(version, served)),
                Err(error) => {
                    if let Some(held) = held {
                        outcome.ready.insert(version, held.clone());
                    }
                    outcome.refused.push((version, error));
                }
            }
        }
        files.close()?;
        Ok(outcome)
    }

    /// A version as its files are now: the one that is held, or a new one.
    fn version(
        &self,
        name: &str,
        version: u64,
        (config, model): (&ModelConfig, &Sealed),
        trust: Trust,
        held: Option<&Served>,
    ) -> Result<Served, ServeError> {
        let path = self.dir.join(name).join(version.to_string());
        let source = Source { model: model.print().clone(), version: Print::of(&path)? };
        if let Some(held) = held.filter(|(_, loaded)| *loaded == source) {
            return Ok(held.clone());
        }
        self.edit(name, |entry| match entry.versions.get(&version) {
            Some(State::Ready(_)) => {}
            _ => drop(entry.versions.insert(version, State::Loading)),
        });
        let trust = match held.is_some_and(|(_, loaded)| loaded.version == source.version) {
            // Only the configuration is new.
            true => Trust::Told,
            false => trust,
        };
        let files = Sealed::open(&path, trust)?;
        let len = files.print().len_of(MODEL_FILE).unwrap_or(0);
        let id = format!("{name}/{version}");
        // Before a byte of it is read.
        let memory = self.memory.reserve(&id, len, config.instances)?;
        let files = folder::read(files, version)?;
        let labels = |file: &str| folder::labels(model, file);
        let model = Model::load(name, files, config, &labels, &self.engine, memory)?;
        Ok((Arc::new(model), source))
    }
}

/// What polling compares: the model's files, by 0, and those of each version.
fn look(path: &Path) -> Result<BTreeMap<u64, Print>, ServeError> {
    let mut seen = BTreeMap::from([(0, Print::of(path)?)]);
    for version in folder::versions(path)? {
        seen.insert(version, Print::of(&path.join(version.to_string()))?);
    }
    Ok(seen)
}
