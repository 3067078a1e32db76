//! `[[heads]]` of `model.toml`: one output of the network.

use serde::{Deserialize, Deserializer};
use tandem_model::post::{Element, HeadKind, MAX_ANCHORS, MAX_SIDE, MAX_STRIDE, Scale};

use super::descriptor::{Input, array, first};

/// One output of the network. Which fields a kind takes is in README.md.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadSpec {
    /// ONNX name; `[1, anchors * (box numbers + classes), height / stride, width / stride]`,
    /// or `[1, 4 + classes, boxes]`.
    pub output: String,
    /// Decoding rule.
    pub kind: HeadKind,
    /// Network pixels per cell.
    pub stride: Option<u16>,
    /// Width and height of each anchor in network pixels.
    #[serde(default, deserialize_with = "pairs")]
    pub anchors: Option<Vec<(u16, u16)>>,
    /// Decoded boxes in the output.
    pub boxes: Option<u16>,
    /// Type of the output.
    #[serde(default)]
    pub element: Element,
    /// What a step of an i8 output is worth, as its QuantizeLinear has it.
    pub scale: Option<f32>,
    /// The byte of an i8 output that stands for 0; 0 if left out.
    pub zero: Option<i8>,
}

impl HeadSpec {
    /// Anchors, where the kind has some.
    pub fn anchors(&self) -> &[(u16, u16)] {
        self.anchors.as_deref().unwrap_or(&[])
    }

    /// Boxes of a cell.
    pub fn per_cell(&self) -> usize {
        if self.kind.has_anchors() { self.anchors().len() } else { 1 }
    }

    /// Network pixels per cell; 1 for decoded boxes, which have no cells.
    pub fn pixels_per_cell(&self) -> u16 {
        self.stride.unwrap_or(1)
    }

    /// What a step of an i8 output is worth to the kernel: 16 bits of it; one for other elements.
    pub(super) fn step(&self) -> Option<Scale> {
        self.scale.map_or(Some(Scale::ONE), |scale| Scale::from_f32_bits(scale.to_bits()))
    }

    /// Columns and rows of the head's grid; a list of boxes is one row.
    pub(super) fn grid(&self, input: &Input) -> (u16, u16) {
        match self.boxes {
            Some(boxes) => (boxes, 1),
            None => (input.width / self.pixels_per_cell(), input.height / self.pixels_per_cell()),
        }
    }

    /// The first field that is missing, superfluous or out of range, and why.
    pub(super) fn fault(&self, input: &Input) -> Option<(String, String)> {
        let (list, anchored) = (self.kind == HeadKind::Boxes, self.kind.has_anchors());
        let stride = self.pixels_per_cell();
        let fits = |side: u16| stride > 0 && side.is_multiple_of(stride);
        let side = |side: u16| (1..=MAX_SIDE).contains(&side);
        let anchors = self.anchors();
        let sides = anchors.iter().all(|anchor| side(anchor.0) && side(anchor.1));
        let bytes = self.element == Element::I8;
        let count = !anchored || (1..=MAX_ANCHORS).contains(&anchors.len());
        first(&[
            ("output", !self.output.is_empty(), "must not be empty"),
            ("stride", list || self.stride.is_some(), "missing field `stride`"),
            ("stride", !list || self.stride.is_none(), "has no meaning for decoded boxes"),
            (
                "stride",
                fits(input.width) && fits(input.height),
                "must divide input.width and input.height",
            ),
            ("stride", stride <= MAX_STRIDE, "must be at most 1024"),
            ("anchors", !anchored || self.anchors.is_some(), "missing field `anchors`"),
            ("anchors", anchored || self.anchors.is_none(), "has no meaning for this kind"),
            ("anchors", count, "must be 1 to 3"),
            ("anchors", sides, "must be 1 to 8192 pixels a side"),
            ("boxes", !list || self.boxes.is_some(), "missing field `boxes`"),
            ("boxes", list || self.boxes.is_none(), "has no meaning for this kind"),
            ("boxes", self.boxes != Some(0), "must be at least 1"),
            ("scale", !bytes || self.scale.is_some(), "missing field `scale`"),
            ("scale", bytes || self.scale.is_none(), "has no meaning for this element"),
            ("scale", self.step().is_some(), "must be 2^-126 to 2^120"),
            ("zero", bytes || self.zero.is_none(), "has no meaning for this element"),
        ])
    }
}

/// Arrays of exactly two values.
fn pairs<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<(u16, u16)>>, D::Error> {
    let lists: Vec<Vec<u16>> = Vec::deserialize(deserializer)?;
    lists
        .into_iter()
        .map(|list| array(list).map(|[w, h]| (w, h)))
        .collect::<Result<_, _>>()
        .map(Some)
}
