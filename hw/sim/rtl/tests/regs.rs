//! The generated register blocks: identity, storage, held reset, what is refused.

use tandem_regs::pre::{self, offset};
use tandem_rtl::{Kernel, Rng, Stall};

fn block(seed: u64) -> Kernel {
    let mut kernel = Kernel::load("regs_pre", seed);
    kernel.reset();
    kernel.stall_axil(Stall::any(seed));
    kernel
}

#[test]
fn identity_is_the_maps() {
    let mut kernel = block(1);
    assert_eq!(kernel.read32(offset::ID), pre::ID.reset());
    assert_eq!(kernel.read32(offset::VERSION), pre::VERSION.reset());
    assert_eq!(kernel.read32(offset::CAPS), pre::CAPS.reset());
    assert_eq!(kernel.read32(offset::HASH), pre::MAP_HASH);
}

/// Every register of the map, with the bits that keep what is written.
const WRITABLE: [(u32, u32); 29] = [
    (offset::START, u32::MAX),
    (offset::ACK, u32::MAX),
    (offset::FORMAT, 0x00ff_ffff),
    (offset::FRAME_SIZE, u32::MAX),
    (offset::FRAME_STRIDE, u32::MAX),
    (offset::CROP_POS, u32::MAX),
    (offset::CROP_SIZE, u32::MAX),
    (offset::TENSOR_SIZE, u32::MAX),
    (offset::CONTENT_POS, u32::MAX),
    (offset::CONTENT_SIZE, u32::MAX),
    (offset::STEP_X_LO, u32::MAX),
    (offset::STEP_X_HI, u32::MAX),
    (offset::STEP_Y_LO, u32::MAX),
    (offset::STEP_Y_HI, u32::MAX),
    (offset::PAD, 0x00ff_ffff),
    (offset::SCALE_0, u32::MAX),
    (offset::SCALE_1, u32::MAX),
    (offset::SCALE_2, u32::MAX),
    (offset::OFFSET_0, u32::MAX),
    (offset::OFFSET_1, u32::MAX),
    (offset::OFFSET_2, u32::MAX),
    (offset::OUTPUT, 0x07ff_ffff),
    (offset::K0_K1, u32::MAX),
    (offset::K2_K3, u32::MAX),
    (offset::K4_K5, u32::MAX),
    (offset::K6_K7, u32::MAX),
    (offset::K8, u32::MAX),
    (offset::LUT, 0x37ff_ffff),
    (offset::CTRL, 1),
];

/// Random writes over the whole address space, partial ones and read-only places among them,
/// against a plain table.
#[test]
fn storage_is_the_maps() {
    for seed in 0..20 {
        let mut rng = Rng::new(seed);
        let mut kernel = block(seed);
        let mut expected = [0_u32; WRITABLE.len()];
        for _ in 0..300 {
            // Mostly whole words.
            let low_bits = if rng.chance(64) { 3 } else { 0 };
            let at = rng.below(0xb0) as u32 & (!3 | low_bits);
            let value = rng.next_u32();
            let value = if at == offset::CTRL { value & !2 } else { value };
            let strobes = if rng.chance(128) { rng.below(15) as u32 } else { 15 };
            let place = WRITABLE.iter().position(|(known, _)| *known == at);
            let fixed = [
                offset::ID,
                offset::VERSION,
                offset::CAPS,
                offset::CAPACITY,
                offset::HASH,
                offset::DONE,
                offset::STATUS,
                // Behind it are the kernel's tables, not a register.
                offset::LUT,
            ];
            let known = place.is_some() || fixed.contains(&at);
            let result = kernel.try_write_strobes(at, value, strobes);
            assert_eq!(result.is_ok(), known && strobes == 15, "write of {at:#x}, {strobes:#b}");
            if let (Some(place), Ok(())) = (place, result) {
                expected[place] = value & WRITABLE[place].1;
            }
            assert_eq!(kernel.try_read32(at).is_ok(), known, "read of {at:#x}");
            let ask = rng.below(WRITABLE.len() as u64) as usize;
            assert_eq!(kernel.read32(WRITABLE[ask].0), expected[ask], "{:#x}", WRITABLE[ask].0);
        }
    }
}

/// START and ACK are held at 0 while CTRL.RESET is set; parameters stay.
#[test]
fn held_reset_clears_the_counters_only() {
    let mut kernel = block(3);
    kernel.write32(offset::START, 7);
    kernel.write32(offset::ACK, 5);
    kernel.write32(offset::PAD, 0x12_3456);
    kernel.write32(offset::CTRL, 2);
    kernel.write32(offset::START, 9);
    kernel.write32(offset::ACK, 9);
    assert_eq!((kernel.read32(offset::START), kernel.read32(offset::ACK)), (0, 0));
    assert_eq!((kernel.read32(offset::CTRL), kernel.read32(offset::PAD)), (2, 0x12_3456));
    kernel.write32(offset::CTRL, 1);
    assert_eq!((kernel.read32(offset::START), kernel.read32(offset::ACK)), (0, 0));
    kernel.write32(offset::START, 9);
    assert_eq!(kernel.read32(offset::START), 9);
}
