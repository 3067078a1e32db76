//! What a runtime found in the ONNX file against what the descriptor says.

use tandem_model::post::Element;

use super::Model;
use super::descriptor::refuse;
use crate::EngineError;

/// Shape of an input or output as a runtime reports it: `None` is a size that the file leaves
/// open. `Err` names a type that is not the one that was asked for.
pub type FoundShape = Result<Vec<Option<usize>>, String>;

impl Model {
    /// `[1, 3, height, width]` or `[1, height, width, 3]`.
    pub(crate) fn input_shape(&self) -> [usize; 4] {
        let input = &self.descriptor.input;
        let (h, w) = (usize::from(input.height), usize::from(input.width));
        match input.layout {
            tandem_model::pre::Layout::Planar => [1, 3, h, w],
            tandem_model::pre::Layout::Interleaved => [1, h, w, 3],
        }
    }

    /// A network with further inputs cannot be fed.
    pub(crate) fn check_inputs(&self, names: &[String]) -> Result<(), EngineError> {
        match names.len() {
            1 => Ok(()),
            n => Err(self.mismatch("input", format!("the file has {n} inputs {names:?}, not one"))),
        }
    }

    pub(crate) fn check_input(&self, found: Option<FoundShape>) -> Result<(), EngineError> {
        match found {
            None => Err(self.mismatch("input.tensor", "the file has no input of that name")),
            Some(found) => fits(found, &self.input_shape(), Element::F32)
                .map_err(|e| self.mismatch("input", e)),
        }
    }

    pub(crate) fn check_head(
        &self,
        index: usize,
        found: Option<FoundShape>,
        names: &[String],
    ) -> Result<(), EngineError> {
        let spec = &self.descriptor.heads[index];
        let wanted: Vec<_> =
            self.heads().nth(index).into_iter().flat_map(|l| l.output_shape()).collect();
        match found {
            None => {
                let reason = format!("the file has no output {}; it has {names:?}", spec.output);
                Err(self.mismatch(&format!("heads[{index}].output"), reason))
            }
            Some(found) => fits(found, &wanted, spec.element)
                .map_err(|e| self.mismatch(&format!("heads[{index}]"), e)),
        }
    }

    fn mismatch(&self, field: &str, reason: impl Into<String>) -> EngineError {
        refuse(&self.id(), &format!("model.toml: {field}"), reason)
    }
}

/// Sizes that the file leaves open fit; the warm-up run shows what they become.
fn fits(found: FoundShape, wanted: &[usize], element: Element) -> Result<(), String> {
    let name = match element {
        Element::F32 => "f32",
        Element::F16 => "f16",
        Element::I8 => "i8",
    };
    let found = found.map_err(|kind| format!("the file has type {kind}, not {name}"))?;
    let open = found.is_empty();
    let same = found.len() == wanted.len()
        && found.iter().zip(wanted).all(|(have, want)| have.is_none_or(|have| have == *want));
    if open || same {
        return Ok(());
    }
    let sizes: Vec<String> =
        found.iter().map(|n| n.map_or("?".into(), |n: usize| n.to_string())).collect();
    Err(format!("the file has [{}], the descriptor says {wanted:?}", sizes.join(", ")))
}
