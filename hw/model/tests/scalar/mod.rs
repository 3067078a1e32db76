//! README.md's formulas of `pre`, taken pixel by pixel with nothing kept or shared but the
//! colours of the crop; in i128 and f64 where that is plainer.

use tandem_model::pre::*;

/// The tensor, slowly.
pub fn tensor(p: &PreParams, tables: &Tables, frame: &[u8]) -> Vec<u8> {
    let crop = Crop::new(p, tables, frame);
    let channels = p.channels.count();
    let (width, height) = (usize::from(p.width), usize::from(p.height));
    let mut out = vec![0; p.tensor_bytes()];
    for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
        for c in 0..channels {
            let place = match p.layout {
                Layout::Planar => (c * height + y) * width + x,
                Layout::Interleaved => (y * width + x) * channels + c,
            };
            let inside = |at: usize, from: u16, len: u16| {
                at.checked_sub(usize::from(from)).filter(|i| *i < usize::from(len))
            };
            let r = p.content;
            let pixel = match (inside(x, r.x, r.w), inside(y, r.y, r.h)) {
                (Some(x), Some(y)) => crop.resized(c, x, y),
                _ => p.pad[c],
            };
            let element = element(p, c, pixel);
            out[place * element.len()..][..element.len()].copy_from_slice(&element);
        }
    }
    out
}

/// The crop after every stage before the resize.
pub struct Crop<'a> {
    p: &'a PreParams,
    planes: Vec<Vec<u8>>,
}

impl<'a> Crop<'a> {
    /// Colour, filter and grey of every pixel.
    pub fn new(p: &'a PreParams, tables: &Tables, frame: &[u8]) -> Self {
        let (w, h) = (i64::from(p.crop.w), i64::from(p.crop.h));
        let plane = |pixel: &dyn Fn(i64, i64) -> u8| -> Vec<u8> {
            (0..h).flat_map(|y| (0..w).map(move |x| pixel(x, y))).collect()
        };
        let colours = [0, 1, 2].map(|c| plane(&|x, y| colour(p, tables, frame, c, x, y)));
        let mut planes: Vec<_> = colours
            .iter()
            .map(|colour| {
                let Some(kernel) = p.kernel3 else { return colour.clone() };
                plane(&|x, y| {
                    let mut sum = 128;
                    for (k, (j, i)) in (0..3).flat_map(|j| (0..3).map(move |i| (j, i))).enumerate()
                    {
                        let (x, y) = ((x + i - 1).clamp(0, w - 1), (y + j - 1).clamp(0, h - 1));
                        sum += i64::from(kernel.0[k]) * i64::from(colour[(y * w + x) as usize]);
                    }
                    (sum >> 8).clamp(0, 255) as u8
                })
            })
            .collect();
        if p.channels == Channels::Grey {
            let grey = |i: usize| {
                let [r, g, b] = [0, 1, 2].map(|c: usize| u64::from(planes[c][i]));
                ((4899 * r + 9617 * g + 1868 * b + 8192) >> 14) as u8
            };
            planes = vec![(0..planes[0].len()).map(grey).collect()];
        }
        Self { p, planes }
    }

    /// One pixel of the content.
    pub fn resized(&self, c: usize, x: usize, y: usize) -> u8 {
        let p = self.p;
        let pixel = |x: i128, y: i128| {
            i128::from(self.planes[c][y as usize * usize::from(p.crop.w) + x as usize])
        };
        if p.resize == Resize::Bilinear {
            let (columns, rows) = (taps(x, p.step_x, p.crop.w), taps(y, p.step_y, p.crop.h));
            let mut sum = 1 << 21;
            for (row, down) in rows {
                for (column, right) in columns {
                    sum += pixel(column, row) * right * down;
                }
            }
            return (sum >> 22) as u8;
        }
        let (columns, rows) = (covered(x, p.step_x), covered(y, p.step_y));
        let inverse = |span: &[(i128, i128)]| {
            let n: i128 = span.iter().map(|(_, part)| part).sum();
            ((1i128 << 40) + n / 2) / n
        };
        let mut sum = 0;
        for (row, down) in &rows {
            let across: i128 =
                columns.iter().map(|(column, part)| part * pixel(*column, *row)).sum();
            sum += down * ((across * inverse(&columns) + (1 << 31)) >> 32);
        }
        ((sum * inverse(&rows) + (1 << 47)) >> 48) as u8
    }
}

/// Both taps of one axis with their weights.
fn taps(i: usize, step: u64, len: u16) -> [(i128, i128); 2] {
    let last = i128::from(len - 1);
    let position = i as i128 * step as i128 + ((step as i128 - (1 << 32)) >> 1);
    let position = position.clamp(0, last << 32);
    let at = position >> 32;
    let weight = (position - (at << 32) + (1 << 20)) >> 21;
    [(at, 2048 - weight), ((at + 1).min(last), weight)]
}

/// Every source sample that output sample `i` covers, and how much of it.
fn covered(i: usize, step: u64) -> Vec<(i128, i128)> {
    let edge = |i: usize| (i as i128 * step as i128 + (1 << 20)) >> 21;
    let (from, to) = (edge(i), edge(i + 1));
    (from / 2048..=to / 2048)
        .map(|k| (k, to.min(2048 * (k + 1)) - from.max(2048 * k)))
        .filter(|(_, part)| *part > 0)
        .collect()
}

