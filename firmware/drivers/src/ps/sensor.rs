//! Set-up tables of image sensors: what to write over I2C, in which order, and what to wait for.
//!
//! Sensors have 16-bit register addresses and 8- or 16-bit values, high byte first (the MIPI Alliance's
//! camera control interface, which is I2C).

use embedded_hal::delay::DelayNs;
use embedded_hal::i2c::I2c;
use thiserror::Error;

/// One step of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Register := 8-bit value.
    Write8(u16, u8),
    /// Register := 16-bit value.
    Write16(u16, u16),
    /// The bits of the mask must read this value: an identity, usually.
    Expect(u16, u8, u8),
    /// The bits of the mask must come to read this value, with a millisecond between at most so many looks.
    Await(u16, u8, u8, u16),
    /// Microseconds.
    Pause(u32),
}

/// Where a table stopped, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SensorError<E> {
    /// The bus failed.
    #[error("step {step}: the bus failed")]
    Bus {
        /// Which step, from 0.
        step: usize,
        /// The bus's own error.
        error: E,
    },
    /// A register does not hold what it must.
    #[error(
        "step {step}: register {register:#06x} reads {found:#04x} where {wanted:#04x} is wanted"
    )]
    Value {
        /// Which step, from 0.
        step: usize,
        /// Register.
        register: u16,
        /// Wanted, under the mask.
        wanted: u8,
        /// Read last, under the mask.
        found: u8,
    },
}

/// Runs `table` on the sensor at `address`; stops at the first step that fails.
///
/// # Errors
/// [`SensorError`], with the step.
pub fn run<I: I2c>(
    bus: &mut I,
    delay: &mut impl DelayNs,
    address: u8,
    table: &[Step],
) -> Result<(), SensorError<I::Error>> {
    for (step, action) in table.iter().enumerate() {
        let failed = |error| SensorError::Bus { step, error };
        match *action {
            Step::Write8(register, value) => {
                let [high, low] = register.to_be_bytes();
                bus.write(address, &[high, low, value]).map_err(failed)?;
            }
            Step::Write16(register, value) => {
                let ([high, low], [first, second]) = (register.to_be_bytes(), value.to_be_bytes());
                bus.write(address, &[high, low, first, second]).map_err(failed)?;
            }
            Step::Pause(us) => delay.delay_us(us),
            Step::Expect(register, mask, wanted) => {
                look(bus, address, register, mask, wanted, 1, delay, step)?;
            }
            Step::Await(register, mask, wanted, looks) => {
                look(bus, address, register, mask, wanted, looks.max(1), delay, step)?;
            }
        }
    }
    Ok(())
}

#[allow(clippy::too_many_arguments, reason = "the fields of one step")]
fn look<I: I2c>(
    bus: &mut I,
    address: u8,
    register: u16,
    mask: u8,
    wanted: u8,
    looks: u16,
    delay: &mut impl DelayNs,
    step: usize,
) -> Result<(), SensorError<I::Error>> {
    let mut value = [0];
    for left in (0..looks).rev() {
        let read = bus.write_read(address, &register.to_be_bytes(), &mut value);
        read.map_err(|error| SensorError::Bus { step, error })?;
        if value[0] & mask == wanted {
            return Ok(());
        }
        if left > 0 {
            delay.delay_ms(1);
        }
    }
    Err(SensorError::Value { step, register, wanted, found: value[0] & mask })
}
