//! ModelInfer: messages to tensors and back.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use half::f16;
use tandem_engine::tensors::{Buffer, DataType, Tensor};

use crate::Core;
use crate::error::ServeError;
use crate::infer::parameters::{Parameter, Parameters, RequestParameters, shared, wanted};
use crate::infer::tensor::{Claim, Plan, in_order, join_strings, plan};
use crate::infer::{Answered, Content, Request, RequestedOutput, held, infer};
use crate::model::Model;
use crate::proto::infer_parameter::ParameterChoice;
use crate::proto::model_infer_request::InferInputTensor;
use crate::proto::model_infer_response::InferOutputTensor;
use crate::proto::{InferParameter, InferTensorContents, ModelInferRequest, ModelInferResponse};

/// Answers one request.
///
/// # Errors
/// Anything that is wrong with it, or the runtime's failure.
pub async fn handle(
    core: &Core,
    message: ModelInferRequest,
) -> Result<ModelInferResponse, ServeError> {
    if !core.repository.is_ready() {
        return Err(ServeError::unavailable("The server is not ready"));
    }
    let model = core.repository.get(&message.model_name, &message.model_version)?;
    let request = Request::new(model.clone(), message.id.clone());
    let own = parameters(message.parameters);
    let own = RequestParameters::read(&own, &model)?;
    let named = message.outputs.iter().map(|output| {
        let own = parameters(output.parameters.clone());
        (output.name.as_str(), own)
    });
    let outputs = wanted(&model, named, true, &core.shared_memory)?;
    let inputs = inputs(core, &model, message.inputs, message.raw_input_contents)?;
    let answered = infer(core, request, own, inputs, outputs.clone()).await?;
    Ok(respond(&model, message.id, answered, &outputs))
}

fn parameters(message: HashMap<String, InferParameter>) -> Parameters {
    let value = |parameter: InferParameter| {
        Some(match parameter.parameter_choice? {
            ParameterChoice::BoolParam(value) => Parameter::Bool(value),
            ParameterChoice::Int64Param(value) => Parameter::Int(value),
            ParameterChoice::StringParam(value) => Parameter::Text(value),
            ParameterChoice::DoubleParam(value) => Parameter::Double(value),
            ParameterChoice::Uint64Param(value) => match i64::try_from(value) {
                Ok(value) => Parameter::Int(value),
                Err(_) => Parameter::Double(value as f64),
            },
        })
    };
    let all = message.into_iter();
    all.filter_map(|(name, parameter)| Some((name, value(parameter)?))).collect::<BTreeMap<_, _>>()
}

fn inputs(
    core: &Core,
    model: &Model,
    inputs: Vec<InferInputTensor>,
    raw: Vec<Bytes>,
) -> Result<Vec<Tensor>, ServeError> {
    let claims: Vec<Claim<'_>> = inputs
        .iter()
        .map(|i| Claim { name: &i.name, datatype: &i.datatype, shape: &i.shape })
        .collect();
    let plans = plan(model, &claims, core.max_bytes)?;
    let (any_raw, raws) = (!raw.is_empty(), raw.len());
    let mut raw = raw.into_iter();
    let mut tensors = Vec::with_capacity(plans.len());
    let mut raw_wanted = 0;
    for (plan, input) in plans.into_iter().zip(inputs) {
        let index = plan.index;
        let region = shared(&parameters(input.parameters), &core.shared_memory)?;
        let tensor = match (region, input.contents) {
            (Some((_, piece)), None) => plan.shared(&piece, core.max_bytes)?,
            (Some(_), Some(_)) => return Err(plan.bad("it has contents and shared memory")),
            (None, Some(_)) if any_raw => {
                return Err(plan.bad("it has contents, and the request has raw_input_contents"));
            }
            (None, Some(contents)) => from_contents(plan, contents)?,
            (None, None) => {
                raw_wanted += 1;
                let bytes = raw.next();
                let bytes = bytes.ok_or_else(|| plan.bad("it has neither contents nor raw bytes"));
                // The message's bytes lie at any address, the runtime wants its own: one copy.
                plan.copy_of(&bytes?)?
            }
        };
        tensors.push((index, tensor));
    }
    match raw_wanted == raws {
        true => Ok(in_order(tensors)),
        false => Err(ServeError::invalid(format!(
            "raw_input_contents has {raws} entries for {raw_wanted} inputs"
        ))),
    }
}

