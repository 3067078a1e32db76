//! Registers of the processing system's peripherals, as far as the drivers use them.
//!
//! Each module names where its offsets and bits were read; [`super`] has the drivers.
#![allow(missing_docs, reason = "the fields' macro emits constants that cannot carry any")]

use tandem_regs::{ReadOnly, ReadWrite, Reg, WriteOnly};
use tock_registers::register_bitfields;

/// UART (Cadence). Linux `drivers/tty/serial/xilinx_uartps.c`; UG1087, module UART.
pub mod uart {
    use super::{ReadOnly, ReadWrite, Reg, WriteOnly, register_bitfields};

    register_bitfields![u32,
        pub CR [
            RXRST OFFSET(0) NUMBITS(1) [], TXRST OFFSET(1) NUMBITS(1) [],
            RXEN OFFSET(2) NUMBITS(1) [], RXDIS OFFSET(3) NUMBITS(1) [],
            TXEN OFFSET(4) NUMBITS(1) [], TXDIS OFFSET(5) NUMBITS(1) [],
        ],
        /// PARITY 4: none. CHARLEN 0: 8 bits. STOP 0: one.
        pub MR [
            CLKSEL OFFSET(0) NUMBITS(1) [], CHARLEN OFFSET(1) NUMBITS(2) [],
            PARITY OFFSET(3) NUMBITS(3) [], STOP OFFSET(6) NUMBITS(2) [],
        ],
        /// Sticky events: written 1 to clear.
        pub ISR [
            RXTRIG OFFSET(0) NUMBITS(1) [], OVERRUN OFFSET(5) NUMBITS(1) [],
            FRAMING OFFSET(6) NUMBITS(1) [], PARITY OFFSET(7) NUMBITS(1) [],
            TIMEOUT OFFSET(8) NUMBITS(1) [],
        ],
        pub SR [
            RXEMPTY OFFSET(1) NUMBITS(1) [], TXEMPTY OFFSET(3) NUMBITS(1) [],
            TXFULL OFFSET(4) NUMBITS(1) [], TXACTIVE OFFSET(11) NUMBITS(1) [],
        ],
        pub WORD [ VALUE OFFSET(0) NUMBITS(32) [] ],
    ];

    pub const CTRL: Reg<CR::Register, ReadWrite> = Reg::new(0x00, 0x128);
    pub const MODE: Reg<MR::Register, ReadWrite> = Reg::new(0x04, 0);
    pub const IER: Reg<ISR::Register, WriteOnly> = Reg::new(0x08, 0);
    pub const IDR: Reg<ISR::Register, WriteOnly> = Reg::new(0x0C, 0);
    pub const EVENTS: Reg<ISR::Register, ReadWrite> = Reg::new(0x14, 0);
    pub const BAUDGEN: Reg<WORD::Register, ReadWrite> = Reg::new(0x18, 0x28B);
    pub const RXWM: Reg<WORD::Register, ReadWrite> = Reg::new(0x20, 0x20);
    pub const STATUS: Reg<SR::Register, ReadOnly> = Reg::new(0x2C, 0);
    pub const FIFO: Reg<WORD::Register, ReadWrite> = Reg::new(0x30, 0);
    pub const BAUDDIV: Reg<WORD::Register, ReadWrite> = Reg::new(0x34, 0xF);
}

/// Triple timer counter (Cadence). Linux `drivers/clocksource/timer-cadence-ttc.c`; UG1087, module TTC.
/// The three counters of a block lie 4 bytes apart: offsets of the first.
pub mod ttc {
    use super::{ReadOnly, ReadWrite, Reg, register_bitfields};

    register_bitfields![u32,
        /// The clock is divided by 2^(SCALE + 1) where PRESCALE is set.
        pub CLK [ PRESCALE OFFSET(0) NUMBITS(1) [], SCALE OFFSET(1) NUMBITS(4) [] ],
        pub CNT [
            DISABLE OFFSET(0) NUMBITS(1) [], INTERVAL OFFSET(1) NUMBITS(1) [],
            DECREMENT OFFSET(2) NUMBITS(1) [], MATCH OFFSET(3) NUMBITS(1) [],
            RESTART OFFSET(4) NUMBITS(1) [], WAVE_OFF OFFSET(5) NUMBITS(1) [],
        ],
        /// Cleared by the read.
        pub IR [
            INTERVAL OFFSET(0) NUMBITS(1) [], MATCH1 OFFSET(1) NUMBITS(1) [],
            OVERFLOW OFFSET(4) NUMBITS(1) [],
        ],
        pub WORD [ VALUE OFFSET(0) NUMBITS(32) [] ],
    ];

