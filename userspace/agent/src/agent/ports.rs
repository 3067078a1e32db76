//! The board without its type.

use tandem_link::board::{Board, FaultPort, LinePort, RemoteCore};
use tandem_link::crash::{Record, records};
use tandem_link::message::Nanos;

/// What the agent needs of its board outside the data plane.
pub(super) trait Ports: Send + Sync {
    fn now(&self) -> Nanos;
    fn wake(&self);
    fn core(&self) -> &dyn RemoteCore;
    fn drain_log(&self, sink: &mut Vec<u8>) -> u32;
    fn crashes(&self) -> (Vec<Record>, u32);
    fn faults(&self) -> Option<&dyn FaultPort>;
    fn line(&self) -> Option<&dyn LinePort>;
}

impl<B: Board> Ports for B {
    fn now(&self) -> Nanos {
        Board::now(self)
    }
    fn wake(&self) {
        Board::wake(self);
    }
    fn core(&self) -> &dyn RemoteCore {
        Board::core(self)
    }
    fn drain_log(&self, sink: &mut Vec<u8>) -> u32 {
        Board::drain_log(self, sink)
    }
    fn crashes(&self) -> (Vec<Record>, u32) {
        records(&self.crash_page())
    }
    fn faults(&self) -> Option<&dyn FaultPort> {
        Board::faults(self)
    }
    fn line(&self) -> Option<&dyn LinePort> {
        Board::line(self)
    }
}
