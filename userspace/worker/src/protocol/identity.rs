//! Which model a side has: both must have the same before a tensor is sent.

use std::fmt::{self, Write};
use std::ops::Range;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tandem_engine::Model;
use thiserror::Error;

/// `name/version`.
pub type ModelName = heapless::String<64>;

/// A model that the protocol cannot name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum IdentityError {
    /// Its name.
    #[error("Model {0}: a worker's model has a name and version of at most 64 bytes")]
    Name(String),
    /// Its hash.
    #[error("Model {0}: sha256 is not 64 hexadecimal digits")]
    Hash(String),
}

/// Which model, to the byte.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// `name/version`.
    pub model: ModelName,
    /// sha256 of the weights, as the descriptor has it.
    pub weights: [u8; 32],
    /// sha256 over what else decides on the numbers: how the tensor is dequantised, which outputs
    /// are sent in which order.
    pub interface: [u8; 32],
    /// Bytes of a tensor.
    pub tensor_bytes: u32,
    /// Bytes of the heads as they are sent.
    pub heads_bytes: u32,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = |f: &mut fmt::Formatter<'_>, name: &str, hash: &[u8; 32]| {
            write!(f, " {name} ")?;
            hash[..6].iter().try_for_each(|byte| write!(f, "{byte:02x}"))
        };
        f.write_str(&self.model)?;
        short(f, "(sha256", &self.weights)?;
        short(f, "interface", &self.interface)?;
        write!(f, ", tensor {} bytes, heads {})", self.tensor_bytes, self.heads_bytes)
    }
}

/// A model as a connection sees it: who it is, and where its heads lie in a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Who it is.
    pub identity: Identity,
    /// Each head's bytes in a heads slot.
    pub heads: Vec<Range<usize>>,
    /// Bytes of a heads slot.
    pub slot_bytes: usize,
}

impl Interface {
    /// Of a model's descriptor; its weights need not be there.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub fn of(model: &Model) -> Result<Self, IdentityError> {
        let heads: Vec<Range<usize>> =
            model.heads().map(|head| head.offset..head.offset + head.bytes).collect();
        let name = ModelName::try_from(model.id().as_str());
        let identity = Identity {
            model: name.map_err(|_| IdentityError::Name(model.id()))?,
            weights: from_hex(&model.descriptor().sha256)
                .ok_or_else(|| IdentityError::Hash(model.id()))?,
            interface: Sha256::digest(description(model)).into(),
            tensor_bytes: model.tensor_bytes() as u32,
            heads_bytes: heads.iter().map(Range::len).sum::<usize>() as u32,
        };
        Ok(Self { identity, heads, slot_bytes: model.heads_bytes() })
    }
}

/// What decides on the numbers besides the weights, in a form of this protocol's own: a change of
/// a Debug text must not make two releases strangers.
fn description(model: &Model) -> String {
    let input = &model.descriptor().input;
    let bits = |values: [f32; 3]| values.map(f32::to_bits);
    let mut text = format!(
        "{}x{} layout {} order {} scale {:x?} offset {:x?}",
        input.width,
        input.height,
        input.layout as u8,
        input.order as u8,
        bits(input.scale),
        bits(input.offset)
    );
    for (spec, head) in model.descriptor().heads.iter().zip(model.heads()) {
        let _ = write!(text, "; {} {:?} element {}", spec.output, head.shape, head.element as u8);
    }
    text
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |at: usize| (pair[at] as char).to_digit(16);
        *byte = (digit(0)? << 4 | digit(1)?) as u8;
    }
    Some(bytes)
}
