//! What admission and dispatch cost with jobs in the plan: `cargo bench -p tandem-sched`.

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use tandem_policy::{DropPolicy, EngineSet};
use tandem_sched::{
    Config, Cost, Curve, Ended, EngineConfig, Point, Request, Scheduler, StreamConfig, StreamId,
};

const MS: u64 = 1_000_000;

fn request(stream: StreamId, tag: u64, deadline: u64) -> Request {
    Request { stream, model: (tag % 2) as u16, deadline, engines: EngineSet::ALL, tag }
}

/// Two engines, two models, batches up to 8, `queued` jobs in the plans.
fn loaded(queued: u64) -> (Scheduler, StreamId) {
    let points = [(1, 4), (2, 5), (4, 7), (8, 10)];
    let points = points
        .map(|(batch, ms)| Point { batch, cost: Cost { latency: ms * MS, interval: ms * MS } });
    let curve = Curve::new(&points).unwrap();
    let engine = EngineConfig { curves: vec![Some(curve); 2] };
    let config = Config { jobs: 4096, ..Config::default() };
    let mut scheduler = Scheduler::new(config, &[engine.clone(), engine]).unwrap();
    let config = StreamConfig { priority: 1, weight: 1, drop: DropPolicy::Newest, queue: 4000 };
    let stream = scheduler.add_stream(config).unwrap();
    for tag in 0..queued {
        let deadline = 20_000 * MS + (tag * 7919 % queued.max(1)) * MS;
        scheduler.submit(0, request(stream, tag, deadline)).unwrap();
    }
    (scheduler, stream)
}

fn queue(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("queue");
    for queued in [10, 100, 1000] {
        let (mut scheduler, stream) = loaded(queued);
        group.bench_function(BenchmarkId::new("admit and cancel", queued), |bencher| {
            bencher.iter(|| {
                let new = request(stream, 1, black_box(20_000 * MS + queued * MS / 2));
                let job = scheduler.submit(0, new).unwrap().job;
                scheduler.cancel(job, 0);
                black_box(scheduler.answer());
            });
        });
        // Every engine is full up to this deadline.
        let refused = request(stream, 1, 5 * MS);
        let (mut scheduler, _) = loaded(queued);
        scheduler.start(0, 0);
        scheduler.start(1, 0);
        group.bench_function(BenchmarkId::new("refuse", queued), |bencher| {
            bencher.iter(|| scheduler.submit(0, black_box(refused)).unwrap_err());
        });
        group.bench_function(BenchmarkId::new("dispatch and finish", queued), |bencher| {
            bencher.iter_batched_ref(
                || loaded(queued).0,
                |scheduler| {
                    let started = scheduler.start(0, 0).unwrap();
                    scheduler.finish(started.run, Ended::Done, 10 * MS);
                    while let Some(answer) = scheduler.answer() {
                        black_box(answer);
                    }
                },
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, queue);
criterion_main!(benches);
