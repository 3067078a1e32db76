//! `post`: one packet of heads in, one packet of header and detections out.

use std::ops::Range;
use std::task::Poll;

use tandem_model::post::{
    Element, Head, HeadKind, MAX_HEADS, PostError, PostParams, PostScratch, Scale, postprocess,
};
use tandem_regs::post as map;
use tandem_regs::post::offset;

use super::gather::{Gather, Order};
use super::{Core, Identity, ParamFile, Status, halves};

/// Bytes from one head's registers to the next's.
const HEAD_STEP: u32 = offset::H1_GRID - offset::H0_GRID;

/// The `post` kernel's work. Its buffers grow to the largest job.
#[derive(Default)]
pub struct PostCore {
    params: Option<PostParams>,
    input: Gather,
    result: Vec<u8>,
    result_len: usize,
    scratch: Box<PostScratch>,
}

fn decode_head(params: &ParamFile, index: u32) -> Option<Head> {
    let word = |at: u32| params.get(at + index * HEAD_STEP);
    let (grid_w, grid_h) = halves(word(offset::H0_GRID));
    let config = word(offset::H0_CONFIG);
    let quant = word(offset::H0_QUANT);
    let anchors = [offset::H0_ANCHOR_0, offset::H0_ANCHOR_1, offset::H0_ANCHOR_2];
    Some(Head {
        kind: HeadKind::from_u8(map::HEAD_CONFIG::KIND.read(config) as u8)?,
        grid_w,
        grid_h,
        stride: map::HEAD_CONFIG::STRIDE.read(config) as u16,
        anchor_count: map::HEAD_CONFIG::ANCHORS.read(config) as u8,
        anchors: anchors.map(|at| halves(word(at))),
        offset: word(offset::H0_OFFSET),
        element: Element::from_u8(map::HEAD_CONFIG::ELEMENT.read(config) as u8)?,
        scale: Scale::from_register(map::HEAD_QUANT::SCALE.read(quant)),
        zero: map::HEAD_QUANT::ZERO.read(quant) as i8,
    })
}

/// The parameters in the registers, as written; `None` for a decoding rule or an element that does
/// not exist in a head that is in use.
pub fn decode(params: &ParamFile) -> Option<PostParams> {
    let config = params.get(offset::CONFIG);
    let head_count = map::CONFIG::HEAD_COUNT.read(config) as u8;
    let mut heads = [Head::UNUSED; MAX_HEADS];
    for (head, index) in heads.iter_mut().zip(0..u32::from(head_count)) {
        *head = decode_head(params, index)?;
    }
    let (classes, max_detections) = halves(params.get(offset::LIMITS));
    let (score_threshold, iou_threshold) = halves(params.get(offset::THRESHOLDS));
    let (width, height) = halves(params.get(offset::INPUT_SIZE));
    Some(PostParams {
        head_count,
        heads,
        classes,
        score_threshold,
        iou_threshold,
        class_agnostic: map::CONFIG::CLASS_AGNOSTIC.is_set(config),
        top_k: map::CONFIG::TOP_K.read(config) as u16,
        max_detections,
        width,
        height,
    })
}

/// The logic keeps something of every cell, and has room for so many.
fn has_room(head: &Head) -> bool {
    let capacity = map::CAPACITY.reset();
    let field = match head.kind {
        HeadKind::YoloV8 => map::CAPACITY::YOLOV8_CELLS,
        _ => map::CAPACITY::CELLS,
    };
    head.cells() <= field.read(capacity) as usize
}

/// Gives the heads their places in the kernel's own buffer: one after the other, each at a
/// multiple of 64 as the model wants it. The registers' offsets are about the slot in memory,
/// which the descriptors walk. Returns where the stream's bytes go, and how many there are.
fn on_stream(params: &mut PostParams) -> (Order, usize) {
    let (mut pieces, mut from, mut to) = ([(0, 0); MAX_HEADS], 0, 0_usize);
    let (count, classes) = (usize::from(params.head_count), params.classes);
    for (head, piece) in params.heads[..count].iter_mut().zip(&mut pieces) {
        head.offset = to as u32;
        *piece = (from, to);
        from += head.bytes(classes);
        to = (to + head.bytes(classes)).next_multiple_of(64);
    }
    (Order::Pieces { pieces, count }, from)
}

impl Core for PostCore {
    fn identity(&self) -> Identity {
        Identity {
            id: map::ID.reset(),
            version: map::VERSION.reset(),
            caps: map::CAPS.reset(),
            map_hash: map::MAP_HASH,
        }
    }

    fn param_mask(&self, at: u32) -> u32 {
        const HEADS_END: u32 = offset::H3_QUANT;
        match at {
            offset::CONFIG => 0x1FFF_01FF,
            offset::LIMITS | offset::THRESHOLDS | offset::INPUT_SIZE => u32::MAX,
            offset::H0_GRID..=HEADS_END if at.is_multiple_of(4) => {
                let register = (at - offset::H0_GRID) % HEAD_STEP;
                const OFFSET: u32 = offset::H0_OFFSET - offset::H0_GRID;
                const QUANT: u32 = offset::H0_QUANT - offset::H0_GRID;
                match register {
                    0..=OFFSET => u32::MAX,
                    QUANT => 0xFF7F_FFFF,
                    _ => 0,
                }
            }
            _ => 0,
        }
    }

    fn constant(&self, at: u32) -> Option<u32> {
        (at == offset::CAPACITY).then(|| map::CAPACITY.reset())
    }

    fn configure(&mut self, params: &ParamFile) -> Result<(), Status> {
        let mut params = decode(params).ok_or(Status::Refused)?;
        params.validate().map_err(|_| Status::Refused)?;
        if !params.used_heads().iter().all(has_room) {
            return Err(Status::Refused);
        }
        let (order, bytes) = on_stream(&mut params);
        params.validate().map_err(|_| Status::Refused)?;
        self.input.expect(bytes, params.heads_bytes(), order);
        if self.result.len() < params.result_bytes() {
            self.result.resize(params.result_bytes(), 0);
        }
        self.params = Some(params);
        Ok(())
    }

    fn input(&mut self) -> &mut Gather {
        &mut self.input
    }

    fn run(&mut self) -> Poll<Result<(), Status>> {
        let Some(params) = &self.params else { return Poll::Ready(Err(Status::Refused)) };
        let made = postprocess(params, self.input.bytes(), &mut self.result, &mut self.scratch);
        Poll::Ready(match made {
            Ok(header) => {
                self.result_len = header.result_bytes();
                Ok(())
            }
            Err(PostError::TooManyCandidates) => Err(Status::TooManyCandidates),
            Err(PostError::Range(_) | PostError::Short { .. }) => Err(Status::Refused),
        })
    }

    fn packet(&self, index: usize) -> Option<Range<usize>> {
        (index == 0).then_some(0..self.result_len)
    }

    fn output(&self) -> &[u8] {
        &self.result
    }
}
