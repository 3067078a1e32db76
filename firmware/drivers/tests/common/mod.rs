//! A register-level fake of one AXI DMA over plain words of memory, with faults by script.
#![allow(dead_code, reason = "each test file uses its part")]

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use tandem_drivers::bus::Bus;
use tandem_drivers::dma::{Direction, Limits};
use tandem_model::pre::{Frame, Layout, PixelFormat, PreParams, Rect};

/// Base of the fake DMA's registers.
pub const DMA: u32 = 0x1000;
/// Descriptor memory in the fake.
pub const DESCRIPTORS: u32 = 0x10_0000;
/// A DMA with everything built in.
pub const WIDE: Limits = Limits { length_bits: 26, alignment: 1 };

pub const RS: u32 = 1;
pub const HALTED: u32 = 1;
pub const IDLE: u32 = 2;
pub const IOC: u32 = 1 << 12;
pub const COMPLETE: u32 = 1 << 31;
pub const RXSOF: u32 = 1 << 27;
pub const RXEOF: u32 = 1 << 26;

/// What the fake DMA does not do.
#[derive(Clone, Copy, Default)]
pub struct Stuck {
    pub reset: bool,
    pub halt: bool,
    pub start: bool,
}

#[derive(Default)]
pub struct Fake {
    words: RefCell<HashMap<u32, u32>>,
    pub stuck: Cell<Stuck>,
    /// Addresses of tail writes, in order.
    pub tails: RefCell<Vec<u32>>,
    pub reads: Cell<u64>,
    pub writes: Cell<u64>,
    /// Barriers and tail writes in order: 'w', 'r', 't'.
    pub order: RefCell<String>,
}

fn base(direction: Direction) -> u32 {
    if direction == Direction::Mm2s { DMA } else { DMA + 0x30 }
}

impl Fake {
    pub fn new() -> Self {
        let fake = Self::default();
        fake.poke(DMA + 0x04, HALTED);
        fake.poke(DMA + 0x34, HALTED);
        fake
    }

    pub fn peek(&self, addr: u32) -> u32 {
        self.words.borrow().get(&addr).copied().unwrap_or(0)
    }

    pub fn poke(&self, addr: u32, value: u32) {
        self.words.borrow_mut().insert(addr, value);
    }

    pub fn set_status(&self, direction: Direction, bits: u32) {
        let at = base(direction) + 4;
        self.poke(at, self.peek(at) | bits);
    }

    /// Runs the chain as the DMA would: `status` is asked for each descriptor's word, given its
    /// index and length; `bits` then appear in the channel's status.
    pub fn run(&self, direction: Direction, status: impl Fn(u32, u32) -> u32, bits: u32) {
        let (mut at, tail) = (self.peek(base(direction) + 8), self.peek(base(direction) + 0x10));
        for i in 0.. {
            let length = self.peek(at + 0x18) & 0x03FF_FFFF;
            self.poke(at + 0x1C, status(i, length));
            if at == tail {
                break;
            }
            at = self.peek(at);
        }
        self.set_status(direction, bits);
    }

    /// Runs both chains without a fault; each S2MM descriptor is one packet.
    pub fn run_well(&self) {
        self.run(Direction::Mm2s, |_, length| COMPLETE | length, IDLE | IOC);
        self.run(Direction::S2mm, |_, length| COMPLETE | RXSOF | RXEOF | length, IDLE | IOC);
    }

    fn control(&self, at: u32, value: u32) {
        let (stuck, status) = (self.stuck.get(), at + 4);
        if value & 4 != 0 {
            for base in [DMA, DMA + 0x30] {
                self.poke(base, if stuck.reset { 4 } else { 0 });
                self.poke(base + 4, HALTED);
            }
            return;
        }
        self.poke(at, value);
        let now = self.peek(status);
        if value & RS != 0 && !stuck.start {
            self.poke(status, now & !(HALTED | IDLE));
        } else if value & RS == 0 && !stuck.halt {
            self.poke(status, now & !IDLE | HALTED);
        }
    }
}

impl Bus for Fake {
    fn read32(&self, addr: u32) -> u32 {
        assert_eq!(addr % 4, 0);
        self.reads.set(self.reads.get() + 1);
        self.peek(addr)
    }

    fn write32(&self, addr: u32, value: u32) {
        assert_eq!(addr % 4, 0);
        self.writes.set(self.writes.get() + 1);
        match addr.wrapping_sub(DMA) {
            0x00 | 0x30 => self.control(addr, value),
            // Write 1 to clear.
            0x04 | 0x34 => self.poke(addr, self.peek(addr) & !(value & 0x7000)),
            0x08 | 0x38 if self.peek(addr - 4) & HALTED == 0 => {}
            0x10 | 0x40 => {
                self.tails.borrow_mut().push(value);
                self.order.borrow_mut().push('t');
                self.poke(addr, value);
            }
            _ => self.poke(addr, value),
        }
    }

    fn bus_addr(&self, cpu_addr: u32) -> u32 {
        cpu_addr
    }

    fn dma_wmb(&self) {
        self.order.borrow_mut().push('w');
    }

    fn dma_rmb(&self) {
        self.order.borrow_mut().push('r');
    }
}

/// A small `pre` job: RGB, a crop whose rows are not contiguous, 4 bands of 3 planes.
pub fn small_pre() -> PreParams {
    let frame = Frame { format: PixelFormat::Rgb8, width: 40, height: 30, stride: 128 };
    let crop = Rect { x: 4, y: 2, w: 20, h: 20 };
    let mut params =
        PreParams::letterbox(frame, crop, 16, 16, [114; 3], Layout::Planar).expect("valid");
    params.band_rows = 4;
    params
}
