//! What an image must be to run on the core: segments in its banks, an entry, a resource table.

use object::Endianness;
use object::elf::{FileHeader32, PT_LOAD};
use object::read::elf::{FileHeader, ProgramHeader, SectionHeader};
use tandem_boards::{Board, Range};
use tandem_link::image::{Image, ImageError};

use super::FirmwareError;

/// Most resources that are believed.
const RESOURCES: u32 = 64;

pub(super) fn check(elf: &[u8], file: &str, board: &Board) -> Result<(), FirmwareError> {
    let rpu = board.rpu.as_ref().ok_or_else(|| FirmwareError::NoCore(board.name.clone()))?;
    let banks = [rpu.atcm.local(), rpu.btcm.local()];
    let end = banks.iter().map(|bank| bank.base.saturating_add(bank.size)).max().unwrap_or(0);
    let wrong = |source| FirmwareError::Image { file: file.to_owned(), source };
    let image = Image::parse(elf, end).map_err(wrong)?;
    for (from, to) in memory(elf).map_err(wrong)? {
        if !banks.iter().any(|bank| inside(*bank, from, to)) {
            let banks = banks.map(ends);
            return Err(FirmwareError::Outside { file: file.to_owned(), from, to, banks });
        }
    }
    let begins = |&(address, bytes): &(u32, &[u8])| {
        (u64::from(address)..u64::from(address) + bytes.len() as u64).contains(&image.entry.into())
    };
    let entry = u64::from(image.entry);
    if !image.segments.iter().any(begins) || !inside(banks[0], entry, entry + 4) {
        return Err(FirmwareError::Entry { file: file.to_owned(), entry: image.entry });
    }
    resources(elf).map_err(|what| FirmwareError::Resources { file: file.to_owned(), what })
}

fn ends(bank: Range) -> (u64, u64) {
    (u64::from(bank.base), u64::from(bank.base) + u64::from(bank.size))
}

fn inside(bank: Range, from: u64, to: u64) -> bool {
    let (first, end) = ends(bank);
    from >= first && to <= end
}

/// What each segment takes of memory: where its bytes are loaded, and where it runs.
fn memory(elf: &[u8]) -> Result<Vec<(u64, u64)>, ImageError> {
    let broken = |_| ImageError::Elf("its program headers");
    let header = FileHeader32::<Endianness>::parse(elf).map_err(broken)?;
    let endian = header.endian().map_err(broken)?;
    let headers = header.program_headers(endian, elf).map_err(broken)?;
    let loaded = headers.iter().filter(|segment| segment.p_type(endian) == PT_LOAD);
    let spans = loaded.flat_map(|segment| {
        let span = |from: u32, length: u32| (u64::from(from), u64::from(from) + u64::from(length));
        [
            span(segment.p_paddr(endian), segment.p_filesz(endian)),
            span(segment.p_vaddr(endian), segment.p_memsz(endian)),
        ]
    });
    Ok(spans.filter(|(from, to)| from < to).collect())
}

/// The section `.resource_table` as Linux's remoteproc reads it (`remoteproc.h`: version, number, two
/// zero words, offsets of the entries).
fn resources(elf: &[u8]) -> Result<(), &'static str> {
    let broken = |_| "the section headers are damaged";
    let header = FileHeader32::<Endianness>::parse(elf).map_err(broken)?;
    let endian = header.endian().map_err(broken)?;
    let sections = header.sections(endian, elf).map_err(broken)?;
    let (_, section) = sections.section_by_name(endian, b".resource_table").ok_or("it has none")?;
    let bytes = section.data(endian, elf).map_err(broken)?;
    let word = |at: usize| {
        let four = bytes.get(at..at + 4)?;
        Some(u32::from_le_bytes(four.try_into().ok()?))
    };
    let (Some(version), Some(number)) = (word(0), word(4)) else { return Err("it is cut off") };
    match (version, number, word(8), word(12)) {
        (1, 0..=RESOURCES, Some(0), Some(0)) => {}
        (1, _, Some(0), Some(0)) => return Err("it has more than 64 entries"),
        (1, _, Some(_), Some(_)) => return Err("its reserved words are not zero"),
        (1, ..) => return Err("it is cut off"),
        _ => return Err("its version is not 1"),
    }
    let entry = |index: u32| {
        let at = word(16 + 4 * index as usize)? as usize;
        bytes.get(at..at.checked_add(4)?)
    };
    match (0..number).all(|index| entry(index).is_some()) {
        true => Ok(()),
        false => Err("an entry lies outside"),
    }
}
