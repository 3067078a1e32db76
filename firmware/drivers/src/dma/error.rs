//! What can go wrong, and how status words tell it.

use tandem_regs::axi_dma::DMASR;
use tandem_regs::sg_descriptor::STATUS;
use thiserror::Error;

/// Which way a channel moves data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Memory to stream.
    Mm2s,
    /// Stream to memory.
    S2mm,
}

impl core::fmt::Display for Direction {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Mm2s => "MM2S",
            Self::S2mm => "S2MM",
        })
    }
}

/// Why a channel or a chain failed. Every one of them needs a reset of the DMA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum DmaError {
    /// A data access was answered SLVERR.
    #[error("a data access was answered SLVERR")]
    Slave,
    /// A data access was answered DECERR: nothing lives at the address.
    #[error("a data access was answered DECERR")]
    Decode,
    /// The DMA's internal error: a descriptor with length 0 (as its length field sees it), or an
    /// S2MM packet that did not fit.
    #[error("the DMA reports an internal error")]
    Internal,
    /// A descriptor access was answered SLVERR.
    #[error("a descriptor access was answered SLVERR")]
    SgSlave,
    /// A descriptor access was answered DECERR.
    #[error("a descriptor access was answered DECERR")]
    SgDecode,
    /// A descriptor was fetched that was already complete.
    #[error("a descriptor was fetched that was already complete")]
    SgInternal,
    /// Packets and descriptors disagree: a packet was short, long, missing or one too many.
    #[error("packet borders and descriptors disagree")]
    StreamMismatch,
    /// A descriptor in memory is not what was written.
    #[error("a descriptor in memory is not what was written")]
    DescriptorCorrupt,
    /// The DMA did not do what it was told in the caller's time.
    #[error("the DMA did not answer in time")]
    Timeout,
}

/// A failure and where it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[error("AXI DMA {direction}: {error}")]
pub struct DmaFault {
    /// The channel.
    pub direction: Direction,
    /// What it was.
    pub error: DmaError,
}

impl From<DmaFault> for DmaError {
    fn from(fault: DmaFault) -> Self {
        fault.error
    }
}

/// Bits of a channel status register that say that it has stopped with an error.
const ERRORS: u32 = DMASR::SG_DEC_ERR::SET.value
    | DMASR::SG_SLV_ERR::SET.value
    | DMASR::SG_INT_ERR::SET.value
    | DMASR::DEC_ERR::SET.value
    | DMASR::SLV_ERR::SET.value
    | DMASR::INT_ERR::SET.value;

/// The error that a channel status register shows. With several bits set the one nearest to the
/// cause is named: a bad descriptor explains a bad data access and not the other way round.
#[inline(always)]
#[must_use]
pub fn channel_error(status: u32) -> Option<DmaError> {
    // Every look at a channel comes here, and hardly any finds one.
    if status & ERRORS == 0 { None } else { named_error(status) }
}

#[inline(never)]
fn named_error(status: u32) -> Option<DmaError> {
    let order = [
        (DMASR::SG_DEC_ERR, DmaError::SgDecode),
        (DMASR::SG_SLV_ERR, DmaError::SgSlave),
        (DMASR::SG_INT_ERR, DmaError::SgInternal),
        (DMASR::DEC_ERR, DmaError::Decode),
        (DMASR::SLV_ERR, DmaError::Slave),
        (DMASR::INT_ERR, DmaError::Internal),
    ];
    order.into_iter().find(|(field, _)| field.is_set(status)).map(|(_, error)| error)
}

/// The error that a descriptor's status word shows.
#[must_use]
pub fn descriptor_error(status: u32) -> Option<DmaError> {
    let order = [
        (STATUS::DEC_ERR, DmaError::Decode),
        (STATUS::SLV_ERR, DmaError::Slave),
        (STATUS::INT_ERR, DmaError::Internal),
    ];
    order.into_iter().find(|(field, _)| field.is_set(status)).map(|(_, error)| error)
}
