//! Cadence I2C master and the slaves on its bus. UG1087, module I2C; Linux `i2c-cadence.c`.

use std::collections::{HashMap, VecDeque};

use super::Device;

/// Bytes of the queue.
pub const QUEUE: usize = 16;
/// Clock of the model, Hz.
pub const CLOCK: u64 = 100_000_000;

const COMPLETE: u32 = 1;
const NACK: u32 = 1 << 2;
const TIMEOUT: u32 = 1 << 3;
const RX_OVERFLOW: u32 = 1 << 5;
const TX_OVERFLOW: u32 = 1 << 6;
const RX_UNDERFLOW: u32 = 1 << 7;
const LOST: u32 = 1 << 9;
const READ: u32 = 1;
const HOLD: u32 = 1 << 4;

/// What can go wrong, once each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum I2cFault {
    /// Another master wins at the next start.
    ArbitrationLost,
    /// The next slave holds the clock until the controller's own limit.
    ClockHeld,
    /// The bus hangs in the next transfer and no event tells.
    Hung,
    /// The wires are low before anything begins.
    StuckBusy,
}

/// A slave with registers behind a pointer of one or two bytes, high byte first.
#[derive(Default)]
pub struct Slave {
    /// Registers; what is not there reads 0xFF.
    pub registers: HashMap<u16, u8>,
    /// Pointer of two bytes.
    pub wide: bool,
    /// Refuses the byte with this number after its address, from 0.
    pub refuses: Option<usize>,
    pointer: u16,
    taken: usize,
}

impl Slave {
    /// A slave with a pointer of one byte, or two, and these registers.
    pub fn new(wide: bool, registers: &[(u16, u8)]) -> Self {
        Self { wide, registers: registers.iter().copied().collect(), ..Self::default() }
    }

    fn begin(&mut self, read: bool) {
        if !read {
            self.taken = 0;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let index = self.taken;
        self.taken += 1;
        if self.refuses == Some(index) {
            return false;
        }
        match (index, self.wide) {
            (0, false) => self.pointer = byte.into(),
            (0, true) => self.pointer = u16::from(byte) << 8,
            (1, true) => self.pointer |= u16::from(byte),
            _ => {
                self.registers.insert(self.pointer, byte);
                self.pointer = self.pointer.wrapping_add(1);
            }
        }
        true
    }

    fn give(&mut self) -> u8 {
        let byte = *self.registers.get(&self.pointer).unwrap_or(&0xFF);
        self.pointer = self.pointer.wrapping_add(1);
        byte
    }
}

/// The controller and its bus.
#[derive(Default)]
pub struct I2cModel {
    control: u32,
    events: u32,
    size: u32,
    queue: VecDeque<u8>,
    /// Slaves by address.
    pub slaves: HashMap<u8, Slave>,
    /// Starts, stops and addresses as a probe on the wires sees them: `S50 R50 P`.
    pub probe: String,
    address: Option<u8>,
    busy: bool,
    hung: bool,
    fault: Option<I2cFault>,
    next: u64,
    now: u64,
    misuse: Vec<String>,
}

impl I2cModel {
    /// Plants a fault.
    pub fn plant(&mut self, fault: I2cFault) {
        self.busy |= fault == I2cFault::StuckBusy;
        self.fault = Some(fault);
    }

    /// The fault is gone, the wires are free.
    pub fn heal(&mut self) {
        (self.fault, self.busy, self.hung, self.address) = (None, false, false, None);
    }

    /// Rate of the bus, Hz.
    pub fn rate(&self) -> u64 {
        let (a, b) = (u64::from(self.control >> 14 & 3), u64::from(self.control >> 8 & 0x3F));
        CLOCK / (22 * (a + 1) * (b + 1))
    }

    fn stop(&mut self) {
        if self.busy {
            self.probe.push_str("P ");
        }
        (self.busy, self.address) = (false, None);
    }

    fn fail(&mut self, event: u32) {
        self.events |= event;
        self.stop();
    }

