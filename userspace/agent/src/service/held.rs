//! The R5F in an operator's hands: jobs go by the CPU until it is given back. Blocking calls, for a
//! thread that may wait.

use std::path::Path;
use std::time::{Duration, Instant};

use tandem_link::board::{CoreError, CoreState};
use tokio::runtime::Handle;
use tokio::sync::MutexGuard;

use super::{REPORT_WAIT, Service};
use crate::api::ApiError;
use crate::dataplane::PeerReport;

/// How long the R5F's jobs may take to end before the CPU takes them over.
const JOBS_END_WITHIN: Duration = Duration::from_secs(2);
/// How often it is looked whether the firmware is there.
const LOOK: Duration = Duration::from_millis(20);
/// Round trips that a new firmware must answer.
const PINGS: u32 = 3;
/// How long one may take.
const PING_WAIT: Duration = Duration::from_secs(2);
/// A new firmware may take so many times as long as one that is expected anyway: a core that is
/// stopped and loaded comes later than one that only begins anew.
const PATIENCE: u32 = 4;

/// A hold; ends with this value.
pub(super) struct Held<'s> {
    service: &'s Service,
    /// Nothing of the R5F's jobs is left; otherwise a DMA may be under way.
    pub quiet: bool,
}

impl Held<'_> {
    /// The R5F is not given back: nobody knows what it would find.
    pub fn keep(self) {
        std::mem::forget(self);
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        // A full queue is emptied within a turn of the data plane.
        while !self.service.agent.release() && !self.service.agent.is_stopping() {
            std::thread::sleep(LOOK);
        }
    }
}

impl Service {
    /// Nobody else works on the board until the guard goes.
    pub(super) fn alone(&self) -> Result<MutexGuard<'_, ()>, ApiError> {
        self.busy.try_lock().map_err(|_| {
            let message = "Somebody else works on this board's firmware or logic; ask again";
            ApiError::new("busy", "board", message)
        })
    }

    /// Takes the R5F out of service.
    pub(super) fn hold(&self) -> Result<Held<'_>, ApiError> {
        // Longer than the data plane's own limit: without an answer it has stopped.
        let ended = self.agent.hold(JOBS_END_WITHIN).wait(JOBS_END_WITHIN + REPORT_WAIT);
        let held = Held { service: self, quiet: matches!(ended, Some(Ok(true))) };
        match ended {
            Some(Ok(_)) => Ok(held),
            _ => Err(ApiError::new("busy", "agent", "The agent is busy, ask again")),
        }
    }

    /// The R5F as the data plane sees it.
    pub(super) fn peer(&self) -> Result<PeerReport, String> {
        let report = self.agent.report().wait(REPORT_WAIT);
        report.and_then(Result::ok).map(|report| report.peer).ok_or("the agent is busy".to_owned())
    }

    /// Stops the core. What it had logged is decoded with the strings of what ran.
    pub(super) fn stop_core(&self) -> Result<(), String> {
        match self.agent.core().stop() {
            Ok(()) | Err(CoreError::Stopped) => {}
            Err(error) => return Err(error.to_string()),
        }
        if let Ok(runtime) = Handle::try_current() {
            runtime.block_on(self.logs.settle());
        }
        Ok(())
    }

    /// Starts the stopped core, with another image if one is named, and waits until the firmware is
    /// there and well: a new epoch that lasts as long as a heartbeat may stand still, a heartbeat that
    /// moved, pings that are answered.
    pub(super) fn start_core(&self, image: Option<&Path>) -> Result<(), String> {
        let before = self.peer()?.epoch;
        let core = self.agent.core();
        if let Some(image) = image {
            core.set_image(image).map_err(|error| error.to_string())?;
        }
        core.restart().map_err(|error| error.to_string())?;
        let limit = self.agent.announce_within().saturating_mul(PATIENCE);
        let end = Instant::now() + limit;
        let mut found = "did not announce itself";
        let mut first: Option<(Instant, PeerReport)> = None;
        while Instant::now() < end {
            let peer = self.peer()?;
            if peer.epoch != before {
                found = "announced itself and is not well";
            }
            let alive = peer.epoch != before && core.state() == CoreState::Running;
            first = first.filter(|(_, first)| alive && first.epoch == peer.epoch);
            match first {
                None if alive => first = Some((Instant::now(), peer)),
                Some((since, first))
                    if since.elapsed() >= self.agent.frozen_after()
                        && peer.heartbeat != first.heartbeat
                        && self.answers() =>
                {
                    return Ok(());
                }
                _ => {}
            }
            std::thread::sleep(LOOK);
        }
        let state = match core.state() {
            CoreState::Running => "runs",
            CoreState::Stopped => "is stopped",
            CoreState::Crashed => "crashed",
        };
        Err(format!("it {found} within {:.1} s (the core {state})", limit.as_secs_f64()))
    }

    fn answers(&self) -> bool {
        let answered = || matches!(self.agent.ping().wait(PING_WAIT), Some(Ok(_)));
        (0..PINGS).all(|_| answered())
    }
}
