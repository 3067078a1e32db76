//! Boards: which there are, and what is written on their cards.

pub mod card;
pub mod list;
pub mod names;
