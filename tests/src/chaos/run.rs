//! One seed.

use tandem_agent::counters::Flow;
use tandem_agent::dataplane::PeerState;

use super::faults::{Counts, Fault};
use super::load::Site;
use super::{Chaos, DELAY, Outcome, PULSE};
use crate::dice::Dice;
use crate::lockstep::World;
use crate::moody::{Mood, Moody};
use crate::{MS, assert_answered_once};

/// Steps of a wild run, faults of an orderly one.
const STEPS: u64 = 60;
const FAULTS: u64 = 4;

pub fn run(chaos: &Chaos, seed: u64) -> Outcome {
    let mut dice = Dice::new(seed);
    let mood = Mood::default();
    let engine = Box::new(Moody(mood.clone()));
    let policy = (*chaos.policies[0]).clone();
    let gate = Some((DELAY, PULSE));
    let mut world = World::with_engine(&format!("seed {seed}"), seed, policy, gate, engine);
    world.until_up();
    world.until("the line is ready", |world| world.line().ready());
    world.board.set_latency(dice.below(2) * dice.below(3 * MS), dice.below(2) * dice.below(MS));
    let mut site = Site::new(chaos, world, dice, mood);
    site.aloud = chaos.aloud;
    let mut planted = Counts::new();
    if seed % 2 == 1 {
        for _ in 0..FAULTS {
            some_load(&mut site);
            let fault = Fault::any(&mut site.dice);
            *planted.entry(fault.kind()).or_default() += 1;
            site.one_fault(&fault);
        }
    } else {
        for _ in 0..STEPS {
            step(&mut site, &mut planted);
        }
    }
    settle(&mut site);
    site.calm("the end");
    assert_books(&mut site, &planted);
    let world = &site.world;
    site.trace.value(&(world.board.access_count(), world.board.now(), world.incidents()));
    site.trace.value(&(world.agent.stats().flow, site.belt.sums(world)));
    Outcome {
        hash: site.trace.hash(),
        jobs: site.jobs,
        parts: site.belt.parts.len() as u64,
        faults: planted,
        incidents: site.world.incidents(),
    }
}

/// Jobs and parts without a fault.
fn some_load(site: &mut Site<'_>) {
    for _ in 0..site.dice.below(5) {
        if site.dice.chance(300) {
            site.switch_policy();
        }
        job(site);
        let ns = site.dice.below(2 * MS);
        site.pass(PULSE + ns);
        site.part();
    }
}

/// A job with any deadline: none, soon, or past already.
fn job(site: &mut Site<'_>) {
    let picture = site.picture();
    let deadline = match site.dice.below(4) {
        0 => Some(site.dice.below(4 * MS)),
        1 => Some(site.dice.below(200 * MS)),
        _ => None,
    };
    site.submit(picture, deadline);
}

fn step(site: &mut Site<'_>, planted: &mut Counts) {
    match site.dice.below(100) {
        0..=34 => job(site),
        35..=54 => {
            let most = if site.dice.chance(250) { 40 * MS } else { 2 * MS };
            let ns = site.dice.below(most);
            site.pass(ns);
        }
        55..=69 => {
            site.pass(PULSE);
            site.part();
        }
        70..=73 => site.forget(),
        74..=77 => site.switch_policy(),
        78..=80 => site.world.engine_runs = !site.world.engine_runs,
        // Frozen cores thaw by themselves now and then.
        81..=83 => site.world.faults().freeze_core(false),
        84..=85 => {
            let latency = site.dice.below(5 * MS);
            site.world.board.set_latency(latency, latency / 2);
        }
        _ => {
            let fault = Fault::any(&mut site.dice);
            *planted.entry(fault.kind()).or_default() += 1;
            site.plant(&fault);
        }
    }
}

/// No further faults; those that wait are taken.
pub fn settle(site: &mut Site<'_>) {
    site.world.engine_runs = true;
    site.world.faults().kill_core_at(u64::MAX);
    site.world.faults().freeze_core(false);
    site.until("the last faults", |site| {
        if site.waiting.is_empty() && site.world.peer() == PeerState::Up {
            if site.world.faults().pending().is_empty() {
                return true;
            }
            let picture = site.picture();
            site.submit(picture, None);
        }
        false
    });
    // Whatever the engine was told before, it has done behind this.
    let picture = site.picture();
    site.submit(picture, None);
}

/// What must hold at the end of any run.
pub fn assert_books(site: &mut Site<'_>, planted: &Counts) {
    site.world.assert_all_free();
    assert_answered_once(&site.world.agent, site.jobs);
    site.belt.assert_balanced(&site.world, "the gate");
    let flow = |flow: Flow| site.world.agent.counters().flows(flow);
    let told = site.belt.parts.iter().filter(|part| part.told).count() as u64;
    assert_eq!(flow(Flow::GateTriggered), told + flow(Flow::GateTriggersDropped), "triggers told");
    let sums = site.belt.sums(&site.world);
    assert!(flow(Flow::GateCancelSent) >= sums.cancelled + sums.in_vain, "cancels of nobody");
    let incidents = site.world.incidents();
    let of = |name: &str| incidents.get(name).copied().unwrap_or_default();
    let was = |name: &str| planted.get(name).copied().unwrap_or_default();
    let outages = ["r5_dead", "r5_frozen", "r5_absent", "r5_restart_failed"];
    let halts = was("r5_dead") + was("r5_frozen");
    assert!(
        outages.iter().map(|name| of(name)).sum::<u64>() <= halts,
        "{incidents:?}: {planted:?}"
    );
    let late = site.late..=site.late + site.forgotten;
    assert!(late.contains(&of("late")), "{incidents:?}: {late:?} jobs late");
    for (name, count) in incidents.iter().filter(|(name, _)| !outages.contains(name)) {
        let invented = *name != "late" && *count > was(name);
        assert!(!invented, "{name} was counted {count} times: {planted:?}");
    }
    assert!(site.in_doubt == 0 || was("descriptor_corrupt") > 0, "doubt without a reason");
    let engines = of("engine_failed") + of("engine_not_finite");
    assert!((site.engine_failed..=site.engine_moods).contains(&engines), "{incidents:?}");
}
