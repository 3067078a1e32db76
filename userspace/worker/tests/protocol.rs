//! The codec: what is written is read; anything else is refused, never a panic.

mod common;

use common::{Raw, model};
use proptest::collection::vec;
use proptest::prelude::*;
use tandem_worker::protocol::{
    ENTRY_BYTES, EntryError, FromWorker, Hello, Identity, Interface, ModelName, Refusal, Status,
    ToWorker, decode, encode, note,
};

fn identity() -> impl Strategy<Value = Identity> {
    ("[a-z0-9/-]{0,64}", any::<([u8; 32], [u8; 32], u32, u32)>()).prop_map(|(model, rest)| {
        let (weights, interface, tensor_bytes, heads_bytes) = rest;
        let model = ModelName::try_from(model.as_str()).unwrap();
        Identity { model, weights, interface, tensor_bytes, heads_bytes }
    })
}

fn hello() -> impl Strategy<Value = Hello> {
    (any::<(u32, u32, u32)>(), identity()).prop_map(|((version, epoch, credits), identity)| Hello {
        version,
        epoch,
        credits,
        identity,
    })
}

fn to_worker() -> impl Strategy<Value = ToWorker> {
    prop_oneof![
        hello().prop_map(ToWorker::Hello),
        any::<(u32, u32, u64, u32, u32)>().prop_map(|(epoch, id, left_ns, bytes, crc)| {
            ToWorker::Submit { epoch, id, left_ns, bytes, crc }
        }),
        any::<u32>().prop_map(|epoch| ToWorker::Heartbeat { epoch }),
    ]
}

fn from_worker() -> impl Strategy<Value = FromWorker> {
    let status = prop_oneof![
        Just(Status::Ok),
        Just(Status::Expired),
        ".{0,200}".prop_map(|text| Status::Failed(note(&text))),
    ];
    let refusal = prop_oneof![
        any::<u32>().prop_map(Refusal::Version),
        identity().prop_map(Refusal::Model),
        Just(Refusal::NoSlots),
        Just(Refusal::StaleEpoch),
        any::<(u32, u32)>().prop_map(|(have, need)| Refusal::Size { have, need }),
        Just(Refusal::Damaged),
    ];
    prop_oneof![
        hello().prop_map(FromWorker::Hello),
        ".{0,200}".prop_map(|text| FromWorker::Engine(note(&text))),
        (any::<(u32, u32, u64, u32, u32)>(), status).prop_map(|(numbers, status)| {
            let (epoch, id, engine_ns, bytes, crc) = numbers;
            FromWorker::Done { epoch, id, status, engine_ns, bytes, crc }
        }),
        any::<(u32, u32)>().prop_map(|(epoch, total)| FromWorker::Credit { epoch, total }),
        any::<(u32, u32)>().prop_map(|(epoch, total)| FromWorker::Heartbeat { epoch, total }),
        refusal.prop_map(FromWorker::Refused),
    ]
}

proptest! {
    #[test]
    fn what_a_client_says_arrives(message in to_worker()) {
        let mut entry = [0xff; ENTRY_BYTES];
        encode(&message, &mut entry);
        prop_assert_eq!(decode::<ToWorker>(&entry), Ok(message));
    }

    #[test]
    fn what_a_worker_says_arrives(message in from_worker()) {
        let mut entry = [0xff; ENTRY_BYTES];
        encode(&message, &mut entry);
        prop_assert_eq!(decode::<FromWorker>(&entry), Ok(message));
    }

    #[test]
    fn a_bit_that_flips_is_seen(message in from_worker(), at in 0..ENTRY_BYTES, bit in 0..8u8) {
        let mut entry = [0; ENTRY_BYTES];
        encode(&message, &mut entry);
        entry[at] ^= 1 << bit;
        prop_assert!(decode::<FromWorker>(&entry).is_err());
    }

    #[test]
    fn bytes_with_a_crc_that_holds_are_a_message_or_refused(
        length in prop_oneof![0..300u32, any::<u32>()],
        body in vec(any::<u8>(), ENTRY_BYTES - 12),
    ) {
        let mut entry = [0; ENTRY_BYTES];
        entry[..4].copy_from_slice(b"TNDW");
        entry[8..12].copy_from_slice(&length.to_le_bytes());
        entry[12..].copy_from_slice(&body);
        let crc = crc32fast::hash(&entry[8..]);
        entry[4..8].copy_from_slice(&crc.to_le_bytes());
        for refused in [decode::<ToWorker>(&entry).err(), decode::<FromWorker>(&entry).err()] {
            prop_assert!(refused.is_none_or(|error| error == EntryError::Body));
        }
    }
}

#[test]
fn the_largest_messages_fit() {
    let identity = Identity {
        model: ModelName::try_from("m".repeat(64).as_str()).unwrap(),
        weights: [0xff; 32],
        interface: [0xff; 32],
        tensor_bytes: u32::MAX,
        heads_bytes: u32::MAX,
    };
    let most = u32::MAX;
    let hello = Hello { version: most, epoch: most, credits: most, identity: identity.clone() };
    let status = Status::Failed(note(&"é".repeat(100)));
    let done = FromWorker::Done {
        epoch: most,
        id: most,
        status,
        engine_ns: u64::MAX,
        bytes: most,
        crc: most,
    };
    let refused = FromWorker::Refused(Refusal::Model(identity));
    for message in [FromWorker::Hello(hello.clone()), done, refused] {
        let mut entry = [0; ENTRY_BYTES];
        encode(&message, &mut entry);
        assert_eq!(decode::<FromWorker>(&entry), Ok(message));
    }
    let mut entry = [0; ENTRY_BYTES];
    encode(&ToWorker::Hello(hello.clone()), &mut entry);
    assert_eq!(decode::<ToWorker>(&entry), Ok(ToWorker::Hello(hello)));
}

#[test]
fn a_note_is_cut_at_a_letter() {
    assert_eq!(note("short").as_str(), "short");
    let long = note(&"é".repeat(100));
    assert_eq!(long.as_str(), "é".repeat(60));
}

#[test]
fn an_identity_is_the_models() {
    let ours = Interface::of(&model()).unwrap();
    assert_eq!(ours.identity.model.as_str(), "tiny-v5/1");
    assert_eq!(ours.identity.tensor_bytes as usize, model().tensor_bytes());
    assert_eq!(ours.identity, Raw::hello(1).identity);
    let heads: Vec<usize> = model().heads().map(|head| head.bytes).collect();
    assert_eq!(ours.identity.heads_bytes as usize, heads.iter().sum::<usize>());
    assert_eq!(ours.heads.iter().map(|range| range.len()).collect::<Vec<_>>(), heads);
}
