//! The policy in force, and what became of those that were to be.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::{ArcSwapOption, Guard};
use serde::{Deserialize, Serialize};

use crate::catalog::Catalog;
use crate::document::Document;
use crate::finding::{Code, Finding};
use crate::snapshot::Snapshot;

/// Why a document was not put in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{}", self.render())]
pub struct Refusal {
    /// File, key, or whoever it came from.
    pub origin: String,
    /// Everything that is wrong with it.
    pub findings: Vec<Finding>,
    /// The text, for excerpts; empty where it could not be read.
    pub text: String,
}

impl Refusal {
    /// Every finding with its excerpt.
    pub fn render(&self) -> String {
        let findings = self.findings.iter().map(|f| f.render(&self.origin, &self.text));
        findings.collect::<Vec<_>>().join("\n")
    }

    /// The first finding's code.
    pub fn code(&self) -> Code {
        self.findings.first().map_or(Code::Syntax, |finding| finding.code)
    }
}

/// How the policies do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// `name@version` in force; `None` while there is none.
    pub policy: Option<String>,
    /// Where that came from.
    pub origin: String,
    /// Where new ones come from by themselves; empty for nowhere.
    pub source: String,
    /// The source can be reached now.
    pub connected: bool,
    /// Policies put in force since the start.
    pub changes: u64,
    /// How often the source was lost.
    pub losses: u64,
    /// Why the source cannot be reached; empty while it can.
    pub trouble: String,
    /// Documents refused since the start, by the code of their first finding.
    pub refused: BTreeMap<String, u64>,
    /// The last refusal in words; empty once a document was taken after it.
    pub last_refusal: String,
}

/// Holds the policy in force for one agent.
///
/// Readers on any thread get one whole policy by an atomic load. Writers come one after the other;
/// what does not compile, or does not fit the agent, changes nothing.
#[derive(Debug)]
pub struct Store {
    catalog: Catalog,
    current: ArcSwapOption<Snapshot>,
    status: Mutex<Status>,
}

impl Store {
    /// Without a policy.
    pub fn new(catalog: Catalog) -> Store {
        Store { catalog, current: ArcSwapOption::empty(), status: Mutex::default() }
    }

    /// What policies are held against.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// The policy in force, for keeping.
    pub fn current(&self) -> Option<Arc<Snapshot>> {
        self.current.load_full()
    }

    /// The policy in force, for a look.
    pub fn load(&self) -> Guard<Option<Arc<Snapshot>>> {
        self.current.load()
    }

    /// Reads a document and holds it against the agent; changes nothing.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn check(&self, origin: &str, text: &str) -> Result<Snapshot, Refusal> {
        let refuse = |findings| {
            // What is too long to read is too long to show.
            let text = if text.len() <= crate::MAX_BYTES { text.to_owned() } else { String::new() };
            Refusal { origin: origin.to_owned(), findings, text }
        };
        let document = Document::parse(text).map_err(refuse)?;
        let refuse =
            |findings| Refusal { origin: origin.to_owned(), findings, text: text.to_owned() };
        self.catalog.bind(document).map_err(refuse)
    }

    /// Puts a document in force; `name` is what it must be called, if that matters. One that says
    /// what is in force already changes nothing and is no error.
    ///
    /// # Errors
    /// Everything that is wrong with it; counted, and the policy in force stays.
    pub fn offer(
        &self,
        origin: &str,
        text: &str,
        name: Option<&str>,
    ) -> Result<Arc<Snapshot>, Refusal> {
        let checked = self.check(origin, text).and_then(|snapshot| {
            let called = &snapshot.document().name;
            match name.filter(|name| *name != called.value) {
                None => Ok(snapshot),
                Some(name) => {
                    let message =
                        format!("is {:?}, but its place is that of {name:?}", called.value);
                    Err(refusal(
                        origin,
                        text,
                        Finding::new(Code::Value, called.at, "name", message),
                    ))
                }
            }
        });
        let mut status = self.status();
        let taken = checked.and_then(|snapshot| self.put(origin, text, snapshot, &mut status));
        match &taken {
            Ok(_) => status.last_refusal.clear(),
            Err(refusal) => note(&mut status, refusal),
        }
        taken
    }

    fn put(
        &self,
        origin: &str,
        text: &str,
        snapshot: Snapshot,
        status: &mut Status,
    ) -> Result<Arc<Snapshot>, Refusal> {
        if let Some(present) = self.current()
            && present.id() == snapshot.id()
        {
            if present.document() == snapshot.document() {
                return Ok(present);
            }
            let message = format!(
                "{} is in force and says something else: an answer names its policy by this, raise it",
                present.id()
            );
            let at = snapshot.document().version.at;
            let finding = Finding::new(Code::SameVersion, at, "version", message);
            return Err(refusal(origin, text, finding));
        }
        let snapshot = Arc::new(snapshot);
        self.current.store(Some(snapshot.clone()));
        status.policy = Some(snapshot.id().to_owned());
        status.origin = origin.to_owned();
        status.changes += 1;
        Ok(snapshot)
    }

    /// Counts something that was not even read.
    pub fn refuse(&self, origin: &str, code: Code, message: impl Into<String>) -> Refusal {
        let refused = refusal(origin, "", Finding::new(code, None, "", message));
        note(&mut self.status(), &refused);
        refused
    }

    /// How the policies do.
    pub fn report(&self) -> Status {
        self.status().clone()
    }

    /// The source was reached, or not, for this reason.
    pub(crate) fn reached(&self, source: &str, reached: Result<(), String>) {
        let mut status = self.status();
        if status.source != source {
            status.source = source.to_owned();
        }
        if status.connected && reached.is_err() {
            status.losses += 1;
        }
        status.connected = reached.is_ok();
        status.trouble = reached.err().unwrap_or_default();
    }

    fn status(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn refusal(origin: &str, text: &str, finding: Finding) -> Refusal {
    Refusal { origin: origin.to_owned(), findings: vec![finding], text: text.to_owned() }
}

fn note(status: &mut Status, refusal: &Refusal) {
    *status.refused.entry(refusal.code().name().to_owned()).or_default() += 1;
    status.last_refusal = refusal.render();
}
