//! Self-tests of memory: what nobody uses is marched, what is in use takes a pattern word by word and
//! keeps its contents. Code and the guard are left alone. Sums that cannot overflow wrap: each check would
//! cost 16 bytes of the data bank.

use crate::{board, mpu};
use core::arch::asm;
use core::ops::Range;
use tandem_drivers::march::{BadWord, March};
use tandem_drivers::mmio::MmioBus;

/// On-chip memory below what TF-A takes: its lower half. Nothing of this image lies there.
const OCM: (u32, u32) = (0xFFFC_0000, 0x2_0000);
/// Words that are tested in one turn where it can be interrupted.
const PIECE: u32 = 512;
/// Bytes below the stack pointer that the march itself may need.
const MARGIN: u32 = 512;
/// What the banks' error correction covers, at the most, with one code (R5 TRM, 8.4).
const CHUNK: u32 = 16;

/// What a test has covered, bytes.
#[derive(Clone, Copy, Default)]
pub struct Covered {
    /// Marched.
    pub marched: u32,
    /// In use, and tested in place.
    pub in_place: u32,
    /// Left alone.
    pub left: u32,
}

/// A test under way.
pub enum Banks {
    /// The on-chip memory, over many turns.
    Ocm(March),
    /// Both banks: what is free of each, in a turn each.
    Free(u8, Covered),
    /// Then the data bank's words from here on, but for these.
    InUse { next: u32, without: Range<u32>, covered: Covered },
}

impl Banks {
    /// The on-chip memory.
    pub fn ocm() -> Self {
        Self::Ocm(March::new(OCM.0, OCM.1 / 4))
    }

    /// Both banks.
    pub fn tcm() -> Self {
        Self::Free(0, Covered::default())
    }

    /// Goes on for a while; what was covered, at the end.
    ///
    /// # Errors
    /// Address of the first bad word.
    pub fn turn(&mut self, bus: &MmioBus) -> Result<Option<Covered>, u32> {
        match self {
            Self::Ocm(march) => {
                let ended = march.step(bus, PIECE).map_err(|bad| bad.at)?;
                Ok(ended.then_some(Covered { marched: OCM.1, ..Covered::default() }))
            }
            Self::Free(index, covered) => {
                let (marched, good) = free(*index, bus);
                good.map_err(|bad| bad.at)?;
                covered.marched = covered.marched.wrapping_add(marched);
                *index = index.wrapping_add(1);
                if *index == 3 {
                    *self =
                        Self::InUse { next: board::DATA_BANK, without: gap(), covered: *covered };
                }
                Ok(None)
            }
            Self::InUse { next, without, covered } => {
                for _ in 0..PIECE {
                    if *next == without.start {
                        *next = without.end;
                    }
                    // Nothing may touch the guard, the test neither.
                    if *next == board::GUARD {
                        *next = next.wrapping_add(mpu::GUARD_BYTES);
                    }
                    if *next >= board::DATA_BANK + board::DATA_BANK_SIZE {
                        return Ok(Some(shares(*covered)));
                    }
                    if !word_is_good(*next) {
                        return Err(*next);
                    }
                    *next = next.wrapping_add(4);
                }
                Ok(None)
            }
        }
    }
}

/// With what was not marched: the stack is in use above the march, and in place all of it was tested.
fn shares(covered: Covered) -> Covered {
    let code = code_gap();
    let rest = board::CODE_BANK_SIZE.wrapping_sub(code.end);
    let left = code.start.wrapping_add(rest).wrapping_add(mpu::GUARD_BYTES);
    let all = const { board::CODE_BANK_SIZE + board::DATA_BANK_SIZE };
    let in_place = all.wrapping_sub(left).wrapping_sub(covered.marched);
    Covered { in_place, left, ..covered }
}

unsafe extern "C" {
    safe static __sidata: [u32; 0];
    safe static __sdata: [u32; 0];
    safe static __edata: [u32; 0];
    safe static __euninit: [u32; 0];
    safe static _stacks_low_end: [u32; 0];
}

