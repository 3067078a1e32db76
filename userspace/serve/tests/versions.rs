//! How one version takes another's place: the gate, the switch, the way back, the budget, polling.

mod common;

use std::path::Path;
use std::process::Command;

use common::{ask, bytes, data, ints, limited, put, repository, state};
use tandem_serve::error::Kind;
use tandem_serve::model::Model;
use tandem_serve::repository::Repository;

/// Copies a golden sample of `addsub`, one version's into another's folder.
fn put_golden(folder: &Path, version: &str, as_version: &str) {
    let to = folder.join("addsub").join(as_version).join("golden_requests");
    std::fs::create_dir_all(&to).unwrap();
    let from = data("addsub").join(version).join("golden_requests/numbers.json");
    std::fs::copy(from, to.join("numbers.json")).unwrap();
}

fn serving(repository: &Repository) -> u64 {
    repository.get("addsub", "").unwrap().version
}

fn note(repository: &Repository, version: &str) -> String {
    let lines = repository.index(false).unwrap();
    lines.into_iter().find(|line| line.version == version).unwrap().reason
}

/// `first - second` in version 1, the other way round in version 2.
fn difference(model: &Model) -> i32 {
    let input = |number| ints(&[1, 16], &[number; 16]);
    let answer = ask(model, vec![input(7), input(5)], vec![1]).unwrap();
    let ran = answer.blocking_recv().unwrap().unwrap();
    i32::from_le_bytes(bytes(&ran.outputs[0])[..4].try_into().unwrap())
}

#[test]
fn a_version_that_fails_its_golden_samples_never_serves() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "addsub", "1", "1");
    put_golden(folder.path(), "1", "1");
    let repository = repository(folder.path());
    repository.load_all().unwrap();
    assert_eq!(note(&repository, "1"), "");
    // The second network, held against what the first answers.
    put(folder.path(), "addsub", "2", "2");
    put_golden(folder.path(), "1", "2");
    let error = repository.load("addsub").unwrap_err().message;
    for said in [
        "addsub/2",
        "golden_requests/numbers.json",
        "\"DIFFERENCE\"",
        "element 0 is 7, -7 is expected",
    ] {
        assert!(error.contains(said), "{said}: {error}");
    }
    assert_eq!((serving(&repository), difference(&repository.get("addsub", "").unwrap())), (1, 2));
    let states = [("1".to_owned(), "READY"), ("2".to_owned(), "UNAVAILABLE")];
    assert_eq!(state(&repository, "addsub"), states);
    assert!(note(&repository, "2").contains("is expected"));
    // With its own sample it passes.
    put_golden(folder.path(), "2", "2");
    repository.load("addsub").unwrap();
    assert_eq!((serving(&repository), difference(&repository.get("addsub", "").unwrap())), (2, -2));
    // Without any it is served, and the index says what that means.
    put(folder.path(), "addsub", "1", "3");
    repository.load("addsub").unwrap();
    assert!(note(&repository, "3").contains("no golden samples"));
}

