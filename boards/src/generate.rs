//! What is made from a description: device tree, linker memory map, constants.

mod firmware;
mod linux;
mod overlay;
mod rtl;

use crate::Board;

pub use firmware::{constants, memory_x};
pub use overlay::package;

/// A generated file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Name in the board's folder.
    pub name: String,
    /// Content.
    pub text: String,
}

/// Every file of a board. A description without `rpu` and `linux` has none.
#[must_use]
pub fn files(board: &Board) -> Vec<Output> {
    let mut files = Vec::new();
    let mut add = |name: &str, text: Option<String>| {
        files.extend(text.map(|text| Output { name: name.into(), text }));
    };
    add("tandem.dtsi", linux::base(board));
    add("pl.dtso", overlay::logic(board, &format!("tandem-{}.bit.bin", board.name)));
    add("memory.x", memory_x(board));
    add("board.rs", constants(board));
    add("tandem_board_pkg.sv", rtl::package(board));
    files
}

/// The first line of a file, with what to run instead of editing it.
fn banner(board: &Board) -> String {
    format!("Made from boards/{}.toml by `cargo xtask boards`: do not edit.", board.name)
}
