//! `post`: its parameters in its registers.

use tandem_model::post::{Element, Head, HeadKind, PostParams};
use tandem_regs::post::{
    self, CAPACITY, CAPS, CONFIG, HEAD_CONFIG, HEAD_GRID, HEAD_QUANT, LIMITS, SIZE, THRESHOLDS,
    WORD,
};
use tandem_regs::{ReadWrite, Reg};
use tock_registers::interfaces::Readable;

use super::KernelError;
use super::job::{KernelKind, Words};
use crate::bus::Bus;
use crate::reg::Block;

/// The post-process kernel's map and parameters.
#[derive(Clone, Copy, Debug)]
pub enum Post {}

/// The registers of one head, which the map has unrolled.
struct HeadRegs {
    grid: Reg<HEAD_GRID::Register, ReadWrite>,
    config: Reg<HEAD_CONFIG::Register, ReadWrite>,
    anchors: [Reg<SIZE::Register, ReadWrite>; 3],
    offset: Reg<WORD::Register, ReadWrite>,
    quant: Reg<HEAD_QUANT::Register, ReadWrite>,
}

const HEADS: [HeadRegs; 4] = [
    HeadRegs {
        grid: post::H0_GRID,
        config: post::H0_CONFIG,
        anchors: [post::H0_ANCHOR_0, post::H0_ANCHOR_1, post::H0_ANCHOR_2],
        offset: post::H0_OFFSET,
        quant: post::H0_QUANT,
    },
    HeadRegs {
        grid: post::H1_GRID,
        config: post::H1_CONFIG,
        anchors: [post::H1_ANCHOR_0, post::H1_ANCHOR_1, post::H1_ANCHOR_2],
        offset: post::H1_OFFSET,
        quant: post::H1_QUANT,
    },
    HeadRegs {
        grid: post::H2_GRID,
        config: post::H2_CONFIG,
        anchors: [post::H2_ANCHOR_0, post::H2_ANCHOR_1, post::H2_ANCHOR_2],
        offset: post::H2_OFFSET,
        quant: post::H2_QUANT,
    },
    HeadRegs {
        grid: post::H3_GRID,
        config: post::H3_CONFIG,
        anchors: [post::H3_ANCHOR_0, post::H3_ANCHOR_1, post::H3_ANCHOR_2],
        offset: post::H3_OFFSET,
        quant: post::H3_QUANT,
    },
];

impl KernelKind for Post {
    type Params = PostParams;
    const ID: u32 = post::ID.reset();
    const MAP_HASH: u32 = post::MAP_HASH;

    fn capacity<B: Bus>(block: &Block<B>) -> u32 {
        block.reg(post::CAPACITY).get()
    }

    fn supports(caps: u32, capacity: u32, params: &PostParams) -> Result<(), KernelError> {
        if u32::from(params.head_count) > CAPS::MAX_HEADS.read(caps) {
            return Err(KernelError::Unsupported("that many heads"));
        }
        for head in params.used_heads() {
            let (field, what) = match head.kind {
                HeadKind::YoloV3 => (CAPS::YOLOV3, "YOLOv3 heads"),
                HeadKind::YoloV5 => (CAPS::YOLOV5, "YOLOv5 heads"),
                HeadKind::YoloV8 => (CAPS::YOLOV8, "YOLOv8 heads"),
                HeadKind::YoloX => (CAPS::YOLOX, "YOLOX heads"),
                HeadKind::Boxes => (CAPS::BOXES, "decoded boxes"),
            };
            if !field.is_set(caps) {
                return Err(KernelError::Unsupported(what));
            }
            let built = match head.element {
                Element::F32 => true,
                Element::F16 => CAPS::F16.is_set(caps),
                Element::I8 => CAPS::I8.is_set(caps),
            };
            if !built {
                return Err(KernelError::Unsupported("that element"));
            }
            if u32::from(head.anchor_count) > CAPS::MAX_ANCHORS.read(caps) {
                return Err(KernelError::Unsupported("that many anchors"));
            }
            let cells = match head.kind {
                HeadKind::YoloV8 => CAPACITY::YOLOV8_CELLS.read(capacity),
                _ => CAPACITY::CELLS.read(capacity),
            };
            if head.cells() > cells as usize {
                return Err(KernelError::Unsupported("that large a grid"));
            }
        }
        if params.top_k > 0 && !CAPS::TOP_K.is_set(caps) {
            return Err(KernelError::Unsupported("the best K candidates"));
        }
        Ok(())
    }

    fn encode(params: &PostParams, words: &mut Words) {
        words.put(
            post::CONFIG,
            CONFIG::HEAD_COUNT.val(params.head_count.into())
                + CONFIG::CLASS_AGNOSTIC.val(params.class_agnostic.into())
                + CONFIG::TOP_K.val(params.top_k.into()),
        );
        words.put(
            post::LIMITS,
            LIMITS::CLASSES.val(params.classes.into())
                + LIMITS::MAX_DETECTIONS.val(params.max_detections.into()),
        );
        words.put(
            post::THRESHOLDS,
            THRESHOLDS::SCORE.val(params.score_threshold.into())
                + THRESHOLDS::IOU.val(params.iou_threshold.into()),
        );
        words.put(
            post::INPUT_SIZE,
            SIZE::WIDTH.val(params.width.into()) + SIZE::HEIGHT.val(params.height.into()),
        );
        for (regs, head) in HEADS.iter().zip(params.used_heads()) {
            encode_head(regs, head, words);
        }
    }
}

fn encode_head(regs: &HeadRegs, head: &Head, words: &mut Words) {
    let grid = HEAD_GRID::WIDTH.val(head.grid_w.into()) + HEAD_GRID::HEIGHT.val(head.grid_h.into());
    words.put(regs.grid, grid);
    words.put(
        regs.config,
        HEAD_CONFIG::STRIDE.val(head.stride.into())
            + HEAD_CONFIG::KIND.val(head.kind as u32)
            + HEAD_CONFIG::ELEMENT.val(head.element as u32)
            + HEAD_CONFIG::ANCHORS.val(head.anchor_count.into()),
    );
    for (reg, (w, h)) in regs.anchors.iter().zip(head.anchors) {
        words.put(*reg, SIZE::WIDTH.val(w.into()) + SIZE::HEIGHT.val(h.into()));
    }
    words.put_word(regs.offset, head.offset);
    words.put(
        regs.quant,
        HEAD_QUANT::SCALE.val(head.scale.register())
            + HEAD_QUANT::ZERO.val(u32::from(head.zero as u8)),
    );
}
