//! `model.toml`: its schema and checks. Every refusal names the file and the field.

use std::collections::HashSet;
use std::path::{Component, Path};

use serde::de::Error;
use serde::{Deserialize, Deserializer};
use tandem_model::post::{MAX_CANDIDATES, MAX_CLASSES, MAX_DETECTIONS, MAX_HEADS, MAX_HEADS_BYTES};
use tandem_model::pre::{
    Layout, MAX_BAND_ROWS, MAX_PACKETS, MAX_SIDE, PreParams, Resize, UNIT_STEP,
};

use crate::EngineError;

use super::head::HeadSpec;

const FILE: &str = "model.toml";

/// The whole of `model.toml`. Unknown fields are refused.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Descriptor {
    /// Name; equals the folder's.
    pub name: String,
    /// Version, a decimal number; equals the folder's.
    pub version: String,
    /// ONNX file beside the descriptor.
    pub file: String,
    /// Its sha256, 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// Licence of the weights.
    pub licence: String,
    /// Where the weights come from.
    pub origin: String,
    /// File with one class name a line.
    pub labels: String,
    /// Classes per anchor.
    pub classes: u16,
    /// The network's input.
    pub input: Input,
    /// Defaults of the `post` kernel; a recipe may set others.
    pub thresholds: Thresholds,
    /// Outputs, in their order in the heads slot.
    pub heads: Vec<HeadSpec>,
    /// Golden samples.
    #[serde(default)]
    pub golden: Vec<GoldenEntry>,
}

/// Order of the three channels that the network wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// Red first, as the tensor slot has it.
    Rgb,
    /// Blue first; the engine swaps while it dequantises.
    Bgr,
}

/// How a frame becomes the network's input: as it was when the network was trained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ResizeRule {
    /// Area average where a side shrinks by more than 2, else bilinear.
    #[default]
    Auto,
    /// Always bilinear.
    Bilinear,
    /// Area average unless a side grows.
    Area,
}

impl ResizeRule {
    /// The letterbox `params` under this rule.
    #[must_use]
    pub const fn applied_to(self, params: PreParams) -> PreParams {
        let shrinks = params.step_x >= UNIT_STEP && params.step_y >= UNIT_STEP;
        match self {
            Self::Auto => params,
            Self::Area if shrinks => params.with_resize(Resize::Area),
            Self::Bilinear | Self::Area => params.with_resize(Resize::Bilinear),
        }
    }
}

/// The network's input. The tensor slot holds u8, RGB; the network gets f32
/// `x = u8 * scale + offset`, in its own channel order.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// ONNX name.
    pub tensor: String,
    /// Width in pixels.
    pub width: u16,
    /// Height in pixels.
    pub height: u16,
    /// `planar` for `[1, 3, height, width]`, `interleaved` for `[1, height, width, 3]`.
    pub layout: Layout,
    /// How frames are resized.
    #[serde(default)]
    pub resize: ResizeRule,
    /// Channel order of the network.
    pub order: Order,
    /// Padding of the letterbox, u8, red first.
    #[serde(deserialize_with = "exactly")]
    pub pad: [u8; 3],
    /// Factor per channel, in the network's order.
    #[serde(deserialize_with = "exactly")]
    pub scale: [f32; 3],
    /// Offset per channel, in the network's order.
    #[serde(deserialize_with = "exactly")]
    pub offset: [f32; 3],
}

/// Defaults of the `post` kernel.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// Lowest score that is kept, above 0 and below 1.
    pub score: f32,
    /// Overlap (intersection over union) above which the weaker box is dropped, 0 to 1.
    pub iou: f32,
    /// Suppress across classes, too.
    #[serde(default)]
    pub class_agnostic: bool,
    /// Most candidates that enter suppression, the best; 0: all, and too many are an error.
    #[serde(default)]
    pub top_k: u16,
    /// Most detections of one image.
    pub max_detections: u16,
}

/// A golden sample: an image and what must be found in it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoldenEntry {
    /// File name of the photograph; setup puts it under `.tandem/photos`.
    pub image: String,
    /// JSON file with the expectations, beside the descriptor.
    pub expect: String,
}

