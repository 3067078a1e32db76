//! Peripherals of the processing system: interrupts, time, doorbells, serial line, pins, I2C,
//! watchdog, identity. Each works over [`crate::bus::Bus`]; `hw/sim` has a model of each.
//!
//! Addresses are those of the Zynq UltraScale+ (UG1085, "System Addresses"; UG1087).

pub mod counter;
pub mod gic;
pub mod gpio;
pub mod i2c;
pub mod id;
pub mod ipi;
pub mod map;
pub mod sensor;
pub mod swdt;
pub mod ttc;
pub mod uart;

/// Where the blocks lie.
pub mod at {
    /// UART0: Linux's console.
    pub const UART0: u32 = 0xFF00_0000;
    /// UART1: the maintenance console of the R5F.
    pub const UART1: u32 = 0xFF01_0000;
    /// I2C0.
    pub const I2C0: u32 = 0xFF02_0000;
    /// I2C1.
    pub const I2C1: u32 = 0xFF03_0000;
    /// GPIO.
    pub const GPIO: u32 = 0xFF0A_0000;
    /// TTC0: three counters.
    pub const TTC0: u32 = 0xFF11_0000;
    /// Watchdog of the low-power domain.
    pub const SWDT_LPD: u32 = 0xFF15_0000;
    /// System counter, the secure side, which starts and stops it.
    pub const COUNTER: u32 = 0xFF26_0000;
    /// IPI channel of R5F core 0.
    pub const IPI_RPU0: u32 = 0xFF31_0000;
    /// Clocks and resets of the low-power domain.
    pub const CRL_APB: u32 = 0xFF5E_0000;
    /// Configuration and security unit.
    pub const CSU: u32 = 0xFFCA_0000;
    /// Distributor of the R5F's interrupt controller.
    pub const GIC_DISTRIBUTOR: u32 = 0xF900_0000;
    /// Its CPU interface.
    pub const GIC_CPU: u32 = 0xF900_1000;
}

/// Interrupt numbers at either controller (UG1085, "System Interrupts"): SPI + 32.
pub mod interrupt {
    /// UART1.
    pub const UART1: u32 = 54;
    /// IPI channel of R5F core 0.
    pub const IPI_RPU0: u32 = 65;
    /// First counter of TTC0; the others follow.
    pub const TTC0: u32 = 68;
    /// Watchdog of the low-power domain.
    pub const SWDT_LPD: u32 = 84;
    /// First of the eight lines of group 0 from the programmable logic.
    pub const PL: u32 = 121;
}
