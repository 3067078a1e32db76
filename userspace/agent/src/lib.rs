//! agentd: data plane, recipes, serving.

pub mod agent;
pub mod api;
pub mod channels;
pub mod control;
pub mod counters;
pub mod dataplane;
pub mod firmware;
pub mod gate;
pub mod health;
pub mod http;
pub mod ingest;
pub mod job;
pub mod judge;
pub mod kernel;
pub mod lanes;
pub mod logs;
pub mod recipe;
pub mod routing;
pub mod serial;
pub mod server;
pub mod service;
pub mod setup;
pub mod slots;
#[cfg(test)]
mod testing;
pub mod ticket;
pub mod tied;