fn address(symbol: &'static [u32; 0]) -> u32 {
    symbol.as_ptr() as u32
}

/// From the last constant's initial value to the parking loop, in whole chunks. The bank begins at 0.
fn code_gap() -> Range<u32> {
    let data = address(&__edata).wrapping_sub(address(&__sdata));
    let start = chunk_after(address(&__sidata).wrapping_add(data));
    start..board::PARK.max(start)
}

/// From the last of the data to the first stack.
fn gap() -> Range<u32> {
    let start = chunk_after(address(&__euninit));
    start..(address(&_stacks_low_end) & !(CHUNK - 1)).max(start)
}

fn chunk_after(at: u32) -> u32 {
    at.wrapping_add(CHUNK - 1) & !(CHUNK - 1)
}

/// Marches one free part; its bytes. Not inlined: the stack below this frame is one of the parts.
#[inline(never)]
fn free(index: u8, bus: &MmioBus) -> (u32, Result<bool, BadWord>) {
    let part = match index {
        0 => code_gap(),
        1 => gap(),
        _ => {
            let start = const { board::GUARD + mpu::GUARD_BYTES };
            start..stack_pointer().wrapping_sub(MARGIN).max(start)
        }
    };
    let bytes = part.end.wrapping_sub(part.start);
    let mut march = March::new(part.start, bytes / 4);
    // SAFETY: nobody uses the part, and with the watchdog masked nobody comes to use it: no interrupt
    // is taken in this image but that, and what is called here fits the margin.
    unsafe { asm!("cpsid f", options(nostack)) };
    let good = if index == 0 {
        mpu::open_code(true);
        first_write(&part);
        let good = march.step(bus, u32::MAX);
        mpu::open_code(false);
        good
    } else {
        march.step(bus, u32::MAX)
    };
    // SAFETY: as it was.
    unsafe { asm!("cpsie f", options(nostack)) };
    (bytes, good)
}

fn stack_pointer() -> u32 {
    let at: u32;
    // SAFETY: it reads a register.
    unsafe { asm!("mov {}, sp", out(reg) at, options(nomem, nostack)) };
    at & !3
}

/// Whole chunks: a word alone would be joined with neighbours that have no valid code yet, since no
/// image was loaded there.
fn first_write(part: &Range<u32>) {
    if part.is_empty() {
        return;
    }
    // SAFETY: the part is memory that nobody uses, open in the MPU, of whole chunks.
    unsafe {
        asm!(
            "2: stmia {at}!, {{r2-r5}}",
            "cmp {at}, {end}",
            "blo 2b",
            at = inout(reg) part.start => _,
            end = in(reg) part.end,
            in("r2") 0, in("r3") 0, in("r4") 0, in("r5") 0,
            options(nostack),
        );
    }
}

/// The word at `at` keeps a pattern and its opposite; then it is what it was.
fn word_is_good(at: u32) -> bool {
    let wrong: u32;
    // SAFETY: `at` is a word of memory that this core alone uses, open to it in the MPU. It is put back
    // before anything else can look: all of it happens in registers, with the watchdog masked.
    unsafe {
        asm!(
            "cpsid f",
            "ldr {kept}, [{at}]",
            "str {pattern}, [{at}]",
            "ldr {read}, [{at}]",
            "eor {wrong}, {read}, {pattern}",
            "mvn {pattern}, {pattern}",
            "str {pattern}, [{at}]",
            "ldr {read}, [{at}]",
            "eor {read}, {read}, {pattern}",
            "orr {wrong}, {wrong}, {read}",
            "str {kept}, [{at}]",
            "dsb",
            "cpsie f",
            at = in(reg) at,
            kept = out(reg) _,
            read = out(reg) _,
            wrong = out(reg) wrong,
            pattern = inout(reg) 0x5A96_C3E1_u32 ^ at => _,
            options(nostack),
        );
    }
    wrong == 0
}
