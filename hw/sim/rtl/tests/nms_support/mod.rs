//! What the bench of `nms` is made of.

pub mod engine;
pub mod scenes;
