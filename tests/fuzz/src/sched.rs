//! Loads and costs for `agentctl policy tune`.

use tandem_sched::sim::{Choice, Costs, Load, MAX_LINE, ModelCost, Ours, World};
use tandem_sched::{Curve, Outcome};

/// Jobs of an accepted load that are simulated.
const SIMULATED: usize = 64;

/// A recorded load, and behind a zero byte the costs of engines as a file or a word of the command
/// line. What is accepted is in order and goes through the scheduler: every job has one answer, and
/// nobody who is promised to be in time is late.
pub fn sched_load(bytes: &[u8]) -> bool {
    let mut parts = bytes.splitn(2, |byte| *byte == 0);
    let (load, costs) = (parts.next().unwrap_or_default(), parts.next());
    let load = Load::parse("l.jsonl", load).inspect_err(|error| {
        let lines = bytes.iter().filter(|byte| **byte == b'\n').count() + 1;
        assert!((1..=lines).contains(&error.line), "{error}");
        assert!((1..=MAX_LINE + 1).contains(&error.column), "{error}");
        assert!(error.to_string().starts_with("l.jsonl:"), "{error}");
    });
    let Ok(mut load) = load else { return false };
    let Some(costs) = costs.map_or_else(|| some_costs(&load), read_costs) else { return false };
    if load.renumber(&costs.models).is_err() {
        return false;
    }
    assert!(load.arrivals.is_sorted_by_key(|arrival| arrival.at));
    assert!(load.arrivals.iter().all(|arrival| {
        arrival.deadline >= arrival.at
            && (arrival.stream as usize) < load.streams.len()
            && usize::from(arrival.model) < load.models.len()
    }));
    assert!((load.mix().iter().sum::<f64>() - 1.0).abs() < 1e-6);
    load.arrivals.truncate(SIMULATED);
    load.streams.truncate(SIMULATED);
    load.arrivals.retain(|arrival| (arrival.stream as usize) < SIMULATED);
    let mut queue = Ours::new(&load, &costs, Choice::default()).expect("few streams, engines");
    let fates = World::new(&load, &costs).run(&mut queue);
    assert_eq!(queue.scheduler.total().ends(), fates.len() as u64);
    for fate in fates {
        assert!(!matches!(fate.outcome, Outcome::Late { .. }), "{fate:?}");
    }
    true
}

/// A file, or a word where the bytes are none.
fn read_costs(bytes: &[u8]) -> Option<Costs> {
    let text = std::str::from_utf8(bytes).ok()?;
    match Costs::parse("c.toml", text) {
        Ok(costs) => Some(costs),
        Err(error) => {
            assert!(!error.to_string().is_empty());
            Costs::alike(2, &[text.parse::<ModelCost>().ok()?]).ok()
        }
    }
}

/// A millisecond for each model.
fn some_costs(load: &Load) -> Option<Costs> {
    let curve = Curve::single(1_000_000).ok()?;
    let cost = |model: &String| ModelCost { model: model.clone(), curve };
    Costs::alike(1, &load.models.iter().map(cost).collect::<Vec<_>>()).ok()
}