fn from_contents(plan: Plan, contents: InferTensorContents) -> Result<Tensor, ServeError> {
    let InferTensorContents {
        bool_contents,
        int_contents,
        int64_contents,
        uint_contents,
        uint64_contents,
        fp32_contents,
        fp64_contents,
        bytes_contents,
    } = contents;
    let range = || plan.bad(format_args!("an element is out of range of {}", plan.datatype.name()));
    macro_rules! narrow {
        ($from:ident, $type:ty) => {{
            let narrowed: Result<Vec<$type>, _> =
                $from.into_iter().map(<$type>::try_from).collect();
            pack(&plan, &narrowed.map_err(|_| range())?, |x| x.to_le_bytes())
        }};
    }
    let buffer = match plan.datatype {
        DataType::Bool => pack(&plan, &bool_contents, |x| [u8::from(*x)]),
        DataType::Int8 => narrow!(int_contents, i8),
        DataType::Int16 => narrow!(int_contents, i16),
        DataType::Int32 => pack(&plan, &int_contents, |x| x.to_le_bytes()),
        DataType::Int64 => pack(&plan, &int64_contents, |x| x.to_le_bytes()),
        DataType::Uint8 => narrow!(uint_contents, u8),
        DataType::Uint16 => narrow!(uint_contents, u16),
        DataType::Uint32 => pack(&plan, &uint_contents, |x| x.to_le_bytes()),
        DataType::Uint64 => pack(&plan, &uint64_contents, |x| x.to_le_bytes()),
        // The protocol has no 16-bit floats here; the nearest of fp32 stand for them.
        DataType::Fp16 => pack(&plan, &fp32_contents, |x| f16::from_f32(*x).to_le_bytes()),
        DataType::Fp32 => pack(&plan, &fp32_contents, |x| x.to_le_bytes()),
        DataType::Fp64 => pack(&plan, &fp64_contents, |x| x.to_le_bytes()),
        DataType::Bytes => return plan.strings(bytes_contents),
    }?;
    plan.from_buffer(buffer)
}

fn pack<T, const N: usize>(
    plan: &Plan,
    numbers: &[T],
    bytes: impl Fn(&T) -> [u8; N],
) -> Result<Buffer, ServeError> {
    if numbers.len() != plan.count {
        return Err(plan.miscounted(numbers.len()));
    }
    let mut buffer = Buffer::zeroed(numbers.len() * N);
    for (place, number) in buffer.bytes_mut().as_chunks_mut::<N>().0.iter_mut().zip(numbers) {
        *place = bytes(number);
    }
    Ok(buffer)
}

fn parameter(choice: ParameterChoice) -> InferParameter {
    InferParameter { parameter_choice: Some(choice) }
}

fn respond(
    model: &Model,
    id: String,
    answered: Vec<Answered>,
    wanted: &[RequestedOutput],
) -> ModelInferResponse {
    let mut outputs = Vec::with_capacity(answered.len());
    let mut raw = Vec::with_capacity(answered.len());
    for (output, wanted) in answered.into_iter().zip(wanted) {
        let mut parameters = HashMap::new();
        let bytes = match output.content {
            // Copied once, into the message when it is written.
            Content::Numbers(bytes) => held(bytes),
            Content::Strings(strings) => Bytes::from(join_strings(&strings)),
            Content::Shared(region, size) => {
                let region = ParameterChoice::StringParam(region);
                parameters.insert("shared_memory_region".to_owned(), parameter(region));
                let size = ParameterChoice::Int64Param(size as i64);
                parameters.insert("shared_memory_byte_size".to_owned(), parameter(size));
                Bytes::new()
            }
        };
        raw.push(bytes);
        outputs.push(InferOutputTensor {
            name: model.outputs[wanted.index].name.clone(),
            datatype: output.datatype.name().to_owned(),
            shape: output.shape.iter().map(|side| *side as i64).collect(),
            parameters,
            contents: None,
        });
    }
    ModelInferResponse {
        model_name: model.name.clone(),
        model_version: model.version.to_string(),
        id,
        parameters: HashMap::new(),
        outputs,
        raw_output_contents: raw,
    }
}
