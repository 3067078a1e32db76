//! Both runtimes against numpy, against each other, and on damaged files.

mod common;

use common::{Copy, Slot, distance, engines, fixtures, floats, pattern, yolo};
use tandem_engine::{
    Engine, EngineChoice, EngineError, EngineOptions, Model, ModelRepository, load_engine,
    load_engine_with,
};
use tandem_model::post::{Element, f32_of_f16, postprocess, read_result};

/// Largest error of an f32 network that is summed in another order.
const CLOSE: f32 = 1e-4;

fn heads_of(engine: &mut dyn Engine, model: &Model, tensor: &[u8]) -> Vec<f32> {
    let mut heads = Slot::of(model.heads_bytes(), 0);
    engine.run(tensor, heads.bytes()).unwrap();
    floats(heads.bytes())
}

#[test]
fn fixtures_answer_what_numpy_computed() {
    for name in ["tiny-v5", "tiny-nhwc", "tiny-free"] {
        let dir = fixtures().join(name).join("1");
        let model = Model::load(&dir).unwrap();
        let expected = floats(&std::fs::read(dir.join("expected.f32")).unwrap());
        let tensor = pattern(model.tensor_bytes());
        for choice in engines() {
            let mut engine = load_engine(&model, choice).unwrap();
            let heads = heads_of(engine.as_mut(), &model, &tensor);
            let error = distance(&heads, &expected);
            assert!(error < CLOSE, "{name} in {choice:?} is {error} off");
        }
    }
}

/// The slot's numbers of one head.
fn values(model: &Model, index: usize, slot: &[u8]) -> Vec<f32> {
    let layout = model.heads().nth(index).unwrap();
    let head = model.post_params().heads[index];
    let bytes = &slot[layout.offset..layout.offset + layout.bytes];
    match layout.element {
        Element::F32 => floats(bytes),
        Element::F16 => {
            let halves = bytes.as_chunks::<2>().0.iter();
            halves.map(|half| f32::from_bits(f32_of_f16(u16::from_le_bytes(*half)))).collect()
        }
        Element::I8 => {
            let numbers = bytes.iter().map(|byte| head.scale.times(*byte as i8, head.zero));
            numbers.map(f32::from_bits).collect()
        }
    }
}

/// An output of f16 or i8 lies in the slot as the network gives it; one step off where a sum in
/// another order falls on the other side of a rounding.
#[test]
fn narrow_outputs_are_in_the_slot_as_they_come() {
    for (name, element, step) in
        [("tiny-i8", Element::I8, 0.0301), ("tiny-f16", Element::F16, 0.004)]
    {
        let dir = fixtures().join(name).join("1");
        let model = Model::load(&dir).unwrap();
        let layouts: Vec<_> = model.heads().collect();
        assert_eq!(layouts[0].element, element);
        assert_eq!(layouts[0].bytes, 14 * 16 * element.bytes());
        assert_eq!(layouts[1].offset, layouts[0].bytes.next_multiple_of(64));
        let expected = std::fs::read(dir.join("expected.slot")).unwrap();
        assert_eq!(expected.len(), model.heads_bytes());
        for choice in engines() {
            let engine = load_engine(&model, choice);
            if (choice, element) == (EngineChoice::Rten, Element::F16) {
                let refused = engine.err().map(|e| e.to_string()).unwrap_or_default();
                assert!(refused.contains("heads[0]") && refused.contains("f16"), "{refused}");
                continue;
            }
            let mut heads = Slot::of(model.heads_bytes(), 0);
            engine.unwrap().run(&pattern(model.tensor_bytes()), heads.bytes()).unwrap();
            for (index, close) in [(0, step), (1, CLOSE)] {
                let [ours, theirs] =
                    [heads.bytes(), &expected[..]].map(|slot| values(&model, index, slot));
                assert!(ours.iter().any(|x| *x != 0.0));
                let error = distance(&ours, &theirs);
                assert!(error < close, "{name} head {index} in {choice:?} is {error} off");
            }
        }
    }
}

/// The file's type must be the descriptor's.
#[test]
fn an_output_of_another_element_is_refused() {
    for (name, from, to) in [
        ("tiny-i8", "element = \"i8\"\nscale = 0.03\nzero = -5\n", ""),
        ("tiny-v5", "stride = 8\n", "stride = 8\nelement = \"i8\"\nscale = 0.5\n"),
        ("tiny-v5", "stride = 8\n", "stride = 8\nelement = \"f16\"\n"),
    ] {
        let copy = Copy::of(name);
        copy.edit("model.toml", from, to);
        let model = copy.model();
        for choice in engines() {
            let refused = load_engine(&model, choice).err().map(|e| e.to_string());
            let refused = refused.unwrap_or_default();
            assert!(refused.contains("heads[0]: the file has type"), "{choice:?}: {refused}");
        }
    }
}

