//! Kernel drivers and `MmioBus` against plain memory.

mod common;

use common::{Fake, small_pre};
use std::cell::RefCell;
use tandem_drivers::bus::Bus;
use tandem_drivers::kernel::{
    EXPECTED, GateDriver, KernelError, Outcome, PostKernel, PreKernel, look,
};
use tandem_drivers::mmio::{MmioBus, TCM_ALIAS_RPU0};
use tandem_model::post::{Element as HeadElement, Head, HeadKind, PostParams, Scale};
use tandem_model::pre::{Channels, Element, Kernel3, Layout, PixelFormat, PreParams, Resize};
use tandem_regs::pre::CAPS;
use tandem_regs::{gate, post, pre};

const BASE: u32 = 0x2_0000;

fn pre_in_memory() -> Fake {
    let fake = Fake::new();
    fake.poke(BASE, pre::ID.reset());
    fake.poke(BASE + pre::offset::VERSION, pre::VERSION.reset());
    fake.poke(BASE + pre::offset::CAPS, pre::CAPS.reset());
    fake.poke(BASE + pre::offset::HASH, pre::MAP_HASH);
    fake.poke(BASE + pre::offset::CAPACITY, pre::CAPACITY.reset());
    fake
}

#[test]
fn identity_is_checked_and_named() {
    let fake = pre_in_memory();
    let mut kernel = PreKernel::new(&fake, BASE);
    assert_eq!(kernel.identify().map(|identity| identity.map_hash), Ok(pre::MAP_HASH));
    fake.poke(BASE + pre::offset::HASH, 7);
    let hash = KernelError::MapHash { expected: pre::MAP_HASH, found: 7 };
    assert_eq!(kernel.identify(), Err(hash));
    fake.poke(BASE + pre::offset::VERSION, 2 << 16);
    assert_eq!(kernel.identify(), Err(KernelError::Version { found: 2 }));
    fake.poke(BASE, gate::ID.reset());
    let reads = fake.reads.get();
    let id = KernelError::Id { expected: pre::ID.reset(), found: gate::ID.reset() };
    assert_eq!(kernel.identify(), Err(id));
    assert_eq!(fake.reads.get() - reads, 1, "nothing else of a stranger is touched");
    let seen = look(&fake, BASE, pre::ID.reset());
    assert_eq!((seen.id, seen.version, seen.map_hash), (gate::ID.reset(), 0, 0));
    assert_eq!(fake.reads.get() - reads, 2, "by who only looks neither");
    let seen = look(&fake, BASE, gate::ID.reset());
    assert_eq!((seen.version, seen.map_hash), (2 << 16, 7), "what is wrong is told as it is");
    assert_eq!(EXPECTED[0], (pre::ID.reset(), pre::MAP_HASH));
    let text = id.to_string();
    assert!(text.contains("0x30455250") && text.contains("0x30544147"), "{text}");
}

/// Reads back what the driver wrote, as the map says.
fn decode(fake: &Fake) -> (PreParams, [u32; 2]) {
    let mut params = small_pre();
    let word = |offset| fake.peek(BASE + offset);
    let pair = |offset| ((word(offset) & 0xFFFF) as u16, (word(offset) >> 16) as u16);
    let wide = |low, high| u64::from(word(low)) | u64::from(word(high)) << 32;
    use pre::offset as o;
    (params.frame.width, params.frame.height) = pair(o::FRAME_SIZE);
    params.frame.stride = word(o::FRAME_STRIDE);
    (params.crop.x, params.crop.y) = pair(o::CROP_POS);
    (params.crop.w, params.crop.h) = pair(o::CROP_SIZE);
    (params.width, params.height) = pair(o::TENSOR_SIZE);
    (params.content.x, params.content.y) = pair(o::CONTENT_POS);
    (params.content.w, params.content.h) = pair(o::CONTENT_SIZE);
    params.step_x = wide(o::STEP_X_LO, o::STEP_X_HI);
    params.step_y = wide(o::STEP_Y_LO, o::STEP_Y_HI);
    let [c0, c1, c2, _] = word(o::PAD).to_le_bytes();
    params.pad = [c0, c1, c2];
    params.scale = [o::SCALE_0, o::SCALE_1, o::SCALE_2].map(|at| word(at).cast_signed());
    params.offset = [o::OFFSET_0, o::OFFSET_1, o::OFFSET_2].map(|at| word(at).cast_signed());
    params.band_rows = (word(o::FORMAT) >> 16) as u8;
    let output = word(o::OUTPUT);
    params.element = Element::from_u8(output as u8).expect("an element");
    params.channels = Channels::from_u8((output >> 8) as u8).expect("channels");
    params.resize = Resize::from_u8((output >> 16) as u8).expect("a resize");
    let pairs = [o::K0_K1, o::K2_K3, o::K4_K5, o::K6_K7, o::K8];
    let coefficients = || pairs.iter().flat_map(|at| [word(*at) as i16, (word(*at) >> 16) as i16]);
    let nine = |i: usize| coefficients().nth(i).expect("nine of ten");
    params.kernel3 = (output >> 24 & 1 == 1).then(|| Kernel3(std::array::from_fn(nine)));
    (params.lut, params.flat) = (output >> 25 & 1 == 1, output >> 26 & 1 == 1);
    (params, [word(o::FORMAT) & 0xFF, word(o::FORMAT) >> 8 & 0xFF])
}

