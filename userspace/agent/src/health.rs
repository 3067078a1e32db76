//! Is the peer alive? Heartbeat watch, one incident per outage, automatic restart.
//!
//! The watch counts its own ticks and not only time: if the whole machine stalls, the ticks stall
//! with it, and a peer is only called frozen after [`TICKS`] looks at a heartbeat that stood still.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use tandem_link::board::{CoreError, CoreState};
use tandem_link::message::Nanos;

use crate::counters::{Counters, Flow, Incident};
use crate::dataplane::PeerState;
use crate::lanes::{Bell, Lane};

/// Looks at the heartbeat within [`HealthConfig::frozen_after`].
pub const TICKS: u32 = 8;

/// When the peer is given up, and what is done about it. Times in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthConfig {
    /// A heartbeat that stands still for this long is a frozen peer.
    pub frozen_after: Nanos,
    /// How long the peer may take to announce itself, at the start and after a restart.
    pub announce_within: Nanos,
    /// Restart the core when it is frozen, dead, or absent.
    pub auto_restart: bool,
    /// From the incident to the restart: lets a crash record be written and stops a restart storm.
    pub restart_after: Nanos,
}

impl Default for HealthConfig {
    fn default() -> Self {
        Self {
            frozen_after: 250_000_000,
            announce_within: 3_000_000_000,
            auto_restart: true,
            restart_after: 100_000_000,
        }
    }
}

