//! The largest value of every message variant fits a ring entry.

use tandem_link::{
    job::{DONE_BYTES, JobHead, encode_done},
    layout::MESSAGE_BYTES,
    message::{Event, FromPeer, JobStatus, Lane, PostJob, PreJob, SlotRef, Stamps, ToPeer, Work},
};
use tandem_model::{
    post::{Element as HeadElement, Head, HeadKind, MAX_ANCHORS, MAX_HEADS, PostParams, Scale},
    pre::{Channels, Element, Frame, Kernel3, Layout, PixelFormat, PreParams, Rect, Resize},
};

const SLOT: SlotRef = SlotRef { index: u16::MAX, generation: u32::MAX };
const RECT: Rect = Rect { x: u16::MAX, y: u16::MAX, w: u16::MAX, h: u16::MAX };

fn largest_pre() -> Work {
    let frame = Frame {
        format: PixelFormat::BayerBggr12,
        width: u16::MAX,
        height: u16::MAX,
        stride: u32::MAX,
    };
    let params = PreParams {
        frame,
        crop: RECT,
        width: u16::MAX,
        height: u16::MAX,
        content: RECT,
        step_x: u64::MAX,
        step_y: u64::MAX,
        pad: [u8::MAX; 3],
        // Postcard zigzags signed numbers: the longest are the most negative.
        scale: [i32::MIN; 3],
        offset: [i32::MIN; 3],
        layout: Layout::Interleaved,
        band_rows: u8::MAX,
        resize: Resize::Area,
        channels: Channels::Grey,
        element: Element::F16,
        kernel3: Some(Kernel3([i16::MIN; 9])),
        lut: true,
        flat: true,
    };
    Work::Pre(PreJob { frame: SLOT, tensor: SLOT, params })
}

fn largest_post() -> Work {
    let head = Head {
        kind: HeadKind::YoloV5,
        grid_w: u16::MAX,
        grid_h: u16::MAX,
        stride: u16::MAX,
        anchor_count: u8::MAX,
        anchors: [(u16::MAX, u16::MAX); MAX_ANCHORS],
        offset: u32::MAX,
        element: HeadElement::I8,
        scale: Scale::from_register(u32::MAX),
        zero: i8::MIN,
    };
    let params = PostParams {
        head_count: u8::MAX,
        heads: [head; MAX_HEADS],
        classes: u16::MAX,
        score_threshold: u16::MAX,
        iou_threshold: u16::MAX,
        class_agnostic: true,
        top_k: 4096,
        max_detections: u16::MAX,
        width: u16::MAX,
        height: u16::MAX,
    };
    Work::Post(PostJob { heads: SLOT, result: SLOT, params })
}

fn bytes_of(message: &impl serde::Serialize) -> usize {
    let mut bytes = [0; 4 * MESSAGE_BYTES];
    postcard::to_slice(message, &mut bytes).expect("four entries hold any message").len()
}

#[test]
fn largest_message_of_every_variant_to_the_peer_fits() {
    for (name, message) in [
        ("pre job", ToPeer::Job { id: u32::MAX, deadline: u64::MAX, work: largest_pre() }),
        ("post job", ToPeer::Job { id: u32::MAX, deadline: u64::MAX, work: largest_post() }),
        ("cancel", ToPeer::CancelReject { tag: u32::MAX, gate_epoch: u32::MAX }),
        ("configure", ToPeer::ConfigureGate { delay: u64::MAX, pulse: u64::MAX }),
        ("ping", ToPeer::Ping { sequence: u32::MAX }),
    ] {
        let bytes = bytes_of(&message);
        assert!(bytes <= MESSAGE_BYTES, "{name}: {bytes} bytes");
    }
}

#[test]
fn largest_message_of_every_variant_from_the_peer_fits() {
    let stamps = Stamps { received: u64::MAX, started: u64::MAX, finished: u64::MAX };
    let status = JobStatus::DmaInternalError;
    for (name, message) in [
        ("done", FromPeer::Done { id: u32::MAX, status, stamps, written: u32::MAX }),
        (
            "triggered",
            FromPeer::Triggered {
                tag: u32::MAX,
                gate_epoch: u32::MAX,
                at: u64::MAX,
                due: u64::MAX,
            },
        ),
        ("event", FromPeer::Event(Event::LostInterrupt(Lane::Post))),
        ("bad message", FromPeer::Event(Event::BadMessage)),
        ("logic reset", FromPeer::Event(Event::LogicReset)),
        ("astray", FromPeer::Event(Event::Astray { id: u32::MAX, own: true })),
        ("pong", FromPeer::Pong { sequence: u32::MAX }),
    ] {
        let bytes = bytes_of(&message);
        assert!(bytes <= MESSAGE_BYTES, "{name}: {bytes} bytes");
    }
}

proptest::proptest! {
    /// `Done` by hand is `Done` by postcard.
    #[test]
    fn a_done_has_postcards_bytes(
        (id, status, written) in (proptest::num::u32::ANY, 0..=10u8, proptest::num::u32::ANY),
        times in proptest::array::uniform3(proptest::num::u64::ANY),
    ) {
        let status: JobStatus = postcard::from_bytes(&[status]).expect("a status");
        let [received, started, finished] = times;
        let stamps = Stamps { received, started, finished };
        let mut words = Vec::new();
        encode_done(id, status, &stamps, written, |word| words.extend(word.to_le_bytes()));
        assert!(words.split_off(DONE_BYTES).iter().all(|byte| *byte == 0));
        let message = FromPeer::Done { id, status, stamps, written };
        let mut bytes = [0; MESSAGE_BYTES];
        assert_eq!(words, postcard::to_slice(&message, &mut bytes).expect("fits"));
    }

    /// A head by hand is what postcard reads, and what follows it are the parameters alone.
    #[test]
    fn a_head_is_what_postcard_reads(
        (id, deadline) in (proptest::num::u32::ANY, proptest::num::u64::ANY),
        slots in proptest::array::uniform2((proptest::num::u16::ANY, proptest::num::u32::ANY)),
        post in proptest::bool::ANY,
    ) {
        let [input, output] = slots.map(|(index, generation)| SlotRef { index, generation });
        let work = match if post { largest_post() } else { largest_pre() } {
            Work::Pre(job) => Work::Pre(PreJob { frame: input, tensor: output, ..job }),
            Work::Post(job) => Work::Post(PostJob { heads: input, result: output, ..job }),
        };
        let mut bytes = [0; MESSAGE_BYTES];
        let message = ToPeer::Job { id, deadline, work: work.clone() };
        let bytes = postcard::to_slice(&message, &mut bytes).expect("fits");
        let (head, params) = JobHead::split(bytes).expect("a job");
        let lane = if post { Lane::Post } else { Lane::Pre };
        assert_eq!(head, JobHead { id, deadline, lane, input, output });
        match work {
            Work::Pre(job) => assert_eq!(postcard::from_bytes(params), Ok(job.params)),
            Work::Post(job) => assert_eq!(postcard::from_bytes(params), Ok(job.params)),
        }
    }
}

#[test]
fn what_is_no_job_has_no_head() {
    let mut bytes = [0; MESSAGE_BYTES];
    let other = ToPeer::ConfigureGate { delay: u64::MAX, pulse: u64::MAX };
    let other = postcard::to_slice(&other, &mut bytes).expect("fits");
    assert_eq!(JobHead::split(other), None);
    let mut job = [0; JobHead::BYTES];
    assert!(JobHead::split(&job).is_some());
    assert_eq!(JobHead::split(&job[1..]), None, "too short");
    job[13] = 2;
    assert_eq!(JobHead::split(&job), None, "no such work");
}