#[test]
fn parameters_arrive_and_unchanged_ones_are_not_written_again() {
    let fake = pre_in_memory();
    let mut kernel = PreKernel::new(&fake, BASE);
    kernel.identify().expect("identity");
    let mut params = small_pre();
    params.pad = [1, 2, 3];
    params.scale = [-5, 1 << 16, 7];
    params.offset = [-1, 0, i32::MIN];
    params.step_x = 0x1_2345_6789;
    let mut configure = |params: &PreParams| {
        let before = fake.writes.get();
        kernel.configure(params).expect("supported");
        fake.writes.get() - before
    };
    assert_eq!(configure(&params), 20);
    assert_eq!(decode(&fake), (params.clone(), [0, 0]));
    assert_eq!(configure(&params), 0);
    params.crop.x += 2;
    assert_eq!(configure(&params), 1);
    assert_eq!(decode(&fake).0, params);
    kernel.hold_reset().expect("counters are 0");
    kernel.configure(&params).expect("supported");
    assert_eq!(decode(&fake).0, params);
    fake.poke(BASE + pre::offset::CAPS, 0);
    kernel.identify().expect("identity");
    assert_eq!(kernel.configure(&params), Err(KernelError::Unsupported("RGB frames")));
}

#[test]
fn what_a_kernel_lacks_is_named_and_what_it_has_arrives() {
    let fake = pre_in_memory();
    let all = pre::CAPS.reset();
    let plain = small_pre();
    let format = |format: PixelFormat| {
        let mut params = plain.clone();
        params.frame.format = format;
        params
    };
    let filter = Some(Kernel3([-1, 2, -3, 4, i16::MIN, 6, -7, i16::MAX, -9]));
    let cases = [
        (CAPS::RGB8, "RGB frames", plain.clone()),
        (CAPS::NV12, "NV12 frames", format(PixelFormat::Nv12)),
        (CAPS::MONO8, "mono frames", format(PixelFormat::Mono8)),
        (CAPS::YUYV, "YUYV frames", format(PixelFormat::Yuyv)),
        (CAPS::BAYER8, "Bayer frames of 8 bits", format(PixelFormat::BayerGrbg8)),
        (CAPS::BAYER16, "Bayer frames of 10 or 12 bits", format(PixelFormat::BayerBggr12)),
        (CAPS::PLANAR, "planar tensors", plain.clone()),
        (CAPS::AREA, "a resize by area", plain.clone().with_resize(Resize::Area)),
        (CAPS::GREY, "grey tensors", PreParams { channels: Channels::Grey, ..plain.clone() }),
        (CAPS::I8, "tensors of signed bytes", PreParams { element: Element::I8, ..plain.clone() }),
        (CAPS::F16, "tensors of binary16", PreParams { element: Element::F16, ..plain.clone() }),
        (CAPS::KERNEL3, "a 3x3 filter", PreParams { kernel3: filter, ..plain.clone() }),
        (CAPS::LUT, "a sample lookup", PreParams { lut: true, ..plain.clone() }),
        (CAPS::FLAT, "a flat field", PreParams { flat: true, ..plain.clone() }),
    ];
    for (field, what, params) in cases {
        let mut kernel = PreKernel::new(&fake, BASE);
        let bit = field.mask << field.shift;
        fake.poke(BASE + pre::offset::CAPS, all & !bit);
        kernel.identify().expect("identity");
        assert_eq!(kernel.configure(&params), Err(KernelError::Unsupported(what)));
        fake.poke(BASE + pre::offset::CAPS, all | bit);
        kernel.identify().expect("identity");
        kernel.configure(&params).expect("supported");
        let (mut seen, [pixel, _]) = decode(&fake);
        seen.frame.format = PixelFormat::from_u8(pixel as u8).expect("a format");
        assert_eq!(seen, params);
    }
}

