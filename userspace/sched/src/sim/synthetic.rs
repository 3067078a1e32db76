//! Made-up loads, the same for the same seed.

use super::load::{Arrival, Load, Stream};
use crate::cost::Nanos;

/// SplitMix64 (Steele, Lea, Flood 2014): small, and the same everywhere.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Numbers of a seed.
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// 0 to below 1.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// 0 to below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        self.bits() % n.max(1)
    }

    /// Time to the next of events that come `rate` times a second, ns (exponential).
    pub fn gap(&mut self, rate: f64) -> Nanos {
        (-(1.0 - self.unit()).ln() / rate * 1e9) as Nanos + 1
    }
}

/// Streams that send at random times, independently (Poisson), each at its own rate.
#[derive(Clone, Debug)]
pub struct Synthetic {
    /// Jobs a second of each stream.
    pub rates: Vec<f64>,
    /// Priority of each stream; the last one stands for all behind it.
    pub priorities: Vec<u8>,
    /// Models, which the streams take in turns.
    pub models: Vec<String>,
    /// From arrival to deadline, least and most, ns; uniform between.
    pub deadline: [Nanos; 2],
    /// Length, ns.
    pub length: Nanos,
    /// Seed.
    pub seed: u64,
}

impl Synthetic {
    /// The jobs.
    pub fn load(&self) -> Load {
        let mut arrivals = Vec::new();
        for (stream, rate) in self.rates.iter().enumerate().filter(|(_, rate)| **rate > 0.0) {
            // A stream's jobs do not depend on how many streams there are besides.
            let mut random =
                Random::new(self.seed ^ (stream as u64).wrapping_mul(0xA24B_AED4_963E_E407));
            let model = (stream % self.models.len().max(1)) as u16;
            let mut at = random.gap(*rate);
            while at < self.length {
                let [least, most] = self.deadline;
                let within = least + random.below(most.saturating_sub(least) + 1);
                arrivals.push(Arrival { at, stream: stream as u32, model, deadline: at + within });
                at += random.gap(*rate);
            }
        }
        arrivals.sort_by_key(|arrival| arrival.at);
        let priority = |at: usize| {
            let own = self.priorities.get(at).or(self.priorities.last());
            own.copied().unwrap_or(tandem_policy::DEFAULT_PRIORITY)
        };
        let streams = 0..self.rates.len();
        let streams =
            streams.map(|at| Stream { name: format!("stream-{at}"), priority: priority(at) });
        Load { streams: streams.collect(), models: self.models.clone(), arrivals }
    }
}
