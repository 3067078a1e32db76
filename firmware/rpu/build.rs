//! Turns the board description into addresses and a linker memory map (`boards/src/generate`).

use std::{env, fs, path::PathBuf};
use tandem_boards::{Board, RpuMode, generate};

fn main() {
    let name = env::var("TANDEM_BOARD").unwrap_or_else(|_| "qemu".into());
    let path = PathBuf::from(format!("../../boards/{name}.toml"));
    println!("cargo:rustc-check-cfg=cfg(tandem_qemu)");
    println!("cargo:rerun-if-env-changed=TANDEM_BOARD");
    println!("cargo:rerun-if-changed={}", path.display());
    println!("cargo:rerun-if-env-changed=TANDEM_RPU_MODE");
    let mut board = Board::load(&path).unwrap_or_else(|error| panic!("{error}"));
    match env::var("TANDEM_RPU_MODE").as_deref() {
        Err(_) => {}
        Ok("lockstep") => {
            board =
                board.with_rpu_mode(RpuMode::Lockstep).unwrap_or_else(|error| panic!("{error}"));
        }
        Ok(mode) => panic!("TANDEM_RPU_MODE is {mode:?}; there is lockstep"),
    }
    if board.pl.glue.is_some() {
        println!("cargo:rustc-cfg=tandem_qemu");
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let without = || panic!("{}: no [rpu]: this board has no R5F", path.display());
    let constants = generate::constants(&board).unwrap_or_else(without);
    let memory = generate::memory_x(&board).unwrap_or_else(without);
    fs::write(out.join("board.rs"), constants).expect("OUT_DIR is writable");
    fs::write(out.join("memory.x"), memory).expect("OUT_DIR is writable");
    println!("cargo:rustc-link-search={}", out.display());
    println!("cargo:rustc-link-arg=-Tlink.x");
    println!("cargo:rustc-link-arg=-uTANDEM_RESOURCES");
    println!("cargo:rustc-link-arg=-Tdefmt.x");
    println!("cargo:rerun-if-changed=build.rs");
}
