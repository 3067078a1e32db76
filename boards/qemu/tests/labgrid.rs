//! labgrid boots the board, logs in and asks the agent, as with any other board of a laboratory.

use std::process::Command;
use tandem_qemu_board::Files;

#[test]
fn labgrid_drives_the_board() {
    let files = match Files::here() {
        Ok(files) => files,
        Err(error) => return eprintln!("skipped: {error}"),
    };
    let ran = Command::new(files.root.join(".tandem/venv/bin/python"))
        .arg(files.root.join("tests/reference/labgrid_board.py"))
        .arg(files.root.join("boards/qemu/labgrid.yaml"))
        .env("LG_BOARD", concat!(env!("CARGO_BIN_EXE_tandem-qemu-board"), " shell"))
        .output()
        .expect("a Python in .tandem/venv; run scripts/setup --all");
    let (said, wrong) =
        (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{said}{wrong}");
    assert_eq!(said.matches("ok: ").count(), 3, "{said}{wrong}");
}
