//! Parts that passed the gate's trigger, for clients: the last ones are kept, and an image says by
//! its tag which part it shows.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tandem_link::message::Nanos;
use tokio::sync::watch;

use super::Service;
use crate::api::ApiError;
use crate::dataplane::Trigger;

/// Parts that are remembered: several times what can be between trigger and arm.
const KEPT: usize = 256;
/// Longest time that a client may wait for the next part.
pub const MAX_WAIT: Duration = Duration::from_secs(30);

/// One part, as clients see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passed {
    /// Counts the parts that this agent was told of, from 1.
    pub sequence: u64,
    /// Tag that the gate gave.
    pub tag: u32,
    /// Epoch of the gate under which it was given.
    pub gate_epoch: u32,
    /// When it passed, ns on the board's clock.
    pub at_ns: Nanos,
    /// When the arm rejects it unless a pass comes before, ns on the board's clock; `null` where the
    /// gate counts the belt and not time.
    pub due_ns: Option<Nanos>,
    /// Time left until then when this was told, us; 0 when it has gone by.
    pub due_in_us: Option<u64>,
}

/// Parts behind the one that the client saw last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassedList {
    /// In the order in which they passed.
    pub triggers: Vec<Passed>,
    /// What to ask with next: `after=`.
    pub next: u64,
    /// Parts that came since and are forgotten: their images can no longer be told apart by tag.
    pub missed: u64,
}

/// The parts that are remembered.
#[derive(Debug)]
pub(super) struct TriggerLog {
    kept: Mutex<VecDeque<(u64, Trigger)>>,
    /// Sequence of the latest part.
    latest: watch::Sender<u64>,
}

impl Default for TriggerLog {
    fn default() -> Self {
        TriggerLog { kept: Mutex::new(VecDeque::with_capacity(KEPT)), latest: watch::channel(0).0 }
    }
}

impl TriggerLog {
    fn push(&self, trigger: Trigger) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let sequence = kept.back().map_or(0, |(sequence, _)| *sequence) + 1;
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back((sequence, trigger));
        self.latest.send_replace(sequence);
    }

    /// The latest part with this tag, of `epoch` or else of whichever is the newest.
    fn find(&self, tag: u32, epoch: Option<u32>) -> Option<Trigger> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let named = |trigger: &&Trigger| {
            trigger.tag.tag == tag && epoch.is_none_or(|epoch| trigger.tag.epoch == epoch)
        };
        kept.iter().rev().map(|(_, trigger)| trigger).find(named).copied()
    }

    fn after(&self, after: u64, now: Nanos) -> PassedList {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let first = kept.front().map_or(1, |(sequence, _)| *sequence);
        let next = kept.back().map_or(0, |(sequence, _)| *sequence);
        // Who has seen more than there was asks on from an earlier agent, and begins anew.
        let after = if after > next { 0 } else { after };
        let triggers = kept.iter().filter(|(sequence, _)| *sequence > after);
        PassedList {
            triggers: triggers.map(|(sequence, trigger)| passed(*sequence, trigger, now)).collect(),
            next,
            missed: first.saturating_sub(after.saturating_add(1)),
        }
    }
}

fn passed(sequence: u64, trigger: &Trigger, now: Nanos) -> Passed {
    let due_ns = (trigger.due != Nanos::MAX).then_some(trigger.due);
    Passed {
        sequence,
        tag: trigger.tag.tag,
        gate_epoch: trigger.tag.epoch,
        at_ns: trigger.at,
        due_ns,
        due_in_us: due_ns.map(|due| due.saturating_sub(now) / 1000),
    }
}

impl Service {
    /// Takes the gate's triggers from now on and keeps the last ones for clients. Inside a runtime;
    /// nobody else may ask the agent for them.
    pub fn keep_triggers(&self) {
        let log = Arc::new(TriggerLog::default());
        if self.triggers.set(log.clone()).is_err() {
            return; // kept already
        }
        let agent = self.agent.clone();
        tokio::spawn(async move {
            while let Some(trigger) = agent.next_trigger().await {
                log.push(trigger);
            }
        });
    }

    /// Parts that passed since sequence `after`; waits for one for at most `wait` (and [`MAX_WAIT`])
    /// if there is none.
    pub async fn triggers(&self, after: u64, wait: Duration) -> Result<PassedList, ApiError> {
        let log = self.trigger_log()?;
        let mut latest = log.latest.subscribe();
        let came = latest.wait_for(|latest| *latest != after);
        // Time that goes by without a part is an answer, too.
        let _ = tokio::time::timeout(wait.min(MAX_WAIT), came).await;
        Ok(log.after(after, self.agent.now()))
    }

    /// The part with `tag`, for [`Service::inspect_part`].
    pub fn part(&self, tag: u32, gate_epoch: Option<u32>) -> Result<Trigger, ApiError> {
        self.trigger_log()?.find(tag, gate_epoch).ok_or_else(|| {
            let epoch = gate_epoch.map_or(String::new(), |epoch| format!(" in epoch {epoch}"));
            let message = format!(
                "No part has had tag {tag}{epoch} of late; see GET /v1/triggers. A part without its \
                 image is rejected"
            );
            ApiError::new("tag_unknown", "tag", message)
        })
    }

    fn trigger_log(&self) -> Result<&Arc<TriggerLog>, ApiError> {
        self.triggers.get().ok_or_else(|| {
            let message =
                "This agent does not set the gate: start agentd with --gate-delay and --gate-pulse";
            ApiError::new("gate_off", "gate", message)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::GateTag;

    fn trigger(tag: u32, epoch: u32) -> Trigger {
        Trigger { tag: GateTag { tag, epoch }, at: 5000, due: 9000 }
    }

    #[test]
    fn a_client_sees_each_part_once_and_is_told_what_it_missed() {
        let log = TriggerLog::default();
        assert_eq!(log.after(0, 0), PassedList { triggers: vec![], next: 0, missed: 0 });
        for tag in 0..3 {
            log.push(trigger(tag, 1));
        }
        let list = log.after(1, 6000);
        assert_eq!((list.next, list.missed), (3, 0));
        assert_eq!(list.triggers.iter().map(|part| part.tag).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(list.triggers[0].due_in_us, Some(3));
        for tag in 3..KEPT as u32 + 10 {
            log.push(trigger(tag, 1));
        }
        let list = log.after(3, 10_000);
        assert_eq!(list.missed, 10 - 3, "sequences 4 to 10 are gone");
        assert_eq!((list.triggers.len(), list.triggers[0].sequence), (KEPT, 11));
        assert_eq!(list.triggers[0].due_in_us, Some(0), "it has gone by");
        let list = log.after(u64::MAX, 0);
        assert_eq!((list.triggers.len(), list.missed), (KEPT, 10), "asked on from another agent");
    }

    #[test]
    fn a_tag_is_the_newest_part_that_had_it() {
        let log = TriggerLog::default();
        log.push(trigger(4, 1));
        log.push(trigger(4, 2));
        assert_eq!(log.find(4, None), Some(trigger(4, 2)));
        assert_eq!(log.find(4, Some(1)), Some(trigger(4, 1)));
        assert_eq!(log.find(4, Some(3)), None);
        assert_eq!(log.find(5, None), None);
    }

    #[test]
    fn a_gate_that_counts_has_no_due_time() {
        let part = passed(1, &Trigger { due: Nanos::MAX, ..trigger(1, 1) }, 77);
        assert_eq!((part.due_ns, part.due_in_us), (None, None));
    }
}
