//! `post`: raw heads in, detections out. Sigmoid, threshold, box decode, non-maximum suppression.

mod decode;
mod dfl;
mod element;
pub(crate) mod fixed;
pub(crate) mod nms;
mod params;
mod result;
mod run;
mod select;

use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use element::{Element, Scale, f32_of_f16};
pub use nms::{NmsScratch, suppress};
pub use result::read_result;
pub use run::{PostScratch, postprocess};

/// Most heads of one model.
pub const MAX_HEADS: usize = 4;
/// Most anchors of one head.
pub const MAX_ANCHORS: usize = 3;
/// Most candidates that enter suppression. Without [`PostParams::top_k`] one more is
/// [`PostError::TooManyCandidates`].
pub const MAX_CANDIDATES: usize = 4096;
/// Most detections after suppression.
pub const MAX_DETECTIONS: usize = 1024;
/// Logits of one distance in a YOLOv8 head: it reaches to `DFL_BINS - 1` cells.
pub const DFL_BINS: usize = 16;
/// Most classes of one anchor.
pub const MAX_CLASSES: u16 = 1024;
/// Largest width or height of the network's input and of an anchor, in pixels.
pub const MAX_SIDE: u16 = 8192;
/// Most network pixels per cell.
pub const MAX_STRIDE: u16 = 1024;
/// Most bytes of all heads with the gaps between them.
pub const MAX_HEADS_BYTES: usize = 1 << 28;
/// Bytes of a result's header (see [`ResultHeader`]).
pub const HEADER_BYTES: usize = 32;
/// Bytes of one [`Detection`] in a result.
pub const DETECTION_BYTES: usize = 24;

/// How a head's numbers become boxes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
#[serde(rename_all = "lowercase")]
pub enum HeadKind {
    /// `xy = (sigmoid(t) + cell) * stride`, `wh = exp(t) * anchor`.
    YoloV3 = 0,
    /// `xy = (2 sigmoid(t) - 0.5 + cell) * stride`, `wh = (2 sigmoid(t))^2 * anchor`.
    YoloV5 = 1,
    /// Anchor-free, no objectness: four distributions of [`DFL_BINS`] logits over the distances
    /// left, top, right, bottom of the cell's centre, `edge = (cell + 0.5 -+ mean) * stride`.
    YoloV8 = 2,
    /// Anchor-free: `xy = (t + cell) * stride`, `wh = exp(t) * stride`.
    YoloX = 3,
    /// Boxes that the network has decoded, such as an exported YOLOv8: centre x, centre y, width,
    /// height in network pixels, then class probabilities. The cells are a list: their place does
    /// not matter, and the stride is 1.
    Boxes = 4,
}

/// One output of the network: numbers of one [`Element`], little endian,
/// `[anchors * (box numbers + classes), grid_h, grid_w]`; see [`HeadKind::box_numbers`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Decoding rule.
    pub kind: HeadKind,
    /// Cells across.
    pub grid_w: u16,
    /// Cells down.
    pub grid_h: u16,
    /// Network pixels per cell.
    pub stride: u16,
    /// Anchors in use, 1 to [`MAX_ANCHORS`]; 1 for the kinds without anchors.
    pub anchor_count: u8,
    /// Width and height of each anchor in network pixels; not read for the kinds without anchors.
    pub anchors: [(u16, u16); MAX_ANCHORS],
    /// Where the head begins in the heads slot, in bytes (a multiple of 64).
    pub offset: u32,
    /// What its numbers are.
    #[serde(default)]
    pub element: Element,
    /// What a step of an i8 head is worth; not read for other elements.
    #[serde(default)]
    pub scale: Scale,
    /// The byte that stands for 0 in an i8 head; not read for other elements.
    #[serde(default)]
    pub zero: i8,
}

/// Everything that one run of the kernel is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostParams {
    /// Heads in use, 1 to [`MAX_HEADS`].
    pub head_count: u8,
    /// The heads; entries at `head_count` and above are ignored.
    pub heads: [Head; MAX_HEADS],
    /// Classes per anchor, 1 to 1024.
    pub classes: u16,
    /// Keep a candidate if `score >= score_threshold`; unsigned Q16 (65535 is just under 1).
    pub score_threshold: u16,
    /// Drop a box if `intersection > iou_threshold * union`; unsigned Q16.
    pub iou_threshold: u16,
    /// Suppress across classes, too.
    pub class_agnostic: bool,
    /// Most candidates that enter suppression, at most [`MAX_CANDIDATES`]: the best by score, then
    /// by index. 0: all of them, and more than [`MAX_CANDIDATES`] is an error.
    #[serde(default)]
    pub top_k: u16,
    /// Most detections to report, 1 to [`MAX_DETECTIONS`]; the best are kept.
    pub max_detections: u16,
    /// Network input width in pixels; boxes are clipped to it.
    pub width: u16,
    /// Network input height in pixels.
    pub height: u16,
}

/// One box that survived, in network pixels. 24 bytes little endian in a result, in this order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Detection {
    /// Left, signed Q8 network pixels.
    pub x1: i32,
    /// Top.
    pub y1: i32,
    /// Right.
    pub x2: i32,
    /// Bottom.
    pub y2: i32,
    /// Unsigned Q16.
    pub score: u16,
    /// Class index.
    pub class: u16,
    /// Position in the heads: orders equal scores, lower first.
    pub index: u32,
}

/// First [`HEADER_BYTES`] of a result, little endian u32 words in this order, rest zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResultHeader {
    /// Detections that follow.
    pub count: u32,
    /// Candidates above the threshold.
    pub candidates: u32,
    /// Anchors dropped because a number was NaN or infinite.
    pub not_finite: u32,
    /// Detections that `max_detections` cut off.
    pub cut: u32,
    /// Candidates that `top_k` kept out of suppression.
    pub surplus: u32,
}

/// Why a run failed; names the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PostError {
    /// A field is outside its range.
    #[error("post: {0} is out of range")]
    Range(&'static str),
    /// A buffer is too small for what the parameters say.
    #[error("post: {buffer} holds {have} bytes, the parameters need {need}")]
    Short {
        /// Which buffer.
        buffer: &'static str,
        /// Bytes given.
        have: usize,
        /// Bytes needed.
        need: usize,
    },
    /// More than [`MAX_CANDIDATES`] anchors passed the threshold, and `top_k` is 0.
    #[error("post: more than {MAX_CANDIDATES} candidates pass score_threshold")]
    TooManyCandidates,
}
