//! The scoreboard: promises, and whether this run kept them.

use std::collections::BTreeMap;

use anyhow::Context;
use serde::Serialize;
use tandem_agent::api::{Detection, Outcome};
use tandem_agent::counters::Snapshot;
use tandem_agent::service::Service;
use tandem_agent::slots::entries;

use super::act::Act;
use super::record::{Fate, PartRecord};

/// What one act came to.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// One line for the watcher.
    pub line: String,
    /// As the act promised.
    pub ok: bool,
}

/// What a photograph got without faults.
#[derive(Clone, Debug, PartialEq)]
struct Baseline {
    outcome: Option<Outcome>,
    rule: String,
    detections: Vec<Detection>,
}

/// The whole run.
#[derive(Debug, Default)]
pub struct Score {
    baseline: BTreeMap<String, Baseline>,
    broken: Vec<String>,
    faults: u32,
    seen: u32,
    compared: u32,
    summary: Summary,
}

/// The scoreboard's numbers.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Summary {
    /// Parts handed to the agent.
    pub submitted: usize,
    /// Parts answered.
    pub answered: usize,
    /// Good parts that went through.
    pub passed: usize,
    /// Bad parts rejected.
    pub rejected: usize,
    /// Good parts rejected to be safe.
    pub safe_rejects: usize,
    /// Bad parts that went through.
    pub bad_parts_passed: usize,
    /// Faults planted.
    pub faults: u32,
    /// Faults that exactly their own counter saw, once, with the board back afterwards.
    pub faults_seen_and_recovered: u32,
    /// Verdicts compared with the run without faults, detections included.
    pub verdicts_compared: u32,
    /// Of those, equal ones.
    pub verdicts_equal: u32,
    /// Bytes of payload that the data plane has mapped without any right to touch them.
    pub untouched_payload_bytes: usize,
    /// Every slot is free again.
    pub slots_clean: bool,
    /// What was broken, in words; empty when every promise held.
    pub broken: Vec<String>,
}

impl Score {
    /// Compares an act with its promises. The first act, without a fault, is the baseline.
    pub fn judge(
        &mut self,
        act: &Act,
        before: &Snapshot,
        after: &Snapshot,
        parts: &[PartRecord],
    ) -> Judgement {
        let mut wrong = Vec::new();
        for part in parts {
            if let Some(problem) = self.compare(part) {
                wrong.push(problem);
            }
        }
        let moved: Vec<(&str, u64)> = after
            .incidents
            .iter()
            .map(|(name, count)| (name.as_str(), count - before.incidents.get(name).unwrap_or(&0)))
            .filter(|(_, moved)| *moved > 0)
            .collect();
        let expected: Vec<(&str, u64)> = act.incident.iter().map(|name| (*name, 1)).collect();
        if moved != expected {
            wrong.push(format!("counters moved by {moved:?}, expected {expected:?}"));
        }
        if act.fault.is_some() {
            self.faults += 1;
            let tail_on_pl =
                act.outage || parts.last().is_some_and(|part| part.degraded.is_empty());
            if !tail_on_pl {
                wrong.push("the last part still ran on a fallback".to_owned());
            }
            self.seen += u32::from(wrong.is_empty());
        }
        let ok = wrong.is_empty();
        let line = match (ok, act.incident) {
            (true, None) => format!("{} parts, no incident", parts.len()),
            (true, Some(name)) => {
                format!("{name} counted once, no other counter moved; verdicts equal")
            }
            (false, _) => wrong.join("; "),
        };
        self.broken.extend(wrong.into_iter().map(|problem| format!("{}: {problem}", act.title)));
        Judgement { line, ok }
    }

    fn compare(&mut self, part: &PartRecord) -> Option<String> {
        let got = Baseline {
            outcome: part.outcome,
            rule: part.rule.clone(),
            detections: part.detections.clone(),
        };
        if let Some(error) = &part.error {
            return Some(format!("part {} was not answered: {error}", part.number));
        }
        match self.baseline.get(&part.image) {
            None => {
                self.baseline.insert(part.image.clone(), got);
                None
            }
            Some(expected) => {
                self.compared += 1;
                if *expected == got {
                    self.summary.verdicts_equal += 1;
                    return None;
                }
                Some(format!("part {} ({}) got another verdict", part.number, part.image))
            }
        }
    }

    /// Adds up the run.
    pub fn finish(&mut self, service: &Service, parts: &[PartRecord]) -> anyhow::Result<()> {
        let count = |fate| parts.iter().filter(|part| part.fate == Some(fate)).count();
        let summary = &mut self.summary;
        summary.submitted = parts.len();
        summary.answered = parts.iter().filter(|part| part.outcome.is_some()).count();
        summary.passed = count(Fate::Passed);
        summary.rejected = count(Fate::Rejected);
        summary.safe_rejects = count(Fate::SafeReject);
        summary.bad_parts_passed = count(Fate::Escaped);
        summary.faults = self.faults;
        summary.faults_seen_and_recovered = self.seen;
        summary.verdicts_compared = self.compared;
        summary.untouched_payload_bytes = untouched()?;
        let audit = tokio::task::block_in_place(|| service.agent().audit_slots());
        summary.slots_clean = audit.context("The data plane does not answer")?.is_clean();
        let promises = [
            (summary.submitted == summary.answered, "not every part was answered"),
            (summary.bad_parts_passed == 0, "a bad part passed the gate"),
            (summary.passed > 0, "no good part passed: every cancel came too late"),
            (summary.rejected > 0, "no bad part was seen: nothing was proven"),
            (summary.verdicts_compared > 0, "no verdict was compared"),
            (summary.untouched_payload_bytes > 0, "the data plane can touch payload memory"),
            (summary.slots_clean, "a slot did not come back"),
        ];
        let failed = promises.iter().filter(|(kept, _)| !kept).map(|(_, what)| (*what).to_owned());
        self.broken.extend(failed);
        self.summary.broken.clone_from(&self.broken);
        Ok(())
    }

    /// Every promise was kept.
    pub fn holds(&self) -> bool {
        self.broken.is_empty()
    }

    /// The numbers.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }
}

/// Bytes of the largest shared mapping without read, write or execute rights: the data plane's
/// view of the payload slots.
fn untouched() -> anyhow::Result<usize> {
    let entries = entries().context("/proc/self/maps cannot be read")?;
    let closed = entries.iter().filter(|entry| entry.rights == "---s");
    Ok(closed.map(|entry| entry.addresses.len()).max().unwrap_or(0))
}
