//! Where policies come from while the agent runs: a file, a folder, or a key in Redis.

mod file;
mod redis;

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use thiserror::Error;

use crate::store::{Refusal, Store};

/// Where policies come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A file, or a folder of `*.yaml` of which the highest version counts.
    Path(PathBuf),
    /// Key `tandem:policy:NAME`.
    Redis {
        /// As the redis crate reads it, without the name.
        url: String,
        /// NAME.
        name: String,
    },
}

/// Why there is no such source.
#[derive(Debug, Error)]
pub enum SourceError {
    /// The address of a Redis does not parse.
    #[error("{url} is no address of a Redis ({reason}); write redis://HOST:PORT/DB#NAME")]
    Url {
        /// As given.
        url: String,
        /// Why.
        reason: String,
    },
    /// No thread could be started.
    #[error("The thread that watches policies could not be started: {0}")]
    Thread(#[from] std::io::Error),
}

/// Schemes of a Redis.
const SCHEMES: [&str; 3] = ["redis://", "redis+unix://", "unix://"];
/// NAME where a Redis is given without.
const DEFAULT_NAME: &str = "default";

impl Source {
    /// Puts what is there now in force, before anything is watched. A Redis is left to its watcher:
    /// it may be away for a while, and nobody should wait for it.
    ///
    /// # Errors
    /// Nothing there can be put in force; counted.
    pub fn load(&self, store: &Store) -> Result<(), Refusal> {
        match self {
            Source::Path(path) => file::load(path, store),
            Source::Redis { .. } => Ok(()),
        }
    }
}

impl FromStr for Source {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Source, SourceError> {
        if !SCHEMES.iter().any(|scheme| text.starts_with(scheme)) {
            return Ok(Source::Path(text.into()));
        }
        let (url, name) = text.split_once('#').unwrap_or((text, DEFAULT_NAME));
        let wrong = |reason: String| SourceError::Url { url: text.to_owned(), reason };
        if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c == ':') {
            return Err(wrong(format!("{name:?} is no name of a policy")));
        }
        ::redis::Client::open(url).map_err(|error| wrong(error.to_string()))?;
        Ok(Source::Redis { url: url.to_owned(), name: name.to_owned() })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Path(path) => write!(f, "{}", path.display()),
            // A password stays where it is.
            Source::Redis { url, name } => match (url.split_once("://"), url.rsplit_once('@')) {
                (Some((scheme, _)), Some((_, host))) => write!(f, "{scheme}://{host}#{name}"),
                _ => write!(f, "{url}#{name}"),
            },
        }
    }
}

/// How often a source is looked at, and how it is reached again.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// Between two looks at files; a file must be the same in two of them.
    pub look: Duration,
    /// A Redis that says nothing for so long is asked, and its key read again.
    pub quiet: Duration,
    /// First wait before a Redis is tried again; doubled each time.
    pub retry: Duration,
    /// Longest such wait.
    pub longest: Duration,
}

impl Default for Timing {
    fn default() -> Timing {
        let ms = Duration::from_millis;
        Timing { look: ms(200), quiet: ms(2000), retry: ms(50), longest: ms(5000) }
    }
}

/// Told to stop, and waited for, when dropped.
#[derive(Debug)]
pub struct Watch {
    stop: Arc<Stop>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Stop {
    asked: AtomicBool,
    lock: Mutex<()>,
    bell: Condvar,
}

impl Stop {
    fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Acquire)
    }

    fn ask(&self) {
        self.asked.store(true, Ordering::Release);
        drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner));
        self.bell.notify_all();
    }

    /// Sleeps for `time`, or until told to stop; `false` then.
    fn pause(&self, time: Duration) -> bool {
        let guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = self.bell.wait_timeout_while(guard, time, |()| !self.is_asked());
        !self.is_asked()
    }
}

impl Watch {
    /// Watches a source on a thread of its own and puts what it brings in force.
    ///
    /// # Errors
    /// [`SourceError::Thread`].
    pub fn start(source: Source, store: Arc<Store>, timing: Timing) -> Result<Watch, SourceError> {
        let stop = Arc::new(Stop::default());
        let told = stop.clone();
        let thread = std::thread::Builder::new().name("tandem-policy".to_owned());
        let thread = thread.spawn(move || match &source {
            Source::Path(path) => file::watch(path, &store, timing, &told),
            Source::Redis { url, name } => {
                redis::watch(&source.to_string(), url, name, &store, timing, &told);
            }
        })?;
        Ok(Watch { stop, thread: Some(thread) })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.ask();
        if let Some(thread) = self.thread.take() {
            // A watcher that panicked has said so on stderr.
            let _ = thread.join();
        }
    }
}
