//! The kernel itself.
//!
//! The four-tap sum has no rounding between the axes, so it may be taken row by row: each source
//! row is interpolated across once and kept while output rows need it. Work goes in strips of
//! [`STRIP`] columns so that taps and rows live in fixed arrays.

use super::sample::{ONE, Tap, tap};
use super::{Channels, Element, Layout, PixelFormat, PreError, PreParams, Resize, Tables, colour};

/// Columns of one strip.
const STRIP: usize = 256;
const NO_ROW: u32 = u32::MAX;

/// A source row interpolated across: per channel, Q11.
struct Row {
    number: u32,
    channels: [[u32; STRIP]; 3],
}

/// Runs the kernel: writes the first `tensor_bytes()` of `tensor`.
pub fn preprocess(
    params: &PreParams,
    tables: &Tables,
    frame: &[u8],
    tensor: &mut [u8],
) -> Result<(), PreError> {
    params.validate()?;
    tables.used_by(params)?;
    not_yet(params)?;
    let short = |buffer, have, need| PreError::Short { buffer, have, need };
    let (need, have) = (params.frame_bytes(), frame.len());
    let frame = frame.get(..need).ok_or(short("frame", have, need))?;
    let (need, have) = (params.tensor_bytes(), tensor.len());
    let tensor = tensor.get_mut(..need).ok_or(short("tensor", have, need))?;
    fill_padding(params, tensor);
    let tables = [0, 1, 2].map(|c| {
        let unity = params.scale[c] == 1 << 16 && params.offset[c] == 0;
        (!unity).then(|| colour::table(params.scale[c], params.offset[c]))
    });
    let width = usize::from(params.content.w);
    for first in (0..width).step_by(STRIP) {
        let columns = STRIP.min(width - first);
        run_strip(params, frame, tensor, &tables, first, columns);
    }
    Ok(())
}

/// Refuses what the parameters can say already but this kernel cannot do yet.
fn not_yet(params: &PreParams) -> Result<(), PreError> {
    let known = matches!(params.frame.format, PixelFormat::Rgb8 | PixelFormat::Nv12);
    for (known, field) in [
        (known, "frame.format"),
        (params.resize == Resize::Bilinear, "resize"),
        (params.channels == Channels::Rgb, "channels"),
        (params.element == Element::U8, "element"),
        (params.kernel3.is_none(), "kernel3"),
        (!params.lut, "lut"),
        (!params.flat, "flat"),
    ] {
        super::params::check(known, field)?;
    }
    Ok(())
}

/// Columns `first .. first + columns` of the content, all rows.
fn run_strip(
    params: &PreParams,
    frame: &[u8],
    tensor: &mut [u8],
    tables: &[Option<[u8; 256]>; 3],
    first: usize,
    columns: usize,
) {
    let mut taps = [Tap::default(); STRIP];
    for (i, t) in taps[..columns].iter_mut().enumerate() {
        *t = tap((first + i) as u32, params.step_x, params.crop.w);
    }
    let taps = &taps[..columns];
    let mut rows = [const { Row { number: NO_ROW, channels: [[0; STRIP]; 3] } }; 2];
    let mut swapped = false;
    for y in 0..params.content.h {
        let t = tap(u32::from(y), params.step_y, params.crop.h);
        // The lower row of one output row is often the upper row of the next.
        swapped ^= rows[usize::from(!swapped)].number == t.at;
        let [a, b] = &mut rows;
        let (upper, lower) = if swapped { (b, a) } else { (a, b) };
        fill_row(params, frame, taps, t.at, upper);
        // A weight of zero needs no lower row: whatever it holds counts nothing.
        if t.weight != 0 {
            fill_row(params, frame, taps, t.next, lower);
        }
        for (c, table) in tables.iter().enumerate() {
            let mut bytes = [0; STRIP];
            blend(&upper.channels[c], &lower.channels[c], t.weight, &mut bytes);
            if let Some(table) = table {
                bytes[..columns].iter_mut().for_each(|b| *b = table[usize::from(*b)]);
            }
            store(params, tensor, c, y, first, &bytes[..columns]);
        }
    }
}

/// Interpolates crop row `number` across, unless `row` already holds it.
fn fill_row(params: &PreParams, frame: &[u8], taps: &[Tap], number: u32, row: &mut Row) {
    if row.number == number {
        return;
    }
    row.number = number;
    let (stride, x) = (params.frame.stride as usize, usize::from(params.crop.x));
    let y = usize::from(params.crop.y) + number as usize;
    let line = &frame[y * stride..][..params.frame.row_bytes()];
    match params.frame.format {
        PixelFormat::Rgb8 => across_rgb(&line[3 * x..], taps, &mut row.channels),
        PixelFormat::Nv12 => {
            let plane = stride * usize::from(params.frame.height);
            let chroma = &frame[plane + y / 2 * stride..][..params.frame.row_bytes()];
            across_nv12(&line[x..], &chroma[x..], taps, &mut row.channels);
        }
        _ => {}
    }
}

