//! `agentctl` as scripts use it, with the real model: keys and types of its JSON, exit codes.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;
use tandem_tests::programs::{agentctl, ctl, run};
use tandem_tests::repository::{photograph, text};

#[track_caller]
fn assert_keys(value: &Value, keys: &[&str]) {
    let have: BTreeSet<_> = value.as_object().expect("an object").keys().cloned().collect();
    assert_eq!(have, keys.iter().map(|key| (*key).to_owned()).collect(), "{value}");
}

#[test]
fn inspect_prints_the_keys_and_types_that_scripts_rely_on() {
    let photos = [photograph("bus.jpg"), photograph("coffee.png")];
    let [bus, coffee] = photos.each_ref().map(|path| text(path));
    let arguments = ["--target", "virtual", "inspect", bus, coffee, "-o", "json"];
    let lines = ctl(&arguments).expect(0).lines();
    assert_eq!(lines.len(), 2);
    for (line, image) in lines.iter().zip([bus, coffee]) {
        let keys =
            ["image", "size", "verdict", "detections", "stages", "degraded", "model", "recipe"];
        assert_keys(line, &[&keys[..], &["error", "tag", "route"]].concat());
        assert_eq!(line["image"], image);
        let verdict = &line["verdict"];
        assert_keys(verdict, &["result", "rule", "reason", "deadline_met"]);
        assert_eq!(verdict["result"], "pass");
        assert!(verdict["rule"].is_string() && verdict["reason"].is_string(), "{verdict}");
        assert_eq!(verdict["deadline_met"], true);
        let [width, height] = [0, 1].map(|i| line["size"][i].as_f64().expect("a side"));
        let objects = line["detections"].as_array().expect("a list");
        assert!(!objects.is_empty(), "the model finds something on {image}");
        for object in objects {
            assert_keys(object, &["label", "score", "box"]);
            assert!(object["label"].is_string(), "{object}");
            let score = object["score"].as_f64().expect("a number");
            assert!((0.0..=1.0).contains(&score), "{object}");
            let edges = object["box"].as_array().expect("a list");
            let edges: Vec<f64> = edges.iter().map(|edge| edge.as_f64().expect("x")).collect();
            let [x1, y1, x2, y2] = edges[..] else { panic!("{object}: four edges") };
            assert!(0.0 <= x1 && x1 < x2 && x2 <= width, "{object}: pixels of the source");
            assert!(0.0 <= y1 && y1 < y2 && y2 <= height, "{object}: pixels of the source");
        }
        let stages = line["stages"].as_array().expect("a list");
        let expected =
            [("ingest", "cpu"), ("pre", "pl"), ("main", "cpu"), ("post", "pl"), ("verdict", "cpu")];
        assert_eq!(stages.len(), expected.len());
        for (stage, (name, silicon)) in stages.iter().zip(expected) {
            assert_keys(stage, &["name", "silicon", "us"]);
            assert_eq!((&stage["name"], &stage["silicon"]), (&name.into(), &silicon.into()));
            assert!(stage["us"].as_f64().expect("a number") >= 0.0, "{stage}");
        }
        assert_eq!(line["degraded"].as_array().map(Vec::len), Some(0));
    }
    assert_eq!(lines[0]["size"], serde_json::json!([810, 1080]));
}

#[test]
fn a_degraded_image_says_why_and_is_answered_alike() {
    let bus = photograph("bus.jpg");
    let bus = text(&bus);
    let faults = ["--fault", "hung_kernel:pre", "--fault", "slave_error:post"];
    let arguments = [&["inspect", "-o", "json", bus, bus], &faults[..]].concat();
    let lines = ctl(&arguments).expect(0).lines();
    let names: BTreeSet<_> =
        lines[0]["degraded"].as_array().expect("a list").iter().map(Value::to_string).collect();
    assert_eq!(names, ["\"dma_slave_error\"", "\"kernel_hung\""].map(str::to_owned).into());
    assert_eq!(lines[1]["degraded"].as_array().map(Vec::len), Some(0));
    for key in ["detections", "verdict"] {
        assert_eq!(lines[0][key], lines[1][key], "{key}");
    }
    for (i, silicon) in [(0, "cpu"), (1, "pl")] {
        assert_eq!(lines[i]["stages"][1]["silicon"], silicon);
        assert_eq!(lines[i]["stages"][3]["silicon"], silicon);
    }
}

