//! A real photograph and the real model: the detections of the runtime in this process, for clients
//! at once. Without the assets of scripts/setup it says so and is skipped.

mod common;

use std::io::Cursor;
use std::path::Path;

use common::program::{Worker, in_process, remote};
use tandem_engine::{EngineChoice, Model, find_library};
use tandem_model::post::{Detection, PostScratch, postprocess, read_result};
use tandem_model::pre::{Frame, Tables, preprocess};

/// What is found in heads.
fn detections(model: &Model, heads: &[u8]) -> Vec<Detection> {
    let post = model.post_params();
    let mut result = vec![0; post.result_bytes()];
    postprocess(&post, heads, &mut result, &mut Box::new(PostScratch::new())).unwrap();
    read_result(&result).unwrap().1.collect()
}

#[test]
fn detections_are_those_of_the_same_runtime_in_this_process() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = root.join("userspace/models/yolov3-tiny/1");
    let (model, photo) = (Model::load(&folder).unwrap(), root.join(".tandem/photos/bus.jpg"));
    if !model.weights_path().exists() || !photo.exists() {
        return eprintln!("skipped: no weights or no photograph (run scripts/setup)");
    }
    let choice = find_library().map_or(EngineChoice::Rten, |_| EngineChoice::Ort);
    let mut decoder = zune_jpeg::JpegDecoder::new(Cursor::new(std::fs::read(photo).unwrap()));
    let pixels = decoder.decode().unwrap();
    let (width, height) = decoder.dimensions().unwrap();
    let pre = model.pre_params(Frame::rgb8(width as u16, height as u16)).unwrap();
    let mut tensor = vec![0; model.tensor_bytes()];
    preprocess(&pre, &Tables::NONE, &pixels, &mut tensor).unwrap();
    let heads = in_process(&model, &tensor, choice);
    let expected = detections(&model, &heads);
    assert!(expected.len() >= 4, "people and a bus: {expected:?}");
    let engine = choice.to_string();
    let worker = Worker::start(&folder, &["--engine", &engine, "--listen", "127.0.0.1:0"]);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut engine = worker.connect(&model).unwrap();
                for _ in 0..3 {
                    let answer = remote(&mut engine, &model, &tensor).unwrap();
                    assert!(answer == heads, "other heads");
                    assert_eq!(detections(&model, &answer), expected);
                }
            });
        }
    });
}
