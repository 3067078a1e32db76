//! Fault injection and the line of parts: what both kinds of board offer.

use crate::machine::Machine;
use tandem_link::board::{FaultError, FaultPort, LinePort};
use tandem_model::gate::{Counters, Passage};
use tandem_sim::fault::{Fault, FaultLane, FaultNameError};

fn fault_error(error: FaultNameError) -> FaultError {
    match error {
        FaultNameError::Kind(name) | FaultNameError::Lane(name) => FaultError::Unknown(name),
        FaultNameError::Number(name) => {
            FaultError::Range(name, "wants LANE:DESCRIPTOR:BIT with BIT from 0 to 255")
        }
        FaultNameError::Trailing(name) => FaultError::Range(name, "has too many parts"),
    }
}

impl FaultPort for Machine {
    fn plant(&self, fault: &str) -> Result<(), FaultError> {
        let fault = Fault::parse(fault).map_err(fault_error)?;
        self.sim().plant(fault);
        Ok(())
    }

    fn list(&self) -> Vec<String> {
        let one_lane = |lane| {
            let flip = Fault::FlippedDescriptorBit { lane, descriptor: 0, bit: 0 };
            [
                Fault::LostInterrupt(lane),
                Fault::SlaveError(lane),
                Fault::DecodeError(lane),
                Fault::StuckTlast(lane),
                Fault::HungKernel(lane),
                flip,
            ]
        };
        let lanes = [FaultLane::Pre, FaultLane::Post];
        lanes.into_iter().flat_map(one_lane).map(|fault| fault.to_string()).collect()
    }

    fn pending(&self) -> Vec<String> {
        self.sim().pending_faults().iter().map(ToString::to_string).collect()
    }

    fn taken(&self) -> Vec<String> {
        self.sim().taken_faults().iter().map(ToString::to_string).collect()
    }

    fn freeze_core(&self, frozen: bool) {
        self.vitals.freeze(frozen);
        self.firmware_bell.ring();
    }

    fn reset_logic(&self) {
        {
            let mut sim = self.sim();
            sim.reset_pl(self.clock.now());
        }
        self.firmware_bell.ring();
        self.pl_bell.ring();
    }

    fn kill_core_at(&self, k: u64) {
        self.vitals.kill_after(k);
    }
}

impl LinePort for Machine {
    fn trigger(&self) -> Option<u32> {
        Self::trigger(self)
    }

    fn ready(&self) -> bool {
        self.advance();
        self.sim().line_ready()
    }

    fn drain_passages(&self) -> Vec<Passage> {
        // What is due by now has passed, whoever gave the model its time last.
        self.advance();
        self.sim().drain_passages()
    }

    fn counters(&self) -> Counters {
        self.advance();
        self.sim().gate_counters()
    }
}
