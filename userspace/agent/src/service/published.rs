//! Verdicts for whoever looks on: every inspection is published, whatever door its image came through.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::broadcast;

use super::Service;
use crate::api::Inspection;

/// Verdicts that wait for a slow onlooker; then it misses the oldest. Nobody waits for it.
const WAITING: usize = 256;

/// One inspection with its place among all of this agent.
#[derive(Clone, Debug)]
pub struct Published {
    /// From 1.
    pub sequence: u64,
    /// The answer that the client got.
    pub inspection: Inspection,
}

pub(super) struct Verdicts {
    sequence: AtomicU64,
    sender: broadcast::Sender<Arc<Published>>,
}

impl Default for Verdicts {
    fn default() -> Self {
        Verdicts { sequence: AtomicU64::new(0), sender: broadcast::Sender::new(WAITING) }
    }
}

impl Service {
    /// Verdicts from now on. A reader that falls behind is told how many it missed.
    pub fn follow_verdicts(&self) -> broadcast::Receiver<Arc<Published>> {
        self.verdicts.sender.subscribe()
    }

    /// Shows it to onlookers on its way to the client.
    pub(super) fn published(&self, inspection: Inspection) -> Inspection {
        let sequence = self.verdicts.sequence.fetch_add(1, Ordering::Relaxed) + 1;
        // Copied only where somebody looks on; an error says that the last one has just gone.
        if self.verdicts.sender.receiver_count() > 0 {
            let shown = Published { sequence, inspection: inspection.clone() };
            let _ = self.verdicts.sender.send(Arc::new(shown));
        }
        inspection
    }
}
