//! A client's side: an engine whose runtime is in a worker.

mod session;

use std::time::{Duration, Instant};

use tandem_engine::{Away, Capabilities, Engine, EngineError, Model, Presence};

use crate::address::Address;
use crate::protocol::{IdentityError, Interface};
use crate::wire::BEAT;
pub use session::Broken;
pub(crate) use session::fresh_epoch;
use session::{Opened, Ran, Session};

/// How long a connection may take to come about, hello included.
const CONNECT: Duration = Duration::from_secs(1);
/// Wait before the second try to connect; doubled for each further one.
const FIRST_WAIT: Duration = Duration::from_millis(50);
/// Longest wait between two tries.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// Limit of [`Engine::run`], which brings none.
const NO_LIMIT: Duration = Duration::from_secs(3600);

/// What to do about a worker that is not there at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// Refuse.
    Refuse,
    /// Begin without it and go on trying: something else stands in.
    Allow,
}

/// An engine whose runtime is in a worker. One connection; several are several engines.
#[derive(Debug)]
pub struct RemoteEngine {
    address: Address,
    interface: Interface,
    link: Link,
    losses: u64,
    /// Wait before the next try to connect; zero after a good answer.
    wait: Duration,
    /// Of the worker, as it said last.
    runs_on: String,
    away: Option<Away>,
    round_trip_ns: u64,
}

#[derive(Debug)]
enum Link {
    Up(Box<Session>),
    Down { why: String, retry_at: Instant },
}

impl RemoteEngine {
    /// Connects to a worker, which must have the same model. The weights need not be here.
    ///
    /// # Errors
    /// [`EngineError::Model`] if it has another model; [`EngineError::Lost`] if it is not there and
    /// `absent` refuses that.
    pub fn connect(model: &Model, address: Address, absent: Absent) -> Result<Self, EngineError> {
        let refuse = |error: IdentityError| EngineError::Model {
            model: model.id(),
            field: "model.toml".into(),
            reason: error.to_string(),
        };
        let interface = Interface::of(model).map_err(refuse)?;
        let (why, retry_at) = ("it was not tried yet".into(), Instant::now());
        let link = Link::Down { why, retry_at };
        let mut engine = Self {
            address,
            interface,
            link,
            losses: 0,
            wait: Duration::ZERO,
            runs_on: String::new(),
            away: None,
            round_trip_ns: 0,
        };
        match engine.open(Instant::now() + CONNECT) {
            Ok(()) => Ok(engine),
            Err(Broken::Model(ours, theirs)) => Err(EngineError::Model {
                model: model.id(),
                field: format!("worker {}", engine.address),
                reason: format!("it has {theirs}, this side has {ours}"),
            }),
            Err(broken) => {
                engine.losses = 1;
                match absent {
                    Absent::Refuse => Err(engine.lost(&broken)),
                    Absent::Allow => Ok(engine),
                }
            }
        }
    }

    /// Epochs of the present session, the client's and the worker's.
    pub fn epochs(&self) -> Option<(u32, u32)> {
        match &self.link {
            Link::Up(session) => Some(session.epochs()),
            Link::Down { .. } => None,
        }
    }

    fn lost(&self, broken: &Broken) -> EngineError {
        lost(&self.address, &broken.to_string())
    }

    /// One try, within `by`. If it fails, the next one has to wait.
    fn open(&mut self, by: Instant) -> Result<(), Broken> {
        match Session::open(&self.address, &self.interface, by) {
            Ok(Opened { session, runs_on, round_trip_ns }) => {
                self.runs_on = runs_on;
                self.round_trip_ns = round_trip_ns;
                self.link = Link::Up(session);
                Ok(())
            }
            Err(broken) => {
                self.down(&broken);
                Err(broken)
            }
        }
    }

    /// Ends the session; the slots that the worker had for it are its own again.
    fn down(&mut self, broken: &Broken) {
        if let Link::Up(_) = self.link {
            self.losses += 1;
        }
        let retry_at = Instant::now() + self.wait;
        self.wait = (2 * self.wait).clamp(FIRST_WAIT, LONGEST_WAIT);
        self.link = Link::Down { why: broken.to_string(), retry_at };
    }

    /// Sees to a session: a new one where need be, and the time has come for another try.
    fn ensure(&mut self, by: Instant) -> Result<(), EngineError> {
        // What came while nobody looked, such as the end of the connection.
        if let Link::Up(session) = &mut self.link
            && let Err(broken) = session.catch_up()
        {
            self.down(&broken);
        }
        if let Link::Down { why, retry_at } = &self.link {
            let now = Instant::now();
            if now < *retry_at {
                return Err(lost(&self.address, why));
            }
            if let Err(broken) = self.open(by.min(now + CONNECT)) {
                return Err(self.lost(&broken));
            }
        }
        Ok(())
    }
}

fn lost(address: &Address, reason: &str) -> EngineError {
    EngineError::Lost { engine: format!("Worker {address}"), reason: reason.to_owned() }
}

impl Engine for RemoteEngine {
    fn name(&self) -> &'static str {
        "tcp"
    }

    fn describe(&self) -> String {
        match &self.link {
            Link::Up(_) => format!("worker {} ({})", self.address, self.runs_on),
            Link::Down { why, .. } => format!("worker {} (not there: {why})", self.address),
        }
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { reads_in_place: true, writes_in_place: true }
    }

    fn run(&mut self, tensor: &[u8], heads: &mut [u8]) -> Result<(), EngineError> {
        self.run_by(tensor, heads, Instant::now() + NO_LIMIT)
    }

    fn run_by(&mut self, tensor: &[u8], heads: &mut [u8], by: Instant) -> Result<(), EngineError> {
        let size = |buffer, have: usize, need: usize| match have >= need {
            true => Ok(()),
            false => Err(EngineError::Size { buffer, have, need }),
        };
        let tensor_bytes = self.interface.identity.tensor_bytes as usize;
        size("tensor", tensor.len(), tensor_bytes)?;
        size("heads", heads.len(), self.interface.slot_bytes)?;
        self.ensure(by)?;
        let Self { link: Link::Up(session), interface, .. } = self else {
            return Err(EngineError::Late);
        };
        match session.run(&tensor[..tensor_bytes], heads, &interface.heads, by) {
            Ok(Ran::Done { engine_ns }) => {
                self.wait = Duration::ZERO;
                self.away = Some(Away { engine_ns, round_trip_ns: self.round_trip_ns });
                Ok(())
            }
            Ok(Ran::Late) => Err(EngineError::Late),
            Ok(Ran::Failed(note)) => {
                Err(EngineError::Run(format!("worker {}: {note}", self.address)))
            }
            Err(broken) => {
                self.down(&broken);
                Err(self.lost(&broken))
            }
        }
    }

    fn tend(&mut self) -> Option<Duration> {
        match &mut self.link {
            Link::Up(session) => match session.tend() {
                Ok(()) => return Some(BEAT),
                Err(broken) => self.down(&broken),
            },
            Link::Down { retry_at, .. } => {
                let now = Instant::now();
                if now >= *retry_at && self.open(now + CONNECT).is_ok() {
                    return Some(BEAT);
                }
            }
        }
        match &self.link {
            Link::Up(_) => Some(BEAT),
            Link::Down { retry_at, .. } => Some(retry_at.saturating_duration_since(Instant::now())),
        }
    }

    fn away(&self) -> Option<Away> {
        self.away
    }

    fn presence(&self) -> Presence {
        let ready = matches!(self.link, Link::Up(_));
        Presence { remote: true, ready, losses: self.losses }
    }
}
