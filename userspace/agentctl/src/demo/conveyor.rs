//! The line: a part trips the gate, is photographed, and reaches the reject arm when it is due.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tandem_agent::api::{Inspection, Outcome};
use tandem_agent::control::ImageRequest;
use tandem_agent::dataplane::{PeerState, Trigger};
use tandem_agent::service::Service;

use super::act::Act;
use super::record::{Fate, Mark, PartRecord, Photo};
use super::view::View;
use crate::annotate;

/// Time between parts.
const PERIOD: Duration = Duration::from_millis(450);
/// How long the firmware may take to tell of a part. Far above what it needs, far below a part's
/// due time; a frozen one never tells.
const TRIGGER_WITHIN: Duration = Duration::from_millis(100);
/// How long the board may take to come back after an outage.
const BACK_WITHIN: Duration = Duration::from_secs(15);
const TURN: Duration = Duration::from_millis(20);

/// A line of parts through one board.
pub struct Conveyor<'a> {
    /// The board's agent.
    pub service: &'a Arc<Service>,
    /// Every part so far.
    pub parts: Vec<PartRecord>,
    /// What happened to the board.
    pub marks: Vec<Mark>,
    out: &'a Path,
}

impl<'a> Conveyor<'a> {
    /// An empty line; annotated pictures go to `out`.
    pub fn new(service: &'a Arc<Service>, out: &'a Path) -> Self {
        Self { service, parts: Vec::new(), marks: Vec::new(), out }
    }

    /// Plants the act's fault.
    pub fn plant(&mut self, act: &Act) -> anyhow::Result<()> {
        if let Some(fault) = act.fault {
            self.service.inject(fault)?;
            self.mark(act.title, false);
        }
        Ok(())
    }

    fn mark(&mut self, label: &str, recovery: bool) {
        let at = self.service.agent().now();
        self.marks.push(Mark { at, label: label.to_owned(), recovery });
    }

    /// One part: trigger, photograph, verdict. Returns when the next part may come.
    pub async fn feed(&mut self, photo: &Photo, view: &mut View) -> anyhow::Result<()> {
        let agent = self.service.agent();
        let line = agent.line().context("This board has no simulated line")?;
        let began = tokio::time::Instant::now();
        let triggered = agent.now();
        let tag = line.trigger();
        let trigger = match tag {
            Some(tag) => self.told(tag).await,
            None => None,
        };
        let submitted = agent.now();
        let due = triggered + u64::try_from(super::DUE_AFTER.as_nanos())?;
        let mut part = PartRecord {
            number: u32::try_from(self.parts.len())? + 1,
            image: photo.name.clone(),
            tag,
            triggered,
            submitted,
            due: trigger.map_or(due, |trigger| trigger.due),
            ..PartRecord::default()
        };
        let request = ImageRequest {
            name: photo.name.clone(),
            bytes: photo.bytes.clone().into(),
            ..ImageRequest::default()
        };
        match self.service.inspect_part(request, trigger).await {
            Ok(inspection) => {
                part.took(&inspection, agent.now());
                self.picture(photo, part.number, &inspection)?;
            }
            Err(error) => part.error = Some(error.to_string()),
        }
        self.parts.push(part);
        while began.elapsed() < PERIOD {
            self.watch(view);
            tokio::time::sleep(TURN).await;
        }
        Ok(())
    }

    /// What the firmware says of the part with this tag. Older ones, told after an outage, are
    /// past their due time and of no use.
    async fn told(&self, tag: u32) -> Option<Trigger> {
        let search = async {
            loop {
                let trigger = self.service.agent().next_trigger().await?;
                if trigger.tag.tag == tag {
                    return Some(trigger);
                }
            }
        };
        tokio::time::timeout(TRIGGER_WITHIN, search).await.ok().flatten()
    }

    fn picture(&self, photo: &Photo, number: u32, inspection: &Inspection) -> anyhow::Result<()> {
        let stem = photo.name.rsplit_once('.').map_or(photo.name.as_str(), |(stem, _)| stem);
        let path = self.out.join(format!("part-{number:02}-{stem}.png"));
        annotate::draw(&photo.bytes, inspection)?
            .save(&path)
            .with_context(|| format!("{} cannot be written", path.display()))
    }

    /// Looks at the reject arm.
    fn watch(&mut self, view: &mut View) {
        let agent = self.service.agent();
        for passage in agent.line().map(|line| line.drain_passages()).unwrap_or_default() {
            let part = self.parts.iter_mut().rev().find(|part| part.tag == Some(passage.tag));
            if let Some(part) = part {
                part.due = passage.due;
                part.fate = Some(match (passage.rejected, part.deserves_pass()) {
                    (false, true) => Fate::Passed,
                    (false, false) => Fate::Escaped,
                    (true, false) => Fate::Rejected,
                    (true, true) => Fate::SafeReject,
                });
            }
        }
        view.parts(&self.parts, agent.now());
    }

    /// Waits until every part has met the gate and, after an outage, until the board is back.
    pub async fn settle(&mut self, act: &Act, view: &mut View) -> anyhow::Result<()> {
        let limit = tokio::time::Instant::now() + BACK_WITHIN;
        loop {
            self.watch(view);
            let report = self.service.agent().report().await.ok();
            let up = report.is_some_and(|report| report.peer.state == PeerState::Up);
            let seen = act.incident.is_none_or(|name| {
                self.service.stats().incidents.get(name).is_some_and(|count| *count > 0)
            });
            let met = self.parts.iter().all(|part| part.fate.is_some() || part.tag.is_none());
            if up && met && (seen || !act.outage) {
                break;
            }
            if tokio::time::Instant::now() > limit {
                break; // the score will say what is missing
            }
            tokio::time::sleep(TURN).await;
        }
        if act.outage {
            self.mark("back under a new epoch", true);
        }
        view.flush(&self.parts, self.service.agent().now());
        Ok(())
    }
}

impl PartRecord {
    fn took(&mut self, inspection: &Inspection, now: u64) {
        self.answered = now;
        self.stages.clone_from(&inspection.stages);
        self.outcome = Some(inspection.verdict.result);
        self.rule.clone_from(&inspection.verdict.rule);
        self.reason.clone_from(&inspection.verdict.reason);
        self.detections.clone_from(&inspection.detections);
        self.degraded.clone_from(&inspection.degraded);
    }

    /// The verdict says so; `unknown` counts as fail.
    fn deserves_pass(&self) -> bool {
        self.outcome == Some(Outcome::Pass)
    }
}
