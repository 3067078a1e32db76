//! Which choices serve a load best: each of a small grid is simulated.

use serde::Serialize;
use tandem_policy::DropPolicy;

use super::load::{Load, Stream};
use super::ours::{Choice, Ours};
use super::report::Report;
use super::world::World;
use crate::scheduler::ConfigError;

/// A choice, and what it gives.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Trial {
    /// Choice.
    #[serde(flatten)]
    pub choice: Choice,
    /// What it gives.
    #[serde(flatten)]
    pub report: Report,
}

const QUEUES: [u32; 4] = [1, 2, 4, 16];
/// Slack by part of the shortest time to a deadline, in hundredths.
const SLACKS: [u64; 3] = [0, 5, 20];
/// Promises that may be broken before a choice is behind all that keep theirs.
const MISSES: f64 = 0.01;

/// The choices that are tried for a load on these engines: every drop policy, queues of 1 to 16,
/// batches up to what was measured in powers of two, slack of up to a fifth of the shortest time
/// to a deadline.
fn grid(world: &World<'_>) -> Vec<Choice> {
    let largest = world.costs.engines.iter().flatten().flatten().map(|curve| curve.largest()).max();
    let largest = largest.unwrap_or(1);
    let mut batches: Vec<usize> =
        (0..).map(|n| 1 << n).take_while(|size| *size < largest).collect();
    batches.push(largest);
    let shortest = world.load.arrivals.iter().map(|a| a.deadline - a.at).min().unwrap_or(0);
    let mut slacks: Vec<u64> = SLACKS.map(|part| shortest / 100 * part).to_vec();
    slacks.dedup();
    let mut choices = Vec::new();
    for (_, drop) in DropPolicy::WORDS {
        for queue in QUEUES {
            for largest_batch in batches.iter().copied() {
                let slacks = slacks.iter();
                choices.extend(slacks.map(|slack| Choice {
                    drop,
                    queue,
                    largest_batch,
                    slack_ns: *slack,
                }));
            }
        }
    }
    choices
}

/// Simulates each choice, `seen` after each with how many are left; the best first: choices that
/// keep 99 of 100 promises, then what is done in time (to half a percent), then the fairness (to a
/// hundredth), then the lower p99, then the smaller numbers.
///
/// # Errors
/// [`ConfigError`]: more engines or models than a scheduler takes.
pub fn tune(world: &World<'_>, seen: &mut dyn FnMut(usize)) -> Result<Vec<Trial>, ConfigError> {
    let choices = grid(world);
    let mut trials = Vec::with_capacity(choices.len());
    for (number, choice) in choices.iter().enumerate() {
        let mut queue = Ours::new(world.load, world.costs, *choice)?;
        let report = Report::new(world.load, &world.run(&mut queue));
        trials.push(Trial { choice: *choice, report });
        seen(choices.len() - number - 1);
    }
    let steps = |part: f64, size: f64| (part / size).round() as i64;
    trials.sort_by(|a, b| {
        let key = |Trial { report, .. }: &Trial| {
            let broken = report.misses > MISSES;
            (broken, -steps(report.in_time, 0.005), -steps(report.fairness, 0.01))
        };
        let size = |t: &Trial| (t.choice.queue, t.choice.largest_batch, t.choice.slack_ns);
        let p99 = a.report.p99_ms.total_cmp(&b.report.p99_ms);
        key(a).cmp(&key(b)).then(p99).then_with(|| size(a).cmp(&size(b)))
    });
    Ok(trials)
}

/// The lines of a routing policy for these streams: its section `streams`.
///
/// Names with one beginning, whose other streams have the same priority, share a line; `*` in a
/// name of a load would be a pattern, and then is one.
pub fn policy_lines(load: &Load, drop: DropPolicy) -> String {
    let mut lines = String::from("streams:\n");
    let mut line = |pattern: &str, priority: u8| {
        let quoted = serde_json::Value::from(pattern);
        lines +=
            &format!("  - {{stream: {quoted}, priority: {priority}, drop: {}}}\n", drop.name());
    };
    let Some(first) = load.streams.first() else { return lines };
    if load.streams.iter().all(|stream| stream.priority == first.priority) {
        line("*", first.priority);
        return lines;
    }
    let mut written: Vec<String> = Vec::new();
    for stream in &load.streams {
        let pattern = pattern(stream, &load.streams);
        // A name with several priorities brings them along: its first stands for the others.
        if !written.contains(&pattern) {
            line(&pattern, stream.priority);
            written.push(pattern);
        }
    }
    lines
}

/// The beginning up to the last `-` with a `*`, if it takes only streams of this priority.
fn pattern(stream: &Stream, all: &[Stream]) -> String {
    let beginning = stream.name.rfind('-').map(|at| &stream.name[..=at]);
    let alone = |beginning: &&str| {
        let mut same = all.iter().filter(|other| other.name.starts_with(beginning));
        same.all(|other| other.priority == stream.priority)
    };
    match beginning.filter(alone) {
        Some(beginning) => format!("{beginning}*"),
        None => stream.name.clone(),
    }
}