impl Descriptor {
    /// Reads and checks the descriptor of a folder; `id` is for messages.
    pub(super) fn read(dir: &Path, id: &str) -> Result<Self, EngineError> {
        let text = std::fs::read_to_string(dir.join(FILE))
            .map_err(|e| refuse(id, FILE, format!("cannot be read ({e})")))?;
        let parsed = toml::Deserializer::parse(&text)
            .map_err(|e| refuse(id, FILE, e.to_string().trim_end().to_owned()))?;
        let descriptor: Self = serde_path_to_error::deserialize(parsed)
            .map_err(|e| refuse(id, &at(&e.path().to_string()), e.inner().message().to_owned()))?;
        match descriptor.fault(id) {
            Some((field, reason)) => Err(refuse(id, &at(&field), reason)),
            None => Ok(descriptor),
        }
    }

    /// `[anchors * (box numbers + classes), grid_h, grid_w]` of a head.
    pub(super) fn head_shape(&self, head: &HeadSpec) -> [usize; 3] {
        let numbers = head.kind.box_numbers() + usize::from(self.classes);
        let (columns, rows) = head.grid(&self.input);
        [head.per_cell() * numbers, rows.into(), columns.into()]
    }

    /// Bytes of a head's numbers.
    pub(super) fn head_bytes(&self, head: &HeadSpec) -> usize {
        self.head_shape(head).iter().product::<usize>() * head.element.bytes()
    }

    /// The first field that is refused, and why.
    fn fault(&self, id: &str) -> Option<(String, String)> {
        let plain = |s: &str| {
            let ok = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            !s.is_empty() && !s.starts_with('.') && s.chars().all(ok)
        };
        let hash = |s: &str| s.len() == 64 && s.bytes().all(|b| b"0123456789abcdef".contains(&b));
        let folder = id.split('/').collect::<Vec<_>>();
        let checks = [
            ("name", plain(&self.name), "must be letters, digits, '-', '_' and '.'"),
            ("name", folder[0] == self.name, "is not the name of the folder"),
            ("version", self.version.parse::<u32>().is_ok(), "must be a decimal number"),
            ("version", folder[1] == self.version, "is not the name of the folder"),
            ("file", inside(&self.file), "must be a path inside the model's folder"),
            ("sha256", hash(&self.sha256), "must be 64 lower-case hexadecimal digits"),
            ("licence", !self.licence.trim().is_empty(), "must not be empty"),
            ("origin", !self.origin.trim().is_empty(), "must not be empty"),
            ("labels", inside(&self.labels), "must be a path inside the model's folder"),
            ("classes", (1..=MAX_CLASSES).contains(&self.classes), "must be 1 to 1024"),
        ];
        first(&checks)
            .or_else(|| self.input.fault())
            .or_else(|| self.thresholds.fault())
            .or_else(|| self.heads_fault())
            .or_else(|| self.golden_fault())
    }

    fn heads_fault(&self) -> Option<(String, String)> {
        if self.heads.is_empty() || self.heads.len() > MAX_HEADS {
            return Some(("heads".into(), format!("must be 1 to {MAX_HEADS} tables")));
        }
        let mut names = HashSet::new();
        for (index, head) in self.heads.iter().enumerate() {
            let twice = !names.insert(&head.output) && !head.output.is_empty();
            let twice =
                twice.then(|| ("output".into(), "is the output of another head, too".into()));
            let fault = head.fault(&self.input).or(twice);
            if let Some((field, reason)) = fault {
                return Some((format!("heads[{index}].{field}"), reason));
            }
        }
        let bytes: usize = self.heads.iter().map(|head| self.head_bytes(head) + 64).sum();
        let most = MAX_HEADS_BYTES;
        (bytes > most).then(|| ("heads".into(), format!("take {bytes} bytes, above {most}")))
    }

