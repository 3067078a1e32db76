//! gpu-worker: the main model in a process of its own, and a client's side of its protocol.
//!
//! A worker is disposable: it may die, hang, or come back under a new epoch, and the client's jobs
//! end in time whatever it does. See README.md.
#![forbid(unsafe_code)]

pub mod address;
pub mod client;
pub mod protocol;
pub mod server;
pub mod wire;

pub use address::{Address, Engines};
pub use client::{Absent, RemoteEngine};
pub use server::{Server, ServerConfig};
