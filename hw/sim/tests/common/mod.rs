//! A board for tests, driven by hand-written register accesses as firmware would do them.
#![allow(dead_code, reason = "each test file uses its part")]

pub mod bench;

use tandem_model::post::PostParams;
use tandem_model::pre::PreParams;
use tandem_regs::{post, pre};
use tandem_sim::ddr::Ddr;
use tandem_sim::{Sim, SimMap};

pub const DDR: u32 = 0x4000_0000;
pub const DDR_SIZE: u32 = 0x0100_0000;
/// Link and log: memory of the processors.
pub const LINK: u32 = DDR;
pub const MM2S_CHAIN: u32 = DDR + 0x10_0000;
pub const S2MM_CHAIN: u32 = DDR + 0x14_0000;
pub const INPUT: u32 = DDR + 0x20_0000;
pub const OUTPUT: u32 = DDR + 0xA0_0000;

pub const MAP: SimMap = SimMap {
    dma_pre: 0xA000_0000,
    dma_post: 0xA001_0000,
    pre: 0xA002_0000,
    post: 0xA003_0000,
    gate: 0xA004_0000,
};

pub const MM2S: u32 = 0x00;
pub const S2MM: u32 = 0x30;
pub const CR: u32 = 0x00;
pub const SR: u32 = 0x04;
pub const CURDESC: u32 = 0x08;
pub const TAILDESC: u32 = 0x10;

pub const RS: u32 = 1;
pub const RESET: u32 = 4;
pub const IOC: u32 = 0x1000;
pub const DLY: u32 = 0x2000;
pub const ERR: u32 = 0x4000;
pub const HALTED: u32 = 1;
pub const IDLE: u32 = 2;
pub const DMA_INT_ERR: u32 = 0x10;
pub const DMA_SLV_ERR: u32 = 0x20;
pub const DMA_DEC_ERR: u32 = 0x40;
pub const SG_INT_ERR: u32 = 0x100;
pub const SG_SLV_ERR: u32 = 0x200;
pub const SG_DEC_ERR: u32 = 0x400;
pub const ERRORS: u32 = 0x770;

pub const EOF: u32 = 1 << 26;
pub const SOF: u32 = 1 << 27;
pub const CMPLT: u32 = 1 << 31;

pub fn ddr() -> Ddr {
    Ddr::create(DDR, DDR_SIZE).unwrap()
}

pub fn board() -> Sim {
    Sim::new(MAP, ddr())
}

/// Writes descriptors (buffer, control word) one after the other from `at` on, linked in a ring.
/// Returns the last one's address.
pub fn write_chain(ddr: &Ddr, at: u32, descriptors: &[(u32, u32)]) -> u32 {
    let count = descriptors.len() as u32;
    for (index, (buffer, control)) in (0..).zip(descriptors) {
        let desc = at + index * 64;
        let next = at + (index + 1) % count * 64;
        for (word, value) in [(0, next), (4, 0), (8, *buffer), (12, 0), (24, *control), (28, 0)] {
            ddr.write32(desc + word, value).unwrap();
        }
    }
    at + (count - 1) * 64
}

pub fn status_of(ddr: &Ddr, chain: u32, index: u32) -> u32 {
    ddr.read32(chain + index * 64 + 28).unwrap()
}

/// The start that PG021 describes: CURDESC while halted, RS, wait for Halted, TAILDESC.
pub fn arm(sim: &mut Sim, channel: u32, first: u32, tail: u32, threshold: u32) {
    sim.write32(channel + CURDESC, first);
    sim.write32(channel + CR, threshold << 16 | ERR | IOC | RS);
    assert_eq!(sim.read32(channel + SR) & HALTED, 0);
    sim.write32(channel + TAILDESC, tail);
}

pub fn write_pre(sim: &mut Sim, params: &PreParams) {
    use pre::offset as at;
    let pair = |low: u16, high: u16| u32::from(low) | u32::from(high) << 16;
    let p = params;
    let words = [
        (at::FORMAT, p.frame.format as u32 | (p.layout as u32) << 8 | u32::from(p.band_rows) << 16),
        (at::FRAME_SIZE, pair(p.frame.width, p.frame.height)),
        (at::FRAME_STRIDE, p.frame.stride),
        (at::CROP_POS, pair(p.crop.x, p.crop.y)),
        (at::CROP_SIZE, pair(p.crop.w, p.crop.h)),
        (at::TENSOR_SIZE, pair(p.width, p.height)),
        (at::CONTENT_POS, pair(p.content.x, p.content.y)),
        (at::CONTENT_SIZE, pair(p.content.w, p.content.h)),
        (at::STEP_X_LO, p.step_x as u32),
        (at::STEP_X_HI, (p.step_x >> 32) as u32),
        (at::STEP_Y_LO, p.step_y as u32),
        (at::STEP_Y_HI, (p.step_y >> 32) as u32),
        (at::PAD, u32::from_le_bytes([p.pad[0], p.pad[1], p.pad[2], 0])),
        (at::SCALE_0, p.scale[0] as u32),
        (at::SCALE_1, p.scale[1] as u32),
        (at::SCALE_2, p.scale[2] as u32),
        (at::OFFSET_0, p.offset[0] as u32),
        (at::OFFSET_1, p.offset[1] as u32),
        (at::OFFSET_2, p.offset[2] as u32),
    ];
    let flags = [p.kernel3.is_some(), p.lut, p.flat].map(u32::from);
    let output = p.element as u32 | (p.channels as u32) << 8 | (p.resize as u32) << 16;
    let output = output | flags[0] << 24 | flags[1] << 25 | flags[2] << 26;
    let k = p.kernel3.map_or([0; 9], |kernel| kernel.0).map(i16::cast_unsigned);
    let filter = [
        (at::OUTPUT, output),
        (at::K0_K1, pair(k[0], k[1])),
        (at::K2_K3, pair(k[2], k[3])),
        (at::K4_K5, pair(k[4], k[5])),
        (at::K6_K7, pair(k[6], k[7])),
        (at::K8, pair(k[8], 0)),
    ];
    for (offset, value) in words.into_iter().chain(filter) {
        sim.write32(MAP.pre + offset, value);
        assert_eq!(sim.read32(MAP.pre + offset), value);
    }
}

