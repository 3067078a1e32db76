//! Which engine runs the main model of a job.

use std::sync::Arc;

use tandem_channels::Robin;
use tandem_policy::EngineSet;

use crate::lanes::{EnginePort, EngineReply, EngineRequest};

/// Where a job may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// This lane of the engines.
    Main(usize),
    /// The engine that stands by.
    Spare,
}

/// An engine and the requests that it has.
#[derive(Debug)]
struct Entry {
    port: Arc<EnginePort>,
    has: usize,
}

impl Entry {
    fn new(port: Arc<EnginePort>) -> Self {
        Self { port, has: 0 }
    }

    fn reply(&mut self) -> Option<EngineReply> {
        let reply = self.port.channel.reply()?;
        self.has -= 1;
        Some(reply)
    }
}

/// The ways to the engine lanes.
#[derive(Debug)]
pub struct MainLanes {
    main: Vec<Entry>,
    spare: Option<Entry>,
    /// Turns of those with equally few requests.
    turns: Robin,
}

impl MainLanes {
    /// To these lanes with their weights, and to one that stands by.
    pub fn new(main: Vec<(Arc<EnginePort>, u32)>, spare: Option<Arc<EnginePort>>) -> Self {
        let turns = Robin::new(main.iter().map(|(_, weight)| *weight));
        let main = main.into_iter().map(|(port, _)| Entry::new(port)).collect();
        Self { main, spare: spare.map(Entry::new), turns }
    }

    /// Engines that would take a run now: the one that stands by is the last.
    pub fn ready(&self) -> EngineSet {
        let ready = self.main.iter().chain(&self.spare).enumerate();
        let ready = ready.filter(|(_, entry)| entry.port.is_ready());
        ready.fold(EngineSet::default(), |set, (i, _)| set.with(i))
    }

    /// The engines of `allowed`, without the one that stands by.
    fn main(&self, allowed: EngineSet) -> impl Iterator<Item = (usize, &Entry)> + Clone {
        self.main.iter().enumerate().filter(move |(i, _)| allowed.has(*i))
    }

    fn spare(&self, allowed: EngineSet) -> Option<&Entry> {
        self.spare.as_ref().filter(|_| allowed.has(self.main.len()))
    }

    /// An engine of `allowed` stands by for others of them.
    pub fn has_spare(&self, allowed: EngineSet) -> bool {
        self.spare(allowed).is_some() && self.main(allowed).next().is_some()
    }

    /// There is an engine of `allowed` besides one that was just lost.
    pub fn has_other(&self, allowed: EngineSet) -> bool {
        self.has_spare(allowed) || self.main(allowed).any(|(_, entry)| entry.port.is_ready())
    }

    /// The engine with the fewest requests, among those of `allowed` that are there; of several
    /// such, each gets its weight's share. They have one more than there are engines at most: what waits longer stays in the job table, where a later
    /// job with an earlier deadline can overtake it. A job that `failed` goes to the engine that
    /// stands by, and so does every one while no other is there. Without any, a lost one is asked:
    /// it reconnects, or says why not.
    pub fn place(&mut self, failed: bool, allowed: EngineSet) -> Option<Place> {
        let ready = self.main(allowed).any(|(_, entry)| entry.port.is_ready());
        if let Some(spare) = self.spare(allowed)
            && (failed || !ready)
        {
            return (spare.has <= 1).then_some(Place::Spare);
        }
        let usable = self.main(allowed).filter(|(_, e)| e.port.is_ready() || !ready);
        let (requests, engines, least) =
            usable.fold((0, 0, usize::MAX), |(requests, engines, least), (_, entry)| {
                (requests + entry.has, engines + 1, least.min(entry.has))
            });
        if requests > engines {
            return None;
        }
        let may = |i: usize| {
            let entry = &self.main[i];
            allowed.has(i) && (entry.port.is_ready() || !ready) && entry.has == least
        };
        self.turns.next(may).map(Place::Main)
    }

    /// Sends a request.
    ///
    /// # Errors
    /// The request, if the lane's queue is full.
    pub fn ask(&mut self, place: Place, request: EngineRequest) -> Result<(), EngineRequest> {
        let entry = match place {
            Place::Main(index) => self.main.get_mut(index),
            Place::Spare => self.spare.as_mut(),
        };
        let Some(entry) = entry else { return Err(request) };
        entry.port.channel.ask(request)?;
        entry.has += 1;
        Ok(())
    }

    /// Takes a reply.
    pub fn reply(&mut self) -> Option<EngineReply> {
        self.main.iter_mut().chain(&mut self.spare).find_map(Entry::reply)
    }
}
