//! The virtual board with the real firmware on it, threaded and in lockstep.

mod boot;
mod deaths;
mod faults;
mod jobs;
mod logs;
mod replay;
mod station;

use tandem_boards::Board as Description;
use tandem_vboard::{Lockstep, Options, VirtualBoard};

/// A threaded board with both sides spinning a little.
fn threaded() -> VirtualBoard {
    VirtualBoard::start(&Description::virtual_default(), Options::default()).expect("a board")
}

/// A lockstep board.
fn lockstep(seed: u64) -> Lockstep {
    Lockstep::new(&Description::virtual_default(), seed).expect("a board")
}
