//! `pre`: its parameters in its registers.

use tandem_model::pre::{Channels, Element, Layout, MAX_BAND_ROWS, PixelFormat, PreParams, Resize};
use tandem_regs::pre::{self, CAPACITY, CAPS, COEFFICIENTS, FORMAT, OUTPUT, PAD, POSITION, SIZE};
use tock_registers::fields::Field;
use tock_registers::interfaces::Readable;

use super::KernelError;
use super::job::{KernelKind, Words};
use crate::bus::Bus;
use crate::reg::Block;

/// A bit of CAPS, and what a kernel without it lacks.
type Need = (Field<u32, CAPS::Register>, &'static str);

/// What the kernel must be able to do for these parameters.
fn needs(params: &PreParams) -> [Option<Need>; 8] {
    let format = match params.frame.format {
        PixelFormat::Rgb8 => (CAPS::RGB8, "RGB frames"),
        PixelFormat::Nv12 => (CAPS::NV12, "NV12 frames"),
        PixelFormat::Mono8 => (CAPS::MONO8, "mono frames"),
        PixelFormat::Yuyv => (CAPS::YUYV, "YUYV frames"),
        bayer if bayer.bits() == 8 => (CAPS::BAYER8, "Bayer frames of 8 bits"),
        _ => (CAPS::BAYER16, "Bayer frames of 10 or 12 bits"),
    };
    let layout = match params.layout {
        Layout::Planar => (CAPS::PLANAR, "planar tensors"),
        Layout::Interleaved => (CAPS::INTERLEAVED, "interleaved tensors"),
    };
    let element = match params.element {
        Element::U8 => None,
        Element::I8 => Some((CAPS::I8, "tensors of signed bytes")),
        Element::F16 => Some((CAPS::F16, "tensors of binary16")),
    };
    [
        Some(format),
        Some(layout),
        element,
        (params.resize == Resize::Area).then_some((CAPS::AREA, "a resize by area")),
        (params.channels == Channels::Grey).then_some((CAPS::GREY, "grey tensors")),
        params.kernel3.is_some().then_some((CAPS::KERNEL3, "a 3x3 filter")),
        params.lut.then_some((CAPS::LUT, "a sample lookup")),
        params.flat.then_some((CAPS::FLAT, "a flat field")),
    ]
}

/// Words of the ring that a row takes while it waits: a planar band in colour waits until all of
/// its planes have gone out. 0 where nothing waits.
fn ring_words(capacity: u32, params: &PreParams) -> u32 {
    let flows = params.layout == Layout::Interleaved || params.channels == Channels::Grey;
    let pixels = CAPACITY::WORD_PIXELS.read(capacity).max(1);
    if flows { 0 } else { u32::from(params.content.w).div_ceil(pixels) }
}

fn fits_ring(capacity: u32, params: &PreParams) -> bool {
    let words = u32::from(params.band_rows) * ring_words(capacity, params);
    words <= CAPACITY::WORDS.read(capacity)
}

/// The preprocess kernel's map and parameters.
#[derive(Clone, Copy, Debug)]
pub enum Pre {}

impl KernelKind for Pre {
    type Params = PreParams;
    const ID: u32 = pre::ID.reset();
    const MAP_HASH: u32 = pre::MAP_HASH;

    fn capacity<B: Bus>(block: &Block<B>) -> u32 {
        block.reg(pre::CAPACITY).get()
    }

    fn supports(caps: u32, capacity: u32, params: &PreParams) -> Result<(), KernelError> {
        for (field, what) in needs(params).into_iter().flatten() {
            if !field.is_set(caps) {
                return Err(KernelError::Unsupported(what));
            }
        }
        let widest = CAPS::MAX_SIDE.read(caps);
        if u32::from(params.crop.w.max(params.width)) > widest {
            return Err(KernelError::Unsupported("rows as wide as this"));
        }
        if !fits_ring(capacity, params) {
            return Err(KernelError::Unsupported("planar bands as large as this"));
        }
        Ok(())
    }

    /// Bands of more rows: each packet is a descriptor to clear and to check, and where a band ends
    /// is nothing to the tensor. Half the ring at most, so that the next band comes in while one goes
    /// out; a multiple of what was asked for, so that what was aligned stays so.
    fn ease(capacity: u32, params: &mut PreParams) {
        let asked = params.band_rows.max(1);
        let room = CAPACITY::WORDS.read(capacity) / 2;
        let rows = room.checked_div(ring_words(capacity, params)).unwrap_or(u32::MAX);
        let times = rows.min(MAX_BAND_ROWS.into()) as u8 / asked;
        params.band_rows = asked * times.max(1);
    }

    fn encode(params: &PreParams, words: &mut Words) {
        let size = |w: u16, h: u16| SIZE::WIDTH.val(w.into()) + SIZE::HEIGHT.val(h.into());
        let position = |x: u16, y: u16| POSITION::X.val(x.into()) + POSITION::Y.val(y.into());
        let PreParams { frame, crop, content, .. } = params;
        words.put(
            pre::FORMAT,
            FORMAT::PIXEL.val(frame.format as u32)
                + FORMAT::LAYOUT.val(params.layout as u32)
                + FORMAT::BAND_ROWS.val(params.band_rows.into()),
        );
        words.put(pre::FRAME_SIZE, size(frame.width, frame.height));
        words.put_word(pre::FRAME_STRIDE, frame.stride);
        words.put(pre::CROP_POS, position(crop.x, crop.y));
        words.put(pre::CROP_SIZE, size(crop.w, crop.h));
        words.put(pre::TENSOR_SIZE, size(params.width, params.height));
        words.put(pre::CONTENT_POS, position(content.x, content.y));
        words.put(pre::CONTENT_SIZE, size(content.w, content.h));
        words.put_word(pre::STEP_X_LO, params.step_x as u32);
        words.put_word(pre::STEP_X_HI, (params.step_x >> 32) as u32);
        words.put_word(pre::STEP_Y_LO, params.step_y as u32);
        words.put_word(pre::STEP_Y_HI, (params.step_y >> 32) as u32);
        let [c0, c1, c2] = params.pad.map(u32::from);
        words.put(pre::PAD, PAD::C0.val(c0) + PAD::C1.val(c1) + PAD::C2.val(c2));
        for (reg, value) in [pre::SCALE_0, pre::SCALE_1, pre::SCALE_2].into_iter().zip(params.scale)
        {
            words.put_word(reg, value.cast_unsigned());
        }
        let offsets = [pre::OFFSET_0, pre::OFFSET_1, pre::OFFSET_2];
        for (reg, value) in offsets.into_iter().zip(params.offset) {
            words.put_word(reg, value.cast_unsigned());
        }
        let bit = |on: bool| u32::from(on);
        words.put(
            pre::OUTPUT,
            OUTPUT::ELEMENT.val(params.element as u32)
                + OUTPUT::CHANNELS.val(params.channels as u32)
                + OUTPUT::RESIZE.val(params.resize as u32)
                + OUTPUT::KERNEL3_EN.val(bit(params.kernel3.is_some()))
                + OUTPUT::LUT_EN.val(bit(params.lut))
                + OUTPUT::FLAT_EN.val(bit(params.flat)),
        );
        // Without a filter its coefficients do not matter.
        let Some(kernel) = params.kernel3 else { return };
        let pairs = [pre::K0_K1, pre::K2_K3, pre::K4_K5, pre::K6_K7, pre::K8];
        let word = |c: i16| u32::from(c.cast_unsigned());
        for (reg, pair) in pairs.into_iter().zip(kernel.0.chunks(2)) {
            let high = pair.get(1).map_or(0, |c| word(*c));
            words.put(reg, COEFFICIENTS::LOW.val(word(pair[0])) + COEFFICIENTS::HIGH.val(high));
        }
    }
}
