//! ONNX Runtime, loaded at run time.

use std::path::Path;

use half::f16;
use ort::memory::{AllocationDevice, AllocatorType, MemoryInfo, MemoryType};
use ort::session::builder::GraphOptimizationLevel;
use ort::session::{IoBinding, Session};
use ort::value::{
    Outlet, PrimitiveTensorElementType, Shape, Tensor, TensorElementType, TensorRefMut, ValueType,
};
use tandem_model::post::Element;

use crate::dequantise::Dequantiser;
use crate::model::{HeadLayout, Model};
use crate::{Capabilities, Engine, EngineError, check_slots, library, without_panic};

/// A model in ONNX Runtime on the CPU. Outputs are bound to the heads slot, so the runtime writes
/// them in place.
pub struct OrtEngine {
    model: Model,
    dequantiser: Dequantiser,
    session: Session,
    binding: IoBinding,
    /// Bound as the input for good; each run rewrites its values.
    input: Tensor<f32>,
    heads: Vec<(String, HeadLayout)>,
    library: String,
    threads: usize,
}

impl OrtEngine {
    /// Loads a model; `library` is ONNX Runtime's (`None`: the dynamic loader's).
    ///
    /// # Errors
    /// [`EngineError::Library`] and [`EngineError::Model`].
    pub fn load(
        model: &Model,
        library: Option<&Path>,
        threads: usize,
    ) -> Result<Self, EngineError> {
        let environment = library::environment(library)?;
        let weights = model.weights()?;
        let file = model.descriptor().file.clone();
        let refuse = |field: &str, reason: String| EngineError::Model {
            model: model.id(),
            field: field.into(),
            reason,
        };
        let session = without_panic(
            || {
                session(&environment, &weights, threads)
                    .map_err(|e| refuse(&file, format!("ONNX Runtime refused it: {e}")))
            },
            |reason| refuse(&file, reason),
        )?;
        drop(weights);
        check_interface(model, &session)?;
        let (binding, input) =
            bind_input(model, &session).map_err(|e| refuse("model.toml: input", e.to_string()))?;
        let names = model.descriptor().heads.iter().map(|head| head.output.clone());
        Ok(Self {
            dequantiser: Dequantiser::new(&model.descriptor().input),
            heads: names.zip(model.heads()).collect(),
            model: model.clone(),
            session,
            binding,
            input,
            library: library::file_of(library),
            threads,
        })
    }

    /// Binds the outputs to `heads`, runs, and takes the binding back in every case.
    fn run_bound(&mut self, heads: &mut [u8]) -> ort::Result<()> {
        let base = heads.as_mut_ptr();
        for (name, layout) in &self.heads {
            // SAFETY: `check_slots` saw that `heads` holds every head and begins at a multiple of
            // 4; offsets are multiples of 64, and a head has the bytes of its shape and element. The
            // heads do not overlap, the caller's exclusive borrow lasts until this call returns,
            // and the binding is cleared before that.
            unsafe {
                let at = base.add(layout.offset);
                match layout.element {
                    Element::F32 => bind_head::<f32>(&mut self.binding, name, layout, at),
                    Element::F16 => bind_head::<f16>(&mut self.binding, name, layout, at),
                    Element::I8 => bind_head::<i8>(&mut self.binding, name, layout, at),
                }?;
            }
        }
        self.session.run_binding(&self.binding).map(drop)
    }
}

/// Lets the runtime write an output to `at`.
///
/// # Safety
/// The layout's bytes behind `at`, which is aligned for `T`, are nobody else's until the binding is
/// cleared.
unsafe fn bind_head<T: PrimitiveTensorElementType + core::fmt::Debug>(
    binding: &mut IoBinding,
    name: &str,
    layout: &HeadLayout,
    at: *mut u8,
) -> ort::Result<()> {
    let shape = Shape::new(layout.output_shape().map(|n| n as i64));
    let memory =
        MemoryInfo::new(AllocationDevice::CPU, 0, AllocatorType::Device, MemoryType::Default)?;
    // SAFETY: what the caller says.
    let output = unsafe { TensorRefMut::<T>::from_raw(memory, at.cast(), shape)? };
    binding.bind_output(name, output)
}

impl Engine for OrtEngine {
    fn name(&self) -> &'static str {
        "ort"
    }

    fn describe(&self) -> String {
        format!("ONNX Runtime, CPU, {} threads, {}", self.threads, self.library)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { reads_in_place: false, writes_in_place: true }
    }

    fn run(&mut self, tensor: &[u8], heads: &mut [u8]) -> Result<(), EngineError> {
        check_slots(&self.model, tensor, heads)?;
        let (_, values) = self.input.extract_tensor_mut();
        self.dequantiser.fill(&tensor[..values.len()], values);
        let done = self.run_bound(heads);
        // Nothing may point into the slot after this call, whatever came of it.
        self.binding.clear_outputs();
        done.map_err(|e| EngineError::Run(e.to_string()))
    }
}

pub(crate) fn session(
    environment: &ort::environment::Environment,
    weights: &[u8],
    threads: usize,
) -> ort::Result<Session> {
    Session::builder(environment)?
        .with_optimization_level(GraphOptimizationLevel::All)?
        .with_intra_threads(threads)?
        .with_inter_threads(1)?
        // Spinning pool threads would take the cores of the data plane between two frames.
        .with_intra_op_spinning(false)?
        .commit_from_memory(weights)
}

/// Compares names, types and shapes with the descriptor.
fn check_interface(model: &Model, session: &Session) -> Result<(), EngineError> {
    let found = |outlets: &[Outlet], name: &str, element: Element| {
        let wanted = match element {
            Element::F32 => TensorElementType::Float32,
            Element::F16 => TensorElementType::Float16,
            Element::I8 => TensorElementType::Int8,
        };
        outlets.iter().find(|outlet| outlet.name() == name).map(|outlet| match outlet.dtype() {
            ValueType::Tensor { ty, shape, .. } if *ty == wanted => {
                Ok(shape.iter().map(|n| usize::try_from(*n).ok()).collect())
            }
            other => Err(other.to_string()),
        })
    };
    let names = |outlets: &[Outlet]| {
        outlets.iter().map(|outlet| outlet.name().to_owned()).collect::<Vec<_>>()
    };
    model.check_inputs(&names(session.inputs()))?;
    let input = &model.descriptor().input.tensor;
    model.check_input(found(session.inputs(), input, Element::F32))?;
    let outputs = names(session.outputs());
    for index in 0..model.descriptor().heads.len() {
        let head = &model.descriptor().heads[index];
        let output = found(session.outputs(), &head.output, head.element);
        model.check_head(index, output, &outputs)?;
    }
    Ok(())
}

/// An owned input tensor, bound once: the binding shares it, so that later writes are seen.
fn bind_input(model: &Model, session: &Session) -> ort::Result<(IoBinding, Tensor<f32>)> {
    let shape = model.input_shape().map(|n| n as i64);
    let input = Tensor::<f32>::from_array((shape, vec![0f32; model.tensor_bytes()]))?;
    let mut binding = session.create_binding()?;
    binding.bind_input(model.descriptor().input.tensor.as_str(), &input)?;
    Ok((binding, input))
}
