//! Which port of the memory each stream uses, and which plans are refused.
//!
//! The numbers are measurements that others published for a ZCU102 (128-bit ports at 300 MHz); they
//! are in README.md with what follows from them.

use serde::Deserialize;
use std::fmt;

/// Most that one high-performance port moves in both directions together, MB/s, with bursts of
/// [`BURST_BYTES`].
const PORT_MB_S: u32 = 9332;
/// Longest burst that does not starve writes, bytes.
const BURST_BYTES: u32 = 128;
/// What HP1 and HP2 move together, MB/s: they share one port of the memory controller.
const SHARED_MB_S: u32 = 6400;
/// From this rate on a stream is hot: two such on the shared port are refused.
const HOT_MB_S: u32 = SHARED_MB_S / 4;

/// A port from the programmable logic to memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Port {
    /// High performance, not coherent.
    Hp0,
    /// High performance, not coherent; shares a port of the memory controller with HP2.
    Hp1,
    /// High performance, not coherent; shares a port of the memory controller with HP1.
    Hp2,
    /// High performance, not coherent.
    Hp3,
    /// High performance through the coherent interconnect.
    Hpc0,
    /// High performance through the coherent interconnect.
    Hpc1,
}

impl Port {
    /// Every port.
    pub const ALL: [Self; 6] = [Self::Hp0, Self::Hp1, Self::Hp2, Self::Hp3, Self::Hpc0, Self::Hpc1];

    /// Whether it can be coherent with the processors' caches.
    #[must_use]
    pub const fn can_cohere(self) -> bool {
        matches!(self, Self::Hpc0 | Self::Hpc1)
    }

    const fn is_shared(self) -> bool {
        matches!(self, Self::Hp1 | Self::Hp2)
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hp0 => "hp0",
            Self::Hp1 => "hp1",
            Self::Hp2 => "hp2",
            Self::Hp3 => "hp3",
            Self::Hpc0 => "hpc0",
            Self::Hpc1 => "hpc1",
        })
    }
}

/// Which way a stream goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From memory to the logic.
    Read,
    /// From the logic to memory.
    Write,
}

/// One stream of a DMA engine.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stream {
    /// Name, as `pre.mm2s`.
    pub name: String,
    /// Port that it uses.
    pub port: Port,
    /// Which way it goes.
    pub direction: Direction,
    /// What it moves at most, MB/s, on average over a frame.
    pub mb_s: u32,
    /// Width of the port, bits.
    pub width_bits: u32,
    /// Beats of a burst.
    pub burst_beats: u32,
    /// Whether the processors' caches see it.
    pub coherent: bool,
}

/// Why a plan is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanFault {
    /// A name that is there twice.
    #[error("stream {name} is there twice")]
    Twice {
        /// The name.
        name: String,
    },
    /// A width that no port has.
    #[error("stream {name}: width_bits = {width}: a port is 32, 64 or 128 bits wide")]
    Width {
        /// The stream.
        name: String,
        /// What it says.
        width: u32,
    },
    /// Bursts that starve writes.
    #[error(
        "stream {name}: bursts of {bytes} bytes ({beats} beats of {width} bits): beyond {BURST_BYTES} bytes a \
         port moves a quarter less and writes fall to a third; use {} beats",
        BURST_BYTES * 8 / width
    )]
    Burst {
        /// The stream.
        name: String,
        /// Bytes of a burst.
        bytes: u32,
        /// Beats of a burst.
        beats: u32,
        /// Bits of a beat.
        width: u32,
    },
    /// No beats at all.
    #[error("stream {name}: burst_beats = {beats}: must be 1 to 256 (AXI4)")]
    Beats {
        /// The stream.
        name: String,
        /// What it says.
        beats: u32,
    },
    /// Coherent on a port that is not.
    #[error(
        "stream {name}: coherent on {port}: only hpc0 and hpc1 pass the coherent interconnect; use one of \
         them, or say coherent = false and pay for cache maintenance"
    )]
    Coherence {
        /// The stream.
        name: String,
        /// Its port.
        port: Port,
    },
    /// More than the port moves.
    #[error("port {port}: {mb_s} MB/s on it, it moves {PORT_MB_S} at best")]
    Port {
        /// The port.
        port: Port,
        /// Sum of its streams, MB/s.
        mb_s: u32,
    },
    /// Two hot streams on the port that HP1 and HP2 share.
    #[error(
        "streams {first} ({first_mb_s} MB/s) and {second} ({second_mb_s} MB/s) on hp1 and hp2, which share one \
         port of the memory controller ({SHARED_MB_S} MB/s): move one to hp0 or hp3"
    )]
    Hot {
        /// The one.
        first: String,
        /// Its rate.
        first_mb_s: u32,
        /// The other.
        second: String,
        /// Its rate.
        second_mb_s: u32,
    },
    /// More than HP1 and HP2 move together.
    #[error("hp1 and hp2: {mb_s} MB/s together, their common port moves {SHARED_MB_S}")]
    Shared {
        /// Sum of their streams, MB/s.
        mb_s: u32,
    },
}

/// Everything that is wrong with a plan.
#[must_use]
pub fn faults(streams: &[Stream]) -> Vec<PlanFault> {
    let mut faults = Vec::new();
    for (at, stream) in streams.iter().enumerate() {
        if streams[..at].iter().any(|other| other.name == stream.name) {
            faults.push(PlanFault::Twice { name: stream.name.clone() });
        }
        faults.extend(of_one(stream));
    }
    let sum = |on: &dyn Fn(Port) -> bool| {
        let rates = streams.iter().filter(|stream| on(stream.port)).map(|stream| stream.mb_s);
        rates.fold(0, u32::saturating_add)
    };
    for port in Port::ALL {
        let mb_s = sum(&|other| other == port);
        if mb_s > PORT_MB_S {
            faults.push(PlanFault::Port { port, mb_s });
        }
    }
    let mb_s = sum(&Port::is_shared);
    if mb_s > SHARED_MB_S {
        faults.push(PlanFault::Shared { mb_s });
    }
    let hot = |stream: &&Stream| stream.port.is_shared() && stream.mb_s >= HOT_MB_S;
    let mut hot = streams.iter().filter(hot);
    if let (Some(first), Some(second)) = (hot.next(), hot.next()) {
        faults.push(PlanFault::Hot {
            first: first.name.clone(),
            first_mb_s: first.mb_s,
            second: second.name.clone(),
            second_mb_s: second.mb_s,
        });
    }
    faults
}

fn of_one(stream: &Stream) -> Vec<PlanFault> {
    let (name, width, beats) = (|| stream.name.clone(), stream.width_bits, stream.burst_beats);
    let mut faults = Vec::new();
    if !matches!(width, 32 | 64 | 128) {
        faults.push(PlanFault::Width { name: name(), width });
    } else if !(1..=256).contains(&beats) {
        faults.push(PlanFault::Beats { name: name(), beats });
    } else if beats * width / 8 > BURST_BYTES {
        faults.push(PlanFault::Burst { name: name(), bytes: beats * width / 8, beats, width });
    }
    if stream.coherent && !stream.port.can_cohere() {
        faults.push(PlanFault::Coherence { name: name(), port: stream.port });
    }
    faults
}
