//! The whole chain on the CPU (decoder, hw/model, runtime, hw/model) against the golden samples,
//! which the float chain of tests/reference made.

mod common;

use std::io::Cursor;
use std::path::Path;

use common::{Slot, engines, yolo};
use tandem_engine::model::Expected;
use tandem_engine::{Engine, Model, load_engine};
use tandem_model::post::{PostScratch, postprocess, read_result};
use tandem_model::pre::{Frame, PixelFormat, Tables, preprocess};

/// RGB bytes of a photograph with its width and height.
fn decode(path: &Path) -> (Vec<u8>, u16, u16) {
    let data = std::fs::read(path).unwrap();
    let (pixels, width, height) = if path.extension().is_some_and(|e| e == "png") {
        let mut reader = png::Decoder::new(Cursor::new(data)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        let pixels = match info.color_type {
            png::ColorType::Grayscale => pixels.iter().flat_map(|v| [*v; 3]).collect(),
            png::ColorType::Rgba => {
                pixels.chunks_exact(4).flat_map(|p| [p[0], p[1], p[2]]).collect()
            }
            _ => pixels,
        };
        (pixels, info.width as usize, info.height as usize)
    } else {
        let mut decoder = zune_jpeg::JpegDecoder::new(Cursor::new(data));
        let pixels = decoder.decode().unwrap();
        let (width, height) = decoder.dimensions().unwrap();
        (pixels, width, height)
    };
    assert_eq!(pixels.len(), 3 * width * height, "{}", path.display());
    (pixels, width as u16, height as u16)
}

fn detect(model: &Model, engine: &mut dyn Engine, photo: &Path) -> Vec<Expected> {
    let (pixels, width, height) = decode(photo);
    let frame = Frame { format: PixelFormat::Rgb8, width, height, stride: 3 * u32::from(width) };
    let pre = model.pre_params(frame).unwrap();
    let mut tensor = vec![0; model.tensor_bytes()];
    preprocess(&pre, &Tables::NONE, &pixels, &mut tensor).unwrap();
    let mut heads = Slot::of(model.heads_bytes(), 0);
    engine.run(&tensor, heads.bytes()).unwrap();
    let post = model.post_params();
    let mut result = vec![0; post.result_bytes()];
    let mut scratch = Box::new(PostScratch::new());
    postprocess(&post, heads.bytes(), &mut result, &mut scratch).unwrap();
    let (_, detections) = read_result(&result).unwrap();
    let content = pre.content;
    let source = |q8: i32, origin: u16, content: u16, size: u16| {
        let network = q8 as f32 / 256.0 - f32::from(origin);
        (network * f32::from(size) / f32::from(content)).clamp(0.0, f32::from(size))
    };
    detections
        .map(|d| Expected {
            label: model.labels()[usize::from(d.class)].clone(),
            score: f32::from(d.score) / 65536.0,
            r#box: [
                source(d.x1, content.x, content.w, width),
                source(d.y1, content.y, content.h, height),
                source(d.x2, content.x, content.w, width),
                source(d.y2, content.y, content.h, height),
            ],
        })
        .collect()
}

#[test]
fn the_default_model_passes_its_golden_samples() {
    let Some(model) = yolo() else { return };
    let photos = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tandem/photos");
    for choice in engines() {
        let mut engine = load_engine(&model, choice).unwrap();
        for golden in model.golden() {
            let photo = photos.join(&golden.image);
            if !photo.exists() {
                eprintln!("skipped: {} is not there (run scripts/setup)", photo.display());
                continue;
            }
            let found = detect(&model, engine.as_mut(), &photo);
            if let Err(reason) = golden.check(&found) {
                panic!("{choice:?}: {reason}\nfound {found:#?}");
            }
        }
    }
}
