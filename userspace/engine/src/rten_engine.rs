//! rten, pure Rust: the runtime where no library is found.

use std::sync::Arc;

use rten::{Dimension, NodeId, RunOptions, ThreadPool, ValueType};
use rten_tensor::prelude::*;
use rten_tensor::{NdTensorView, Tensor};
use tandem_model::post::Element;

use crate::dequantise::Dequantiser;
use crate::model::{HeadLayout, Model};
use crate::{Capabilities, Engine, EngineError, check_slots, without_panic};

/// A model in rten. It allocates its outputs itself, so they are copied into the heads slot.
pub struct RtenEngine {
    model: Model,
    dequantiser: Dequantiser,
    network: rten::Model,
    input_id: NodeId,
    output_ids: Vec<NodeId>,
    heads: Vec<HeadLayout>,
    input: Vec<f32>,
    pool: Arc<ThreadPool>,
    threads: usize,
}

impl RtenEngine {
    /// Loads a model.
    ///
    /// # Errors
    /// [`EngineError::Model`].
    pub fn load(model: &Model, threads: usize) -> Result<Self, EngineError> {
        let weights = model.weights()?;
        let refuse = |reason: String| EngineError::Model {
            model: model.id(),
            field: model.descriptor().file.clone(),
            reason,
        };
        // rten refuses what it cannot read, and its loader indexes into the file's tables: a
        // panic there is contained as well.
        let network = without_panic(
            || rten::Model::load(weights).map_err(|e| refuse(format!("rten refused it: {e}"))),
            refuse,
        )?;
        let (input_id, output_ids) = check_interface(model, &network)?;
        Ok(Self {
            dequantiser: Dequantiser::new(&model.descriptor().input),
            heads: model.heads().collect(),
            input: vec![0.0; model.tensor_bytes()],
            model: model.clone(),
            network,
            input_id,
            output_ids,
            pool: Arc::new(ThreadPool::with_num_threads(threads)),
            threads,
        })
    }

    fn infer(&self) -> Result<Vec<rten::Value>, EngineError> {
        let failed = |reason: String| EngineError::Run(reason);
        let view = NdTensorView::<f32, 4>::from_data(self.model.input_shape(), &self.input[..]);
        let mut options = RunOptions::default();
        options.thread_pool = Some(self.pool.clone());
        // An operator that meets a shape it did not expect may panic in a worker thread; the
        // pool hands the panic on to here, and the network itself is not changed by a run.
        without_panic(
            || {
                self.network
                    .run(vec![(self.input_id, view.into())], &self.output_ids, Some(options))
                    .map_err(|e| failed(e.to_string()))
            },
            failed,
        )
    }
}

impl Engine for RtenEngine {
    fn name(&self) -> &'static str {
        "rten"
    }

    fn describe(&self) -> String {
        format!("rten, CPU, {} threads", self.threads)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { reads_in_place: false, writes_in_place: false }
    }

    fn run(&mut self, tensor: &[u8], heads: &mut [u8]) -> Result<(), EngineError> {
        check_slots(&self.model, tensor, heads)?;
        let bytes = self.input.len();
        self.dequantiser.fill(&tensor[..bytes], &mut self.input);
        for (value, layout) in self.infer()?.into_iter().zip(&self.heads) {
            let slot = &mut heads[layout.offset..layout.offset + layout.bytes];
            match layout.element {
                Element::F32 => write_head(value, layout, slot, f32::to_le_bytes),
                Element::I8 => write_head(value, layout, slot, i8::to_le_bytes),
                // `check_interface` refused it.
                Element::F16 => Err(EngineError::Run("rten has no f16".into())),
            }?;
        }
        Ok(())
    }
}

/// Copies an output of the shape that the descriptor says.
fn write_head<T: Copy, const N: usize>(
    value: rten::Value,
    layout: &HeadLayout,
    slot: &mut [u8],
    bytes_of: impl Fn(T) -> [u8; N],
) -> Result<(), EngineError>
where
    Tensor<T>: TryFrom<rten::Value>,
{
    let failed = |reason: String| EngineError::Run(reason);
    let output = Tensor::<T>::try_from(value)
        .map_err(|_| failed(format!("an output is not {}", core::any::type_name::<T>())))?;
    let wanted = layout.output_shape();
    if !wanted.clone().eq(output.shape().iter().copied()) {
        let wanted: Vec<_> = wanted.collect();
        return Err(failed(format!("an output is {:?}, not {wanted:?}", output.shape())));
    }
    for (bytes, x) in slot.as_chunks_mut::<N>().0.iter_mut().zip(output.iter()) {
        *bytes = bytes_of(*x);
    }
    Ok(())
}

/// Compares names, types and shapes with the descriptor.
fn check_interface(
    model: &Model,
    network: &rten::Model,
) -> Result<(NodeId, Vec<NodeId>), EngineError> {
    let name = |id: &NodeId| {
        network.node_info(*id).and_then(|node| node.name().map(str::to_owned)).unwrap_or_default()
    };
    let found = |ids: &[NodeId], wanted: &str, element: Element| {
        let id = *ids.iter().find(|id| name(id) == wanted)?;
        let node = network.node_info(id)?;
        let dims = node.shape().unwrap_or_default().into_iter();
        let shape = dims.map(|dim| match dim {
            Dimension::Fixed(size) => Some(size),
            Dimension::Symbolic(_) => None,
        });
        let shape = match node.dtype() {
            _ if element == Element::F16 => Err("that rten does not know".into()),
            Some(ValueType::Tensor(rten::DataType::Float)) if element == Element::F32 => {
                Ok(shape.collect())
            }
            Some(ValueType::Tensor(rten::DataType::Int8)) if element == Element::I8 => {
                Ok(shape.collect())
            }
            None => Ok(shape.collect()),
            Some(other) => Err(format!("{other:?}")),
        };
        Some((id, shape))
    };
    let (inputs, outputs) = (network.input_ids(), network.output_ids());
    model.check_inputs(&inputs.iter().map(name).collect::<Vec<_>>())?;
    let input = found(inputs, &model.descriptor().input.tensor, Element::F32);
    let input_id = model.check_input(input.clone().map(|i| i.1)).map(|()| input.map(|i| i.0))?;
    let names: Vec<String> = outputs.iter().map(name).collect();
    let mut output_ids = Vec::new();
    for (index, head) in model.descriptor().heads.iter().enumerate() {
        let output = found(outputs, &head.output, head.element);
        model.check_head(index, output.clone().map(|o| o.1), &names)?;
        output_ids.extend(output.map(|o| o.0));
    }
    // `check_input` refused a missing input above.
    let input_id = input_id.ok_or_else(|| EngineError::Run("the input is missing".into()))?;
    Ok((input_id, output_ids))
}