#[test]
fn a_planar_band_has_to_fit_the_ring() {
    let fake = pre_in_memory();
    let params = PreParams { band_rows: 3, layout: Layout::Planar, ..small_pre() };
    let row = u32::from(params.content.w).div_ceil(4);
    let configure = |words: u32, params: &PreParams| {
        fake.poke(BASE + pre::offset::CAPACITY, words | 4 << 24);
        let mut kernel = PreKernel::new(&fake, BASE);
        kernel.identify().expect("identity");
        kernel.configure(params)
    };
    assert_eq!(configure(3 * row, &params), Ok(()));
    let refused = Err(KernelError::Unsupported("planar bands as large as this"));
    assert_eq!(configure(3 * row - 1, &params), refused);
    assert_eq!(configure(0, &params), refused);
    // One plane flows through.
    let grey = PreParams { channels: Channels::Grey, ..params.clone() };
    assert_eq!(configure(0, &grey), Ok(()));
    let interleaved = PreParams { layout: Layout::Interleaved, ..params };
    assert_eq!(configure(0, &interleaved), Ok(()));
}

#[test]
fn a_kernel_that_lacks_a_decoder_is_not_given_its_heads() {
    let fake = Fake::new();
    fake.poke(BASE, post::ID.reset());
    fake.poke(BASE + post::offset::VERSION, post::VERSION.reset());
    fake.poke(BASE + post::offset::HASH, post::MAP_HASH);
    let cases = [
        (HeadKind::YoloV3, post::CAPS::YOLOV3, "YOLOv3 heads"),
        (HeadKind::YoloV5, post::CAPS::YOLOV5, "YOLOv5 heads"),
        (HeadKind::YoloV8, post::CAPS::YOLOV8, "YOLOv8 heads"),
        (HeadKind::YoloX, post::CAPS::YOLOX, "YOLOX heads"),
        (HeadKind::Boxes, post::CAPS::BOXES, "decoded boxes"),
    ];
    let mut params = PostParams {
        head_count: 1,
        heads: [Head { grid_w: 1, grid_h: 1, stride: 1, anchor_count: 1, ..Head::UNUSED }; 4],
        classes: 1,
        score_threshold: 1,
        iou_threshold: 1,
        class_agnostic: false,
        top_k: 0,
        max_detections: 1,
        width: 8,
        height: 8,
    };
    fake.poke(BASE + post::offset::CAPACITY, 3 | 2 << 16);
    let configure = |caps: u32, params: &PostParams| {
        fake.poke(BASE + post::offset::CAPS, caps);
        let mut kernel = PostKernel::new(&fake, BASE);
        kernel.identify().expect("identity");
        kernel.configure(params)
    };
    for (kind, field, what) in cases {
        params.heads[0] = Head { kind, anchors: [(8, 8); 3], ..params.heads[0] };
        params.top_k = 0;
        let without = post::CAPS.reset() & !(field.mask << field.shift);
        assert_eq!(configure(without, &params), Err(KernelError::Unsupported(what)));
        assert_eq!(configure(post::CAPS.reset(), &params), Ok(()));
        // As many cells as the build holds, and one more.
        let room = if kind == HeadKind::YoloV8 { 2 } else { 3 };
        params.heads[0].grid_w = room;
        assert_eq!(configure(post::CAPS.reset(), &params), Ok(()));
        params.heads[0].grid_w = room + 1;
        let large = KernelError::Unsupported("that large a grid");
        assert_eq!(configure(post::CAPS.reset(), &params), Err(large));
        params.heads[0].grid_w = 1;
        params.top_k = 9;
        let field = post::CAPS::TOP_K;
        let without = post::CAPS.reset() & !(field.mask << field.shift);
        let best = KernelError::Unsupported("the best K candidates");
        assert_eq!(configure(without, &params), Err(best));
    }
}

