//! Pins: 78 MIO (banks 0 to 2 of 26) and 96 EMIO (banks 3 to 5 of 32).
//!
//! Registers from Linux `drivers/gpio/gpio-zynq.c` (`zynqmp_gpio_def`); UG1087, module GPIO.

use core::convert::Infallible;

use embedded_hal::digital::{ErrorType, InputPin, OutputPin, StatefulOutputPin};
use thiserror::Error;

use crate::bus::Bus;

/// Write of 16 pins of a bank under a mask in the upper half: low half, then high, 8 bytes a bank.
const MASKED: u32 = 0x000;
/// What is driven, a word a bank.
const DATA: u32 = 0x040;
/// What the pins read, a word a bank.
const LEVELS: u32 = 0x060;
/// Direction and output enable, a block of 0x40 a bank.
const DIRECTION: u32 = 0x204;
const OUTPUT: u32 = 0x208;
const BANK: u32 = 0x40;
const MIO: u32 = 78;
const PINS: u32 = MIO + 96;

/// There is no such pin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("pin {0}: there are 0 to 77 (MIO) and 78 to 173 (EMIO)")]
pub struct NoSuchPin(pub u32);

/// The direction that a pin is set to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Driven by somebody else.
    Input,
    /// Driven by us, with this level from the first moment on.
    Output(bool),
}

/// One pin. Two values for one pin drive the same wire: the masked writes disturb no neighbour, but
/// [`Pin::set_mode`] is a read-modify-write of its bank.
#[derive(Clone, Copy, Debug)]
pub struct Pin<B> {
    bus: B,
    base: u32,
    bank: u32,
    bit: u32,
}

impl<B: Bus> Pin<B> {
    /// Pin `number` of the controller at `base`; nothing is accessed.
    ///
    /// # Errors
    /// [`NoSuchPin`].
    pub fn new(bus: B, base: u32, number: u32) -> Result<Self, NoSuchPin> {
        let (bank, bit) = match number {
            0..MIO => (number / 26, number % 26),
            MIO..PINS => (3 + (number - MIO) / 32, (number - MIO) % 32),
            _ => return Err(NoSuchPin(number)),
        };
        Ok(Self { bus, base, bank, bit })
    }

    /// Sets the direction; an output has its level before it drives.
    pub fn set_mode(&mut self, mode: Mode) {
        let change = |offset: u32, on: bool| {
            let at = self.base + offset + BANK * self.bank;
            let others = self.bus.read32(at) & !(1 << self.bit);
            self.bus.write32(at, others | u32::from(on) << self.bit);
        };
        match mode {
            Mode::Input => {
                change(OUTPUT, false);
                change(DIRECTION, false);
            }
            Mode::Output(level) => {
                self.drive(level);
                change(DIRECTION, true);
                change(OUTPUT, true);
            }
        }
    }

    /// The pin's level, whoever drives it.
    pub fn level(&self) -> bool {
        self.bus.read32(self.base + LEVELS + 4 * self.bank) >> self.bit & 1 == 1
    }

    fn drive(&self, level: bool) {
        let (half, bit) = (self.bit / 16, self.bit % 16);
        // Ones in the upper half keep their pins.
        let value = !(1 << (bit + 16)) & 0xFFFF_0000 | u32::from(level) << bit;
        self.bus.write32(self.base + MASKED + 8 * self.bank + 4 * half, value);
    }
}

impl<B> ErrorType for Pin<B> {
    type Error = Infallible;
}

impl<B: Bus> InputPin for Pin<B> {
    fn is_high(&mut self) -> Result<bool, Infallible> {
        Ok(self.level())
    }
    fn is_low(&mut self) -> Result<bool, Infallible> {
        Ok(!self.level())
    }
}

impl<B: Bus> OutputPin for Pin<B> {
    fn set_high(&mut self) -> Result<(), Infallible> {
        self.drive(true);
        Ok(())
    }
    fn set_low(&mut self) -> Result<(), Infallible> {
        self.drive(false);
        Ok(())
    }
}

impl<B: Bus> StatefulOutputPin for Pin<B> {
    fn is_set_high(&mut self) -> Result<bool, Infallible> {
        Ok(self.bus.read32(self.base + DATA + 4 * self.bank) >> self.bit & 1 == 1)
    }
    fn is_set_low(&mut self) -> Result<bool, Infallible> {
        self.is_set_high().map(|high| !high)
    }
}
