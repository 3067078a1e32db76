//! Shared words under every interleaving and every reordering that the memory model allows, by loom.
//!
//! Each rule has a model that holds and, beside it, the same model with one word weakened to a
//! relaxed store (or load): that one must fail, or the model would not see the rule broken.

mod epochs;
mod link;
mod log;
mod memory;
mod ring;
mod seqlock;
mod slots;
