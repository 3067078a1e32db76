//! The R5F's core dies at its k-th access, over whole inspect jobs, on one thread with a virtual
//! clock. Nothing but speed may be lost: same answers, every slot back, next job as if nothing was.
//!
//! Every k is taken. `TANDEM_SWEEP=full` also takes every first death with a second one behind it,
//! and the sweep under further seeds.

use std::collections::BTreeMap;

use tandem_agent::api::Silicon;
use tandem_agent::counters::{Flow, StageName};
use tandem_agent::judge::Policy;
use tandem_link::board::Board;
use tandem_tests::lockstep::World;
use tandem_tests::picture::{Expected, Picture};
use tandem_tests::{assert_answered_once, small};
use tandem_vboard::End;

/// Score that lets some of the pictures pass and some fail.
const LEAST: f32 = 0.5;

/// What a run was, to be compared with its replay.
#[derive(Debug, PartialEq)]
struct Trace {
    accesses: u64,
    nanos: u64,
    incidents: BTreeMap<&'static str, u64>,
    flow: BTreeMap<String, u64>,
    log: Vec<u8>,
}

struct Sweep {
    policy: Policy,
    pictures: Vec<(Picture, Expected)>,
}

/// When the core dies, counted in accesses from the submission: never, once, or once more so many
/// accesses after the first death, in the life that recovers.
#[derive(Clone, Copy, Debug)]
enum Deaths {
    None,
    One(u64),
    Two(u64, u64),
}

impl Deaths {
    fn count(self) -> u64 {
        match self {
            Self::None => 0,
            Self::One(_) => 1,
            Self::Two(..) => 2,
        }
    }

    /// A death is one incident: of a core that was up `r5_dead`, of one that was just started
    /// `r5_restart_failed`.
    fn assert_counted(self, incidents: &BTreeMap<&'static str, u64>, what: &str) {
        let of = |name: &str| incidents.get(name).copied().unwrap_or_default();
        let (dead, failed) = (of("r5_dead"), of("r5_restart_failed"));
        assert_eq!(dead + failed, self.count(), "{what}: {incidents:?}");
        assert_eq!(dead + failed, incidents.values().sum::<u64>(), "{what}: {incidents:?}");
        assert!(failed == 0 || self.count() == 2, "{what}: {incidents:?}");
    }
}

impl Sweep {
    fn new() -> Self {
        let policy = small::policy(LEAST);
        let pictures = small::pictures(&policy, 3);
        Self { policy, pictures }
    }

    /// Two images at once, with deaths, then a third one.
    fn run(&self, seed: u64, deaths: Deaths) -> Trace {
        let what = format!("seed {seed}, {deaths:?}");
        let mut world = World::up(&what, seed, self.policy.clone(), None);
        match deaths {
            Deaths::None => {}
            Deaths::One(k) | Deaths::Two(k, _) => world.faults().kill_core_at(k),
        }
        let two = &self.pictures[..2];
        let submit = |world: &World, picture: &Picture| {
            world.submit(picture.into_slot(&world.agent, world.slot()))
        };
        let tickets: Vec<_> = two.iter().map(|(picture, _)| submit(&world, picture)).collect();
        if let Deaths::Two(_, again) = deaths {
            world.until("the first death", |world| world.board.last_end() == Some(End::Killed));
            world.faults().kill_core_at(again);
        }
        for (ticket, (_, expected)) in tickets.into_iter().zip(two) {
            expected.assert_is(&world.answer(ticket), &what);
        }
        let restarts = |world: &World| world.agent.counters().flows(Flow::R5Restarts);
        world.until("the restarts", |world| restarts(world) >= deaths.count());
        world.until_up();
        let (picture, expected) = &self.pictures[2];
        let ticket = submit(&world, picture);
        let after = world.answer(ticket);
        expected.assert_is(&after, &what);
        assert!(after.degraded.is_empty(), "{what}: {:?}", world.incidents());
        for stage in [StageName::Pre, StageName::Post] {
            let record = after.stages[stage as usize];
            assert_eq!(record.map(|stage| stage.silicon), Some(Silicon::Pl), "{what}: {stage:?}");
        }
        world.assert_all_free();
        assert_answered_once(&world.agent, 3);
        deaths.assert_counted(&world.incidents(), &what);
        trace(&world)
    }

    /// Accesses from the submission to the last answer without a death.
    fn accesses_of_a_run(&self, seed: u64) -> u64 {
        let mut world = World::up("no death", seed, self.policy.clone(), None);
        let before = world.board.access_count();
        for (picture, _) in &self.pictures[..2] {
            let ticket = world.submit(picture.into_slot(&world.agent, world.slot()));
            world.answer(ticket);
        }
        world.board.access_count() - before
    }
}

fn trace(world: &World) -> Trace {
    let mut log = Vec::new();
    assert_eq!(world.board.drain_log(&mut log), 0, "the log ring was too small");
    Trace {
        accesses: world.board.access_count(),
        nanos: world.board.now(),
        incidents: world.incidents(),
        flow: world.agent.stats().flow,
        log,
    }
}

fn full() -> bool {
    match std::env::var("TANDEM_SWEEP") {
        Ok(full) if full == "full" => true,
        Ok(other) => panic!("TANDEM_SWEEP is {other:?}, it can be \"full\""),
        Err(_) => false,
    }
}

#[test]
fn without_a_death_nothing_is_counted() {
    let sweep = Sweep::new();
    sweep.run(1, Deaths::None);
}

#[test]
fn a_death_at_any_access_costs_speed_only() {
    let sweep = Sweep::new();
    let accesses = sweep.accesses_of_a_run(0);
    assert!(accesses > 300, "{accesses} accesses are no job");
    // Beyond the last answer too: the firmware is still tidying up.
    let seeds = if full() { 8 } else { 1 };
    for seed in 0..seeds {
        for k in 0..accesses + 50 {
            sweep.run(seed, Deaths::One(k));
        }
    }
}

#[test]
fn a_second_death_in_the_recovery_costs_speed_only() {
    let sweep = Sweep::new();
    let accesses = sweep.accesses_of_a_run(0);
    // A recovery is a boot: the second one falls into it, and into what follows.
    for k in (0..accesses).step_by(if full() { 1 } else { 23 }) {
        let again = k * 7 % 400;
        sweep.run(k, Deaths::Two(k, again));
    }
}

#[test]
fn a_run_replays_to_the_bit() {
    let sweep = Sweep::new();
    for (seed, k) in [(3, 17), (4, 150), (5, 301)] {
        let first = sweep.run(seed, Deaths::One(k));
        assert_eq!(first, sweep.run(seed, Deaths::One(k)), "seed {seed}, k {k}");
        assert!(!first.log.is_empty(), "the firmware logs its boot");
        let other = sweep.run(seed + 100, Deaths::One(k));
        assert_ne!(first.nanos, other.nanos, "the seed has no effect");
    }
}