    fn start(&mut self, address: u8) {
        match self.fault.take() {
            Some(I2cFault::ArbitrationLost) => return self.events |= LOST,
            Some(I2cFault::ClockHeld) => return self.fail(TIMEOUT),
            Some(I2cFault::Hung) => self.hung = true,
            other => self.fault = other,
        }
        let read = self.control & READ != 0;
        if read && self.size == 0 {
            self.misuse.push("read of nothing".into());
        }
        if self.control & 0b1110 != 0b1110 {
            self.misuse.push("started without master, normal addresses and acknowledge".into());
        }
        self.probe.push_str(&format!("{}{address:02x} ", if read { "R" } else { "S" }));
        self.busy = true;
        match self.slaves.get_mut(&address) {
            Some(slave) => {
                slave.begin(read);
                self.address = Some(address);
                self.next = self.now + self.byte_time();
            }
            None => self.fail(NACK),
        }
    }

    fn byte_time(&self) -> u64 {
        9 * 1_000_000_000 / self.rate().max(1)
    }

    /// The transfer has nothing more to move.
    fn ended(&mut self) {
        self.events |= COMPLETE;
        self.address = if self.control & HOLD != 0 { self.address } else { None };
        if self.control & HOLD == 0 {
            self.stop();
        }
    }

    /// One byte on the wire. False: nothing moves until software does something.
    fn step(&mut self) -> bool {
        let hold = self.control & HOLD != 0;
        let Some(slave) = self.address.and_then(|at| self.slaves.get_mut(&at)) else {
            return false;
        };
        if self.control & READ != 0 {
            if self.size == 0 {
                return false;
            }
            if self.queue.len() == QUEUE {
                if !hold {
                    self.fail(RX_OVERFLOW);
                }
                return false;
            }
            self.queue.push_back(slave.give());
            self.size -= 1;
            if self.size == 0 {
                self.ended();
            }
            return true;
        }
        match self.queue.pop_front() {
            Some(byte) if !slave.take(byte) => {
                self.fail(NACK);
                false
            }
            Some(_) => {
                if self.queue.is_empty() {
                    self.ended();
                }
                true
            }
            None => {
                if !hold {
                    self.ended();
                }
                false
            }
        }
    }

    fn write_control(&mut self, value: u32) {
        if value & 0x40 != 0 {
            if self.control & READ == 0
                && self.address.is_some()
                && !self.queue.is_empty()
                && !self.hung
            {
                self.misuse.push("queue cleared while it is sent".into());
            }
            self.queue.clear();
        }
        let released = self.control & HOLD != 0 && value & HOLD == 0;
        self.control = value & !0x40;
        let moves = if value & READ != 0 { self.size > 0 } else { !self.queue.is_empty() };
        if released && self.busy && !moves && !self.hung && self.fault != Some(I2cFault::StuckBusy)
        {
            self.stop();
        }
    }
}

impl Device for I2cModel {
    fn read32(&mut self, at: u32) -> u32 {
        match at {
            0x00 => self.control,
            0x04 => {
                let received = self.control & READ != 0 && !self.queue.is_empty();
                let waiting = self.control & READ == 0 && !self.queue.is_empty();
                u32::from(received) << 5 | u32::from(waiting) << 6 | u32::from(self.busy) << 8
            }
            0x0C => self.queue.pop_front().map_or_else(
                || {
                    self.events |= RX_UNDERFLOW;
                    self.misuse.push("read from an empty queue".into());
                    0
                },
                u32::from,
            ),
            0x10 => self.events,
            0x14 => self.size,
            _ => {
                self.misuse.push(format!("I2C {at:#x} read"));
                0
            }
        }
    }

    fn write32(&mut self, at: u32, value: u32) {
        match at {
            0x00 => self.write_control(value),
            0x08 => self.start(value as u8),
            0x0C if self.queue.len() == QUEUE => {
                self.events |= TX_OVERFLOW;
                self.misuse.push("sent into a full queue".into());
            }
            0x0C => self.queue.push_back(value as u8),
            0x10 => self.events &= !value,
            0x14 if value > 255 => self.misuse.push(format!("size {value}")),
            0x14 => self.size = value,
            0x1C | 0x24 | 0x28 => {}
            _ => self.misuse.push(format!("I2C {at:#x} written")),
        }
    }

    fn advance(&mut self, now: u64) {
        self.now = now;
        while !self.hung && self.next <= now {
            if !self.step() {
                self.next = now;
                return;
            }
            self.next += self.byte_time();
        }
    }

    fn misuse(&mut self) -> &mut Vec<String> {
        &mut self.misuse
    }
}
