use proptest::prelude::*;

use super::frame::{self, FrameError, MAX_FRAME_BYTES};
use super::*;
use crate::api::{Detection, Outcome, RouteTaken, Silicon, Stage, Verdict};

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn inspection() -> Inspection {
    Inspection {
        image: "a.jpg".into(),
        size: [640, 480],
        verdict: Verdict {
            result: Outcome::Fail,
            rule: "r".into(),
            reason: "why".into(),
            deadline_met: true,
        },
        detections: vec![Detection {
            label: "bus".into(),
            score: 0.5,
            r#box: [1.0, 2.0, 3.0, 4.0],
        }],
        stages: vec![Stage { name: "pre".into(), silicon: Silicon::Pl, us: 12.5 }],
        degraded: vec!["kernel_hung".into()],
        model: "m/1".into(),
        recipe: "default".into(),
        route: Some(RouteTaken {
            policy: "p@1".into(),
            rule: "r".into(),
            route: "cpu-only".into(),
            canary: true,
        }),
        error: None,
        tag: None,
    }
}

#[test]
fn answers_survive_the_wire_with_and_without_a_tag() {
    for tag in [None, Some(7)] {
        let response = Response::Inspection(Inspection { tag, ..inspection() });
        let bytes = frame::encode(&response).unwrap();
        assert_eq!(frame::decode::<Response>(&bytes[4..]).unwrap(), response);
    }
}

#[test]
fn frames_follow_each_other_and_the_end_is_clean() {
    let (mut a, mut b) = tokio::io::duplex(64);
    run(async move {
        let image = ImageRequest { bytes: Bytes(vec![9; 5000]), ..ImageRequest::default() };
        let sent = [Request::Status, Request::Inspect(image), Request::Logs { follow: true }];
        let expected = sent.clone();
        let writer = async move {
            for request in &sent {
                frame::write(&mut a, request).await.unwrap();
            }
        };
        let reader = async move {
            for request in expected {
                assert_eq!(frame::read::<Request>(&mut b).await.unwrap(), Some(request));
            }
            assert_eq!(frame::read::<Request>(&mut b).await.unwrap(), None);
        };
        tokio::join!(writer, reader);
    });
}

fn read_bytes(bytes: &[u8]) -> Result<Option<Request>, FrameError> {
    run(frame::read::<Request>(&mut &bytes[..]))
}

#[test]
fn hostile_lengths_and_ends_are_refused() {
    let huge = (MAX_FRAME_BYTES + 1).to_le_bytes();
    assert!(matches!(read_bytes(&huge), Err(FrameError::TooLarge(_))));
    let promised = [&MAX_FRAME_BYTES.to_le_bytes()[..], &[1, 2, 3]].concat();
    assert!(matches!(read_bytes(&promised), Err(FrameError::Truncated)));
    let good = frame::encode(&Request::RecipeSwitch("x".into())).unwrap();
    for length in 1..good.len() {
        assert!(matches!(read_bytes(&good[..length]), Err(FrameError::Truncated)), "{length}");
    }
    let mut padded = frame::encode(&Request::Status).unwrap();
    padded.push(0);
    padded[0] += 1;
    assert!(matches!(read_bytes(&padded), Err(FrameError::Malformed(_))), "a byte too many");
    assert!(matches!(read_bytes(&[1, 0, 0, 0, 0xff]), Err(FrameError::Malformed(_))));
}

#[test]
fn an_inner_length_alone_allocates_nothing() {
    // FaultInject with a string that claims 2^60 bytes.
    let index = postcard::to_allocvec(&Request::FaultInject(String::new())).unwrap()[0];
    let bytes = [index, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10];
    assert!(frame::decode::<Request>(&bytes).is_err());
}

proptest! {
    #[test]
    fn requests_round_trip(
        name in ".{0,20}",
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        deadline_ms in any::<Option<u32>>(),
        recipe in prop::option::of(".{0,10}"),
        count in any::<u32>(),
        which in 0..5,
    ) {
        let image = ImageRequest {
            name: name.clone(),
            bytes: bytes.into(),
            deadline_ms,
            recipe,
            options: JobOptions { stream: name.clone(), priority: Some(3), id: None },
        };
        let request = match which {
            0 => Request::Inspect(image),
            1 => Request::Bench { image, count, warmup: count / 2, in_flight: 1 },
            2 => Request::RecipeCheck { file: name.clone(), text: name },
            3 => Request::FaultInject(name),
            _ => Request::Hello { protocol: count, client: name },
        };
        let frame = frame::encode(&request).unwrap();
        prop_assert_eq!(frame::decode::<Request>(&frame[4..]).unwrap(), request);
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = frame::decode::<Request>(&bytes);
        let _ = frame::decode::<Response>(&bytes);
        let _ = read_bytes(&bytes);
    }
}
