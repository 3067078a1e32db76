//! Inputs: their claims against the model, then their bytes against their claims. Nothing is
//! allocated for a claim that the bytes at hand do not bear out.

use tandem_engine::tensors::{Buffer, DataType, Elements, Tensor};

use crate::error::ServeError;
use crate::model::Interface;
use crate::shared_memory::Piece;

/// What a client says of an input.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// Name.
    pub name: &'a str,
    /// The protocol's name of its type.
    pub datatype: &'a str,
    /// Sides.
    pub shape: &'a [i64],
}

/// An input whose claim fits the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Name, for errors.
    pub name: String,
    /// In the model's order.
    pub index: usize,
    /// Element type.
    pub datatype: DataType,
    /// Sides.
    pub shape: Vec<usize>,
    /// Elements.
    pub count: usize,
}

/// Checks the claims of all inputs; the plans are in the claims' order.
///
/// # Errors
/// An input that is unknown, missing, given twice, or of another type or shape.
pub fn plan(
    model: &Interface,
    claims: &[Claim<'_>],
    max_bytes: usize,
) -> Result<Vec<Plan>, ServeError> {
    let mut plans: Vec<Plan> = Vec::with_capacity(model.inputs.len());
    for claim in claims {
        let plan = plan_one(model, claim, max_bytes)?;
        if plans.iter().any(|before| before.index == plan.index) {
            return Err(ServeError::invalid(format!("Input {:?} is given twice", claim.name)));
        }
        plans.push(plan);
    }
    if let Some(missing) =
        (0..model.inputs.len()).find(|index| !plans.iter().any(|plan| plan.index == *index))
    {
        let name = &model.inputs[missing].name;
        let message = format!("Model {}: input {name:?} is missing", model.id());
        return Err(ServeError::invalid(message));
    }
    if model.config.max_batch_size > 0 {
        let batch = plans.first().map_or(1, |plan| plan.shape[0]);
        let most = model.config.max_batch_size as usize;
        if plans.iter().any(|plan| plan.shape[0] != batch) {
            return Err(ServeError::invalid("The inputs' first sides, their batch, differ"));
        }
        if batch > most {
            let message = format!("Model {}: a batch of {batch}, at most {most}", model.id());
            return Err(ServeError::invalid(message));
        }
    }
    Ok(plans)
}

fn plan_one(model: &Interface, claim: &Claim<'_>, max_bytes: usize) -> Result<Plan, ServeError> {
    let bad = |why: String| {
        ServeError::invalid(format!("Model {}, input {:?}: {why}", model.id(), claim.name))
    };
    let Some(index) = model.inputs.iter().position(|input| input.name == claim.name) else {
        let known: Vec<&str> = model.inputs.iter().map(|spec| spec.name.as_str()).collect();
        return Err(bad(format!("there is none of that name, there are {known:?}")));
    };
    let spec = &model.inputs[index];
    if claim.datatype != spec.datatype.name() {
        let wanted = spec.datatype.name();
        return Err(bad(format!("its datatype is {wanted}, not {:?}", claim.datatype)));
    }
    let fits = claim.shape.len() == spec.shape.len()
        && claim.shape.iter().zip(&spec.shape).all(|(is, side)| *side == -1 || is == side);
    if !fits {
        return Err(bad(format!("its shape is {:?}, not {:?}", spec.shape, claim.shape)));
    }
    let (shape, count) = sides(claim.shape).map_err(&bad)?;
    // A string takes 4 bytes at least; an element of JSON, 2.
    if spec.datatype.size().unwrap_or(4).checked_mul(count).is_none_or(|bytes| bytes > max_bytes) {
        let shape = claim.shape;
        let why = format!("its shape {shape:?} is beyond the limit of {max_bytes} bytes");
        return Err(ServeError::too_large(bad(why).message));
    }
    Ok(Plan { name: claim.name.to_owned(), index, datatype: spec.datatype, shape, count })
}

/// Sides from 1 on, and their product.
pub(crate) fn sides(shape: &[i64]) -> Result<(Vec<usize>, usize), String> {
    let mut count = 1usize;
    let mut sides = Vec::with_capacity(shape.len());
    for side in shape {
        let side = usize::try_from(*side).ok().filter(|side| *side > 0);
        let side = side.ok_or_else(|| format!("its shape {shape:?} has a side below 1"))?;
        count =
            count.checked_mul(side).ok_or_else(|| format!("its shape {shape:?} is too large"))?;
        sides.push(side);
    }
    Ok((sides, count))
}

impl Plan {
    /// Bytes that the elements take; none for strings.
    pub fn bytes(&self) -> Option<usize> {
        self.datatype.size().map(|size| size * self.count)
    }

    /// An error about this input.
    pub fn bad(&self, why: impl std::fmt::Display) -> ServeError {
        ServeError::invalid(format!("Input {:?}: {why}", self.name))
    }

    /// Refuses a number of bytes that the shape does not make; strings are looked at later.
    ///
    /// # Errors
    /// With both numbers.
    pub fn check_bytes(&self, have: usize) -> Result<(), ServeError> {
        match self.bytes() {
            Some(need) if need != have => Err(self.bad(format_args!(
                "shape {:?} of {} takes {need} bytes, there are {have}",
                self.shape,
                self.datatype.name()
            ))),
            _ => Ok(()),
        }
    }

    /// The tensor of a buffer that holds its bytes as they came.
    ///
    /// # Errors
    /// Where the bytes are not those of the shape, or not of the type.
    pub fn from_buffer(self, buffer: Buffer) -> Result<Tensor, ServeError> {
        self.check_bytes(buffer.len())?;
        let elements = match self.datatype {
            DataType::Bytes => Elements::Strings(self.split_strings(buffer.bytes())?),
            DataType::Bool if buffer.bools().is_none() => {
                return Err(self.bad("a BOOL is neither 0 nor 1"));
            }
            _ => Elements::Numbers(buffer),
        };
        Ok(self.with(elements))
    }

    /// The tensor of bytes that lie elsewhere: one copy.
    ///
    /// # Errors
    /// As [`Plan::from_buffer`].
    pub fn copy_of(self, bytes: &[u8]) -> Result<Tensor, ServeError> {
        self.check_bytes(bytes.len())?;
        match self.datatype {
            DataType::Bytes => {
                let strings = self.split_strings(bytes)?;
                Ok(self.with(Elements::Strings(strings)))
            }
            _ => self.from_buffer(Buffer::copy_of(bytes)),
        }
    }

    /// The tensor that lies in shared memory: one copy.
    ///
    /// # Errors
    /// As [`Plan::from_buffer`], and where the memory was cut off.
    pub fn shared(self, piece: &Piece, max_bytes: usize) -> Result<Tensor, ServeError> {
        self.check_bytes(piece.len)?;
        if piece.len > max_bytes {
            let why = format!("{} bytes are beyond the limit of {max_bytes}", piece.len);
            return Err(ServeError::too_large(self.bad(why).message));
        }
        let mut buffer = Buffer::zeroed(piece.len);
        piece.read(buffer.bytes_mut())?;
        self.from_buffer(buffer)
    }

    /// The tensor of strings.
    ///
    /// # Errors
    /// Where they are not as many as the shape says.
    pub fn strings(self, strings: Vec<Vec<u8>>) -> Result<Tensor, ServeError> {
        match strings.len() == self.count {
            true => Ok(self.with(Elements::Strings(strings))),
            false => Err(self.miscounted(strings.len())),
        }
    }

    /// An error about the number of elements.
    pub fn miscounted(&self, have: usize) -> ServeError {
        let (shape, count) = (&self.shape, self.count);
        self.bad(format_args!("shape {shape:?} has {count} elements, there are {have}"))
    }

    fn with(self, elements: Elements) -> Tensor {
        Tensor { datatype: self.datatype, shape: self.shape, elements }
    }

    /// Strings as the protocol packs them: u32 length, little endian, then the bytes.
    fn split_strings(&self, mut bytes: &[u8]) -> Result<Vec<Vec<u8>>, ServeError> {
        let all = bytes.len();
        if all / 4 < self.count {
            let count = self.count;
            return Err(self.bad(format_args!("{all} bytes are too few for {count} strings")));
        }
        let mut strings = Vec::with_capacity(self.count);
        while let Some((length, rest)) = bytes.split_first_chunk::<4>() {
            let length = u32::from_le_bytes(*length) as usize;
            if length > rest.len() || strings.len() == self.count {
                return Err(self.bad("its bytes are not strings with their lengths before them"));
            }
            let (string, rest) = rest.split_at(length);
            strings.push(string.to_vec());
            bytes = rest;
        }
        match bytes.is_empty() && strings.len() == self.count {
            true => Ok(strings),
            false => Err(self.bad("its bytes end inside a string or before the last one")),
        }
    }
}

/// Strings as the protocol packs them.
pub fn join_strings(strings: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(strings.iter().map(|string| string.len() + 4).sum());
    for string in strings {
        bytes.extend_from_slice(&(string.len() as u32).to_le_bytes());
        bytes.extend_from_slice(string);
    }
    bytes
}

/// Puts the tensors into the model's order.
pub fn in_order(mut tensors: Vec<(usize, Tensor)>) -> Vec<Tensor> {
    tensors.sort_by_key(|(index, _)| *index);
    tensors.into_iter().map(|(_, tensor)| tensor).collect()
}
