//! What is generated from `boards/*.toml`.

use crate::shell::Runner;
use anyhow::{Context, Result, bail};
use std::fs;
use tandem_boards::{Board, generate};

/// Writes `boards/generated/NAME/` of every board, or says what is stale.
pub fn run(runner: &Runner, check: bool) -> Result<()> {
    let folder = runner.root.join("boards");
    let mut stale = Vec::new();
    for entry in fs::read_dir(&folder).context("reading boards")? {
        let path = entry?.path();
        let toml = path.extension().is_some_and(|extension| extension == "toml");
        if !toml || path.ends_with("Cargo.toml") {
            continue;
        }
        let board = Board::load(&path)?;
        let home = folder.join("generated").join(&board.name);
        for file in generate::files(&board) {
            let path = home.join(file.name);
            if fs::read_to_string(&path).is_ok_and(|text| text == file.text) {
                continue;
            }
            stale.push(format!("boards/generated/{}/{}", board.name, file.name));
            if !check {
                fs::create_dir_all(&home)?;
                fs::write(&path, file.text).with_context(|| path.display().to_string())?;
            }
        }
    }
    stale.sort();
    if check && !stale.is_empty() {
        bail!("stale: {}; run `cargo xtask boards` and commit what it writes", stale.join(", "));
    }
    for path in stale {
        println!("    wrote {path}");
    }
    Ok(())
}
