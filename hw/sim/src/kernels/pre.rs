//! `pre`: one packet of the crop's bytes in, the tensor's packets out.

use std::ops::Range;
use std::task::Poll;

use tandem_model::pre::{
    Channels, Element, Frame, Kernel3, Layout, Lut, PixelFormat, PreParams, Rect, Resize, Tables,
    packets, preprocess,
};
use tandem_regs::pre as map;
use tandem_regs::pre::offset;

use super::gather::{Gather, Order};
use super::{Core, Identity, ParamFile, Status, halves};

/// The `pre` kernel's work. Its buffers grow to the largest job.
#[derive(Default)]
pub struct PreCore {
    params: Option<PreParams>,
    input: Gather,
    tensor: Vec<u8>,
    packets: Vec<Range<usize>>,
    lookup: Lookup,
}

/// The tables of the sample lookup, as the LUT register filled them.
struct Lookup(Box<[[u8; 4096]; 3]>);

impl Default for Lookup {
    fn default() -> Self {
        Self(Box::new([[0; 4096]; 3]))
    }
}

impl Lookup {
    fn write(&mut self, value: u32) {
        // There is no fourth table.
        if let Some(table) = self.0.get_mut(map::LUT::COLOUR.read(value) as usize) {
            let at = 2 * map::LUT::PAIR.read(value) as usize;
            table[at] = map::LUT::EVEN.read(value) as u8;
            table[at + 1] = map::LUT::ODD.read(value) as u8;
        }
    }

    fn of(&self, bits: u32) -> Option<Lut> {
        Lut::new(bits, |colour, sample| self.0[colour][usize::from(sample)]).ok()
    }
}

fn rect(position: u32, size: u32) -> Rect {
    let ((x, y), (w, h)) = (halves(position), halves(size));
    Rect { x, y, w, h }
}

/// The parameters in the registers, as written; `None` for a format, layout and so
/// on that does not exist.
pub fn decode(params: &ParamFile) -> Option<PreParams> {
    let word = |at: u32| params.get(at);
    let wide = |low: u32, high: u32| u64::from(word(high)) << 32 | u64::from(word(low));
    let (format, output) = (word(offset::FORMAT), word(offset::OUTPUT));
    let (width, height) = halves(word(offset::FRAME_SIZE));
    let (tensor_width, tensor_height) = halves(word(offset::TENSOR_SIZE));
    let pad = word(offset::PAD);
    Some(PreParams {
        frame: Frame {
            format: PixelFormat::from_u8(map::FORMAT::PIXEL.read(format) as u8)?,
            width,
            height,
            stride: word(offset::FRAME_STRIDE),
        },
        crop: rect(word(offset::CROP_POS), word(offset::CROP_SIZE)),
        width: tensor_width,
        height: tensor_height,
        content: rect(word(offset::CONTENT_POS), word(offset::CONTENT_SIZE)),
        step_x: wide(offset::STEP_X_LO, offset::STEP_X_HI),
        step_y: wide(offset::STEP_Y_LO, offset::STEP_Y_HI),
        pad: [pad as u8, (pad >> 8) as u8, (pad >> 16) as u8],
        scale: [offset::SCALE_0, offset::SCALE_1, offset::SCALE_2].map(|at| word(at) as i32),
        offset: [offset::OFFSET_0, offset::OFFSET_1, offset::OFFSET_2].map(|at| word(at) as i32),
        layout: Layout::from_u8(map::FORMAT::LAYOUT.read(format) as u8)?,
        band_rows: map::FORMAT::BAND_ROWS.read(format) as u8,
        resize: Resize::from_u8(map::OUTPUT::RESIZE.read(output) as u8)?,
        channels: Channels::from_u8(map::OUTPUT::CHANNELS.read(output) as u8)?,
        element: Element::from_u8(map::OUTPUT::ELEMENT.read(output) as u8)?,
        kernel3: map::OUTPUT::KERNEL3_EN.is_set(output).then(|| coefficients(params)),
        lut: map::OUTPUT::LUT_EN.is_set(output),
        flat: map::OUTPUT::FLAT_EN.is_set(output),
    })
}

