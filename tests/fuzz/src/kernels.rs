//! The kernels' models on any parameters and any data, and the results that the agent reads.

use std::cell::RefCell;
use std::path::Path;

use tandem_agent::control::KernelSpec;
use tandem_agent::kernel::run_on_model;
use tandem_drivers::dma::{Limits, Plan};
use tandem_model::post::{
    Detection, Element, Head, HeadKind, MAX_DETECTIONS, PostError, PostParams, PostScratch,
    ResultHeader, Scale, postprocess, read_result,
};
use tandem_model::pre::{Frame, Layout, MAX_PACKETS, PixelFormat, PreParams, Rect, packets};

use crate::input::Input;

/// Largest input or output of a run: the fuzzer wants many runs, not long ones.
const MAX_BYTES: usize = 1 << 16;

/// Any values in every field of either kernel's parameters (as the control protocol carries them),
/// then data. What is valid must run, and the firmware's plan for it must cover its bytes.
pub fn kernel_params(bytes: &[u8]) -> bool {
    if let [0x80..=0xff, rest @ ..] = bytes {
        return letterbox(rest);
    }
    let Ok((spec, data)) = postcard::take_from_bytes::<KernelSpec>(bytes) else { return false };
    run(&spec, data)
}

fn run(spec: &KernelSpec, data: &[u8]) -> bool {
    if spec.validate().is_err() {
        assert!(run_on_model(spec, data).is_err());
        return false;
    }
    plans(spec);
    if spec.input_bytes() > MAX_BYTES || spec.output_bytes() > MAX_BYTES {
        return true;
    }
    let input = Input(data).repeated(spec.input_bytes());
    match run_on_model(spec, &input) {
        Ok(output) => assert!(output.len() <= spec.output_bytes()),
        Err(error) => assert_eq!(error.code, "kernel_refused"),
    }
    true
}

/// What the firmware makes of valid parameters, at an address that lets buffers end at the top.
fn plans(spec: &KernelSpec) {
    let limits = Limits { length_bits: 14, alignment: 1 };
    let (input, output) = (spec.input_bytes(), spec.output_bytes());
    let base = |bytes: usize| (1u64 << 32).saturating_sub(bytes as u64).min(0xffff_0000) as u32;
    let check = |plan: Plan, base: u32, bytes: usize| {
        let mut count = 0;
        for segment in plan.segments(limits).take(1 << 12) {
            assert!(segment.bytes > 0 && segment.addr >= base);
            assert!(u64::from(segment.addr - base) + u64::from(segment.bytes) <= bytes as u64);
            count += 1;
        }
        assert!(count == plan.descriptors(limits) || count == 1 << 12);
        assert!(plan.packets() <= MAX_PACKETS);
    };
    match spec {
        KernelSpec::Pre(params) => {
            let plan = Plan::pre_input(params, base(input)).expect("the frame ends at the top");
            check(plan, base(input), input);
            let plan = Plan::pre_output(params, base(output)).expect("so does the tensor");
            check(plan, base(output), output);
            let sent: usize = packets(params).map(|(_, len)| len).sum();
            assert_eq!(sent, params.tensor_bytes());
        }
        KernelSpec::Post(params) => {
            let plan = Plan::post_input(params, base(input)).expect("the heads end at the top");
            check(plan, base(input), input);
            let plan = Plan::post_output(params, base(output)).expect("so does the result");
            check(plan, base(output), output);
        }
    }
}

/// A letterbox of any frame and crop is either refused or valid.
fn letterbox(bytes: &[u8]) -> bool {
    let mut input = Input(bytes);
    let flags = input.byte();
    let format = PixelFormat::ALL[usize::from(flags >> 2) % PixelFormat::ALL.len()];
    let format = if flags & 1 == 0 { format } else { PixelFormat::Nv12 };
    let layout = if flags & 2 == 0 { Layout::Planar } else { Layout::Interleaved };
    let frame = Frame { format, width: input.half(), height: input.half(), stride: input.word() };
    let [x, y, w, h] = [0; 4].map(|_| input.half());
    let (width, height) = (input.half(), input.half());
    let crop = Rect { x, y, w, h };
    match PreParams::letterbox(frame, crop, width, height, [114; 3], layout) {
        Ok(params) => run(&KernelSpec::Pre(params), input.0),
        Err(_) => false,
    }
}

/// `agentctl kernel run SPEC.json`.
pub fn kernel_spec(bytes: &[u8]) -> bool {
    match tandem_agentctl::command::parse_kernel_spec(Path::new("spec.json"), bytes) {
        Ok(spec) => run(&spec, bytes),
        Err(error) => {
            assert!(error.to_string().contains("spec.json"), "{error}");
            false
        }
    }
}

