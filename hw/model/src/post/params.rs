//! Parameters: sizes, and what is refused.

use super::{
    DETECTION_BYTES, DFL_BINS, Element, HEADER_BYTES, Head, HeadKind, MAX_ANCHORS, MAX_CANDIDATES,
    MAX_CLASSES, MAX_DETECTIONS, MAX_HEADS, MAX_HEADS_BYTES, MAX_SIDE, MAX_STRIDE, PostError,
    PostParams, Scale,
};

impl HeadKind {
    /// The kind with this register value.
    pub const fn from_u8(value: u8) -> Option<Self> {
        match value {
            0 => Some(Self::YoloV3),
            1 => Some(Self::YoloV5),
            2 => Some(Self::YoloV8),
            3 => Some(Self::YoloX),
            4 => Some(Self::Boxes),
            _ => None,
        }
    }

    /// Numbers of an anchor before its classes: the box, and the objectness where there is one.
    pub const fn box_numbers(self) -> usize {
        match self {
            Self::YoloV3 | Self::YoloV5 | Self::YoloX => 5,
            Self::YoloV8 => 4 * DFL_BINS,
            Self::Boxes => 4,
        }
    }

    /// Whether a score is objectness times class; else it is the class's alone.
    pub const fn has_objectness(self) -> bool {
        !matches!(self, Self::YoloV8 | Self::Boxes)
    }

    /// Whether boxes are relative to anchors; else a cell has one box.
    pub const fn has_anchors(self) -> bool {
        matches!(self, Self::YoloV3 | Self::YoloV5)
    }
}

impl Head {
    /// A head that is not in use: fills the rest of [`PostParams::heads`].
    pub const UNUSED: Self = Self {
        kind: HeadKind::YoloV3,
        grid_w: 0,
        grid_h: 0,
        stride: 0,
        anchor_count: 0,
        anchors: [(0, 0); MAX_ANCHORS],
        offset: 0,
        element: Element::F32,
        scale: Scale::ONE,
        zero: 0,
    };

    /// Cells of the grid.
    pub const fn cells(&self) -> usize {
        self.grid_w as usize * self.grid_h as usize
    }

    /// Bytes of the head's numbers for so many classes.
    pub const fn bytes(&self, classes: u16) -> usize {
        let numbers = self.kind.box_numbers() + classes as usize;
        self.element.bytes() * self.cells() * self.anchor_count as usize * numbers
    }

    fn validate(&self, width: u16, height: u16) -> Result<(), PostError> {
        let side = |value: u16| (1..=MAX_SIDE).contains(&value);
        let list = self.kind == HeadKind::Boxes;
        // The last cell begins inside the input, which bounds every centre; a list has no places.
        let fits = |grid: u16, limit: u16| {
            grid > 0 && (list || u32::from(grid - 1) * u32::from(self.stride) < u32::from(limit))
        };
        let most = if list { 1 } else { MAX_STRIDE };
        check((1..=most).contains(&self.stride), "heads.stride")?;
        check(fits(self.grid_w, width), "heads.grid_w")?;
        check(fits(self.grid_h, height), "heads.grid_h")?;
        let count = usize::from(self.anchor_count);
        let most = if self.kind.has_anchors() { MAX_ANCHORS } else { 1 };
        check((1..=most).contains(&count), "heads.anchor_count")?;
        let anchors = if self.kind.has_anchors() { &self.anchors[..count] } else { &[] };
        check(anchors.iter().all(|(w, h)| side(*w) && side(*h)), "heads.anchors")?;
        check(self.element != Element::I8 || self.scale.is_valid(), "heads.scale")?;
        check(self.offset.is_multiple_of(64), "heads.offset")
    }
}

impl PostParams {
    /// The heads in use.
    pub fn used_heads(&self) -> &[Head] {
        &self.heads[..usize::from(self.head_count).min(MAX_HEADS)]
    }

    /// Refuses what the kernel cannot do; names the field.
    pub fn validate(&self) -> Result<(), PostError> {
        check((1..=MAX_HEADS).contains(&usize::from(self.head_count)), "head_count")?;
        check((1..=MAX_CLASSES).contains(&self.classes), "classes")?;
        let max = usize::from(self.max_detections);
        check((1..=MAX_DETECTIONS).contains(&max), "max_detections")?;
        check(usize::from(self.top_k) <= MAX_CANDIDATES, "top_k")?;
        check((1..=MAX_SIDE).contains(&self.width), "width")?;
        check((1..=MAX_SIDE).contains(&self.height), "height")?;
        for head in self.used_heads() {
            head.validate(self.width, self.height)?;
            // In u64: on the R5F a size that passes so far may exceed usize.
            let numbers = head.kind.box_numbers() as u64 + u64::from(self.classes);
            let boxes =
                u64::from(head.grid_w) * u64::from(head.grid_h) * u64::from(head.anchor_count);
            let bytes = head.element.bytes() as u64 * boxes * numbers;
            check(u64::from(head.offset) + bytes <= MAX_HEADS_BYTES as u64, "heads.offset")?;
        }
        Ok(())
    }

    /// Bytes of the heads slot that must be there.
    pub fn heads_bytes(&self) -> usize {
        let end = |head: &Head| head.offset as usize + head.bytes(self.classes);
        self.used_heads().iter().map(end).max().unwrap_or(0)
    }

    /// Most bytes of a result.
    pub fn result_bytes(&self) -> usize {
        HEADER_BYTES + DETECTION_BYTES * usize::from(self.max_detections)
    }
}

fn check(good: bool, field: &'static str) -> Result<(), PostError> {
    if good { Ok(()) } else { Err(PostError::Range(field)) }
}