pub fn write_post(sim: &mut Sim, params: &PostParams) {
    use post::offset as at;
    let pair = |low: u16, high: u16| u32::from(low) | u32::from(high) << 16;
    let p = params;
    let mut words = vec![
        (
            at::CONFIG,
            u32::from(p.head_count) | u32::from(p.class_agnostic) << 8 | u32::from(p.top_k) << 16,
        ),
        (at::LIMITS, pair(p.classes, p.max_detections)),
        (at::THRESHOLDS, pair(p.score_threshold, p.iou_threshold)),
        (at::INPUT_SIZE, pair(p.width, p.height)),
    ];
    for (index, head) in (0..).zip(&p.heads) {
        let base = index * (at::H1_GRID - at::H0_GRID);
        let what = head.kind as u16 | (head.element as u16) << 4;
        let kind = pair(head.stride, what | u16::from(head.anchor_count) << 8);
        words.push((base + at::H0_GRID, pair(head.grid_w, head.grid_h)));
        words.push((base + at::H0_CONFIG, kind));
        for (anchor, offset) in
            [at::H0_ANCHOR_0, at::H0_ANCHOR_1, at::H0_ANCHOR_2].iter().enumerate()
        {
            words.push((base + offset, pair(head.anchors[anchor].0, head.anchors[anchor].1)));
        }
        words.push((base + at::H0_OFFSET, head.offset));
        let zero = u32::from(head.zero as u8) << 24;
        words.push((base + at::H0_QUANT, head.scale.register() | zero));
    }
    for (offset, value) in words {
        sim.write32(MAP.post + offset, value);
        assert_eq!(sim.read32(MAP.post + offset), value);
    }
}

/// Bytes that depend on their place, without a pattern that a resize could hide.
pub fn noise(len: usize, seed: u32) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 11) as u8
    };
    (0..len).map(|_| next()).collect()
}

/// A pre lane with a chain per channel for `params`; the frame's bytes at [`INPUT`], the tensor's
/// at [`OUTPUT`]. Returns the packets of the tensor.
pub fn arm_pre(sim: &mut Sim, params: &PreParams) -> u32 {
    let rows = input_rows(params);
    let last = rows.len() - 1;
    let control = |index: usize, len: u32| {
        len | if index == 0 { SOF } else { 0 } | if index == last { EOF } else { 0 }
    };
    let descriptors: Vec<_> = rows
        .iter()
        .enumerate()
        .map(|(index, (at, len))| (INPUT + at, control(index, *len)))
        .collect();
    let mm2s_tail = write_chain(sim.ddr(), MM2S_CHAIN, &descriptors);
    let outputs: Vec<_> = tandem_model::pre::packets(params)
        .map(|(at, len)| (OUTPUT + at as u32, len as u32))
        .collect();
    let s2mm_tail = write_chain(sim.ddr(), S2MM_CHAIN, &outputs);
    let count = outputs.len() as u32;
    arm(sim, MAP.dma_pre + S2MM, S2MM_CHAIN, s2mm_tail, count);
    arm(sim, MAP.dma_pre + MM2S, MM2S_CHAIN, mm2s_tail, 1);
    count
}

/// The crop's rows in stream order, as (offset in the frame, bytes).
fn input_rows(params: &PreParams) -> Vec<(u32, u32)> {
    use tandem_model::pre::PixelFormat;
    let (frame, crop) = (&params.frame, &params.crop);
    let row = |y: u32| y * frame.stride;
    let (x, y) = (u32::from(crop.x), u32::from(crop.y));
    let (w, h) = (u32::from(crop.w), u32::from(crop.h));
    match frame.format {
        PixelFormat::Nv12 => (y / 2..(y + h) / 2)
            .flat_map(|pair| {
                let chroma = row(u32::from(frame.height) + pair);
                [row(2 * pair), row(2 * pair + 1), chroma].map(|at| (at + x, w))
            })
            .collect(),
        format => {
            let pixel = format.pixel_bytes() as u32;
            (y..y + h).map(|line| (row(line) + pixel * x, pixel * w)).collect()
        }
    }
}
