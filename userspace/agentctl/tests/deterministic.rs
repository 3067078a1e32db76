//! What `--deterministic` refuses, in words, before anything is started.

use std::process::Command;

use serde_json::Value;

#[test]
fn what_cannot_be_the_same_twice_is_refused() {
    for arguments in [
        &["demo"][..],
        &["bench", "x.jpg", "--in-flight", "2"],
        &["logs", "--follow"],
        &["--target", "unix:///nowhere", "status"],
        &["kernel", "run", "--template", "pre"],
    ] {
        let mut program = Command::new(env!("CARGO_BIN_EXE_agentctl"));
        program.args(["--deterministic", "1", "-o", "json"]).args(arguments);
        program.env_remove("TANDEM_TARGET");
        let output = program.output().expect("the program runs");
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let error: Value = serde_json::from_slice(&output.stderr).expect("one object");
        assert_eq!(error["error"]["code"], "not_deterministic", "{arguments:?}");
        assert_eq!(error["error"]["field"], "--deterministic", "{arguments:?}");
    }
}
