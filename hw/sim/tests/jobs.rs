//! Whole jobs by hand-written register accesses, against the kernels' model.

mod common;

use common::*;
use tandem_model::post::{Head, HeadKind, PostParams, PostScratch, postprocess, read_result};
use tandem_model::pre::{
    Channels, Element, Frame, Kernel3, Layout, Lut, PixelFormat, PreParams, Rect, Resize, Tables,
    preprocess,
};
use tandem_regs::pre::{CAPACITY, offset};
use tandem_sim::{Sim, UNMAPPED, irq};

const IRQ_EN: u32 = 1;

fn start(sim: &mut Sim, kernel: u32, job: u32) {
    sim.write32(kernel + offset::CTRL, IRQ_EN);
    sim.write32(kernel + offset::START, job);
}

fn done_and_status(sim: &mut Sim, kernel: u32) -> (u32, u32) {
    (sim.read32(kernel + offset::DONE), sim.read32(kernel + offset::STATUS))
}

/// Runs `params` on the board and compares the tensor in memory with the model's.
fn check_pre(sim: &mut Sim, params: &PreParams, job: u32) {
    check_pre_with(sim, params, &Tables::NONE, job);
}

fn check_pre_with(sim: &mut Sim, params: &PreParams, tables: &Tables, job: u32) {
    let frame = noise(params.frame_bytes(), job + 1);
    sim.ddr().write(INPUT, &frame).unwrap();
    let mut expected = vec![0; params.tensor_bytes()];
    preprocess(params, tables, &frame, &mut expected).unwrap();

    for lane in [MM2S, S2MM] {
        sim.write32(MAP.dma_pre + lane + CR, RESET);
        while sim.read32(MAP.dma_pre + lane + CR) & RESET != 0 {}
    }
    write_pre(sim, params);
    let packets = arm_pre(sim, params);
    start(sim, MAP.pre, job);
    assert_eq!(sim.irq_lines(), 0);
    sim.advance(sim.now());

    assert_eq!(done_and_status(sim, MAP.pre), (job, 0));
    assert_eq!(sim.irq_lines(), irq::PRE_MM2S | irq::PRE_S2MM | irq::PRE_KERNEL);
    let mut tensor = vec![0; expected.len()];
    sim.ddr().read(OUTPUT, &mut tensor).unwrap();
    assert!(tensor == expected, "{params:?}");
    for (index, (_, len)) in (0..packets).zip(tandem_model::pre::packets(params)) {
        assert_eq!(status_of(sim.ddr(), S2MM_CHAIN, index), CMPLT | SOF | EOF | len as u32);
    }
    sim.write32(MAP.pre + offset::ACK, job);
    sim.write32(MAP.dma_pre + MM2S + SR, IOC);
    sim.write32(MAP.dma_pre + S2MM + SR, IOC);
    assert_eq!(sim.irq_lines(), 0);
}

#[test]
fn a_pre_job_gives_the_models_tensor() {
    let mut sim = board();
    let rgb = Frame { format: PixelFormat::Rgb8, width: 61, height: 47, stride: 192 };
    let nv12 = Frame { format: PixelFormat::Nv12, width: 64, height: 48, stride: 80 };
    let part = Rect { x: 10, y: 6, w: 38, h: 30 };
    let mut job = 0;
    for frame in [rgb, nv12] {
        for crop in [frame.full(), part] {
            for layout in [Layout::Planar, Layout::Interleaved] {
                job += 1;
                let params = PreParams::letterbox(frame, crop, 40, 36, [114; 3], layout).unwrap();
                check_pre(&mut sim, &params, job);
            }
        }
    }
    assert_eq!(sim.unmapped_accesses(), 0);
}

#[test]
fn every_format_element_and_option_gives_the_models_tensor() {
    let mut sim = board();
    let mut job = 0;
    for format in PixelFormat::ALL {
        let frame = Frame { stride: 256, ..Frame::packed(format, 64, 48) };
        let crop = Rect { x: 10, y: 6, w: 38, h: 30 };
        let plain = PreParams::letterbox(frame, crop, 20, 22, [1, 2, 3], Layout::Planar).unwrap();
        let filter = Some(Kernel3([-20, 0, 20, -40, 256, 40, -20, 0, 20]));
        let scale = [1 << 16; 3];
        let cases = [
            plain.clone().with_resize(Resize::Bilinear),
            plain.clone().with_resize(Resize::Area),
            PreParams { element: Element::I8, offset: [-128 << 16; 3], ..plain.clone() },
            PreParams {
                element: Element::F16,
                scale,
                layout: Layout::Interleaved,
                ..plain.clone()
            },
            PreParams { channels: Channels::Grey, kernel3: filter, ..plain },
        ];
        for params in cases {
            job += 1;
            check_pre(&mut sim, &params, job);
        }
    }
    assert_eq!(sim.unmapped_accesses(), 0);
}