#[test]
fn a_kernel_that_lacks_an_element_is_not_given_its_heads() {
    let fake = Fake::new();
    fake.poke(BASE, post::ID.reset());
    fake.poke(BASE + post::offset::VERSION, post::VERSION.reset());
    fake.poke(BASE + post::offset::HASH, post::MAP_HASH);
    fake.poke(BASE + post::offset::CAPACITY, u32::MAX);
    let scale = Scale::from_register(120 << 15 | 77);
    let head = Head {
        kind: HeadKind::YoloX,
        grid_w: 1,
        grid_h: 1,
        stride: 1,
        anchor_count: 1,
        scale,
        zero: -2,
        ..Head::UNUSED
    };
    let mut params = PostParams {
        head_count: 1,
        heads: [head; 4],
        classes: 1,
        score_threshold: 1,
        iou_threshold: 1,
        class_agnostic: false,
        top_k: 0,
        max_detections: 1,
        width: 8,
        height: 8,
    };
    let configure = |caps: u32, params: &PostParams| {
        fake.poke(BASE + post::offset::CAPS, caps);
        let mut kernel = PostKernel::new(&fake, BASE);
        kernel.identify().expect("identity");
        kernel.configure(params)
    };
    let fields = [post::CAPS::F16, post::CAPS::I8].map(|field| field.mask << field.shift);
    let none = post::CAPS.reset() & !(fields[0] | fields[1]);
    assert_eq!(configure(none, &params), Ok(()), "f32 is always there");
    for (element, field) in [(HeadElement::F16, fields[0]), (HeadElement::I8, fields[1])] {
        params.heads[0].element = element;
        let without = post::CAPS.reset() & !field;
        let refused = KernelError::Unsupported("that element");
        assert_eq!(configure(without, &params), Err(refused));
        assert_eq!(configure(none | field, &params), Ok(()));
        let config = fake.peek(BASE + post::offset::H0_CONFIG);
        assert_eq!(post::HEAD_CONFIG::ELEMENT.read(config), element as u32);
    }
    let quant = fake.peek(BASE + post::offset::H0_QUANT);
    assert_eq!(quant, scale.register() | 0xfe00_0000);
}

#[test]
fn job_counter_and_reset() {
    let fake = pre_in_memory();
    let mut kernel = PreKernel::new(&fake, BASE);
    kernel.release_reset(true);
    assert_eq!(fake.peek(BASE + pre::offset::CTRL), 1);
    kernel.start(41);
    assert_eq!(fake.peek(BASE + pre::offset::START), 41);
    fake.poke(BASE + pre::offset::DONE, 41);
    for (code, outcome) in [
        (0, Outcome::Ok),
        (1, Outcome::RefusedParams),
        (2, Outcome::TooManyCandidates),
        (3, Outcome::ShortInput),
        (9, Outcome::Unknown(9)),
    ] {
        fake.poke(BASE + pre::offset::STATUS, code);
        assert_eq!((kernel.done(), kernel.outcome()), (41, outcome));
    }
    kernel.acknowledge(41);
    assert_eq!(fake.peek(BASE + pre::offset::ACK), 41);
    assert_eq!(kernel.hold_reset(), Err(KernelError::Reset), "DONE survived");
}

#[test]
fn gate_goes_on_where_the_firmware_left_it() {
    let fake = Fake::new();
    for (at, value) in [
        (gate::offset::ID, gate::ID.reset()),
        (gate::offset::VERSION, gate::VERSION.reset()),
        (gate::offset::HASH, gate::MAP_HASH),
        (gate::offset::TRIG_COUNT, 0),
        (gate::offset::TRIG_ACK, u32::MAX),
        (gate::offset::TRIG_TAG, 77),
        (gate::offset::TRIG_AT_HI, 1),
        (gate::offset::CANCEL_GO, 9),
        (gate::offset::CANCEL_RESULT, 2),
    ] {
        fake.poke(BASE + at, value);
    }
    let mut driver = GateDriver::new(&fake, BASE);
    driver.identify().expect("identity");
    // The counter has wrapped.
    let trigger = driver.next_trigger().expect("one is waiting");
    assert_eq!((trigger.number, trigger.tag, trigger.at), (0, 77, 1 << 32));
    assert_eq!(fake.peek(BASE + gate::offset::TRIG_ACK), 0);
    assert_eq!(driver.next_trigger(), None);
    assert_eq!(driver.cancel(77, 3), tandem_drivers::kernel::Cancel::TooLate);
    assert_eq!(fake.peek(BASE + gate::offset::CANCEL_GO), 10, "a new value");
    assert_eq!(fake.peek(BASE + gate::offset::CANCEL_EPOCH), 3);
}

