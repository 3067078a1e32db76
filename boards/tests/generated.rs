//! What is checked in under `generated/` is what the descriptions give.

use std::fs;
use std::path::Path;
use std::process::Command;
use tandem_boards::{Board, generate};

const RENEW: &str = "run `cargo xtask boards` and commit what it writes";

#[test]
fn generated_files_are_current() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![];
    for entry in here.read_dir().expect("this folder") {
        let path = entry.expect("an entry").path();
        let is_board = path.extension().is_some_and(|extension| extension == "toml")
            && path.file_name().is_some_and(|name| name != "Cargo.toml");
        if !is_board {
            continue;
        }
        let board = Board::load(&path).expect("a good board");
        let folder = here.join("generated").join(&board.name);
        let files = generate::files(&board);
        for file in &files {
            let found = fs::read_to_string(folder.join(&file.name)).unwrap_or_default();
            assert!(found == file.text, "{}/{}: {RENEW}", board.name, file.name);
        }
        let known: Vec<_> = files.iter().map(|file| file.name.as_str()).collect();
        for entry in folder.read_dir().into_iter().flatten() {
            let name = entry.expect("an entry").file_name();
            assert!(known.iter().any(|known| name == **known), "{}/{name:?}: {RENEW}", board.name);
        }
        if !files.is_empty() {
            folders.push(board.name);
        }
    }
    for entry in here.join("generated").read_dir().expect("generated") {
        let name = entry.expect("an entry").file_name();
        assert!(folders.iter().any(|known| name == **known), "generated/{name:?}: {RENEW}");
    }
}

#[test]
fn the_package_is_what_the_loader_of_a_kria_board_looks_for() {
    let board: Board = include_str!("../kv260.toml").parse().expect("good");
    let files = generate::package(&board, "kv260-detect").expect("a package");
    let [overlay, shell] = &files[..] else { panic!("{files:?}") };
    assert_eq!((overlay.name.as_str(), shell.name.as_str()), ("kv260-detect.dtso", "shell.json"));
    assert!(overlay.text.contains("\tfirmware-name = \"kv260-detect.bit.bin\";\n"));
    assert_eq!(shell.text, "{\n    \"shell_type\": \"PL_FLAT\",\n    \"num_pl_slots\": 0\n}\n");
    // But for the image's name it is the overlay that is checked in.
    let checked_in = include_str!("../generated/kv260/pl.dtso");
    assert_eq!(overlay.text.replace("kv260-detect.bit.bin", "tandem-kv260.bit.bin"), checked_in);
    for (name, wanted) in [("", "package = : must be"), ("../x", "package = ../x: must be")] {
        let error = generate::package(&board, name).expect_err("no name").to_string();
        assert!(error.starts_with("board kv260: ") && error.contains(wanted), "{error}");
    }
    let error = generate::package(&Board::virtual_default(), "x").expect_err("no silicon");
    assert!(error.to_string().contains("a bitstream needs a board of silicon"), "{error}");
}

#[test]
fn verilator_reads_the_parameters() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let top = folder.path().join("top.sv");
    // A clock that is one number in the TOML and another in the package fails the elaboration.
    let text = "module top;\n  import tandem_board_pkg::*;\n  \
                if (GATE_STEP * 64'(GATE_CLOCK_MHZ) != 64'd1000 << 32) $error(\"step\");\n  \
                if (PRE_BASE != 32'h8002_0000 || PRE_MM2S_BITS != 128) $error(\"pre\");\nendmodule\n";
    fs::write(&top, text).expect("a scratch folder");
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let package = package.join("generated/kv260/tandem_board_pkg.sv");
    let mut verilator = Command::new("verilator");
    verilator.args(["--lint-only", "--top-module", "top"]).arg(package).arg(top);
    let Ok(output) = verilator.output() else {
        println!("skipped: no verilator on PATH");
        return;
    };
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}
