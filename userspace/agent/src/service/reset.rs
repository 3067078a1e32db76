//! The R5F begins anew, or the whole board.

use std::process::{Command, Stdio};
use std::time::Duration;

use super::{Service, Status};
use crate::api::ApiError;

/// How long a restarted firmware may take to join: an emulated one on a busy machine is slow.
const JOIN_WITHIN: Duration = Duration::from_secs(60);

impl Service {
    /// Restarts the R5F and waits until its new epoch is taken up; jobs go by the CPU in between.
    ///
    /// # Errors
    /// `busy`, `restart_failed`.
    pub async fn restart_core(&self) -> Result<Status, ApiError> {
        let epoch = |status: &Status| status.report.as_ref().map(|report| report.peer.epoch);
        let before = epoch(&self.status().await);
        if !self.agent.restart_core() {
            return Err(ApiError::new(
                "busy",
                "agent",
                "The agent has no room for a command, ask again",
            ));
        }
        let joined = async {
            loop {
                let status = self.status().await;
                if status.is_ready() && epoch(&status) != before {
                    break status;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
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

    /// Restarts Linux by the system's `reboot`.
    ///
    /// # Errors
    /// `reboot_refused` on a virtual board, `reboot_failed`.
    pub fn reboot(&self) -> Result<(), ApiError> {
        if self.agent.faults().is_some() {
            let message = "A virtual board has no Linux of its own; restart agentd instead";
            return Err(ApiError::new("reboot_refused", "board", message));
        }
        let mut command = Command::new("reboot");
        command.stdin(Stdio::null()).spawn().map(drop).map_err(|error| {
            ApiError::new("reboot_failed", "board", format!("reboot could not be run: {error}"))
        })
    }
}
