//! Random jobs of `pre`.

use tandem_model::pre::{
    Channels, Element, Frame, Kernel3, Layout, MAX_BAND_ROWS, MAX_SCALE, MAX_SIDE, MAX_STEP,
    PixelFormat, PreParams, Rect, Resize, UNIT_STEP,
};
use tandem_rtl::Rng;

/// What happens to a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Nothing out of the ordinary.
    Plain,
    /// One field of the parameters is anything at all.
    Field(&'static str),
    /// A register holds a value that no parameter has.
    Raw(u32, u32),
    /// The packet ends after so many bytes.
    Short(usize),
    /// The packet goes on after its end.
    Long(usize),
    /// CTRL.RESET after so many clocks.
    Reset(u64),
}

/// Bytes; now and then all black and white, where clamps act.
pub fn bytes(rng: &mut Rng, count: usize) -> Vec<u8> {
    let hard = rng.chance(200);
    let mut bytes = rng.bytes(count);
    if hard {
        bytes.iter_mut().for_each(|byte| *byte = 0u8.wrapping_sub(*byte & 1));
    }
    bytes
}

fn side(rng: &mut Rng) -> u16 {
    let most = rng.pick(&[1, 2, 9, 40, 40, 70, 300]);
    rng.range(1, most) as u16
}

/// A part of a side: where it begins and its length, even if need be.
fn part(rng: &mut Rng, of: u16, even: bool) -> (u16, u16) {
    let unit = 1 + u16::from(even);
    let whole = of / unit;
    if rng.chance(340) {
        return (0, whole * unit);
    }
    let at = rng.below(u64::from(whole)) as u16;
    (at * unit, rng.range(1, u64::from(whole - at)) as u16 * unit)
}

/// Any step; half of the time one that an area average can take.
fn step(rng: &mut Rng, crop: u16, content: u16) -> u64 {
    let most = (u64::from(crop) << 32) / u64::from(content);
    if most >= UNIT_STEP && rng.chance(512) {
        return rng.range(UNIT_STEP, most);
    }
    (rng.range(1, MAX_STEP) >> rng.below(31)).max(1)
}

/// A job in range; `formats` are those that are built in.
pub fn params(rng: &mut Rng, formats: &[PixelFormat], caps: u32) -> PreParams {
    let has = |bit: u32| caps >> bit & 1 != 0;
    let format = rng.pick(formats);
    let [width, height] = [format.even_x(), format.even_y()]
        .map(|even| side(rng).next_multiple_of(1 + u16::from(even)));
    let mut frame = Frame::packed(format, width, height);
    frame.stride += rng.below(10) as u32;
    let (x, w) = part(rng, frame.width, frame.format.even_x());
    let (y, h) = part(rng, frame.height, frame.format.even_y());
    let crop = Rect { x, y, w, h };
    let (width, height) = (side(rng), side(rng));
    let pad = [0; 3].map(|_| rng.next_u32() as u8);
    let layout = if rng.chance(600) { Layout::Planar } else { Layout::Interleaved };
    let mut p = PreParams::letterbox(frame, crop, width, height, pad, layout).expect("in range");
    if rng.chance(512) {
        (p.content.x, p.content.w) = part(rng, width, false);
        (p.content.y, p.content.h) = part(rng, height, false);
        if rng.chance(512) {
            p.step_x = (u64::from(p.crop.w) << 32) / u64::from(p.content.w);
            p.step_y = (u64::from(p.crop.h) << 32) / u64::from(p.content.h);
        } else {
            p.step_x = step(rng, p.crop.w, p.content.w);
            p.step_y = step(rng, p.crop.h, p.content.h);
        }
    }
    p.resize = Resize::Area;
    if !has(10) || p.validate().is_err() || rng.chance(340) {
        p.resize = Resize::Bilinear;
    }
    p.channels = if has(11) && rng.chance(300) { Channels::Grey } else { Channels::Rgb };
    let elements: Vec<_> = [(Element::U8, true), (Element::I8, has(12)), (Element::F16, has(13))]
        .iter()
        .filter_map(|(element, built)| built.then_some(*element))
        .collect();
    p.element = rng.pick(&elements);
    if has(14) && rng.chance(340) {
        let shift = rng.below(12) as u32;
        p.kernel3 = Some(Kernel3([0; 9].map(|_| rng.next_u32() as i16 >> shift)));
    }
    if p.element == Element::F16 || rng.chance(512) {
        let shift = rng.below(21) as u32;
        p.scale = [0; 3].map(|_| rng.next_u32() as i32 >> shift);
        p.offset = [0; 3].map(|_| rng.next_u32() as i32 >> shift);
    }
    if p.element != Element::F16 {
        p.scale = p.scale.map(|s| s.clamp(-MAX_SCALE, MAX_SCALE));
    }
    p.lut = has(6) && !format.is_yuv() && rng.chance(150);
    let most_bands = 255 / p.planes() as u16;
    let least = p.height.div_ceil(most_bands) as u64;
    p.band_rows = rng.range(least, u64::from(MAX_BAND_ROWS)) as u8;
    p.validate().expect("in range");
    p
}

