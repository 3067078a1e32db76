//! A file or a folder. It is read at every look, because a time stamp cannot tell two changes
//! within one tick of the file system's clock; what is read must be the same twice in a row.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::{Stop, Timing};
use crate::document::Document;
use crate::finding::Code;
use crate::store::{Refusal, Store};
use crate::yaml::MAX_BYTES;

/// Most files of a folder that are looked at.
const MAX_FILES: usize = 64;

/// What was read of a file, or why it was not.
type Content = Result<String, String>;

/// What a look found, by path.
type Look = BTreeMap<PathBuf, Content>;

/// Puts what lies at `path` now in force.
pub(super) fn load(path: &Path, store: &Store) -> Result<(), Refusal> {
    match look(path) {
        Ok(files) => take(&files, None, store),
        Err(reason) => Err(store.refuse(&path.display().to_string(), Code::Absent, reason)),
    }
}

/// Puts what lies at `path` in force until told to stop.
pub(super) fn watch(path: &Path, store: &Store, timing: Timing, stop: &Stop) {
    let mut watched = Watched { source: path.display().to_string(), ..Watched::default() };
    loop {
        watched.step(look(path), store);
        if !stop.pause(timing.look) {
            return;
        }
    }
}

#[derive(Default)]
struct Watched {
    source: String,
    /// What the last look found.
    last: Option<Result<Look, String>>,
    /// What was found twice in a row, and acted upon.
    settled: Option<Result<Look, String>>,
}

impl Watched {
    /// Half of a file that is being written is no document, or another one: only what two looks
    /// found alike is acted upon.
    fn step(&mut self, found: Result<Look, String>, store: &Store) {
        store.reached(&self.source, found.as_ref().map(|_| ()).map_err(String::clone));
        if self.last.as_ref() == Some(&found) && self.settled.as_ref() != Some(&found) {
            match &found {
                // Counted in the store; the policy in force stays.
                Ok(files) => drop(take(files, self.settled.as_ref(), store)),
                Err(reason) => drop(store.refuse(&self.source, Code::Absent, reason.clone())),
            }
            self.settled = Some(found.clone());
        }
        self.last = Some(found);
    }
}

/// Puts the document with the highest version in force; the files that changed and cannot be used
/// are refused, each once.
///
/// # Errors
/// The last refusal, if no document was put in force.
fn take(files: &Look, before: Option<&Result<Look, String>>, store: &Store) -> Result<(), Refusal> {
    let before = before.and_then(|look| look.as_ref().ok());
    let is_new =
        |path: &Path, content: &Content| before.and_then(|files| files.get(path)) != Some(content);
    let mut outcome = Ok(());
    let mut best: Option<(u32, &Path, &String)> = None;
    for (path, content) in files {
        let origin = path.display().to_string();
        match content {
            Err(reason) if is_new(path, content) => {
                outcome = Err(store.refuse(&origin, Code::Unreadable, reason.clone()));
            }
            Err(_) => {}
            Ok(text) => match Document::parse(text) {
                Ok(document) => {
                    let version = document.version.value;
                    if best.is_none_or(|(highest, ..)| version > highest) {
                        best = Some((version, path, text));
                    }
                }
                // Refused and counted there.
                Err(_) if is_new(path, content) => {
                    outcome = store.offer(&origin, text, None).map(drop);
                }
                Err(_) => {}
            },
        }
    }
    match best {
        // What does not fit the agent is counted there, and the policy in force stays.
        Some((_, path, text)) => store.offer(&path.display().to_string(), text, None).map(drop),
        None => outcome,
    }
}

fn look(path: &Path) -> Result<Look, String> {
    let about = std::fs::metadata(path).map_err(|error| error.to_string())?;
    if !about.is_dir() {
        return Ok(BTreeMap::from([(path.to_owned(), read(path))]));
    }
    let entries = std::fs::read_dir(path).map_err(|error| error.to_string())?;
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.retain(|path| {
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        !hidden && path.extension().is_some_and(|extension| extension == "yaml")
    });
    paths.sort();
    if paths.is_empty() {
        return Err("the folder has no *.yaml".to_owned());
    }
    if paths.len() > MAX_FILES {
        return Err(format!("the folder has more than {MAX_FILES} *.yaml"));
    }
    Ok(paths.into_iter().map(|path| (path.clone(), read(&path))).collect())
}

fn read(path: &Path) -> Content {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    let limit = MAX_BYTES as u64 + 1;
    file.take(limit).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|_| "is no text (UTF-8)".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Catalog, EngineEntry, EngineKind};

    fn store() -> Store {
        let engine = EngineEntry { name: "rten".to_owned(), kind: EngineKind::Cpu, bound: None };
        Store::new(Catalog { engines: vec![engine], ..Catalog::default() })
    }

    fn text(version: u32) -> String {
        format!("name: p\nversion: {version}\ndefault: cpu-only\n")
    }

    fn files(list: &[(&str, &str)]) -> Result<Look, String> {
        Ok(list.iter().map(|(path, text)| (path.into(), Ok((*text).to_owned()))).collect())
    }

    fn in_force(store: &Store) -> Option<String> {
        store.current().map(|policy| policy.id().to_owned())
    }

    #[test]
    fn what_differs_from_look_to_look_is_never_taken() {
        let (store, mut watched) = (store(), Watched::default());
        let whole = text(12) + "rules:\n  - {name: a, match: {stream: x}, route: cpu-only}\n";
        // Many of its beginnings are documents, too.
        for end in 0..whole.len() {
            watched.step(files(&[("p.yaml", &whole[..end])]), &store);
            assert_eq!(in_force(&store), None, "after {end} bytes");
        }
        watched.step(files(&[("p.yaml", &whole)]), &store);
        watched.step(files(&[("p.yaml", &whole)]), &store);
        assert_eq!(in_force(&store).as_deref(), Some("p@12"));
        assert_eq!(store.current().unwrap().document().rules.len(), 1);
    }

    #[test]
    fn the_highest_version_of_a_folder_counts_and_broken_files_are_refused_once() {
        let (store, mut watched) = (store(), Watched::default());
        let mut twice = |found: Result<Look, String>| {
            watched.step(found.clone(), &store);
            watched.step(found, &store);
            (in_force(&store).unwrap_or_default(), store.report().refused.values().sum::<u64>())
        };
        let (one, two) = (text(1), text(2));
        assert_eq!(twice(files(&[("a", &two), ("b", &one)])), ("p@2".into(), 0));
        assert_eq!(twice(files(&[("a", &two), ("b", "name: [")])), ("p@2".into(), 1));
        assert_eq!(twice(files(&[("a", &one), ("b", "name: [")])), ("p@1".into(), 1), "back");
        assert_eq!(twice(Err("gone".into())), ("p@1".into(), 2), "the last good one stays");
        assert!(!store.report().connected);
    }
}
