//! The seam to recipes: detections in source pixels in, a verdict record out.
//!
//! A [`Policy`] is everything about model and recipe that a job is run under. It is swapped as a
//! whole, and a job keeps the one that it began with.

use std::sync::Arc;

use tandem_engine::model::{Model, ResizeRule};
use tandem_model::post::PostParams;
use tandem_model::pre::{Frame, Layout, PreError, PreParams, Rect};

use crate::api::{Outcome, Silicon};

/// One object, in pixels of the source image.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RawDetection {
    /// Class index of the model.
    pub class: u16,
    /// 0 to 1.
    pub score: f32,
    /// `x1, y1, x2, y2` in source pixels, clipped to the source.
    pub r#box: [f32; 4],
}

/// What a judge decided. Small and without heap: it is made on the frame path.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VerdictRecord {
    /// Outcome.
    pub outcome: Outcome,
    /// Index of the deciding rule in the recipe; `None` where none decided.
    pub rule: Option<u16>,
    /// What the rule measured; the judge gives it its meaning in [`Judge::explain`].
    pub found: f32,
}

impl VerdictRecord {
    /// Unknown, decided by no rule.
    pub const UNKNOWN: Self = Self { outcome: Outcome::Unknown, rule: None, found: 0.0 };
}

/// Where in the frame the model looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Crop {
    /// The whole frame.
    #[default]
    Whole,
    /// This part, in source pixels; must lie inside the frame (even edges for NV12).
    Part(Rect),
}

/// Decides on a part. One per recipe, immutable.
pub trait Judge: Send + Sync {
    /// Name of the recipe.
    fn recipe(&self) -> &str;
    /// Decides. On the frame path: no allocation, no blocking. `size` is the source's.
    fn judge(&self, detections: &[RawDetection], size: [u16; 2]) -> VerdictRecord;
    /// Rule name and one sentence for a record that [`Judge::judge`] made of these detections.
    /// Called outside the frame path.
    fn explain(&self, record: &VerdictRecord, detections: &[RawDetection]) -> (String, String);
}

/// Model and recipe of a job.
#[derive(Clone)]
pub struct Policy {
    /// `name/version`.
    pub model: Arc<str>,
    /// Class names by index.
    pub labels: Arc<[String]>,
    /// Tensor width in pixels.
    pub width: u16,
    /// Tensor height in pixels.
    pub height: u16,
    /// Value of the letterbox.
    pub pad: [u8; 3],
    /// Byte order of the tensor.
    pub layout: Layout,
    /// How frames are resized.
    pub resize: ResizeRule,
    /// Bytes that the main model writes into a heads slot.
    pub heads_bytes: usize,
    /// Head decoding with the thresholds that apply.
    pub post: PostParams,
    /// Where the main model runs.
    pub silicon: Silicon,
    /// Part of the frame.
    pub crop: Crop,
    /// Decides.
    pub judge: Arc<dyn Judge>,
}

impl std::fmt::Debug for Policy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = f.debug_struct("Policy");
        out.field("model", &self.model).field("recipe", &self.judge.recipe());
        out.finish_non_exhaustive()
    }
}

impl Policy {
    /// A model with its own thresholds and a judge, looking at whole frames. What a recipe changes
    /// (thresholds, crop) it changes in the fields.
    pub fn of_model(model: &Model, judge: Arc<dyn Judge>) -> Self {
        let input = &model.descriptor().input;
        Self {
            model: model.id().into(),
            labels: model.labels().into(),
            width: input.width,
            height: input.height,
            pad: input.pad,
            layout: input.layout,
            resize: input.resize,
            heads_bytes: model.heads_bytes(),
            post: model.post_params(),
            silicon: Silicon::Cpu,
            crop: Crop::Whole,
            judge,
        }
    }

    /// Parameters of `pre` for a frame under this policy.
    ///
    /// # Errors
    /// The field that the kernel refuses; `crop` when the part is not inside the frame.
    pub fn pre_params(&self, frame: Frame) -> Result<PreParams, PreError> {
        let crop = match self.crop {
            Crop::Whole => Rect { x: 0, y: 0, w: frame.width, h: frame.height },
            Crop::Part(part) => part,
        };
        let usual =
            PreParams::letterbox(frame, crop, self.width, self.height, self.pad, self.layout)?;
        Ok(self.resize.applied_to(usual))
    }

