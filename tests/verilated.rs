//! The main job on the SystemVerilog: real photographs through Verilated kernels behind the virtual
//! board's registers give what the model gives, to the last digit. Needs `cargo xtask rtl-models`; the
//! feature `rtl` keeps it out of runs that have no Verilator.

use std::path::PathBuf;

use serde_json::Value;
use tandem_tests::programs::{agentctl, run};
use tandem_tests::repository::{photograph, root, text};

/// One image a line, without its times.
fn inspect(pl: &str, photos: &[&str], more: &[&str]) -> Vec<Value> {
    let mut command = agentctl();
    command.args(["--pl", pl, "-o", "json", "inspect"]).args(photos).args(more);
    let mut lines = run(&mut command).expect(0).lines();
    for line in &mut lines {
        for stage in line["stages"].as_array_mut().expect("stages") {
            stage.as_object_mut().expect("a stage").remove("us");
        }
    }
    lines
}

#[test]
fn photographs_get_the_same_verdicts_from_verilated_kernels() {
    let photos: Vec<PathBuf> =
        ["bus.jpg", "zidane.jpg", "coins.png", "motorcycle_left.png"].map(photograph).into();
    let photos: Vec<&str> = photos.iter().map(|path| text(path)).collect();
    let (model, rtl) = (inspect("model", &photos, &[]), inspect("rtl", &photos, &[]));
    assert_eq!(model, rtl);
    for line in &rtl {
        for stage in line["stages"].as_array().expect("stages") {
            let on_logic = ["pre", "post"].contains(&stage["name"].as_str().expect("a name"));
            assert_eq!(stage["silicon"], if on_logic { "pl" } else { "cpu" }, "{line}");
        }
        assert_eq!(line["degraded"], Value::Array(Vec::new()));
    }
    let found: usize = rtl.iter().map(|l| l["detections"].as_array().expect("a list").len()).sum();
    assert!(found >= 8, "{found} objects are too few to compare verdicts by");
}

#[test]
fn faults_are_survived_with_verilated_kernels() {
    let photo = photograph("coffee.png");
    let photos = [text(&photo), text(&photo), text(&photo)];
    let plain = inspect("model", &photos[..1], &[]);
    for fault in ["stuck_tlast:post", "slave_error:pre", "lost_interrupt:pre"] {
        let lines = inspect("rtl", &photos, &["--fault", fault]);
        for line in lines {
            assert_eq!(line["verdict"], plain[0]["verdict"], "{fault}");
            assert_eq!(line["detections"], plain[0]["detections"], "{fault}");
        }
    }
}

#[test]
fn kernels_that_are_not_there_are_named_with_the_way_to_build_them() {
    let photo = photograph("coffee.png");
    let mut command = agentctl();
    command.args(["--pl", "rtl", "--rtl", "/nonexistent", "-o", "json", "inspect", text(&photo)]);
    let error = run(&mut command).expect(1).error();
    let message = error["message"].as_str().expect("a message");
    assert!(message.contains("/nonexistent/board_pre.so: no Verilated kernel"), "{message}");
    assert!(message.contains("cargo xtask rtl-models"), "{message}");
    let mut command = agentctl();
    command.args(["--pl", "rtl", "--deterministic", "1", "-o", "json", "inspect", text(&photo)]);
    let error = run(&mut command).expect(1).error();
    assert_eq!(error["code"], "option_conflict", "{error}");
    assert!(root().join(".tandem/rtl/board_pre.so").exists(), "cargo xtask rtl-models");
}
