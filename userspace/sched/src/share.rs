//! Shares of streams: what each may plan ahead while others want more than they get.
//!
//! Time is cut into windows. At the end of each, the demand of every stream (what it was given and
//! what it was refused, in ns of an engine's time) is known, and so is what all were given. The
//! fair level of a priority is the one of max-min fairness: the level `l` with
//! `sum(min(demand, l * weight)) = sum(given)`. A stream that got more than the level in the window
//! that slides behind now may plan only a part of its time to the deadline ahead, and nothing with a
//! quarter more than the level: that is the most a stream has while others of its priority are
//! refused. So the room it leaves is there for streams that got less, and nothing that was
//! admitted has to be taken back for fairness among equals. Where nothing was refused there is no
//! level, and a stream alone has everything. An engine that would stand idle takes any stream's job.

use crate::cost::Nanos;

/// No level: nobody of the priority was refused.
const NO_LEVEL: Nanos = Nanos::MAX;
/// Rounds of the level's search; one ends at least when no more streams are satisfied by it.
const ROUNDS: usize = 16;

#[derive(Clone, Copy, Debug, Default)]
struct Stream {
    weight: u32,
    priority: u8,
    /// Given in this window and the one before it, ns.
    given: [Nanos; 2],
    /// Refused in this window, ns.
    refused: Nanos,
    satisfied: bool,
}

#[derive(Clone, Copy, Debug)]
struct Class {
    level: Nanos,
    /// Scratch of the search: what is left for streams that are not satisfied, and their weights.
    left: Nanos,
    weight: u64,
    refused: bool,
}

const CLASS: Class = Class { level: NO_LEVEL, left: 0, weight: 0, refused: false };

#[derive(Debug)]
pub(crate) struct Shares {
    window: Nanos,
    /// Number of the present window.
    number: u64,
    streams: Vec<Stream>,
    classes: Box<[Class; 256]>,
}

impl Shares {
    pub fn new(window: Nanos, streams: usize) -> Shares {
        Shares {
            window: window.max(1),
            number: 0,
            streams: Vec::with_capacity(streams),
            classes: Box::new([CLASS; 256]),
        }
    }

    pub fn add(&mut self, weight: u32, priority: u8) {
        self.streams.push(Stream { weight: weight.max(1), priority, ..Stream::default() });
    }

    /// Ends the windows that are over at `now`.
    pub fn roll(&mut self, now: Nanos) {
        let number = now / self.window;
        if number <= self.number {
            return;
        }
        let next = number == self.number + 1;
        self.number = number;
        if next {
            self.find_levels();
        } else {
            self.classes.iter_mut().for_each(|class| class.level = NO_LEVEL);
        }
        for stream in &mut self.streams {
            stream.given = [0, if next { stream.given[0] } else { 0 }];
            stream.refused = 0;
        }
    }

    fn find_levels(&mut self) {
        self.classes.iter_mut().for_each(|class| *class = CLASS);
        for stream in &mut self.streams {
            let class = &mut self.classes[usize::from(stream.priority)];
            stream.satisfied = stream.given[0] == 0 && stream.refused == 0;
            class.refused |= stream.refused > 0;
            class.left = class.left.saturating_add(stream.given[0]);
            class.weight += if stream.satisfied { 0 } else { u64::from(stream.weight) };
        }
        for _ in 0..ROUNDS {
            for class in self.classes.iter_mut().filter(|class| class.refused) {
                class.level = class.left.checked_div(class.weight).unwrap_or(NO_LEVEL);
            }
            let mut changed = false;
            for stream in self.streams.iter_mut().filter(|stream| !stream.satisfied) {
                let class = &mut self.classes[usize::from(stream.priority)];
                let demand = stream.given[0].saturating_add(stream.refused);
                if class.refused && demand <= class.level.saturating_mul(stream.weight.into()) {
                    stream.satisfied = true;
                    changed = true;
                    class.left = class.left.saturating_sub(demand);
                    class.weight -= u64::from(stream.weight);
                }
            }
            if !changed {
                break;
            }
        }
    }

