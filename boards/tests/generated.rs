//! What is checked in under `generated/` is what the descriptions give.

use std::fs;
use std::path::Path;
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
            let found = fs::read_to_string(folder.join(file.name)).unwrap_or_default();
            assert!(found == file.text, "{}/{}: {RENEW}", board.name, file.name);
        }
        let known: Vec<_> = files.iter().map(|file| file.name).collect();
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
