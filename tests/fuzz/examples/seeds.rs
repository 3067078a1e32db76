//! Writes the seeds that are made from values of this build. To be run after a message, a register
//! or the layout of a target's input changed; the other seeds are plain files.

use std::{fs, path::Path};

use serde::Serialize;
use tandem_agent::control::{ImageRequest, KernelSpec, Request, Response, frame};
use tandem_agent::firmware::Bundle;
use tandem_agent::ingest::raw_header;
use tandem_agent::serial::wire::{self, PART_BYTES, Part};
use tandem_fixture::camera::{Format, Pattern};
use tandem_link::console::{Answer, Counters, FRAME_BYTES, Page, Request as Ask, Test, encode};
use tandem_link::message::{FromPeer, JobStatus, PreJob, SlotRef, Stamps, ToPeer, Work};
use tandem_model::post::{Detection, Element, Head, HeadKind, PostParams, Scale};
use tandem_model::pre::{Frame, Layout, PreParams, packets};
use tandem_regs::pre::offset;
use tandem_worker::protocol::{
    ENTRY_BYTES, FromWorker, Hello, Identity, ModelName, Refusal, Status, ToWorker, note,
};

fn main() {
    messages();
    line();
    worker();
    kernels();
    outputs();
    images();
    block();
    bitstreams();
    save("simulator", "ok-pre", &pre_job());
    slots();
    console();
    rpu_images();
    pictures();
}

fn slots() {
    let mut record = tandem_slots::Record::fresh(50 << 20, [0xA5; 32]);
    let first = record.encode();
    record.sequence += 1;
    record.active = tandem_slots::Slot::B;
    *record.entry_mut(tandem_slots::Slot::B) =
        tandem_slots::Entry { tries: 3, good: false, length: 1, hash: [7; 32] };
    let second = record.encode();
    save("slot_record", "ok-both", &[first, second].concat());
    let mut torn = second;
    torn[64..].copy_from_slice(&first[64..]);
    save("slot_record", "torn", &[first, torn].concat());
}

/// A session on the maintenance line, byte by byte.
fn console() {
    let line = |frames: &[Vec<u8>]| -> Vec<u8> {
        frames.concat().iter().flat_map(|byte| [0, *byte]).collect()
    };
    let read = Ask::Read { page: Page::Crash, offset: 128, count: 64 };
    let asks = [console_frame(1, &Ask::Info), console_frame(2, &read)];
    save("console", "ok-requests", &line(&asks));
    let test = console_frame(3, &Ask::Run(Test::Timer));
    let counters = Counters { requests: 3, garbage: u32::MAX, ..Counters::default() };
    let answers = [
        test,
        console_frame(3, &Answer::Bytes(&[0, 1, 0xFF])),
        console_frame(4, &Answer::Counters(counters)),
    ];
    save("console", "ok-answers", &line(&answers));
    let noise = [b"login:".to_vec(), console_frame(9, &Ask::Counters)];
    save("console", "noise-before", &line(&noise));
    save("console", "ok-sealed", &[1, 7, 0, 1, 2]);
}

fn console_frame(number: u16, message: &impl Serialize) -> Vec<u8> {
    let mut frame = [0; FRAME_BYTES];
    let used = encode(number, message, &mut frame).expect("it is short");
    frame[..used].to_vec()
}

/// Images of one and of two segments at the given addresses, 16 bytes each.
fn rpu_images() {
    save("rpu_image", "ok-one", &elf(40, &[0x100]));
    save("rpu_image", "ok-two", &elf(40, &[0x2_0000, 0]));
    save("rpu_image", "overlap", &elf(40, &[8, 0]));
    save("rpu_image", "outside", &elf(40, &[0x7_FFF8]));
    save("rpu_image", "arm64", &elf(183, &[0]));
    save("rpu_image", "cut", &elf(40, &[0])[..0x50]);
}

fn elf(machine: u16, segments: &[u32]) -> Vec<u8> {
    let segments: Vec<_> = segments.iter().map(|address| (*address, 16)).collect();
    tandem_link::image::made::elf(machine, &segments)
}