#[test]
fn samples_that_are_not_in_order_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "classes", "1", "1");
    let golden = folder.path().join("classes/1/golden_requests");
    std::fs::create_dir(&golden).unwrap();
    let repository = repository(folder.path());
    let request = r#""request": {"inputs": [{"name": "scores", "shape": [4], "datatype": "FP32", "data": [1, 2, 3, 4]}]}"#;
    let response = |data: &str| {
        format!(
            r#""response": {{"outputs": [{{"name": "twice", "shape": [4], "datatype": "FP32", "data": {data}}}]}}"#
        )
    };
    let near = response("[2, 4, 6, 8.01]");
    for (text, said) in [
        ("{".to_owned(), "EOF"),
        (format!("{{{request}}}"), "response"),
        (format!("{{{request}, \"response\": {{\"outputs\": []}}}}"), "no outputs"),
        (format!("{{{request}, {}}}", response("[1]")), "has 4 elements"),
        (format!("{{{request}, {near}, \"tolerance\": {{\"absolute\": -1}}}}"), "from 0 on"),
        (format!("{{{request}, {near}, \"tolerance\": {{\"pixels\": 1}}}}"), "pixels"),
        (
            format!("{{{request}, {near}, \"tolerance\": {{\"absolute\": 0.005}}}}"),
            "element 3 is 8",
        ),
        (format!("{{{request}, {near}}}").replace("twice", "thrice"), "\"thrice\""),
        (format!("{{{request}, {near}}}").replace("scores", "points"), "\"points\""),
    ] {
        std::fs::write(golden.join("a.json"), &text).unwrap();
        let error = repository.load("classes").unwrap_err().message;
        assert!(
            error.contains(said) && error.contains("golden_requests/a.json"),
            "{text}: {error}"
        );
    }
    for tolerance in ["{\"absolute\": 0.011}", "{\"relative\": 0.00126}"] {
        let text = format!("{{{request}, {near}, \"tolerance\": {tolerance}}}");
        std::fs::write(golden.join("a.json"), text).unwrap();
        repository.load("classes").unwrap();
    }
}

#[test]
fn who_has_found_a_version_is_answered_by_it_after_the_switch() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "addsub", "1", "1");
    let repository = repository(folder.path());
    repository.load_all().unwrap();
    let old = repository.get("addsub", "").unwrap();
    put(folder.path(), "addsub", "2", "2");
    repository.load("addsub").unwrap();
    let new = repository.get("addsub", "").unwrap();
    assert_eq!((old.version, new.version), (1, 2));
    assert_eq!((difference(&old), difference(&new)), (2, -2));
    assert_eq!(repository.get("addsub", "1").unwrap_err().kind, Kind::NotFound);
}

#[test]
fn what_has_not_changed_is_not_loaded_again() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "addsub", "1", "1");
    std::fs::write(folder.path().join("addsub/config.pbtxt"), "version_policy { all { } }")
        .unwrap();
    let repository = repository(folder.path());
    repository.load_all().unwrap();
    difference(&repository.get("addsub", "1").unwrap());
    put(folder.path(), "addsub", "2", "2");
    repository.load("addsub").unwrap();
    let runs =
        |version| repository.get("addsub", version).unwrap().statistics.counts().execution_count;
    assert_eq!((runs("1"), runs("2")), (1, 0));
}

#[test]
fn a_withdrawn_version_gives_way_to_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "addsub", "2", "2");
    let repository = repository(folder.path());
    repository.load_all().unwrap();
    let error = repository.unload("addsub", Some("2")).unwrap_err();
    assert!(error.message.contains("withdrawn"), "{error}");
    assert_eq!(serving(&repository), 2);
    put(folder.path(), "addsub", "1", "1");
    assert_eq!(repository.unload("addsub", Some("1")).unwrap_err().kind, Kind::NotFound);
    repository.unload("addsub", Some("2")).unwrap();
    assert_eq!((serving(&repository), difference(&repository.get("addsub", "").unwrap())), (1, 2));
    // Polling does not bring it back, a load does.
    std::fs::write(folder.path().join("addsub/1/note.txt"), "changed").unwrap();
    repository.poll();
    assert_eq!(serving(&repository), 1);
    repository.load("addsub").unwrap();
    assert_eq!(serving(&repository), 2);
}

#[test]
fn a_budget_refuses_what_does_not_fit() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "addsub", "1", "1");
    let size = std::fs::metadata(data("addsub").join("1/model.onnx")).unwrap().len();
    // Room for one and a half: four times its file each.
    let repository = limited(folder.path(), Some(6 * size));
    repository.load_all().unwrap();
    put(folder.path(), "addsub", "2", "2");
    let error = repository.load("addsub").unwrap_err();
    assert_eq!(error.kind, Kind::TooLarge);
    for said in ["addsub/2", &format!("addsub/1 {}", 4 * size), &format!("{}", 6 * size)] {
        assert!(error.message.contains(said), "{said}: {error}");
    }
    assert_eq!(serving(&repository), 1);
    // Memory comes back with an unload, not before.
    repository.unload("addsub", None).unwrap();
    repository.load("addsub").unwrap();
    assert_eq!(serving(&repository), 2);
}

