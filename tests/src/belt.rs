//! A belt of parts in front of the gate, and the books about them.

use tandem_agent::dataplane::Trigger;
use tandem_model::gate::{Counters, Passage};

use crate::lockstep::World;

/// How far the firmware's comparison of the gate's clock with its own may be off, ns: as long as the
/// two looks at its own clock that it takes for a sharp comparison.
const CLOCKS: u64 = 20_000;

/// One part, from the sensor to the gate.
#[derive(Clone, Debug)]
pub struct Part {
    /// When it passed the sensor: no two parts share that.
    pub at: u64,
    /// Its picture, and whether it deserves to pass.
    pub picture: usize,
    /// See there.
    pub good: bool,
    /// The tag that the gate gave it, if it did.
    pub tag: Option<u32>,
    /// The agent was told of it.
    pub told: bool,
    /// An image of it was submitted.
    pub seen: bool,
    /// It was answered, with pass.
    pub passed_verdict: Option<bool>,
    /// What the gate did with a tagged one.
    pub passage: Option<Passage>,
}

/// Sums of the gate's counters over loads of its logic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Triggers that got a tag.
    pub triggers: u64,
    /// Tagged parts that passed.
    pub passed: u64,
    /// Tagged parts that were rejected.
    pub rejected: u64,
    /// Cancels in time.
    pub cancelled: u64,
    /// Cancels of no effect: too late, of another epoch, of no part.
    pub in_vain: u64,
    /// Triggers without a tag.
    pub untracked: u64,
}

impl Sums {
    /// Adds what a gate has counted since its logic was loaded.
    pub fn add(&mut self, counters: Counters) {
        let Counters { triggers, passed, rejected, cancelled, .. } = counters;
        let Counters { late, wrong_epoch, unknown, overrun, unready, .. } = counters;
        self.triggers += u64::from(triggers);
        self.passed += u64::from(passed);
        self.rejected += u64::from(rejected);
        self.cancelled += u64::from(cancelled);
        self.in_vain += u64::from(late) + u64::from(wrong_epoch) + u64::from(unknown);
        self.untracked += u64::from(overrun) + u64::from(unready);
    }
}

/// The belt.
#[derive(Clone, Debug, Default)]
pub struct Belt {
    /// Every part so far, oldest first.
    pub parts: Vec<Part>,
    /// Counters of the logic that was replaced.
    pub sums: Sums,
    /// Parts before this one have met the gate.
    settled: usize,
}

impl Belt {
    /// A part passes the sensor now; its index.
    pub fn feed(&mut self, world: &World, picture: usize, good: bool) -> usize {
        let at = world.board.now();
        assert!(self.parts.last().is_none_or(|part| part.at < at), "two parts at once");
        let tag = world.line().trigger();
        self.parts.push(Part {
            at,
            picture,
            good,
            tag,
            told: false,
            seen: false,
            passed_verdict: None,
            passage: None,
        });
        self.parts.len() - 1
    }

    /// The next part of which the agent hears, with what it hears.
    pub fn told(&mut self, world: &World) -> Option<(usize, Trigger)> {
        let trigger = world.agent.try_next_trigger()?;
        let first = self.parts.partition_point(|part| part.at + CLOCKS < trigger.at);
        let near = self.parts[first..].iter().take_while(|part| part.at <= trigger.at + CLOCKS);
        let mut same = (first..).zip(near).filter(|(_, part)| part.tag == Some(trigger.tag.tag));
        let (i, part) = same.next().unwrap_or_else(|| panic!("{trigger:?} is of no part"));
        assert!(same.next().is_none(), "{trigger:?} is of two parts");
        assert!(!part.told, "{part:?} was told twice");
        self.parts[i].told = true;
        Some((i, trigger))
    }

    fn at(&self, at: u64) -> Option<usize> {
        self.parts.binary_search_by_key(&at, |part| part.at).ok()
    }

    /// Takes down what the gate did since the last call; fails if a part meets it twice.
    pub fn watch(&mut self, world: &World) -> Vec<Passage> {
        let passages = world.line().drain_passages();
        for passage in &passages {
            let i = self.at(passage.triggered).expect("a passage without a part");
            let before = self.parts[i].passage.replace(*passage);
            assert_eq!(before, None, "a part met the gate twice");
            self.check(i);
        }
        passages
    }

    /// The promise: what passes is good, was judged so, and nobody else's verdict did it.
    fn check(&self, i: usize) {
        let part = &self.parts[i];
        let passed = part.passage.is_some_and(|passage| !passage.rejected);
        assert!(!passed || part.good, "a bad part passes: {part:?}");
        assert!(!passed || part.passed_verdict == Some(true), "nobody let it pass: {part:?}");
    }

    /// To be called before the logic is loaded anew.
    pub fn before_load(&mut self, world: &World) {
        self.sums.add(world.line().counters());
    }

    /// The sums with those of the present logic.
    pub fn sums(&self, world: &World) -> Sums {
        let mut sums = self.sums;
        sums.add(world.line().counters());
        sums
    }

    /// Every tagged part has met the gate.
    pub fn is_settled(&mut self) -> bool {
        let met = |part: &Part| part.tag.is_none() || part.passage.is_some();
        self.settled += self.parts[self.settled..].iter().take_while(|part| met(part)).count();
        self.settled == self.parts.len()
    }

    /// The gate's books are the belt's; fails if not.
    pub fn assert_balanced(&self, world: &World, what: &str) {
        let count =
            |of: fn(&Part) -> bool| self.parts.iter().filter(|part| of(part)).count() as u64;
        let rejected = |part: &Part| part.passage.map(|passage| passage.rejected);
        let sums = self.sums(world);
        assert_eq!(sums.untracked, count(|part| part.tag.is_none()), "{what}: parts without a tag");
        assert_eq!(sums.triggers, count(|part| part.tag.is_some()), "{what}: parts with a tag");
        let passed = self.parts.iter().filter(|part| rejected(part) == Some(false)).count() as u64;
        assert_eq!(sums.passed, passed, "{what}: parts that passed");
        assert!(sums.cancelled >= passed, "{what}: {sums:?}");
    }
}
