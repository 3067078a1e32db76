//! A frame on its way in.

use std::sync::Arc;

use tandem_link::message::Nanos;
use tandem_link::slot::Owned;
use tandem_model::pre::Frame;

use crate::dataplane::Shared;
use crate::job::GateTag;
use crate::judge::Policy;
use crate::routing::JobOptions;
use crate::slots::IngestView;

/// A frame slot to fill. Dropped, it is free again.
pub struct FrameSlot {
    /// `None` only after it went into a submission.
    pub(super) owned: Option<Owned>,
    pub(super) view: Arc<IngestView>,
    pub(super) shared: Arc<Shared>,
}

impl FrameSlot {
    /// The slot's bytes. They hold an older frame until overwritten.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        let owned = self.owned.as_mut();
        owned.and_then(|owned| self.view.frame_mut(owned).ok()).unwrap_or_default()
    }
}

impl Drop for FrameSlot {
    fn drop(&mut self) {
        if self.owned.take().is_some() {
            self.shared.frame_freed.notify_one();
        }
    }
}

impl std::fmt::Debug for FrameSlot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("FrameSlot").field(&self.owned).finish()
    }
}

/// A filled frame and what is to be done with it.
#[derive(Debug)]
pub struct IngestedFrame {
    /// The frame.
    pub slot: FrameSlot,
    /// What is in it.
    pub frame: Frame,
    /// Name for the answer.
    pub name: String,
    /// When ingest began ([`Agent::now`]).
    pub began: Nanos,
    /// Bytes that ingest read to make the frame (the file, the socket).
    pub bytes_in: u64,
    /// Absolute ([`Agent::now`]); the configured default after `began` if there is none.
    pub deadline: Option<Nanos>,
    /// The part at the gate that a pass lets through.
    pub tag: Option<GateTag>,
    /// Runs under this in place of the agent's present policy.
    pub policy: Option<Arc<Policy>>,
    /// What a routing policy looks at.
    pub options: JobOptions,
}
