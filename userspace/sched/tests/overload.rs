//! Twice the sustainable load: what the scheduler makes of it, beside plain queues in the same run.

use tandem_sched::sim::{
    Baseline, Choice, Costs, Fate, Load, Order, Ours, Report, Synthetic, World,
};
use tandem_sched::{Counters, Nanos, Outcome};

const MS: Nanos = 1_000_000;
const LENGTH: Nanos = 20_000 * MS;

/// Two engines; a batch of 8 takes two and a half times as long as one job.
fn batching() -> Costs {
    Costs::alike(2, &["detect=1:4,2:5,4:7,8:10".parse().unwrap()]).unwrap()
}

/// A pipeline: results after 6 ms, a start every 2 ms.
fn pipeline() -> Costs {
    Costs::alike(1, &["detect=1:6/2".parse().unwrap()]).unwrap()
}

/// Three engines that differ, one of them without the second model.
fn mixed() -> Costs {
    let text = "
        [engine]
        gpu = {detect = [{batch = 1, latency_ms = 3}, {batch = 4, latency_ms = 6}],
               read = [{batch = 1, latency_ms = 2}, {batch = 8, latency_ms = 5}]}
        worker = {detect = [{batch = 1, latency_ms = 5, interval_ms = 3}],
                  read = [{batch = 1, latency_ms = 4, interval_ms = 2}]}
        cpu = {detect = [{batch = 1, latency_ms = 20}]}";
    Costs::parse("mixed.toml", text).unwrap()
}

fn load(costs: &Costs, factor: f64, streams: usize, deadline: [Nanos; 2]) -> (Load, f64) {
    let mix = vec![1.0 / costs.models.len() as f64; costs.models.len()];
    let sustainable = costs.sustainable(&mix, 16);
    let synthetic = Synthetic {
        rates: vec![sustainable * factor / streams as f64; streams],
        priorities: vec![0],
        models: costs.models.clone(),
        deadline,
        length: LENGTH,
        seed: 11,
    };
    (synthetic.load(), sustainable)
}

fn ours(load: &Load, costs: &Costs, choice: Choice) -> (Report, Vec<Fate>, Counters) {
    let mut queue = Ours::new(load, costs, choice).unwrap();
    let fates = World::new(load, costs).run(&mut queue);
    (Report::new(load, &fates), fates, queue.scheduler.total())
}

fn plain(load: &Load, costs: &Costs, order: Order) -> (Report, usize) {
    let mut queue = Baseline::new(order, load, costs, 16);
    let fates = World::new(load, costs).run(&mut queue);
    (Report::new(load, &fates), queue.longest)
}

#[test]
fn at_twice_the_sustainable_load_nine_tenths_of_it_are_done_in_time() {
    let cases = [
        ("batching", batching(), [40 * MS, 120 * MS]),
        ("batching, tight", batching(), [25 * MS, 30 * MS]),
        ("pipeline", pipeline(), [20 * MS, 60 * MS]),
        ("mixed", mixed(), [40 * MS, 120 * MS]),
    ];
    for (name, costs, deadline) in cases {
        let (load, sustainable) = load(&costs, 2.0, 100, deadline);
        let (report, fates, _) = ours(&load, &costs, Choice::default());
        let (fifo, queued) = plain(&load, &costs, Order::Fifo);
        let (edf, _) = plain(&load, &costs, Order::Edf);
        let (dropping, _) = plain(&load, &costs, Order::EdfDroppingLate);
        println!(
            "{name}: sustainable {sustainable:.0}/s, offered {:.0}/s; goodput {:.0}/s ({:.3}), \
             misses {:.4}, refused {:.3}, p50 {:.1} ms, p99 {:.1} ms, Jain {:.4}, least {:.3}; \
             FIFO {:.0}/s (queue up to {queued}), EDF {:.0}/s, EDF dropping late {:.0}/s",
            2.0 * sustainable,
            report.goodput,
            report.goodput / sustainable,
            report.misses,
            report.refused,
            report.p50_ms,
            report.p99_ms,
            report.fairness,
            report.least_share,
            fifo.goodput,
            edf.goodput,
            dropping.goodput,
        );
        assert!(report.goodput >= 0.9 * sustainable, "{name}: {report:?}");
        assert_eq!(report.misses, 0.0, "{name}");
        // Shares are of engines' time, and what is counted here are jobs: two models differ.
        let fair = if costs.models.len() == 1 { 0.98 } else { 0.95 };
        assert!(report.fairness >= fair, "{name}: {report:?}");
        assert!(fifo.goodput < 0.1 * sustainable && edf.goodput < 0.2 * sustainable, "{name}");
        // Refusals have no wait, and a reason.
        for (arrival, fate) in load.arrivals.iter().zip(&fates) {
            if let Outcome::Refused(refusal) = fate.outcome {
                assert_eq!(fate.at, arrival.at, "{refusal}");
            }
        }
    }
}

#[test]
fn below_the_sustainable_load_next_to_nothing_is_refused() {
    let costs = batching();
    let (load, _) = load(&costs, 0.8, 100, [60 * MS, 120 * MS]);
    let (report, ..) = ours(&load, &costs, Choice::default());
    println!("{report:?}");
    assert!(report.refused < 0.001 && report.misses == 0.0, "{report:?}");
}

