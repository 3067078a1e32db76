//! Where every shared word is, who writes it, and what it means.
//!
//! All offsets are bytes from the start of the block; all words are little-endian u32. Each word
//! has one writer for its whole life. The agent's words and the peer's words lie in different
//! cache lines (64 bytes), so a mapping that is cacheable on one side works, too.

/// First word of a formatted block: "TNDL".
pub const MAGIC: u32 = u32::from_le_bytes(*b"TNDL");
/// First word of a block that is being formatted: "tndl". Not 0, so that the next agent knows of one
/// that died meanwhile, whose peer may still have DMA under way.
pub const FORMATTING: u32 = u32::from_le_bytes(*b"tndl");
/// Changes whenever an offset, a meaning or a message changes.
pub const LAYOUT_VERSION: u32 = 3;
/// Bytes of one ring entry: a length word and the message.
pub const ENTRY_BYTES: u32 = 256;
/// Bytes of the longest message.
pub const MESSAGE_BYTES: usize = ENTRY_BYTES as usize - 4;
/// Most slots in the table.
pub const MAX_SLOTS: u32 = 64;
/// Most entries of a ring.
pub const MAX_RING_ENTRIES: u32 = 1024;

/// Words that the agent writes.
pub mod agent {
    /// [`super::MAGIC`] while the block is formatted, [`super::FORMATTING`] while it is being formatted.
    pub const MAGIC: u32 = 0x000;
    /// [`super::LAYOUT_VERSION`].
    pub const VERSION: u32 = 0x004;
    /// Entries of each ring; a power of two.
    pub const RING_ENTRIES: u32 = 0x008;
    /// [`super::ENTRY_BYTES`].
    pub const ENTRY_BYTES: u32 = 0x00C;
    /// Slots in the table.
    pub const SLOT_COUNT: u32 = 0x010;
    /// Epoch of the agent; 0 while the block is being formatted.
    pub const EPOCH: u32 = 0x040;
    /// The peer epoch that the agent has accepted; 0 when none.
    pub const ACCEPTED: u32 = 0x044;
    /// Index in the ring to the peer at which the accepted peer epoch begins.
    pub const TO_PEER_START: u32 = 0x048;
    /// Advances while the agent makes progress.
    pub const HEARTBEAT: u32 = 0x04C;
    /// Producer index of the ring to the peer.
    pub const TO_PEER_HEAD: u32 = 0x080;
    /// Consumer index of the ring from the peer.
    pub const FROM_PEER_TAIL: u32 = 0x0C0;
}

/// Words that the peer writes.
pub mod peer {
    /// Epoch of the peer.
    pub const EPOCH: u32 = 0x100;
    /// The agent epoch that this peer epoch serves; written last of an announcement.
    pub const SERVES: u32 = 0x104;
    /// Index in the ring from the peer at which this peer epoch begins.
    pub const FROM_PEER_START: u32 = 0x108;
    /// The peer epoch for which [`TO_PEER_TAIL`] holds.
    pub const SYNCED: u32 = 0x10C;
    /// Advances while the peer makes progress.
    pub const HEARTBEAT: u32 = 0x140;
    /// Time of the last beat: sequence word, low word, high word (see [`crate::seqlock`]).
    pub const BEAT_AT: u32 = 0x144;
    /// Consumer index of the ring to the peer.
    pub const TO_PEER_TAIL: u32 = 0x180;
    /// Producer index of the ring from the peer.
    pub const FROM_PEER_HEAD: u32 = 0x1C0;
    /// Return words, one per slot: the generation that the peer gave back last.
    pub const RETURNS: u32 = 0x600;
}

/// The slot table: [`slot::BYTES`] per slot, all written by the agent.
pub mod slot {
    /// Offset of the first entry.
    pub const TABLE: u32 = 0x200;
    /// Bytes of one entry.
    pub const BYTES: u32 = 16;
    /// Generation under which the slot is granted; 0 when it is the agent's.
    pub const GRANT: u32 = 0;
    /// Bus address of the payload.
    pub const ADDR: u32 = 4;
    /// Bytes of the payload.
    pub const CAPACITY: u32 = 8;
    /// [`crate::slot::SlotClass`] as a number.
    pub const CLASS: u32 = 12;

    /// Offset of a field of slot `index`. Nothing of it can wrap: an index has 16 bits.
    #[inline(always)]
    pub const fn word(index: u16, field: u32) -> u32 {
        TABLE.wrapping_add((index as u32).wrapping_mul(BYTES)).wrapping_add(field)
    }

    /// Offset of the return word of slot `index`.
    #[inline(always)]
    pub const fn returned(index: u16) -> u32 {
        super::peer::RETURNS + index as u32 * 4
    }
}

/// Offset of the first ring: to the peer. The ring from the peer follows.
pub const RINGS: u32 = 0x1000;

/// What may differ from one link to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Entries of each ring: a power of two, 2 to [`MAX_RING_ENTRIES`].
    pub ring_entries: u32,
    /// Slots, 0 to [`MAX_SLOTS`].
    pub slots: u32,
}

impl Geometry {
    /// 64 entries in each ring and `slots` slots.
    pub const fn with_slots(slots: u32) -> Self {
        Self { ring_entries: 64, slots }
    }

    /// Both numbers are within their limits.
    pub const fn is_valid(&self) -> bool {
        self.ring_entries.is_power_of_two()
            && self.ring_entries >= 2
            && self.ring_entries <= MAX_RING_ENTRIES
            && self.slots <= MAX_SLOTS
    }

    /// Offset of the ring to the peer.
    pub const fn to_peer(&self) -> u32 {
        RINGS
    }

    /// Offset of the ring from the peer.
    pub const fn from_peer(&self) -> u32 {
        RINGS + self.ring_entries * ENTRY_BYTES
    }

    /// Bytes of the whole block.
    pub const fn bytes(&self) -> u32 {
        RINGS + 2 * self.ring_entries * ENTRY_BYTES
    }
}
