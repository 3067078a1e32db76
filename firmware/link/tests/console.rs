//! The maintenance console's frames.

use proptest::prelude::*;
use tandem_link::console::{
    Answer, Collector, Counters, FRAME_BYTES, FrameError, Info, PAGE_BYTES, Page, Request, Test,
    Verdict, decode, encode,
};

fn frame<T: serde::Serialize>(number: u16, message: &T) -> Vec<u8> {
    let mut frame = [0; FRAME_BYTES];
    let used = encode(number, message, &mut frame).expect("it fits");
    frame[..used].to_vec()
}

/// Feeds bytes and gives what each frame was: a request, or an error.
fn hear(bytes: &[u8]) -> Vec<Result<(u16, Request), FrameError>> {
    let mut collector = Collector::<FRAME_BYTES>::new();
    bytes
        .iter()
        .filter_map(|byte| collector.push(*byte).map(|frame| frame.and_then(decode)))
        .collect()
}

#[test]
fn the_largest_of_each_message_fits() {
    let long = "a-board-with-quite-a-long-name-x";
    let info = Info {
        protocol: u8::MAX,
        board: long,
        version: long,
        idcode: u32::MAX,
        silicon: u8::MAX,
        reset_reason: u32::MAX,
        now: u64::MAX,
        log_bytes: u32::MAX,
        crash_bytes: u32::MAX,
    };
    let most = u32::MAX;
    let counters = Counters {
        requests: most,
        garbage: most,
        overruns: most,
        framing: most,
        parity: most,
        healthy: most,
        wakes: most,
    };
    let tested =
        Answer::Tested { test: Test::Watchdog, verdict: Verdict::NotFitted, values: [most; 4] };
    for answer in [
        Answer::Info(info),
        Answer::Bytes(&[0; PAGE_BYTES]),
        Answer::Bytes(&[0xFF; PAGE_BYTES]),
        Answer::Counters(counters),
        tested,
        Answer::Refused,
        Answer::Busy,
    ] {
        let mut bytes = frame(u16::MAX, &answer);
        let end = bytes.len() - 1;
        let (number, back) = decode::<Answer<'_>>(&mut bytes[1..end]).expect("it is one");
        assert_eq!((number, back), (u16::MAX, answer));
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let mut frame = [0; FRAME_BYTES];
    assert_eq!(encode(1, &Answer::Bytes(&[1; 250]), &mut frame), Err(FrameError::Long));
}

#[test]
fn garbage_costs_one_frame_at_most() {
    let good = frame(7, &Request::Counters);
    let noise = [0x55; 700];
    let bytes = [&good[..], &noise, &good, &[1, 2, 3, 0], &good].concat();
    let heard = hear(&bytes);
    let all = Ok((7, Request::Counters));
    // A frame begins with a zero of its own, so the noise before it ends there.
    assert_eq!(heard, [all, Err(FrameError::Long), all, Err(FrameError::Coding), all]);
}

fn request() -> impl Strategy<Value = Request> {
    prop_oneof![
        Just(Request::Info),
        Just(Request::Counters),
        (any::<bool>(), any::<u32>(), any::<u8>()).prop_map(|(log, offset, count)| {
            Request::Read { page: if log { Page::Log } else { Page::Crash }, offset, count }
        }),
        (0..Test::ALL.len()).prop_map(|index| Request::Run(Test::ALL[index])),
    ]
}

proptest! {
    #[test]
    fn requests_arrive_whatever_lies_between(
        asked in prop::collection::vec((any::<u16>(), request()), 1..20),
        between in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 20),
    ) {
        let mut bytes = Vec::new();
        for ((number, request), noise) in asked.iter().zip(&between) {
            bytes.extend_from_slice(noise);
            bytes.extend(frame(*number, request));
        }
        let heard: Vec<_> = hear(&bytes).into_iter().filter_map(Result::ok).collect();
        prop_assert_eq!(heard, asked);
    }

    #[test]
    fn a_changed_bit_is_never_taken(number: u16, request in request(), at: prop::sample::Index, bit in 0u32..8) {
        let good = frame(number, &request);
        let mut bytes = good.clone();
        let at = at.index(bytes.len());
        bytes[at] ^= 1u8 << bit;
        for heard in hear(&bytes) {
            prop_assert_ne!(heard, Ok((number, request)));
        }
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        for frame in hear(&bytes) {
            prop_assert!(frame.is_err(), "32 bits of CRC do not come by chance");
        }
    }
}
