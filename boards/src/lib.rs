//! Board descriptions: schema, checks, and what is generated from them.
//!
//! One TOML file says where everything of a board sits. [`Board::load`] reads it and refuses it
//! with the file, the field and both offenders unless it holds together; README.md lists the fields.
#![forbid(unsafe_code)]

mod check;
mod error;
pub mod generate;
mod mpu;
mod ports;
mod schema;
mod slot;
mod soc;

pub use error::BoardError;
pub use ports::{Direction, PlanFault, Port, Stream, faults};
pub use schema::{
    Board, Device, Firmware, Gate, GateUnit, Loop, MAX_SLOTS, PAGE, Pl, Range, Regions, SCHEMA,
    SlotClasses, SlotPlan,
};
pub use soc::{
    Bank, Console, Interrupts, Ipi, IpiAgent, Linux, PL_PS, PoolDriver, RPU_DDR, Rpu, RpuMode,
    Uart, gic_id,
};
pub use tandem_link::{SlotClass, SlotInit};
