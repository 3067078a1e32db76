//! The R5F begins anew, or the whole board.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use super::{Service, Status};
use crate::api::ApiError;

/// How long a restarted firmware may take to join: an emulated one on a busy machine is slow.
const JOIN_WITHIN: Duration = Duration::from_secs(60);

/// How often it is asked whether it has.
const LOOK: Duration = Duration::from_millis(50);
/// A `reboot` that is not allowed says so sooner.
const REFUSED_WITHIN: Duration = Duration::from_secs(3);

impl Service {
    /// Restarts the R5F and waits until its new epoch is taken up; jobs go by the CPU in between.
    ///
    /// # Errors
    /// `busy`, `restart_failed`.
    pub async fn restart_core(&self) -> Result<Status, ApiError> {
        let _alone = self.alone()?;
        let epoch = |status: &Status| status.report.as_ref().map(|report| report.peer.epoch);
        let before = epoch(&self.status().await);
        // Without the old epoch nobody could tell the new one.
        if before.is_none() || !self.agent.restart_core() {
            return Err(ApiError::new("busy", "agent", "The agent is busy, ask again"));
        }
        let joined = async {
            loop {
                let status = self.status().await;
                if status.is_ready() && epoch(&status) != before {
                    break status;
                }
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::time::timeout(JOIN_WITHIN, joined).await.map_err(|_| {
            let message = format!(
                "The firmware did not join within {} s of its restart; see agentctl logs and crash",
                JOIN_WITHIN.as_secs()
            );
            ApiError::new("restart_failed", "firmware", message)
        })
    }

    /// Restarts Linux by the system's `reboot`, which has said yes or gone on for a while when this
    /// returns.
    ///
    /// # Errors
    /// `reboot_refused` on a virtual board, `reboot_failed` with what `reboot` said.
    pub async fn reboot(&self) -> Result<(), ApiError> {
        if self.agent.faults().is_some() {
            let message = "A virtual board has no Linux of its own; restart agentd instead";
            return Err(ApiError::new("reboot_refused", "board", message));
        }
        let failed = |why: String| ApiError::new("reboot_failed", "board", why);
        let mut command = Command::new("reboot");
        // Without systemd there may be no init that hears of it: busybox wants to be told.
        if !Path::new("/run/systemd/system").is_dir() {
            command.arg("-f");
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let child =
            command.spawn().map_err(|error| failed(format!("reboot cannot be run: {error}")))?;
        match tokio::time::timeout(REFUSED_WITHIN, child.wait_with_output()).await {
            // Still at it.
            Err(_) => Ok(()),
            Ok(Ok(output)) if output.status.success() => Ok(()),
            Ok(Ok(output)) => {
                let said = String::from_utf8_lossy(&output.stderr);
                Err(failed(format!("reboot ended with {}: {}", output.status, said.trim())))
            }
            Ok(Err(error)) => Err(failed(format!("reboot cannot be waited for: {error}"))),
        }
    }
}
