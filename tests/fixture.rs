//! `agentctl fixture` on the virtual board, with the real model: a planted fault fails exactly its
//! measurement.

use std::path::Path;

use serde_json::Value;
use tandem_tests::programs::{Ran, ctl};
use tandem_tests::repository::{photograph, root, text};

/// Runs the virtual board's plan with faults planted; its end and its record.
fn fixture(faults: &[&str], out: &Path) -> (Ran, Value) {
    photograph("bus.jpg"); // the plan's
    let plan = root().join("userspace/fixture/plans/virtual.toml");
    // In virtual time a busy machine makes no kernel late.
    let mut arguments = vec!["-o", "json", "--deterministic", "7", "fixture", "run"];
    arguments.extend([text(&plan), "--serial", "V-1", "--out", text(out)]);
    arguments.extend(faults.iter().flat_map(|fault| ["--fault", *fault]));
    let ran = ctl(&arguments);
    let line = ran.lines().pop().unwrap_or_else(|| panic!("{}", ran.stderr));
    let path = line["record"].as_str().expect("a path");
    let record = serde_json::from_slice(&std::fs::read(path).expect("the record")).expect("JSON");
    (ran, record)
}

/// Measurements that are no pass and no skip, with their verdict.
fn bad(record: &Value) -> Vec<(String, String)> {
    let phases = record["phases"].as_array().expect("phases");
    let all = phases.iter().flat_map(|phase| phase["measurements"].as_object().expect("a map"));
    let verdicts =
        all.map(|(name, m)| (name.clone(), m["verdict"].as_str().expect("text").to_owned()));
    verdicts.filter(|(_, verdict)| verdict != "pass" && verdict != "skip").collect()
}

#[test]
fn a_good_board_passes_and_says_what_it_does_not_have() {
    let folder = tempfile::tempdir().expect("a folder");
    let (ran, record) = fixture(&[], folder.path());
    assert!(bad(&record).is_empty(), "{:?}: {}", bad(&record), ran.stderr);
    let ran = ran.expect(0);
    assert_eq!(ran.lines()[0]["outcome"], "PASS");
    assert_eq!(record["metadata"]["versions"]["model"], "yolov3-tiny/1");
    let board = &record["phases"][3]["measurements"];
    for name in ["tcm_march", "vccint", "pl_temperature", "identity", "gpu_link"] {
        assert_eq!(board[name]["verdict"], "skip");
        assert!(board[name]["reason"].as_str().is_some_and(|reason| reason.len() > 5), "{name}");
    }
}

#[test]
fn a_planted_fault_fails_exactly_its_measurement() {
    let folder = tempfile::tempdir().expect("a folder");
    let faults = [
        ("hung_kernel:pre", "pre_silicon"),
        ("hung_kernel:post", "post_silicon"),
        ("slave_error:pre", "pre_silicon"),
        ("decode_error:post", "post_silicon"),
        ("stuck_tlast:post", "post_silicon"),
        ("lost_interrupt:pre", "lost_interrupts"),
        ("lost_interrupt:post", "lost_interrupts"),
    ];
    for (fault, measurement) in faults {
        let (ran, record) = fixture(&[fault], folder.path());
        assert_eq!(bad(&record), [(measurement.to_owned(), "fail".to_owned())], "{fault}");
        assert_eq!(ran.expect(1).lines()[0]["outcome_details"][0]["code"], measurement);
    }
}

#[test]
fn a_run_that_cannot_be_made_is_2_and_says_why() {
    let folder = tempfile::tempdir().expect("a folder");
    let plan = folder.path().join("plan.toml");
    let run =
        |serial: &str| ctl(&["-o", "json", "fixture", "run", text(&plan), "--serial", serial]);
    assert_eq!(run("V-1").expect(2).error()["code"], "file_unreadable");
    std::fs::write(&plan, "name = \"p\"\n[[phase]]\nnmae = 1\n").expect("a file");
    let error = run("V-1").expect(2).error();
    assert_eq!(error["code"], "plan");
    assert!(error["message"].as_str().is_some_and(|m| m.contains("plan.toml:3:1")), "{error}");
    assert_eq!(run("../up").expect(2).error()["code"], "serial");
}
