//! ONNX Runtime.

use std::path::Path;

use bytemuck::{AnyBitPattern, NoUninit};
use half::f16;
use ort::session::{OutputSelector, RunOptions, Session, SessionInputValue};
use ort::value::{
    DynTensor, Outlet, PrimitiveTensorElementType, Tensor as OrtTensor, TensorElementType,
    TensorRef, ValueType,
};

use super::{
    Buffer, DataType, Elements, Network, OutputElements, OutputTensor, Tensor, TensorSpec, refuse,
};
use crate::ort_engine::session;
use crate::{EngineError, library, without_panic};

/// A model in ONNX Runtime on the CPU. Inputs are read where they lie, outputs stay where the
/// runtime made them; strings are copied.
pub struct OrtNetwork {
    session: Session,
    inputs: Vec<TensorSpec>,
    outputs: Vec<TensorSpec>,
}

impl OrtNetwork {
    /// Loads a model; `library` is ONNX Runtime's (`None`: the dynamic loader's).
    ///
    /// # Errors
    /// As [`super::load_network`].
    pub fn load(
        name: &str,
        onnx: &[u8],
        library: Option<&Path>,
        threads: usize,
    ) -> Result<Self, EngineError> {
        let environment = library::environment(library)?;
        let session = without_panic(
            || {
                session(&environment, onnx, threads).map_err(|e| {
                    refuse(name, "model.onnx", format!("ONNX Runtime refused it: {e}"))
                })
            },
            |reason| refuse(name, "model.onnx", reason),
        )?;
        let inputs = specs(name, session.inputs())?;
        let outputs = specs(name, session.outputs())?;
        Ok(Self { session, inputs, outputs })
    }
}

fn specs(model: &str, outlets: &[Outlet]) -> Result<Vec<TensorSpec>, EngineError> {
    outlets.iter().map(|outlet| spec(model, outlet)).collect()
}

fn spec(model: &str, outlet: &Outlet) -> Result<TensorSpec, EngineError> {
    let refused = |what: String| Err(refuse(model, outlet.name(), what));
    match outlet.dtype() {
        ValueType::Tensor { ty, shape, .. } => match datatype(*ty) {
            Some(datatype) => Ok(TensorSpec {
                name: outlet.name().to_owned(),
                datatype,
                shape: shape.iter().map(|side| if *side < 0 { -1 } else { *side }).collect(),
            }),
            None => refused(format!("its type {ty} is not one of the protocol's")),
        },
        other => refused(format!("it is {other}, the protocol has tensors only")),
    }
}

fn datatype(ty: TensorElementType) -> Option<DataType> {
    Some(match ty {
        TensorElementType::Bool => DataType::Bool,
        TensorElementType::Int8 => DataType::Int8,
        TensorElementType::Int16 => DataType::Int16,
        TensorElementType::Int32 => DataType::Int32,
        TensorElementType::Int64 => DataType::Int64,
        TensorElementType::Uint8 => DataType::Uint8,
        TensorElementType::Uint16 => DataType::Uint16,
        TensorElementType::Uint32 => DataType::Uint32,
        TensorElementType::Uint64 => DataType::Uint64,
        TensorElementType::Float16 => DataType::Fp16,
        TensorElementType::Float32 => DataType::Fp32,
        TensorElementType::Float64 => DataType::Fp64,
        TensorElementType::String => DataType::Bytes,
        _ => return None,
    })
}

impl Network for OrtNetwork {
    fn runtime(&self) -> &'static str {
        "ort"
    }

    fn inputs(&self) -> &[TensorSpec] {
        &self.inputs
    }

    fn outputs(&self) -> &[TensorSpec] {
        &self.outputs
    }

    fn run(
        &mut self,
        inputs: &[Tensor],
        outputs: &[usize],
    ) -> Result<Vec<OutputTensor>, EngineError> {
        let failed = |e: ort::Error| EngineError::Run(e.to_string());
        let values = self.inputs.iter().zip(inputs);
        let values = values
            .map(|(spec, tensor)| Ok((spec.name.as_str(), input(spec, tensor)?)))
            .collect::<Result<Vec<(&str, SessionInputValue<'_>)>, EngineError>>()?;
        let names = || outputs.iter().map(|index| self.outputs[*index].name.as_str());
        let selector = names().fold(OutputSelector::no_default(), |all, name| all.with(name));
        let options = RunOptions::new().map_err(failed)?.with_outputs(selector);
        let mut made = self.session.run_with_options(values, &options).map_err(failed)?;
        names()
            .map(|name| {
                let missing = || EngineError::Run(format!("output {name} was not made"));
                let value = made.remove(name).ok_or_else(missing)?;
                output(value.downcast().map_err(failed)?).map_err(failed)
            })
            .collect()
    }
}

