//! Crash records: what a core was doing when it died, in memory that outlives it.
//!
//! A ring of [`RECORDS`] records of [`STRIDE`] bytes in a page of its own. The firmware's last act is
//! to write one; whoever looks later (the agent, a console) takes those whose CRC holds. A record that
//! was being written when the power went has no magic, and the older ones stand. README.md has the
//! layout.

use crate::SharedMemory;

/// First word of a whole record: "CRSH".
pub const MAGIC: u32 = u32::from_le_bytes(*b"CRSH");
/// Layout that this module writes and reads.
pub const VERSION: u32 = 1;
/// Records of the ring.
pub const RECORDS: u32 = 8;
/// Bytes from one record to the next.
pub const STRIDE: u32 = 512;
/// Bytes of the page.
pub const SIZE: u32 = RECORDS * STRIDE;
/// Most bytes of the log that a record keeps.
pub const LOG_BYTES: usize = 256;

/// Words of a record before the log: magic, version, sequence, reason, time (2), detail, fault
/// status and address of data and prefetch (4), r0 to r15, CPSR, bytes of log.
const FIXED: u32 = 11 + 17 + 1;
const LOG_WORDS: u32 = LOG_BYTES as u32 / 4;
/// Place of the CRC, a word of its own behind the log.
const CRC_AT: u32 = 4 * (FIXED + LOG_WORDS);

const _: () = assert!(CRC_AT + 4 <= STRIDE);

/// CRC-32 as in Ethernet and zip, without a table: this runs once, in a bank that is nearly full.
const CRC: crc::Crc<u32, crc::NoTable> = crc::Crc::<u32, crc::NoTable>::new(&crc::CRC_32_ISO_HDLC);

/// Why a core stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Reason {
    /// `panic!` or a failed check of the language; `detail` is the line.
    Panic = 1,
    /// An instruction that the core does not know.
    Undefined = 2,
    /// An SVC, which this firmware never makes.
    SupervisorCall = 3,
    /// Fetched from where no code may lie.
    PrefetchAbort = 4,
    /// Read or written where the MPU or the bus forbids it.
    DataAbort = 5,
    /// A data abort in the guard below the main stack.
    StackOverflow = 6,
    /// An interrupt while all are masked.
    Interrupt = 7,
    /// The boot found a block that is not what it should be; `detail` says which.
    Boot = 8,
    /// The watchdog was not fed: the pipeline stood still. The registers are those of the
    /// interrupted instruction.
    Watchdog = 9,
}

impl Reason {
    /// The reason with this code.
    #[must_use]
    pub const fn from_code(code: u32) -> Option<Self> {
        Some(match code {
            1 => Self::Panic,
            2 => Self::Undefined,
            3 => Self::SupervisorCall,
            4 => Self::PrefetchAbort,
            5 => Self::DataAbort,
            6 => Self::StackOverflow,
            7 => Self::Interrupt,
            8 => Self::Boot,
            9 => Self::Watchdog,
            _ => return None,
        })
    }
}

/// The state of a core in the instruction that stopped it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Registers {
    /// r0 to r12, stack pointer, link register, address of the instruction.
    pub r: [u32; 16],
    /// Program status.
    pub cpsr: u32,
}

/// What the fault registers of an Armv7-R core held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// DFSR: why a data access failed.
    pub data_status: u32,
    /// DFAR: where.
    pub data_address: u32,
    /// IFSR: why a fetch failed.
    pub fetch_status: u32,
    /// IFAR: where.
    pub fetch_address: u32,
}

/// One crash. The log's bytes are given apart, see [`write()`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crash {
    /// Why.
    pub reason: Reason,
    /// When, ns of the core's clock; 0 where the clock could not be asked.
    pub time: u64,
    /// What the reason says it is, else 0.
    pub detail: u32,
    /// Registers.
    pub registers: Registers,
    /// Fault registers.
    pub faults: Faults,
}

