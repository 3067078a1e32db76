//! Admission: a place in a plan, or a refusal at once with its reason.

use tandem_policy::{DropPolicy, EngineSet};

use super::{Planned, Request, Scheduler, Submitted, quickest};
use crate::answer::{Outcome, Refusal};
use crate::cost::Nanos;
use crate::job::State;
use crate::plan::{self, Edit, Entry, Miss, Walked};

/// Where a job would go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub lane: usize,
    pub edit: Edit,
    pub finish: Nanos,
}

impl Scheduler {
    /// Takes a job, or says at once why not.
    ///
    /// # Errors
    /// See [`Refusal`]. The job is forgotten then; nothing else has changed.
    pub fn submit(&mut self, now: Nanos, request: Request) -> Result<Submitted, Refusal> {
        self.roll(now);
        let Some(stream) = self.streams.get_mut(request.stream.0 as usize) else {
            return Err(Refusal::Unknown);
        };
        stream.counters.submitted += 1;
        let intervals = self.curves(request.model, request.engines);
        let charge = intervals.map(|(curve, _)| curve.cost(1).interval).min().unwrap_or(0);
        self.demand.came(charge);
        self.enter(now, &request, charge).inspect_err(|refusal| {
            self.streams[request.stream.0 as usize].counters.refused(refusal);
            self.shares.refuse(request.stream.0, charge);
        })
    }

    fn enter(
        &mut self,
        now: Nanos,
        request: &Request,
        charge: Nanos,
    ) -> Result<Submitted, Refusal> {
        quickest(self.curves(request.model, request.engines))?;
        let full = Refusal::TableFull(self.jobs.len());
        let id = self.jobs.take().ok_or(full)?;
        self.admissions += 1;
        let (seq, turn) = (self.admissions, self.shares.used(request.stream.0, now));
        let priority = self.streams[request.stream.0 as usize].config.priority;
        let job = &mut self.jobs[id.index];
        job.state = State::Blocked;
        (job.tag, job.stream, job.model) = (request.tag, request.stream.0, request.model);
        (job.priority, job.deadline, job.engines) = (priority, request.deadline, request.engines);
        (job.charge, job.seq, job.turn) = (charge, seq, turn);
        let offered =
            self.offer(now, id.index).or_else(|refusal| self.give_way(now, id.index, refusal));
        match offered {
            Ok(planned) => Ok(Submitted { job: id, planned }),
            Err(refusal) => {
                self.jobs.release(id.index);
                Err(refusal)
            }
        }
    }

    /// Where there is no room, the stream's own way out of it.
    fn give_way(
        &mut self,
        now: Nanos,
        index: u32,
        refusal: Refusal,
    ) -> Result<Option<Planned>, Refusal> {
        let passes = !matches!(refusal, Refusal::NoEngine | Refusal::TooLate { .. });
        let stream = &self.streams[self.jobs[index].stream as usize].config;
        match stream.drop {
            DropPolicy::Oldest if passes => self.take_over(now, index).map(Some).ok_or(refusal),
            DropPolicy::Block if passes => self.block(now, index, refusal).map(|()| None),
            _ => Err(refusal),
        }
    }

    /// Promises a job its end if there is room, within its stream's queue and share. Plans
    /// are packed anew, and lower priorities go, where there is none else.
    pub(super) fn offer(&mut self, now: Nanos, index: u32) -> Result<Option<Planned>, Refusal> {
        let (job, entry) = (self.jobs[index], self.entry(index));
        let stream = &self.streams[job.stream as usize];
        let (waiting, queue) = (stream.waiting, stream.config.queue);
        if waiting >= queue {
            return Err(Refusal::QueueFull { waiting, queue });
        }
        let ahead = entry.due.saturating_sub(now);
        let limit = now.saturating_add(self.shares.depth(job.stream, now, ahead));
        let planned = match self.find(now, &entry, job.engines, limit) {
            Ok(place) => self.commit(index, entry, place),
            Err(Refusal::TooLate { needed, available }) => {
                return Err(Refusal::TooLate { needed, available });
            }
            Err(refusal) => self.squeeze_in(now, index, entry, limit).ok_or(refusal)?,
        };
        self.streams[job.stream as usize].counters.admitted += 1;
        Ok(Some(planned))
    }

