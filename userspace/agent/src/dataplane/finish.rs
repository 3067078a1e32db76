//! The end of a job: result record to detections, detections to verdict, verdict to the client.

use tandem_link::SlotClass;
use tandem_link::board::Board;
use tandem_link::message::Nanos;
use tandem_link::slot::Owned;
use tandem_model::post::read_result;

use super::DataPlane;
use crate::api::{Outcome, Silicon};
use crate::counters::{Flow, Incident, StageName};
use crate::job::{Client, Hold, State, UnknownCode, Want};
use crate::judge::{RawDetection, VerdictRecord, to_source};
use crate::slots::RecordView;

/// What a result record turned out to be.
enum Reading {
    Detections,
    NotFinite,
    Corrupt(String),
}

/// Reads a result into the answer's detections, which have room for as many as the model gives.
/// `written` is how much of the slot is this run's; behind it lies an older record.
fn read(
    records: &RecordView,
    result: &Owned,
    written: Option<u32>,
    client: &mut Client,
) -> Reading {
    let bytes = match records.result(result) {
        Ok(bytes) => bytes,
        Err(error) => return Reading::Corrupt(error.to_string()),
    };
    let (header, found) = match read_result(bytes) {
        Ok(read) => read,
        Err(error) => return Reading::Corrupt(error.to_string()),
    };
    if written.is_some_and(|written| written as usize != header.result_bytes()) {
        return Reading::Corrupt("result is not as long as its header says".into());
    }
    if header.not_finite > 0 {
        return Reading::NotFinite;
    }
    let answer = &mut client.answer;
    answer.detections.clear();
    answer.cut = header.cut;
    for detection in found {
        if answer.detections.len() == answer.detections.capacity() {
            return Reading::Corrupt("result holds more detections than were asked for".into());
        }
        let q8 = [detection.x1, detection.y1, detection.x2, detection.y2];
        // A box that lies in the letterbox alone is nowhere in the picture.
        if let Some(r#box) = to_source(&client.pre, q8) {
            let score = f32::from(detection.score) / 65536.0;
            answer.detections.push(RawDetection { class: detection.class, score, r#box });
        }
    }
    Reading::Detections
}

impl<B: Board> DataPlane<B> {
    /// `post` ended well: read its record and judge. The programmable logic says how many bytes it
    /// has `written`; the CPU lane fills the record or fails. A record of the former that does not
    /// hold together sends the stage to the latter, once.
    pub(super) fn judged(
        &mut self,
        i: usize,
        now: Nanos,
        heads: Hold,
        result: Owned,
        written: Option<u32>,
    ) {
        let silicon = if written.is_some() { Silicon::Pl } else { Silicon::Cpu };
        let Some(client) = &mut self.jobs[i].client else {
            return self.release(heads, SlotClass::Heads);
        };
        match read(&self.records, &result, written, client) {
            Reading::Corrupt(_) if silicon == Silicon::Pl => {
                self.degrade(i, Incident::ResultCorrupt);
                self.jobs[i].to_cpu = true;
                self.jobs[i].state = State::Inferred(heads);
            }
            Reading::Corrupt(what) => {
                client.answer.detail = Some(what);
                self.release(heads, SlotClass::Heads);
                self.counters.incident(Incident::ResultCorrupt);
                self.answer(i, Err(UnknownCode::Refused));
            }
            Reading::NotFinite => {
                self.release(heads, SlotClass::Heads);
                self.stage_done(i, now, StageName::Post, silicon);
                self.counters.incident(Incident::EngineNotFinite);
                self.answer(i, Err(UnknownCode::EngineNotFinite));
            }
            Reading::Detections => {
                self.release(heads, SlotClass::Heads);
                self.stage_done(i, now, StageName::Post, silicon);
                self.judge(i);
            }
        }
    }

    fn judge(&mut self, i: usize) {
        let Some(Client { answer, .. }) = &self.jobs[i].client else { return };
        let began = self.board.now();
        let record = answer.policy.judge.judge(&answer.detections, answer.size);
        // A limit must not make a part good: what was cut off nobody has judged.
        let blind = answer.cut > 0 && record.outcome == Outcome::Pass;
        self.jobs[i].stage_began = began;
        self.stage_done(i, self.board.now(), StageName::Verdict, Silicon::Cpu);
        self.answer(i, if blind { Err(UnknownCode::DetectionsCut) } else { Ok(record) });
    }

    /// A tensor was copied out: the job ends here.
    pub(super) fn dumped(&mut self, i: usize, tensor: Vec<u8>) {
        if let Some(client) = &mut self.jobs[i].client {
            client.answer.tensor = tensor;
            self.answer(i, Ok(VerdictRecord::UNKNOWN));
        }
    }

    /// Marks a job as late; counted once per job.
    pub(super) fn late(&mut self, i: usize) {
        if let Some(client) = &mut self.jobs[i].client
            && client.answer.degraded.insert(Incident::Late)
        {
            self.counters.incident(Incident::Late);
        }
    }

    /// Answers a job: the only place that does. The entry is free once its slots are back.
    pub(super) fn answer(&mut self, i: usize, verdict: Result<VerdictRecord, UnknownCode>) {
        let now = self.board.now();
        let past = self.jobs[i].client.as_ref().is_some_and(|client| now >= client.deadline);
        // A job that failed by itself is unknown for that reason, and late only in its flag.
        let verdict = if past { verdict.and(Err(UnknownCode::Late)) } else { verdict };
        let doubt = std::mem::take(&mut self.jobs[i].in_doubt);
        let verdict = if doubt { verdict.and(Err(UnknownCode::MemoryInDoubt)) } else { verdict };
        if verdict == Err(UnknownCode::Late) {
            self.late(i);
        }
        let Some(Client { mut answer, reply, deadline, ingest_began, want, .. }) =
            self.jobs[i].client.take()
        else {
            return;
        };
        answer.deadline_met = !past && verdict != Err(UnknownCode::Late);
        (answer.record, answer.code) = match verdict {
            Ok(record) => (record, None),
            Err(code) => (VerdictRecord::UNKNOWN, Some(code)),
        };
        let total = now.saturating_sub(ingest_began);
        self.counters.flow(Flow::Answered);
        self.counters.total(total);
        self.counters.flow(match (want, answer.record.outcome) {
            (Want::Tensor, _) => Flow::TensorsDumped,
            (Want::Verdict, Outcome::Pass) => Flow::Passed,
            (Want::Verdict, Outcome::Fail) => Flow::Failed,
            (Want::Verdict, Outcome::Unknown) => Flow::Unknown,
        });
        if answer.record.outcome == Outcome::Pass
            && let Some(tag) = answer.tag
        {
            self.cancel(tag, deadline);
        }
        reply.send(answer);
    }
}