/// Writes version 2 of `addsub` in place and is killed after `steps` of it.
fn killed_writer(folder: &Path, steps: usize) {
    let script = [
        "mkdir 2",
        "head -c 100 \"$FROM/model.onnx\" > 2/model.onnx",
        "cat \"$FROM/model.onnx\" > 2/model.onnx",
        "mkdir 2/golden_requests",
        "cp \"$FROM/golden_requests/numbers.json\" 2/golden_requests/",
        "(cd 2 && sha256sum model.onnx > SHA256SUMS.new && head -c 40 SHA256SUMS.new > SHA256SUMS && rm SHA256SUMS.new)",
        "(cd 2 && sha256sum model.onnx golden_requests/numbers.json > SHA256SUMS)",
    ];
    let script = format!("set -e\n{}\nkill -KILL $$", script[..steps].join("\n"));
    let mut writer = Command::new("bash");
    writer.args(["-c", &script]).current_dir(folder).env("FROM", data("addsub").join("2"));
    assert_eq!(writer.status().unwrap().code(), None, "it was killed");
}

#[test]
fn polling_serves_nothing_of_a_writer_that_was_killed() {
    for steps in 0..=7 {
        let folder = tempfile::tempdir().unwrap();
        put(folder.path(), "addsub", "1", "1");
        let repository = repository(folder.path());
        repository.load_all().unwrap();
        killed_writer(&folder.path().join("addsub"), steps);
        // The second poll sees a folder that has been still.
        repository.poll();
        repository.poll();
        assert_eq!(serving(&repository), if steps == 7 { 2 } else { 1 }, "after {steps} steps");
        let states = state(&repository, "addsub");
        let refused = states.iter().filter(|(_, state)| *state == "UNAVAILABLE").count();
        assert_eq!(refused, usize::from((1..=6).contains(&steps)), "{states:?}");
    }
}

#[test]
fn polling_follows_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "text", "1", "1");
    let repository = repository(folder.path());
    repository.load_all().unwrap();
    // A new model, sealed in both its folders.
    put(folder.path(), "addsub", "1", "1");
    put(folder.path(), "addsub", "2", "2");
    let model = folder.path().join("addsub");
    let seal = |folder: &Path, file: &str| {
        let script = format!("sha256sum {file} > SHA256SUMS.part && mv SHA256SUMS.part SHA256SUMS");
        let sealed = Command::new("sh").args(["-c", &script]).current_dir(folder).status();
        assert!(sealed.unwrap().success());
    };
    std::fs::write(model.join("config.pbtxt"), "version_policy { all { } }").unwrap();
    seal(&model.join("1"), "model.onnx");
    seal(&model.join("2"), "model.onnx");
    repository.poll();
    assert!(repository.get("addsub", "").is_err(), "its configuration is not sealed");
    seal(&model, "config.pbtxt");
    repository.poll();
    assert_eq!(repository.versions("addsub").unwrap().len(), 2);
    // A version goes, a configuration changes, a model goes.
    std::fs::remove_dir_all(model.join("2")).unwrap();
    repository.poll();
    assert_eq!(serving(&repository), 1);
    std::fs::write(model.join("config.pbtxt"), "max_batch_size: 4").unwrap();
    repository.poll();
    assert_eq!(repository.get("addsub", "").unwrap().config.max_batch_size, 0);
    seal(&model, "config.pbtxt");
    repository.poll();
    assert_eq!(repository.get("addsub", "").unwrap().config.max_batch_size, 4);
    std::fs::remove_dir_all(&model).unwrap();
    repository.poll();
    assert_eq!(repository.get("addsub", "").unwrap_err().kind, Kind::NotFound);
    assert!(state(&repository, "addsub").is_empty());
    assert!(repository.get("text", "").is_ok());
}
