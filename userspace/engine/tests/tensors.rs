//! Models of any tensors, in both runtimes.

mod common;

use common::{distance, engines, fixtures, floats};
use tandem_engine::tensors::{
    Buffer, DataType, Elements, Network, OutputElements, OutputTensor, Tensor, load_network, zeros,
};
use tandem_engine::{EngineChoice, EngineError, EngineOptions};

fn load(onnx: &[u8], choice: EngineChoice) -> Result<Box<dyn Network>, EngineError> {
    load_network("a/1", onnx, &EngineOptions { choice, ..EngineOptions::default() })
}

fn tiny() -> Vec<u8> {
    std::fs::read(fixtures().join("tiny-v5/1/model.onnx")).unwrap()
}

fn numbers(output: &OutputTensor) -> Vec<f32> {
    match &output.elements {
        OutputElements::Numbers(bytes) => floats((**bytes).as_ref()),
        OutputElements::Strings(_) => panic!("strings"),
    }
}

#[test]
fn a_networks_tensors_are_described_and_run_by_name() {
    let mut answers = Vec::new();
    for choice in engines() {
        let mut network = load(&tiny(), choice).unwrap();
        let [input] = network.inputs() else { panic!("{:?}", network.inputs()) };
        assert_eq!((input.datatype, &input.shape[..]), (DataType::Fp32, &[1, 3, 32, 32][..]));
        assert_eq!(network.outputs().len(), 2);
        let mut tensor = zeros(input);
        let Elements::Numbers(buffer) = &mut tensor.elements else { panic!("numbers") };
        for (index, bytes) in buffer.bytes_mut().as_chunks_mut::<4>().0.iter_mut().enumerate() {
            *bytes = ((index % 97) as f32 / 97.0).to_le_bytes();
        }
        // The second alone, then both the other way round.
        let second = network.run(std::slice::from_ref(&tensor), &[1]).unwrap();
        let both = network.run(std::slice::from_ref(&tensor), &[1, 0]).unwrap();
        assert_eq!(numbers(&second[0]), numbers(&both[0]));
        let sides: Vec<i64> = both[1].shape.iter().map(|side| *side as i64).collect();
        assert_eq!(sides, network.outputs()[0].shape);
        answers.push(numbers(&both[1]));
    }
    for answer in &answers {
        assert!(distance(answer, &answers[0]) < 1e-4 && answer.iter().any(|x| *x != 0.0));
    }
}

#[test]
fn what_does_not_fit_is_an_error_and_the_network_goes_on() {
    for choice in engines() {
        let mut network = load(&tiny(), choice).unwrap();
        let odd = Tensor {
            datatype: DataType::Fp32,
            shape: vec![1, 3, 7, 7],
            elements: Elements::Numbers(Buffer::zeroed(3 * 7 * 7 * 4)),
        };
        assert!(matches!(network.run(&[odd], &[0]), Err(EngineError::Run(_))), "{choice:?}");
        let good = zeros(&network.inputs()[0].clone());
        assert!(network.run(&[good], &[0]).is_ok(), "{choice:?}");
    }
}

#[test]
fn damaged_files_are_refused() {
    let whole = tiny();
    for choice in engines() {
        for bytes in [&whole[..whole.len() / 2], b"", b"not a model"] {
            let error = load(bytes, choice).err().unwrap_or_else(|| panic!("{choice:?}"));
            assert!(matches!(error, EngineError::Model { .. }), "{error}");
            assert!(error.to_string().starts_with("Model a/1, "), "{error}");
        }
    }
}

#[test]
fn a_buffer_is_what_its_type_says() {
    let mut buffer = Buffer::copy_of(&[1, 0, 1]);
    assert_eq!(buffer.bools(), Some(&[true, false, true][..]));
    buffer.bytes_mut()[1] = 2;
    assert_eq!(buffer.bools(), None);
    assert_eq!(buffer.numbers::<u16>(), None);
    assert_eq!(Buffer::copy_of(&[1, 0, 2, 0]).numbers::<u16>(), Some(&[1, 2][..]));
}
