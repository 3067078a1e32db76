//! From what went wrong to what the job is told: one cause, one status.

use tandem_drivers::{
    bus::Bus,
    dma::{Chain, DmaError, Verify},
    kernel::Outcome,
};
use tandem_link::message::JobStatus;

/// What was seen first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The DMA stopped, or its descriptors do not add up.
    Dma(DmaError),
    /// The kernel ended the job, and not well.
    Kernel(Outcome),
    /// The kernel ended the job well, and the DMA still waits for the packet's end.
    NoEnd,
    /// The kernel did not end the job in its time.
    Hung,
    /// The deadline came before the kernel's time was up.
    Deadline,
}

/// The status for a failure. A descriptor that is not what was written explains everything else,
/// so both chains are compared first.
pub fn status<B: Bus>(bus: &B, chains: [&Chain; 2], failure: Failure) -> JobStatus {
    let whole = chains.iter().all(|chain| chain.verify(bus, Verify::All).is_ok());
    if !whole { JobStatus::DescriptorCorrupt } else { consequence(failure) }
}

/// The status for a failure of a job whose descriptors are whole.
fn consequence(failure: Failure) -> JobStatus {
    match failure {
        Failure::Dma(error) => match error {
            DmaError::Slave | DmaError::SgSlave => JobStatus::DmaSlaveError,
            DmaError::Decode | DmaError::SgDecode => JobStatus::DmaDecodeError,
            // A channel that does not start is as much inside the DMA as an error that it reports.
            DmaError::Internal | DmaError::SgInternal | DmaError::Timeout => {
                JobStatus::DmaInternalError
            }
            DmaError::StreamMismatch => JobStatus::StreamMismatch,
            DmaError::DescriptorCorrupt => JobStatus::DescriptorCorrupt,
        },
        // The chain was right, so the bytes were lost between DMA and kernel.
        Failure::Kernel(Outcome::ShortInput) | Failure::NoEnd => JobStatus::StreamMismatch,
        Failure::Kernel(_) => JobStatus::KernelRefused,
        Failure::Hung => JobStatus::KernelHung,
        Failure::Deadline => JobStatus::Late,
    }
}
