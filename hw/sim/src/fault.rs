//! Faults that a test or `agentctl fault` plants in the hardware.
//!
//! A fault has one name, both ways: `lost_interrupt:pre`, `slave_error:post`,
//! `flipped_descriptor_bit:pre:2:70`.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// Which lane's hardware.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultLane {
    /// `pre`.
    Pre,
    /// `post`.
    Post,
}

/// One fault; each is taken once, by the next access or run that it fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The next completion raises no interrupt: the lane's lines (both DMA channels and the
    /// kernel) stay low until it is acknowledged; later completions raise them again.
    LostInterrupt(FaultLane),
    /// The next data read answers SLVERR.
    SlaveError(FaultLane),
    /// The next data read answers DECERR.
    DecodeError(FaultLane),
    /// The kernel's next packet never asserts TLAST.
    StuckTlast(FaultLane),
    /// The kernel's next run never finishes (until the kernel is reset): it takes its input and
    /// gives nothing.
    HungKernel(FaultLane),
    /// One bit of a descriptor in memory flips between the tail write and the fetch: descriptor
    /// `descriptor` of the lane's chains (MM2S first, then S2MM; modulo their length), bit `bit`
    /// of its first 8 words (0 to 255).
    FlippedDescriptorBit {
        /// Lane.
        lane: FaultLane,
        /// Position in the chain.
        descriptor: u32,
        /// Bit in the descriptor's first 32 bytes.
        bit: u8,
    },
}

impl Fault {
    /// The lane in which it sits.
    pub fn lane(self) -> FaultLane {
        match self {
            Self::LostInterrupt(lane)
            | Self::SlaveError(lane)
            | Self::DecodeError(lane)
            | Self::StuckTlast(lane)
            | Self::HungKernel(lane)
            | Self::FlippedDescriptorBit { lane, .. } => lane,
        }
    }

    /// Reads the name that [`Fault`]'s `Display` writes.
    ///
    /// # Errors
    /// [`FaultNameError`] names the part that is wrong.
    pub fn parse(name: &str) -> Result<Self, FaultNameError> {
        let mut parts = name.split(':');
        let kind = parts.next().unwrap_or_default();
        let lane = match parts.next() {
            Some("pre") => FaultLane::Pre,
            Some("post") => FaultLane::Post,
            _ => return Err(FaultNameError::Lane(name.into())),
        };
        let fault = match kind {
            "lost_interrupt" => Self::LostInterrupt(lane),
            "slave_error" => Self::SlaveError(lane),
            "decode_error" => Self::DecodeError(lane),
            "stuck_tlast" => Self::StuckTlast(lane),
            "hung_kernel" => Self::HungKernel(lane),
            "flipped_descriptor_bit" => Self::FlippedDescriptorBit {
                lane,
                descriptor: number(name, parts.next())?,
                bit: number(name, parts.next())?,
            },
            _ => return Err(FaultNameError::Kind(name.into())),
        };
        if parts.next().is_some() {
            return Err(FaultNameError::Trailing(name.into()));
        }
        Ok(fault)
    }
}

fn number<T: FromStr>(name: &str, part: Option<&str>) -> Result<T, FaultNameError> {
    part.and_then(|text| text.parse().ok()).ok_or_else(|| FaultNameError::Number(name.into()))
}

impl fmt::Display for FaultLane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pre => "pre",
            Self::Post => "post",
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LostInterrupt(lane) => write!(f, "lost_interrupt:{lane}"),
            Self::SlaveError(lane) => write!(f, "slave_error:{lane}"),
            Self::DecodeError(lane) => write!(f, "decode_error:{lane}"),
            Self::StuckTlast(lane) => write!(f, "stuck_tlast:{lane}"),
            Self::HungKernel(lane) => write!(f, "hung_kernel:{lane}"),
            Self::FlippedDescriptorBit { lane, descriptor, bit } => {
                write!(f, "flipped_descriptor_bit:{lane}:{descriptor}:{bit}")
            }
        }
    }
}

impl FromStr for Fault {
    type Err = FaultNameError;
    fn from_str(name: &str) -> Result<Self, FaultNameError> {
        Self::parse(name)
    }
}

/// A name that no fault has.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FaultNameError {
    /// Unknown kind.
    #[error(
        "fault {0:?}: the kind is none of lost_interrupt, slave_error, decode_error, stuck_tlast, \
         hung_kernel, flipped_descriptor_bit"
    )]
    Kind(String),
    /// Unknown lane.
    #[error("fault {0:?}: the lane is neither pre nor post")]
    Lane(String),
    /// Missing or out of range.
    #[error("fault {0:?}: wants flipped_descriptor_bit:LANE:DESCRIPTOR:BIT, BIT up to 255")]
    Number(String),
    /// More parts than the fault has.
    #[error("fault {0:?}: something follows the last part")]
    Trailing(String),
}

/// Faults that wait, and faults that were taken.
#[derive(Debug, Default)]
pub(crate) struct FaultDeck {
    pending: Vec<Fault>,
    taken: Vec<Fault>,
}

impl FaultDeck {
    pub fn plant(&mut self, fault: Fault) {
        self.pending.push(fault);
    }

    pub fn pending(&self) -> &[Fault] {
        &self.pending
    }

    pub fn taken(&self) -> &[Fault] {
        &self.taken
    }

    /// Takes the oldest waiting fault that `fits`.
    pub fn take(&mut self, fits: impl Fn(Fault) -> bool) -> Option<Fault> {
        let index = self.pending.iter().position(|fault| fits(*fault))?;
        let fault = self.pending.remove(index);
        self.taken.push(fault);
        Some(fault)
    }

    /// Takes `fault` if it waits.
    pub fn take_one(&mut self, fault: Fault) -> bool {
        self.take(|pending| pending == fault).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_read_back_from_its_name() {
        for lane in [FaultLane::Pre, FaultLane::Post] {
            for fault in [
                Fault::LostInterrupt(lane),
                Fault::SlaveError(lane),
                Fault::DecodeError(lane),
                Fault::StuckTlast(lane),
                Fault::HungKernel(lane),
                Fault::FlippedDescriptorBit { lane, descriptor: 17, bit: 255 },
            ] {
                assert_eq!(Fault::parse(&fault.to_string()), Ok(fault));
            }
        }
    }

    #[test]
    fn a_wrong_name_says_which_part_is_wrong() {
        let kind = |name: &str| std::mem::discriminant(&Fault::parse(name).unwrap_err());
        let is = |error: FaultNameError| std::mem::discriminant(&error);
        let none = String::new;
        assert_eq!(kind("lost_interupt:pre"), is(FaultNameError::Kind(none())));
        assert_eq!(kind("lost_interrupt:gate"), is(FaultNameError::Lane(none())));
        assert_eq!(kind("lost_interrupt"), is(FaultNameError::Lane(none())));
        assert_eq!(kind("flipped_descriptor_bit:pre:1"), is(FaultNameError::Number(none())));
        assert_eq!(kind("flipped_descriptor_bit:pre:1:256"), is(FaultNameError::Number(none())));
        assert_eq!(kind("hung_kernel:pre:1"), is(FaultNameError::Trailing(none())));
    }
}
