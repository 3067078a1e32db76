//! A recorded load: JSON lines, one job each.

use std::collections::HashMap;

use serde::Deserialize;
use tandem_policy::{DEFAULT_PRIORITY, MAX_DEADLINE_MS};
use thiserror::Error;

use crate::cost::Nanos;

/// Longest line of a load.
pub const MAX_LINE: usize = 4096;
/// Most streams of a load, and most models.
pub const MAX_STREAMS: usize = 4096;
/// Latest arrival, ms: 31 years.
const MAX_TIME_MS: f64 = 1e12;

/// A job of a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// When it comes, ns from the load's first.
    pub at: Nanos,
    /// Which of [`Load::streams`].
    pub stream: u32,
    /// Which of [`Load::models`].
    pub model: u16,
    /// When it has to be done.
    pub deadline: Nanos,
}

/// A stream of a load: jobs of one name and one priority.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Stream {
    /// Name; empty for jobs of none.
    pub name: String,
    /// Priority.
    pub priority: u8,
}

/// Jobs in the order of their arrival.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Streams.
    pub streams: Vec<Stream>,
    /// Models.
    pub models: Vec<String>,
    /// Jobs.
    pub arrivals: Vec<Arrival>,
}

/// What is wrong with a load, and where.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{file}:{line}:{column}: {reason}")]
pub struct LoadError {
    /// File.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in bytes, from 1.
    pub column: usize,
    /// What is wrong, and what was expected.
    pub reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    time_ms: f64,
    #[serde(default)]
    stream: String,
    model: String,
    #[serde(default = "default_priority")]
    priority: u8,
    deadline_ms: f64,
}

fn default_priority() -> u8 {
    DEFAULT_PRIORITY
}

/// One place for each name, in the order in which they come.
struct Numbers<K> {
    known: HashMap<K, usize>,
}

impl<K: Eq + std::hash::Hash + Clone> Numbers<K> {
    fn of(&mut self, name: K, names: &mut Vec<K>) -> Option<usize> {
        if let Some(number) = self.known.get(&name) {
            return Some(*number);
        }
        (names.len() < MAX_STREAMS).then(|| {
            names.push(name.clone());
            self.known.insert(name, names.len() - 1);
            names.len() - 1
        })
    }
}

