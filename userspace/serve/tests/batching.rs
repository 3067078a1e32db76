//! Batches made of several requests: what is run together, who gets what of it.

mod common;

use std::path::Path;
use std::sync::Arc;

use common::{ask, bytes, ints, put, repository};
use tandem_serve::model::Model;
use tandem_serve::repository::Repository;

/// A minute: nothing in these tests goes because it is over.
const RULE: &str = "max_batch_size: 8\n\
    dynamic_batching { preferred_batch_size: 4 max_queue_delay_microseconds: 60000000 }";

fn served(folder: &Path, name: &str, config: &str) -> (Repository, Arc<Model>) {
    put(folder, name, "1", "1");
    std::fs::write(folder.join(name).join("config.pbtxt"), config).unwrap();
    let repository = repository(folder);
    repository.load(name).unwrap();
    let model = repository.get(name, "").unwrap();
    (repository, model)
}

fn numbers(bytes: &[u8]) -> Vec<i32> {
    bytes.as_chunks::<4>().0.iter().map(|number| i32::from_le_bytes(*number)).collect()
}

#[test]
fn requests_run_together_and_each_gets_its_own_rows() {
    let folder = tempfile::tempdir().unwrap();
    let (_repository, model) = served(folder.path(), "addsub", RULE);
    // 1 + 2 + 1 rows make the preferred size of 4. The outputs that each wants differ.
    let rows = |first: i32, count: usize| -> Vec<i32> {
        (0..count * 16).map(|at| first + at as i32).collect()
    };
    let wanted = [(1, vec![0, 1]), (2, vec![1]), (1, vec![1, 0])];
    let mut answers = Vec::new();
    for (at, (count, outputs)) in wanted.iter().enumerate() {
        let a = ints(&[*count, 16], &rows(1000 * at as i32, *count));
        let b = ints(&[*count, 16], &vec![at as i32; count * 16]);
        answers.push(ask(&model, vec![a, b], outputs.clone()).unwrap());
    }
    for (at, (answer, (count, outputs))) in answers.into_iter().zip(wanted).enumerate() {
        let ran = answer.blocking_recv().unwrap().unwrap();
        for (output, index) in ran.outputs.iter().zip(outputs) {
            let sign = if index == 0 { 1 } else { -1 };
            let want: Vec<i32> =
                rows(1000 * at as i32, count).iter().map(|a| a + sign * at as i32).collect();
            assert_eq!(output.shape, [count, 16]);
            assert_eq!(numbers(bytes(output)), want, "request {at}, output {index}");
        }
    }
    let counts = model.statistics.counts();
    assert_eq!(counts.execution_count, 1);
    assert_eq!(counts.batches.keys().copied().collect::<Vec<_>>(), [4]);
}

#[test]
fn what_waits_for_more_is_run_when_the_model_goes() {
    let folder = tempfile::tempdir().unwrap();
    let (repository, model) = served(folder.path(), "addsub", RULE);
    let one = || ints(&[1, 16], &[3; 16]);
    let answers: Vec<_> =
        (0..3).map(|_| ask(&model, vec![one(), one()], vec![0]).unwrap()).collect();
    assert_eq!(model.pending(), 3);
    repository.unload("addsub", None).unwrap();
    for mut answer in answers {
        let ran = answer.try_recv().unwrap().unwrap();
        assert_eq!(numbers(bytes(&ran.outputs[0])), [6; 16]);
    }
    assert_eq!(model.statistics.counts().batches.keys().copied().collect::<Vec<_>>(), [3]);
}

#[test]
fn a_bad_request_fails_no_other_of_its_batch() {
    let folder = tempfile::tempdir().unwrap();
    let (_repository, model) = served(folder.path(), "pick", RULE);
    let mut answers = Vec::new();
    for index in [0, 1, 99, 3] {
        answers.push((index, ask(&model, vec![ints(&[1, 2], &[index; 2])], vec![0]).unwrap()));
    }
    for (index, answer) in answers {
        match answer.blocking_recv().unwrap() {
            Ok(ran) => {
                let want: Vec<u8> =
                    [index as f32 + 0.5; 2].iter().flat_map(|x| x.to_le_bytes()).collect();
                assert_eq!(bytes(&ran.outputs[0]), want, "{index}");
            }
            Err(error) => assert_eq!(index, 99, "{error}"),
        }
    }
    assert_eq!(model.statistics.counts().execution_count, 3);
}

#[test]
fn without_dynamic_batching_each_runs_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (_repository, model) = served(folder.path(), "addsub", "max_batch_size: 8");
    let one = || ints(&[1, 16], &[3; 16]);
    let answers: Vec<_> =
        (0..4).map(|_| ask(&model, vec![one(), one()], vec![0]).unwrap()).collect();
    answers.into_iter().for_each(|answer| drop(answer.blocking_recv().unwrap().unwrap()));
    assert_eq!(model.statistics.counts().execution_count, 4);
}
