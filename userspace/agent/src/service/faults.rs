//! Fault injection, on a virtual board.

use tandem_link::board::CoreState;

use super::{FaultReport, Service};
use crate::api::ApiError;

/// Fault that freezes the core, beside those of the board's own list.
pub const FREEZE_CORE: &str = "freeze_core";
/// Fault that kills the core at its `K`-th bus access from now: `kill_core:K`.
pub const KILL_CORE: &str = "kill_core:";

impl Service {
    /// Faults of a virtual board.
    pub fn faults(&self) -> Result<FaultReport, ApiError> {
        let port = self.agent.faults().ok_or_else(no_faults)?;
        let mut available = port.list();
        available.extend([FREEZE_CORE.to_owned(), format!("{KILL_CORE}0")]);
        Ok(FaultReport { available, pending: port.pending(), taken: port.taken() })
    }

    /// Plants a fault by its name.
    pub fn inject(&self, name: &str) -> Result<FaultReport, ApiError> {
        let port = self.agent.faults().ok_or_else(no_faults)?;
        let access = name.strip_prefix(KILL_CORE).map(str::parse);
        match access {
            Some(Ok(access)) => port.kill_core_at(access),
            None if name == FREEZE_CORE => port.freeze_core(true),
            _ => port.plant(name).map_err(|error| {
                let message = format!("{error}; agentctl fault list shows every name");
                ApiError::new("fault_unknown", "fault", message)
            })?,
        }
        self.faults()
    }

    /// Lets a frozen core go on and starts a dead one. What is planted and not taken stays: it is
    /// in the hardware.
    pub fn clear_faults(&self) -> Result<FaultReport, ApiError> {
        let port = self.agent.faults().ok_or_else(no_faults)?;
        port.freeze_core(false);
        if self.agent.core().state() != CoreState::Running {
            self.agent.restart_core();
        }
        self.faults()
    }
}

fn no_faults() -> ApiError {
    let message = "This board has no fault injection, use --target virtual";
    ApiError::new("faults_unsupported", "board", message)
}
