//! The program as scripts use it: its own process against a whole agent on a socket, or against a
//! virtual board.

mod common;

use common::{Bench, agentctl, card, lines, stderr, userspace};
use serde_json::Value;

#[test]
fn inspect_prints_an_object_a_line_and_exits_by_its_outcome() {
    let bench = Bench::start();
    let (good, png) = (card("baseline.jpg"), card("rgb.png"));
    let (good, png) = (good.to_str().unwrap(), png.to_str().unwrap());
    let output = bench.run(&["inspect", good, png, "-o", "json"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let answers = lines(&output);
    assert_eq!(answers.len(), 2);
    let answer = &answers[0];
    assert_eq!(answer["image"], good);
    assert_eq!(answer["verdict"]["result"], "pass");
    assert_eq!(answer["verdict"]["rule"], "default");
    assert_eq!(answer["verdict"]["deadline_met"], true);
    assert_eq!(answer["detections"][0]["label"], "person");
    assert_eq!(answer["detections"][0]["box"].as_array().unwrap().len(), 4);
    assert_eq!(answer["stages"][1]["name"], "pre");
    assert_eq!(answer["stages"][1]["silicon"], "pl");
    assert_eq!(answer["degraded"].as_array().unwrap().len(), 0);

    let fails = ["--recipe", "fails", "inspect", good];
    assert_eq!(bench.run(&fails).status.code(), Some(0), "a verdict is no failure");
    let strict = [&fails[..], &["--fail-on-verdict"]].concat();
    assert_eq!(bench.run(&strict).status.code(), Some(3));
}

#[test]
fn a_refused_image_is_a_line_with_its_code_and_the_next_one_is_inspected() {
    let bench = Bench::start();
    let bytes = std::fs::read(card("baseline.jpg")).unwrap();
    let cut = bench.path("cut.jpg");
    std::fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    let missing = bench.path("missing.jpg");
    let good = card("rgb.png");
    let files = [&cut, &missing, &good].map(|path| path.to_str().unwrap());
    let output = bench.run(&[&["inspect", "-o", "json"], &files[..]].concat());
    assert_eq!(output.status.code(), Some(1));
    let answers = lines(&output);
    assert_eq!(answers[0]["error"]["code"], "image_truncated");
    assert_eq!(answers[0]["error"]["field"], "image");
    assert_eq!(answers[1]["error"]["code"], "file_unreadable");
    assert_eq!(answers[2]["verdict"]["result"], "pass");
    let output = bench.run(&["--recipe", "nobody", "inspect", files[2], "-o", "json"]);
    assert_eq!(lines(&output)[0]["error"]["code"], "recipe_unknown");
}

#[test]
fn annotated_pictures_are_written_and_a_full_disk_is_told() {
    let bench = Bench::start();
    let image = card("baseline.jpg");
    let image = image.to_str().unwrap();
    let pictures = bench.path("pictures");
    let to = pictures.to_str().unwrap();
    let output = bench.run(&["inspect", image, "--annotate", to]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let png = std::fs::read(pictures.join("baseline.png")).unwrap();
    assert!(png.starts_with(b"\x89PNG"));

    std::fs::remove_file(pictures.join("baseline.png")).unwrap();
    std::os::unix::fs::symlink("/dev/full", pictures.join("baseline.png")).unwrap();
    let output = bench.run(&["inspect", image, "--annotate", to, "-o", "json"]);
    assert_eq!(output.status.code(), Some(1));
    let error = &lines(&output)[0]["error"];
    assert_eq!(error["code"], "file_unwritable");
    assert!(error["field"].as_str().unwrap().ends_with("baseline.png"), "{error}");
    assert!(bench.run(&["tensor", image, "/dev/full"]).status.code() == Some(1));
    // Nothing of that hurt the agent.
    assert_eq!(bench.run(&["inspect", image]).status.code(), Some(0));
}

#[test]
fn every_question_has_an_answer_in_json() {
    let bench = Bench::start();
    let image = card("rgb.png");
    let image = image.to_str().unwrap();
    let status = &bench.json(&["status"])[0];
    assert_eq!(status["simulated"], true);
    assert_eq!(status["report"]["peer"]["state"], "up");
    let ping = &bench.json(&["ping", "-n", "20"])[0];
    assert_eq!(ping["answered"], 20);
    let report = &bench.json(&["bench", image, "-n", "4", "--warmup", "1", "--in-flight", "2"])[0];
    assert_eq!((&report["count"], &report["degraded"]), (&Value::from(4), &Value::from(0)));
    assert!(report["stages"][0]["p90_us"].as_f64().unwrap() > 0.0);
    assert_eq!(bench.json(&["stats"])[0]["flow"]["answered"], 5);
    assert!(bench.json(&["logs"]).iter().any(|line| line["level"] == "info"));
    let tensor = bench.path("tensor.bin");
    let written = &bench.json(&["tensor", image, tensor.to_str().unwrap()])[0];
    assert_eq!(written["bytes"], 3 * 416 * 416);
    assert_eq!(std::fs::metadata(&tensor).unwrap().len(), 3 * 416 * 416);
}

#[test]
fn faults_are_listed_planted_and_survived() {
    let bench = Bench::start();
    let image = card("rgb.png");
    let image = image.to_str().unwrap();
    let list = &bench.json(&["fault", "list"])[0];
    assert!(list["available"].as_array().unwrap().contains(&Value::from("lost_interrupt:pre")));
    let answer = &bench.json(&["inspect", image, "--fault", "hung_kernel:post"])[0];
    assert_eq!(answer["degraded"], serde_json::json!(["kernel_hung"]));
    assert_eq!(answer["verdict"]["result"], "pass");
    let unknown = bench.run(&["fault", "inject", "gremlin:pre"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(stderr(&unknown).contains("fault list"), "{}", stderr(&unknown));
}

#[test]
fn recipes_are_checked_explained_and_switched() {
    let bench = Bench::start();
    let image = card("rgb.png");
    let image = image.to_str().unwrap();
    let bad = bench.path("bad.toml");
    let text = "model = \"yolov3-tiny/1\"\n[[rules]]\nname = \"a\"\nkind = \"count\"\nmni = 1\n";
    std::fs::write(&bad, text).unwrap();
    let bad = bad.to_str().unwrap();
    for output in [bench.run(&["recipe", "check", bad]), agentctl(&["recipe", "check", bad])] {
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr(&output).contains("bad.toml:5:1: mni: "), "{}", stderr(&output));
    }
    for entry in std::fs::read_dir(userspace().join("recipes")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let output = agentctl(&["recipe", "check", path.to_str().unwrap()]);
            assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        }
    }
    let explained = &bench.json(&["--recipe", "fails", "recipe", "explain", image])[0];
    assert_eq!(explained["explanation"]["rules"][0]["measured"], 1.0);
    assert_eq!(explained["explanation"]["result"], "fail");
    assert_eq!(bench.run(&["recipe", "switch", "fials"]).status.code(), Some(1));
    assert_eq!(bench.run(&["recipe", "switch", "fails"]).status.code(), Some(0));
    let list = &bench.json(&["recipe", "list"])[0];
    let active = list.as_array().unwrap().iter().find(|recipe| recipe["active"] == true);
    assert_eq!(active.unwrap()["name"], "fails");
}

#[test]
fn a_kernel_gives_the_same_bytes_on_model_and_board() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let template = agentctl(&["kernel", "run", "--template", "pre"]);
    std::fs::write(path("pre.json"), &template.stdout).unwrap();
    let frame: Vec<u8> = (0..640 * 480 * 3u32).map(|i| (i * 31 % 253) as u8).collect();
    std::fs::write(path("frame"), &frame).unwrap();
    for on in ["model", "board"] {
        let run = ["kernel", "run", &path("pre.json"), &path("frame"), &path(on), "--on", on];
        let output = agentctl(&run);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    }
    let read = |name: &str| std::fs::read(path(name)).unwrap();
    assert_eq!(read("model").len(), 3 * 416 * 416);
    assert!(read("model") == read("board"), "the same bytes");
    std::fs::write(path("short"), &frame[1..]).unwrap();
    let output = agentctl(&["kernel", "run", &path("pre.json"), &path("short"), &path("x")]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("the parameters need 921600"), "{}", stderr(&output));
}

#[test]
fn start_errors_name_the_thing_and_the_next_step() {
    let code = |arguments: &[&str]| {
        let output = agentctl(&[arguments, &["status", "-o", "json"]].concat());
        assert_eq!(output.status.code(), Some(1));
        let error: Value = serde_json::from_str(stderr(&output).lines().last().unwrap()).unwrap();
        error["error"]["code"].as_str().unwrap().to_owned()
    };
    assert_eq!(code(&["--models", "/nonexistent"]), "folder_missing");
    assert_eq!(code(&["--recipes", "/nonexistent"]), "folder_missing");
    assert_eq!(code(&["--recipe", "nobody"]), "recipe_unknown");
    assert_eq!(code(&["--board", "/nonexistent.toml"]), "board_invalid");
    let library = ["--engine", "ort", "--library", "/nonexistent/libonnxruntime.so"];
    assert_eq!(code(&library), "library_missing");
    let output = agentctl(&["--target", "unix:///nonexistent/agent.sock", "status"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("start agentd"), "{}", stderr(&output));
    assert_eq!(agentctl(&["--target", "carrier-pigeon", "status"]).status.code(), Some(2));
    assert_eq!(agentctl(&["no-such-command"]).status.code(), Some(2));
}

#[test]
fn completion_and_help_teach() {
    for shell in ["bash", "zsh", "fish"] {
        let output = agentctl(&["completion", shell]);
        assert!(String::from_utf8_lossy(&output.stdout).contains("agentctl"), "{shell}");
    }
    let help = agentctl(&["--help"]);
    assert!(String::from_utf8_lossy(&help.stdout).contains("Exit codes"));
}