    /// Both are for the same weights: the engine's input and heads are laid out alike.
    pub fn same_model(&self, other: &Self) -> bool {
        let shape = |policy: &Self| {
            (policy.width, policy.height, policy.layout, policy.heads_bytes, policy.post.classes)
        };
        self.model == other.model
            && shape(self) == shape(other)
            && self.post.used_heads() == other.post.used_heads()
    }

    /// The label of a class, or its number where the model has none for it.
    pub fn label(&self, class: u16) -> String {
        let label = self.labels.get(usize::from(class)).cloned();
        label.unwrap_or_else(|| format!("class {class}"))
    }
}

/// Accepts everything; what an agent without a recipe runs.
#[derive(Clone, Copy, Debug, Default)]
pub struct AcceptAll;

impl Judge for AcceptAll {
    fn recipe(&self) -> &str {
        "default"
    }

    fn judge(&self, _: &[RawDetection], _: [u16; 2]) -> VerdictRecord {
        VerdictRecord { outcome: Outcome::Pass, rule: None, found: 0.0 }
    }

    fn explain(&self, _: &VerdictRecord, detections: &[RawDetection]) -> (String, String) {
        let count = detections.len();
        let objects = if count == 1 { "object" } else { "objects" };
        ("default".into(), format!("{count} {objects} found, and no recipe rule is loaded."))
    }
}

/// Maps a box from network pixels (signed Q8) to source pixels: the inverse of the letterbox in
/// `pre`, then clipped to the source. `None` when nothing of it lies on the crop.
pub fn to_source(pre: &PreParams, q8: [i32; 4]) -> Option<[f32; 4]> {
    let axis = |low: i32, high: i32, content: (u16, u16), crop: (u16, u16)| {
        let factor = f64::from(crop.1) / f64::from(content.1);
        let map = |at: i32| {
            let inside = (f64::from(at) / 256.0 - f64::from(content.0)) * factor;
            inside.clamp(0.0, f64::from(crop.1)) + f64::from(crop.0)
        };
        let (low, high) = (map(low), map(high));
        (high > low).then_some((low as f32, high as f32))
    };
    let [x1, y1, x2, y2] = q8;
    let (content, crop) = (pre.content, pre.crop);
    let (x1, x2) = axis(x1, x2, (content.x, content.w), (crop.x, crop.w))?;
    let (y1, y2) = axis(y1, y2, (content.y, content.h), (crop.y, crop.h))?;
    Some([x1, y1, x2, y2])
}

#[cfg(test)]
mod tests {
    use super::*;
    use tandem_model::pre::PixelFormat;

    /// 800x600 of a 1000x800 frame at (100, 50), in a 416x416 tensor.
    fn params() -> PreParams {
        let crop = Rect { x: 100, y: 50, w: 800, h: 600 };
        let frame = Frame { format: PixelFormat::Rgb8, width: 1000, height: 800, stride: 3000 };
        let params = PreParams::letterbox(frame, crop, 416, 416, [114; 3], Layout::Planar).unwrap();
        assert_eq!(params.content, Rect { x: 0, y: 52, w: 416, h: 312 });
        params
    }

    #[test]
    fn boxes_go_back_through_the_letterbox() {
        let whole = to_source(&params(), [0, 52 << 8, 416 << 8, 364 << 8]).unwrap();
        assert_eq!(whole, [100.0, 50.0, 900.0, 650.0]);
        let middle = to_source(&params(), [104 << 8, 130 << 8, 208 << 8, 208 << 8]).unwrap();
        assert_eq!(middle, [300.0, 200.0, 500.0, 350.0]);
    }

    #[test]
    fn what_sticks_out_is_clipped_and_what_lies_in_the_padding_is_gone() {
        let clipped = to_source(&params(), [-512, 0, 208 << 8, 416 << 8]).unwrap();
        assert_eq!(clipped, [100.0, 50.0, 500.0, 650.0]);
        assert_eq!(to_source(&params(), [0, 0, 416 << 8, 52 << 8]), None);
    }
}