/// The LUT register names two entries, which follow it; what it named before stays.
#[test]
fn the_sample_lookup_follows_its_register() {
    let mut sim = board();
    const ENTRIES: usize = 3 << 12;
    let mut entries = noise(ENTRIES, 5);
    let mut job = 0;
    for (format, changed) in [
        (PixelFormat::BayerGrbg12, ENTRIES),
        (PixelFormat::BayerBggr10, 0),
        (PixelFormat::Rgb8, 2),
        (PixelFormat::Mono8, 1),
    ] {
        for at in (0..changed).map(|i| i * 4099 % ENTRIES) {
            entries[at] ^= if job > 0 { 0x55 } else { 0 };
            let (colour, pair) = (at >> 12, at >> 1 & 0x7ff);
            let even = (colour << 12) + 2 * pair;
            let [even, odd] = [entries[even], entries[even + 1]].map(u32::from);
            let word = even | odd << 8 | (pair as u32) << 16 | (colour as u32) << 28;
            sim.write32(MAP.pre + offset::LUT, word);
            assert_eq!(sim.read32(MAP.pre + offset::LUT), word);
        }
        let frame = Frame::packed(format, 40, 30);
        let plain = PreParams::letterbox(frame, frame.full(), 32, 32, [9; 3], Layout::Planar);
        let params = PreParams { lut: true, ..plain.unwrap() };
        let entry = |colour: usize, sample: u16| entries[(colour << 12) + usize::from(sample)];
        let lut = Lut::new(format.bits(), entry).unwrap();
        job += 1;
        check_pre_with(&mut sim, &params, &Tables { lut: Some(&lut), flat: None }, job);
    }
}

#[test]
fn a_table_that_the_kernel_does_not_have_is_refused() {
    let frame = Frame::rgb8(32, 32);
    let plain = PreParams::letterbox(frame, frame.full(), 16, 16, [0; 3], Layout::Planar).unwrap();
    let mut sim = board();
    let params = PreParams { flat: true, ..plain };
    write_pre(&mut sim, &params);
    arm_pre(&mut sim, &params);
    start(&mut sim, MAP.pre, 1);
    sim.advance(sim.now());
    assert_eq!(done_and_status(&mut sim, MAP.pre), (1, 1));
}

fn head(kind: HeadKind, grid: (u16, u16), stride: u16, at: u32) -> Head {
    let anchors = [(10, 14), (23, 27), (37, 58)];
    let (grid_w, grid_h) = grid;
    Head { kind, grid_w, grid_h, stride, anchor_count: 3, anchors, offset: at, ..Head::UNUSED }
}

fn post_params() -> PostParams {
    let unused = head(HeadKind::YoloV3, (1, 1), 1, 0);
    PostParams {
        head_count: 2,
        // Out of order and with a gap: the stream has the heads in order and no gaps.
        heads: [
            head(HeadKind::YoloV3, (5, 7), 16, 0x4000),
            head(HeadKind::YoloV5, (10, 14), 8, 0),
            unused,
            unused,
        ],
        classes: 3,
        score_threshold: 30_000,
        iou_threshold: 30_000,
        class_agnostic: false,
        top_k: 0,
        max_detections: 100,
        width: 80,
        height: 112,
    }
}

/// Logits from -4 to 4.
fn heads(params: &PostParams) -> Vec<u8> {
    let values = noise(params.heads_bytes() / 4, 11);
    values.iter().flat_map(|v| (f32::from(*v) / 32.0 - 4.0).to_le_bytes()).collect()
}