impl Load {
    /// Reads JSON lines of `time_ms`, `model`, `deadline_ms` (from its arrival) and, if wanted,
    /// `stream` and `priority`. Empty lines are passed over; jobs are put in order of their time,
    /// which then counts from the first. `file` is for messages.
    ///
    /// # Errors
    /// The first line that is no such job, and a load without any.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Load, LoadError> {
        let mut load = Load::default();
        let mut streams = Numbers { known: HashMap::new() };
        let mut models = Numbers { known: HashMap::new() };
        let mut last = 1;
        for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            last = index + 1;
            let wrong = |column: usize, reason: String| LoadError {
                file: file.to_owned(),
                line: index + 1,
                column,
                reason,
            };
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            if line.len() > MAX_LINE {
                return Err(wrong(MAX_LINE + 1, format!("the line is above {MAX_LINE} bytes")));
            }
            let job: Line = serde_json::from_slice(line).map_err(|error| {
                // serde_json ends its message with the place in the line.
                let text = error.to_string();
                let reason = text.split(" at line ").next().unwrap_or(&text).to_owned();
                wrong(error.column().max(1), reason)
            })?;
            if !(0.0..=MAX_TIME_MS).contains(&job.time_ms) {
                return Err(wrong(1, format!("time_ms {} is not 0 to {MAX_TIME_MS}", job.time_ms)));
            }
            if !(0.0..=f64::from(MAX_DEADLINE_MS)).contains(&job.deadline_ms) {
                let reason =
                    format!("deadline_ms {} is not 0 to {MAX_DEADLINE_MS}", job.deadline_ms);
                return Err(wrong(1, reason));
            }
            let too_many = |what| wrong(1, format!("more than {MAX_STREAMS} {what} in one load"));
            let stream = Stream { name: job.stream, priority: job.priority };
            let stream = streams.of(stream, &mut load.streams);
            let stream = stream.ok_or_else(|| too_many("streams"))? as u32;
            let model = models.of(job.model, &mut load.models);
            let model = model.ok_or_else(|| too_many("models"))? as u16;
            let at = (job.time_ms * 1e6) as Nanos;
            let deadline = at + (job.deadline_ms * 1e6) as Nanos;
            load.arrivals.push(Arrival { at, stream, model, deadline });
        }
        load.arrivals.sort_by_key(|arrival| arrival.at);
        let Some(first) = load.arrivals.first().map(|arrival| arrival.at) else {
            let (file, reason) = (file.to_owned(), "no job at all in it".to_owned());
            return Err(LoadError { file, line: last, column: 1, reason });
        };
        for arrival in &mut load.arrivals {
            arrival.at -= first;
            arrival.deadline -= first;
        }
        Ok(load)
    }

    /// Puts the models in the order of `costs`' numbers.
    ///
    /// # Errors
    /// The first model that these do not have.
    pub fn renumber(&mut self, models: &[String]) -> Result<(), String> {
        let place = |name: &String| models.iter().position(|known| known == name);
        let numbers: Result<Vec<u16>, String> = self
            .models
            .iter()
            .map(|name| place(name).map(|number| number as u16).ok_or_else(|| name.clone()))
            .collect();
        let numbers = numbers?;
        for arrival in &mut self.arrivals {
            arrival.model = numbers[usize::from(arrival.model)];
        }
        self.models = models.to_vec();
        Ok(())
    }

    /// From the first arrival to the last, seconds; at least a millisecond.
    pub fn seconds(&self) -> f64 {
        self.arrivals.last().map_or(0.0, |last| last.at as f64 / 1e9).max(1e-3)
    }

    /// Part of the jobs that each model has.
    pub fn mix(&self) -> Vec<f64> {
        let mut mix = vec![0.0; self.models.len()];
        for arrival in &self.arrivals {
            mix[usize::from(arrival.model)] += 1.0 / self.arrivals.len() as f64;
        }
        mix
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_jobs_in_order_of_their_time() {
        let text =
            b"{\"time_ms\": 12, \"stream\": \"b\", \"model\": \"m\", \"deadline_ms\": 40}\n\n\
            {\"time_ms\": 10.5, \"model\": \"n\", \"priority\": 9, \"deadline_ms\": 1}\r\n";
        let load = Load::parse("l", text).unwrap();
        let at = |at, stream, model, deadline| Arrival { at, stream, model, deadline };
        assert_eq!(load.arrivals, [at(0, 1, 1, 1_000_000), at(1_500_000, 0, 0, 41_500_000)]);
        assert_eq!(load.streams[1], Stream { name: String::new(), priority: 9 });
        assert_eq!(load.models, ["m", "n"]);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let error = |text: &str| Load::parse("l.jsonl", text.as_bytes()).unwrap_err().to_string();
        let good = "{\"time_ms\":0,\"model\":\"m\",\"deadline_ms\":1}\n";
        assert_eq!(error(""), "l.jsonl:1:1: no job at all in it");
        let text = error(&format!("{good}{{\"time_ms\":0,\"modle\":1}}"));
        assert!(text.starts_with("l.jsonl:2:20: unknown field `modle`, expected"), "{text}");
        let text = error(&good.replace(":1}", ":-1}"));
        assert_eq!(text, "l.jsonl:1:1: deadline_ms -1 is not 0 to 3600000");
        let text = error(&good.replace("\"time_ms\":0", "\"time_ms\":1e300"));
        assert!(text.starts_with("l.jsonl:1:1: time_ms 1000"), "{text}");
        let text = error(&good.replace("\"model\"", "\"priority\":256,\"model\""));
        assert!(text.contains("expected u8"), "{text}");
        let long = format!("{good}{}", " x".repeat(MAX_LINE));
        assert_eq!(error(&long), format!("l.jsonl:2:4097: the line is above {MAX_LINE} bytes"));
    }
}
