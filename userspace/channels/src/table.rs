//! The table of channels: what they are, what went over them.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde::{Deserialize, Serialize};

use crate::Nanos;
use crate::kind::Kind;
use crate::line::Line;
use crate::need::{Bytes, Leg, Shortfall};

/// What a channel is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// `pre`, `post`, or the engine at its end.
    pub name: String,
    /// Kind.
    pub kind: Kind,
    /// From, to.
    pub endpoints: [String; 2],
    /// Jobs that may be on it at once.
    pub slots: u32,
    /// Its share among parallel ones.
    pub weight: u32,
    /// What its line carries at best; `None` where nobody knows, or nothing travels.
    pub line: Option<Line>,
    /// What a job of the model in force sends over it and gets back.
    pub per_job: Bytes,
}

impl Spec {
    /// The least time that a job takes on it; 0 where no line is known.
    pub fn bound(&self) -> Nanos {
        self.per_job.bound(self.kind, self.line)
    }
}

/// A channel with its counters, which any thread may count up.
#[derive(Debug)]
pub struct Channel {
    /// What it is.
    pub spec: Spec,
    jobs: AtomicU64,
    failed: AtomicU64,
    out: AtomicU64,
    back: AtomicU64,
    ns: AtomicU64,
    least: AtomicU64,
    most: AtomicU64,
    round_trip: AtomicU64,
}

impl Channel {
    /// Nothing went over it yet.
    pub fn new(spec: Spec) -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            spec,
            jobs: zero(),
            failed: zero(),
            out: zero(),
            back: zero(),
            ns: zero(),
            least: AtomicU64::new(Nanos::MAX),
            most: zero(),
            round_trip: zero(),
        }
    }

    /// A job's bytes went over it in `ns`, there and back.
    pub fn carried(&self, bytes: Bytes, ns: Nanos) {
        self.jobs.fetch_add(1, Relaxed);
        self.out.fetch_add(bytes.out, Relaxed);
        self.back.fetch_add(bytes.back, Relaxed);
        self.ns.fetch_add(ns, Relaxed);
        self.least.fetch_min(ns, Relaxed);
        self.most.fetch_max(ns, Relaxed);
    }

    /// A job did not come through.
    pub fn failed(&self) {
        self.failed.fetch_add(1, Relaxed);
    }

    /// The shortest message takes this long there and back.
    pub fn round_trip(&self, ns: Nanos) {
        self.round_trip.store(ns, Relaxed);
    }

    /// A copy of the counters.
    pub fn figures(&self) -> Figures {
        let jobs = self.jobs.load(Relaxed);
        let (out, back) = (self.out.load(Relaxed), self.back.load(Relaxed));
        let ns = self.ns.load(Relaxed);
        let some = |ns: Nanos| (jobs > 0 && ns > 0).then_some(ns);
        let mean_ns = ns.checked_div(jobs).and_then(some);
        let moved = if self.spec.kind.overlaps() { out.max(back) } else { out + back };
        Figures {
            jobs,
            failed: self.failed.load(Relaxed),
            bytes: Bytes { out, back },
            total_ns: ns,
            least_ns: some(self.least.load(Relaxed)),
            mean_ns,
            most_ns: some(self.most.load(Relaxed)),
            round_trip_ns: Some(self.round_trip.load(Relaxed)).filter(|ns| *ns > 0),
            bytes_per_s: mean_ns.map(|_| (moved as f64 * 1e9 / ns as f64) as u64),
        }
    }
}

/// What was measured on a channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// Jobs that it carried.
    pub jobs: u64,
    /// Jobs that did not come through.
    pub failed: u64,
    /// What they moved.
    pub bytes: Bytes,
    /// Time on the way of all of them together, in nanoseconds.
    pub total_ns: Nanos,
    /// The fastest, in nanoseconds on the way; `None` where nothing travels, or nothing did yet.
    pub least_ns: Option<Nanos>,
    /// In the mean.
    pub mean_ns: Option<Nanos>,
    /// The slowest.
    pub most_ns: Option<Nanos>,
    /// Of the shortest message, there and back.
    pub round_trip_ns: Option<Nanos>,
    /// Bytes moved over the time that they took.
    pub bytes_per_s: Option<u64>,
}

/// All channels of an agent: `pre`, `post`, then its engines in their order.
#[derive(Debug)]
pub struct Table {
    channels: Vec<Channel>,
}

/// Channels before those of the engines.
const LANES: usize = 2;

impl Table {
    /// Of the programmable logic's lanes and the engines.
    pub fn new(pre: Spec, post: Spec, engines: impl IntoIterator<Item = Spec>) -> Self {
        let channels = [pre, post].into_iter().chain(engines).map(Channel::new).collect();
        Self { channels }
    }

    /// Of the lane before the model.
    pub fn pre(&self) -> &Channel {
        &self.channels[0]
    }

    /// Of the lane behind the model.
    pub fn post(&self) -> &Channel {
        &self.channels[1]
    }

    /// Of an engine, by its position.
    pub fn engine(&self, position: usize) -> Option<&Channel> {
        self.channels.get(LANES + position)
    }

    /// Engines.
    pub fn engines(&self) -> usize {
        self.channels.len() - LANES
    }

    /// All of them.
    pub fn all(&self) -> &[Channel] {
        &self.channels
    }

    fn leg(&self, channel: usize, bytes: Bytes) -> Leg {
        let spec = &self.channels[channel].spec;
        Leg { channel, bytes, bound: bytes.bound(spec.kind, spec.line) }
    }

    /// The quickest way of a frame of `frame` bytes, through the programmable logic or not, and over
    /// one of the engines that `may` be used, if even that takes longer than `within`. Without
    /// allocation: it is asked of every job.
    pub fn shortfall(
        &self,
        frame: u64,
        logic: bool,
        may: impl Fn(usize) -> bool,
        within: Nanos,
    ) -> Option<Shortfall> {
        let engines = (0..self.engines()).filter(|i| may(*i));
        let legs = engines.map(|i| self.leg(LANES + i, self.channels[LANES + i].spec.per_job));
        let main = legs.min_by_key(|leg| leg.bound);
        let lane = |i: usize, out: u64| {
            logic.then(|| self.leg(i, Bytes { out, ..self.channels[i].spec.per_job }))
        };
        Shortfall::of([lane(0, frame), main, lane(1, self.post().spec.per_job.out)], within)
    }

    /// The arithmetic of a shortfall in a sentence.
    pub fn explain(&self, shortfall: &Shortfall) -> String {
        let (least, left) = (ms(shortfall.bound), ms(shortfall.within));
        let sum = self.sum(shortfall);
        format!("{sum}; {least:.3} ms at the least, the deadline leaves {left:.3} ms")
    }

    /// Its legs, each with bytes, rate and time.
    pub fn sum(&self, shortfall: &Shortfall) -> String {
        let mut text = String::new();
        for leg in shortfall.legs.iter().flatten().filter(|leg| leg.bound > 0) {
            let Some(Channel { spec, .. }) = self.channels.get(leg.channel) else { continue };
            let Some(line) = spec.line else { continue };
            let Bytes { out, back } = leg.bytes;
            let bytes = match spec.kind.overlaps() {
                true => format!("{} bytes", out.max(back)),
                false => format!("{out} + {back} bytes"),
            };
            let plus = if text.is_empty() { "" } else { " + " };
            let took = ms(leg.bound);
            let _ = write!(text, "{plus}{}: {bytes} at {line} = {took:.3} ms", spec.name);
        }
        text
    }
}

fn ms(ns: Nanos) -> f64 {
    ns as f64 / 1e6
}
