//! A serial line (Cadence UART): 8 data bits, no parity, one stop bit.

use embedded_io::{ErrorKind, ErrorType, Read, ReadReady, Write, WriteReady};
use thiserror::Error;
use tock_registers::interfaces::{Readable, Writeable};

use super::map::uart as map;
use crate::bus::Bus;
use crate::reg::Block;

/// What a serial line cannot do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum UartError {
    /// No divisors give the rate within 3 %.
    #[error("{baud} baud cannot be had from {hertz} Hz")]
    Baud {
        /// Asked for.
        baud: u32,
        /// The line's clock.
        hertz: u32,
    },
    /// Nothing moved for as long as the caller was ready to wait.
    #[error("the line stands still")]
    Stuck,
}

impl embedded_io::Error for UartError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Baud { .. } => ErrorKind::InvalidInput,
            Self::Stuck => ErrorKind::TimedOut,
        }
    }
}

/// Bytes that did not arrive as they were sent. Counts saturate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LineErrors {
    /// Times that bytes were lost because nobody read.
    pub overruns: u32,
    /// Times that a stop bit was missing: another rate, or a broken line.
    pub framing: u32,
    /// Times that a parity was wrong.
    pub parity: u32,
}

/// A serial line. Never waits without a bound: `patience` looks at the line where [`Read`] and
/// [`Write`] must wait.
#[derive(Clone, Copy, Debug)]
pub struct Uart<B> {
    block: Block<B>,
    patience: u32,
    errors: LineErrors,
}

impl<B: Bus> Uart<B> {
    /// The line at `base`. `patience`: looks at it before a blocking call gives up.
    pub const fn new(bus: B, base: u32, patience: u32) -> Self {
        let errors = LineErrors { overruns: 0, framing: 0, parity: 0 };
        Self { block: Block::new(bus, base), patience, errors }
    }

    /// Sets the line up from its clock of `hertz`: both queues empty, receiver and transmitter on, no
    /// interrupt.
    ///
    /// # Errors
    /// [`UartError::Baud`]; nothing was written then.
    pub fn start(&mut self, hertz: u32, baud: u32) -> Result<(), UartError> {
        let (generator, divider) = divisors(hertz, baud).ok_or(UartError::Baud { baud, hertz })?;
        // The divisors may only change while both sides are off.
        self.block.reg(map::CTRL).write(map::CR::RXDIS::SET + map::CR::TXDIS::SET);
        self.block.reg(map::IDR).set(u32::MAX);
        self.block.reg(map::BAUDGEN).set(generator);
        self.block.reg(map::BAUDDIV).set(divider);
        self.block.reg(map::MODE).write(map::MR::PARITY.val(4));
        self.block.reg(map::RXWM).set(1);
        self.block.reg(map::EVENTS).set(u32::MAX);
        let reset = map::CR::RXRST::SET + map::CR::TXRST::SET;
        self.block.reg(map::CTRL).write(reset + map::CR::RXEN::SET + map::CR::TXEN::SET);
        self.errors = LineErrors::default();
        Ok(())
    }

    /// Raises the interrupt while a byte waits.
    pub fn listen(&self) {
        self.block.reg(map::IER).write(map::ISR::RXTRIG::SET);
    }

    /// Lowers the interrupt, which is raised again by the next byte.
    pub fn heard(&self) {
        self.block.reg(map::EVENTS).write(map::ISR::RXTRIG::SET);
    }

    /// The next byte that arrived. Bytes with an error arrive as well; see [`Uart::errors`].
    pub fn get(&mut self) -> Option<u8> {
        if self.block.reg(map::STATUS).is_set(map::SR::RXEMPTY) {
            return None;
        }
        let byte = self.block.reg(map::FIFO).get() as u8;
        self.count_errors();
        Some(byte)
    }

    /// Sends a byte; false if there is no room for it now.
    pub fn put(&self, byte: u8) -> bool {
        let room = !self.block.reg(map::STATUS).is_set(map::SR::TXFULL);
        if room {
            self.block.reg(map::FIFO).set(byte.into());
        }
        room
    }

    /// Everything that was sent is on the wire.
    pub fn sent(&self) -> bool {
        let status = self.block.reg(map::STATUS).get();
        map::SR::TXEMPTY.is_set(status) && !map::SR::TXACTIVE.is_set(status)
    }

    /// Errors since the start.
    pub const fn errors(&self) -> LineErrors {
        self.errors
    }

    fn count_errors(&mut self) {
        let events = self.block.reg(map::EVENTS).get();
        let bad = [map::ISR::OVERRUN, map::ISR::FRAMING, map::ISR::PARITY];
        let seen = bad.map(|field| field.is_set(events));
        if seen == [false; 3] {
            return;
        }
        let clear = map::ISR::OVERRUN::SET + map::ISR::FRAMING::SET + map::ISR::PARITY::SET;
        self.block.reg(map::EVENTS).set(events & clear.value);
        let LineErrors { overruns, framing, parity } = &mut self.errors;
        for (count, seen) in [overruns, framing, parity].into_iter().zip(seen) {
            *count = count.saturating_add(seen.into());
        }
    }

    fn wait(&self, ready: impl Fn(&Self) -> bool) -> Result<(), UartError> {
        let looks = 0..=self.patience;
        if looks.into_iter().any(|_| ready(self)) { Ok(()) } else { Err(UartError::Stuck) }
    }
}

/// Generator and divider (less 1) whose rate is nearest: rate = clock / (generator (divider + 1)),
/// divider 4 to 254 (UG1085, "UART Controller", baud rate generator).
fn divisors(hertz: u32, baud: u32) -> Option<(u32, u32)> {
    let mut best: Option<(u32, u32, u32)> = None;
    for divider in 4..255u32 {
        let product = baud.checked_mul(divider + 1)?;
        let generator = (hertz + product / 2).checked_div(product)?.clamp(1, 0xFFFF);
        let error = (generator * product).abs_diff(hertz);
        if best.is_none_or(|(least, ..)| error < least) {
            best = Some((error, generator, divider));
        }
    }
    let (error, generator, divider) = best?;
    (error <= hertz / 100 * 3).then_some((generator, divider))
}

impl<B> ErrorType for Uart<B> {
    type Error = UartError;
}

impl<B: Bus> Read for Uart<B> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, UartError> {
        if buffer.is_empty() {
            return Ok(0);
        }
        self.wait(|line| !line.block.reg(map::STATUS).is_set(map::SR::RXEMPTY))?;
        let mut count = 0;
        while let Some(byte) = (count < buffer.len()).then(|| self.get()).flatten() {
            buffer[count] = byte;
            count += 1;
        }
        Ok(count)
    }
}

impl<B: Bus> Write for Uart<B> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, UartError> {
        if bytes.is_empty() {
            return Ok(0);
        }
        self.wait(|line| !line.block.reg(map::STATUS).is_set(map::SR::TXFULL))?;
        Ok(bytes.iter().take_while(|byte| self.put(**byte)).count())
    }

    fn flush(&mut self) -> Result<(), UartError> {
        self.wait(Self::sent)
    }
}

impl<B: Bus> ReadReady for Uart<B> {
    fn read_ready(&mut self) -> Result<bool, UartError> {
        Ok(!self.block.reg(map::STATUS).is_set(map::SR::RXEMPTY))
    }
}

impl<B: Bus> WriteReady for Uart<B> {
    fn write_ready(&mut self) -> Result<bool, UartError> {
        Ok(!self.block.reg(map::STATUS).is_set(map::SR::TXFULL))
    }
}
