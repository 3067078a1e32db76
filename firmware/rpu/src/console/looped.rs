//! Self-test: memory to memory through a DMA in a loop. Only a board whose description has one.

use crate::board;
use crate::platform::R5Platform;
use tandem_drivers::dma::loopback::{AREA_BYTES, BYTES, Loopback, LoopbackError};
use tandem_drivers::mmio::MmioBus;
use tandem_link::console::{LoopEnd, Verdict};
use tandem_link::message::Nanos;
use tandem_pipeline::platform::Platform;

/// Bytes at the end of the descriptors' memory that are this test's; 0 where there is no loop.
pub const ROOM: u32 = if board::LOOP == 0 { 0 } else { AREA_BYTES.next_multiple_of(0x1000) };
/// Bus address of them.
const AREA: u32 = board::DESCRIPTORS + board::DESCRIPTORS_SIZE - ROOM;
/// Longest reset and longest transfer.
const LIMIT: Nanos = 2_000_000_000;
/// The transfer is watched so long without a pause, so that its time is sharp.
const WATCHED: Nanos = 500_000;

/// A test under way: since when it does what it does.
pub enum Looped {
    /// Nothing was touched.
    New,
    /// The DMA is being reset.
    Resets(Nanos),
    /// Data moves.
    Goes(Nanos),
}

impl Looped {
    /// Goes on for a while; at the end its verdict and values.
    pub fn turn(&mut self, platform: &R5Platform) -> Option<(Verdict, [u32; 4])> {
        if board::LOOP == 0 {
            return Some((Verdict::NotFitted, [0; 4]));
        }
        let run = Loopback::new(*platform.bus(), board::LOOP, AREA);
        let (end, detail) = match self.go_on(&run, platform) {
            Ok(None) => match self {
                Self::Resets(since) | Self::Goes(since) if platform.now() - *since > LIMIT => {
                    (LoopEnd::Late, 0)
                }
                _ => return None,
            },
            Ok(Some(took)) => {
                run.end();
                let took = took.try_into().unwrap_or(u32::MAX);
                return Some((Verdict::Passed, [BYTES, took, 0, 0]));
            }
            Err(error) => told(error),
        };
        // What is somebody else's goes on.
        if end != LoopEnd::InUse {
            run.end();
        }
        Some((Verdict::Failed, [0, 0, end as u32, detail]))
    }

    fn go_on(
        &mut self,
        run: &Loopback<MmioBus>,
        platform: &R5Platform,
    ) -> Result<Option<Nanos>, LoopbackError> {
        if let Self::New = self {
            run.begin()?;
            *self = Self::Resets(platform.now());
        }
        if let Self::Resets(_) = self {
            if !run.ready() {
                return Ok(None);
            }
            run.start();
            *self = Self::Goes(platform.now());
            run.go()?;
        }
        let Self::Goes(since) = self else { return Ok(None) };
        let watch_until = platform.now() + WATCHED;
        while !run.arrived()? {
            if platform.now() > watch_until {
                return Ok(None);
            }
        }
        let took = platform.now() - *since;
        run.compare()?;
        Ok(Some(took))
    }
}

fn told(error: LoopbackError) -> (LoopEnd, u32) {
    match error {
        LoopbackError::InUse => (LoopEnd::InUse, 0),
        LoopbackError::Dma(fault) => (LoopEnd::Channel, fault.error as u32),
        LoopbackError::Packet(_, status) => (LoopEnd::Packet, status),
        LoopbackError::Data(at) => (LoopEnd::Data, at),
    }
}
