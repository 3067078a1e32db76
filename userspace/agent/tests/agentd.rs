//! agentd as its own process: what it says when it cannot start.

use std::path::Path;
use std::process::{Command, Output};

fn agentd(arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    Command::new(env!("CARGO_BIN_EXE_agentd"))
        .args(arguments)
        .args(["--socket", folder.path().join("a.sock").to_str().unwrap()])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .output()
        .unwrap()
}

#[test]
fn start_errors_name_the_thing_and_the_next_step() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let cases: [(&[&str], &str, &str); 5] = [
        (&["--listen", &taken], &taken, "cannot be opened"),
        (&["--listen", "none", "--models", "/nonexistent"], "/nonexistent", "--models"),
        (&["--listen", "none", "--recipe", "defualt"], "defualt", "did you mean \"default\"?"),
        (&["--listen", "none", "--recipes", "/nonexistent"], "/nonexistent", "--recipes"),
        (&["--listen", "none", "--board", "/nonexistent.toml"], "/nonexistent.toml", "No such"),
    ];
    for (arguments, thing, next) in cases {
        let output = agentd(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.starts_with("agentd: ") && said.contains(thing), "{arguments:?}: {said}");
        assert!(said.contains(next), "{arguments:?}: {said}");
    }
    assert_eq!(agentd(&["--deadline-ms", "0"]).status.code(), Some(2));
    assert_eq!(agentd(&["--engine", "abacus"]).status.code(), Some(2));
}