    pub const CLOCK: Reg<CLK::Register, ReadWrite> = Reg::new(0x00, 0);
    pub const COUNTER: Reg<CNT::Register, ReadWrite> = Reg::new(0x0C, 0x21);
    pub const VALUE: Reg<WORD::Register, ReadOnly> = Reg::new(0x18, 0);
    pub const MATCH1: Reg<WORD::Register, ReadWrite> = Reg::new(0x30, 0);
    pub const EVENTS: Reg<IR::Register, ReadOnly> = Reg::new(0x54, 0);
    pub const ENABLE: Reg<IR::Register, ReadWrite> = Reg::new(0x60, 0);
}

/// Inter-processor interrupts. Linux `drivers/mailbox/zynqmp-ipi-mailbox.c`; UG1087, module IPI.
pub mod ipi {
    use super::{ReadOnly, ReadWrite, Reg, WriteOnly, register_bitfields};

    register_bitfields![u32, pub AGENTS [ BITS OFFSET(0) NUMBITS(32) [] ]];

    pub const TRIG: Reg<AGENTS::Register, WriteOnly> = Reg::new(0x00, 0);
    pub const OBS: Reg<AGENTS::Register, ReadOnly> = Reg::new(0x04, 0);
    pub const ISR: Reg<AGENTS::Register, ReadWrite> = Reg::new(0x10, 0);
    pub const IER: Reg<AGENTS::Register, WriteOnly> = Reg::new(0x18, 0);
    pub const IDR: Reg<AGENTS::Register, WriteOnly> = Reg::new(0x1C, 0);
}

/// I2C (Cadence). Linux `drivers/i2c/busses/i2c-cadence.c`; UG1087, module I2C.
pub mod i2c {
    use super::{ReadOnly, ReadWrite, Reg, WriteOnly, register_bitfields};

    register_bitfields![u32,
        /// The clock is divided by 22 (DIVA + 1) (DIVB + 1).
        pub CR [
            READ OFFSET(0) NUMBITS(1) [], MASTER OFFSET(1) NUMBITS(1) [],
            NORMAL OFFSET(2) NUMBITS(1) [], ACK OFFSET(3) NUMBITS(1) [],
            HOLD OFFSET(4) NUMBITS(1) [], CLR_FIFO OFFSET(6) NUMBITS(1) [],
            DIVB OFFSET(8) NUMBITS(6) [], DIVA OFFSET(14) NUMBITS(2) [],
        ],
        pub SR [
            RXDV OFFSET(5) NUMBITS(1) [], TXDV OFFSET(6) NUMBITS(1) [],
            RXOVF OFFSET(7) NUMBITS(1) [], BUSY OFFSET(8) NUMBITS(1) [],
        ],
        /// Written 1 to clear.
        pub IR [
            COMPLETE OFFSET(0) NUMBITS(1) [], DATA OFFSET(1) NUMBITS(1) [],
            NACK OFFSET(2) NUMBITS(1) [], TIMEOUT OFFSET(3) NUMBITS(1) [],
            RX_OVF OFFSET(5) NUMBITS(1) [], TX_OVF OFFSET(6) NUMBITS(1) [],
            RX_UNF OFFSET(7) NUMBITS(1) [], ARB_LOST OFFSET(9) NUMBITS(1) [],
        ],
        pub WORD [ VALUE OFFSET(0) NUMBITS(32) [] ],
    ];

    pub const CTRL: Reg<CR::Register, ReadWrite> = Reg::new(0x00, 0);
    pub const STATUS: Reg<SR::Register, ReadOnly> = Reg::new(0x04, 0);
    pub const ADDRESS: Reg<WORD::Register, ReadWrite> = Reg::new(0x08, 0);
    pub const DATA: Reg<WORD::Register, ReadWrite> = Reg::new(0x0C, 0);
    pub const EVENTS: Reg<IR::Register, ReadWrite> = Reg::new(0x10, 0);
    pub const SIZE: Reg<WORD::Register, ReadWrite> = Reg::new(0x14, 0);
    pub const TIMEOUT: Reg<WORD::Register, ReadWrite> = Reg::new(0x1C, 0x1F);
    pub const IDR: Reg<IR::Register, WriteOnly> = Reg::new(0x28, 0);
}