    /// The place where a job would end first, by `limit` at the latest; on an engine that would
    /// stand idle, by its due time.
    pub(super) fn find(
        &self,
        now: Nanos,
        entry: &Entry,
        engines: EngineSet,
        limit: Nanos,
    ) -> Result<Place, Refusal> {
        let (needed, available) =
            (quickest(self.curves(entry.model, engines))?, entry.due.saturating_sub(now));
        if needed > available {
            return Err(Refusal::TooLate { needed, available });
        }
        let mut best: Result<Place, (Nanos, Refusal)> = Err((Nanos::MAX, Refusal::NoEngine));
        for lane in 0..self.lanes.len() {
            if !engines.has(lane) || !self.lanes[lane].alive {
                continue;
            }
            let Some(found) = self.find_on(lane, now, entry) else { continue };
            let limit = if self.lanes[lane].is_idle(now) { entry.due } else { limit };
            let tried = match found {
                Ok(place) if place.finish <= limit => Ok(place),
                Ok(Place { finish, .. }) => {
                    let (needed, available) = (finish - now, limit - now);
                    Err((finish - limit, Refusal::OverShare { needed, available }))
                }
                Err(Miss { newcomer, finish, due, .. }) => {
                    let needed = finish.saturating_sub(now);
                    let available = due.saturating_sub(now);
                    Err((
                        finish - due,
                        match newcomer {
                            true => Refusal::NoRoom { needed, available },
                            false => Refusal::WouldDelay { needed, available },
                        },
                    ))
                }
            };
            best = match (best, tried) {
                (Ok(best), Ok(place)) if best.finish <= place.finish => Ok(best),
                (_, Ok(place)) => Ok(place),
                (Ok(best), Err(_)) => Ok(best),
                (Err(best), Err(tried)) => Err(if best.0 <= tried.0 { best } else { tried }),
            };
        }
        best.map_err(|(_, refusal)| refusal)
    }

    /// The place on one engine that adds the least to its work: in a batch that waits already, or
    /// alone. `None` if it does not run the model.
    fn find_on(&self, at: usize, now: Nanos, entry: &Entry) -> Option<Result<Place, Miss>> {
        let lane = &self.lanes[at];
        let largest = lane.curve(entry.model)?.largest();
        let floor = plan::floor(&lane.plan, entry);
        let alone = plan::position(&lane.plan, entry, floor);
        let tried = |edit| (edit, lane.check_edit(now, entry, edit, self.config.slack));
        let joins = match largest {
            1 => [None, None],
            largest => plan::joinable(&lane.plan, entry.model, largest, alone, floor),
        };
        let edits = joins.map(|join| join.map(|leader| tried(Edit::Join(leader))));
        let (first, outcome) = tried(Edit::Alone(alone));
        let (mut edit, mut best) = (first, outcome);
        for (other, outcome) in edits.into_iter().flatten() {
            let Ok(walked) = outcome else { continue };
            let less = |than: &Walked| (walked.end, walked.finish) < (than.end, than.finish);
            if best.as_ref().map_or(true, less) {
                (edit, best) = (other, Ok(walked));
            }
        }
        Some(best.map(|walked| Place { lane: at, edit, finish: walked.finish }))
    }

    /// Puts a job into a plan where it was found to fit.
    pub(super) fn commit(&mut self, index: u32, entry: Entry, place: Place) -> Planned {
        plan::apply(&mut self.lanes[place.lane].plan, entry, place.edit);
        self.entered_plan(index, place.lane);
        Planned { engine: place.lane, finish: place.finish }
    }

    /// Notes that a job is in a plan.
    pub(super) fn entered_plan(&mut self, index: u32, lane: usize) {
        let job = &mut self.jobs[index];
        job.state = State::Planned(lane);
        self.streams[job.stream as usize].waiting += 1;
        self.shares.charge(job.stream, job.charge);
    }

    /// `drop: oldest`: the stream's jobs of this model on the oldest one's engine each move up to
    /// the place before, and the newcomer takes the last.
    ///
    /// Places and batches stay, so nobody else's end moves, and the stream still gets its turns: a
    /// newcomer at the end of the plan for each that is given up would never come to run.
    fn take_over(&mut self, now: Nanos, index: u32) -> Option<Planned> {
        let entry = self.entry(index);
        let stream = self.jobs[index].stream;
        let own = |other: &Entry| {
            let job = &self.jobs[other.job];
            job.stream == stream && job.model == entry.model
        };
        let allowed = self.jobs[index].engines;
        let lanes = self.lanes.iter().enumerate().filter(|(at, _)| allowed.has(*at));
        let waiting = lanes.flat_map(|(at, lane)| lane.plan.iter().map(move |other| (at, other)));
        let (at, oldest) = waiting.filter(|(_, other)| own(other)).min_by_key(|(_, o)| o.seq)?;
        let oldest = oldest.job;

        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clone_from(&self.lanes[at].plan);
        let mut place = scratch.iter().position(|other| other.job == oldest).unwrap_or(0);
        let start = place + 1;
        for next in start..scratch.len() {
            if own(&scratch[next]) {
                scratch[place] = Entry { leads: scratch[place].leads, ..scratch[next] };
                place = next;
            }
        }
        scratch[place] = Entry { leads: scratch[place].leads, ..entry };
        let firm_from = plan::group_start(&scratch, place);
        let kept = self.lanes[at].check(&scratch, now, firm_from, self.config.slack, false).is_ok();
        if kept {
            std::mem::swap(&mut self.lanes[at].plan, &mut scratch);
        }
        self.scratch = scratch;
        if !kept {
            return None;
        }
        self.left_plan(oldest);
        self.end(oldest, Outcome::Dropped);
        self.entered_plan(index, at);
        self.streams[stream as usize].counters.admitted += 1;
        let finish = self.lanes[at].planned_finish(place, now);
        Some(Planned { engine: at, finish })
    }
}
