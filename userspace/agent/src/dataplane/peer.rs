//! The data plane's side of the link: epochs, messages, health, and what goes out beside jobs.

use tandem_link::LinkError;
use tandem_link::board::Board;
use tandem_link::message::{Event, FromPeer, JobId, JobStatus, Nanos, ToPeer};

use super::{Command, DataPlane, Trigger};
use crate::counters::{Flow, Incident};
use crate::health::Change;
use crate::job::{GateTag, Hold, JOBS, Job, State};
use crate::ticket::Sender;

/// A ping that is not answered by then is given up.
const PING_TIMEOUT: Nanos = 1_000_000_000;

/// Pings under way.
#[derive(Debug, Default)]
pub struct Pings {
    sequence: u32,
    waiting: [Option<(u32, Nanos, Sender<Nanos>)>; 4],
}

impl Pings {
    /// When the first one is to be given up.
    pub fn next_timeout(&self) -> Nanos {
        let sent = self.waiting.iter().flatten().map(|(_, sent, _)| *sent).min();
        sent.map_or(Nanos::MAX, |sent| sent.saturating_add(PING_TIMEOUT))
    }

    fn expire(&mut self, now: Nanos) {
        for entry in &mut self.waiting {
            if entry.as_ref().is_some_and(|(_, sent, _)| now >= sent.saturating_add(PING_TIMEOUT)) {
                *entry = None;
            }
        }
    }

    fn answer(&mut self, now: Nanos, sequence: u32) {
        for entry in &mut self.waiting {
            if entry.as_ref().is_some_and(|(of, ..)| *of == sequence)
                && let Some((_, sent, sender)) = entry.take()
            {
                sender.send(now.saturating_sub(sent));
            }
        }
    }
}

/// Rejects to take back that found no room in the ring.
#[derive(Debug, Default)]
pub struct Cancels([Option<(GateTag, Nanos)>; 32]);

impl Cancels {
    /// One waits.
    pub fn any(&self) -> bool {
        self.0.iter().any(Option::is_some)
    }

    /// Keeps one for later, until `until`. Without room it is lost, and the part rejected: safe.
    fn push(&mut self, tag: GateTag, until: Nanos) {
        if let Some(free) = self.0.iter_mut().find(|entry| entry.is_none()) {
            *free = Some((tag, until));
        }
    }
}

impl<B: Board> DataPlane<B> {
    /// Accepts a new life of the peer: what an earlier one had goes to the CPU lane.
    pub(super) fn poll_epoch(&mut self, now: Nanos) {
        if self.master.poll_epoch().is_none() {
            return;
        }
        self.health.announced(now, self.master.peer_heartbeat());
        self.fall_back_all(self.health.reason());
        self.ring_full = false;
        self.gate_pending = self.gate.is_some();
        // The peer joins when it sees the acceptance; do not let it wait for the first job.
        self.doorbell = true;
    }

    /// Health, at its own pace.
    pub(super) fn tick(&mut self, now: Nanos) {
        if now < self.health.next_tick() {
            return;
        }
        self.master.heartbeat();
        self.pings.expire(now);
        let beat = self.master.peer_heartbeat();
        let board = &self.board;
        let change = self.health.tick(now, beat, || board.core().state());
        match change {
            Some(Change::Down(reason)) => self.fall_back_all(reason),
            Some(Change::Thawed) | None => self.lost_answers(),
        }
    }

    /// Moves every run in the programmable logic to the CPU lane, for a reason that was counted.
    fn fall_back_all(&mut self, reason: Incident) {
        for i in 0..JOBS {
            if matches!(self.jobs[i].state, State::PrePl(..) | State::PostPl(..)) {
                self.mark(i, reason);
                self.fall_back(i);
            }
        }
    }

    /// Finds runs whose slots came back at the last tick already, without a word on how they ended.
    /// Slots are returned before the word is sent, so one tick is not enough to tell.
    fn lost_answers(&mut self) {
        for i in 0..JOBS {
            let slots = &self.slots;
            let reclaim = |a: Hold, b: Hold| (a.reclaim(slots), b.reclaim(slots));
            let job = &mut self.jobs[i];
            let (state, back) = match job.take_state() {
                State::PrePl(input, output) => {
                    let (input, output) = reclaim(input, output);
                    let back = matches!((&input, &output), (Hold::Ours(_), Hold::Ours(_)));
                    (State::PrePl(input, output), back)
                }
                State::PostPl(input, output) => {
                    let (input, output) = reclaim(input, output);
                    let back = matches!((&input, &output), (Hold::Ours(_), Hold::Ours(_)));
                    (State::PostPl(input, output), back)
                }
                other => (other, false),
            };
            job.state = state;
            let lost = back && std::mem::replace(&mut job.unanswered, back);
            if lost {
                // A garbled message since it was sent was its answer, and is counted.
                if job.garbled_before == self.garbled {
                    self.degrade(i, Incident::AnswerLost);
                } else {
                    self.mark(i, Incident::BadMessage);
                }
                self.fall_back(i);
            }
        }
    }

