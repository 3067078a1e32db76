//! The maintenance console of a bare board: asks the R5F over a serial line, without any agent.

mod client;
mod port;

pub use client::{Asked, Console};
pub use port::{Line, Port};