/// Two bytes weighted: at most `255 * 2048`.
#[inline(always)]
fn lerp(a: u8, b: u8, weight: u32) -> u32 {
    u32::from(a)
        .wrapping_mul(ONE.wrapping_sub(weight))
        .wrapping_add(u32::from(b).wrapping_mul(weight))
}

fn across_rgb(line: &[u8], taps: &[Tap], out: &mut [[u32; STRIP]; 3]) {
    let [r, g, b] = out;
    for (((t, r), g), b) in taps.iter().zip(r).zip(g).zip(b) {
        let p = &line[3 * t.at as usize..][..3];
        let q = &line[3 * t.next as usize..][..3];
        *r = lerp(p[0], q[0], t.weight);
        *g = lerp(p[1], q[1], t.weight);
        *b = lerp(p[2], q[2], t.weight);
    }
}

/// Both lines begin at the crop's left edge, which is even, so pixel `x` has its chroma at
/// `x` without the lowest bit.
fn across_nv12(luma: &[u8], chroma: &[u8], taps: &[Tap], out: &mut [[u32; STRIP]; 3]) {
    let first = gather_nv12(luma, chroma, taps, |t| t.at);
    // Without any fraction (a whole, odd shrinkage) the second pixels count nothing.
    let fraction = taps.iter().any(|t| t.weight != 0);
    let second = fraction.then(|| gather_nv12(luma, chroma, taps, |t| t.next));
    let second = second.as_ref().unwrap_or(&first);
    for ((out, a), b) in out.iter_mut().zip(&first).zip(second) {
        for (((out, a), b), t) in out.iter_mut().zip(a).zip(b).zip(taps) {
            *out = lerp(*a, *b, t.weight);
        }
    }
}

/// One pixel per tap as R, G, B rows. Picking and converting are loops of their own, because only
/// the second can be vectorised.
#[inline(always)]
fn gather_nv12(
    luma: &[u8],
    chroma: &[u8],
    taps: &[Tap],
    position: impl Fn(&Tap) -> u32,
) -> [[u8; STRIP]; 3] {
    let mut picked = [[0; STRIP]; 3];
    let [y, u, v] = &mut picked;
    for (((t, y), u), v) in taps.iter().zip(y).zip(u).zip(v) {
        let x = position(t) as usize;
        let pair = &chroma[x & !1..][..2];
        (*y, *u, *v) = (luma[x], pair[0], pair[1]);
    }
    let mut rgb = [[0; STRIP]; 3];
    for i in 0..STRIP {
        [rgb[0][i], rgb[1][i], rgb[2][i]] = colour::rgb(picked[0][i], picked[1][i], picked[2][i]);
    }
    rgb
}

/// `(upper * (2048 - weight) + lower * weight + 2^21) >> 22`; the sum is at most
/// `255 * 2^22 + 2^21`, which fits 30 bits.
fn blend(upper: &[u32; STRIP], lower: &[u32; STRIP], weight: u32, out: &mut [u8; STRIP]) {
    let rest = ONE - weight;
    for ((o, u), l) in out.iter_mut().zip(upper).zip(lower) {
        let sum = u.wrapping_mul(rest).wrapping_add(l.wrapping_mul(weight));
        *o = (sum.wrapping_add(1 << 21) >> 22) as u8;
    }
}

/// Puts one channel of part of a content row into the tensor.
fn store(params: &PreParams, tensor: &mut [u8], c: usize, y: u16, first: usize, bytes: &[u8]) {
    let (width, height) = (usize::from(params.width), usize::from(params.height));
    let row = usize::from(params.content.y) + usize::from(y);
    let column = usize::from(params.content.x) + first;
    match params.layout {
        Layout::Planar => {
            let at = (c * height + row) * width + column;
            tensor[at..][..bytes.len()].copy_from_slice(bytes);
        }
        Layout::Interleaved => {
            let at = 3 * (row * width + column);
            let pixels = tensor[at..][..3 * bytes.len()].chunks_exact_mut(3);
            pixels.zip(bytes).for_each(|(pixel, b)| pixel[c] = *b);
        }
    }
}

/// Everything outside the content.
fn fill_padding(params: &PreParams, tensor: &mut [u8]) {
    let (width, height) = (usize::from(params.width), usize::from(params.height));
    let (x, y) = (usize::from(params.content.x), usize::from(params.content.y));
    let (right, bottom) = (x + usize::from(params.content.w), y + usize::from(params.content.h));
    let gaps = |row: usize| {
        if (y..bottom).contains(&row) { [0..x, right..width] } else { [0..width, width..width] }
    };
    match params.layout {
        Layout::Planar => {
            for (i, row) in tensor.chunks_exact_mut(width).enumerate() {
                for gap in gaps(i % height) {
                    row[gap].fill(params.pad[i / height]);
                }
            }
        }
        Layout::Interleaved => {
            for (i, row) in tensor.as_chunks_mut::<3>().0.chunks_exact_mut(width).enumerate() {
                for gap in gaps(i) {
                    row[gap].fill(params.pad);
                }
            }
        }
    }
}
