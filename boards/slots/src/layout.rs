//! Where everything lies on a card, bytes.

use crate::STATE_SIZE;

const MIB: u64 = 1 << 20;

/// Everything begins and ends at a multiple of this.
pub const ALIGN: u64 = 4 * MIB;
/// Size of the boot partition.
pub const BOOT: u64 = 128 * MIB;
/// Size of a slot.
pub const SLOT: u64 = 128 * MIB;
/// Size of the card: QEMU wants a power of two.
pub const CARD: u64 = 512 * MIB;

/// The boot partition, number 1.
pub const BOOT_AT: u64 = ALIGN;
/// The state partition, number 2.
pub const STATE_AT: u64 = BOOT_AT + BOOT;
/// The extended partition, number 4. A table of its own precedes each slot in it.
pub const EXTENDED_AT: u64 = STATE_AT + STATE_SIZE;
/// The slots, numbers 5 and 6.
pub const SLOTS_AT: [u64; 2] = [EXTENDED_AT + ALIGN, EXTENDED_AT + SLOT + 2 * ALIGN];
/// The data partition, number 3.
pub const DATA_AT: u64 = SLOTS_AT[1] + SLOT;
/// Size of the data partition: the rest of the card.
pub const DATA: u64 = CARD - DATA_AT;
