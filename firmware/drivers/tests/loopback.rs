//! The loopback through the model of an AXI DMA in a loop, and the faults that it must name.

use std::cell::{Cell, RefCell};
use tandem_drivers::bus::Bus;
use tandem_drivers::dma::loopback::{AREA_BYTES, BYTES, Loopback, LoopbackError, PIECE_BYTES};
use tandem_drivers::dma::{Direction, DmaError, DmaFault};
use tandem_regs::axi_dma::offset;
use tandem_sim::axi_dma::DmaConfig;
use tandem_sim::ddr::Ddr;
use tandem_sim::looped::{LoopedDma, Pace};

const MEMORY: u32 = 0x1000_0000;
const MEMORY_BYTES: u32 = 0x10_0000;
const AREA: u32 = MEMORY + 0x4_0000;
const DMA: u32 = 0xA000_0000;
const PACE: Pace = Pace { setup_ns: 100, byte_ns: 1 };

/// Memory, and a DMA whose every access takes 100 ns.
struct Board {
    dma: RefCell<LoopedDma>,
    ddr: Ddr,
    now: Cell<u64>,
    /// Writes of this register never reach the DMA.
    deaf: Option<u32>,
}

impl Board {
    fn new(deaf: Option<u32>) -> Self {
        let ddr = Ddr::create(MEMORY, MEMORY_BYTES).expect("memory");
        // The default length field: a packet must fit it.
        let config = DmaConfig { length_bits: 14, ..DmaConfig::default() };
        let dma = LoopedDma::new(config, ddr.clone(), PACE);
        Self { dma: dma.into(), ddr, now: Cell::new(0), deaf }
    }

    fn passes(&self) {
        self.now.set(self.now.get() + 100);
        self.dma.borrow_mut().advance(self.now.get());
    }

    /// A run as the console makes it; `spoil` comes between the transfer and the comparison.
    fn run(&self, area: u32, spoil: impl Fn(&Self)) -> Result<(), LoopbackError> {
        let run = Loopback::new(self, DMA, area);
        run.begin()?;
        while !run.ready() {}
        run.start();
        run.go()?;
        // Ten times what the transfer takes.
        for _ in 0..BYTES {
            if run.arrived()? {
                spoil(self);
                return run.compare();
            }
        }
        run.end();
        panic!("it never ends")
    }
}

impl Bus for Board {
    fn read32(&self, at: u32) -> u32 {
        if at >= DMA {
            self.passes();
            return self.dma.borrow_mut().read32(at - DMA);
        }
        self.ddr.read32(at).unwrap_or(0)
    }
    fn write32(&self, at: u32, value: u32) {
        if at < DMA {
            let _ = self.ddr.write32(at, value); // outside: nobody there
        } else if Some(at - DMA) != self.deaf {
            self.passes();
            self.dma.borrow_mut().write32(at - DMA, value);
        }
    }
    fn bus_addr(&self, cpu_addr: u32) -> u32 {
        cpu_addr
    }
    fn dma_wmb(&self) {}
    fn dma_rmb(&self) {}
}

fn bytes_of(board: &Board) -> Vec<u8> {
    let mut bytes = vec![0; MEMORY_BYTES as usize];
    board.ddr.read(MEMORY, &mut bytes).expect("all of it");
    bytes
}

#[test]
fn a_loop_passes_again_and_again_and_touches_its_area_only() {
    let board = Board::new(None);
    for _ in 0..3 {
        assert_eq!(board.run(AREA, |_| {}), Ok(()));
        // The channels stand idle and not halted: only an end makes them free.
        let run = Loopback::new(&board, DMA, AREA);
        assert_eq!(run.begin(), Err(LoopbackError::InUse));
        run.end();
        while !run.ready() {}
        assert_eq!(board.dma.borrow().lines(), [false; 2]);
    }
    let (area, end) = ((AREA - MEMORY) as usize, (AREA - MEMORY + AREA_BYTES) as usize);
    let bytes = bytes_of(&board);
    assert!(bytes[..area].iter().chain(&bytes[end..]).all(|byte| *byte == 0));
}

#[test]
fn a_wrong_byte_is_named_by_its_place() {
    for offset in [0, PIECE_BYTES - 1, PIECE_BYTES, BYTES - 1] {
        let spoil = |board: &Board| {
            let at = AREA + AREA_BYTES - BYTES + offset;
            let mut byte = [0];
            board.ddr.read(at, &mut byte).expect("in memory");
            board.ddr.write(at, &[byte[0] ^ 0x10]).expect("in memory");
        };
        let wrong = Board::new(None).run(AREA, spoil);
        assert_eq!(wrong, Err(LoopbackError::Data(offset & !3)));
    }
}

#[test]
fn a_short_packet_is_named_by_its_status() {
    // The status of the second packet says one byte less.
    let at = AREA + 4 * 64 + 64 + tandem_regs::sg_descriptor::offset::STATUS;
    let spoil = |board: &Board| board.write32(at, board.read32(at) - 1);
    let result = Board::new(None).run(AREA, spoil);
    assert!(matches!(result, Err(LoopbackError::Packet(1, status)) if status & 0xFFF == 0xFFF));
}

#[test]
fn memory_that_is_not_there_is_the_dmas_error() {
    let result = Board::new(None).run(MEMORY + MEMORY_BYTES, |_| {});
    assert!(
        matches!(result, Err(LoopbackError::Dma(DmaFault { error: DmaError::SgDecode, .. }))),
        "{result:?}"
    );
}

#[test]
fn a_channel_that_does_not_start_and_one_that_never_receives() {
    let control = Board::new(Some(offset::S2MM_DMACR));
    let fault = DmaFault { direction: Direction::S2mm, error: DmaError::Timeout };
    assert_eq!(control.run(AREA, |_| {}), Err(LoopbackError::Dma(fault)));
    let tail = Board::new(Some(offset::S2MM_TAILDESC));
    let run = Loopback::new(&tail, DMA, AREA);
    run.begin().expect("free");
    while !run.ready() {}
    run.start();
    run.go().expect("both start");
    assert!((0..BYTES).all(|_| run.arrived() == Ok(false)), "nothing can arrive");
    run.end();
    while !run.ready() {}
    assert_eq!(run.begin(), Ok(()), "free again");
}
