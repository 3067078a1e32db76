//! The registers of a channel: what a read shows and what a write does.

use tandem_regs::axi_dma::{DMACR, DMASR, offset};

use super::channel::{IRQS, State};
use super::{Channel, S2MM_BASE};

/// DMACR bits that software may change (Reset is handled above).
const WRITABLE: u32 = 0xFFFF_7019;
/// DMACR bit 1: "reserved, always read as 1".
const ALWAYS_ONE: u32 = 1 << 1;
/// Descriptor pointers keep these bits.
const POINTER_LOW: u32 = 0xFFFF_FFC0;

impl Channel {
    pub(super) fn read32(&self, register: u32) -> u32 {
        let high =
            |pointer: u64| if self.config.wide_addresses { (pointer >> 32) as u32 } else { 0 };
        match register {
            offset::MM2S_DMACR => self.control | ALWAYS_ONE,
            offset::MM2S_DMASR => self.status(),
            offset::MM2S_CURDESC => self.current as u32,
            offset::MM2S_CURDESC_MSB => high(self.current),
            offset::MM2S_TAILDESC => self.tail as u32,
            offset::MM2S_TAILDESC_MSB => high(self.tail),
            _ => 0,
        }
    }

    pub(super) fn write32(&mut self, register: u32, value: u32) {
        match register {
            offset::MM2S_DMACR => self.write_control(value),
            offset::MM2S_DMASR => self.irqs &= !(value & IRQS),
            // "The register can only be written to by the CPU when the DMA Engine is Halted."
            offset::MM2S_CURDESC if self.state == State::Halted => {
                self.current = with_low(self.current, value);
            }
            offset::MM2S_CURDESC_MSB if self.state == State::Halted => {
                self.current = with_high(self.current, value);
            }
            offset::MM2S_TAILDESC => {
                self.tail = with_low(self.tail, value);
                self.tail_written(!self.config.wide_addresses);
            }
            offset::MM2S_TAILDESC_MSB => {
                self.tail = with_high(self.tail, value);
                self.tail_written(self.config.wide_addresses);
            }
            // The registers of simple mode are not there in scatter-gather mode.
            _ => {}
        }
        const { assert!(offset::S2MM_TAILDESC_MSB - S2MM_BASE == offset::MM2S_TAILDESC_MSB) };
    }

    fn status(&self) -> u32 {
        let halted = if self.state == State::Halted { DMASR::HALTED::SET.value } else { 0 };
        let idle = if self.state == State::Idle { DMASR::IDLE::SET.value } else { 0 };
        let left = DMASR::IRQ_THRESHOLD_STS.val(u32::from(self.packets_left)).value;
        halted | idle | DMASR::SG_INCLD::SET.value | self.errors | self.irqs | left
    }

    fn write_control(&mut self, value: u32) {
        let mut value = value & WRITABLE;
        let threshold = DMACR::IRQ_THRESHOLD;
        if threshold.read(value) == 0 {
            // "The minimum setting is 0x01. A write of 0x00 has no effect."
            value |= self.control & threshold.val(0xFF).value;
        }
        let run = DMACR::RS::SET.value;
        if self.errors != 0 {
            // "To resume operations, a reset must be issued."
            value &= !run;
        }
        let was = self.control;
        self.control = value;
        if threshold.read(was) != threshold.read(value) {
            self.reload();
        }
        match (was & run != 0, value & run != 0) {
            (false, true) => {
                self.state = State::Waiting;
                self.next = self.current;
            }
            (true, false) => self.halt(),
            _ => {}
        }
    }

    /// "A write by the CPU to the TAILDESC register causes the SG Engine to start fetching
    /// descriptors, or restart if it was idle. If it was not idle, it has no effect except to
    /// reposition the pause point"; likewise while halted.
    fn tail_written(&mut self, starts: bool) {
        if starts && matches!(self.state, State::Waiting | State::Idle) {
            self.state = State::Active;
        }
    }
}

fn with_low(pointer: u64, low: u32) -> u64 {
    pointer & !u64::from(u32::MAX) | u64::from(low & POINTER_LOW)
}

fn with_high(pointer: u64, high: u32) -> u64 {
    u64::from(high) << 32 | pointer & u64::from(u32::MAX)
}
