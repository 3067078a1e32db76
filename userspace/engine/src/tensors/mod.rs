//! Any ONNX model as it is: tensors in by name, tensors out. Detectors that run between kernels have
//! [`crate::Engine`]; this is what the serving protocol needs.

mod buffer;
mod ort_network;
mod rten_network;

use std::path::Path;

pub use self::buffer::Buffer;
pub use self::ort_network::OrtNetwork;
pub use self::rten_network::RtenNetwork;
use crate::{EngineChoice, EngineError, EngineOptions, find_library};

/// Element types of tensors, by the Open Inference Protocol's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DataType {
    /// One byte, 0 or 1.
    Bool,
    /// 8 bits, signed.
    Int8,
    /// 16 bits, signed.
    Int16,
    /// 32 bits, signed.
    Int32,
    /// 64 bits, signed.
    Int64,
    /// 8 bits.
    Uint8,
    /// 16 bits.
    Uint16,
    /// 32 bits.
    Uint32,
    /// 64 bits.
    Uint64,
    /// IEEE 754, 16 bits.
    Fp16,
    /// IEEE 754, 32 bits.
    Fp32,
    /// IEEE 754, 64 bits.
    Fp64,
    /// Strings of bytes; ONNX calls it string.
    Bytes,
}

impl DataType {
    /// All, with their names.
    pub const ALL: [(DataType, &'static str); 13] = [
        (Self::Bool, "BOOL"),
        (Self::Int8, "INT8"),
        (Self::Int16, "INT16"),
        (Self::Int32, "INT32"),
        (Self::Int64, "INT64"),
        (Self::Uint8, "UINT8"),
        (Self::Uint16, "UINT16"),
        (Self::Uint32, "UINT32"),
        (Self::Uint64, "UINT64"),
        (Self::Fp16, "FP16"),
        (Self::Fp32, "FP32"),
        (Self::Fp64, "FP64"),
        (Self::Bytes, "BYTES"),
    ];

    /// The protocol's name.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }

    /// By the protocol's name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(kind, _)| *kind)
    }

    /// Bytes of an element; none where each element has its own length.
    pub fn size(self) -> Option<usize> {
        match self {
            Self::Bool | Self::Int8 | Self::Uint8 => Some(1),
            Self::Int16 | Self::Uint16 | Self::Fp16 => Some(2),
            Self::Int32 | Self::Uint32 | Self::Fp32 => Some(4),
            Self::Int64 | Self::Uint64 | Self::Fp64 => Some(8),
            Self::Bytes => None,
        }
    }
}

/// What a model says of an input or output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorSpec {
    /// ONNX name.
    pub name: String,
    /// Element type.
    pub datatype: DataType,
    /// Sides; -1 is any.
    pub shape: Vec<i64>,
}

/// The elements of a tensor, row by row.
#[derive(Debug)]
pub enum Elements {
    /// Numbers, little endian.
    Numbers(Buffer),
    /// Strings.
    Strings(Vec<Vec<u8>>),
}

/// An input. Its elements are as many as its shape says; who makes one checks that.
#[derive(Debug)]
pub struct Tensor {
    /// Element type.
    pub datatype: DataType,
    /// Sides.
    pub shape: Vec<usize>,
    /// Elements.
    pub elements: Elements,
}

/// Numbers that a runtime made, still where it put them.
pub type OutputBytes = Box<dyn AsRef<[u8]> + Send>;

/// The elements of an output.
pub enum OutputElements {
    /// Numbers, little endian.
    Numbers(OutputBytes),
    /// Strings.
    Strings(Vec<Vec<u8>>),
}

/// An output.
pub struct OutputTensor {
    /// Element type.
    pub datatype: DataType,
    /// Sides.
    pub shape: Vec<usize>,
    /// Elements.
    pub elements: OutputElements,
}

/// A loaded ONNX model of any tensors.
pub trait Network: Send {
    /// `ort` or `rten`.
    fn runtime(&self) -> &'static str;
    /// Inputs in the model's order.
    fn inputs(&self) -> &[TensorSpec];
    /// Outputs in the model's order.
    fn outputs(&self) -> &[TensorSpec];
    /// Runs the model on inputs in [`Network::inputs`]' order and returns the outputs with the
    /// given indices, in that order. Inputs are read where they lie.
    ///
    /// # Errors
    /// [`EngineError::Run`]; a panic of the runtime is one, too.
    fn run(
        &mut self,
        inputs: &[Tensor],
        outputs: &[usize],
    ) -> Result<Vec<OutputTensor>, EngineError>;
}

/// Loads an ONNX file of any tensors. `name` stands in errors, `choice` and threads as for detectors.
///
/// # Errors
/// [`EngineError::Library`] and [`EngineError::Model`]; tensors of types that the protocol has not,
/// and sequences and maps, are refused by name.
pub fn load_network(
    name: &str,
    onnx: &[u8],
    options: &EngineOptions,
) -> Result<Box<dyn Network>, EngineError> {
    let library = options.library.clone().or_else(find_library);
    let ort = |library: Option<&Path>| -> Result<Box<dyn Network>, EngineError> {
        Ok(Box::new(OrtNetwork::load(name, onnx, library, options.threads())?))
    };
    match (options.choice, library) {
        (EngineChoice::Ort, library) => ort(library.as_deref()),
        (EngineChoice::Auto, Some(library)) => ort(Some(&library)),
        (EngineChoice::Auto, None) | (EngineChoice::Rten, _) => {
            Ok(Box::new(RtenNetwork::load(name, onnx, options.threads())?))
        }
    }
}

/// A tensor of zeros (empty strings), open sides taken as 1.
pub fn zeros(spec: &TensorSpec) -> Tensor {
    let shape: Vec<usize> =
        spec.shape.iter().map(|side| usize::try_from(*side).unwrap_or(1)).collect();
    let count: usize = shape.iter().product();
    let elements = match spec.datatype.size() {
        Some(size) => Elements::Numbers(Buffer::zeroed(count * size)),
        None => Elements::Strings(vec![Vec::new(); count]),
    };
    Tensor { datatype: spec.datatype, shape, elements }
}

fn refuse(model: &str, field: &str, reason: String) -> EngineError {
    EngineError::Model { model: model.into(), field: field.into(), reason }
}