/// System watchdog (Cadence). embeddedsw `wdtps`, `xwdtps_hw.h`; UG1087, module SWDT.
pub mod swdt {
    use super::{ReadOnly, ReadWrite, Reg, WriteOnly, register_bitfields};

    register_bitfields![u32,
        /// Taken only with KEY 0xABC.
        pub ZMR [
            ENABLE OFFSET(0) NUMBITS(1) [], RESET OFFSET(1) NUMBITS(1) [],
            IRQ OFFSET(2) NUMBITS(1) [], RESET_LEN OFFSET(4) NUMBITS(3) [],
            IRQ_LEN OFFSET(7) NUMBITS(2) [], KEY OFFSET(12) NUMBITS(12) [],
        ],
        /// Taken only with KEY 0x248. The counter starts from RELOAD, 12 ones below it.
        pub CCR [
            DIVIDER OFFSET(0) NUMBITS(2) [], RELOAD OFFSET(2) NUMBITS(12) [],
            KEY OFFSET(14) NUMBITS(12) [],
        ],
        pub SR [ ZERO OFFSET(0) NUMBITS(1) [] ],
        pub WORD [ VALUE OFFSET(0) NUMBITS(32) [] ],
    ];

    pub const MODE: Reg<ZMR::Register, ReadWrite> = Reg::new(0x00, 0x1C2);
    pub const COUNTER: Reg<CCR::Register, ReadWrite> = Reg::new(0x04, 0x3FFC);
    pub const RESTART: Reg<WORD::Register, WriteOnly> = Reg::new(0x08, 0);
    pub const STATUS: Reg<SR::Register, ReadOnly> = Reg::new(0x0C, 0);
}

/// Identity and resets. embeddedsw `xilfpga`/`xfsbl` and U-Boot `mach-zynqmp` (CSU at 0xFFCA0000: IDCODE,
/// VERSION; CRL_APB at 0xFF5E0000: RESET_REASON).
pub mod id {
    use super::{ReadOnly, ReadWrite, Reg, register_bitfields};

    register_bitfields![u32,
        pub IDCODE [ MAKER OFFSET(0) NUMBITS(12) [], DEVICE OFFSET(12) NUMBITS(16) [], REVISION OFFSET(28) NUMBITS(4) [] ],
        pub VERSION [ SILICON OFFSET(0) NUMBITS(4) [] ],
        /// Written 1 to clear.
        pub REASON [ BITS OFFSET(0) NUMBITS(7) [] ],
    ];

    pub const CSU_IDCODE: Reg<IDCODE::Register, ReadOnly> = Reg::new(0x40, 0);
    pub const CSU_VERSION: Reg<VERSION::Register, ReadOnly> = Reg::new(0x44, 0);
    pub const RESET_REASON: Reg<REASON::Register, ReadWrite> = Reg::new(0x220, 0);
}

/// System time stamp generator, the secure side. U-Boot `arch/arm/mach-zynqmp`
/// (`iou_scntr_secure`); UG1087, module IOU_SCNTRS.
pub mod counter {
    use super::{ReadOnly, ReadWrite, Reg, register_bitfields};

    register_bitfields![u32,
        pub CONTROL [ ENABLE OFFSET(0) NUMBITS(1) [], HALT_DEBUG OFFSET(1) NUMBITS(1) [] ],
        pub WORD [ VALUE OFFSET(0) NUMBITS(32) [] ],
    ];

    pub const CTRL: Reg<CONTROL::Register, ReadWrite> = Reg::new(0x00, 0);
    pub const LOW: Reg<WORD::Register, ReadOnly> = Reg::new(0x08, 0);
    pub const HIGH: Reg<WORD::Register, ReadOnly> = Reg::new(0x0C, 0);
    pub const FREQUENCY: Reg<WORD::Register, ReadWrite> = Reg::new(0x20, 0);
}
