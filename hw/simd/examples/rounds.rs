//! Times one function of ours or of a Rust peer, as told line by line on standard input:
//! `WHAT FORMAT WIDTH HEIGHT SIDE ROUNDS FRAME_FILE`. Answers with the least nanoseconds of a round.
//! `compare/peers.py` drives it between rounds of OpenCV, so that all see the same machine.
//!
//! WHAT is a path (`scalar`, `avx2`, ...), `best`, or `fir`: `fast_image_resize`, which resizes only
//! (RGB as it is; of NV12 both planes), so its time lacks the conversion and the split.

use std::error::Error;
use std::hint::black_box;
use std::io::{BufRead, Write};
use std::time::Instant;

#[cfg(feature = "peers")]
use fast_image_resize::images::{Image, ImageRef};
#[cfg(feature = "peers")]
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
#[cfg(feature = "peers")]
use tandem_model::pre::PixelFormat;
use tandem_model::pre::{Element, Frame, Layout, PreParams, Resize, Tables};
use tandem_simd::{Path, Scratch, preprocess};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let nanos = run(&line.split_whitespace().collect::<Vec<_>>())?;
        println!("{nanos}");
        std::io::stdout().flush()?;
    }
    Ok(())
}

fn run(words: &[&str]) -> Result<u128> {
    let &[what, format, width, height, side, rounds, file] = words else {
        return Err("WHAT FORMAT WIDTH HEIGHT SIDE ROUNDS FRAME_FILE wanted".into());
    };
    let (width, height, side) = (width.parse()?, height.parse()?, side.parse()?);
    let rounds: usize = rounds.parse()?;
    let frame = match format {
        "nv12" | "nv12f16" => Frame::nv12(width, height),
        _ => Frame::rgb8(width, height),
    };
    let bytes = std::fs::read(file)?;
    let mut params =
        PreParams::letterbox(frame, frame.full(), side, side, [114; 3], Layout::Planar)?
            .with_resize(Resize::Bilinear);
    if format.ends_with("f16") {
        params.element = Element::F16;
        params.scale = [(1 << 24) / 255; 3];
    }
    #[cfg(feature = "peers")]
    if what == "fir" {
        return resize_only(&params, &bytes, rounds);
    }
    let mut scratch = scratch(what)?;
    let mut tensor = vec![0; params.tensor_bytes()];
    let one = || -> Result<()> {
        Ok(preprocess(
            &params,
            &Tables::NONE,
            black_box(&bytes),
            black_box(&mut tensor),
            &mut scratch,
        )?)
    };
    least(rounds, one)
}

fn scratch(what: &str) -> Result<Scratch> {
    if what == "best" {
        return Ok(Scratch::new());
    }
    let named = |path: &&Path| format!("{path:?}").to_lowercase() == what;
    let path = Path::ALL.iter().find(named).ok_or("no such path")?;
    Ok(Scratch::on(*path).ok_or("this machine cannot run that path")?)
}

/// Least time of a round, in nanoseconds.
fn least(rounds: usize, mut one: impl FnMut() -> Result<()>) -> Result<u128> {
    one()?;
    let mut least = u128::MAX;
    for _ in 0..rounds {
        let start = Instant::now();
        one()?;
        least = least.min(start.elapsed().as_nanos());
    }
    Ok(least)
}

#[cfg(feature = "peers")]
fn resize_only(params: &PreParams, bytes: &[u8], rounds: usize) -> Result<u128> {
    let bilinear = ResizeAlg::Interpolation(FilterType::Bilinear);
    let options = ResizeOptions::new().resize_alg(bilinear).use_alpha(false);
    let (w, h) = (u32::from(params.frame.width), u32::from(params.frame.height));
    let (to_w, to_h) = (u32::from(params.content.w), u32::from(params.content.h));
    let mut resizer = Resizer::new();
    if params.frame.format == PixelFormat::Rgb8 {
        let source = ImageRef::new(w, h, bytes, PixelType::U8x3)?;
        let mut small = Image::new(to_w, to_h, PixelType::U8x3);
        return least(rounds, || Ok(resizer.resize(&source, black_box(&mut small), &options)?));
    }
    let (luma, chroma) = bytes.split_at((w * h) as usize);
    let luma = ImageRef::new(w, h, luma, PixelType::U8)?;
    let chroma = ImageRef::new(w / 2, h / 2, chroma, PixelType::U8x2)?;
    let mut small = Image::new(to_w, to_h, PixelType::U8);
    let mut small_chroma = Image::new(to_w / 2, to_h / 2, PixelType::U8x2);
    least(rounds, || {
        resizer.resize(&luma, black_box(&mut small), &options)?;
        Ok(resizer.resize(&chroma, black_box(&mut small_chroma), &options)?)
    })
}
