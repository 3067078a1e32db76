//! `tandem_pre` under test: jobs through its registers and streams, compared with the model.

pub mod cases;
pub mod cover;

use tandem_model::pre::{Frame, Lut, PixelFormat, PreParams, Resize, Tables, packets, preprocess};
use tandem_regs::pre::{CAPACITY, offset};
use tandem_rtl::{Kernel, Packet, Rng, SinkId, SourceId, Stall};

/// STATUS codes.
pub const OK: u32 = 0;
/// A parameter is out of range.
pub const REFUSED: u32 = 1;
/// The packet had another length.
pub const SHORT: u32 = 3;

/// What a build of `tandem_pre` is, as its parameters in `models.toml` say.
#[derive(Clone, Copy, Debug)]
pub struct Build {
    /// Name in `models.toml`.
    pub name: &'static str,
    /// Pixels a clock.
    pub ppc: u64,
    /// Bytes of an input beat.
    pub s_bytes: u64,
    /// Bytes of an output beat.
    pub m_bytes: u64,
    /// Columns that the line buffers hold.
    pub max_side: u16,
    /// Pixels of the band ring.
    pub band_pixels: u64,
}

/// A kernel between its streams.
pub struct Bench {
    /// The kernel.
    pub kernel: Kernel,
    /// Its build.
    pub build: Build,
    /// CAPS as read.
    pub caps: u32,
    /// The input stream.
    pub source: SourceId,
    /// The output stream.
    pub sink: SinkId,
    job: u32,
    /// What was written to the sample lookup, and to how many entries of each table.
    entries: Box<[[u8; 4096]; 3]>,
    known: usize,
}

impl Bench {
    /// A kernel after reset, interrupts on.
    pub fn new(build: Build, seed: u64) -> Self {
        let mut kernel = Kernel::load(build.name, seed);
        kernel.reset();
        let source = kernel.source("s_axis", Stall::never());
        let sink = kernel.sink("m_axis", Stall::never());
        let caps = kernel.read32(offset::CAPS);
        let capacity = kernel.read32(offset::CAPACITY);
        assert_eq!(u64::from(CAPACITY::WORD_PIXELS.read(capacity)), build.m_bytes);
        assert_eq!(u64::from(CAPACITY::WORDS.read(capacity)), build.band_pixels / build.m_bytes);
        kernel.write32(offset::CTRL, 1);
        let entries = Box::new([[0; 4096]; 3]);
        Self { kernel, build, caps, source, sink, job: 0, entries, known: 0 }
    }

    /// The kernel takes these parameters: in range by the model, and within what is built in.
    pub fn takes(&self, params: &PreParams) -> bool {
        let has = |bit: u32| self.caps >> bit & 1 != 0;
        let format = match params.frame.format {
            PixelFormat::Rgb8 => has(0),
            PixelFormat::Nv12 => has(1),
            PixelFormat::Mono8 => has(2),
            PixelFormat::Yuyv => has(3),
            other => has(if other.sample_bytes() == 2 { 5 } else { 4 }),
        };
        let element = match params.element as u8 {
            0 => true,
            1 => has(12),
            _ => has(13),
        };
        let row_words = u64::from(params.content.w).div_ceil(self.build.m_bytes);
        let words = row_words * u64::from(params.band_rows);
        params.validate().is_ok()
            && format
            && element
            && has(8 + params.layout as u32)
            && (params.resize == Resize::Bilinear || has(10))
            && (params.channels.count() == 3 || has(11))
            && (params.kernel3.is_none() || has(14))
            && (!params.lut || has(6))
            && !params.flat
            && params.crop.w <= self.build.max_side
            && params.content.w <= self.build.max_side
            && (params.planes() == 1 || words <= self.build.band_pixels / self.build.m_bytes)
    }

    /// Writes a job's parameters.
    pub fn write(&mut self, params: &PreParams) {
        for (at, value) in registers(params) {
            self.kernel.write32(at, value);
        }
    }

    /// Sets the sample lookup for samples of so many bits: all of it, or if it is there, some of it.
    pub fn look_up(&mut self, rng: &mut Rng, bits: u32) -> Lut {
        let entries = 1 << bits;
        let set = |bench: &mut Self, colour: usize, pair: usize, rng: &mut Rng| {
            let [even, odd] = [0; 2].map(|_| rng.next_u32() as u8);
            bench.entries[colour][2 * pair..2 * pair + 2].copy_from_slice(&[even, odd]);
            let word = [even, odd, pair as u8, (pair >> 8 | colour << 4) as u8];
            bench.kernel.write32(offset::LUT, u32::from_le_bytes(word));
        };
        if self.known < entries {
            for (colour, pair) in (0..3).flat_map(|c| (0..entries / 2).map(move |p| (c, p))) {
                set(self, colour, pair, rng);
            }
            self.known = entries;
        } else {
            for _ in 0..rng.below(20) {
                let (colour, pair) = (rng.below(3) as usize, rng.below(entries as u64 / 2));
                set(self, colour, pair as usize, rng);
            }
        }
        Lut::new(bits, |colour, sample| self.entries[colour][usize::from(sample)])
            .expect("bits of a format")
    }