#[test]
fn both_runtimes_agree_on_the_default_model() {
    let (Some(model), [ort, rten]) = (yolo(), &engines()[..]) else {
        eprintln!("skipped: both runtimes and the default model are needed");
        return;
    };
    let tensor = pattern(model.tensor_bytes());
    let mut heads = [ort, rten].map(|choice| {
        let mut engine = load_engine(&model, *choice).unwrap();
        // Twice: the second run uses what the first one left behind.
        heads_of(engine.as_mut(), &model, &vec![200; model.tensor_bytes()]);
        heads_of(engine.as_mut(), &model, &tensor)
    });
    let [a, b] = &mut heads;
    assert!(a.iter().any(|x| *x != 0.0));
    assert!(distance(a, b) < CLOSE, "ort and rten differ by {}", distance(a, b));
}

#[test]
fn a_model_is_added_by_its_folder_alone() {
    let copy = Copy::of("tiny-v5");
    let repository = ModelRepository::open(copy.dir.ancestors().nth(2).unwrap()).unwrap();
    assert!(repository.refused().is_empty());
    let model = repository.get("tiny-v5").unwrap();
    assert_eq!(model.labels(), ["bolt", "nut"]);
    let post = model.post_params();
    assert_eq!((post.head_count, post.heads[1].offset), (2, 14 * 16 * 4));
    assert_eq!((post.heads[1].grid_w, post.heads[1].anchors[1]), (2, (32, 16)));
    for choice in engines() {
        load_engine(model, choice).unwrap();
    }
}

/// From the folder to detections, against the float chain of tests/reference.
#[test]
fn heads_without_anchors_give_the_boxes_of_the_float_chain() {
    let dir = fixtures().join("tiny-free").join("1");
    let model = Model::load(&dir).unwrap();
    let expected = std::fs::read(dir.join("expected.json")).unwrap();
    let expected: Vec<serde_json::Value> = serde_json::from_slice(&expected).unwrap();
    let post = model.post_params();
    for choice in engines() {
        let mut engine = load_engine(&model, choice).unwrap();
        let mut heads = Slot::of(model.heads_bytes(), 0);
        engine.run(&pattern(model.tensor_bytes()), heads.bytes()).unwrap();
        let mut result = vec![0; post.result_bytes()];
        postprocess(&post, heads.bytes(), &mut result, &mut Box::default()).unwrap();
        let (_, found) = read_result(&result).unwrap();
        assert_eq!(found.len(), expected.len());
        let mut kinds = [0; 3];
        for (ours, theirs) in found.zip(&expected) {
            assert_eq!(theirs["index"], ours.index);
            assert_eq!(theirs["class"], ours.class);
            let score = theirs["score"].as_f64().unwrap();
            assert!((f64::from(ours.score) / 65536.0 - score).abs() < 1e-3);
            for (edge, i) in [ours.x1, ours.y1, ours.x2, ours.y2].into_iter().zip(0..) {
                let real = theirs["box"][i as usize].as_f64().unwrap();
                assert!((f64::from(edge) / 256.0 - real).abs() < 0.02, "{ours:?}, {theirs}");
            }
            // 16 cells, then 4, then a list of 16.
            kinds[usize::from(ours.index >= 16) + usize::from(ours.index >= 20)] += 1;
        }
        assert!(kinds.iter().all(|count| *count > 0), "each head has detections: {kinds:?}");
    }
}

#[test]
fn slots_that_do_not_fit_are_refused_before_the_run() {
    let copy = Copy::of("tiny-v5");
    let model = copy.model();
    for choice in engines() {
        let mut engine = load_engine(&model, choice).unwrap();
        let mut heads = Slot::of(model.heads_bytes() + 1, 7);
        let tensor = pattern(model.tensor_bytes());
        let end = model.heads_bytes();
        let short_tensor = engine.run(&tensor[1..], &mut heads.bytes()[..end]);
        assert!(matches!(short_tensor, Err(EngineError::Size { buffer: "tensor", .. })));
        let short_heads = engine.run(&tensor, &mut heads.bytes()[..end - 1]);
        assert!(matches!(short_heads, Err(EngineError::Size { buffer: "heads", .. })));
        let crooked = engine.run(&tensor, &mut heads.bytes()[1..]);
        assert!(matches!(crooked, Err(EngineError::Alignment { buffer: "heads", .. })));
        assert!(heads.bytes().iter().all(|b| *b == 7), "a refused run wrote");
        // After a refusal the engine works on.
        engine.run(&tensor, &mut heads.bytes()[..end]).unwrap();
    }
}

