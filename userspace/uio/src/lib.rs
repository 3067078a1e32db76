//! A real board as Linux shows it: [`UioBoard`] implements [`tandem_link::board::Board`] over UIO
//! devices, the payload pool's driver and the core's control. See README.md.

mod board;
mod clock;
mod core;
mod device;
mod error;
mod logic;
mod pool;
mod region;
mod wires;

pub use board::UioBoard;
pub use core::{QemuCore, SysfsCore};
pub use device::{Map, System, Uio};
pub use error::UioError;
pub use logic::Logic;
pub use region::Region;
