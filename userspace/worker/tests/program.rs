//! The real program over real TCP: death, silence, refusals.

mod common;

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use common::program::{Worker, in_process, remote};
use common::*;
use rustix::process::Signal;
use tandem_engine::{Engine, EngineChoice, EngineError, Model};
use tandem_worker::{Absent, RemoteEngine};

#[test]
fn heads_are_those_of_the_same_runtime_in_this_process() {
    let (worker, model) = (Worker::tiny(), model());
    let mut engine = worker.connect(&model).unwrap();
    for seed in 0..3 {
        let tensor = tensor(&model, seed);
        let heads = remote(&mut engine, &model, &tensor).unwrap();
        assert!(heads == in_process(&model, &tensor, EngineChoice::Rten));
    }
    drop(engine);
    let (code, counted) = worker.stop();
    assert_eq!((code, &counted["stopped"]["jobs_done"]), (Some(0), &3.into()));
}

#[test]
fn a_worker_killed_under_a_job_and_back_under_a_new_epoch() {
    let (worker, model) = (Worker::tiny(), model());
    let port = worker.port().to_owned();
    let tensor = tensor(&model, 1);
    let mut engine = worker.connect(&model).unwrap();
    let good = remote(&mut engine, &model, &tensor).unwrap();
    let first = engine.epochs().unwrap();
    // Stopped, it cannot answer; so the job is under way when it is killed.
    worker.signal(Signal::STOP);
    let killer = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(50));
        drop(worker);
    });
    let lost = remote(&mut engine, &model, &tensor);
    assert!(matches!(lost, Err(EngineError::Lost { .. })), "{lost:?}");
    killer.join().unwrap();
    let began = Instant::now();
    for _ in 0..20 {
        assert!(remote(&mut engine, &model, &tensor).is_err());
    }
    assert!(began.elapsed() < LONG / 4, "jobs fail fast while it is gone");
    let again = Worker::start(&tiny(), &["--engine", "rten", "--listen", &port]);
    until("it is back", || {
        engine.tend();
        engine.presence().ready
    });
    assert!(remote(&mut engine, &model, &tensor).unwrap() == good);
    let second = engine.epochs().unwrap();
    assert!(first.0 != second.0 && first.1 != second.1, "{first:?} {second:?}");
    assert_eq!(engine.presence().losses, 1);
    drop(engine);
    let (code, counted) = again.stop();
    assert_eq!((code, &counted["stopped"]["sessions"]), (Some(0), &1.into()));
}

#[test]
fn a_worker_that_stands_still_is_found_by_its_silence() {
    let (worker, model) = (Worker::tiny(), model());
    let tensor = tensor(&model, 1);
    let mut engine = worker.connect(&model).unwrap();
    remote(&mut engine, &model, &tensor).unwrap();
    worker.signal(Signal::STOP);
    // The job has two minutes; the silence ends it long before.
    let began = Instant::now();
    match remote(&mut engine, &model, &tensor) {
        Err(EngineError::Lost { reason, .. }) => assert!(reason.contains("silent"), "{reason}"),
        other => panic!("{other:?}"),
    }
    assert!(began.elapsed() < LONG / 2);
    worker.signal(Signal::CONT);
    until("it is taken back", || {
        engine.tend();
        engine.presence().ready
    });
    remote(&mut engine, &model, &tensor).unwrap();
    // Between two jobs it is found, too.
    worker.signal(Signal::STOP);
    until("its silence is seen", || {
        engine.tend();
        std::thread::sleep(Duration::from_millis(10));
        !engine.presence().ready
    });
    assert_eq!(engine.presence().losses, 2);
    worker.signal(Signal::CONT);
}

/// A copy of the tiny model that a test may change.
fn copy(change: impl Fn(&str) -> String) -> (tempfile::TempDir, PathBuf) {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("tiny-v5/1");
    std::fs::create_dir_all(&folder).unwrap();
    for entry in std::fs::read_dir(tiny()).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, folder.join(path.file_name().unwrap())).unwrap();
    }
    let text = std::fs::read_to_string(folder.join("model.toml")).unwrap();
    std::fs::write(folder.join("model.toml"), change(&text)).unwrap();
    (root, folder)
}

#[test]
fn another_model_is_refused_with_both_sides_named() {
    let worker = Worker::tiny();
    let other_weights = copy(|text| {
        let start = text.find("sha256 = \"").unwrap() + 10;
        format!("{}{}{}", &text[..start], "ab".repeat(32), &text[start + 64..])
    });
    let other_order = copy(|text| text.replacen("order = \"bgr\"", "order = \"rgb\"", 1));
    for (_, folder) in [&other_weights, &other_order] {
        let other = Model::load(folder).unwrap();
        assert!(other.id() == model().id());
        match worker.connect(&other) {
            Err(EngineError::Model { field, reason, .. }) => {
                assert!(field.contains(&worker.listen), "{field}");
                assert!(reason.matches("tiny-v5/1 (sha256").count() == 2, "{reason}");
            }
            other => panic!("{other:?}"),
        }
    }
    // A worker that is not there at all says what to do.
    let nobody = "tcp://127.0.0.1:1".parse().unwrap();
    let error = RemoteEngine::connect(&model(), nobody, Absent::Refuse).unwrap_err().to_string();
    assert!(error.contains("start gpu-worker"), "{error}");
}

#[test]
fn garbage_on_the_port_is_counted_and_hurts_nobody() {
    let (worker, model) = (Worker::tiny(), model());
    let mut engine = worker.connect(&model).unwrap();
    for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 1024], &[0xff; 256]] {
        let mut socket = std::net::TcpStream::connect(worker.port()).unwrap();
        socket.write_all(garbage).unwrap();
        socket.set_read_timeout(Some(LONG)).unwrap();
        // It may have hung up already, which leaves nothing to shut down.
        let _ = socket.shutdown(std::net::Shutdown::Write);
        // What it says is a refusal or nothing; then it hangs up, by a reset where bytes were left.
        let mut heard = Vec::new();
        let _ = socket.read_to_end(&mut heard);
    }
    remote(&mut engine, &model, &tensor(&model, 1)).unwrap();
    drop(engine);
    let (code, counted) = worker.stop();
    assert_eq!(code, Some(0));
    // The first one is too short for a message: it ended before there was one.
    assert_eq!(counted["stopped"]["refused_bad_message"], 2);
    assert!(counted["stopped"]["closed_by_client"].as_u64() >= Some(1), "{counted}");
}

#[test]
fn wrong_command_lines_and_folders_say_what_to_do() {
    let run = |arguments: &[&str]| {
        let output =
            Command::new(env!("CARGO_BIN_EXE_gpu-worker")).args(arguments).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).unwrap())
    };
    let tiny = tiny();
    let tiny = tiny.to_str().unwrap();
    for (arguments, code, says) in [
        (&["--help"][..], 0, "agentd --engine tcp://HOST:7700"),
        (&[], 2, "--model"),
        (&["--model", tiny, "--slots", "0"], 2, "--slots"),
        (&["--model", tiny, "--engine", "cuda"], 2, "auto, ort, rten"),
        (&["--model", "/nowhere"], 1, "/nowhere"),
        (&["--model", tiny, "--listen", "1.2.3.4:1"], 1, "--listen 1.2.3.4:1 cannot be opened"),
    ] {
        let (exit, text) = run(arguments);
        assert!(exit == Some(code) && text.contains(says), "{arguments:?}: {exit:?} {text}");
    }
}