/// Sets a field to anything, mostly near a limit.
pub fn spoil(rng: &mut Rng, p: &mut PreParams) -> &'static str {
    let any = |rng: &mut Rng, old: u16| {
        let near = [
            0,
            1,
            2,
            old.wrapping_sub(1),
            old.wrapping_add(1),
            MAX_SIDE,
            MAX_SIDE + 1,
            MAX_SIDE + 2,
        ];
        if rng.chance(800) { rng.pick(&near) } else { rng.next_u32() as u16 }
    };
    let wide = |rng: &mut Rng, old: u64, unit: u64, most: u64| {
        let near = [0, 1, old - 1, old + 1, unit - 1, unit, most, most + 1, u64::MAX];
        rng.pick(&near)
    };
    match rng.below(22) {
        0 => (p.frame.width = any(rng, p.frame.width), "frame.width").1,
        1 => (p.frame.height = any(rng, p.frame.height), "frame.height").1,
        2 => {
            let least = p.frame.row_bytes() as u32;
            p.frame.stride = rng.pick(&[0, least.wrapping_sub(1), least, 65536, 65537, u32::MAX]);
            "frame.stride"
        }
        3 => (p.crop.x = any(rng, p.crop.x), "crop.x").1,
        4 => (p.crop.y = any(rng, p.crop.y), "crop.y").1,
        5 => (p.crop.w = any(rng, p.crop.w), "crop.w").1,
        6 => (p.crop.h = any(rng, p.crop.h), "crop.h").1,
        7 => (p.width = any(rng, p.width), "width").1,
        8 => (p.height = any(rng, p.height), "height").1,
        9 => (p.content.x = any(rng, p.content.x), "content.x").1,
        10 => (p.content.y = any(rng, p.content.y), "content.y").1,
        11 => (p.content.w = any(rng, p.content.w), "content.w").1,
        12 => (p.content.h = any(rng, p.content.h), "content.h").1,
        13 => (p.step_x = wide(rng, p.step_x, UNIT_STEP, MAX_STEP), "step_x").1,
        14 => (p.step_y = wide(rng, p.step_y, UNIT_STEP, MAX_STEP), "step_y").1,
        15 => {
            p.scale[rng.below(3) as usize] =
                rng.pick(&[MAX_SCALE, MAX_SCALE + 1, -MAX_SCALE, -MAX_SCALE - 1, i32::MIN]);
            "scale"
        }
        16 => (p.band_rows = rng.pick(&[0, 1, 2, 32, 33, 64, 255]), "band_rows").1,
        17 => (p.lut = true, "lut").1,
        18 => (p.flat = true, "flat").1,
        19 => (p.resize = Resize::Area, "resize").1,
        20 => (p.frame.format = rng.pick(&PixelFormat::ALL), "format").1,
        _ => {
            p.kernel3 = Some(Kernel3([1; 9]));
            p.channels = Channels::Grey;
            "kernel3"
        }
    }
}