/// Any numbers in the heads, under parameters that are valid.
pub fn post_heads(bytes: &[u8]) -> bool {
    thread_local! {
        static SCRATCH: RefCell<Box<PostScratch>> = RefCell::default();
    }
    let mut input = Input(bytes);
    let params = valid_post(&mut input);
    let heads = input.repeated(params.heads_bytes());
    let mut result = vec![0xaa; params.result_bytes()];
    let ran = SCRATCH.with_borrow_mut(|s| postprocess(&params, &heads, &mut result, s));
    let header = match ran {
        Ok(header) => header,
        Err(error) => {
            assert_eq!((error, params.top_k), (PostError::TooManyCandidates, 0));
            assert!(result.iter().all(|byte| *byte == 0xaa), "written on an error");
            return false;
        }
    };
    let (read, detections) = read_result(&result).expect("a kernel's result can be read");
    assert_eq!(read, header);
    check_detections(&params, &header, &detections.collect::<Vec<_>>());
    header.count > 0
}

fn valid_post(input: &mut Input<'_>) -> PostParams {
    let (width, height) = (1 + input.half() % 8192, 1 + input.half() % 8192);
    let classes = 1 + u16::from(input.byte() % 8);
    let head_count = 1 + input.byte() % 4;
    let mut heads = [Head::UNUSED; 4];
    let mut offset = 0;
    for head in &mut heads[..usize::from(head_count)] {
        let stride = 1 + input.half() % 1024;
        let fits = |wish: u8, side: u16| u16::from(1 + wish % 8).min(side.div_ceil(stride));
        let mut anchor = || 1 + input.half() % 8192;
        let anchors = [0; 3].map(|_| (anchor(), anchor()));
        let flags = input.byte();
        let what = input.byte();
        let kind = HeadKind::from_u8(what % 5).expect("a kind");
        let element = Element::from_u8(what / 5 % 3).expect("an element");
        let (scale, zero) = match element {
            Element::I8 => {
                let exponent = 1 + u32::from(input.half() % 246);
                let fraction = u32::from(input.half() & 0x7fff);
                (Scale::from_register(exponent << 15 | fraction), input.byte() as i8)
            }
            _ => (Scale::ONE, 0),
        };
        *head = Head {
            kind,
            grid_w: fits(flags >> 1, width),
            grid_h: fits(flags >> 4, height),
            stride: if kind == HeadKind::Boxes { 1 } else { stride },
            anchor_count: if kind.has_anchors() { 1 + (flags >> 6) % 3 } else { 1 },
            anchors,
            offset,
            element,
            scale,
            zero,
        };
        offset += head.bytes(classes).next_multiple_of(64) as u32;
    }
    let flags = input.byte();
    let top_k = [0, 0, 1 + input.half() % 8, 4096][usize::from(flags >> 6)];
    let params = PostParams {
        head_count,
        heads,
        classes,
        score_threshold: input.half(),
        iou_threshold: input.half(),
        class_agnostic: flags & 1 == 1,
        top_k,
        max_detections: 1 + u16::from(flags >> 1),
        width,
        height,
    };
    assert_eq!(params.validate(), Ok(()));
    params
}

fn check_detections(params: &PostParams, header: &ResultHeader, detections: &[Detection]) {
    assert!(detections.len() <= usize::from(params.max_detections));
    assert!(header.count + header.cut + header.surplus <= header.candidates);
    let entered = header.candidates - header.surplus;
    assert!(params.top_k == 0 || entered <= u32::from(params.top_k));
    assert!(header.surplus == 0 || entered == u32::from(params.top_k));
    let [right, bottom] = [params.width, params.height].map(|side| i32::from(side) << 8);
    for d in detections {
        assert!(0 <= d.x1 && d.x1 <= d.x2 && d.x2 <= right, "{d:?}");
        assert!(0 <= d.y1 && d.y1 <= d.y2 && d.y2 <= bottom, "{d:?}");
        assert!(d.class < params.classes && d.score >= params.score_threshold, "{d:?}");
    }
    let order = |d: &Detection| (std::cmp::Reverse(d.score), d.index);
    assert!(detections.is_sorted_by(|a, b| order(a) < order(b)), "best first");
}

/// A result slot as the programmable logic, or anybody, left it.
pub fn result(bytes: &[u8]) -> bool {
    let Ok((header, detections)) = read_result(bytes) else { return false };
    assert!(header.count as usize <= MAX_DETECTIONS && header.result_bytes() <= bytes.len());
    assert_eq!(detections.len(), header.count as usize);
    let written: Vec<u8> = detections.flat_map(Detection::to_bytes).collect();
    assert_eq!(written, bytes[32..header.result_bytes()]);
    true
}
