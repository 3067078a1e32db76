//! The Open Inference Protocol: a model's configuration, a request with bytes behind its JSON.

use tandem_engine::tensors::{DataType, Elements, TensorSpec};
use tandem_serve::config::{ModelConfig, text};
use tandem_serve::infer::tensor::join_strings;
use tandem_serve::model::Interface;
use tandem_serve::rest::decode::Decoder;
use tandem_serve::shared_memory::SharedMemory;

/// Largest request in bytes.
const LIMIT: usize = 4096;

/// `config.pbtxt`: an error points into the text; what is accepted is within its limits.
pub fn config_pbtxt(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    match ModelConfig::parse(text) {
        Ok(config) => {
            assert!(text::parse(text).is_ok());
            let queue = config.queue;
            assert!((1..=queue.priority_levels).contains(&queue.default_priority_level));
            assert!(config.instances > 0 && queue.max_queue_size > 0);
            true
        }
        Err(error) => {
            let place = error.place;
            let line = text.split('\n').nth(place.line - 1).expect("a line of the text");
            assert!((1..=line.chars().count() + 1).contains(&place.column), "{error}");
            false
        }
    }
}

/// An inference request: `0x00` between JSON and the bytes behind it, which come in one piece and in
/// pieces of three. What is accepted has the shapes that it claimed, whatever the pieces were.
pub fn infer_request(bytes: &[u8]) -> bool {
    let (json, payload) = match bytes.iter().position(|byte| *byte == 0) {
        Some(end) => (&bytes[..end], &bytes[end + 1..]),
        None => (bytes, &[][..]),
    };
    let whole = decode(json, payload, payload.len().max(1), Some(payload.len()));
    let pieces = decode(json, payload, 3, None);
    assert_eq!(whole, pieces);
    whole.is_some()
}

/// The tensors' bytes, in the model's order.
fn decode(
    json: &[u8],
    payload: &[u8],
    piece: usize,
    following: Option<usize>,
) -> Option<Vec<Vec<u8>>> {
    let model = interface();
    let memory = SharedMemory::new(false);
    let mut decoder = Decoder::new(&model, &memory, json, following, LIMIT).ok()?;
    for piece in payload.chunks(piece) {
        decoder.push(piece).ok()?;
    }
    let (tensors, outputs) = decoder.finish().ok()?;
    assert!(!outputs.is_empty() && outputs.iter().all(|o| o.index < model.outputs.len()));
    assert_eq!(tensors.len(), model.inputs.len());
    let all = tensors.iter().zip(&model.inputs).map(|(tensor, spec)| {
        let count: usize = tensor.shape.iter().product();
        assert_eq!((tensor.datatype, tensor.shape.len()), (spec.datatype, spec.shape.len()));
        match &tensor.elements {
            Elements::Numbers(buffer) => {
                assert_eq!(Some(buffer.len()), tensor.datatype.size().map(|size| size * count));
                assert!(buffer.len() <= LIMIT);
                assert!(tensor.datatype != DataType::Bool || buffer.bools().is_some());
                buffer.bytes().to_vec()
            }
            Elements::Strings(strings) => {
                assert_eq!(strings.len(), count);
                join_strings(strings)
            }
        }
    });
    Some(all.collect())
}

/// A model of every kind of tensor.
fn interface() -> Interface {
    let spec = |name: &str, datatype, shape: &[i64]| TensorSpec {
        name: name.into(),
        datatype,
        shape: shape.to_vec(),
    };
    let inputs = vec![
        spec("f", DataType::Fp32, &[-1, 2]),
        spec("b", DataType::Bool, &[-1, -1]),
        spec("s", DataType::Bytes, &[-1, 1]),
    ];
    Interface {
        name: "m".into(),
        version: 1,
        outputs: inputs.clone(),
        inputs,
        labels: vec![None; 3],
        config: ModelConfig { max_batch_size: 4, ..ModelConfig::default() },
    }
}
