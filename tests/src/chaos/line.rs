//! Parts at a steady pace, faults on the way, and where every good part that was rejected is
//! counted.

use std::collections::BTreeMap;

use tandem_agent::counters::Flow;

use super::faults::{Counts, Fault};
use super::load::Site;
use super::{Chaos, DELAY, PULSE, run};
use crate::MS;
use crate::belt::{Part, Sums};
use crate::dice::Dice;
use crate::lockstep::World;
use crate::moody::{Mood, Moody};

/// Between two parts. Six are on the belt at a time.
const PERIOD: u64 = 10 * MS;

/// See the module.
pub struct Line<'a> {
    site: Site<'a>,
    planted: Counts,
}

/// Good parts that were rejected, by why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Missed {
    /// Parts that deserved to pass.
    pub good: u64,
    /// Those that did.
    pub passed: u64,
    /// The gate was full or not armed: the gate's `OVERRUN` and `UNREADY`.
    pub untracked: u64,
    /// The agent was never told: the core was away too long, or the logic was loaded anew.
    pub untold: u64,
    /// The agent was told when the part was past the gate already, or had no frame slot free.
    pub unseen: u64,
    /// No verdict by the deadline, or the engine failed: the agent's `unknown`.
    pub unknown: u64,
    /// The verdict was pass, and the cancel did not come, or came in vain.
    pub in_vain: u64,
}

impl Missed {
    /// All of them.
    pub fn all(&self) -> u64 {
        self.untracked + self.untold + self.unseen + self.unknown + self.in_vain
    }

    fn of(parts: &[Part]) -> Self {
        let mut missed = Self::default();
        for part in parts.iter().filter(|part| part.good) {
            missed.good += 1;
            let rejected = part.passage.is_none_or(|passage| passage.rejected);
            let sum = match part {
                _ if !rejected => &mut missed.passed,
                Part { tag: None, .. } => &mut missed.untracked,
                Part { told: false, .. } => &mut missed.untold,
                Part { seen: false, .. } => &mut missed.unseen,
                Part { passed_verdict: Some(true), .. } => &mut missed.in_vain,
                _ => &mut missed.unknown,
            };
            *sum += 1;
        }
        missed
    }

    /// Missed equals counted; fails if not.
    pub fn assert_counted(&self, line: &Line<'_>) {
        let parts = &line.site.belt.parts;
        let count =
            |of: &dyn Fn(&Part) -> bool| parts.iter().filter(|part| of(part)).count() as u64;
        assert_eq!(self.good, self.passed + self.all(), "{self:?}");
        let sums = line.sums();
        // Of good and bad parts alike, because that is what is counted.
        assert_eq!(sums.untracked, count(&|part| part.tag.is_none()), "{sums:?}");
        let told = line.flow(Flow::GateTriggered);
        assert_eq!(told, count(&|part| part.told) + line.flow(Flow::GateTriggersDropped));
        let unknown = count(&|part| part.seen && part.passed_verdict.is_none());
        assert_eq!(unknown, 0, "parts without an answer");
        let passes = count(&|part| part.passed_verdict == Some(true));
        let sent = line.flow(Flow::GateCancelSent);
        // A pass of a part that was due before the ring had room is not sent; a cancel that died
        // with a life of the core, or that the gate took and a load of the logic undid, is.
        assert!(sent <= passes && passes - self.in_vain <= sent, "{passes} passes, {sent} cancels");
        assert!(sums.cancelled + sums.in_vain <= sent, "{sums:?}, {sent} cancels");
        assert!(sums.passed == self.passed, "{sums:?}, {self:?}");
    }
}

impl<'a> Line<'a> {
    /// A board with an armed gate.
    pub fn new(chaos: &'a Chaos, seed: u64) -> Self {
        let mood = Mood::default();
        let engine = Box::new(Moody(mood.clone()));
        let policy = (*chaos.policies[0]).clone();
        let what = format!("a line of seed {seed}");
        let mut world = World::with_engine(&what, seed, policy, Some((DELAY, PULSE)), engine);
        world.until_up();
        world.until("the line is ready", |world| world.line().ready());
        world.board.set_latency(2 * MS, MS / 2);
        Self { site: Site::new(chaos, world, Dice::new(seed), mood), planted: Counts::new() }
    }

    /// Lets so many parts pass, with a fault at so many in a thousand of them.
    pub fn run(&mut self, parts: u64, per_mille: u64) {
        for _ in 0..parts {
            let site = &mut self.site;
            // A belt is not exact to the nanosecond, and now and then two parts are close.
            let gap = if site.dice.chance(20) { 2 * MS } else { PERIOD };
            let ns = gap - MS / 2 + site.dice.below(MS);
            site.pass(ns);
            site.part();
            if site.dice.chance(5) {
                site.switch_policy();
            }
            if site.dice.chance(per_mille) {
                let fault = Fault::any(&mut site.dice);
                *self.planted.entry(fault.kind()).or_default() += 1;
                site.plant(&fault);
            }
        }
    }

    /// Lets the last parts meet the gate, and the last faults pass; what was missed.
    pub fn settle(&mut self) -> Missed {
        run::settle(&mut self.site);
        self.site.calm("the end of the line");
        run::assert_books(&mut self.site, &self.planted);
        Missed::of(&self.site.belt.parts)
    }

    /// Parts so far.
    pub fn parts(&self) -> u64 {
        self.site.belt.parts.len() as u64
    }

    /// The gate's counters.
    pub fn sums(&self) -> Sums {
        self.site.belt.sums(&self.site.world)
    }

    /// The agent's counters.
    pub fn flow(&self, flow: Flow) -> u64 {
        self.site.world.agent.counters().flows(flow)
    }

    /// Faults by kind.
    pub fn planted(&self) -> &Counts {
        &self.planted
    }

    /// What the agent counted.
    pub fn incidents(&self) -> BTreeMap<&'static str, u64> {
        self.site.world.incidents()
    }
}
