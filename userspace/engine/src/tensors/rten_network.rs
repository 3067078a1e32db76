//! rten, pure Rust.

use std::sync::Arc;

use bytemuck::{AnyBitPattern, NoUninit};
use rten::{DataType as RtenType, Dimension, NodeId, RunOptions, ThreadPool, Value, ValueType};
use rten_tensor::prelude::*;
use rten_tensor::{Tensor as RtenTensor, TensorView};

use super::{
    Buffer, DataType, Elements, Network, OutputElements, OutputTensor, Tensor, TensorSpec, refuse,
};
use crate::{EngineError, without_panic};

/// A model in rten, which has f32, i32, i8 and u8; what ONNX stores as bool or i64 it reads as i32,
/// and so its metadata says. Inputs are read where they lie, outputs copied once.
pub struct RtenNetwork {
    network: rten::Model,
    pool: Arc<ThreadPool>,
    input_ids: Vec<NodeId>,
    output_ids: Vec<NodeId>,
    inputs: Vec<TensorSpec>,
    outputs: Vec<TensorSpec>,
}

impl RtenNetwork {
    /// Loads a model.
    ///
    /// # Errors
    /// [`EngineError::Model`].
    pub fn load(name: &str, onnx: &[u8], threads: usize) -> Result<Self, EngineError> {
        let network = without_panic(
            || {
                rten::Model::load(onnx.to_vec())
                    .map_err(|e| refuse(name, "model.onnx", format!("rten refused it: {e}")))
            },
            |reason| refuse(name, "model.onnx", reason),
        )?;
        let specs = |ids: &[NodeId]| -> Result<Vec<TensorSpec>, EngineError> {
            ids.iter().map(|id| spec(name, &network, *id)).collect()
        };
        let (inputs, outputs) = (specs(network.input_ids())?, specs(network.output_ids())?);
        Ok(Self {
            pool: Arc::new(ThreadPool::with_num_threads(threads)),
            input_ids: network.input_ids().to_vec(),
            output_ids: network.output_ids().to_vec(),
            network,
            inputs,
            outputs,
        })
    }
}

fn spec(model: &str, network: &rten::Model, id: NodeId) -> Result<TensorSpec, EngineError> {
    let node = network.node_info(id);
    let name = node.as_ref().and_then(|node| node.name()).unwrap_or_default().to_owned();
    let datatype = match node.as_ref().and_then(|node| node.dtype()) {
        Some(ValueType::Tensor(RtenType::Float)) => DataType::Fp32,
        Some(ValueType::Tensor(RtenType::Int32)) => DataType::Int32,
        Some(ValueType::Tensor(RtenType::Int8)) => DataType::Int8,
        Some(ValueType::Tensor(RtenType::UInt8)) => DataType::Uint8,
        Some(other) => return Err(refuse(model, &name, format!("rten has {other:?} there"))),
        None => return Err(refuse(model, &name, "rten does not know its type".into())),
    };
    let shape = node.as_ref().and_then(|node| node.shape()).unwrap_or_default();
    let side = |dim: &Dimension| match dim {
        Dimension::Fixed(size) => *size as i64,
        Dimension::Symbolic(_) => -1,
    };
    Ok(TensorSpec { name, datatype, shape: shape.iter().map(side).collect() })
}

impl Network for RtenNetwork {
    fn runtime(&self) -> &'static str {
        "rten"
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
        let failed = |reason: String| EngineError::Run(reason);
        let mut values = Vec::new();
        for (id, tensor) in self.input_ids.iter().zip(inputs) {
            let Elements::Numbers(buffer) = &tensor.elements else {
                return Err(failed("rten has no strings".into()));
            };
            let shape = &tensor.shape[..];
            values.push((
                *id,
                match tensor.datatype {
                    DataType::Fp32 => TensorView::from_data(shape, numbers::<f32>(buffer)?).into(),
                    DataType::Int32 => TensorView::from_data(shape, numbers::<i32>(buffer)?).into(),
                    DataType::Int8 => TensorView::from_data(shape, numbers::<i8>(buffer)?).into(),
                    DataType::Uint8 => TensorView::from_data(shape, numbers::<u8>(buffer)?).into(),
                    other => return Err(failed(format!("rten has no {}", other.name()))),
                },
            ));
        }
        let ids: Vec<NodeId> = outputs.iter().map(|index| self.output_ids[*index]).collect();
        let mut options = RunOptions::default();
        options.thread_pool = Some(self.pool.clone());
        // An operator that meets a shape it did not expect may panic; a run changes no network.
        let made = without_panic(
            || self.network.run(values, &ids, Some(options)).map_err(|e| failed(e.to_string())),
            failed,
        )?;
        made.into_iter().map(output).collect()
    }
}

fn numbers<T: AnyBitPattern>(buffer: &Buffer) -> Result<&[T], EngineError> {
    buffer.numbers().ok_or_else(|| EngineError::Run("bytes are not elements".into()))
}

fn output(value: Value) -> Result<OutputTensor, EngineError> {
    fn made<T: NoUninit>(datatype: DataType, tensor: RtenTensor<T>) -> OutputTensor {
        let shape = tensor.shape().to_vec();
        let data = tensor.into_data();
        let buffer = Buffer::copy_of(bytemuck::cast_slice(&data));
        OutputTensor { datatype, shape, elements: OutputElements::Numbers(Box::new(buffer)) }
    }
    Ok(match value {
        Value::FloatTensor(tensor) => made(DataType::Fp32, tensor),
        Value::Int32Tensor(tensor) => made(DataType::Int32, tensor),
        Value::Int8Tensor(tensor) => made(DataType::Int8, tensor),
        Value::UInt8Tensor(tensor) => made(DataType::Uint8, tensor),
        _ => return Err(EngineError::Run("an output is not a tensor".into())),
    })
}
