//! agentctl on this host reaches the agent in the guest over SSH: a real client, a real server, and
//! `agentctl proxy` on the board.

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};
use tandem_qemu_board::{Files, Machine, Options, Worker, expected};

/// A new key pair in `folder`: the public half as the guest takes it.
fn key(folder: &Path) -> String {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(folder.join("key"))
        .status();
    assert!(made.expect("ssh-keygen").success());
    let public = std::fs::read_to_string(folder.join("key.pub")).expect("the public half");
    public.split(' ').nth(1).expect("a key").trim().to_owned()
}

/// agentctl of this host.
fn agentctl(files: &Files, machine: &Machine, folder: &Path, words: &[&str]) -> Output {
    let ssh = format!(
        "ssh -F none -o BatchMode=yes -o IdentitiesOnly=yes -o StrictHostKeyChecking=no \
         -o UserKnownHostsFile={} -i {}",
        folder.join("known").display(),
        folder.join("key").display()
    );
    let target = format!("ssh://root@{}/run/tandem.sock", machine.ssh());
    Command::new(files.root.join("target/release/agentctl"))
        .args(["--target", &target, "--ssh-command", &ssh, "-o", "json"])
        .args(words)
        .output()
        .expect("agentctl")
}

/// Its lines of JSON.
fn lines(output: &Output) -> Vec<Value> {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn a_board_is_driven_over_ssh() {
    let files = match Files::here() {
        Ok(files) => files,
        Err(error) => return eprintln!("skipped: {error}"),
    };
    let folder = tempfile::tempdir().expect("a folder");
    let worker = Worker::start(&files, 0).expect("a worker");
    let options = Options {
        engine: Some(worker.engine()),
        key: Some(key(folder.path())),
        ..Options::default()
    };
    let mut machine = Machine::boot(&files, &options).expect("a prompt");
    machine.start_agent().expect("an agent that serves");
    let ctl = |words: &[&str]| agentctl(&files, &machine, folder.path(), words);

    let status = &lines(&ctl(&["status"]))[0];
    assert_eq!((&status["board"], &status["core"]), (&"qemu".into(), &"running".into()));
    let photograph = files.root.join(".tandem/photos/bus.jpg");
    let path = photograph.to_str().expect("a path");
    let answers = lines(&ctl(&["inspect", "--deadline-ms", "120000", path]));
    let expected = expected(&files.root, std::slice::from_ref(&photograph)).expect("agentctl");
    assert_eq!(answers[0]["detections"], expected[0]["detections"]);
    let silicon = |name: &str| {
        let stages = answers[0]["stages"].as_array().expect("stages");
        stages.iter().find(|stage| stage["name"] == name).expect("the stage")["silicon"].clone()
    };
    assert_eq!([silicon("pre"), silicon("post")], ["pl", "pl"]);
    // A stranger is turned away, in ssh's words.
    key_of_a_stranger(folder.path());
    let refused = ctl(&["status"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("Permission denied"), "{said}");
    machine.power_off().expect("a clean stop");
}

/// Puts another pair in the place of the one that the guest knows.
fn key_of_a_stranger(folder: &Path) {
    for name in ["key", "key.pub"] {
        std::fs::remove_file(folder.join(name)).expect("the old pair");
    }
    key(folder);
}
