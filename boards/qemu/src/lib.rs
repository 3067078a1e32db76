//! The whole board in QEMU, from outside: [`Machine`] boots it, [`Console`] types commands into it,
//! [`http`] talks to its agent. See README.md.

mod console;
mod files;
pub mod http;
mod machine;
mod reference;
mod worker;

pub use console::{Answer, Console};
pub use files::Files;
pub use machine::{CARD_PATIENCE, DMA_PATIENCE, Machine, Options, PATIENCE, until, until_within};
pub use reference::expected;
pub use worker::Worker;
