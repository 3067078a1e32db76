//! The drivers against the device models: whole jobs, each fault, each flipped bit.

mod common;
#[path = "common/lane.rs"]
mod lane;

use common::{WIDE, small_pre};
use lane::{DESCRIPTORS, Failure, INPUT, Lane, MAP, OUTPUT, SimBus, expected, noise, pre_lane};
use proptest::prelude::*;
use tandem_drivers::dma::{DmaError, Job, LengthProbe, Plan, ProbeStep, Progress, polls};
use tandem_drivers::kernel::{Cancel, GateDriver, Post, PostKernel};
use tandem_model::post::{
    Element as HeadElement, Head, HeadKind, PostParams, PostScratch, Scale, postprocess,
    read_result,
};
use tandem_model::pre::{Channels, Element, Frame, Layout, PixelFormat, PreParams, Rect};
use tandem_sim::axi_dma::DmaConfig;
use tandem_sim::fault::{Fault, FaultLane};
use tandem_sim::irq;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_pre_job_gives_the_models_tensor(
        format in prop::sample::select(&PixelFormat::ALL), planar: bool, grey: bool,
        element in prop::sample::select(&[Element::U8, Element::I8, Element::F16]), (w, h) in (2..50u16, 2..50u16), cut: [u16; 4],
        (tw, th) in (1..60u16, 1..60u16),
    ) {
        let packed = Frame::packed(format, 2 * w, 2 * h);
        let frame = Frame { stride: packed.stride + 8, ..packed };
        let (x, y) = (cut[0] % w, cut[1] % h);
        let (cw, ch) = (1 + cut[2] % (w - x), 1 + cut[3] % (h - y));
        let crop = Rect { x: 2 * x, y: 2 * y, w: 2 * cw, h: 2 * ch };
        let layout = if planar { Layout::Planar } else { Layout::Interleaved };
        let channels = if grey { Channels::Grey } else { Channels::Rgb };
        let params = PreParams::letterbox(frame, crop, tw, th, [114; 3], layout).expect("valid");
        let params = PreParams { channels, element, ..params };
        let bus = SimBus::new(DmaConfig::default());
        let bytes = noise(params.frame_bytes());
        bus.put(INPUT, &bytes);
        let mut lane = pre_lane(&bus);
        for _ in 0..3 {
            bus.put(OUTPUT, &vec![0xEE; params.tensor_bytes()]);
            prop_assert_eq!(lane.run_pre(&params), Ok(params.tensor_bytes() as u32));
            prop_assert_eq!(bus.get(OUTPUT, params.tensor_bytes()), expected(&params, &bytes));
        }
        prop_assert_eq!(bus.0.borrow().unmapped_accesses(), 0);
    }
}

#[test]
fn each_fault_has_its_name_and_the_next_job_is_well() {
    let bus = SimBus::new(DmaConfig::default());
    let params = small_pre();
    let bytes = noise(params.frame_bytes());
    bus.put(INPUT, &bytes);
    let mut lane = pre_lane(&bus);
    for (fault, failure) in [
        (Fault::SlaveError(FaultLane::Pre), Failure::Dma(DmaError::Slave)),
        (Fault::DecodeError(FaultLane::Pre), Failure::Dma(DmaError::Decode)),
        (Fault::StuckTlast(FaultLane::Pre), Failure::Dma(DmaError::StreamMismatch)),
        (Fault::HungKernel(FaultLane::Pre), Failure::Hung),
    ] {
        bus.0.borrow_mut().plant(fault);
        assert_eq!(lane.run_pre(&params), Err(failure), "{fault}");
        assert_eq!(bus.0.borrow().taken_faults().last(), Some(&fault));
        assert_eq!(lane.run_pre(&params), Ok(768), "after {fault}");
        assert_eq!(bus.get(OUTPUT, 768), expected(&params, &bytes));
    }
    // A lost interrupt is no failure for the drivers: the poll sees the end.
    bus.0.borrow_mut().plant(Fault::LostInterrupt(FaultLane::Pre));
    assert_eq!(lane.run_pre(&params), Ok(768));
}

