//! Drivers of the processing system's peripherals against models of their registers.

mod bench;
mod gic;
mod i2c;
mod lines;
mod small;
mod time;
