//! An AXI DMA whose streams are tied together: back-pressure, pace, rings, reset.

use tandem_regs::axi_dma::{DMACR, DMASR, offset};
use tandem_regs::sg_descriptor::{CONTROL, STATUS, offset as word};
use tandem_sim::axi_dma::DmaConfig;
use tandem_sim::ddr::Ddr;
use tandem_sim::looped::{FIFO_BYTES, LoopedDma, Pace};

const BASE: u32 = 0x1000_0000;
const OUT: u32 = BASE + 0x1_0000;
const IN: u32 = BASE + 0x8_0000;
const PACE: Pace = Pace { setup_ns: 100, byte_ns: 2 };
const S2MM: u32 = offset::S2MM_DMACR;
const CYCLIC: u32 = 1 << 4;

struct Bench {
    dma: LoopedDma,
    ddr: Ddr,
}

impl Bench {
    fn new() -> Self {
        let ddr = Ddr::create(BASE, 0x10_0000).expect("memory");
        let dma = LoopedDma::new(DmaConfig::default(), ddr.clone(), PACE);
        Self { dma, ddr }
    }

    /// Descriptors at `at`, one behind the other, the last one's next being the first; all bytes
    /// of a chain lie back to back from `buffer`, and its last descriptor ends a packet.
    fn chain(&mut self, at: u32, buffer: u32, lengths: &[u32]) {
        let mut begin = buffer;
        for (index, length) in lengths.iter().enumerate() {
            let last = index + 1 == lengths.len();
            let here = at + 64 * index as u32;
            let eof = if last { CONTROL::EOF::SET.value } else { 0 };
            self.put(here + word::NXTDESC, if last { at } else { here + 64 });
            self.put(here + word::BUFFER, begin);
            self.put(here + word::CONTROL, length | eof);
            self.put(here + word::STATUS, 0);
            begin += length;
        }
    }

    fn put(&self, at: u32, value: u32) {
        self.ddr.write32(at, value).expect("in memory");
    }

    fn status(&self, descriptor: u32) -> u32 {
        self.ddr.read32(descriptor + word::STATUS).expect("in memory")
    }

    fn start(&mut self, channel: u32, flags: u32, first: u32, tail: u32) {
        self.dma.write32(channel + offset::MM2S_CURDESC, first);
        self.dma.write32(channel, flags | 0x1_7000 | DMACR::RS::SET.value);
        self.dma.write32(channel + offset::MM2S_TAILDESC, tail);
    }

    fn fill(&self, bytes: u32, seed: u32) {
        for at in (0..bytes).step_by(4) {
            self.put(OUT + at, (at ^ seed).wrapping_mul(0x9E37_79B1));
        }
    }

    #[track_caller]
    fn equal(&self, bytes: usize) {
        let (mut sent, mut received) = (vec![0; bytes], vec![0; bytes]);
        self.ddr.read(OUT, &mut sent).expect("in memory");
        self.ddr.read(IN, &mut received).expect("in memory");
        assert!(sent == received, "what came is not what went");
    }

    /// To the end of all that can happen by itself; the time then.
    fn settle(&mut self) -> u64 {
        let mut now = 0;
        while let Some(next) = self.dma.next_event() {
            now = next;
            self.dma.advance(now);
        }
        now
    }
}

#[test]
fn a_packet_goes_round_in_its_time() {
    let mut bench = Bench::new();
    bench.fill(3 * 4096, 7);
    bench.chain(BASE, OUT, &[4096, 4096, 4096]);
    bench.chain(BASE + 0x1000, IN, &[12288]);
    bench.start(S2MM, 0, BASE + 0x1000, BASE + 0x1000);
    bench.start(0, 0, BASE, BASE + 128);
    assert_eq!(bench.dma.lines(), [false, false]);
    let end = bench.settle();
    assert_eq!(bench.dma.lines(), [true, true]);
    bench.equal(12288);
    let flags = STATUS::COMPLETE::SET.value | STATUS::RXSOF::SET.value | STATUS::RXEOF::SET.value;
    assert_eq!(bench.status(BASE + 0x1000), flags | 12288);
    assert!(end >= 2 * 4096 * PACE.byte_ns, "{end} ns");
}

#[test]
fn the_fifo_holds_a_sender_back_and_a_reset_empties_it() {
    let mut bench = Bench::new();
    bench.fill(2 * FIFO_BYTES as u32, 1);
    bench.chain(BASE, OUT, &[FIFO_BYTES as u32, FIFO_BYTES as u32]);
    bench.start(0, 0, BASE, BASE + 64);
    bench.settle();
    assert_ne!(bench.status(BASE), 0, "the first has gone into the FIFO");
    assert_eq!(bench.status(BASE + 64), 0, "the second one waits");
    bench.dma.write32(0, DMACR::RESET::SET.value);
    while bench.dma.read32(0) & DMACR::RESET::SET.value != 0 {}
    bench.fill(64, 2);
    bench.chain(BASE, OUT, &[64]);
    bench.chain(BASE + 0x1000, IN, &[64]);
    bench.start(S2MM, 0, BASE + 0x1000, BASE + 0x1000);
    bench.start(0, 0, BASE, BASE);
    bench.settle();
    bench.equal(64);
}

#[test]
fn a_ring_goes_round_over_completed_descriptors_only_in_cyclic_mode() {
    const RING: u32 = 4 * 256;
    // "Program the Tail Descriptor register with some value which is not a part of the BD chain."
    let tail = BASE + 0x2000;
    for (flags, rounds) in [(CYCLIC, true), (0, false)] {
        let mut bench = Bench::new();
        bench.chain(BASE, OUT, &[256; 4]);
        bench.chain(BASE + 0x1000, IN, &[256; 4]);
        bench.fill(RING, 1);
        bench.start(S2MM, flags, BASE + 0x1000, tail);
        bench.start(0, flags, BASE, tail);
        for round in 0..3 {
            bench.fill(RING, round);
            bench.dma.advance(u64::from(round + 1) * 100_000);
            if rounds {
                bench.equal(RING as usize);
            }
        }
        let errors = DMASR::SG_INT_ERR::SET.value;
        assert_eq!(bench.dma.read32(offset::MM2S_DMASR) & errors == 0, rounds);
    }
}