fn arm_post(sim: &mut Sim, params: &PostParams) {
    let [first, second] = [0, 1].map(|index: usize| {
        let head = &params.heads[index];
        (INPUT + head.offset, head.bytes(params.classes) as u32)
    });
    let descriptors = [(first.0, first.1 | SOF), (second.0, second.1 | EOF)];
    let mm2s_tail = write_chain(sim.ddr(), MM2S_CHAIN, &descriptors);
    let s2mm_tail = write_chain(sim.ddr(), S2MM_CHAIN, &[(OUTPUT, 0x1_0000)]);
    arm(sim, MAP.dma_post + S2MM, S2MM_CHAIN, s2mm_tail, 1);
    arm(sim, MAP.dma_post + MM2S, MM2S_CHAIN, mm2s_tail, 1);
}

#[test]
fn a_post_job_gives_the_models_result() {
    let (mut sim, params) = (board(), post_params());
    let heads = heads(&params);
    sim.ddr().write(INPUT, &heads).unwrap();
    let mut expected = vec![0; params.result_bytes()];
    let mut scratch = Box::<PostScratch>::default();
    let header = postprocess(&params, &heads, &mut expected, &mut scratch).unwrap();
    assert!(header.count > 3, "the test needs detections");

    write_post(&mut sim, &params);
    arm_post(&mut sim, &params);
    start(&mut sim, MAP.post, 9);
    sim.advance(5);
    assert_eq!(done_and_status(&mut sim, MAP.post), (9, 0));
    assert_eq!(sim.irq_lines(), irq::POST_MM2S | irq::POST_S2MM | irq::POST_KERNEL);
    let len = header.result_bytes();
    assert_eq!(status_of(sim.ddr(), S2MM_CHAIN, 0), CMPLT | SOF | EOF | len as u32);
    let mut result = vec![0; len];
    sim.ddr().read(OUTPUT, &mut result).unwrap();
    assert_eq!(result, expected[..len]);
    assert_eq!(read_result(&result).unwrap().0, header);
}

#[test]
fn too_many_candidates_are_said_and_give_no_output() {
    let (mut sim, mut params) = (board(), post_params());
    params.heads[1] = head(HeadKind::YoloV5, (40, 56), 2, 0);
    params.heads[0].offset = 0x4_0000;
    params.score_threshold = 0;
    sim.ddr().write(INPUT, &heads(&params)).unwrap();
    write_post(&mut sim, &params);
    arm_post(&mut sim, &params);
    start(&mut sim, MAP.post, 1);
    sim.advance(0);
    assert_eq!(done_and_status(&mut sim, MAP.post), (1, 2));
    assert_eq!(status_of(sim.ddr(), S2MM_CHAIN, 0), 0);
}

fn small() -> PreParams {
    let frame = Frame::rgb8(16, 16);
    PreParams::letterbox(frame, frame.full(), 16, 16, [0; 3], Layout::Planar).unwrap()
}

#[test]
fn refused_parameters_leave_the_streams_alone() {
    let mut sim = board();
    write_pre(&mut sim, &small());
    sim.write32(MAP.pre + offset::STEP_X_HI, 0xFFFF);
    arm_pre(&mut sim, &small());
    start(&mut sim, MAP.pre, 1);
    sim.advance(0);
    assert_eq!(done_and_status(&mut sim, MAP.pre), (1, 1));
    assert_eq!(sim.irq_lines(), irq::PRE_KERNEL);
    assert_eq!(status_of(sim.ddr(), MM2S_CHAIN, 0), 0);
}

#[test]
fn a_packet_of_another_length_is_said_and_gives_no_output() {
    for bytes in [16 * 16 * 3 - 1, 16 * 16 * 3 + 1] {
        let mut sim = board();
        write_pre(&mut sim, &small());
        arm_pre(&mut sim, &small());
        sim.ddr().write32(MM2S_CHAIN + 15 * 64 + 24, EOF | (bytes - 15 * 48)).unwrap();
        start(&mut sim, MAP.pre, 1);
        sim.advance(0);
        assert_eq!(done_and_status(&mut sim, MAP.pre), (1, 3));
        assert_eq!(status_of(sim.ddr(), S2MM_CHAIN, 0), 0);
    }
}

#[test]
fn start_is_a_counter_and_a_running_job_is_not_disturbed() {
    let mut sim = board();
    write_pre(&mut sim, &small());
    start(&mut sim, MAP.pre, 1);
    // The first job waits for its input; the second one must not replace it.
    sim.advance(0);
    sim.write32(MAP.pre + offset::START, 2);
    sim.write32(MAP.pre + offset::STEP_X_HI, 0xFFFF);
    arm_pre(&mut sim, &small());
    sim.advance(1);
    assert_eq!(done_and_status(&mut sim, MAP.pre), (2, 1), "the second one was refused");
    let last = status_of(sim.ddr(), S2MM_CHAIN, 0);
    assert_eq!(last & CMPLT, CMPLT, "after the first one was done");
    // The same value again is no job.
    sim.write32(MAP.pre + offset::START, 2);
    assert_eq!(sim.next_event(), None);
}