    fn golden_fault(&self) -> Option<(String, String)> {
        let mut images = HashSet::new();
        self.golden.iter().enumerate().find_map(|(index, entry)| {
            let bare = inside(&entry.image) && Path::new(&entry.image).components().count() == 1;
            let checks = [
                ("image", bare, "must be a file name without folders"),
                ("image", images.insert(&entry.image), "is the image of another sample, too"),
                ("expect", inside(&entry.expect), "must be a path inside the model's folder"),
            ];
            first(&checks).map(|(field, reason)| (format!("golden[{index}].{field}"), reason))
        })
    }
}

impl Input {
    fn fault(&self) -> Option<(String, String)> {
        let side = |side: u16| (1..=MAX_SIDE).contains(&side);
        let planes = match self.layout {
            Layout::Planar => 3,
            Layout::Interleaved => 1,
        };
        let travels = u32::from(self.height) <= MAX_PACKETS / planes * u32::from(MAX_BAND_ROWS);
        first(&[
            ("input.tensor", !self.tensor.is_empty(), "must not be empty"),
            ("input.width", side(self.width), "must be 1 to 8192"),
            ("input.height", side(self.height), "must be 1 to 8192"),
            ("input.height", travels, "must be at most 2720, or 8160 if interleaved"),
            ("input.scale", self.scale.iter().all(|s| s.is_normal()), "must be finite, not 0"),
            ("input.offset", self.offset.iter().all(|o| o.is_finite()), "must be finite"),
        ])
    }
}

impl Thresholds {
    fn fault(&self) -> Option<(String, String)> {
        let most = 1..=MAX_DETECTIONS as u16;
        first(&[
            ("thresholds.score", self.score > 0.0 && self.score < 1.0, "must lie in 0 to 1"),
            ("thresholds.iou", (0.0..=1.0).contains(&self.iou), "must be 0 to 1"),
            ("thresholds.top_k", usize::from(self.top_k) <= MAX_CANDIDATES, "must be at most 4096"),
            ("thresholds.max_detections", most.contains(&self.max_detections), "must be 1 to 1024"),
        ])
    }
}

/// Class names: one a line, none empty, as many as `classes`.
pub(super) fn read_labels(
    dir: &Path,
    id: &str,
    d: &Descriptor,
) -> Result<Vec<String>, EngineError> {
    let text = std::fs::read_to_string(dir.join(&d.labels))
        .map_err(|e| refuse(id, &d.labels, format!("cannot be read ({e})")))?;
    let labels: Vec<String> = text.lines().map(|line| line.trim().to_owned()).collect();
    if let Some(line) = labels.iter().position(String::is_empty) {
        return Err(refuse(id, &format!("{}: line {}", d.labels, line + 1), "is empty"));
    }
    if labels.len() != usize::from(d.classes) {
        let reason = format!("has {} names, model.toml says classes = {}", labels.len(), d.classes);
        return Err(refuse(id, &d.labels, reason));
    }
    Ok(labels)
}

/// An array of exactly `N` values: the TOML reader by itself drops surplus ones in silence.
fn exactly<'de, D, T, const N: usize>(deserializer: D) -> Result<[T; N], D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    array(Vec::deserialize(deserializer)?)
}

pub(super) fn array<T, E: Error, const N: usize>(list: Vec<T>) -> Result<[T; N], E> {
    list.try_into()
        .map_err(|list: Vec<T>| E::custom(format!("has {} values, must have {N}", list.len())))
}

pub(super) fn refuse(id: &str, field: &str, reason: impl Into<String>) -> EngineError {
    EngineError::Model { model: id.into(), field: field.into(), reason: reason.into() }
}

fn at(field: &str) -> String {
    // A missing or unknown top-level field has the path "."; the message names it.
    if field == "." { FILE.into() } else { format!("{FILE}: {field}") }
}

pub(super) fn first(checks: &[(&str, bool, &str)]) -> Option<(String, String)> {
    checks
        .iter()
        .find(|(_, ok, _)| !ok)
        .map(|(field, _, reason)| ((*field).into(), (*reason).into()))
}

/// A relative path that cannot leave its folder.
fn inside(path: &str) -> bool {
    !path.is_empty() && Path::new(path).components().all(|c| matches!(c, Component::Normal(_)))
}
