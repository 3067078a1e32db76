//! I2C master (Cadence), 7-bit addresses, polled with a bound.
//!
//! The controller's transfer counter has 8 bits and its queue 16 bytes; while a transfer is longer,
//! or the next one must not be parted from it by a stop, HOLD keeps the clock low. A read under HOLD
//! that reaches the counter's end sends nothing by itself (Linux `i2c-cadence.c`).

use embedded_hal::i2c::{ErrorKind, ErrorType, I2c, NoAcknowledgeSource, Operation};
use thiserror::Error;
use tock_registers::interfaces::{ReadWriteable, Readable, Writeable};

use super::map::i2c as map;
use crate::bus::Bus;
use crate::reg::Block;

/// Bytes of the queue.
const QUEUE: u32 = 16;
/// Most bytes of one read or write: the counter's range, kept below its odd last values.
pub const MOST: usize = 252;

/// Why a transfer failed. The bus is released before it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum I2cError {
    /// Nobody has the address, or it refused a byte.
    #[error("address {0:#04x} does not acknowledge")]
    Nack(u8),
    /// Another master won the bus.
    #[error("another master took the bus")]
    ArbitrationLost,
    /// A slave held the clock for too long, or the wires are stuck.
    #[error("the bus is stuck")]
    Stuck,
    /// Bytes were lost in the queue: nobody looked in time.
    #[error("bytes were lost in the queue")]
    Overrun,
    /// Longer than [`MOST`], empty, or an address above 0x7F.
    #[error("a transfer of {0} bytes cannot be done")]
    Length(usize),
    /// No divisors give the rate.
    #[error("{hertz} Hz cannot be had")]
    Rate {
        /// Asked for.
        hertz: u32,
    },
}

impl embedded_hal::i2c::Error for I2cError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Nack(_) => ErrorKind::NoAcknowledge(NoAcknowledgeSource::Unknown),
            Self::ArbitrationLost => ErrorKind::ArbitrationLoss,
            Self::Stuck => ErrorKind::Bus,
            Self::Overrun => ErrorKind::Overrun,
            Self::Length(_) | Self::Rate { .. } => ErrorKind::Other,
        }
    }
}

/// An I2C master.
#[derive(Clone, Copy, Debug)]
pub struct I2cMaster<B> {
    block: Block<B>,
    patience: u32,
    clock: u32,
}

impl<B: Bus> I2cMaster<B> {
    /// The controller at `base`. `patience`: looks at it without any progress before it gives up.
    pub const fn new(bus: B, base: u32, patience: u32) -> Self {
        Self { block: Block::new(bus, base), patience, clock: 0 }
    }

    /// Sets the rate to at most `hertz`, from a clock of `input` hertz, and frees the controller.
    ///
    /// # Errors
    /// [`I2cError::Rate`]; nothing was written then.
    pub fn start(&mut self, input: u32, hertz: u32) -> Result<(), I2cError> {
        let (a, b) = divisors(input, hertz).ok_or(I2cError::Rate { hertz })?;
        self.clock = (map::CR::DIVA.val(a) + map::CR::DIVB.val(b)).value;
        self.block.reg(map::IDR).set(u32::MAX);
        self.block.reg(map::TIMEOUT).set(0xFF);
        self.release();
        Ok(())
    }

    fn control(&self, read: bool, hold: bool) -> u32 {
        let fixed = map::CR::MASTER::SET + map::CR::NORMAL::SET + map::CR::ACK::SET;
        let chosen = map::CR::READ.val(read.into()) + map::CR::HOLD.val(hold.into());
        (fixed + chosen + map::CR::CLR_FIFO::SET).value | self.clock
    }

    /// Stops whatever is under way; queue and events are empty then.
    fn release(&self) {
        self.block.reg(map::CTRL).set(self.control(false, false));
        self.block.reg(map::SIZE).set(0);
        self.block.reg(map::EVENTS).set(u32::MAX);
    }

    /// The error that the events tell.
    fn check(&self, address: u8) -> Result<u32, I2cError> {
        let events = self.block.reg(map::EVENTS).get();
        let lost = [map::IR::RX_OVF, map::IR::TX_OVF, map::IR::RX_UNF];
        match events {
            _ if map::IR::ARB_LOST.is_set(events) => Err(I2cError::ArbitrationLost),
            _ if map::IR::NACK.is_set(events) => Err(I2cError::Nack(address)),
            _ if map::IR::TIMEOUT.is_set(events) => Err(I2cError::Stuck),
            _ if lost.iter().any(|field| field.is_set(events)) => Err(I2cError::Overrun),
            _ => Ok(events),
        }
    }

