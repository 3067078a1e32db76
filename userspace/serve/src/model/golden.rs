//! The accuracy gate: golden samples, `NAME/VERSION/golden_requests/*.json`, each a request and what a server
//! that was trusted answered to it, in the protocol's own JSON.

use serde::Deserialize;
use serde_json::value::RawValue;
use tandem_engine::tensors::{Elements, Network, OutputElements, OutputTensor, Tensor, TensorSpec};

use super::Interface;
use crate::error::ServeError;
use crate::infer::number::values;
use crate::infer::tensor::{Claim, Plan, sides};
use crate::rest::decode::Decoder;
use crate::rest::json_data;
use crate::shared_memory::SharedMemory;

/// Largest sample in bytes.
pub const MAX_SAMPLE_BYTES: u64 = 64 << 20;

/// A file of `golden_requests/`.
#[derive(Debug)]
pub struct Sample {
    /// Its name, for errors.
    pub file: String,
    /// JSON.
    pub text: Vec<u8>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Golden<'a> {
    #[serde(borrow)]
    request: &'a RawValue,
    #[serde(borrow)]
    response: Response<'a>,
    #[serde(default)]
    tolerance: Tolerance,
}

/// An answer as it came: its other fields say whose it was.
#[derive(Deserialize)]
struct Response<'a> {
    #[serde(borrow)]
    outputs: Vec<Output<'a>>,
}

#[derive(Deserialize)]
struct Output<'a> {
    name: String,
    datatype: String,
    shape: Vec<i64>,
    #[serde(borrow)]
    data: &'a RawValue,
}

/// An element may be off by `absolute + relative * |expected|`; by default not at all.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Tolerance {
    absolute: f64,
    relative: f64,
}

/// Holds a network against a sample.
///
/// # Errors
/// A sample that is not in order, a run that fails, and the first element that is too far off.
pub fn check(
    model: &Interface,
    network: &mut dyn Network,
    sample: &Sample,
) -> Result<(), ServeError> {
    let bad = |why: &dyn std::fmt::Display| {
        ServeError::invalid(format!("Model {}, {}: {why}", model.id(), sample.file))
    };
    let golden: Golden<'_> = serde_json::from_slice(&sample.text).map_err(|e| bad(&e))?;
    let Tolerance { absolute, relative } = golden.tolerance;
    if !(absolute >= 0.0 && relative >= 0.0) {
        return Err(bad(&"a tolerance is a number from 0 on"));
    }
    let most = MAX_SAMPLE_BYTES as usize;
    let (memory, request) = (SharedMemory::new(false), golden.request.get().as_bytes());
    let decoder = Decoder::new(model, &memory, request, Some(0), most);
    let (inputs, wanted) = decoder.and_then(Decoder::finish).map_err(|e| bad(&e))?;
    let indices: Vec<usize> = wanted.iter().map(|output| output.index).collect();
    let outputs = network.run(&inputs, &indices).map_err(|e| bad(&e))?;
    if golden.response.outputs.is_empty() {
        return Err(bad(&"its response has no outputs"));
    }
    for expected in &golden.response.outputs {
        let named = |index: &usize| model.outputs[*index].name == expected.name;
        let Some(at) = indices.iter().position(named) else {
            let why = format!("output {:?} is none that its request asks for", expected.name);
            return Err(bad(&why));
        };
        let spec = &model.outputs[indices[at]];
        let want = tensor(spec, indices[at], expected).map_err(|e| bad(&e))?;
        compare(&want, &outputs[at], golden.tolerance)
            .map_err(|why| bad(&format_args!("output {:?}: {why}", expected.name)))?;
    }
    Ok(())
}

fn tensor(spec: &TensorSpec, index: usize, output: &Output<'_>) -> Result<Tensor, ServeError> {
    let claim = Claim { name: &output.name, datatype: &output.datatype, shape: &output.shape };
    if claim.datatype != spec.datatype.name() {
        let have = spec.datatype.name();
        let why = format!("output {:?} is {have}, not {:?}", claim.name, claim.datatype);
        return Err(ServeError::invalid(why));
    }
    let (shape, count) = sides(claim.shape).map_err(ServeError::invalid)?;
    let name = output.name.clone();
    json_data::read(Plan { name, index, datatype: spec.datatype, shape, count }, output.data)
}

fn compare(want: &Tensor, have: &OutputTensor, tolerance: Tolerance) -> Result<(), String> {
    if want.shape != have.shape {
        return Err(format!("its shape is {:?}, {:?} is expected", have.shape, want.shape));
    }
    let (wanted, bytes) = match (&want.elements, &have.elements) {
        (Elements::Strings(wanted), OutputElements::Strings(strings)) => {
            let differs = wanted.iter().zip(strings).position(|(want, have)| want != have);
            return match differs {
                Some(at) => Err(format!("element {at} is another text than expected")),
                None => Ok(()),
            };
        }
        (Elements::Numbers(wanted), OutputElements::Numbers(bytes)) => (wanted, bytes),
        _ => return Err("strings and numbers cannot be compared".into()),
    };
    let wanted = values(want.datatype, wanted.bytes());
    let numbers = values(have.datatype, (**bytes).as_ref());
    for (at, (want, have)) in wanted.into_iter().zip(numbers).enumerate() {
        let off = (have.rounded() - want.rounded()).abs();
        let within = off <= tolerance.absolute + tolerance.relative * want.rounded().abs();
        // NaN is not within anything.
        if !within {
            let (want, have) = (want.text(), have.text());
            return Err(format!("element {at} is {have}, {want} is expected, {tolerance:?}"));
        }
    }
    Ok(())
}
