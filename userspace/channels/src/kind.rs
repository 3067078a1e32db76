//! Kinds of channels.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How bytes get from one silicon to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// AXI DMA between slots and a kernel of the programmable logic.
    AxiStream,
    /// A slot in memory that both sides map: nothing travels.
    Mmap,
    /// Slots in memory that a GPU's driver pinned and reads over its bus.
    HostPinned,
    /// A GPU's memory, written by another device on the same bus (dma-buf).
    PcieP2p,
    /// A connection to a gpu-worker.
    Tcp,
    /// A copy through memory of this processor, where no better kind is possible.
    Relay,
}

impl Kind {
    /// All of them, best first where several would do.
    pub const ALL: [Self; 6] =
        [Self::AxiStream, Self::Mmap, Self::PcieP2p, Self::HostPinned, Self::Tcp, Self::Relay];

    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AxiStream => "axi-stream",
            Self::Mmap => "mmap",
            Self::HostPinned => "host-pinned",
            Self::PcieP2p => "pcie-p2p",
            Self::Tcp => "tcp",
            Self::Relay => "relay",
        }
    }

    /// What goes out and what comes back travel at the same time: a kernel writes while it reads. A
    /// model answers when it has all of its input.
    pub const fn overlaps(self) -> bool {
        matches!(self, Self::AxiStream)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|kind| kind.name() == text);
        found.ok_or_else(|| {
            let known: Vec<&str> = Self::ALL.into_iter().map(Self::name).collect();
            format!("channel kind {text:?} is not one of {}", known.join(", "))
        })
    }
}