    /// Looks until `done` says so; each progress that it reports begins the patience anew.
    fn until(&self, address: u8, mut step: impl FnMut(u32) -> Step) -> Result<(), I2cError> {
        let mut looks = 0;
        loop {
            let events = self.check(address)?;
            match step(events) {
                Step::Done => return Ok(()),
                Step::Moved => looks = 0,
                Step::Still if looks >= self.patience => return Err(I2cError::Stuck),
                Step::Still => looks += 1,
            }
        }
    }

    /// The controller may end with a stop.
    fn let_go(&self) {
        self.block.reg(map::CTRL).modify(map::CR::HOLD::CLEAR + map::CR::CLR_FIFO::CLEAR);
    }

    fn send(&self, address: u8, bytes: &[u8], hold: bool) -> Result<(), I2cError> {
        let mut left = bytes.iter();
        // Held until everything is in the queue; then the controller may end with a stop.
        self.block.reg(map::CTRL).set(self.control(false, true));
        self.block.reg(map::EVENTS).set(u32::MAX);
        for byte in left.by_ref().take(QUEUE as usize) {
            self.block.reg(map::DATA).set(u32::from(*byte));
        }
        self.block.reg(map::ADDRESS).set(address.into());
        self.until(address, |events| {
            if left.len() == 0 {
                return Step::Done;
            }
            // COMPLETE under HOLD: the queue has run dry.
            if !map::IR::COMPLETE.is_set(events) {
                return Step::Still;
            }
            self.block.reg(map::EVENTS).write(map::IR::COMPLETE::SET);
            for byte in left.by_ref().take(QUEUE as usize) {
                self.block.reg(map::DATA).set(u32::from(*byte));
            }
            Step::Moved
        })?;
        if !hold {
            self.let_go();
        }
        self.until(address, |events| match map::IR::COMPLETE.is_set(events) {
            true => Step::Done,
            false => Step::Still,
        })
    }

    fn receive(&self, address: u8, bytes: &mut [u8], hold: bool) -> Result<(), I2cError> {
        let total = bytes.len();
        // The bus may be held from the operation before: letting go now would be a stop.
        self.block.reg(map::CTRL).set(self.control(true, true));
        self.block.reg(map::EVENTS).set(u32::MAX);
        self.block.reg(map::SIZE).set(total as u32);
        self.block.reg(map::ADDRESS).set(address.into());
        if !hold && total <= QUEUE as usize {
            self.let_go();
        }
        let mut at = 0;
        self.until(address, |events| {
            let before = at;
            while at < total && self.block.reg(map::STATUS).is_set(map::SR::RXDV) {
                bytes[at] = self.block.reg(map::DATA).get() as u8;
                at += 1;
                if !hold && at + QUEUE as usize == total {
                    // What is left fits the queue: the controller may end with a stop.
                    self.let_go();
                }
            }
            match at == total && (hold || map::IR::COMPLETE.is_set(events)) {
                true => Step::Done,
                false if at > before => Step::Moved,
                false => Step::Still,
            }
        })
    }
}

/// What a look at the controller found.
enum Step {
    Done,
    Moved,
    Still,
}

/// DIVA and DIVB whose rate, input / (22 (DIVA + 1) (DIVB + 1)), is the highest of at most `hertz`.
fn divisors(input: u32, hertz: u32) -> Option<(u32, u32)> {
    let step = hertz.checked_mul(22).filter(|step| *step > 0)?;
    let least = input.div_ceil(step);
    let pairs = (0..4).map(|a| (a, least.div_ceil(a + 1).max(1) - 1)).filter(|(_, b)| *b < 64);
    pairs.min_by_key(|(a, b)| (a + 1) * (b + 1))
}

impl<B> ErrorType for I2cMaster<B> {
    type Error = I2cError;
}

impl<B: Bus> I2c for I2cMaster<B> {
    /// Every operation of up to [`MOST`] bytes; a repeated start between them, a stop at the end.
    fn transaction(
        &mut self,
        address: u8,
        operations: &mut [Operation<'_>],
    ) -> Result<(), I2cError> {
        let lengths = operations.iter().map(|operation| match operation {
            Operation::Read(bytes) => bytes.len(),
            Operation::Write(bytes) => bytes.len(),
        });
        if let Some(bad) = lengths.into_iter().find(|len| *len == 0 || *len > MOST) {
            return Err(I2cError::Length(bad));
        }
        if address > 0x7F {
            return Err(I2cError::Length(address.into()));
        }
        if self.block.reg(map::STATUS).is_set(map::SR::BUSY) {
            return Err(I2cError::Stuck);
        }
        let count = operations.len();
        let mut run = || {
            for (index, operation) in operations.iter_mut().enumerate() {
                let hold = index + 1 < count;
                match operation {
                    Operation::Read(bytes) => self.receive(address, bytes, hold)?,
                    Operation::Write(bytes) => self.send(address, bytes, hold)?,
                }
            }
            Ok(())
        };
        let result = run();
        if result.is_err() {
            self.release();
        }
        result
    }
}