/// Patterns as files and as rows; the first byte says how they are to be read.
fn pictures() {
    let bars = Pattern::Bars.picture(Format::Rgb8, 40, 16);
    let file = bars.to_png().expect("a PNG");
    save("picture", "ok-bars", &[&[0], &file[..]].concat());
    save("picture", "kind", &[&[1], &file[..]].concat());
    save("picture", "cut", &[&[0], &file[..file.len() / 2]].concat());
    let ramp = Pattern::Ramp.picture(Format::Bayer8, 32, 16);
    // Rows of a mosaic; then sides and stride.
    let sides = [130, 32, 0, 16, 0, 32, 0, 0, 0];
    save("picture", "ok-rows", &[&sides, &ramp.bytes[..]].concat());
    save("picture", "short-rows", &[&sides, &ramp.bytes[1..]].concat());
}

fn save(target: &str, name: &str, bytes: &[u8]) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
    fs::create_dir_all(&dir).expect("the folder can be made");
    fs::write(dir.join(name), bytes).expect("the seed can be written");
}

fn pre_params() -> PreParams {
    let frame = Frame::rgb8(9, 7);
    let params = PreParams::letterbox(frame, frame.full(), 8, 8, [1; 3], Layout::Planar);
    PreParams { band_rows: 8, ..params.expect("good parameters") }
}

fn post_params() -> PostParams {
    let head = Head {
        kind: HeadKind::YoloV5,
        grid_w: 3,
        grid_h: 2,
        stride: 8,
        anchor_count: 2,
        anchors: [(8, 8); 3],
        offset: 0,
        ..Head::UNUSED
    };
    PostParams {
        head_count: 1,
        heads: [head, Head::UNUSED, Head::UNUSED, Head::UNUSED],
        classes: 2,
        score_threshold: 10_000,
        iou_threshold: 30_000,
        class_agnostic: true,
        top_k: 3,
        max_detections: 5,
        width: 24,
        height: 16,
    }
}

/// Ring entries and control frames.
fn messages() {
    let entry = |message: &dyn Fn() -> Vec<u8>| {
        let bytes = message();
        [&(bytes.len() as u32).to_le_bytes()[..], &bytes].concat()
    };
    let slot = |index| SlotRef { index, generation: 7 };
    let job = PreJob { frame: slot(0), tensor: slot(1), params: pre_params() };
    let job = ToPeer::Job { id: 1, deadline: 1 << 40, work: Work::Pre(job) };
    save("link_messages", "ok-job", &entry(&|| postcard(&job)));
    let done = FromPeer::Done {
        id: 1,
        status: JobStatus::KernelHung,
        stamps: Stamps { received: 1, started: 1 << 20, finished: u64::MAX },
        written: 192,
    };
    save("link_messages", "ok-done", &entry(&|| postcard(&done)));
    save("link_messages", "no-length", &[0xfd, 0, 0, 0, 3, 1]);

    let image = ImageRequest { name: "a".into(), bytes: vec![9; 5].into(), ..Default::default() };
    let spec = KernelSpec::Post(post_params());
    let requests = [
        Request::Hello { protocol: 1, client: "fuzz".into() },
        Request::Inspect(image),
        Request::RecipeCheck { file: "r.toml".into(), text: "model = \"m/1\"".into() },
        Request::Kernel { spec, input: vec![0; 4].into() },
        Request::PolicyApply { file: "p.yaml".into(), text: "name: p".into() },
    ];
    let frames: Vec<u8> =
        requests.iter().flat_map(|r| frame::encode(r).expect("it fits")).collect();
    save("control", "ok-requests", &frames);
    let bundle =
        Bundle { file: "m".into(), manifest: "schema = 1".into(), image: vec![1, 2].into() };
    let care = [
        Request::FirmwareInfo,
        Request::FirmwareCheck(bundle.clone()),
        Request::FirmwareUpdate(bundle),
        Request::BitstreamList,
        Request::BitstreamCurrent,
        Request::BitstreamCheck("detect".into()),
        Request::BitstreamLoad("detect".into()),
        Request::BoardInfo,
    ];
    let frames: Vec<u8> = care.iter().flat_map(|r| frame::encode(r).expect("it fits")).collect();
    save("control", "ok-care", &frames);
    let error = tandem_agent::api::ApiError::new("code", "field", "message");
    let responses = [Response::Progress(1, 2), Response::Done, Response::Error(error)];
    let frames: Vec<u8> =
        responses.iter().flat_map(|r| frame::encode(r).expect("it fits")).collect();
    save("control", "ok-responses", &frames);
    save("control", "no-length", &[0xff, 0xff, 0xff, 0x7f, 0]);
}

