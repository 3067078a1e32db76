//! Pixels and rectangles.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

/// Red, green, blue.
pub type Rgb = [u8; 3];

/// An RGB picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Canvas {
    /// A picture of `width * height * 3` bytes; missing ones are black.
    pub fn from_rgb(width: usize, height: usize, mut pixels: Vec<u8>) -> Canvas {
        pixels.resize(width * height * 3, 0);
        Canvas { width, height, pixels }
    }

    /// Pixels across.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Pixels down.
    pub fn height(&self) -> usize {
        self.height
    }

    /// The colour of a pixel; black outside.
    pub fn pixel(&self, x: usize, y: usize) -> Rgb {
        if x >= self.width || y >= self.height {
            return [0; 3];
        }
        let at = (y * self.width + x) * 3;
        [self.pixels[at], self.pixels[at + 1], self.pixels[at + 2]]
    }

    /// Each pixel becomes `factor * factor` of its colour.
    pub fn enlarged(&self, factor: usize) -> Canvas {
        let mut pixels = Vec::with_capacity(self.pixels.len() * factor * factor);
        for row in self.pixels.chunks_exact(self.width * 3) {
            let wide: Vec<u8> =
                row.chunks_exact(3).flat_map(|pixel| pixel.repeat(factor)).collect();
            for _ in 0..factor {
                pixels.extend_from_slice(&wide);
            }
        }
        Canvas { width: self.width * factor, height: self.height * factor, pixels }
    }

    /// Adds a margin to the right where the picture is narrower than `width`.
    pub fn widen(&mut self, width: usize, colour: Rgb) {
        if width <= self.width {
            return;
        }
        let margin = colour.repeat(width - self.width);
        let mut pixels = Vec::with_capacity(width * self.height * 3);
        for row in self.pixels.chunks_exact(self.width * 3) {
            pixels.extend_from_slice(row);
            pixels.extend_from_slice(&margin);
        }
        (self.width, self.pixels) = (width, pixels);
    }

    /// Adds rows below.
    pub fn extend(&mut self, rows: usize, colour: Rgb) {
        self.pixels.extend(colour.repeat(self.width * rows));
        self.height += rows;
    }

    /// Fills `left, top, right, bottom` (the last two outside), cut to the picture.
    pub fn fill(&mut self, [left, top, right, bottom]: [usize; 4], colour: Rgb) {
        let (right, bottom) = (right.min(self.width), bottom.min(self.height));
        if left >= right {
            return;
        }
        for y in top..bottom {
            let row = y * self.width;
            for pixel in self.pixels[(row + left) * 3..(row + right) * 3].chunks_exact_mut(3) {
                pixel.copy_from_slice(&colour);
            }
        }
    }

    /// A frame of `thickness` pixels, centred on the rectangle's edges.
    pub fn outline(&mut self, [x1, y1, x2, y2]: [usize; 4], thickness: usize, colour: Rgb) {
        let (less, more) = (thickness / 2, thickness.div_ceil(2));
        let (left, right) = (x1.saturating_sub(less), x2 + more);
        let (top, bottom) = (y1.saturating_sub(less), y2 + more);
        self.fill([left, top, right, y1 + more], colour);
        self.fill([left, y2.saturating_sub(less), right, bottom], colour);
        self.fill([left, top, x1 + more, bottom], colour);
        self.fill([x2.saturating_sub(less), top, right, bottom], colour);
    }

    pub(super) fn write_png(&self, path: &Path) -> std::io::Result<()> {
        let mut file = BufWriter::new(File::create(path)?);
        let side = |side: usize| u32::try_from(side).map_err(std::io::Error::other);
        let mut encoder = png::Encoder::new(&mut file, side(self.width)?, side(self.height)?);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_compression(png::Compression::Fast);
        let mut writer = encoder.write_header().map_err(io_error)?;
        writer.write_image_data(&self.pixels).map_err(io_error)?;
        writer.finish().map_err(io_error)?;
        file.flush()
    }
}

fn io_error(error: png::EncodingError) -> std::io::Error {
    match error {
        png::EncodingError::IoError(error) => error,
        other => std::io::Error::other(other),
    }
}