#[test]
fn completion_raises_the_line_and_a_lost_one_does_not() {
    for lost in [false, true] {
        let bus = SimBus::new(DmaConfig::default());
        let params = small_pre();
        let mut lane = pre_lane(&bus);
        if lost {
            bus.0.borrow_mut().plant(Fault::LostInterrupt(FaultLane::Pre));
        }
        lane.kernel.configure(&params).expect("supported");
        let input = Plan::pre_input(&params, INPUT).expect("plan");
        let output = Plan::pre_output(&params, OUTPUT).expect("plan");
        let job = Job {
            input: lane.inputs.prepare(&bus, input, WIDE).expect("chain"),
            output: lane.outputs.prepare(&bus, output, WIDE).expect("chain"),
        };
        lane.dma.submit(&job, polls(10)).expect("submit");
        lane.kernel.start(1);
        bus.advance();
        let lines = if lost { 0 } else { irq::PRE_S2MM | irq::PRE_KERNEL };
        assert_eq!(bus.0.borrow().irq_lines(), lines);
        assert_eq!(lane.dma.poll(&job), Ok(Progress::Ended));
    }
}

/// The heart of it: no flipped bit leads to a wrong tensor that passes for a good one.
#[test]
fn no_flipped_bit_is_silent() {
    let bus = SimBus::new(DmaConfig::default());
    let params = small_pre();
    let bytes = noise(params.frame_bytes());
    let good = expected(&params, &bytes);
    let mut lane = pre_lane(&bus);
    let mut corrupt = 0;
    // The first, a middle and the last descriptor of both chains (20 and 12 long).
    for descriptor in [0, 9, 19, 20, 25, 31] {
        for bit in 0..=255_u8 {
            bus.put(INPUT, &bytes);
            bus.put(OUTPUT, &vec![0xEE; good.len()]);
            let fault = Fault::FlippedDescriptorBit { lane: FaultLane::Pre, descriptor, bit };
            bus.0.borrow_mut().plant(fault);
            match lane.run_pre(&params) {
                Ok(_) => assert_eq!(bus.get(OUTPUT, good.len()), good, "silent: {fault}"),
                Err(failure) => {
                    assert_eq!(failure, Failure::Dma(DmaError::DescriptorCorrupt), "{fault}");
                    corrupt += 1;
                }
            }
            assert_eq!(bus.0.borrow().pending_faults(), []);
            lane.reset();
        }
    }
    // Each of the 32 buffer bits of each descriptor at least.
    assert!(corrupt >= 6 * 32, "{corrupt}");
}

/// Heads of noise, which lie in the board's memory, too.
fn logits(bus: &SimBus, params: &PostParams) -> Vec<u8> {
    let logit = |byte: u8| ((f32::from(byte) - 128.0) / 40.0).to_le_bytes();
    let heads: Vec<u8> = noise(params.heads_bytes() / 4).into_iter().flat_map(logit).collect();
    bus.put(INPUT, &heads);
    heads
}

#[test]
fn post_jobs_give_the_models_result() {
    let head = |grid, offset| Head {
        kind: HeadKind::YoloV5,
        grid_w: grid,
        grid_h: grid,
        stride: 64 / grid,
        anchor_count: 2,
        anchors: [(10, 13), (16, 30), (33, 23)],
        offset,
        ..Head::UNUSED
    };
    let mut params = PostParams {
        head_count: 2,
        heads: [head(8, 4096), head(4, 0), head(4, 0), head(4, 0)],
        classes: 3,
        score_threshold: 9000,
        iou_threshold: 30_000,
        class_agnostic: false,
        top_k: 0,
        max_detections: 100,
        width: 64,
        height: 64,
    };
    let bus = SimBus::new(DmaConfig::default());
    let mut lane: Lane<'_, Post> = Lane::new(&bus, MAP.dma_post, PostKernel::new(&bus, MAP.post));
    let heads = logits(&bus, &params);
    let mut scratch = Box::new(PostScratch::new());
    let mut counts = Vec::new();
    for threshold in [9000, 40_000, u16::MAX] {
        params.score_threshold = threshold;
        let mut result = vec![0; params.result_bytes()];
        let header = postprocess(&params, &heads, &mut result, &mut scratch).expect("valid");
        let input = Plan::post_input(&params, INPUT).expect("plan");
        let output = Plan::post_output(&params, OUTPUT).expect("plan");
        let written = lane.run(&params, input, output).expect("job");
        // The packet is as long as the result, not as the buffer.
        assert_eq!(written, 32 + 24 * header.count);
        assert_eq!(bus.get(OUTPUT, written as usize), result[..written as usize]);
        counts.push(header.count);
    }
    assert!(counts[0] > counts[1] && counts[2] == 0, "{counts:?}");
    bus.0.borrow_mut().plant(Fault::StuckTlast(FaultLane::Post));
    let input = Plan::post_input(&params, INPUT).expect("plan");
    let output = Plan::post_output(&params, OUTPUT).expect("plan");
    let stuck = lane.run(&params, input, output);
    assert_eq!(stuck, Err(Failure::Dma(DmaError::StreamMismatch)));
}

