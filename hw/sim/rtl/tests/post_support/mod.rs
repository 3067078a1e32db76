//! What the benches of the post-process kernel share.

pub mod bench;
pub mod jobs;