/// One colour of one pixel of the crop.
fn colour(p: &PreParams, tables: &Tables, frame: &[u8], c: usize, x: i64, y: i64) -> u8 {
    let (w, h) = (i64::from(p.crop.w), i64::from(p.crop.h));
    let (left, top) = (i64::from(p.crop.x), i64::from(p.crop.y));
    let stride = i64::from(p.frame.stride);
    let byte = |at: i64| i64::from(frame[at as usize]);
    let (fx, fy) = (left + x, top + y);
    let row = fy * stride;
    match p.frame.format {
        PixelFormat::Rgb8 => sample(p, tables, byte(row + 3 * fx + c as i64), c, fx, fy),
        PixelFormat::Mono8 => sample(p, tables, byte(row + fx), 0, fx, fy),
        PixelFormat::Nv12 => {
            let chroma = stride * i64::from(p.frame.height) + fy / 2 * stride + fx / 2 * 2;
            rgb(byte(row + fx), byte(chroma), byte(chroma + 1), c)
        }
        PixelFormat::Yuyv => {
            let pair = row + fx / 2 * 4;
            rgb(byte(row + 2 * fx), byte(pair + 1), byte(pair + 3), c)
        }
        _ => {
            let reflected = |i: i64, len: i64| {
                let i = i.abs();
                if i < len { i } else { 2 * (len - 1) - i }
            };
            let order = (p.frame.format as i64 - 16) % 4;
            let filter = |x: i64, y: i64| {
                let (red_x, red_y) = (x % 2 == order % 2, y % 2 == order / 2);
                [2, 1, 1, 0][usize::from(red_x) + 2 * usize::from(red_y)]
            };
            let raw = |x: i64, y: i64| {
                let (fx, fy) = (left + x, top + y);
                let deep = p.frame.format.bits() > 8;
                let at = fy * stride + if deep { 2 * fx } else { fx };
                let word = if deep { byte(at) + 256 * byte(at + 1) } else { byte(at) };
                i64::from(sample(p, tables, word, filter(x, y), fx, fy))
            };
            if filter(x, y) == c {
                return raw(x, y) as u8;
            }
            // The neighbours of this colour: two beside, two above and below, or four.
            let near = |dx: i64, dy: i64| (reflected(x + dx, w), reflected(y + dy, h));
            let around = [(-1, 0), (1, 0), (0, -1), (0, 1), (-1, -1), (1, -1), (-1, 1), (1, 1)];
            let found: Vec<i64> = around
                .iter()
                .map(|(dx, dy)| near(*dx, *dy))
                .filter(|(x, y)| filter(*x, *y) == c)
                .map(|(x, y)| raw(x, y))
                .collect();
            let n = found.len() as i64;
            ((found.iter().sum::<i64>() + n / 2) / n) as u8
        }
    }
}

/// A raw sample in 8 bits: flat field, then LUT or rounding.
fn sample(p: &PreParams, tables: &Tables, word: i64, c: usize, fx: i64, fy: i64) -> u8 {
    let bits = p.frame.format.bits();
    let most = (1 << bits) - 1;
    let mut value = word & most;
    if p.flat {
        let flat = tables.flat.unwrap();
        let side = 1i64 << flat.shift();
        let node = |i: i64, j: i64| i64::from(flat.nodes(j as usize)[i as usize]);
        let (i, j, dx, dy) = (fx / side, fy / side, fx % side, fy % side);
        let sum = node(i, j) * (side - dx) * (side - dy)
            + node(i + 1, j) * dx * (side - dy)
            + node(i, j + 1) * (side - dx) * dy
            + node(i + 1, j + 1) * dx * dy;
        let gain = (sum + side * side / 2) / (side * side);
        value = ((value - i64::from(flat.black())).max(0) * gain + 2048) >> 12;
        value = value.min(most);
    }
    match (p.lut, bits) {
        (true, _) => tables.lut.unwrap().table(c)[value as usize],
        (false, 8) => value as u8,
        (false, bits) => ((value + (1 << (bits - 9))) >> (bits - 8)).min(255) as u8,
    }
}

fn rgb(y: i64, u: i64, v: i64, c: usize) -> u8 {
    let luma = (y - 16).max(0) * 1_220_542;
    let (u, v) = (u - 128, v - 128);
    let colour = [1_673_527 * v, -852_492 * v - 409_993 * u, 2_116_026 * u][c];
    ((luma + colour + (1 << 19)) >> 20).clamp(0, 255) as u8
}

/// A pixel as an element of the tensor.
fn element(p: &PreParams, c: usize, pixel: u8) -> Vec<u8> {
    let sum = i64::from(pixel) * i64::from(p.scale[c]) + i64::from(p.offset[c]);
    let whole = (sum + (1 << 15)).div_euclid(1 << 16);
    match p.element {
        Element::U8 => vec![whole.clamp(0, 255) as u8],
        Element::I8 => vec![whole.clamp(-128, 127) as i8 as u8],
        Element::F16 => half(sum as f64 / 16_777_216.0).to_le_bytes().to_vec(),
    }
}

/// binary16 from its definition: a multiple of the spacing at this magnitude, halves to even.
fn half(value: f64) -> u16 {
    let exponent = |x: f64| ((x.to_bits() >> 52) as i32 - 1023).max(-14);
    let magnitude = value.abs();
    let spacing = 2f64.powi(exponent(magnitude) - 10);
    let rounded = (magnitude / spacing).round_ties_even() * spacing;
    let exponent = exponent(rounded);
    let fraction = rounded / 2f64.powi(exponent - 10);
    let code =
        if fraction < 1024.0 { fraction as i32 } else { (exponent + 14) * 1024 + fraction as i32 };
    (code as u16) | if value < 0.0 { 0x8000 } else { 0 }
}