#[test]
fn mmio_reaches_memory_and_translates_tcm() {
    let mut words = [0_u32; 4];
    let offset = words.as_mut_ptr().expose_provenance();
    // SAFETY: addresses 0 to 12 are the array, which outlives the bus and is not borrowed.
    let bus = unsafe { MmioBus::new(offset, Some(TCM_ALIAS_RPU0)) };
    bus.write32(4, 0xA5A5_0001);
    bus.dma_wmb();
    bus.dma_rmb();
    assert_eq!((bus.read32(4), bus.read32(8)), (0xA5A5_0001, 0));
    assert_eq!(words, [0, 0xA5A5_0001, 0, 0]);
    assert_eq!(bus.bus_addr(0x100), 0xFFE0_0100);
    assert_eq!(bus.bus_addr(0x2_0000), 0xFFE2_0000);
    assert_eq!(bus.bus_addr(0x4000_0000), 0x4000_0000);
}

#[test]
fn gate_that_was_reset_under_the_firmware_does_not_hold_it() {
    let fake = Fake::default();
    for (offset, value) in [
        (gate::offset::ID, gate::ID.reset()),
        (gate::offset::VERSION, gate::VERSION.reset()),
        (gate::offset::HASH, gate::MAP_HASH),
        (gate::offset::TRIG_COUNT, 100),
        (gate::offset::TRIG_ACK, 100),
    ] {
        fake.poke(BASE + offset, value);
    }
    let mut driver = GateDriver::new(&fake, BASE);
    driver.identify().expect("the gate");
    for count in [0, 33] {
        // The count fell back to 0, then ran further ahead than the window goes back.
        fake.poke(BASE + gate::offset::TRIG_COUNT, count);
        assert_eq!(driver.next_trigger(), None);
        assert_eq!(fake.peek(BASE + gate::offset::TRIG_ACK), count, "the line goes low");
    }
    fake.poke(BASE + gate::offset::TRIG_COUNT, 34);
    assert_eq!(driver.next_trigger().map(|trigger| trigger.number), Some(34));
}

#[test]
fn the_gates_clock_is_taken_from_a_sharp_comparison() {
    use gate::offset as at;
    let fake = Fake::new();
    let read = |fresh: bool, looks: &[u64]| {
        let mut gate = GateDriver::new(&fake, BASE);
        fake.poke(BASE + at::SAMPLE_TIME_LO, 1000);
        let looks = RefCell::new(looks.iter().copied());
        gate.synchronise(fresh, || looks.borrow_mut().next().expect("no further look"));
        assert_eq!(looks.borrow().len(), 0, "it looked less often");
        // A trigger shows what the clocks differ by.
        fake.poke(BASE + at::TRIG_COUNT, 1);
        fake.poke(BASE + at::TRIG_AT_LO, 1500);
        gate.next_trigger().expect("a trigger").at
    };
    let dull = 20_001;
    assert_eq!(read(true, &[7000, 7100]), 7500);
    assert_eq!(read(true, &[0, dull, 30_000, 30_000 + dull, 90_000, 90_000]), 90_500);
    // Four dull ones after a load: better than none.
    let looks = [0, dull, 30_000, 60_000, 70_000, 99_000, 200_000, 300_000];
    assert_eq!(read(true, &looks), 200_500);
    // Now and then: one look, and a dull one changes nothing.
    assert_eq!(read(false, &[7000, 7000 + dull - 1]), 7500);
    assert_eq!(read(false, &[7000, 7000 + dull]), 1500);
}

/// Rows of a band that a kernel with `words` words of eight pixels makes of `asked`.
fn eased(words: u32, layout: Layout, width: u16, asked: u8) -> u8 {
    let fake = pre_in_memory();
    fake.poke(BASE + pre::offset::CAPACITY, words | 8 << 24);
    let mut kernel = PreKernel::new(&fake, BASE);
    kernel.identify().expect("known");
    let mut params = small_pre();
    (params.layout, params.band_rows, params.content.w) = (layout, asked, width);
    kernel.ease(&mut params);
    params.band_rows
}

#[test]
fn bands_grow_to_half_the_ring_in_multiples_of_what_was_asked() {
    // 416 pixels are 52 words; 4096 words hold 39 rows in their half, and 32 is the most.
    assert_eq!(eased(4096, Layout::Planar, 416, 8), 32);
    assert_eq!(eased(4096, Layout::Planar, 640, 8), 24);
    assert_eq!(eased(4096, Layout::Planar, 640, 25), 25);
    assert_eq!(eased(1024, Layout::Planar, 640, 5), 5);
    // What was asked for is never made smaller: that the kernel refuses it is its own affair.
    assert_eq!(eased(1024, Layout::Planar, 640, 8), 8);
    assert_eq!(eased(0, Layout::Planar, 640, 8), 8);
    // Nothing waits for other planes.
    assert_eq!(eased(0, Layout::Interleaved, 640, 5), 30);
}