#[test]
fn the_top_priority_loses_nothing_at_twice_the_load() {
    let costs = batching();
    let (mut load, sustainable) = load(&costs, 2.0, 100, [40 * MS, 120 * MS]);
    // A quarter of the streams, at half the sustainable load, is of the top priority.
    let top = |stream: usize| stream.is_multiple_of(4);
    for (at, stream) in load.streams.iter_mut().enumerate() {
        stream.priority = if top(at) { 9 } else { (at % 3) as u8 };
    }
    let choice = Choice { queue: 32, ..Choice::default() };
    let (report, fates, total) = ours(&load, &costs, choice);
    let lost = load.arrivals.iter().zip(&fates);
    let lost = lost.filter(|(a, fate)| top(a.stream as usize) && fate.outcome != Outcome::Done);
    let lost: Vec<_> = lost.collect();
    println!("{:.0}/s of {sustainable:.0}/s, {total:?}", report.goodput);
    assert_eq!(lost.len(), 0, "first of them: {:?}", lost.first());
    assert!(total.displaced > 0 && report.goodput >= 0.85 * sustainable, "{report:?} {total:?}");
}

/// Goodput by stream, jobs a second.
fn by_stream(load: &Load, fates: &[Fate]) -> Vec<f64> {
    let mut done = vec![0.0; load.streams.len()];
    for (arrival, fate) in load.arrivals.iter().zip(fates) {
        let counts = if fate.outcome == Outcome::Done { 1e9 / LENGTH as f64 } else { 0.0 };
        done[arrival.stream as usize] += counts;
    }
    done
}

#[test]
fn a_flooding_stream_takes_nobodys_share() {
    let costs = batching();
    // 99 streams that want nine tenths of their share, and one that wants everything thrice over.
    let sustainable = costs.sustainable(&[1.0], 16);
    let fair = sustainable / 100.0;
    let mut rates = vec![0.9 * fair; 100];
    rates[42] = 3.0 * sustainable;
    let synthetic = Synthetic {
        rates,
        priorities: vec![0],
        models: costs.models.clone(),
        deadline: [60 * MS, 80 * MS],
        length: LENGTH,
        seed: 5,
    };
    let load = synthetic.load();
    let choice = Choice { queue: 64, ..Choice::default() };
    let (report, fates, total) = ours(&load, &costs, choice);
    let done = by_stream(&load, &fates);
    let offered = load.arrivals.iter().fold(vec![0.0; 100], |mut offered, arrival| {
        offered[arrival.stream as usize] += 1e9 / LENGTH as f64;
        offered
    });
    let others = (0..100).filter(|stream| *stream != 42);
    let parts: Vec<f64> = others.map(|stream| done[stream] / offered[stream]).collect();
    let least = parts.iter().copied().fold(f64::INFINITY, f64::min);
    let mean = parts.iter().sum::<f64>() / parts.len() as f64;
    let mut queue = Baseline::new(Order::EdfDroppingLate, &load, &costs, 16);
    let plain = by_stream(&load, &World::new(&load, &costs).run(&mut queue));
    println!(
        "flood: {:.0}/s of {sustainable:.0}/s, the others got {mean:.3} of what they asked for \
         (least {least:.3}), the flooding one {:.1} times its share; by EDF dropping late the \
         others got {:.3}; {total:?}",
        report.goodput,
        done[42] / fair,
        plain.iter().enumerate().filter(|(at, _)| *at != 42).map(|(_, d)| d).sum::<f64>()
            / (0..100).filter(|at| *at != 42).map(|at| offered[at]).sum::<f64>(),
    );
    // A quarter of what is left to the flooding one is three hundredths of what the others want.
    assert!(mean >= 0.92 && least >= 0.85, "{least} {mean}");
    assert!(report.goodput >= 0.85 * sustainable, "{report:?}");
}

#[test]
fn a_stream_that_is_full_or_silent_delays_no_other() {
    let costs = pipeline();
    let (base, _) = load(&costs, 0.5, 20, [30 * MS, 60 * MS]);
    let alone = ours(&base, &costs, Choice::default()).1;
    // The same, and one stream of the lowest rank that fills its queue and waits (block), with
    // deadlines that it seldom makes; and one that never says a word.
    let mut load = base.clone();
    let stream = |name: &str| tandem_sched::sim::Stream { name: name.to_owned(), priority: 0 };
    load.streams.extend([stream("stuck"), stream("silent")]);
    for stream in &mut load.streams[..20] {
        stream.priority = 1;
    }
    for at in (0..LENGTH).step_by(MS as usize) {
        let arrival =
            tandem_sched::sim::Arrival { at, stream: 20, model: 0, deadline: at + 10 * MS };
        load.arrivals.push(arrival);
    }
    load.arrivals.sort_by_key(|arrival| (arrival.at, arrival.stream));
    let streams = load.streams.iter().enumerate().map(|(at, stream)| tandem_sched::StreamConfig {
        priority: stream.priority,
        weight: 1,
        drop: if at == 20 {
            tandem_policy::DropPolicy::Block
        } else {
            tandem_policy::DropPolicy::Newest
        },
        queue: 8,
    });
    let streams: Vec<_> = streams.collect();
    let mut queue = Ours::with_streams(&load, &costs, Choice::default(), &streams).unwrap();
    let fates = World::new(&load, &costs).run(&mut queue);
    let beside: Vec<&Fate> = load
        .arrivals
        .iter()
        .zip(&fates)
        .filter(|(arrival, _)| arrival.stream < 20)
        .map(|(_, fate)| fate)
        .collect();
    let lost = |fates: &[&Fate]| -> Vec<Outcome> {
        fates.iter().map(|fate| fate.outcome).filter(|outcome| *outcome != Outcome::Done).collect()
    };
    let alone: Vec<&Fate> = alone.iter().collect();
    assert_eq!((lost(&alone), lost(&beside)), (vec![], vec![]));
    assert!(queue.scheduler.counters(queue.streams[20]).done > 0);
}
