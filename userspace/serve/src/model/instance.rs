//! An instance: a thread that takes requests, alone or in batches, runs them and answers them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use tandem_engine::tensors::{
    Buffer, Elements, Network, OutputElements, OutputTensor, Tensor, TensorSpec,
};

use super::{Job, Ran, timed_out};
use crate::error::ServeError;
use crate::infer::held;
use crate::queue::{Batching, Queue, Waiting};
use crate::statistics::{RunTimes, Statistics};

impl Waiting for Job {
    fn is_wanted(&self) -> bool {
        !self.reply.is_closed()
    }

    fn since(&self) -> Instant {
        self.queued
    }

    fn size(&self) -> usize {
        self.batch as usize
    }

    fn joins(&self, first: &Self) -> bool {
        let same = |(a, b): (&Tensor, &Tensor)| a.shape.get(1..) == b.shape.get(1..);
        self.inputs.iter().zip(&first.inputs).all(same)
    }
}

/// Runs what comes until the queue is closed and empty.
pub(super) fn instance(
    mut network: Box<dyn Network>,
    queue: &Queue<Job>,
    batching: Option<&Batching>,
    statistics: &Statistics,
) {
    let next = || match batching {
        Some(rule) => queue.pop_batch(rule),
        None => queue.pop().map(|job| vec![job]),
    };
    while let Some(jobs) = next() {
        let now = Instant::now();
        let mut batch = Vec::with_capacity(jobs.len());
        for job in jobs {
            if job.by.is_some_and(|by| by <= now) {
                let _ = job.reply.send(Err(timed_out()));
            } else if job.is_wanted() {
                batch.push(job);
            }
        }
        if let [_, _, ..] = &batch[..] {
            batch = together(network.as_mut(), batch, statistics);
        }
        for job in batch {
            alone(network.as_mut(), job, statistics);
        }
    }
}

fn alone(network: &mut dyn Network, job: Job, statistics: &Statistics) {
    let taken = Instant::now();
    let answer = run(network, &job.inputs, &job.outputs).map(|outputs| {
        let queue = taken - job.queued;
        let times = RunTimes { queue, infer: taken.elapsed(), ..RunTimes::default() };
        statistics.executed(job.batch, times);
        Ran { outputs, times }
    });
    let _ = job.reply.send(answer);
}

/// Runs several as one and answers them. Hands them back where that fails: each then runs alone, so
/// that what is wrong with one fails no other.
fn together(network: &mut dyn Network, jobs: Vec<Job>, statistics: &Statistics) -> Vec<Job> {
    let taken = Instant::now();
    let (inputs, outputs) = join(&jobs);
    let joined = Instant::now();
    let Ok(made) = run(network, &inputs, &outputs) else { return jobs };
    let infer = joined.elapsed();
    let ran = Instant::now();
    let Ok(parts) = split(&jobs, &outputs, made, network.outputs()) else { return jobs };
    let mut times =
        RunTimes { queue: Duration::ZERO, input: joined - taken, infer, output: ran.elapsed() };
    statistics.executed(jobs.iter().map(|job| job.batch).sum(), times);
    for (job, outputs) in jobs.into_iter().zip(parts) {
        times.queue = taken - job.queued;
        let _ = job.reply.send(Ok(Ran { outputs, times }));
    }
    Vec::new()
}

fn run(
    network: &mut dyn Network,
    inputs: &[Tensor],
    outputs: &[usize],
) -> Result<Vec<OutputTensor>, ServeError> {
    match catch_unwind(AssertUnwindSafe(|| network.run(inputs, outputs))) {
        Ok(made) => Ok(made?),
        Err(_) => Err(ServeError::internal("The runtime panicked on this request")),
    }
}