    /// Takes what the peer sent.
    pub(super) fn receive(&mut self, now: Nanos) {
        while let Some(message) = self.master.receive() {
            match message {
                Ok(FromPeer::Done { id, status, written, .. }) => {
                    self.done(now, id, status, written);
                }
                Ok(FromPeer::Triggered { tag, gate_epoch, at, due }) => {
                    self.counters.flow(Flow::GateTriggered);
                    let tag = GateTag { tag, epoch: gate_epoch };
                    if self.shared.triggers.force_push(Trigger { tag, at, due }).is_some() {
                        self.counters.flow(Flow::GateTriggersDropped);
                    }
                    self.shared.triggered.notify_one();
                }
                Ok(FromPeer::Event(Event::LostInterrupt(_))) => {
                    self.counters.incident(Incident::LostInterrupt);
                }
                Ok(FromPeer::Event(Event::BadMessage)) => {
                    self.counters.incident(Incident::BadMessage);
                }
                Ok(FromPeer::Event(Event::LogicReset)) => {
                    self.counters.incident(Incident::LogicReset);
                }
                Ok(FromPeer::Event(Event::Astray { id, own })) => self.doubt(now, id, own),
                Ok(FromPeer::Pong { sequence }) => self.pings.answer(now, sequence),
                Err(_) => {
                    self.garbled += 1;
                    self.counters.incident(Incident::BadMessage);
                }
            }
        }
    }

    /// The DMA of job `id` may have written anywhere, and nobody can tell where: what lies in a slot
    /// now, of a job or of an image that is still being taken in, must not become a verdict. The
    /// fault itself is counted by the job's end.
    fn doubt(&mut self, now: Nanos, id: JobId, own: bool) {
        self.doubt_until = Some(now);
        for job in &mut self.jobs {
            let pl = matches!(job.state, State::PrePl(..) | State::PostPl(..));
            if own || !(pl && job.id == id) {
                job.in_doubt = job.client.is_some();
            }
        }
    }

    fn done(&mut self, now: Nanos, id: JobId, status: JobStatus, written: u32) {
        let found = self.jobs.iter().position(|job| {
            job.id == id && matches!(job.state, State::PrePl(..) | State::PostPl(..))
        });
        match found {
            Some(i) => self.pl_ended(i, now, status, written),
            None => self.counters.flow(Flow::StaleDone),
        }
    }

    /// Sends; `false` if there is no room or no peer.
    pub(super) fn send(&mut self, message: &ToPeer) -> bool {
        match self.master.send(message) {
            Ok(()) => {
                self.sent();
                true
            }
            Err(error) => {
                if error == LinkError::Full {
                    self.full();
                }
                false
            }
        }
    }

    /// Something went out.
    pub(super) fn sent(&mut self) {
        self.doorbell = true;
        self.ring_full = false;
    }

    /// The ring is full: counted once until something goes out again.
    pub(super) fn full(&mut self) {
        if !std::mem::replace(&mut self.ring_full, true) {
            self.counters.incident(Incident::RingFull);
        }
        // The peer may sleep on a full ring if a doorbell was lost.
        self.doorbell = true;
    }

    pub(super) fn take_commands(&mut self, now: Nanos) {
        while let Some(command) = self.shared.commands.pop() {
            match command {
                Command::Ping(sender) => self.ping(now, sender),
                Command::ConfigureGate { delay, pulse } => {
                    self.gate = Some((delay, pulse));
                    self.gate_pending = true;
                }
                Command::Restart => {
                    let change = self.health.restart(now, self.master.peer_heartbeat());
                    if let Change::Down(reason) = change {
                        self.fall_back_all(reason);
                    }
                }
                Command::Hold { within, ended } => {
                    self.health.hold();
                    self.hold = Some((now.saturating_add(within), ended));
                }
                Command::Release => {
                    let core = self.board.core().state();
                    self.health.release(now, self.master.peer_heartbeat(), core);
                }
                Command::Report(sender) => sender.send(self.report()),
            }
        }
    }

    /// Tells whoever holds the peer that it has nothing any more; what takes too long goes by the CPU.
    pub(super) fn settle_hold(&mut self, now: Nanos) {
        let Some((by, _)) = &self.hold else { return };
        let pl = |job: &Job| matches!(job.state, State::PrePl(..) | State::PostPl(..));
        let quiet = self.quarantine.is_empty() && !self.jobs.iter().any(pl);
        if !quiet && now < *by {
            return;
        }
        self.fall_back_all(Incident::R5Held);
        if let Some((_, ended)) = self.hold.take() {
            ended.send(quiet);
        }
    }

    /// Without room for another ping, or in the ring, the sender is dropped and so answered.
    fn ping(&mut self, now: Nanos, sender: Sender<Nanos>) {
        let Some(free) = self.pings.waiting.iter().position(Option::is_none) else { return };
        self.pings.sequence = self.pings.sequence.wrapping_add(1);
        let sequence = self.pings.sequence;
        if self.send(&ToPeer::Ping { sequence }) {
            self.pings.waiting[free] = Some((sequence, now, sender));
        }
    }

    /// Takes back the reject of a good part.
    pub(super) fn cancel(&mut self, tag: GateTag, until: Nanos) {
        if !self.send_cancel(tag) {
            self.cancels.push(tag, until);
        }
    }

    fn send_cancel(&mut self, tag: GateTag) -> bool {
        let sent = self.send(&ToPeer::CancelReject { tag: tag.tag, gate_epoch: tag.epoch });
        if sent {
            self.counters.flow(Flow::GateCancelSent);
        }
        sent
    }

    /// Tries again what found no room.
    pub(super) fn send_pending(&mut self, now: Nanos) {
        for k in 0..self.cancels.0.len() {
            if let Some((tag, until)) = self.cancels.0[k]
                && (now >= until || self.send_cancel(tag))
            {
                self.cancels.0[k] = None;
            }
        }
        if let Some((delay, pulse)) = self.gate
            && self.gate_pending
            && self.health.is_up()
        {
            self.gate_pending = !self.send(&ToPeer::ConfigureGate { delay, pulse });
        }
    }
}