#[test]
fn only_the_heads_are_written() {
    let copy = Copy::of("tiny-v5");
    let model = copy.model();
    for choice in engines() {
        let mut engine = load_engine(&model, choice).unwrap();
        let mut heads = Slot::of(model.heads_bytes() + 64, 0xA5);
        engine.run(&pattern(model.tensor_bytes()), heads.bytes()).unwrap();
        let mut covered = vec![false; heads.bytes().len()];
        for head in model.heads() {
            covered[head.offset..head.offset + head.bytes].fill(true);
        }
        let stray = |(i, b): (usize, &u8)| !covered[i] && *b != 0xA5;
        assert!(!heads.bytes().iter().enumerate().any(stray), "{choice:?} wrote beside a head");
    }
}

#[test]
fn damaged_weights_are_an_error() {
    let whole = std::fs::read(fixtures().join("tiny-v5/1/model.onnx")).unwrap();
    let lengths = (0..whole.len()).step_by(whole.len() / 24).chain([1, 2, 7, whole.len() - 1]);
    let mut damaged: Vec<Vec<u8>> = lengths.map(|n| whole[..n].to_vec()).collect();
    damaged.push(vec![0; whole.len()]);
    damaged.push(b"<html>not found</html>".to_vec());
    for choice in engines() {
        for bytes in &damaged {
            let copy = Copy::of("tiny-v5");
            let result = load_engine(&copy.with_weights(bytes).model(), choice);
            let Err(EngineError::Model { field, .. }) = result else {
                panic!("{choice:?} took {} damaged bytes", bytes.len());
            };
            assert!(field == "model.onnx" || field.starts_with("model.toml"), "{field}");
        }
    }
}

/// A flipped bit may still be a valid network; it must load or be refused, and never panic.
#[test]
fn flipped_bits_never_panic() {
    let whole = std::fs::read(fixtures().join("tiny-v5/1/model.onnx")).unwrap();
    // The structure (names, sizes, operators) lies around the weights: both ends.
    let ends = (0..200).chain(whole.len() - 300..whole.len());
    for choice in engines() {
        for at in ends.clone().step_by(3) {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (at % 8);
            let copy = Copy::of("tiny-v5");
            if let Err(error) = load_engine(&copy.with_weights(&bytes).model(), choice) {
                assert!(matches!(error, EngineError::Model { .. }), "byte {at}: {error}");
            }
        }
    }
}

#[test]
fn other_weights_than_the_descriptor_names_are_refused() {
    let copy = Copy::of("tiny-v5");
    let path = copy.dir.join("model.onnx");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[2000] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let text = load_engine(&copy.model(), EngineChoice::Rten).err().unwrap().to_string();
    assert!(text.contains("tiny-v5/1, model.onnx: sha256 is"), "{text}");
    std::fs::write(&path, b"").unwrap();
    let text = load_engine(&copy.model(), EngineChoice::Rten).err().unwrap().to_string();
    assert!(text.contains("model.onnx: is empty"), "{text}");
    std::fs::remove_file(&path).unwrap();
    let text = load_engine(&copy.model(), EngineChoice::Rten).err().unwrap().to_string();
    assert!(text.contains("scripts/setup"), "{text}");
}

#[test]
fn a_descriptor_that_does_not_fit_the_file_is_refused() {
    let cases = [
        ("tensor = \"pixels\"", "tensor = \"images\"", "input.tensor"),
        ("width = 32", "width = 64", "input"),
        ("layout = \"planar\"", "layout = \"interleaved\"", "input"),
        ("output = \"out16\"", "output = \"out17\"", "heads[1].output"),
        ("anchors = [[8, 12], [16, 8]]", "anchors = [[8, 12]]", "heads[0]"),
        ("stride = 16", "stride = 32", "heads[1]"),
    ];
    for choice in engines() {
        for (from, to, wanted) in cases {
            let copy = Copy::of("tiny-v5");
            let result = load_engine(&copy.edit("model.toml", from, to).model(), choice);
            let Err(EngineError::Model { field, reason, .. }) = result else {
                panic!("{choice:?} took {to}");
            };
            assert_eq!(field, format!("model.toml: {wanted}"), "{choice:?}, {to}: {reason}");
        }
    }
}

#[test]
fn threads_can_be_chosen() {
    let copy = Copy::of("tiny-v5");
    let model = copy.model();
    for choice in engines() {
        let threads = std::num::NonZeroUsize::new(1);
        let options = EngineOptions { choice, threads, ..EngineOptions::default() };
        let engine = load_engine_with(&model, &options).unwrap();
        assert!(engine.describe().contains("1 threads"), "{}", engine.describe());
    }
}
