//! The seam between the agent and the board it runs on: silicon, QEMU or virtual.

use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};

use tandem_model::gate::{Counters, Passage};
use thiserror::Error;

use crate::{memory::SharedMemory, message::Nanos, slot::SlotInit};

/// Everything that the agent needs of its board. Shared by the agent's threads.
pub trait Board: Send + Sync + 'static {
    /// The link's shared words.
    type Memory: SharedMemory + Send + Sync + Clone + 'static;

    /// The link's block: as large as the board's description says, zero or left over from an
    /// earlier agent. Every call gives a handle to the same block.
    fn memory(&self) -> Self::Memory;

    /// The one clock, the same that the firmware and the gate read. Never goes back.
    fn now(&self) -> Nanos;

    /// Doorbell to the peer. To be called after the ring was written; calls may be merged.
    fn ring_peer(&self);

    /// Blocks until the peer's doorbell, [`Board::wake`], or the time `until`; may spin first, and
    /// may return early. A doorbell or wake since the last return is not lost: it ends the next
    /// call at once. One thread at a time.
    fn wait(&self, until: Nanos);

    /// Ends [`Board::wait`], from any thread.
    fn wake(&self);

    /// The slots, in the order of their index: class, bus address, capacity.
    fn slots(&self) -> Vec<SlotInit>;

    /// The file behind the payload memory, for mapping views of it.
    fn payload_fd(&self) -> BorrowedFd<'_>;

    /// Offset in [`Board::payload_fd`] of a bus address inside a slot.
    fn payload_offset(&self, addr: u32) -> u64;

    /// Control of the core that runs the peer.
    fn core(&self) -> &dyn RemoteCore;

    /// Appends the raw defmt bytes that the firmware logged since the last call; returns how many
    /// bytes were lost before them.
    fn drain_log(&self, sink: &mut Vec<u8>) -> u32;

    /// The page of the firmware's crash records ([`crate::crash`]).
    fn crash_page(&self) -> Self::Memory;

    /// Fault injection; only a virtual board has it.
    fn faults(&self) -> Option<&dyn FaultPort>;

    /// The line of parts in front of the gate; only a virtual board has it.
    fn line(&self) -> Option<&dyn LinePort>;
}

/// What the peer's core does, as far as the board can tell without the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CoreState {
    /// Held in reset, or never started.
    Stopped,
    /// Executes. Says nothing about progress: that is the heartbeat's job.
    Running,
    /// Ended by itself: a fault handler, a watchdog, a panic.
    Crashed,
}

/// Why the core could not be controlled.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CoreError {
    /// It runs already.
    #[error("core is running already")]
    Running,
    /// It is stopped already.
    #[error("core is stopped already")]
    Stopped,
    /// The firmware image cannot be used.
    #[error("firmware image: {0}")]
    Image(String),
    /// The board refused, or did not do it in time.
    #[error("core control: {0}")]
    Board(String),
}

/// Control of the core that runs the peer. Calls block until done, at most a few seconds.
pub trait RemoteCore: Send + Sync {
    /// What it does.
    fn state(&self) -> CoreState;

    /// Releases it from reset with a fresh image; the peer announces itself by a new epoch.
    ///
    /// # Errors
    /// [`CoreError::Running`], [`CoreError::Image`], [`CoreError::Board`].
    fn start(&self) -> Result<(), CoreError>;

    /// Holds it in reset. DMA that it started goes on: slots are free only after a new epoch.
    ///
    /// # Errors
    /// [`CoreError::Stopped`], [`CoreError::Board`].
    fn stop(&self) -> Result<(), CoreError>;

    /// Stops it if needed and starts it.
    ///
    /// # Errors
    /// [`CoreError::Image`], [`CoreError::Board`].
    fn restart(&self) -> Result<(), CoreError>;

    /// The file that the next start loads; `None` where the firmware is part of a program.
    fn image(&self) -> Option<PathBuf> {
        None
    }

    /// The next start loads this file; what runs goes on.
    ///
    /// # Errors
    /// [`CoreError::Image`] where the firmware is part of a program.
    fn set_image(&self, image: &Path) -> Result<(), CoreError> {
        let image = image.display();
        Err(CoreError::Image(format!("{image}: this board's firmware is part of its program")))
    }
}

/// Why a fault was not planted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FaultError {
    /// No fault is spelled like this; [`FaultPort::list`] says which are.
    #[error("no fault is called {0:?}")]
    Unknown(String),
    /// The fault's numbers are outside their range.
    #[error("fault {0:?}: {1}")]
    Range(String, &'static str),
}

/// Fault injection of a virtual board.
pub trait FaultPort: Send + Sync {
    /// Plants a fault by its spelling; it is taken once, by the next access that it fits.
    ///
    /// # Errors
    /// [`FaultError`].
    fn plant(&self, fault: &str) -> Result<(), FaultError>;

    /// Spellings of every fault that can be planted, for help texts.
    fn list(&self) -> Vec<String>;

    /// Faults that were planted and not taken yet.
    fn pending(&self) -> Vec<String>;

    /// Faults that took effect since the board started, oldest first.
    fn taken(&self) -> Vec<String>;

    /// Freezes the core (it executes nothing, and looks as if it ran), or lets it go on.
    fn freeze_core(&self, frozen: bool);

    /// Loads the programmable logic anew under whatever runs: what its flip-flops held is gone.
    fn reset_logic(&self);

    /// Kills the core at its `k`-th bus access from now (0: at the next one).
    fn kill_core_at(&self, k: u64);
}

/// The line of parts in front of the gate of a virtual board.
pub trait LinePort: Send + Sync {
    /// A part passes the trigger now; its tag, or `None` if the gate has no room for it or is not
    /// armed (then the part is rejected).
    fn trigger(&self) -> Option<u32>;

    /// The gate's line-ready signal: a part that comes now gets a tag. A line feeds on it.
    fn ready(&self) -> bool;

    /// What became of the parts that reached the reject position since the last call, oldest first.
    fn drain_passages(&self) -> Vec<Passage>;

    /// What the gate has counted since its logic was loaded or it was reset.
    fn counters(&self) -> Counters;
}