fn postcard(value: &impl Serialize) -> Vec<u8> {
    postcard::to_allocvec(value).expect("memory suffices")
}

/// What a client and an agent say on a serial line; the first byte says how the line cuts it.
fn line() {
    let frames = |cut: u8, parts: &[(u16, Part<'_>)]| {
        let mut bytes = vec![cut];
        for (number, part) in parts {
            wire::encode(*number, part, &mut bytes).expect("it fits");
        }
        bytes
    };
    let client = [
        (7, Part::Open { protocol: wire::PROTOCOL }),
        (7, Part::Data { at: 0, bytes: &[9; PART_BYTES] }),
        (7, Part::Data { at: 300, bytes: b"early" }),
        (7, Part::Ack { next: 100, room: 2048, gap: false }),
        (7, Part::Ack { next: 100, room: 2048, gap: true }),
        (7, Part::End { at: 224 }),
        (8, Part::Data { at: 0, bytes: &[] }),
    ];
    let agent = [
        (7, Part::Opened { protocol: wire::PROTOCOL }),
        (7, Part::Data { at: 0, bytes: b"answer" }),
        (7, Part::Ack { next: 50, room: 0, gap: false }),
        (7, Part::End { at: 6 }),
        (7, Part::Gone),
    ];
    save("agent_line", "ok-client", &frames(64, &client));
    save("agent_line", "ok-agent", &frames(5, &agent));
    let mut damaged = frames(64, &client);
    damaged[20] ^= 1;
    save("agent_line", "no-crc", &damaged);
    save("agent_line", "no-end", &[3, 0, 1, 2]);
}

/// A session of a client and a worker, one after the other.
fn worker() {
    let identity = Identity {
        model: ModelName::try_from("m/1").expect("it is short"),
        weights: [7; 32],
        interface: [9; 32],
        tensor_bytes: 3072,
        heads_bytes: 1120,
    };
    let hello = |epoch| Hello { version: 1, epoch, credits: 2, identity: identity.clone() };
    let (epoch, id, bytes, crc) = (5, 1, 3072, 0x1234_5678);
    let client = [
        ToWorker::Hello(hello(5)),
        ToWorker::Submit { epoch: 6, id, left_ns: 1 << 31, bytes, crc },
        ToWorker::Heartbeat { epoch: 6 },
    ];
    let worker = [
        FromWorker::Hello(hello(6)),
        FromWorker::Engine(note("rten, CPU, 2 threads")),
        FromWorker::Done { epoch, id, status: Status::Ok, engine_ns: 1 << 25, bytes, crc },
        FromWorker::Done {
            epoch,
            id,
            status: Status::Failed(note("no")),
            engine_ns: 1,
            bytes: 0,
            crc,
        },
        FromWorker::Credit { epoch, total: 3 },
        FromWorker::Refused(Refusal::Model(identity.clone())),
        FromWorker::Refused(Refusal::Size { have: 1, need: 3072 }),
    ];
    let entries =
        |first: u8, entries: &[[u8; ENTRY_BYTES]]| [&[first][..], &entries.concat()].concat();
    let client = client.map(|message| entry_of(&message));
    save("worker_messages", "ok-client", &entries(0, &client));
    save("worker_messages", "ok-worker", &entries(1, &worker.map(|message| entry_of(&message))));
    save("worker_messages", "no-magic", &entries(0, &[[0; ENTRY_BYTES]]));
    save("worker_messages", "no-length", &entries(1, &[[0xff; ENTRY_BYTES]]));
}

fn entry_of(message: &impl Serialize) -> [u8; ENTRY_BYTES] {
    let mut entry = [0; ENTRY_BYTES];
    tandem_worker::protocol::encode(message, &mut entry);
    entry
}

/// Parameters, specifications, heads and a result.
fn kernels() {
    let pre = KernelSpec::Pre(pre_params());
    let post = KernelSpec::Post(post_params());
    let chroma = Frame::nv12(8, 4);
    let nv12 = PreParams::letterbox(chroma, chroma.full(), 6, 6, [7; 3], Layout::Interleaved);
    let nv12 = KernelSpec::Pre(nv12.expect("good parameters"));
    for (name, spec) in [("ok-pre", pre), ("ok-post", post), ("ok-nv12", nv12)] {
        save("kernel_params", name, &[postcard(&spec), vec![1, 90, 200]].concat());
    }
    let text = serde_json::json!({ "kernel": "pre", "params": pre_params() });
    save("kernel_spec", "ok-pre", text.to_string().as_bytes());
    let text = serde_json::json!({ "kernel": "post", "params": post_params() });
    save("kernel_spec", "ok-post", text.to_string().as_bytes());
    save("kernel_spec", "no-kernel", br#"{"kernel":"mid","params":{}}"#);

    for (kind, name) in (0..).zip(["ok-v3", "ok-v5", "ok-v8", "ok-x", "ok-boxes"]) {
        save("post_heads", name, &heads_of(&[kind]));
    }
    // YOLOv5 of f16; of i8 with a step of 1/32 and a zero.
    save("post_heads", "ok-f16", &heads_of(&[5 + 1]));
    save("post_heads", "ok-i8", &heads_of(&[10 + 1, 121, 0, 0, 0, 3]));
    let mut narrow = post_params();
    narrow.heads[0].element = Element::I8;
    narrow.heads[0].scale = Scale::from_f32_bits(0.05f32.to_bits()).expect("a scale");
    let text = serde_json::json!({ "kernel": "post", "params": narrow });
    save("kernel_spec", "ok-post-i8", text.to_string().as_bytes());
    narrow.heads[0].scale = Scale::from_register(0);
    save("kernel_params", "no-scale", &postcard(&KernelSpec::Post(narrow)));
    let detection = Detection { x1: 1, y1: 2, x2: 300, y2: 400, score: 9, class: 1, index: 3 };
    let header: Vec<u8> =
        [1u32, 2, 0, 0, 0, 0, 0, 0].iter().flat_map(|word| word.to_le_bytes()).collect();
    save("result", "ok-one", &[&header[..], &detection.to_bytes()].concat());
    save("result", "no-detection", &header);
}

/// One head of 3 by 2 cells and two classes, see `tandem_fuzz::post_heads`; `what` is its kind, its
/// element, and what belongs to that.
fn heads_of(what: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let halves = |bytes: &mut Vec<u8>, values: &[u16]| {
        bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    };
    halves(&mut bytes, &[23, 15]);
    bytes.extend([1, 0]);
    halves(&mut bytes, &[7; 7]);
    bytes.push(2 << 1 | 1 << 4);
    bytes.extend(what);
    // The best three, class by class, with a low threshold.
    bytes.push(2 << 6 | 9 << 1);
    halves(&mut bytes, &[2, 1000, 30_000]);
    bytes.extend([0.5f32, -0.3, 1.0, 0.2, 2.0, 3.0, -1.0].iter().flat_map(|n| n.to_le_bytes()));
    bytes
}

/// Numbers for the kernels behind other networks, see `tandem_fuzz::outputs`.
fn outputs() {
    let numbers =
        |numbers: &[f32]| -> Vec<u8> { numbers.iter().flat_map(|n| n.to_le_bytes()).collect() };
    let with = |head: &[u8], tail: Vec<u8>| [head, &tail].concat();
    save("outputs", "ok-classes", &with(&[0, 3, 0, 2, 0], numbers(&[0.5, -1.0, 2.0])));
    save("outputs", "no-class", &[0, 0, 0, 2, 0]);
    save("outputs", "ok-text", &with(&[1, 3, 2, 1, 0], numbers(&[1.0, 0.0, 0.0, 1.0, 1.0, 0.0])));
    save("outputs", "no-blank", &[1, 3, 2, 2, 0]);
    let edges = [0u32, 0, 2048, 2048].map(u32::to_le_bytes).concat();
    let outline = [&[2, 0, 3, 3, 1, 0, 0x80][..], &edges].concat();
    save("outputs", "ok-mask", &with(&outline, numbers(&[1.0, 2.0, -1.0, 0.5])));
    let mut plane = vec![3, 64, 0, 48, 0, 0];
    for entry in [1i64, 0, 0, 0, 1, 0, 0, 0, 1] {
        plane.extend((entry << 40).to_le_bytes());
    }
    save("outputs", "ok-plane", &plane);
    save("outputs", "no-plane", &plane[..20]);
    let halves =
        |values: &[u16]| -> Vec<u8> { values.iter().flat_map(|v| v.to_le_bytes()).collect() };
    // A frame of two tiles; an object in both.
    let mut joined = with(&[4], halves(&[149, 63, 36, 0, 31, 0x8000, 0xb000, 512]));
    joined.push(0);
    for (tile, x1, score) in [(0, 70, 900), (1, 70, 500)] {
        joined.push(tile);
        joined.extend(halves(&[x1 * 16, 120 * 16, 160, 480, score]));
        joined.push(1);
    }
    save("outputs", "ok-joined", &joined);
}

/// Raw images; those with a codec are plain files.
fn images() {
    for (name, frame) in [("ok-rgb8.raw", Frame::rgb8(3, 2)), ("ok-nv12.raw", Frame::nv12(4, 2))] {
        let pixels: Vec<u8> = (0..frame.bytes() as u8).collect();
        save("ingest", name, &[&raw_header(&frame)[..], &pixels].concat());
    }
    save("ingest", "no-pixels.raw", &raw_header(&Frame::rgb8(3, 2)));
}

/// Calls on the link's two ends and on the log ring, see `tandem_fuzz::link_ends` and `log_ring`.
fn block() {
    let mut calls = vec![0; 4];
    calls.extend([1, 5, 0, 0, 0]); // a master
    calls.extend([2, 3, 0, 9, 0, 0, 0]); // a peer attaches and announces
    calls.extend([5, 0, 3, 4]); // accepted, and the peer joins
    calls.extend([5, 3, 1, 5, 3, 0, 5, 4]); // two slots, a job
    calls.extend([5, 1, 1, 0, 0, 0, 3, 4]); // a ping, and the peer takes both
    calls.extend([3, 3, 0, 0, 1, 0, 0, 0, 3, 2, 1, 0, 0, 0, 5, 7, 5, 5]);
    save("link_ends", "ok-job", &calls);
    let mut crash = vec![2];
    crash.extend([7; 40]);
    crash.extend([b'l', 20, 0, 0, 2, 0, 1, 0, 0, 0, 1, 0, 3]);
    save("crash_page", "ok-records", &crash);
    save("crash_page", "no-reason", &[0, 3, 0, 99, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1, 0, 3]);
    save("log_ring", "ok-frames", &[16, 0, 0, 0, 0, 1, 1, 7, 20, 3, 1, 8, 60, 3]);
}

/// Register accesses of a whole `pre` job, see `tandem_fuzz::simulator`.
fn pre_job() -> Vec<u8> {
    const DMA: u8 = 0;
    const KERNEL: u8 = 2;
    let mut calls = vec![0];
    let mut write = |block: u8, at: u32, value: u32| {
        calls.extend([block << 3, (at / 4) as u8]);
        calls.extend(value.to_le_bytes());
    };
    let p = pre_params();
    let pair = |low: u16, high: u16| u32::from(low) | u32::from(high) << 16;
    let words = [
        (offset::FORMAT, p.frame.format as u32 | (p.layout as u32) << 8 | 8 << 16),
        (offset::FRAME_SIZE, pair(p.frame.width, p.frame.height)),
        (offset::FRAME_STRIDE, p.frame.stride),
        (offset::CROP_SIZE, pair(p.crop.w, p.crop.h)),
        (offset::TENSOR_SIZE, pair(p.width, p.height)),
        (offset::CONTENT_POS, pair(p.content.x, p.content.y)),
        (offset::CONTENT_SIZE, pair(p.content.w, p.content.h)),
        (offset::STEP_X_LO, p.step_x as u32),
        (offset::STEP_X_HI, (p.step_x >> 32) as u32),
        (offset::STEP_Y_LO, p.step_y as u32),
        (offset::STEP_Y_HI, (p.step_y >> 32) as u32),
        (offset::SCALE_0, 1 << 16),
        (offset::SCALE_1, 1 << 16),
        (offset::SCALE_2, 1 << 16),
    ];
    words.iter().for_each(|(at, value)| write(KERNEL, *at, *value));
    write(KERNEL, offset::CTRL, 1);
    write(KERNEL, offset::START, 1);
    // Channels: CURDESC, CR (run, interrupts), TAILDESC; the chains follow before time moves.
    let outputs: Vec<_> = packets(&p).collect();
    let chains = [(0x30, 0x2000, outputs.len() as u32), (0, 0x3000, 1)];
    for (channel, chain, count) in chains {
        write(DMA, channel + 8, 0x4000_0000 + chain);
        write(DMA, channel, 0x0001_5001);
        write(DMA, channel + 0x10, 0x4000_0000 + chain + (count - 1) * 64);
    }
    let mut memory = |at: u32, value: u32| {
        calls.push(3);
        calls.extend((at as u16).to_le_bytes());
        calls.extend(value.to_le_bytes());
    };
    for (index, (at, len)) in (0u32..).zip(&outputs) {
        memory(0x2000 + index * 64, 0x4000_2000 + (index + 1) * 64);
        memory(0x2008 + index * 64, 0x4000_8000 + *at as u32);
        memory(0x2018 + index * 64, *len as u32);
    }
    memory(0x3000, 0x4000_3040);
    memory(0x3008, 0x4000_4000);
    memory(0x3018, p.frame_bytes() as u32 | 3 << 26);
    calls.extend([4, 10]);
    calls
}

/// The packets of an image, with few frames, in both forms.
fn bitstreams() {
    let mut words = vec![u32::MAX; 4];
    words.extend([0x0000_00BB, 0x1122_0044, u32::MAX, 0xAA99_5566, 0x2000_0000]);
    words.extend([0x3001_8001, 0x04A4_9093, 0x3000_4000, 0x5000_0003, 1, 2, 3]);
    words.extend([0x3000_8001, 13, 0x2000_0000]);
    let straight: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
    let reversed: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    save("bitstream", "ok-reversed.bin", &reversed);
    save("bitstream", "no-cut-off.bin", &reversed[..reversed.len() - 12]);
    let mut file = vec![0, 9, 0x0F, 0xF0, 0x0F, 0xF0, 0x0F, 0xF0, 0x0F, 0xF0, 0, 0, 1];
    for (letter, text) in [(b'a', "top\0"), (b'b', "part\0"), (b'c', "date\0"), (b'd', "time\0")] {
        file.extend([letter, 0, text.len() as u8]);
        file.extend(text.bytes());
    }
    file.extend([b'e', 0, 0, 0, straight.len() as u8]);
    file.extend(straight);
    save("bitstream", "ok-header.bit", &file);
}
