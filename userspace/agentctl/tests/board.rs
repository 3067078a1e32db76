//! `board`: what is listed, who the target is, the other slot through a stand-in for ssh, the R5F's restart.

mod common;

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::process::{Output, Stdio};

use common::{Bench, agentctl, command, lines, script, stderr};
use serde_json::Value;

/// The code of the error that `-o json` told.
fn code(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{}", stderr(output));
    let said = stderr(output);
    let error: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    error["error"]["code"].as_str().unwrap().to_owned()
}

#[test]
fn boards_are_listed_and_a_name_stands_for_its_target() {
    let bench = Bench::start();
    fs::create_dir(bench.path("tandem")).unwrap();
    let socket = bench.path("agent.sock").display().to_string();
    let names = format!("[targets]\nhere = \"unix://{socket}\"\naway = \"ssh://root@a\"\n");
    fs::write(bench.path("tandem/targets.toml"), names).unwrap();
    let run = |arguments: &[&str]| {
        let mut program = command(arguments);
        program.env("XDG_CONFIG_HOME", bench.path("")).output().unwrap()
    };
    let list = lines(&run(&["board", "list", "-o", "json"]));
    let of = |name: &str| list.iter().find(|entry| entry["name"] == name).unwrap();
    assert_eq!(
        (&of("away")["kind"], &of("away")["target"]),
        (&"named".into(), &"ssh://root@a".into())
    );
    assert_eq!(
        (&of("zcu102")["kind"], &of("zcu102")["target"]),
        (&"description".into(), &Value::Null)
    );
    assert_eq!(of("virtual")["target"], "virtual");
    let text = run(&["board", "list"]);
    assert!(String::from_utf8_lossy(&text.stdout).contains("ssh://root@a"));

    let info = run(&["--target", "here", "board", "info", "-o", "json"]);
    assert_eq!(lines(&info)[0]["core"], "running", "{}", stderr(&info));
    let nobody = run(&["--target", "nowhere", "board", "info"]);
    assert_eq!(nobody.status.code(), Some(2));
    assert!(stderr(&nobody).contains("away, here"), "{}", stderr(&nobody));
    fs::write(bench.path("tandem/targets.toml"), "[targets]\nx = \"ssh://-o\"\n").unwrap();
    assert_eq!(code(&run(&["board", "list", "-o", "json"])), "targets_invalid");
}

#[test]
fn the_r5f_begins_a_new_epoch_when_somebody_wants_it() {
    let bench = Bench::start();
    let epoch = |status: &Value| status["report"]["peer"]["epoch"].as_u64().unwrap();
    let before = epoch(&bench.json(&["status"])[0]);
    let asked = bench.run(&["board", "reset", "-o", "json"]);
    assert_eq!(code(&asked), "not_confirmed");
    assert_eq!(epoch(&bench.json(&["status"])[0]), before);
    let now = &bench.json(&["board", "reset", "--yes"])[0];
    assert_eq!((&now["core"], &now["report"]["peer"]["state"]), (&"running".into(), &"up".into()));
    assert_ne!(epoch(now), before);
    let linux = bench.run(&["board", "reset", "--linux", "--yes", "-o", "json"]);
    assert_eq!(code(&linux), "reboot_refused");
}

#[test]
fn the_slot_that_does_not_run_is_installed_through_ssh() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    // The board: /run/tandem/slot says B, its tandem-slot keeps what it is given.
    fs::create_dir(path("bin")).unwrap();
    let keep = format!(
        "#!/bin/sh\necho \"$@\" >'{0}/words'; cp \"$3\" '{0}/installed'\necho slot $2 boots next\n",
        folder.path().display()
    );
    script(&path("bin/tandem-slot"), &keep);
    fs::write(path("slot"), "B\n").unwrap();
    let ssh = format!(
        "#!/bin/sh\nfor last in \"$@\"; do :; done\n\
         last=$(printf %s \"$last\" | sed 's|/run/tandem/slot|{0}/slot|')\n\
         PATH='{0}/bin':$PATH exec sh -c \"$last\"\n",
        folder.path().display()
    );
    let ssh = script(&path("ssh"), &ssh);
    let image: Vec<u8> = (0..3_000_000u32).map(|at| ((at * 11) >> 5) as u8).collect();
    fs::write(path("root.squashfs"), &image).unwrap();
    let file = path("root.squashfs").display().to_string();
    let over = |ssh: &str, more: &[&str]| {
        let all = [
            "--target",
            "ssh://root@board",
            "--ssh-command",
            ssh,
            "-o",
            "json",
            "board",
            "flash",
            &file,
        ];
        command(&[&all[..], more].concat()).output().unwrap()
    };
    assert_eq!(code(&over(&ssh, &[])), "not_confirmed");
    let output = over(&ssh, &["--yes"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(lines(&output)[0]["said"], "slot A boots next");
    assert!(fs::read(path("installed")).unwrap() == image, "every byte");
    let words = fs::read_to_string(path("words")).unwrap();
    let hash = lines(&output)[0]["sha256"].as_str().unwrap().to_owned();
    assert!(
        words.starts_with("install A ") && words.trim().ends_with(&format!("--sha256 {hash}")),
        "{words}"
    );

    // A line that is cut: the file is not whole, so tandem-slot is not asked.
    fs::remove_file(path("words")).unwrap();
    let cut = format!("#!/bin/sh\nhead -c 1000000 | '{ssh}' \"$@\"\n");
    let cut = over(&script(&path("cut"), &cut), &["--yes"]);
    assert_eq!(code(&cut), "install_failed");
    assert!(!path("words").exists());
    fs::write(path("slot"), "").unwrap();
    let none = over(&ssh, &["--yes"]);
    assert!(stderr(&none).contains("no slot runs here"), "{}", stderr(&none));
    assert_eq!(code(&none), "install_failed");
}

#[test]
fn what_is_no_card_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "precious").unwrap();
    let file = file.to_str().unwrap();
    for device in [file, "/dev/null", "/dev/nothing"] {
        let output = agentctl(&["board", "flash", file, device, "--yes", "--force", "-o", "json"]);
        assert_eq!(code(&output), "card_refused", "{device}");
    }
    assert_eq!(fs::read(file).unwrap(), b"precious");
    assert_eq!(code(&agentctl(&["board", "flash", file, "-o", "json"])), "no_device");
}

#[test]
fn the_raw_console_passes_bytes_both_ways_and_ends_with_the_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("uart0");
    let machine = UnixListener::bind(&path).unwrap();
    let target = format!("serial+unix://{}", path.display());
    let mut program = command(&["--target", &target, "board", "console"]);
    let mut console = program.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut line, _) = machine.accept().unwrap();
    let mut typed = console.stdin.take().unwrap();
    typed.write_all(b"root\n").unwrap();
    let mut heard = [0; 5];
    line.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"root\n");
    line.write_all(b"\x1b[1mPassword:").unwrap();
    drop(line);
    let output = console.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(output.stdout, b"\x1b[1mPassword:");
    assert_eq!(code(&agentctl(&["board", "console", "-o", "json"])), "not_serial");
}