    /// Writes START with the next number, which is returned.
    pub fn start(&mut self) -> u32 {
        self.job += 1;
        self.kernel.write32(offset::START, self.job);
        self.job
    }

    /// Clocks until the job's interrupt; acknowledges it and returns STATUS.
    pub fn finish(&mut self, job: u32, limit: u64) -> u32 {
        let irq = self.kernel.port("irq");
        self.kernel.run_until(limit, "interrupt", |k| k.get_port(irq) == 1);
        assert_eq!(self.kernel.read32(offset::DONE), job);
        let status = self.kernel.read32(offset::STATUS);
        self.kernel.write32(offset::ACK, job);
        assert_eq!(self.kernel.get("irq"), 0);
        status
    }

    /// CTRL.RESET held for some clocks; the streams are empty afterwards.
    pub fn reset(&mut self) {
        self.kernel.write32(offset::CTRL, 2);
        self.kernel.clear_source(self.source);
        for _ in 0..20 {
            self.kernel.clock();
        }
        self.kernel.write32(offset::CTRL, 1);
        self.kernel.take(self.sink);
        self.job = 0;
        assert_eq!(
            [offset::START, offset::DONE, offset::ACK, offset::STATUS]
                .map(|at| self.kernel.read32(at)),
            [0; 4]
        );
    }
}

/// The values of the parameter registers.
pub fn registers(p: &PreParams) -> Vec<(u32, u32)> {
    let two = |low: u16, high: u16| u32::from(high) << 16 | u32::from(low);
    let kernel = p.kernel3.map_or([0; 9], |k| k.0).map(|k| k as u16);
    let output = p.element as u32
        | (p.channels as u32) << 8
        | (p.resize as u32) << 16
        | u32::from(p.kernel3.is_some()) << 24
        | u32::from(p.lut) << 25
        | u32::from(p.flat) << 26;
    vec![
        (
            offset::FORMAT,
            p.frame.format as u32 | (p.layout as u32) << 8 | u32::from(p.band_rows) << 16,
        ),
        (offset::FRAME_SIZE, two(p.frame.width, p.frame.height)),
        (offset::FRAME_STRIDE, p.frame.stride),
        (offset::CROP_POS, two(p.crop.x, p.crop.y)),
        (offset::CROP_SIZE, two(p.crop.w, p.crop.h)),
        (offset::TENSOR_SIZE, two(p.width, p.height)),
        (offset::CONTENT_POS, two(p.content.x, p.content.y)),
        (offset::CONTENT_SIZE, two(p.content.w, p.content.h)),
        (offset::STEP_X_LO, p.step_x as u32),
        (offset::STEP_X_HI, (p.step_x >> 32) as u32),
        (offset::STEP_Y_LO, p.step_y as u32),
        (offset::STEP_Y_HI, (p.step_y >> 32) as u32),
        (offset::PAD, u32::from_le_bytes([p.pad[0], p.pad[1], p.pad[2], 0])),
        (offset::SCALE_0, p.scale[0] as u32),
        (offset::SCALE_1, p.scale[1] as u32),
        (offset::SCALE_2, p.scale[2] as u32),
        (offset::OFFSET_0, p.offset[0] as u32),
        (offset::OFFSET_1, p.offset[1] as u32),
        (offset::OFFSET_2, p.offset[2] as u32),
        (offset::OUTPUT, output),
        (offset::K0_K1, two(kernel[0], kernel[1])),
        (offset::K2_K3, two(kernel[2], kernel[3])),
        (offset::K4_K5, two(kernel[4], kernel[5])),
        (offset::K6_K7, two(kernel[6], kernel[7])),
        (offset::K8, two(kernel[8], 0)),
    ]
}

/// The same job on a frame that is the crop and nothing else: what the stream carries.
pub fn on_stream(params: &PreParams) -> PreParams {
    let frame = Frame::packed(params.frame.format, params.crop.w, params.crop.h);
    PreParams { frame, crop: frame.full(), ..params.clone() }
}

/// The model's packets for the crop's bytes, in the model's order.
pub fn wanted(params: &PreParams, lut: Option<&Lut>, crop: &[u8]) -> Vec<Packet> {
    let params = on_stream(params);
    let mut tensor = vec![0; params.tensor_bytes()];
    preprocess(&params, &Tables { lut, flat: None }, crop, &mut tensor)
        .expect("the parameters were checked");
    packets(&params).map(|(at, len)| tensor[at..at + len].to_vec()).collect()
}

/// The crop's bytes in the order of the stream: of NV12 two luma rows, then their chroma row.
pub fn streamed(params: &PreParams, crop: &[u8]) -> Packet {
    if params.frame.format != PixelFormat::Nv12 {
        return crop.to_vec();
    }
    let (width, height) = (usize::from(params.crop.w), usize::from(params.crop.h));
    let (luma, chroma) = crop.split_at(width * height);
    let pairs = luma.chunks(2 * width).zip(chroma.chunks(width));
    pairs.flat_map(|(luma, chroma)| [luma, chroma].concat()).collect()
}
