//! Jobs that the scheduler knows: a table of fixed size whose ids tell later holders of an entry apart.

use tandem_policy::EngineSet;

use crate::answer::Outcome;
use crate::cost::Nanos;

/// A job of the scheduler, from its admission to its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct JobId {
    pub(crate) index: u32,
    generation: u32,
}

impl JobId {
    pub(crate) const NONE: JobId = JobId { index: u32::MAX, generation: 0 };
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum State {
    Free,
    /// Waits for room in a plan.
    Blocked,
    /// In the plan of this engine.
    Planned(usize),
    /// This engine has it.
    Running(usize),
    /// The answer was not taken yet.
    Answered(Outcome),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Job {
    generation: u32,
    pub state: State,
    pub tag: u64,
    pub stream: u32,
    pub model: u16,
    pub priority: u8,
    pub deadline: Nanos,
    pub engines: EngineSet,
    /// What its stream was charged, ns of an engine's time.
    pub charge: Nanos,
    /// Number of its admission.
    pub seq: u64,
    pub turn: u64,
}

#[derive(Debug)]
pub(crate) struct Jobs {
    jobs: Vec<Job>,
    free: Vec<u32>,
}

impl Jobs {
    pub fn with_capacity(jobs: usize) -> Jobs {
        let empty = Job {
            generation: 0,
            state: State::Free,
            tag: 0,
            stream: 0,
            model: 0,
            priority: 0,
            deadline: 0,
            engines: EngineSet::ALL,
            charge: 0,
            seq: 0,
            turn: 0,
        };
        Jobs { jobs: vec![empty; jobs], free: (0..jobs as u32).rev().collect() }
    }

    /// Takes an entry; `None` if all are taken.
    pub fn take(&mut self) -> Option<JobId> {
        let index = self.free.pop()?;
        Some(self.id(index))
    }

    pub fn len(&self) -> u32 {
        self.jobs.len() as u32
    }

    pub fn id(&self, index: u32) -> JobId {
        JobId { index, generation: self[index].generation }
    }

    /// The job of an id, unless the entry has another one by now or none.
    pub fn get(&self, id: JobId) -> Option<&Job> {
        let job = self.jobs.get(id.index as usize)?;
        (job.generation == id.generation && job.state != State::Free).then_some(job)
    }

    pub fn release(&mut self, index: u32) {
        let job = &mut self[index];
        job.state = State::Free;
        job.generation = job.generation.wrapping_add(1);
        self.free.push(index);
    }
}

impl std::ops::Index<u32> for Jobs {
    type Output = Job;
    fn index(&self, index: u32) -> &Job {
        &self.jobs[index as usize]
    }
}

impl std::ops::IndexMut<u32> for Jobs {
    fn index_mut(&mut self, index: u32) -> &mut Job {
        &mut self.jobs[index as usize]
    }
}