#[test]
fn a_kernel_reset_is_held_and_keeps_parameters() {
    let mut sim = board();
    write_pre(&mut sim, &small());
    start(&mut sim, MAP.pre, 7);
    sim.write32(MAP.pre + offset::CTRL, 3);
    for register in [offset::START, offset::DONE, offset::ACK, offset::STATUS] {
        assert_eq!(sim.read32(MAP.pre + register), 0);
    }
    sim.write32(MAP.pre + offset::START, 8);
    arm_pre(&mut sim, &small());
    sim.advance(0);
    assert_eq!(sim.irq_lines(), 0);
    sim.write32(MAP.pre + offset::CTRL, 1);
    sim.advance(0);
    assert_eq!(sim.read32(MAP.pre + offset::DONE), 0, "a START during the reset is lost");
    start(&mut sim, MAP.pre, 9);
    sim.advance(0);
    assert_eq!(done_and_status(&mut sim, MAP.pre), (9, 0));
}

#[test]
fn a_planar_band_that_does_not_fit_the_ring_is_refused() {
    let mut sim = board();
    let capacity = sim.read32(MAP.pre + offset::CAPACITY);
    let pixels = CAPACITY::WORDS.read(capacity) * CAPACITY::WORD_PIXELS.read(capacity);
    let frame = Frame::packed(PixelFormat::Mono8, 64, 32);
    let width = 2048;
    let params = PreParams::letterbox(frame, frame.full(), width, 1024, [0; 3], Layout::Planar);
    let params = params.unwrap();
    assert_eq!(params.content.w, width);
    let rows = (pixels / u32::from(width)) as u8;
    assert!(rows < 32, "the largest band fits: nothing to refuse");
    for (job, band_rows, status) in [(1, rows + 1, 1), (2, 32, 1)] {
        write_pre(&mut sim, &PreParams { band_rows, ..params.clone() });
        start(&mut sim, MAP.pre, job);
        sim.advance(sim.now());
        assert_eq!(done_and_status(&mut sim, MAP.pre), (job, status));
    }
    // As much as fits is taken: it waits for its input.
    write_pre(&mut sim, &PreParams { band_rows: rows, ..params.clone() });
    start(&mut sim, MAP.pre, 3);
    sim.advance(sim.now());
    assert_eq!(done_and_status(&mut sim, MAP.pre), (2, 1));
}

#[test]
fn nothing_of_a_job_is_seen_before_its_latency_has_passed() {
    let mut sim = board();
    sim.set_latency(1500, 0);
    sim.advance(10_000);
    write_pre(&mut sim, &small());
    start(&mut sim, MAP.pre, 1);
    arm_pre(&mut sim, &small());
    let due = 11_500;
    for _ in 0..4 {
        let next = sim.next_event().unwrap();
        sim.advance(next.min(due - 1));
    }
    assert_eq!(sim.next_event(), Some(due));
    assert_eq!(sim.irq_lines(), 0);
    assert_eq!(done_and_status(&mut sim, MAP.pre), (0, 0));
    assert_eq!(status_of(sim.ddr(), S2MM_CHAIN, 0), 0);
    sim.advance(due);
    assert_eq!(done_and_status(&mut sim, MAP.pre), (1, 0));
    assert_eq!(sim.irq_lines(), irq::PRE_MM2S | irq::PRE_S2MM | irq::PRE_KERNEL);
    assert_eq!(sim.next_event(), None);
}

#[test]
fn addresses_without_a_register_read_a_constant_and_are_counted() {
    let mut sim = board();
    let holes = [0, 0x3FFF_FFFC, DDR + DDR_SIZE, MAP.pre + 0x28, MAP.pre + 1, MAP.gate + 0x1_0000];
    for addr in holes {
        assert_eq!(sim.read32(addr), UNMAPPED, "{addr:#x}");
        sim.write32(addr, 1);
    }
    assert_eq!(sim.unmapped_accesses(), 2 * holes.len() as u64);
    sim.write32(DDR + 64, 5);
    assert_eq!(sim.read32(DDR + 64), 5);
}
