//! Peripherals of the processing system behind their registers, with faults: what the drivers of
//! `firmware/drivers` are tested against.
//!
//! Written from the same sources as the drivers but apart from them. A model notes what software must
//! not do ([`Device::misuse`]); a test that leaves a note there fails.

mod gic;
mod gpio;
mod i2c;
mod plain;
mod swdt;
mod ttc;
mod uart;

pub use gic::{GicFault, GicModel};
pub use gpio::GpioModel;
pub use i2c::{I2cFault, I2cModel, Slave};
pub use plain::{CounterModel, IdModel, IpiModel};
pub use swdt::SwdtModel;
pub use ttc::TtcModel;
pub use uart::{UartFault, UartModel};

/// One block of registers.
pub trait Device {
    /// Reads the register at `at`, one event.
    fn read32(&mut self, at: u32) -> u32;
    /// Writes it, one event.
    fn write32(&mut self, at: u32, value: u32);
    /// Everything that happens by `now`, ns, does.
    fn advance(&mut self, now: u64);
    /// What software has done against the rules, oldest first.
    fn misuse(&mut self) -> &mut Vec<String>;
}
