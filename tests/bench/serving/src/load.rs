//! The load: workers that share one schedule.
//!
//! With a rate, request `k` is due at `k / rate`, whether or not those before it are answered, and its
//! latency counts from then: a server that stalls is charged for all that came due meanwhile. Without
//! one, each worker asks again as soon as it is answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::{Answer, Way};

/// When to ask, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Requests a second; none: as fast as the answers come.
    pub rate: Option<f64>,
    /// No request is due after this.
    pub length: Duration,
}

/// What came of a load.
#[derive(Debug)]
pub struct Outcome {
    /// Requests sent.
    pub sent: u64,
    /// Answers, latencies and refusals by id, in the order in which each worker got them.
    pub answers: Vec<(u64, Result<Answer, String>)>,
    /// Of answers, in nanoseconds.
    pub latencies: Histogram<u64>,
    /// From the first due time to the last answer.
    pub took: Duration,
}

impl Outcome {
    /// A quantile of the latencies in microseconds.
    pub fn us(&self, quantile: f64) -> f64 {
        self.latencies.value_at_quantile(quantile) as f64 / 1e3
    }

    /// Answers a second.
    pub fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.took.as_secs_f64()
    }

    /// Requests that were refused or lost their connection.
    pub fn failed(&self) -> impl Iterator<Item = (u64, &str)> {
        self.answers.iter().filter_map(|(id, a)| Some((*id, a.as_ref().err()?.as_str())))
    }
}

/// Where a worker gets its next request: number, and when it is due.
#[derive(Clone)]
enum Schedule {
    /// From the thread that keeps the rate.
    Paced(Arc<Mutex<UnboundedReceiver<(u64, Instant)>>>),
    /// At once, until then.
    Free(Arc<AtomicU64>, Instant),
}

impl Schedule {
    fn new(plan: Plan, start: Instant) -> Self {
        let Some(rate) = plan.rate else {
            return Self::Free(Arc::default(), start + plan.length);
        };
        // A thread: tokio's timer has steps of a millisecond.
        let (due, taken) = unbounded_channel();
        std::thread::spawn(move || {
            for id in 0.. {
                let after = Duration::from_secs_f64(id as f64 / rate);
                if after >= plan.length {
                    return;
                }
                std::thread::sleep((start + after).saturating_duration_since(Instant::now()));
                if due.send((id, start + after)).is_err() {
                    return;
                }
            }
        });
        Self::Paced(Arc::new(Mutex::new(taken)))
    }

    async fn next(&self) -> Option<(u64, Instant)> {
        match self {
            Self::Paced(taken) => taken.lock().await.recv().await,
            Self::Free(next, end) => {
                let now = Instant::now();
                (now < *end).then(|| (next.fetch_add(1, Ordering::Relaxed), now))
            }
        }
    }
}

/// Puts the load on every way at once, each a worker. `keep` says whether outputs are kept: a long
/// load of large ones would not fit into memory.
///
/// # Panics
/// Where a worker did.
pub async fn run<W: Way + 'static>(ways: Vec<W>, plan: Plan, keep: bool) -> (Outcome, Vec<W>) {
    let start = Instant::now();
    let schedule = Schedule::new(plan, start);
    let workers: Vec<_> = ways
        .into_iter()
        .map(|mut way| {
            let schedule = schedule.clone();
            tokio::spawn(async move { (work(&mut way, keep, &schedule).await, way) })
        })
        .collect();
    let mut latencies = histogram();
    let mut answers = Vec::new();
    let mut ways = Vec::new();
    for worker in workers {
        let ((own, took), way) = worker.await.expect("a worker runs to its end");
        answers.extend(own);
        latencies.add(took).expect("the same bounds");
        ways.push(way);
    }
    let sent = answers.len() as u64;
    (Outcome { sent, answers, latencies, took: start.elapsed() }, ways)
}

/// From a microsecond to ten minutes, to three digits.
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1_000, 600_000_000_000, 3).expect("bounds in order")
}

type Done = (Vec<(u64, Result<Answer, String>)>, Histogram<u64>);

async fn work<W: Way>(way: &mut W, keep: bool, schedule: &Schedule) -> Done {
    let (mut answers, mut latencies) = (Vec::new(), histogram());
    while let Some((id, due)) = schedule.next().await {
        let mut answer = way.infer(id).await.map_err(|error| format!("{error:#}"));
        if let Ok(answer) = &mut answer {
            let took = u64::try_from(due.elapsed().as_nanos()).unwrap_or(u64::MAX);
            latencies.saturating_record(took);
            if !keep {
                answer.output.clear();
            }
        }
        answers.push((id, answer));
    }
    (answers, latencies)
}