/// The inputs of all, one behind the other, and every output that one of them wants.
fn join(jobs: &[Job]) -> (Vec<Tensor>, Vec<usize>) {
    let batch = jobs.iter().map(Job::size).sum();
    let inputs = (0..jobs[0].inputs.len()).map(|index| {
        let parts = || jobs.iter().map(|job| &job.inputs[index]);
        let first = &jobs[0].inputs[index];
        let mut shape = first.shape.clone();
        shape[0] = batch;
        let elements = match &first.elements {
            Elements::Numbers(_) => {
                let numbers = || {
                    parts().filter_map(|part| match &part.elements {
                        Elements::Numbers(buffer) => Some(buffer.bytes()),
                        Elements::Strings(_) => None,
                    })
                };
                let mut all = Buffer::zeroed(numbers().map(<[u8]>::len).sum());
                let mut rest = all.bytes_mut();
                for bytes in numbers() {
                    let (place, behind) = rest.split_at_mut(bytes.len());
                    place.copy_from_slice(bytes);
                    rest = behind;
                }
                Elements::Numbers(all)
            }
            Elements::Strings(_) => Elements::Strings(
                parts()
                    .filter_map(|part| match &part.elements {
                        Elements::Strings(strings) => Some(strings.clone()),
                        Elements::Numbers(_) => None,
                    })
                    .flatten()
                    .collect(),
            ),
        };
        Tensor { datatype: first.datatype, shape, elements }
    });
    let inputs = inputs.collect();
    let mut outputs: Vec<usize> = jobs.iter().flat_map(|job| job.outputs.clone()).collect();
    outputs.sort_unstable();
    outputs.dedup();
    (inputs, outputs)
}

/// Each job's outputs: its rows, where the runtime made them.
fn split(
    jobs: &[Job],
    indices: &[usize],
    made: Vec<OutputTensor>,
    specs: &[TensorSpec],
) -> Result<Vec<Vec<OutputTensor>>, ServeError> {
    let batch: usize = jobs.iter().map(Job::size).sum();
    let mut rows: Vec<Vec<Option<OutputTensor>>> = Vec::with_capacity(made.len());
    for (index, output) in indices.iter().zip(made) {
        if output.shape.first() != Some(&batch) {
            let (name, shape) = (&specs[*index].name, &output.shape);
            let why = format!("Output {name:?} of a batch of {batch} has the shape {shape:?}");
            return Err(ServeError::internal(why));
        }
        rows.push(rows_of(jobs, batch, output));
    }
    let mut part = |(at, job): (usize, &Job)| {
        let mut one = |wanted: &usize| {
            let column = indices.binary_search(wanted).ok()?;
            rows[column][at].take()
        };
        job.outputs.iter().map(&mut one).collect::<Option<Vec<_>>>()
    };
    let parts: Option<Vec<_>> = jobs.iter().enumerate().map(&mut part).collect();
    parts.ok_or_else(|| ServeError::internal("an output of a batch is missing"))
}

fn rows_of(jobs: &[Job], batch: usize, output: OutputTensor) -> Vec<Option<OutputTensor>> {
    let OutputTensor { datatype, shape, elements } = output;
    let part = |job: &Job, elements| {
        let mut shape = shape.clone();
        shape[0] = job.size();
        Some(OutputTensor { datatype, shape, elements })
    };
    match elements {
        OutputElements::Numbers(bytes) => {
            let bytes = held(bytes);
            let row = bytes.len() / batch;
            let mut from = 0;
            jobs.iter()
                .map(|job| {
                    let to = from + job.size() * row;
                    let slice = bytes.slice(from..to);
                    from = to;
                    part(job, OutputElements::Numbers(Box::new(slice)))
                })
                .collect()
        }
        OutputElements::Strings(strings) => {
            let row = strings.len() / batch;
            let mut rest = strings.into_iter();
            jobs.iter()
                .map(|job| {
                    let own = rest.by_ref().take(job.size() * row).collect();
                    part(job, OutputElements::Strings(own))
                })
                .collect()
        }
    }
}
