//! `--annotate`: the image with its boxes, labels, scores, and the verdict underneath.

mod canvas;
mod text;

use std::path::Path;

use tandem_agent::api::{Detection, Inspection, Outcome};
use tandem_agent::ingest::{self, IngestError};
use tandem_model::pre::{Layout, PixelFormat, PreParams, Rect, Tables, preprocess};

pub use canvas::{Canvas, Rgb};

/// Largest picture that is drawn, in bytes: the largest image there is, as RGB.
const MAX_BYTES: usize = 8192 * 8192 * 3;
/// Smaller images are enlarged, and what is then still narrower gets a margin: text needs room.
const MIN_WIDTH: usize = 480;
/// Most that an image is enlarged.
const MAX_ENLARGE: usize = 8;

const WHITE: Rgb = [255, 255, 255];
const DARK: Rgb = [22, 27, 34];

/// Colours of classes: apart from each other, bright enough for dark text.
const PALETTE: [Rgb; 10] = [
    [86, 180, 233],
    [240, 228, 66],
    [0, 200, 140],
    [255, 150, 60],
    [214, 140, 255],
    [255, 128, 150],
    [140, 220, 90],
    [120, 200, 255],
    [255, 200, 120],
    [180, 180, 255],
];

/// Draws an inspection over the image that it is about.
///
/// # Errors
/// The image does not decode.
pub fn draw(image: &[u8], inspection: &Inspection) -> Result<Canvas, IngestError> {
    let (pixels, width, height) = rgb(image)?;
    let source = Canvas::from_rgb(width, height, pixels);
    let enlarge = MIN_WIDTH.div_ceil(width).clamp(1, MAX_ENLARGE);
    let mut canvas = if enlarge > 1 { source.enlarged(enlarge) } else { source };
    canvas.widen(MIN_WIDTH, DARK);
    // Text of about a fiftieth of the width, whatever the image's size.
    let zoom = ((canvas.width() + 200) / 440).clamp(1, 16);
    // Best last: its label stays readable.
    for object in inspection.detections.iter().rev() {
        boxed(&mut canvas, object, enlarge as f32, zoom);
    }
    banner(&mut canvas, inspection, zoom);
    Ok(canvas)
}

/// Decodes to tightly packed RGB.
fn rgb(image: &[u8]) -> Result<(Vec<u8>, usize, usize), IngestError> {
    let info = ingest::probe(image, MAX_BYTES + MAX_BYTES / 3)?;
    let mut pixels = vec![0; info.needs];
    ingest::decode_into(image, &info, &mut pixels)?;
    pixels.truncate(info.bytes);
    let frame = info.frame;
    let (width, height) = (frame.width, frame.height);
    let sides = (usize::from(width), usize::from(height));
    if frame.format == PixelFormat::Rgb8 && frame.stride == u32::from(width) * 3 {
        return Ok((pixels, sides.0, sides.1));
    }
    // The kernel's model at a scale of one converts any other frame exactly as the board does.
    let whole = Rect { x: 0, y: 0, w: width, h: height };
    let corrupt = |reason: String| IngestError::Corrupt { format: "raw", reason };
    let params = PreParams::letterbox(frame, whole, width, height, [0; 3], Layout::Interleaved)
        .map_err(|error| corrupt(error.to_string()))?;
    let mut converted = vec![0; params.tensor_bytes()];
    preprocess(&params, &Tables::NONE, &pixels, &mut converted)
        .map_err(|error| corrupt(error.to_string()))?;
    Ok((converted, sides.0, sides.1))
}

fn boxed(canvas: &mut Canvas, object: &Detection, scale: f32, zoom: usize) {
    let colour = colour_of(&object.label);
    let side = |value: f32, limit: usize| (value * scale).round().clamp(0.0, limit as f32) as usize;
    let [x1, y1, x2, y2] = object.r#box;
    let (x1, x2) = (side(x1, canvas.width()), side(x2, canvas.width()));
    let (y1, y2) = (side(y1, canvas.height()), side(y2, canvas.height()));
    let thickness = zoom * 2;
    // A dark line around the coloured one is seen on any ground.
    canvas.outline([x1, y1, x2, y2], thickness + 2 * zoom.div_ceil(2), DARK);
    canvas.outline([x1, y1, x2, y2], thickness, colour);

    let label = format!("{} {:.2}", object.label, object.score);
    let (pad, line) = (2 * zoom, text::height(zoom));
    let (width, height) = (text::width(&label, zoom) + 2 * pad, line + 2 * pad);
    let left = x1.min(canvas.width().saturating_sub(width));
    // Above the box, or just inside where there is no room.
    let top = if y1 >= height { y1 - height } else { y1 };
    canvas.fill([left, top, left + width, top + height], colour);
    text::draw(canvas, left + pad, top + pad, zoom, DARK, &label);
}

fn banner(canvas: &mut Canvas, inspection: &Inspection, zoom: usize) {
    let verdict = &inspection.verdict;
    let (word, colour): (&str, Rgb) = match verdict.result {
        Outcome::Pass => ("PASS", [26, 127, 75]),
        Outcome::Fail => ("FAIL", [179, 38, 30]),
        Outcome::Unknown => ("UNKNOWN", [166, 95, 0]),
    };
    let big = zoom * 2;
    let (pad, line) = (4 * zoom, text::height(zoom));
    let badge = text::width(word, big) + 2 * pad;
    let room = canvas.width().saturating_sub(badge + 2 * pad);
    let mut lines = text::wrap(&verdict.reason, room, zoom, 3);
    let origin =
        format!("recipe {}, rule {}, model {}", inspection.recipe, verdict.rule, inspection.model);
    lines.extend(text::wrap(&origin, room, zoom, 2));
    if !verdict.deadline_met {
        lines.push("deadline missed".to_owned());
    }
    if !inspection.degraded.is_empty() {
        let degraded = format!("degraded: {}", inspection.degraded.join(", "));
        lines.extend(text::wrap(&degraded, room, zoom, 1));
    }
    let step = line + 2 * zoom;
    let height = (lines.len() * step).max(text::height(big)) + 2 * pad;
    let top = canvas.height();
    canvas.extend(height, DARK);
    canvas.fill([0, top, badge, top + height], colour);
    let middle = top + (height - text::height(big)) / 2;
    text::draw(canvas, pad, middle, big, WHITE, word);
    for (number, line) in lines.iter().enumerate() {
        let shade = if number == 0 { WHITE } else { [176, 186, 196] };
        text::draw(canvas, badge + pad, top + pad + number * step, zoom, shade, line);
    }
}

/// The same class has the same colour in every picture.
fn colour_of(label: &str) -> Rgb {
    let hash = label.bytes().fold(7usize, |hash, byte| {
        hash.wrapping_mul(31).wrapping_add(usize::from(byte)) % 1_000_003
    });
    PALETTE[hash % PALETTE.len()]
}

impl Canvas {
    /// Writes a PNG. A file that could not be finished is removed.
    ///
    /// # Errors
    /// The system's reason.
    pub fn save(&self, path: &Path) -> std::io::Result<()> {
        let written = self.write_png(path);
        if written.is_err() && std::fs::symlink_metadata(path).is_ok_and(|file| file.is_file()) {
            let _ = std::fs::remove_file(path);
        }
        written
    }
}

#[cfg(test)]
mod tests;
