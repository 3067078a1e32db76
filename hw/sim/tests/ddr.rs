//! The memory: bounds, alignment, sharing.

use std::os::fd::OwnedFd;

use proptest::prelude::*;
use tandem_sim::ddr::{Ddr, DdrError, DecodeError};

const BASE: u32 = 0x4000_0000;
const SIZE: u32 = 0x2000;

fn ddr() -> Ddr {
    Ddr::create(BASE, SIZE).unwrap()
}

#[test]
fn an_access_outside_is_a_decode_error_and_does_nothing() {
    let ddr = ddr();
    let end = BASE + SIZE;
    for (addr, len) in [(BASE - 1, 1), (BASE - 4, 8), (end, 1), (end - 3, 4), (u32::MAX, 2), (0, 1)]
    {
        let error = Err(DecodeError { addr, len });
        assert_eq!(ddr.write(addr, &vec![0xFF; len]), error);
        assert_eq!(ddr.read(addr, &mut vec![0; len]), error);
    }
    let mut all = vec![1; SIZE as usize];
    ddr.read(BASE, &mut all).unwrap();
    assert!(all.iter().all(|byte| *byte == 0));
    assert_eq!(ddr.read(end, &mut []), Ok(()));
}

#[test]
fn words_are_little_endian_and_aligned() {
    let ddr = ddr();
    ddr.write32(BASE + 8, 0x0403_0201).unwrap();
    let mut bytes = [0; 4];
    ddr.read(BASE + 8, &mut bytes).unwrap();
    assert_eq!(bytes, [1, 2, 3, 4]);
    assert_eq!(ddr.read32(BASE + 8), Ok(0x0403_0201));
    assert_eq!(ddr.read32(BASE + 9), Err(DecodeError { addr: BASE + 9, len: 4 }));
    assert_eq!(ddr.write32(BASE + SIZE - 2, 0), Err(DecodeError { addr: BASE + SIZE - 2, len: 4 }));
}

#[test]
fn a_second_mapping_of_the_file_is_the_same_memory() {
    let ddr = ddr();
    let fd: OwnedFd = ddr.fd().try_clone_to_owned().unwrap();
    let high = Ddr::open(fd, 0x1000, BASE + 0x1000, 0x1000).unwrap();
    ddr.write32(BASE + 0x1010, 77).unwrap();
    assert_eq!(high.read32(BASE + 0x1010), Ok(77));
    high.write(BASE + 0x1FFF, &[9]).unwrap();
    assert_eq!(ddr.clone().read32(BASE + 0x1FFC), Ok(9 << 24));
    assert_eq!(high.file_offset(BASE + 0x1010), Ok(0x1010));
}

#[test]
fn impossible_geometry_is_refused() {
    for (base, size) in [(BASE, 0), (BASE, 100), (BASE + 4, 0x1000), (0xFFFF_F000, 0x2000)] {
        assert!(matches!(Ddr::create(base, size), Err(DdrError::Geometry { .. })));
    }
    let fd = ddr().fd().try_clone_to_owned().unwrap();
    assert!(matches!(Ddr::open(fd, 0x1000, BASE, SIZE), Err(DdrError::Short { .. })));
    assert!(Ddr::create(0xFFFF_F000, 0x1000).is_ok());
}

proptest! {
    #[test]
    fn bytes_at_any_alignment(
        writes in prop::collection::vec((0usize..200, prop::collection::vec(any::<u8>(), 0..40)), 1..20),
        at in 0usize..200,
        len in 0usize..60,
    ) {
        let ddr = ddr();
        let mut memory = vec![0; 256];
        for (place, bytes) in &writes {
            ddr.write(BASE + *place as u32, bytes).unwrap();
            memory[*place..place + bytes.len()].copy_from_slice(bytes);
        }
        let mut bytes = vec![0; len.min(256 - at)];
        ddr.read(BASE + at as u32, &mut bytes).unwrap();
        prop_assert_eq!(&bytes[..], &memory[at..at + bytes.len()]);
    }
}
