//! Engines that are slower than measured, fail, die and come back.

use tandem_policy::{DropPolicy, EngineSet};
use tandem_sched::sim::{Choice, Costs, Event, Ours, Report, Synthetic, World};
use tandem_sched::{
    Config, Curve, Ended, EngineConfig, Nanos, Outcome, Refusal, Request, Scheduler, StreamConfig,
    StreamId,
};

const MS: Nanos = 1_000_000;

/// Engines that take 10 ms for a job, one at a time, and a stream of each priority from 0.
fn scheduler(engines: usize, priorities: u8, drop: DropPolicy) -> (Scheduler, Vec<StreamId>) {
    let engine = EngineConfig { curves: vec![Some(Curve::single(10 * MS).unwrap())] };
    let mut scheduler = Scheduler::new(Config::default(), &vec![engine; engines]).unwrap();
    let stream = |priority| StreamConfig { priority, weight: 1, drop, queue: 4 };
    let streams = (0..priorities).map(|priority| scheduler.add_stream(stream(priority)).unwrap());
    let streams = streams.collect();
    (scheduler, streams)
}

fn job(stream: StreamId, deadline: Nanos, tag: u64) -> Request {
    Request { stream, model: 0, deadline, engines: EngineSet::ALL, tag }
}

/// Tags and ends of what has been answered.
fn answers(scheduler: &mut Scheduler) -> Vec<(u64, Outcome)> {
    std::iter::from_fn(|| scheduler.answer()).map(|answer| (answer.tag, answer.outcome)).collect()
}

#[test]
fn a_refusal_says_what_is_needed_and_what_there_is() {
    let (mut scheduler, streams) = scheduler(1, 1, DropPolicy::Newest);
    let mut submit = |deadline| scheduler.submit(0, job(streams[0], deadline, 0));
    let error = submit(9 * MS).unwrap_err();
    assert_eq!(error, Refusal::TooLate { needed: 10 * MS, available: 9 * MS });
    submit(20 * MS).unwrap();
    submit(20 * MS).unwrap();
    // First it would be in time, and the last not any more.
    let error = submit(19 * MS).unwrap_err();
    assert_eq!(error, Refusal::WouldDelay { needed: 30 * MS, available: 20 * MS });
    assert_eq!(
        submit(25 * MS).unwrap_err().to_string(),
        "It would be done in 30000 us, the deadline is in 25000 us: the engines are full"
    );
    submit(30 * MS).unwrap();
    submit(40 * MS).unwrap();
    let error = submit(90 * MS).unwrap_err();
    assert_eq!(error, Refusal::QueueFull { waiting: 4, queue: 4 });
    scheduler.lose(0, 0);
    let error = scheduler.submit(0, job(streams[0], 90 * MS, 0)).unwrap_err();
    assert_eq!(error, Refusal::EnginesLost);
}

#[test]
fn a_higher_priority_takes_the_room_of_the_lowest_and_they_are_told_at_once() {
    let (mut scheduler, streams) = scheduler(1, 3, DropPolicy::Newest);
    for (tag, stream, deadline) in [(1, 1, 20), (2, 0, 30), (3, 1, 30)] {
        scheduler.submit(0, job(streams[stream], deadline * MS, tag)).unwrap();
    }
    let planned = scheduler.submit(0, job(streams[2], 20 * MS, 4)).unwrap().planned.unwrap();
    assert_eq!((planned.engine, planned.finish), (0, 10 * MS));
    assert_eq!(answers(&mut scheduler), [(2, Outcome::Displaced { by: 2 })]);
    // Equals take nothing from each other.
    assert!(scheduler.submit(0, job(streams[1], 30 * MS, 5)).is_err());
    assert_eq!(scheduler.total().displaced, 1);
}

#[test]
fn the_oldest_gives_its_place_to_the_newest_and_a_stream_keeps_its_turns() {
    let (mut scheduler, streams) = scheduler(1, 1, DropPolicy::Oldest);
    for tag in 0..4 {
        scheduler.submit(0, job(streams[0], (50 + tag) * MS, tag)).unwrap();
    }
    for tag in 4..100 {
        scheduler.submit(tag, job(streams[0], 60 * MS + tag, tag)).unwrap();
        assert_eq!(answers(&mut scheduler), [(tag - 4, Outcome::Dropped)]);
    }
    let order: Vec<u64> = (0..4)
        .map(|run| {
            let started = scheduler.start(0, 10 * MS * (run + 1)).unwrap();
            scheduler.finish(started.run, Ended::Done, 10 * MS * (run + 2));
            started.tags()[0]
        })
        .collect();
    assert_eq!(order, [96, 97, 98, 99]);
}