fn input<'a>(spec: &TensorSpec, tensor: &'a Tensor) -> Result<SessionInputValue<'a>, EngineError> {
    let shape: Vec<i64> = tensor.shape.iter().map(|side| *side as i64).collect();
    let bad = |what: &str| EngineError::Run(format!("input {}: {what}", spec.name));
    let failed = |e: ort::Error| bad(&e.to_string());
    let buffer = match &tensor.elements {
        Elements::Strings(strings) => {
            let strings = strings.iter().map(|bytes| String::from_utf8(bytes.clone()));
            let strings = strings.collect::<Result<Vec<String>, _>>();
            let strings = strings.map_err(|_| bad("ONNX Runtime takes strings of UTF-8 only"))?;
            let value = OrtTensor::from_string_array((shape, &strings[..])).map_err(failed)?;
            return Ok(value.into());
        }
        Elements::Numbers(buffer) => buffer,
    };
    fn view<'a, T: PrimitiveTensorElementType + AnyBitPattern + core::fmt::Debug>(
        shape: Vec<i64>,
        buffer: &'a Buffer,
    ) -> Option<ort::Result<SessionInputValue<'a>>> {
        Some(TensorRef::from_array_view((shape, buffer.numbers::<T>()?)).map(Into::into))
    }
    let value = match tensor.datatype {
        DataType::Bool => {
            buffer.bools().map(|data| TensorRef::from_array_view((shape, data)).map(Into::into))
        }
        DataType::Int8 => view::<i8>(shape, buffer),
        DataType::Int16 => view::<i16>(shape, buffer),
        DataType::Int32 => view::<i32>(shape, buffer),
        DataType::Int64 => view::<i64>(shape, buffer),
        DataType::Uint8 => view::<u8>(shape, buffer),
        DataType::Uint16 => view::<u16>(shape, buffer),
        DataType::Uint32 => view::<u32>(shape, buffer),
        DataType::Uint64 => view::<u64>(shape, buffer),
        DataType::Fp16 => view::<f16>(shape, buffer),
        DataType::Fp32 => view::<f32>(shape, buffer),
        DataType::Fp64 => view::<f64>(shape, buffer),
        DataType::Bytes => None,
    };
    value.ok_or_else(|| bad("its bytes are not elements of its type"))?.map_err(failed)
}

/// An output that stays where ONNX Runtime made it.
struct Made(DynTensor);

impl AsRef<[u8]> for Made {
    fn as_ref(&self) -> &[u8] {
        fn bytes<T: PrimitiveTensorElementType + NoUninit>(tensor: &DynTensor) -> &[u8] {
            tensor.try_extract_tensor::<T>().map_or(&[], |(_, data)| bytemuck::cast_slice(data))
        }
        let tensor = &self.0;
        match datatype(*tensor.data_type()) {
            Some(DataType::Bool) => bytes::<bool>(tensor),
            Some(DataType::Int8) => bytes::<i8>(tensor),
            Some(DataType::Int16) => bytes::<i16>(tensor),
            Some(DataType::Int32) => bytes::<i32>(tensor),
            Some(DataType::Int64) => bytes::<i64>(tensor),
            Some(DataType::Uint8) => bytes::<u8>(tensor),
            Some(DataType::Uint16) => bytes::<u16>(tensor),
            Some(DataType::Uint32) => bytes::<u32>(tensor),
            Some(DataType::Uint64) => bytes::<u64>(tensor),
            Some(DataType::Fp16) => bytes::<f16>(tensor),
            Some(DataType::Fp32) => bytes::<f32>(tensor),
            Some(DataType::Fp64) => bytes::<f64>(tensor),
            Some(DataType::Bytes) | None => &[],
        }
    }
}

fn output(value: DynTensor) -> ort::Result<OutputTensor> {
    let shape = value.shape().iter().map(|side| *side as usize).collect();
    match datatype(*value.data_type()) {
        Some(DataType::Bytes) => {
            let (_, strings) = value.try_extract_strings()?;
            let strings = strings.into_iter().map(String::into_bytes).collect();
            let elements = OutputElements::Strings(strings);
            Ok(OutputTensor { datatype: DataType::Bytes, shape, elements })
        }
        Some(datatype) => {
            let elements = OutputElements::Numbers(Box::new(Made(value)));
            Ok(OutputTensor { datatype, shape, elements })
        }
        None => Err(ort::Error::new("an output of a type that the protocol has not")),
    }
}