#[test]
fn heads_without_anchors_and_the_best_candidates_run_on_the_kernel() {
    let head = |kind, (grid_w, grid_h): (u16, u16), stride, offset| Head {
        kind,
        grid_w,
        grid_h,
        stride,
        anchor_count: 1,
        anchors: [(0, 0); 3],
        offset,
        ..Head::UNUSED
    };
    let params = PostParams {
        head_count: 3,
        heads: [
            head(HeadKind::YoloV8, (8, 8), 8, 8192),
            head(HeadKind::YoloX, (4, 4), 16, 0),
            head(HeadKind::Boxes, (50, 1), 1, 4096),
            Head::UNUSED,
        ],
        classes: 3,
        score_threshold: 9000,
        iou_threshold: 60_000,
        class_agnostic: true,
        top_k: 40,
        max_detections: 100,
        width: 64,
        height: 64,
    };
    let bus = SimBus::new(DmaConfig::default());
    let mut lane: Lane<'_, Post> = Lane::new(&bus, MAP.dma_post, PostKernel::new(&bus, MAP.post));
    let heads = logits(&bus, &params);
    let mut result = vec![0; params.result_bytes()];
    let mut scratch = Box::new(PostScratch::new());
    let header = postprocess(&params, &heads, &mut result, &mut scratch).expect("valid");
    assert!(header.surplus > 0 && header.count > 10, "{header:?}");
    let input = Plan::post_input(&params, INPUT).expect("plan");
    let output = Plan::post_output(&params, OUTPUT).expect("plan");
    let written = lane.run(&params, input, output).expect("job");
    assert_eq!(bus.get(OUTPUT, written as usize), result[..header.result_bytes()]);
}

/// An odd number of bytes, then halves, then words: what the descriptors bring without gaps.
#[test]
fn heads_of_every_element_run_on_the_kernel() {
    let head = |element, (grid_w, grid_h): (u16, u16), offset| Head {
        kind: HeadKind::YoloX,
        grid_w,
        grid_h,
        stride: 8,
        anchor_count: 1,
        offset,
        element,
        // A step of 1/32.
        scale: Scale::from_register(122 << 15),
        zero: -9,
        ..Head::UNUSED
    };
    let params = PostParams {
        head_count: 3,
        heads: [
            head(HeadElement::I8, (7, 5), 4096),
            head(HeadElement::F16, (5, 5), 64),
            head(HeadElement::F32, (8, 8), 8192),
            Head::UNUSED,
        ],
        classes: 2,
        score_threshold: 20_000,
        iou_threshold: 60_000,
        class_agnostic: false,
        top_k: 0,
        max_detections: 100,
        width: 64,
        height: 64,
    };
    assert_eq!(params.heads[0].bytes(2) % 2, 1);
    let bus = SimBus::new(DmaConfig::default());
    let mut lane: Lane<'_, Post> = Lane::new(&bus, MAP.dma_post, PostKernel::new(&bus, MAP.post));
    let mut heads = logits(&bus, &params);
    // f16 of -2 to 2 and some that are not finite, then bytes as they come.
    let noise = noise(8192);
    for (half, noise) in heads[64..4096].as_chunks_mut::<2>().0.iter_mut().zip(&noise) {
        *half = [*noise, noise & 0xbf];
    }
    heads[4096..8192].copy_from_slice(&noise[..4096]);
    bus.put(INPUT, &heads);
    let mut result = vec![0; params.result_bytes()];
    let mut scratch = Box::new(PostScratch::new());
    let header = postprocess(&params, &heads, &mut result, &mut scratch).expect("valid");
    let found: Vec<_> = read_result(&result).expect("a result").1.map(|d| d.index).collect();
    let of = |indices: std::ops::Range<u32>| found.iter().any(|index| indices.contains(index));
    assert!(of(0..35) && of(35..60) && of(60..124), "a detection of each head");
    let input = Plan::post_input(&params, INPUT).expect("plan");
    let output = Plan::post_output(&params, OUTPUT).expect("plan");
    let written = lane.run(&params, input, output).expect("job");
    assert_eq!(bus.get(OUTPUT, written as usize), result[..header.result_bytes()]);
}

