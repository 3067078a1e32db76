//! `firmware` and `bitstream` as a person has them: bundles are made and held against boards, and a board
//! that takes none says so.

mod common;

use std::fs;
use std::path::Path;
use std::process::Output;

use common::{Bench, agentctl, lines, stderr};
use serde_json::Value;

/// The error that `-o json` told: code, field, message.
fn error(output: &Output) -> [String; 3] {
    assert_eq!(output.status.code(), Some(1), "{}", stderr(output));
    let said = stderr(output);
    let error: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    ["code", "field", "message"].map(|name| error["error"][name].as_str().unwrap().to_owned())
}

fn board(name: &str) -> String {
    let path = format!("{}/../../boards/{name}.toml", env!("CARGO_MANIFEST_DIR"));
    assert!(Path::new(&path).is_file());
    path
}

/// The image of a seed of `tests/fuzz`, which fits a ZynqMP's banks.
fn image(folder: &Path) -> String {
    let seed = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fuzz/seeds/firmware/ok-two-banks");
    let seed = fs::read(seed).unwrap();
    let end = seed.iter().position(|byte| *byte == 0).unwrap();
    let path = folder.join("tandem-rpu");
    fs::write(&path, &seed[end + 1..]).unwrap();
    path.display().to_string()
}

#[test]
fn a_bundle_is_made_for_a_board_and_refused_by_another() {
    let bench = Bench::start();
    let image = image(&bench.path(""));
    let json = ["-o", "json", "firmware", "pack", image.as_str(), "1.4.0"];
    assert_eq!(error(&agentctl(&json))[0], "no_board");
    let description = board("zcu102");
    let packed = agentctl(&[&["--board", &description], &json[..]].concat());
    assert_eq!(packed.status.code(), Some(0), "{}", stderr(&packed));
    assert_eq!(lines(&packed)[0]["board"], "zcu102");
    let manifest = fs::read_to_string(format!("{image}.toml")).unwrap();
    assert!(manifest.contains("version = \"1.4.0\""), "{manifest}");

    // The agent here is the virtual board's.
    for file in [image.clone(), format!("{image}.toml")] {
        let [code, field, message] = error(&bench.run(&["-o", "json", "firmware", "check", &file]));
        assert_eq!((code.as_str(), field.as_str()), ("firmware_differs", "board"));
        assert!(message.contains("zcu102") && message.contains("virtual"), "{message}");
    }
    let update = ["-o", "json", "firmware", "update", image.as_str()];
    assert_eq!(error(&bench.run(&update))[0], "not_confirmed");
    let now = [&update[..], &["--yes"]].concat();
    assert_eq!(error(&bench.run(&now))[0], "firmware_differs");
    let blank = ["firmware", "pack", image.as_str(), "1 4", "--board", &description, "-o", "json"];
    assert_eq!(error(&agentctl(&blank))[1], "version");
    assert_eq!(
        fs::read_to_string(format!("{image}.toml")).unwrap(),
        manifest,
        "the old one is left"
    );
    fs::remove_file(format!("{image}.toml")).unwrap();
    let [code, _, message] = error(&bench.run(&now));
    assert_eq!(code, "firmware_manifest");
    assert!(message.contains("firmware pack"), "{message}");
}

#[test]
fn a_virtual_board_says_what_it_runs_and_what_it_has_not() {
    let bench = Bench::start();
    let info = &bench.json(&["firmware", "info"])[0];
    assert_eq!((&info["core"], &info["image"]), (&"running".into(), &Value::Null));
    assert!(info["epoch"].as_u64().unwrap() > 0);
    let text = bench.run(&["firmware", "info"]);
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(text.contains("part of agentd"), "{text}");
    for words in [&["bitstream", "current"][..], &["bitstream", "load", "detect", "--yes"]] {
        let [code, _, message] = error(&bench.run(&[words, &["-o", "json"]].concat()));
        assert_eq!(code, "no_fpga_manager");
        assert!(message.contains("fpga_manager/fpga0"), "{message}");
    }
    assert_eq!(
        error(&bench.run(&["bitstream", "load", "detect", "-o", "json"]))[0],
        "not_confirmed"
    );
    assert_eq!(error(&bench.run(&["bitstream", "list", "-o", "json"]))[0], "bitstream_invalid");
    let board = &bench.json(&["board", "info"])[0];
    assert_eq!((&board["slots"], &board["bitstream"]), (&Value::Null, &Value::Null));
    assert_eq!(board["firmware"]["epoch"], info["epoch"]);
    let notes = board["notes"].as_array().unwrap();
    assert_eq!(notes.len(), 2, "{notes:?}");
    let text = bench.run(&["board", "info"]);
    assert!(String::from_utf8_lossy(&text.stdout).contains("not there: "));
}