#[test]
fn block_waits_for_room_until_waiting_is_useless() {
    let (mut scheduler, streams) = scheduler(1, 1, DropPolicy::Block);
    for tag in 0..3 {
        scheduler.submit(0, job(streams[0], 30 * MS, tag)).unwrap();
    }
    let waits = scheduler.submit(0, job(streams[0], 35 * MS, 3)).unwrap();
    assert_eq!((waits.planned, scheduler.waiting(streams[0])), (None, (3, 1)));
    let other = scheduler.submit(0, job(streams[0], 36 * MS, 4)).unwrap();
    assert_eq!(other.planned, None);
    // One goes, one comes in.
    let started = scheduler.start(0, 0).unwrap();
    assert_eq!(started.tags(), [0]);
    let first = scheduler.submit(0, job(streams[0], 300 * MS, 5)).unwrap();
    assert!(scheduler.cancel(first.job, 0));
    assert_eq!(scheduler.waiting(streams[0]), (2, 2));
    assert_eq!(scheduler.next_wake(0), 10 * MS, "the next start");
    scheduler.finish(started.run, Ended::Done, 5 * MS);
    answers(&mut scheduler);
    assert_eq!(scheduler.waiting(streams[0]), (3, 1), "the run was quicker, so there is room");
    for begins in [5, 15] {
        let started = scheduler.start(0, begins * MS).unwrap();
        scheduler.finish(started.run, Ended::Done, (begins + 10) * MS);
    }
    assert_eq!(answers(&mut scheduler), [(1, Outcome::Done), (2, Outcome::Done)]);
    // The first to be due was let in first; the other one cannot be in time from 26 ms on.
    assert_eq!(scheduler.start(0, 25 * MS).unwrap().tags(), [3]);
    scheduler.tick(26 * MS);
    assert_eq!(answers(&mut scheduler), []);
    scheduler.tick(26 * MS + 1);
    let refusal = Refusal::NoRoom { needed: 10 * MS, available: 10 * MS - 1 };
    assert_eq!(answers(&mut scheduler), [(4, Outcome::Refused(refusal))]);
}

#[test]
fn a_lost_engines_jobs_go_to_others_or_are_told() {
    let (mut scheduler, streams) = scheduler(2, 3, DropPolicy::Newest);
    // Engine 0 has the first, engine 1 the second; two wait for each.
    for (tag, stream, deadline) in
        [(0, 2, 12), (1, 0, 12), (2, 2, 30), (3, 0, 30), (4, 1, 40), (5, 0, 40)]
    {
        scheduler.submit(0, job(streams[stream], deadline * MS, tag)).unwrap();
        (0..2).for_each(|engine| _ = scheduler.start(engine, 0));
    }
    scheduler.lose(0, MS);
    let ends = answers(&mut scheduler);
    let (lost, displaced): (Vec<_>, Vec<_>) =
        ends.iter().partition(|(_, end)| *end == Outcome::EngineLost);
    // The run under way cannot be done again by 12 ms: engine 1 is busy until 10.
    assert_eq!(lost.iter().map(|(tag, _)| *tag).collect::<Vec<_>>(), [0], "{ends:?}");
    assert!(displaced.iter().all(|(_, end)| matches!(end, Outcome::Displaced { .. })), "{ends:?}");
    assert_eq!(displaced.len(), 1, "five jobs, and room for four: {ends:?}");
    scheduler.restore(0, 2 * MS);
    assert!(scheduler.start(0, 2 * MS).is_some(), "it takes from the plan of the other");
}

#[test]
fn an_engine_that_stops_answers_nobody_late() {
    let (mut scheduler, streams) = scheduler(1, 1, DropPolicy::Newest);
    for tag in 0..4 {
        scheduler.submit(0, job(streams[0], (tag + 1) * 10 * MS + 2 * MS, tag)).unwrap();
    }
    let run = scheduler.start(0, 0).unwrap().run;
    let mut ends = Vec::new();
    let mut now = 0;
    while ends.len() < 4 {
        now = scheduler.next_wake(now).max(now + 1);
        scheduler.tick(now);
        ends.extend(answers(&mut scheduler).into_iter().map(|(tag, end)| (tag, now, end)));
    }
    for (tag, at, end) in &ends {
        assert!(matches!(end, Outcome::Late { .. }), "{ends:?}");
        assert!(*at <= (tag + 1) * 10 * MS + 2 * MS + 1, "{ends:?}");
    }
    // What waited was told before its deadline, with what it would have needed.
    let told = ends.iter().filter(
        |(_, _, end)| matches!(end, Outcome::Late { needed, available } if needed > available),
    );
    assert_eq!(told.count(), 3, "{ends:?}");
    scheduler.finish(run, Ended::Done, 300 * MS);
    assert_eq!(answers(&mut scheduler), []);
    assert_eq!(scheduler.total().ends(), 4);
}

#[test]
fn measured_slowness_feeds_the_next_admissions() {
    let costs = Costs::alike(2, &["m=1:4,4:8,8:12".parse().unwrap()]).unwrap();
    let synthetic = Synthetic {
        rates: vec![30.0; 40],
        priorities: vec![0],
        models: vec!["m".to_owned()],
        deadline: [60 * MS, 80 * MS],
        length: 20_000 * MS,
        seed: 3,
    };
    let load = synthetic.load();
    let mut world = World::new(&load, &costs);
    // Both engines take two and a half times as long from the fifth second on, and vary.
    world.jitter = 0.1;
    world.events = vec![(5000 * MS, Event::Slow(0, 250)), (5000 * MS, Event::Slow(1, 250))];
    let choice = Choice { slack_ns: 5 * MS, ..Choice::default() };
    let mut queue = Ours::new(&load, &costs, choice).unwrap();
    let fates = world.run(&mut queue);
    let report = Report::new(&load, &fates);
    println!("{report:?} {:?}", queue.scheduler.total());
    assert!(queue.scheduler.slowness(0).unwrap() > 2.2, "{:?}", queue.scheduler.slowness(0));
    assert!(report.misses < 0.01, "{report:?}");
    // Two engines at 8 jobs in 30 ms.
    assert!(report.goodput > 0.85 * 2.0 * 8.0 / 0.030, "{report:?}");
}