/// Writes a record over the oldest one, with the last [`LOG_BYTES`] of `log`. The number that it
/// got, counting on from the newest record; `None` if `mem` is no whole page.
pub fn write(mem: &impl SharedMemory, crash: &Crash, log: impl Iterator<Item = u8>) -> Option<u32> {
    if mem.size() < SIZE {
        return None;
    }
    let newest = (0..RECORDS).filter_map(|slot| sequence(mem, slot)).max();
    let sequence = newest.map_or(1, |newest| newest.saturating_add(1));
    let base = (sequence % RECORDS) * STRIDE;
    // Whoever reads now sees no record here until it is whole.
    mem.store(base, 0);
    let put = |index: u32, word: u32| mem.store_plain(base + 4 * index, word);
    let Faults { data_status, data_address, fetch_status, fetch_address } = crash.faults;
    let head = [
        VERSION,
        sequence,
        crash.reason as u32,
        crash.time as u32,
        (crash.time >> 32) as u32,
        crash.detail,
        data_status,
        data_address,
        fetch_status,
        fetch_address,
    ];
    let words = head.iter().chain(&crash.registers.r).chain([&crash.registers.cpsr]);
    for (index, word) in (1..).zip(words) {
        put(index, *word);
    }
    let (mut log, mut count) = (log.take(LOG_BYTES), 0);
    for index in FIXED..FIXED + LOG_WORDS {
        let mut word = 0;
        for shift in [0, 8, 16, 24] {
            let Some(byte) = log.next() else { break };
            word |= u32::from(byte) << shift;
            count += 1;
        }
        put(index, word);
    }
    put(FIXED - 1, count);
    mem.store_plain(base + CRC_AT, checksum(mem, base));
    mem.store(base, MAGIC);
    Some(sequence)
}

/// The number of the record in a slot, if it is whole and lies where its number belongs: so no two
/// have the same.
fn sequence(mem: &impl SharedMemory, slot: u32) -> Option<u32> {
    let base = slot * STRIDE;
    let whole = mem.load(base) == MAGIC && mem.load_plain(base + CRC_AT) == checksum(mem, base);
    whole.then(|| mem.load_plain(base + 8)).filter(|sequence| sequence % RECORDS == slot)
}

/// Over everything between the magic and the CRC.
fn checksum(mem: &impl SharedMemory, base: u32) -> u32 {
    let mut digest = CRC.digest();
    for at in (4..CRC_AT).step_by(4) {
        digest.update(&mem.load_plain(base + at).to_le_bytes());
    }
    digest.finalize()
}

/// A record as it was read.
#[cfg(feature = "std")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Counts crashes on this board since the page was formatted or its power was gone.
    pub sequence: u32,
    /// The crash.
    pub crash: Crash,
    /// The last bytes of the log: whole frames behind the first, which may be cut.
    pub log: Vec<u8>,
}

/// All records, oldest first, and how many slots hold something that is none: cut off while it was
/// written, flipped, or of a later layout.
#[cfg(feature = "std")]
pub fn records(mem: &impl SharedMemory) -> (Vec<Record>, u32) {
    if mem.size() < SIZE {
        return (Vec::new(), 0);
    }
    let mut damaged = 0;
    let mut found = Vec::new();
    for slot in 0..RECORDS {
        match read(mem, slot) {
            Some(record) => found.push(record),
            None => damaged += u32::from(mem.load(slot * STRIDE) == MAGIC),
        }
    }
    found.sort_by_key(|record| record.sequence);
    (found, damaged)
}

#[cfg(feature = "std")]
fn read(mem: &impl SharedMemory, slot: u32) -> Option<Record> {
    let base = slot * STRIDE;
    let sequence = sequence(mem, slot)?;
    let word = |index: u32| mem.load_plain(base + 4 * index);
    if word(1) != VERSION {
        return None;
    }
    let faults = Faults {
        data_status: word(7),
        data_address: word(8),
        fetch_status: word(9),
        fetch_address: word(10),
    };
    let registers =
        Registers { r: core::array::from_fn(|i| word(11 + i as u32)), cpsr: word(11 + 16) };
    let bytes = word(FIXED - 1) as usize;
    let log = (0..LOG_WORDS).flat_map(|index| word(FIXED + index).to_le_bytes());
    let crash = Crash {
        reason: Reason::from_code(word(3))?,
        time: u64::from(word(5)) << 32 | u64::from(word(4)),
        detail: word(6),
        registers,
        faults,
    };
    (bytes <= LOG_BYTES).then(|| Record { sequence, crash, log: log.take(bytes).collect() })
}