#[test]
fn the_length_field_is_measured() {
    for bits in [8, 14, 16, 23, 25, 26] {
        let bus = SimBus::new(DmaConfig { length_bits: bits, ..DmaConfig::default() });
        let mut lane = pre_lane(&bus);
        lane.kernel.hold_reset().expect("reset");
        let mut probe = LengthProbe::new(&mut lane.dma, DESCRIPTORS, INPUT);
        let mut settled = false;
        let found = (0..200).find_map(|_| {
            let step = probe.step(&mut lane.dma, settled).expect("the DMA answers");
            settled = step == ProbeStep::Waiting;
            bus.advance();
            if let ProbeStep::Done(bits) = step { Some(bits) } else { None }
        });
        assert_eq!(found, Some(bits));
        // It is ready for work.
        lane.kernel.release_reset(true);
        let params = small_pre();
        assert_eq!(lane.run_pre(&params), Ok(768));
    }
}

#[test]
fn a_protected_region_is_a_decode_error() {
    let bus = SimBus::new(DmaConfig::default());
    bus.0.borrow_mut().protect(OUTPUT..OUTPUT + 0x1000);
    let mut lane = pre_lane(&bus);
    assert_eq!(lane.run_pre(&small_pre()), Err(Failure::Dma(DmaError::Decode)));
}

#[test]
fn the_gate_captures_and_cancels() {
    let bus = SimBus::new(DmaConfig::default());
    let mut gate = GateDriver::new(&bus, MAP.gate);
    gate.identify().expect("identity");
    let epoch = 9;
    assert_eq!(gate.epoch(), 0);
    gate.reset(epoch, true).expect("reset");
    assert_eq!(gate.epoch(), epoch);
    let delay = 6_000_000_000; // More than 32 bits of nanoseconds.
    assert!(!gate.line_ready());
    gate.configure(delay, 1000);
    let tags: Vec<_> =
        (1..=3).map(|i| bus.0.borrow_mut().trigger(i * 5_000_000_000).expect("room")).collect();
    assert_eq!(bus.0.borrow().irq_lines(), irq::GATE);
    for (i, tag) in tags.iter().enumerate() {
        let trigger = gate.next_trigger().expect("captured");
        let at = (i as u64 + 1) * 5_000_000_000;
        assert_eq!((trigger.tag, trigger.at, trigger.due), (*tag, at, at + delay));
    }
    assert_eq!(gate.next_trigger(), None);
    assert_eq!(bus.0.borrow().irq_lines(), 0);
    bus.0.borrow_mut().advance(15_000_000_001);
    assert_eq!(gate.cancel(tags[2], epoch.wrapping_add(1)), Cancel::WrongEpoch);
    assert_eq!(gate.cancel(tags[2], epoch), Cancel::Cancelled);
    assert_eq!(gate.cancel(999, epoch), Cancel::UnknownTag);
    assert!(matches!(gate.cancel(tags[0], epoch), Cancel::TooLate | Cancel::UnknownTag));
    bus.0.borrow_mut().advance(60_000_000_000);
    let rejected: Vec<_> =
        bus.0.borrow_mut().drain_passages().iter().map(|passage| passage.rejected).collect();
    assert_eq!(rejected, [true, true, false]);
    let counters = gate.counters();
    assert_eq!((counters.rejected, counters.passed, counters.cancelled), (2, 1, 1));
    assert_eq!((counters.wrong_epoch, counters.unready), (1, 0));
    // The logic is loaded anew: the driver begins the next epoch and counts from 0 again.
    bus.0.borrow_mut().reset_pl(60_000_000_000);
    assert_eq!((gate.epoch(), gate.counters()), (0, Default::default()));
    gate.begin_epoch(epoch + 1, true);
    gate.configure(delay, 1000);
    let tag = bus.0.borrow_mut().trigger(61_000_000_000).expect("room");
    assert_eq!(tag, tags[0], "only the epoch tells the two apart");
    assert_eq!(gate.next_trigger().map(|trigger| trigger.number), Some(1));
    assert_eq!(gate.cancel(tag, epoch), Cancel::WrongEpoch);
    assert_eq!(gate.cancel(tag, epoch + 1), Cancel::Cancelled);
}
