//! What is generated from `boards/*.toml`.

use crate::shell::{self, Runner};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::Path;
use std::process::Command;
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
            let path = home.join(&file.name);
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

/// Fills `OUT/lib/firmware/xilinx/BOARD-SET/`, from where a Kria board loads its logic.
pub fn package(runner: &Runner, bitstream: &str, out: &Path) -> Result<()> {
    let (name, set) = bitstream.split_once('-').context("a bitstream is called BOARD-SET")?;
    let board = Board::load(runner.root.join("boards").join(name).with_extension("toml"))?;
    let folder = out.join("lib/firmware/xilinx").join(bitstream);
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    for file in generate::package(&board, bitstream)? {
        let path = folder.join(&file.name);
        fs::write(&path, file.text).with_context(|| path.display().to_string())?;
    }
    let source = folder.join(format!("{bitstream}.dtso"));
    let mut dtc = Command::new("dtc");
    dtc.args(["-O", "dtb", "-o"]).arg(source.with_extension("dtbo")).arg(&source);
    shell::run(&mut dtc).context("dtc is in Debian's package device-tree-compiler")?;
    fs::remove_file(&source)?;
    let image = runner.root.join(format!("bitstreams/{bitstream}/{bitstream}.bin"));
    if !image.is_file() {
        bail!(
            "{} has all but the image: `hw/vivado/build {name} {set}` makes it, which needs Vivado",
            folder.display()
        );
    }
    fs::copy(&image, folder.join(format!("{bitstream}.bit.bin")))
        .with_context(|| image.display().to_string())?;
    println!("    wrote {}", folder.display());
    Ok(())
}
