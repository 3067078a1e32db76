//! The whole board in QEMU, from outside: [`Machine`] boots it, [`Console`] types commands into it,
//! [`http`] talks to its agent. See README.md.

mod console;
mod files;
pub mod http;
mod machine;
mod worker;

pub use console::{Answer, Console};
pub use files::Files;
pub use machine::{Machine, Options, PATIENCE, until};
pub use worker::Worker;
