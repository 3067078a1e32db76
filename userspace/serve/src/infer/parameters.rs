//! Parameters of requests and of their tensors, of either protocol.

use std::collections::BTreeMap;
use std::time::Duration;

use super::RequestedOutput;
use crate::error::ServeError;
use crate::model::Interface;
use crate::shared_memory::{Piece, SharedMemory};

/// A parameter's value.
#[derive(Clone, Debug, PartialEq)]
pub enum Parameter {
    /// True or false.
    Bool(bool),
    /// A number.
    Int(i64),
    /// A number that is none of the whole ones.
    Double(f64),
    /// A text.
    Text(String),
}

/// Parameters by name.
pub type Parameters = BTreeMap<String, Parameter>;

fn wrong(name: &str, wanted: &str) -> ServeError {
    ServeError::invalid(format!("Parameter {name}: {wanted} should be here"))
}

/// A number from 0 on, if the parameter is there.
///
/// # Errors
/// Where it is something else.
pub fn whole(parameters: &Parameters, name: &str) -> Result<Option<u64>, ServeError> {
    match parameters.get(name) {
        None => Ok(None),
        Some(Parameter::Int(number @ 0..)) => Ok(Some(*number as u64)),
        Some(_) => Err(wrong(name, "a number from 0 on")),
    }
}

/// True or false, if the parameter is there.
///
/// # Errors
/// Where it is something else.
pub fn truth(parameters: &Parameters, name: &str) -> Result<Option<bool>, ServeError> {
    match parameters.get(name) {
        None => Ok(None),
        Some(Parameter::Bool(value)) => Ok(Some(*value)),
        Some(_) => Err(wrong(name, "true or false")),
    }
}

/// A text, if the parameter is there.
///
/// # Errors
/// Where it is something else.
pub fn text(parameters: &Parameters, name: &str) -> Result<Option<String>, ServeError> {
    match parameters.get(name) {
        None => Ok(None),
        Some(Parameter::Text(value)) => Ok(Some(value.clone())),
        Some(_) => Err(wrong(name, "a text")),
    }
}

/// What the schedule policy extension lets a request say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestParameters {
    /// 1 is the highest.
    pub priority: u64,
    timeout_microseconds: u64,
}

impl RequestParameters {
    /// Reads them. Parameters that mean nothing here are the client's own business, but for those
    /// that the protocol's extensions reserve.
    ///
    /// # Errors
    /// Of the wrong type or range, or of an extension that is not here.
    pub fn read(parameters: &Parameters, model: &Interface) -> Result<Self, ServeError> {
        for name in parameters.keys() {
            if name.starts_with("sequence_") || name.starts_with("triton_") {
                let why = format!("Parameter {name}: its extension is not offered, see /v2");
                return Err(ServeError::unsupported(why));
            }
        }
        let queue = &model.config.queue;
        let priority = match whole(parameters, "priority")? {
            None | Some(0) => queue.default_priority_level,
            Some(level) if level <= queue.priority_levels => level,
            Some(level) => {
                let most = queue.priority_levels;
                let why = format!("Parameter priority: {level} is not one of 0 to {most}");
                return Err(ServeError::invalid(why));
            }
        };
        let timeout_microseconds = whole(parameters, "timeout")?.unwrap_or(0);
        Ok(Self { priority, timeout_microseconds })
    }

    /// How long the request may take.
    pub fn timeout(&self, model: &Interface) -> Option<Duration> {
        let queue = &model.config.queue;
        let own = self.timeout_microseconds;
        let default = queue.default_timeout_microseconds;
        let chosen = match (own, default) {
            (0, default) => default,
            (own, 0) => own,
            (own, _) if queue.allow_timeout_override => own,
            (own, default) => own.min(default),
        };
        (chosen > 0).then(|| Duration::from_micros(chosen))
    }
}

/// The piece of shared memory that a tensor's parameters name, if they do.
///
/// # Errors
/// Where one parameter is missing or the region has no such piece.
pub fn shared(
    parameters: &Parameters,
    memory: &SharedMemory,
) -> Result<Option<(String, Piece)>, ServeError> {
    let region = text(parameters, "shared_memory_region")?;
    let size = whole(parameters, "shared_memory_byte_size")?;
    let offset = whole(parameters, "shared_memory_offset")?;
    match (region, size, offset) {
        (Some(region), Some(size), offset) => {
            let piece = memory.piece(&region, offset.unwrap_or(0), size)?;
            Ok(Some((region, piece)))
        }
        (None, None, None) => Ok(None),
        _ => Err(ServeError::invalid(
            "shared_memory_region and shared_memory_byte_size belong together",
        )),
    }
}

/// The outputs that a request names, or all where it names none.
///
/// # Errors
/// Unknown or named twice, or a parameter that does not fit.
pub fn wanted<'a>(
    model: &Interface,
    named: impl Iterator<Item = (&'a str, Parameters)>,
    binary: bool,
    memory: &SharedMemory,
) -> Result<Vec<RequestedOutput>, ServeError> {
    let mut wanted: Vec<RequestedOutput> = Vec::new();
    for (name, parameters) in named {
        let Some(index) = model.outputs.iter().position(|output| output.name == name) else {
            let known: Vec<&str> = model.outputs.iter().map(|spec| spec.name.as_str()).collect();
            return Err(ServeError::invalid(format!(
                "Model {} has no output {name:?}, it has {known:?}",
                model.id()
            )));
        };
        if wanted.iter().any(|before| before.index == index) {
            return Err(ServeError::invalid(format!("Output {name:?} is named twice")));
        }
        let classes = whole(&parameters, "classification")?;
        wanted.push(RequestedOutput {
            index,
            classification: classes.filter(|count| *count > 0).map(|count| count as usize),
            shared: shared(&parameters, memory)?,
            binary: truth(&parameters, "binary_data")?.unwrap_or(binary),
        });
    }
    if wanted.is_empty() {
        let all = (0..model.outputs.len()).map(|index| RequestedOutput {
            index,
            classification: None,
            shared: None,
            binary,
        });
        wanted.extend(all);
    }
    Ok(wanted)
}
