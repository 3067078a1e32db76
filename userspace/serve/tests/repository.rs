//! A repository's folder and the models of it: what is admitted, what stays, what waits.

mod common;

use std::sync::Arc;
use std::time::Instant;

use common::{put, repository, state};
use tandem_engine::tensors::{Buffer, DataType, Elements, Tensor};
use tandem_serve::error::Kind;
use tandem_serve::model::Job;
use tokio::sync::oneshot;

#[test]
fn a_version_is_admitted_when_it_is_renamed_into_place() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "addsub", "1", "1");
    put(folder.path(), "addsub", "2", ".2.part");
    put(folder.path(), "addsub", "2", "02");
    let repository = repository(folder.path());
    assert!(!repository.is_ready());
    repository.load_all().unwrap();
    assert!(repository.is_ready());
    assert_eq!(state(&repository, "addsub"), [("1".to_owned(), "READY")]);
    let model = folder.path().join("addsub");
    std::fs::rename(model.join(".2.part"), model.join("2")).unwrap();
    assert_eq!(repository.get("addsub", "").unwrap().version, 1);
    repository.load("addsub").unwrap();
    assert_eq!(repository.get("addsub", "").unwrap().version, 2);
    assert_eq!(repository.get("addsub", "1").unwrap_err().kind, Kind::NotFound);
}

#[test]
fn what_is_refused_takes_nothing_out_of_service() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "addsub", "1", "1");
    let repository = repository(folder.path());
    repository.load_all().unwrap();
    let model = folder.path().join("addsub");
    let whole = std::fs::read(model.join("1/model.onnx")).unwrap();
    std::fs::create_dir(model.join("2")).unwrap();
    assert!(repository.load("addsub").unwrap_err().message.contains("2/model.onnx"));
    std::fs::write(model.join("2/model.onnx"), &whole[..whole.len() / 2]).unwrap();
    assert!(repository.load("addsub").is_err());
    let states = [("1".to_owned(), "READY"), ("2".to_owned(), "UNAVAILABLE")];
    assert_eq!(state(&repository, "addsub"), states);
    std::fs::write(model.join("2/model.onnx"), &whole).unwrap();
    for (config, said) in [
        ("max_batch_size: 4\ninput { name: \"A\" data_type: TYPE_INT32 dims: 8 }", "do not fit"),
        ("input { name: \"X\" data_type: TYPE_INT32 dims: 16 }", "none of that name"),
        ("input { name: \"A\" data_type: TYPE_FP32 dims: [-1, 16] }", "it is INT32, not FP32"),
        (
            "output { name: \"SUM\" data_type: TYPE_INT32 dims: [-1, 16] label_filename: \"l\" }",
            "/l:",
        ),
        ("name: \"subadd\"", "subadd"),
        ("ensemble_scheduling { }", "line 1, column 1: ensemble_scheduling"),
        ("version_policy { specific { versions: 9 } }", "version 9 is not there"),
    ] {
        std::fs::write(model.join("config.pbtxt"), config).unwrap();
        let error = repository.load("addsub").unwrap_err().message;
        assert!(error.contains(said), "{config}: {error}");
        assert_eq!(repository.get("addsub", "").unwrap().version, 1);
    }
    std::fs::write(model.join("config.pbtxt"), "version_policy { all { } }").unwrap();
    repository.load("addsub").unwrap();
    assert_eq!(repository.versions("addsub").unwrap().len(), 2);
}

#[test]
fn a_version_with_sums_is_admitted_when_they_match() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "text", "1", "1");
    let version = folder.path().join("text/1");
    let sums = version.join("SHA256SUMS");
    let repository = repository(folder.path());
    let zeros = "0".repeat(64);
    for (text, said) in [
        (format!("{zeros}  model.onnx\n"), "another hash"),
        (format!("{zeros}  weights.bin\n"), "not complete"),
        (String::new(), "does not list"),
        ("zz\n".to_owned(), "no line of sha256sum"),
        (format!("{zeros}  ../text/1/model.onnx\n"), "no line of sha256sum"),
    ] {
        std::fs::write(&sums, text).unwrap();
        let error = repository.load("text").unwrap_err().message;
        assert!(error.contains(said), "{error}");
    }
    let output = std::process::Command::new("sha256sum")
        .arg("model.onnx")
        .current_dir(&version)
        .output()
        .unwrap();
    std::fs::write(&sums, output.stdout).unwrap();
    repository.load("text").unwrap();
}

#[test]
fn names_do_not_leave_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("models")).unwrap();
    put(folder.path(), "text", "1", "1");
    let repository = repository(&folder.path().join("models"));
    for name in ["../text", "..", "", ".", "/etc", "a/b"] {
        assert_eq!(repository.load(name).unwrap_err().kind, Kind::NotFound, "{name}");
    }
}

fn rounds(count: i64) -> Tensor {
    let elements = Elements::Numbers(Buffer::copy_of(&count.to_le_bytes()));
    Tensor { datatype: DataType::Int64, shape: Vec::new(), elements }
}

/// ONNX Runtime only: rten reads i64 as i32.
#[test]
fn an_unload_waits_for_what_waits_and_runs() {
    if tandem_engine::find_library().is_none() {
        eprintln!("skipped: no ONNX Runtime, see scripts/setup");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "slow", "1", "1");
    let repository = Arc::new(repository(folder.path()));
    repository.load_all().unwrap();
    let model = repository.get("slow", "").unwrap();
    let mut answers = Vec::new();
    for _ in 0..4 {
        let (reply, answer) = oneshot::channel();
        let inputs = vec![rounds(30)];
        let job =
            Job { inputs, outputs: vec![0], batch: 1, by: None, queued: Instant::now(), reply };
        model.submit(1, job).unwrap();
        answers.push(answer);
    }
    repository.unload("slow", None).unwrap();
    // All were answered before the unload was: nothing is waited for here.
    for mut answer in answers {
        assert!(answer.try_recv().unwrap().is_ok());
    }
    assert_eq!(state(&repository, "slow"), [("1".to_owned(), "UNAVAILABLE")]);
    let (reply, _answer) = oneshot::channel();
    let job = Job {
        inputs: Vec::new(),
        outputs: vec![0],
        batch: 1,
        by: None,
        queued: Instant::now(),
        reply,
    };
    let error = model.submit(1, job).unwrap_err();
    assert_eq!(error.kind, Kind::Unavailable);
    assert_eq!(repository.get("slow", "").unwrap_err().kind, Kind::Unavailable);
    assert_eq!(repository.unload("never", None).unwrap_err().kind, Kind::NotFound);
}
