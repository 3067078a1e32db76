//! Random scenarios through the scheduler in virtual time: who is admitted is in time when engines
//! are as measured, everybody has exactly one answer, by the deadline, and the counts add up.
//!
//! `PROPTEST_CASES=200000 cargo test --release -p tandem-sched --test promises` runs more of them.

use proptest::collection::vec;
use proptest::prelude::*;
use tandem_policy::DropPolicy;
use tandem_sched::sim::{Arrival, Choice, Costs, Event, Fate, Load, Ours, Report, World};
use tandem_sched::{Cost, Curve, Outcome, Point, Refusal, StreamConfig};

/// Cases where the environment does not say how many.
const CASES: u32 = 3000;

fn config() -> ProptestConfig {
    let named = std::env::var_os("PROPTEST_CASES").is_some();
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if named { config } else { ProptestConfig { cases: CASES, ..config } }
}

#[derive(Clone, Debug)]
struct Scenario {
    unit: u64,
    load: Load,
    costs: Costs,
    streams: Vec<StreamConfig>,
    choice: Choice,
    cancels: Vec<(u64, Event)>,
}

/// A curve whose batches may cost next to nothing or as much as single runs, on an engine that is
/// a pipeline or not.
fn curve(unit: u64) -> impl Strategy<Value = Curve> {
    (1u64..60, vec(0u64..40, 0..5), 1u64..=4).prop_map(move |(first, more, depth)| {
        let (mut points, mut latency) = (Vec::new(), first * unit);
        for (at, more) in [0].iter().chain(&more).enumerate() {
            latency += more * unit;
            let cost = Cost { latency, interval: latency.div_ceil(depth) };
            points.push(Point { batch: at + 1, cost });
        }
        Curve::new(&points).unwrap()
    })
}

fn stream() -> impl Strategy<Value = StreamConfig> {
    let drop = prop_oneof![
        3 => Just(DropPolicy::Newest), 2 => Just(DropPolicy::Oldest), 2 => Just(DropPolicy::Block)
    ];
    (0u8..4, 1u32..4, drop, 1u32..8).prop_map(|(priority, weight, drop, queue)| StreamConfig {
        priority,
        weight,
        drop,
        queue,
    })
}

/// Gap to the one before, stream, model, time to the deadline, cancelled after.
type Job = (u64, usize, usize, u64, Option<u64>);

fn job() -> impl Strategy<Value = Job> {
    let gap = prop_oneof![4 => 0u64..4, 3 => 0u64..40, 1 => 0u64..400];
    let within = prop_oneof![3 => 0u64..200, 2 => 0u64..1000];
    (gap, any::<usize>(), any::<usize>(), within, proptest::option::weighted(0.25, 0u64..200))
}

prop_compose! {
    fn scenario()(
        models in 1usize..4, engines in 1usize..4,
        // Nanoseconds, where every one counts, or milliseconds, where windows of shares and demand end.
        unit in prop_oneof![Just(1u64), Just(1_000_000)],
    )(
        curves in vec(vec(proptest::option::weighted(0.85, curve(unit)), models), engines),
        streams in vec(stream(), 1..6),
        jobs in vec(job(), 1..80),
        largest_batch in 1usize..9,
        slack_ns in prop_oneof![2 => Just(0u64), 1 => 0u64..30],
        models in Just(models),
        unit in Just(unit),
    ) -> Scenario {
        let mut load = Load {
            streams: streams.iter().enumerate().map(|(at, stream)| {
                tandem_sched::sim::Stream { name: at.to_string(), priority: stream.priority }
            }).collect(),
            models: (0..models).map(|model| model.to_string()).collect(),
            arrivals: Vec::new(),
        };
        let (mut at, mut cancels) = (0, Vec::new());
        for (number, (gap, stream, model, within, cancel)) in jobs.into_iter().enumerate() {
            at += gap * unit;
            load.arrivals.push(Arrival {
                at,
                stream: (stream % streams.len()) as u32,
                model: (model % models) as u16,
                deadline: at + within * unit,
            });
            cancels.extend(cancel.map(|after| (at + after * unit, Event::Cancel(number))));
        }
        let names = (0..curves.len()).map(|engine| engine.to_string()).collect();
        let costs = Costs { models: load.models.clone(), names, engines: curves };
        let choice = Choice { slack_ns: slack_ns * unit, largest_batch, ..Choice::default() };
        Scenario { unit, load, costs, streams, choice, cancels }
    }
}

fn run(world: &World<'_>, scenario: &Scenario) -> Result<Vec<Fate>, TestCaseError> {
    let Scenario { load, costs, streams, choice, .. } = scenario;
    let mut queue = Ours::with_streams(load, costs, *choice, streams).unwrap();
    let fates = world.run(&mut queue);
    let total = queue.scheduler.total();
    prop_assert!(Report::new(load, &fates).agrees(&fates, &total), "{total:?}");
    for stream in &queue.streams {
        prop_assert_eq!(queue.scheduler.waiting(*stream), (0, 0));
    }
    for (arrival, fate) in load.arrivals.iter().zip(&fates) {
        // Whoever waits has an answer when the deadline passes, whatever engines do.
        prop_assert!(fate.at <= arrival.deadline + 1, "{fate:?} of {arrival:?}");
        let config = streams[arrival.stream as usize];
        let highest = streams.iter().all(|other| other.priority <= config.priority);
        match fate.outcome {
            Outcome::Displaced { by } => prop_assert!(!highest && by > config.priority),
            Outcome::Dropped => prop_assert_eq!(config.drop, DropPolicy::Oldest),
            Outcome::Refused(refusal) => {
                let waits = fate.at > arrival.at;
                prop_assert!(!waits || config.drop == DropPolicy::Block, "{fate:?}");
                let adds_up = match refusal {
                    Refusal::TooLate { needed, available }
                    | Refusal::NoRoom { needed, available }
                    | Refusal::WouldDelay { needed, available }
                    | Refusal::OverShare { needed, available } => needed > available || waits,
                    Refusal::QueueFull { waiting, queue } => waiting >= queue,
                    _ => true,
                };
                prop_assert!(adds_up, "{refusal:?}");
            }
            _ => {}
        }
    }
    Ok(fates)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn who_is_admitted_is_in_time_when_engines_are_as_measured(scenario in scenario()) {
        let mut world = World::new(&scenario.load, &scenario.costs);
        world.events.clone_from(&scenario.cancels);
        for (arrival, fate) in scenario.load.arrivals.iter().zip(run(&world, &scenario)?) {
            prop_assert!(!matches!(fate.outcome, Outcome::Late { .. }), "{fate:?} of {arrival:?}");
            if fate.outcome == Outcome::Done {
                prop_assert!(fate.at + scenario.choice.slack_ns <= arrival.deadline);
            }
        }
    }

    #[test]
    fn whatever_engines_do_each_job_has_one_answer_by_its_deadline(
        scenario in scenario(),
        troubles in vec((0u64..1500, 0usize..3, 0usize..3, 50u32..2000), 0..8),
        jitter in prop_oneof![Just(0.0), 0.0..0.9],
        seed in any::<u64>(),
    ) {
        let mut world = World::new(&scenario.load, &scenario.costs);
        (world.jitter, world.seed) = (jitter, seed);
        world.events.clone_from(&scenario.cancels);
        for (at, engine, kind, percent) in troubles {
            let engine = engine % scenario.costs.engines.len();
            let event = [Event::Lose(engine), Event::Restore(engine), Event::Slow(engine, percent)];
            world.events.push((at * scenario.unit, event[kind]));
        }
        run(&world, &scenario)?;
    }
}
