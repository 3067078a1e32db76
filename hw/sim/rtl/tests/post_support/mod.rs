//! What the benches of the post-process kernel share.

pub mod bench;
pub mod cover;
pub mod disturb;
pub mod elements;
pub mod jobs;
