//! Cadence UART with a wire on which others send and listen. UG1087, module UART.

use std::collections::VecDeque;

use super::Device;

/// Bytes of each queue.
pub const QUEUE: usize = 64;
/// Reference clock of the model, Hz.
pub const CLOCK: u64 = 100_000_000;

/// What can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UartFault {
    /// The next byte comes without its stop bit.
    Framing,
    /// The next byte comes with a wrong parity.
    Parity,
    /// The transmitter never sends again.
    Stuck,
}

/// A UART.
#[derive(Default)]
pub struct UartModel {
    control: u32,
    mode: u32,
    events: u32,
    enabled: u32,
    generator: u32,
    divider: u32,
    receive: VecDeque<u8>,
    send: VecDeque<u8>,
    /// What others heard.
    pub wire: Vec<u8>,
    free_at: u64,
    now: u64,
    stuck: bool,
    fault: Option<UartFault>,
    misuse: Vec<String>,
}

impl UartModel {
    /// Rate that the divisors make, baud.
    pub fn baud(&self) -> u64 {
        CLOCK / (u64::from(self.generator) * (u64::from(self.divider) + 1)).max(1)
    }

    /// Character length, parity and stop bits as written.
    pub fn mode(&self) -> u32 {
        self.mode
    }

    /// Somebody sends a byte.
    pub fn arrives(&mut self, byte: u8) {
        if self.control & 0x4 == 0 {
            return; // the receiver is off
        }
        match self.fault {
            Some(UartFault::Framing) => self.events |= 0x40,
            Some(UartFault::Parity) => self.events |= 0x80,
            _ => {}
        }
        if self.fault != Some(UartFault::Stuck) {
            self.fault = None;
        }
        if self.receive.len() == QUEUE {
            self.events |= 0x20;
        } else {
            self.receive.push_back(byte);
            self.events |= 1;
        }
    }

    /// Plants a fault.
    pub fn plant(&mut self, fault: UartFault) {
        if fault == UartFault::Stuck {
            self.stuck = true;
        } else {
            self.fault = Some(fault);
        }
    }

    /// Level of the interrupt.
    pub fn irq(&self) -> bool {
        self.events & self.enabled != 0
    }

    fn write_control(&mut self, value: u32) {
        if value & 1 != 0 {
            self.receive.clear();
        }
        if value & 2 != 0 {
            self.send.clear();
        }
        // A disable bit wins over its enable bit; the resets clear themselves.
        let mut control = value & 0x3C;
        for (enable, disable) in [(0x4, 0x8), (0x10, 0x20)] {
            if control & disable != 0 {
                control &= !enable;
            }
        }
        self.control = control;
    }

    fn divisor(&mut self) {
        if self.control & 0x14 != 0 {
            self.misuse.push("divisor changed while the line is on".into());
        }
    }
}

impl Device for UartModel {
    fn read32(&mut self, at: u32) -> u32 {
        match at {
            0x00 => self.control,
            0x04 => self.mode,
            0x10 => self.enabled,
            0x14 => self.events,
            0x18 => self.generator,
            0x2C => {
                let bit = |set: bool, bit: u32| u32::from(set) << bit;
                bit(self.receive.is_empty(), 1)
                    | bit(self.receive.len() == QUEUE, 2)
                    | bit(self.send.is_empty(), 3)
                    | bit(self.send.len() == QUEUE, 4)
                    | bit(self.now < self.free_at, 11)
            }
            0x30 => self.receive.pop_front().map_or_else(
                || {
                    self.misuse.push("read from an empty queue".into());
                    0
                },
                u32::from,
            ),
            0x34 => self.divider,
            _ => {
                self.misuse.push(format!("UART {at:#x} read"));
                0
            }
        }
    }

    fn write32(&mut self, at: u32, value: u32) {
        match at {
            0x00 => self.write_control(value),
            0x04 => self.mode = value,
            0x08 => self.enabled |= value & 0x1FFF,
            0x0C => self.enabled &= !value,
            0x14 => self.events &= !value,
            0x18 => {
                self.divisor();
                self.generator = value;
            }
            0x20 => {}
            0x30 if self.control & 0x10 == 0 => self.misuse.push("sent while off".into()),
            0x30 if self.send.len() == QUEUE => self.misuse.push("sent into a full queue".into()),
            0x30 => self.send.push_back(value as u8),
            0x34 => {
                self.divisor();
                self.divider = value;
            }
            _ => self.misuse.push(format!("UART {at:#x} written")),
        }
    }

    fn advance(&mut self, now: u64) {
        self.now = now;
        // Start, eight bits, stop.
        let byte = 10 * 1_000_000_000 / self.baud().max(1);
        self.free_at = self.free_at.max(now.saturating_sub(byte * QUEUE as u64));
        while !self.stuck && !self.send.is_empty() && self.free_at + byte <= now {
            self.wire.extend(self.send.pop_front());
            self.free_at += byte;
        }
    }

    fn misuse(&mut self) -> &mut Vec<String> {
        &mut self.misuse
    }
}
