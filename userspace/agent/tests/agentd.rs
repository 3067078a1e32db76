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
    let gate = ["--gate-delay", "3500counts", "--gate-pulse", "20ms", "--listen", "none"];
    let cases: [(&[&str], &str, &str); 10] = [
        (&["--listen", &taken], &taken, "cannot be opened"),
        (&["--listen", "none", "--models", "/nonexistent"], "/nonexistent", "--models"),
        (&["--listen", "none", "--recipe", "defualt"], "defualt", "did you mean \"default\"?"),
        (&["--listen", "none", "--recipes", "/nonexistent"], "/nonexistent", "--recipes"),
        (&["--listen", "none", "--board", "/nonexistent.toml"], "/nonexistent.toml", "No such"),
        (&gate, "virtual", "--gate-delay 120ms"),
        (&["--listen", "none", "--serve-rest", "127.0.0.1:0"], "--serve-rest", "--serve-models"),
        (
            &["--listen", "none", "--serve-rest", "127.0.0.1:0", "--serve-models", "/nonexistent"],
            "/nonexistent",
            "no folder",
        ),
        (
            &["--listen", "none", "--serve-grpc", &taken, "--serve-models", "."],
            &taken,
            "cannot be opened",
        ),
        (
            &[
                "--listen",
                "none",
                "--serve-rest",
                "0.0.0.0:0",
                "--serve-models",
                ".",
                "--allow-shared-memory",
            ],
            "--allow-shared-memory",
            "loopback",
        ),
    ];
    for (arguments, thing, next) in cases {
        let output = agentd(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.starts_with("agentd: ") && said.contains(thing), "{arguments:?}: {said}");
        assert!(said.contains(next), "{arguments:?}: {said}");
    }
    assert_eq!(agentd(&["--deadline-ms", "0"]).status.code(), Some(2));
    assert_eq!(agentd(&["--gate-delay", "1.5ms", "--gate-pulse", "20ms"]).status.code(), Some(2));
    assert_eq!(agentd(&["--gate-delay", "100ms"]).status.code(), Some(2));
    assert_eq!(agentd(&["--engine", "abacus"]).status.code(), Some(2));
}
