//! The scheduler allocates nothing once it is made: a counting allocator for this test binary.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use tandem_policy::{DropPolicy, EngineSet};
use tandem_sched::sim::Random;
use tandem_sched::{
    Config, Cost, Curve, Ended, EngineConfig, Point, Request, RunId, Scheduler, StreamConfig,
};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call is passed on to the system allocator unchanged; the counter is a thread-local
// without a destructor and without an allocation of its own.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promises are the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: as above.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Jobs of the run.
const JOBS: u64 = 300_000;

/// Three hundred thousand jobs at about three times what two engines can do, with everything that can happen to
/// them, from the first on: not one allocation.
#[test]
fn a_long_run_allocates_nothing() {
    let points = [(1, 40), (2, 50), (4, 70), (8, 100)];
    let points =
        points.map(|(batch, ns)| Point { batch, cost: Cost { latency: ns, interval: ns } });
    let engine = EngineConfig { curves: vec![Some(Curve::new(&points).unwrap()); 3] };
    let config = Config { jobs: 1024, share_window: 10_000, ..Config::default() };
    let mut scheduler = Scheduler::new(config, &[engine.clone(), engine]).unwrap();
    let streams: Vec<_> = (0..60u32)
        .map(|at| {
            let drop = DropPolicy::WORDS[at as usize % 3].1;
            let priority = (at % 4) as u8;
            let config = StreamConfig { priority, weight: 1 + at % 2, drop, queue: 1 + at % 9 };
            scheduler.add_stream(config).unwrap()
        })
        .collect();
    let (mut random, mut now, mut last) = (Random::new(7), 0, None);
    let mut runs: [Option<(RunId, u64)>; 2] = [None; 2];
    let before = ALLOCATIONS.get();
    let mut answers = 0u64;
    for tag in 0..JOBS {
        now += random.below(9);
        let request = Request {
            stream: streams[random.below(60) as usize],
            model: random.below(3) as u16,
            deadline: now + random.below(900),
            engines: EngineSet::ALL,
            tag,
        };
        last = scheduler.submit(now, request).ok().or(last);
        match random.below(2000) {
            0 => {
                let engine = random.below(2) as usize;
                scheduler.lose(engine, now);
                runs[engine] = None;
            }
            1..100 => (0..2).for_each(|engine| scheduler.restore(engine, now)),
            100..300 => _ = last.map(|submitted| scheduler.cancel(submitted.job, now)),
            _ => {}
        }
        scheduler.tick(now);
        for (engine, run) in runs.iter_mut().enumerate() {
            if let Some((id, _)) = run.filter(|(_, ends)| *ends <= now) {
                let ended = if random.below(50) == 0 { Ended::Failed } else { Ended::Done };
                scheduler.finish(id, ended, now);
                *run = None;
            }
            if run.is_none() {
                *run = scheduler.start(engine, now).map(|s| (s.run, s.expected + random.below(9)));
            }
        }
        while scheduler.answer().is_some() {
            answers += 1;
        }
    }
    assert_eq!(ALLOCATIONS.get() - before, 0);
    let total = scheduler.total();
    assert_eq!(total.submitted, JOBS);
    // Everything that can happen has happened, and most jobs have had their answer.
    for (what, count) in [
        ("done", total.done),
        ("late", total.late),
        ("displaced", total.displaced),
        ("dropped", total.dropped),
        ("cancelled", total.cancelled),
        ("failed", total.failed),
        ("engine lost", total.engine_lost),
        ("moved", total.moved),
        ("no room", total.no_room),
        ("queue full", total.queue_full),
        ("over share", total.over_share),
    ] {
        assert!(count > 0, "{what} never happened: {total:?}");
    }
    let waiting: u32 = streams.iter().map(|s| scheduler.waiting(*s)).map(|(a, b)| a + b).sum();
    let running = total.submitted - total.ends() - u64::from(waiting);
    assert!(running <= 16 && answers <= total.ends(), "{running} run, {waiting} wait: {total:?}");
}