#[test]
fn tensor_and_kernel_run_agree() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| text(&folder.path().join(name)).to_owned();
    // The photograph as raw pixels: what the board's kernel is given, and the tool too.
    let picture = tandem_tests::picture::Picture::photograph(&photograph("coffee.png"));
    std::fs::write(path("pixels"), &picture.bytes).expect("a file");
    let model = tandem_tests::repository::model();
    let params = model.pre_params(picture.frame).expect("a good frame");
    let spec = serde_json::json!({ "kernel": "pre", "params": params });
    std::fs::write(path("spec.json"), spec.to_string()).expect("a file");
    let files = [path("spec.json"), path("pixels"), path("by kernel")];
    ctl(&["kernel", "run", &files[0], &files[1], &files[2]]).expect(0);
    let coffee = photograph("coffee.png");
    ctl(&["--target", "virtual", "tensor", text(&coffee), &path("by tensor")]).expect(0);
    let read = |name: &str| std::fs::read(path(name)).expect("an output");
    assert_eq!(read("by kernel").len(), 3 * 416 * 416);
    assert!(read("by kernel") == read("by tensor"), "the model's tensor is the kernel's output");
    // `-` is standard output, and nothing else is on it.
    let piped = ctl(&["tensor", text(&coffee), "-"]).expect(0);
    assert!(piped.stdout == read("by tensor"));
}

#[test]
fn channels_tell_kind_bound_and_what_this_machine_lacks() {
    let answer = ctl(&["--target", "virtual", "channels", "-o", "json"]).expect(0);
    let report = &answer.lines()[0];
    assert_keys(report, &["channels", "kinds"]);
    let channels = report["channels"].as_array().expect("a list");
    let kinds: Vec<_> = channels.iter().map(|channel| &channel["spec"]["kind"]).collect();
    assert_eq!(kinds, ["axi-stream", "axi-stream", "mmap"]);
    for channel in channels {
        assert_keys(channel, &["spec", "bound_ns", "figures"]);
        // Simulated silicon has no line, and nothing travels to a runtime of this process.
        assert_eq!((&channel["bound_ns"], &channel["spec"]["line"]), (&0.into(), &Value::Null));
    }
    let kinds = report["kinds"].as_array().expect("a list");
    assert_eq!(kinds.len(), 6);
    for kind in kinds {
        assert_keys(kind, &["kind", "possible", "why"]);
        assert!(!kind["why"].as_str().expect("a reason").is_empty(), "{kind}");
    }
}

#[test]
fn exit_codes_tell_what_happened() {
    let bus = photograph("bus.jpg");
    let bus = text(&bus);
    ctl(&["--recipe", "people-and-vehicles", "inspect", bus]).expect(0);
    let refused = ctl(&["inspect", "/nonexistent.jpg", bus, "-o", "json"]).expect(1).lines();
    assert_eq!(refused[0]["error"]["code"], "file_unreadable");
    assert_eq!(refused[1]["verdict"]["result"], "pass");
    ctl(&["inspect"]).expect(2);
    ctl(&["--target", "telegraph", "status"]).expect(2);
    let coffee = photograph("coffee.png");
    let strict = ["--recipe", "people-and-vehicles", "inspect", "--fail-on-verdict", text(&coffee)];
    ctl(&strict).expect(3);
}

#[test]
fn completion_is_a_script_that_bash_accepts() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = folder.path().join("completion");
    let completion = ctl(&["completion", "bash"]).expect(0);
    std::fs::write(&script, &completion.stdout).expect("a file");
    run(Command::new("bash").arg("-n").arg(&script)).expect(0);
    // Sourced, it completes: the commands are known to it.
    let words = "source \"$1\"; COMP_WORDS=(agentctl insp); COMP_CWORD=1; \
                 _agentctl agentctl insp agentctl; echo \"${COMPREPLY[@]}\"";
    let ran = run(Command::new("bash").args(["-c", words, "bash"]).arg(&script)).expect(0);
    assert_eq!(ran.stdout_text().trim(), "inspect");
    run(agentctl().arg("--help")).expect(0);
}
