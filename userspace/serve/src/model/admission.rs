//! What a model goes through before it is served: it fits its configuration, runs, and answers its
//! golden samples.

use tandem_engine::tensors::{Network, Tensor, TensorSpec, zeros};

use super::golden::{self, Sample};
use super::{Interface, MAX_WARM_UP};
use crate::config::ConfigTensor;
use crate::error::ServeError;

/// The tensors as the model has them, narrowed by the configuration's dims.
pub(super) fn with_config(
    id: &str,
    what: &str,
    mut specs: Vec<TensorSpec>,
    configured: &[ConfigTensor],
    max_batch_size: u32,
) -> Result<Vec<TensorSpec>, ServeError> {
    let bad = |name: &str, why: String| {
        Err(ServeError::invalid(format!("Model {id}, config.pbtxt, {what} {name:?}: {why}")))
    };
    let batch = usize::from(max_batch_size > 0);
    for spec in &specs {
        if batch == 1 && spec.shape.first() != Some(&-1) {
            let why = format!("max_batch_size needs an open first side, it is {:?}", spec.shape);
            return bad(&spec.name, why);
        }
    }
    for tensor in configured {
        let Some(spec) = specs.iter_mut().find(|spec| spec.name == tensor.name) else {
            return bad(&tensor.name, "the model has none of that name".into());
        };
        if spec.datatype != tensor.datatype {
            let why = format!("it is {}, not {}", spec.datatype.name(), tensor.datatype.name());
            return bad(&tensor.name, why);
        }
        let sides = &mut spec.shape[batch..];
        let fits = sides.len() == tensor.dims.len()
            && sides.iter().zip(&tensor.dims).all(|(side, dim)| *side == -1 || side == dim);
        if !fits {
            let why = format!("dims {:?} do not fit the model's {sides:?}", tensor.dims);
            return bad(&tensor.name, why);
        }
        sides.copy_from_slice(&tensor.dims);
    }
    Ok(specs)
}

/// The first run of a runtime allocates its arenas. Where sides are open 1 stands for them, which
/// not every model takes: that it failed is then said, and no reason to refuse it.
pub(super) fn warm_up(
    id: &str,
    network: &mut dyn Network,
    inputs: &[TensorSpec],
) -> Result<Option<String>, ServeError> {
    let sides = |spec: &TensorSpec| {
        spec.shape.iter().try_fold(1i64, |all, side| all.checked_mul((*side).max(1)))
    };
    if !inputs.iter().all(|spec| sides(spec).is_some_and(|count| count <= MAX_WARM_UP)) {
        return Ok(Some("its inputs are too large for a warm-up run".into()));
    }
    let tensors: Vec<Tensor> = inputs.iter().map(zeros).collect();
    let outputs: Vec<usize> = (0..network.outputs().len()).collect();
    let open = inputs.iter().any(|spec| spec.shape.contains(&-1));
    match network.run(&tensors, &outputs) {
        Ok(_) => Ok(None),
        Err(error) if open => Ok(Some(format!("its warm-up run on sides of 1 failed: {error}"))),
        Err(error) => {
            Err(ServeError::internal(format!("Model {id}: the warm-up run failed: {error}")))
        }
    }
}

/// Holds the first instance against the golden samples. Says what the index should say of it.
pub(super) fn gate(
    model: &Interface,
    network: &mut dyn Network,
    samples: &[Sample],
) -> Result<Option<&'static str>, ServeError> {
    for sample in samples {
        golden::check(model, network, sample)?;
    }
    Ok(samples.is_empty().then_some("no golden samples, its answers were compared with none"))
}