/// What the watch found, for the data plane to act upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The peer is given up: what it had goes to the CPU lane.
    Down(Incident),
    /// A frozen peer moved again under its old epoch.
    Thawed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Booting {
        until: Nanos,
    },
    Up {
        beat: u32,
        still: u32,
    },
    Down {
        beat: u32,
        restart: Restart,
    },
    /// An operator has it; `joined` if its epoch is one that jobs may go to, `anew` if it was announced
    /// since. A core may announce itself before it is said to run.
    Held {
        joined: bool,
        anew: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Restart {
    /// Nobody asked for one.
    No,
    /// To be asked for at this time; the wait before it was this long.
    At(Nanos, Nanos),
    /// Asked for; must announce itself by this time; the wait before it was this long.
    Asked(Nanos, Nanos),
}

/// Longest wait before another attempt.
const LONGEST_WAIT: Nanos = 30_000_000_000;

/// The watch.
#[derive(Debug)]
pub struct Health {
    config: HealthConfig,
    state: State,
    /// Why the peer is down, or the last time it was.
    reason: Incident,
    next_tick: Nanos,
    counters: Arc<Counters>,
    restarter: Arc<Restarter>,
}

impl Health {
    /// Begins to watch a peer that has not announced itself.
    pub fn new(
        config: HealthConfig,
        now: Nanos,
        counters: Arc<Counters>,
        restarter: Arc<Restarter>,
    ) -> Self {
        let until = now.saturating_add(config.announce_within);
        let state = State::Booting { until };
        Self { config, state, reason: Incident::R5Absent, next_tick: now, counters, restarter }
    }

    /// Jobs may go to the peer.
    pub fn is_up(&self) -> bool {
        matches!(self.state, State::Up { .. })
    }

    /// For reports.
    pub fn state(&self) -> PeerState {
        match self.state {
            State::Booting { .. } => PeerState::Booting,
            State::Up { .. } => PeerState::Up,
            State::Down { .. } => PeerState::Down,
            State::Held { .. } => PeerState::Held,
        }
    }

    /// Why jobs do not go to the peer.
    pub fn reason(&self) -> Incident {
        self.reason
    }

    /// When to call [`Health::tick`] again.
    pub fn next_tick(&self) -> Nanos {
        self.next_tick
    }

    /// Looks at the peer, if it is time to. `core` is only asked where its answer matters.
    pub fn tick(
        &mut self,
        now: Nanos,
        beat: u32,
        core: impl FnOnce() -> CoreState,
    ) -> Option<Change> {
        if now < self.next_tick {
            return None;
        }
        self.next_tick = now.saturating_add((self.config.frozen_after / u64::from(TICKS)).max(1));
        match self.state {
            State::Booting { until } if now >= until => {
                Some(self.down(now, beat, Incident::R5Absent))
            }
            State::Booting { .. } => None,
            State::Up { beat: last, still } => {
                if core() != CoreState::Running {
                    return Some(self.down(now, beat, Incident::R5Dead));
                }
                let still = if beat == last { still + 1 } else { 0 };
                if still >= TICKS {
                    return Some(self.down(now, beat, Incident::R5Frozen));
                }
                self.state = State::Up { beat, still };
                None
            }
            State::Down { beat: last, restart } => self.tick_down(now, last, beat, restart),
            State::Held { joined, anew } => {
                let joined = joined && (anew || core() == CoreState::Running);
                self.state = State::Held { joined, anew };
                None
            }
        }
    }

    fn down(&mut self, now: Nanos, beat: u32, reason: Incident) -> Change {
        self.counters.incident(reason);
        self.reason = reason;
        let wait = self.config.restart_after;
        let restart = if self.config.auto_restart {
            Restart::At(now.saturating_add(wait), wait)
        } else {
            Restart::No
        };
        self.state = State::Down { beat, restart };
        Change::Down(reason)
    }

    fn tick_down(&mut self, now: Nanos, last: u32, beat: u32, restart: Restart) -> Option<Change> {
        let untouched = !matches!(restart, Restart::Asked(..));
        if self.reason == Incident::R5Frozen && beat != last && untouched {
            self.state = State::Up { beat, still: 0 };
            return Some(Change::Thawed);
        }
        let restart = match restart {
            Restart::At(at, wait) if now >= at => self.ask(now, wait),
            Restart::Asked(by, wait) if now >= by || self.restarter.take_failure() => {
                self.counters.incident(Incident::R5RestartFailed);
                let wait = wait.saturating_mul(2).clamp(1, LONGEST_WAIT);
                Restart::At(now.saturating_add(wait), wait)
            }
            other => other,
        };
        self.state = State::Down { beat: last, restart };
        None
    }

    fn ask(&mut self, now: Nanos, wait: Nanos) -> Restart {
        self.counters.flow(Flow::R5Restarts);
        self.restarter.ask();
        Restart::Asked(now.saturating_add(self.config.announce_within), wait)
    }

    /// An operator wants the core restarted: an outage, but no incident.
    pub fn restart(&mut self, now: Nanos, beat: u32) -> Change {
        self.reason = Incident::R5Dead;
        let restart = self.ask(now, self.config.restart_after);
        self.state = State::Down { beat, restart };
        Change::Down(self.reason)
    }

    /// No new jobs to the peer until [`Health::release`], and nothing is done about what becomes of it.
    pub fn hold(&mut self) {
        self.reason = Incident::R5Held;
        self.state = State::Held { joined: self.is_up(), anew: false };
    }

    /// Ends a hold. A peer that has joined and whose core runs is up; another one has its time to
    /// announce itself.
    pub fn release(&mut self, now: Nanos, beat: u32, core: CoreState) {
        let State::Held { joined, .. } = self.state else { return };
        self.next_tick = now;
        self.state = match joined && core == CoreState::Running {
            true => State::Up { beat, still: 0 },
            false => State::Booting { until: now.saturating_add(self.config.announce_within) },
        };
    }

    /// The peer announced a new epoch. `Some` if nothing had led to expect one: it died and came
    /// back between two ticks.
    pub fn announced(&mut self, now: Nanos, beat: u32) -> Option<Incident> {
        let unexpected = self.is_up();
        self.counters.flow(Flow::R5Epochs);
        if let State::Held { .. } = self.state {
            self.state = State::Held { joined: true, anew: true };
            return None;
        }
        self.state = State::Up { beat, still: 0 };
        self.next_tick = now;
        unexpected.then(|| {
            self.reason = Incident::R5Dead;
            self.counters.incident(self.reason);
            self.reason
        })
    }
}

/// Restarts the core, away from the data plane: it may take seconds.
#[derive(Debug, Default)]
pub struct Restarter {
    asked: AtomicU32,
    failed: AtomicBool,
    closed: AtomicBool,
    bell: Bell,
}

impl Restarter {
    fn ask(&self) {
        self.failed.store(false, Ordering::Release);
        self.asked.fetch_add(1, Ordering::AcqRel);
        self.bell.ring();
    }

    fn take_failure(&self) -> bool {
        self.failed.swap(false, Ordering::AcqRel)
    }

    /// Ends the supervisor's thread.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.bell.ring_all();
    }
}

/// The thread behind a [`Restarter`].
pub struct Supervisor {
    restarter: Arc<Restarter>,
    done: u32,
    restart: Box<dyn Fn() -> Result<(), CoreError> + Send>,
}

impl Supervisor {
    /// `restart` restarts the core; it may block.
    pub fn new(
        restarter: Arc<Restarter>,
        restart: impl Fn() -> Result<(), CoreError> + Send + 'static,
    ) -> Self {
        Self { restarter, done: 0, restart: Box::new(restart) }
    }
}

impl Lane for Supervisor {
    fn poll(&mut self) -> bool {
        let asked = self.restarter.asked.load(Ordering::Acquire);
        if asked == self.done {
            return false;
        }
        self.done = asked;
        if (self.restart)().is_err() {
            self.restarter.failed.store(true, Ordering::Release);
        }
        true
    }

    fn wait(&self) -> bool {
        if self.restarter.closed.load(Ordering::Acquire) {
            return false;
        }
        self.restarter.bell.wait();
        true
    }
}
