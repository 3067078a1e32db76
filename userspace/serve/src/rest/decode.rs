//! An inference request as it comes: JSON, and behind it the bytes of tensors. Knows no socket.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tandem_engine::tensors::{Buffer, Tensor};

use super::json_data;
use crate::error::ServeError;
use crate::infer::RequestedOutput;
use crate::infer::parameters::{
    Parameter, Parameters, RequestParameters, shared, truth, wanted, whole,
};
use crate::infer::tensor::{Claim, Plan, in_order, plan};
use crate::model::Interface;
use crate::shared_memory::SharedMemory;

/// The JSON object of a request. Fields that mean nothing here are passed over, as the protocol says.
#[derive(Deserialize)]
struct InferenceRequest<'a> {
    id: Option<String>,
    #[serde(default)]
    parameters: BTreeMap<String, Value>,
    #[serde(borrow)]
    inputs: Vec<RequestInput<'a>>,
    #[serde(default)]
    outputs: Vec<RequestOutput>,
}

#[derive(Deserialize)]
struct RequestInput<'a> {
    name: String,
    shape: Vec<i64>,
    datatype: String,
    #[serde(default)]
    parameters: BTreeMap<String, Value>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct RequestOutput {
    name: String,
    #[serde(default)]
    parameters: BTreeMap<String, Value>,
}

/// A request whose JSON has been read; the bytes behind it are still to come.
pub struct Decoder {
    /// The client's name for it.
    pub id: Option<String>,
    /// Schedule policy.
    pub parameters: RequestParameters,
    /// What is to be answered.
    pub outputs: Vec<RequestedOutput>,
    ready: Vec<(usize, Tensor)>,
    /// Tensors whose bytes follow, in their order.
    following: Vec<Following>,
    current: usize,
}

struct Following {
    plan: Plan,
    buffer: Buffer,
    filled: usize,
}

/// JSON's parameters.
///
/// # Errors
/// Arrays, objects and null are none.
pub fn parameters(json: BTreeMap<String, Value>) -> Result<Parameters, ServeError> {
    let one = |(name, value): (String, Value)| {
        let value = match value {
            Value::Bool(value) => Parameter::Bool(value),
            Value::String(value) => Parameter::Text(value),
            Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(number), _) => Parameter::Int(number),
                (None, number) => Parameter::Double(number.unwrap_or(f64::NAN)),
            },
            _ => {
                let why = format!("Parameter {name}: a number, text, true or false should be here");
                return Err(ServeError::invalid(why));
            }
        };
        Ok((name, value))
    };
    json.into_iter().map(one).collect()
}

impl Decoder {
    /// Reads the JSON. `following` is how many bytes come behind it, where that is known; memory for
    /// them is taken only after they were seen to be those of their shapes.
    ///
    /// # Errors
    /// What is wrong, with the name of the tensor.
    pub fn new(
        model: &Interface,
        memory: &SharedMemory,
        json: &[u8],
        following: Option<usize>,
        max_bytes: usize,
    ) -> Result<Self, ServeError> {
        let request: InferenceRequest<'_> = serde_json::from_slice(json)
            .map_err(|e| ServeError::invalid(format!("The request's JSON: {e}")))?;
        let own = parameters(request.parameters)?;
        let claims: Vec<Claim<'_>> = request
            .inputs
            .iter()
            .map(|i| Claim { name: &i.name, datatype: &i.datatype, shape: &i.shape })
            .collect();
        let plans = plan(model, &claims, max_bytes)?;
        let binary = truth(&own, "binary_data_output")?.unwrap_or(false);
        let outputs = request
            .outputs
            .iter()
            .map(|output| Ok((output.name.as_str(), parameters(output.parameters.clone())?)))
            .collect::<Result<Vec<_>, ServeError>>()?;
        let mut decoder = Self {
            id: request.id,
            parameters: RequestParameters::read(&own, model)?,
            outputs: wanted(model, outputs.into_iter(), binary, memory)?,
            ready: Vec::new(),
            following: Vec::new(),
            current: 0,
        };
        let mut sizes = Vec::new();
        for (plan, input) in plans.into_iter().zip(request.inputs) {
            let own = parameters(input.parameters)?;
            let size = whole(&own, "binary_data_size")?;
            let index = plan.index;
            match (input.data, shared(&own, memory)?, size) {
                (Some(data), None, None) => {
                    decoder.ready.push((index, json_data::read(plan, data)?));
                }
                (None, Some((_, piece)), None) => {
                    decoder.ready.push((index, plan.shared(&piece, max_bytes)?));
                }
                (None, None, Some(size)) => {
                    let size = usize::try_from(size).unwrap_or(usize::MAX);
                    plan.check_bytes(size)?;
                    sizes.push((plan, size));
                }
                _ => {
                    return Err(
                        plan.bad("it needs one of data, binary_data_size, shared_memory_region")
                    );
                }
            }
        }
        decoder.expect(sizes, following, max_bytes)?;
        Ok(decoder)
    }

    fn expect(
        &mut self,
        sizes: Vec<(Plan, usize)>,
        following: Option<usize>,
        max_bytes: usize,
    ) -> Result<(), ServeError> {
        let all = sizes.iter().try_fold(0usize, |all, (_, size)| all.checked_add(*size));
        let all = all.filter(|all| *all <= max_bytes);
        let all = all.ok_or_else(|| {
            let why = format!("The tensors are beyond the limit of {max_bytes} bytes");
            ServeError::too_large(why)
        })?;
        if let Some(following) = following
            && following != all
        {
            return Err(ServeError::invalid(format!(
                "The tensors' binary_data_size are {all} bytes, {following} follow the JSON"
            )));
        }
        let follow = |(plan, size)| Following { plan, buffer: Buffer::zeroed(size), filled: 0 };
        self.following = sizes.into_iter().map(follow).collect();
        Ok(())
    }

    /// Takes bytes that came behind the JSON, in pieces of any length: the one copy of a payload.
    ///
    /// # Errors
    /// Where they are more than was said.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<(), ServeError> {
        while !bytes.is_empty() {
            let Some(now) = self.following.get_mut(self.current) else {
                return Err(ServeError::invalid(
                    "More bytes follow the JSON than its tensors have",
                ));
            };
            let count = bytes.len().min(now.buffer.len() - now.filled);
            let (taken, rest) = bytes.split_at(count);
            now.buffer.bytes_mut()[now.filled..now.filled + count].copy_from_slice(taken);
            now.filled += count;
            bytes = rest;
            if now.filled == now.buffer.len() {
                self.current += 1;
            }
        }
        Ok(())
    }

    /// The inputs in the model's order, and what is to be answered.
    ///
    /// # Errors
    /// Where bytes are missing or not of their type.
    pub fn finish(self) -> Result<(Vec<Tensor>, Vec<RequestedOutput>), ServeError> {
        let mut tensors = self.ready;
        for one in self.following {
            if one.filled < one.buffer.len() {
                let (have, need) = (one.filled, one.buffer.len());
                let why = format_args!("{need} bytes should follow the JSON, {have} came");
                return Err(one.plan.bad(why));
            }
            tensors.push((one.plan.index, one.plan.from_buffer(one.buffer)?));
        }
        Ok((in_order(tensors), self.outputs))
    }
}
