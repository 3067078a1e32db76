//! One AXI DMA between memory and a test: no kernel, no time.

use tandem_sim::axi_dma::{AxiDma, DmaConfig, Pumped, ReadData, Sink};
use tandem_sim::fabric::{BusError, Fabric};

use super::*;

/// A stream slave that takes everything.
#[derive(Default)]
struct Collect(Vec<u8>);

impl Sink for Collect {
    fn accept(&mut self, len: usize, read: ReadData<'_>) -> Result<(), BusError> {
        let at = self.0.len();
        self.0.resize(at + len, 0);
        read(0, &mut self.0[at..])
    }
}

pub struct Bench {
    pub dma: AxiDma,
    pub fabric: Fabric,
}

impl Bench {
    /// An idle DMA; [`Bench::data`] lies at [`INPUT`].
    pub fn new(config: DmaConfig) -> Self {
        let fabric = Fabric::new(ddr());
        fabric.ddr().write(INPUT, &Self::data()).unwrap();
        Self { dma: AxiDma::new(config), fabric }
    }

    /// An MM2S channel armed with these descriptors.
    pub fn armed(config: DmaConfig, descriptors: &[(u32, u32)]) -> Self {
        let mut bench = Self::new(config);
        let tail = bench.chain(MM2S_CHAIN, descriptors);
        bench.arm(MM2S, MM2S_CHAIN, tail, 1 << 16);
        bench
    }

    pub fn data() -> Vec<u8> {
        noise(0x1_0000, 7)
    }

    pub fn arm(&mut self, channel: u32, first: u32, tail: u32, control: u32) {
        self.dma.write32(channel + CURDESC, first);
        self.dma.write32(channel + CR, control | RS);
        self.dma.write32(channel + TAILDESC, tail);
    }

    pub fn chain(&self, at: u32, descriptors: &[(u32, u32)]) -> u32 {
        write_chain(self.fabric.ddr(), at, descriptors)
    }

    pub fn status(&mut self, channel: u32) -> u32 {
        self.dma.read32(channel + SR)
    }

    /// Lets descriptors be fetched ahead of data, and the delay timer run.
    pub fn advance(&mut self, now: u64) {
        self.dma.advance(now, &self.fabric);
    }

    /// Takes one packet at `now`.
    pub fn pump_at(&mut self, now: u64) -> (Pumped, Vec<u8>) {
        let mut sink = Collect::default();
        let pumped = self.dma.mm2s.pump(now, &self.fabric, || None, &mut sink);
        (pumped, sink.0)
    }

    pub fn pump(&mut self) -> (Pumped, Vec<u8>) {
        self.pump_at(0)
    }

    pub fn offer(&mut self, bytes: &[u8], last: bool) -> usize {
        self.dma.s2mm.offer(0, &self.fabric, bytes, last)
    }

    pub fn done(&self, chain: u32, index: u32) -> u32 {
        status_of(self.fabric.ddr(), chain, index)
    }

    /// The channel has halted with exactly this error, and only a reset helps.
    pub fn assert_halted_with(&mut self, channel: u32, error: u32) {
        let status = self.status(channel);
        assert_eq!(status & ERRORS, error, "{status:#x}");
        assert_eq!(status & (HALTED | IDLE | ERR), HALTED | ERR);
        assert_eq!(self.dma.read32(channel + CR) & RS, 0);
        self.dma.write32(channel + CR, RS);
        assert_eq!(self.status(channel) & HALTED, HALTED);
        self.dma.write32(channel + SR, ERR);
        assert_eq!(self.status(channel) & (ERRORS | ERR), error);
        self.dma.write32(channel + CR, RESET);
        self.dma.read32(channel + CR);
        assert_eq!(self.status(channel), 0x0001_0009);
    }
}