    /// What the stream was given in the window that slides behind `now`, by its weight, ns.
    pub fn used(&self, stream: u32, now: Nanos) -> Nanos {
        let Stream { given: [this, before], weight, .. } = self.streams[stream as usize];
        let left = self.window - now % self.window;
        let before = u128::from(before) * u128::from(left) / u128::from(self.window);
        this.saturating_add(before as Nanos) / Nanos::from(weight)
    }

    /// How far ahead of `now` a job of the stream that is due in `ahead` may be planned.
    pub fn depth(&self, stream: u32, now: Nanos, ahead: Nanos) -> Nanos {
        let level = self.classes[usize::from(self.streams[stream as usize].priority)].level;
        let used = self.used(stream, now);
        let quarter = (level / 4).max(1);
        let left = level.saturating_add(quarter).saturating_sub(used).min(quarter);
        (u128::from(ahead) * u128::from(left) / u128::from(quarter)) as Nanos
    }

    pub fn charge(&mut self, stream: u32, cost: Nanos) {
        let given = &mut self.streams[stream as usize].given[0];
        *given = given.saturating_add(cost);
    }

    /// A job that was charged did not run.
    pub fn refund(&mut self, stream: u32, cost: Nanos) {
        let given = &mut self.streams[stream as usize].given[0];
        *given = given.saturating_sub(cost);
    }

    pub fn refuse(&mut self, stream: u32, cost: Nanos) {
        let refused = &mut self.streams[stream as usize].refused;
        *refused = refused.saturating_add(cost);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Streams of (weight, given, refused) after their window.
    fn after(streams: &[(u32, Nanos, Nanos)]) -> Shares {
        let mut shares = Shares::new(1000, streams.len());
        for (stream, (weight, given, refused)) in streams.iter().enumerate() {
            shares.add(*weight, 7);
            shares.charge(stream as u32, *given);
            shares.refuse(stream as u32, *refused);
        }
        shares.roll(1000);
        shares
    }

    #[test]
    fn the_level_is_that_of_max_min_fairness() {
        // Demands 10, 400, 900 of 710 in all: 10 is satisfied, the others have 350 each.
        let shares = after(&[(1, 10, 0), (1, 300, 100), (1, 400, 500)]);
        assert_eq!(shares.classes[7].level, 350);
        assert_eq!(shares.depth(0, 1000, 80), 80);
        assert_eq!(shares.depth(1, 1000, 80), 80);
        assert_eq!(shares.depth(2, 1000, 80), 80 * (350 + 87 - 400) / 87);
    }

    #[test]
    fn weights_scale_the_level_and_a_quarter_more_is_the_end() {
        let shares = after(&[(3, 300, 1000), (1, 100, 1000)]);
        assert_eq!(shares.classes[7].level, 100);
        assert_eq!((shares.depth(0, 1000, 80), shares.depth(1, 1000, 80)), (80, 80));
        let shares = after(&[(1, 1_000_000, 1), (1, 0, 10)]);
        assert_eq!(shares.depth(0, 1000, 80), 79, "the other wants 10 of 1000000");
        let shares = after(&[(1, 1_000_000, 1), (1, 1, 10_000_000), (1, 1, 10_000_000)]);
        assert_eq!(shares.depth(0, 1000, 80), 0);
        let shares = after(&[(1, 1000, 9), (1, 0, 900), (1, 0, 900), (1, 0, 900), (1, 0, 900)]);
        assert_eq!(shares.depth(0, 1000, 80), 0);
    }

    #[test]
    fn without_refusals_or_after_a_pause_there_is_no_level() {
        let mut shares = after(&[(1, 10, 0), (1, 900, 0)]);
        assert_eq!(shares.depth(1, 1000, 80), 80);
        shares.refuse(0, 500);
        shares.charge(1, 500);
        shares.roll(9000);
        assert_eq!(shares.depth(1, 9000, 80), 80);
    }
}