fn coefficients(params: &ParamFile) -> Kernel3 {
    let at = [offset::K0_K1, offset::K2_K3, offset::K4_K5, offset::K6_K7, offset::K8];
    Kernel3(std::array::from_fn(|i| (params.get(at[i / 2]) >> (16 * (i % 2))) as i16))
}

/// A planar band in colour waits in the ring until all of its planes have gone out.
fn fits_ring(params: &PreParams) -> bool {
    let capacity = map::CAPACITY.reset();
    let flows = params.layout == Layout::Interleaved || params.channels == Channels::Grey;
    let row = u32::from(params.content.w).div_ceil(map::CAPACITY::WORD_PIXELS.read(capacity));
    flows || u32::from(params.band_rows) * row <= map::CAPACITY::WORDS.read(capacity)
}

/// The same job on a frame that is the crop and nothing else: what the stream carries.
fn on_stream(mut params: PreParams) -> PreParams {
    let Rect { w, h, .. } = params.crop;
    params.frame = Frame::packed(params.frame.format, w, h);
    params.crop = params.frame.full();
    params
}

impl Core for PreCore {
    fn identity(&self) -> Identity {
        Identity {
            id: map::ID.reset(),
            version: map::VERSION.reset(),
            caps: map::CAPS.reset(),
            map_hash: map::MAP_HASH,
        }
    }

    fn param_mask(&self, at: u32) -> u32 {
        match at {
            offset::FORMAT | offset::PAD => 0x00FF_FFFF,
            offset::OUTPUT => 0x07FF_FFFF,
            offset::LUT => 0x37FF_FFFF,
            offset::FRAME_SIZE..=offset::K8 if at.is_multiple_of(4) => u32::MAX,
            _ => 0,
        }
    }

    fn constant(&self, at: u32) -> Option<u32> {
        (at == offset::CAPACITY).then(|| map::CAPACITY.reset())
    }

    fn written(&mut self, at: u32, value: u32) {
        if at == offset::LUT {
            self.lookup.write(value);
        }
    }

    fn power_up(&mut self) {
        self.lookup = Lookup::default();
    }

    fn configure(&mut self, params: &ParamFile) -> Result<(), Status> {
        let params = decode(params).ok_or(Status::Refused)?;
        params.validate().map_err(|_| Status::Refused)?;
        // CAPS says that there is no flat field.
        if params.flat || !fits_ring(&params) {
            return Err(Status::Refused);
        }
        let params = on_stream(params);
        params.validate().map_err(|_| Status::Refused)?;
        let order = match params.frame.format {
            PixelFormat::Nv12 => Order::Nv12 {
                row: usize::from(params.frame.width),
                rows: usize::from(params.frame.height),
            },
            _ => Order::Linear,
        };
        let bytes = params.frame_bytes();
        self.input.expect(bytes, bytes, order);
        if self.tensor.len() < params.tensor_bytes() {
            self.tensor.resize(params.tensor_bytes(), 0);
        }
        self.packets.clear();
        self.packets.extend(packets(&params).map(|(at, len)| at..at + len));
        self.params = Some(params);
        Ok(())
    }

    fn input(&mut self) -> &mut Gather {
        &mut self.input
    }

    fn run(&mut self) -> Poll<Result<(), Status>> {
        let Some(params) = &self.params else { return Poll::Ready(Err(Status::Refused)) };
        let tensor = &mut self.tensor[..params.tensor_bytes()];
        let lut = if params.lut { self.lookup.of(params.frame.format.bits()) } else { None };
        let tables = Tables { lut: lut.as_ref(), flat: None };
        let made = preprocess(params, &tables, self.input.bytes(), tensor);
        Poll::Ready(made.map_err(|_| Status::Refused))
    }

    fn packet(&self, index: usize) -> Option<Range<usize>> {
        self.packets.get(index).cloned()
    }

    fn output(&self) -> &[u8] {
        &self.tensor
    }
}
