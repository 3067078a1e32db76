//! The R5F's ELF file: what goes where.

use object::Endianness;
use object::elf::{EM_ARM, FileHeader32, PT_LOAD};
use object::read::elf::{FileHeader, ProgramHeader};
use std::ops::Range;
use thiserror::Error;

/// Why a file is no image for this core.
#[derive(Debug, PartialEq, Eq, Error)]
pub enum ImageError {
    /// Not a 32-bit little-endian ELF file for Arm, or a damaged one.
    #[error("not a whole 32-bit little-endian ELF file for Arm: {0}")]
    Elf(&'static str),
    /// A segment outside the core's memory.
    #[error("segment at {from:#x}..{to:#x} lies outside the core's memory of {size:#x} bytes")]
    Outside {
        /// First byte.
        from: u64,
        /// One past the last.
        to: u64,
        /// Bytes of the memory.
        size: u32,
    },
    /// Two segments share bytes.
    #[error("segments at {0:#x} and {1:#x} overlap")]
    Overlap(u32, u32),
    /// Nothing to load.
    #[error("it has no segment to load")]
    Empty,
}

/// Segments to load at their physical addresses, and where to begin.
#[derive(Debug, PartialEq, Eq)]
pub struct Image<'a> {
    /// First instruction.
    pub entry: u32,
    /// Address and bytes, by address; no two overlap.
    pub segments: Vec<(u32, &'a [u8])>,
}

impl<'a> Image<'a> {
    /// Reads an ELF file whose segments must lie in `0..size`.
    ///
    /// # Errors
    /// [`ImageError`].
    pub fn parse(elf: &'a [u8], size: u32) -> Result<Self, ImageError> {
        let broken = |what: &'static str| move |_: object::read::Error| ImageError::Elf(what);
        let header = FileHeader32::<Endianness>::parse(elf).map_err(broken("its header"))?;
        let endian = header.endian().map_err(broken("its byte order"))?;
        if endian != Endianness::Little || header.e_machine(endian) != EM_ARM {
            return Err(ImageError::Elf("it is for another processor"));
        }
        let headers = header.program_headers(endian, elf).map_err(broken("its program headers"))?;
        let mut segments = Vec::new();
        for segment in headers.iter().filter(|segment| segment.p_type(endian) == PT_LOAD) {
            let bytes = segment
                .data(endian, elf)
                .map_err(|()| ImageError::Elf("a segment ends outside the file"))?;
            if !bytes.is_empty() {
                segments.push((inside(segment.p_paddr(endian), bytes.len(), size)?.start, bytes));
            }
        }
        segments.sort_by_key(|(address, _)| *address);
        let overlap = segments
            .windows(2)
            .find(|pair| u64::from(pair[0].0) + pair[0].1.len() as u64 > u64::from(pair[1].0));
        match overlap {
            Some(pair) => Err(ImageError::Overlap(pair[0].0, pair[1].0)),
            None if segments.is_empty() => Err(ImageError::Empty),
            None => Ok(Self { entry: header.e_entry(endian), segments }),
        }
    }
}

fn inside(from: u32, length: usize, size: u32) -> Result<Range<u32>, ImageError> {
    let to = u64::from(from) + length as u64;
    match u32::try_from(to) {
        Ok(end) if end <= size => Ok(from..end),
        _ => Err(ImageError::Outside { from: from.into(), to, size }),
    }
}

/// Small files, for tests and for the seeds of the fuzzer.
pub mod made {
    const HEADER: usize = 0x34;
    const ENTRY: usize = 0x20;
    /// Bytes that all segments share, zeros at the file's end.
    const DATA: usize = 16;

    /// An ELF file for `machine` whose entry is 0x40, of segments with these addresses and lengths. It
    /// has 16 bytes for them: with a longer one it is cut.
    #[must_use]
    pub fn elf(machine: u16, segments: &[(u32, u32)]) -> Vec<u8> {
        let data = HEADER + ENTRY * segments.len();
        let mut bytes = vec![0; data + DATA];
        let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
        put(0, b"\x7fELF\x01\x01\x01");
        put(0x10, &2u16.to_le_bytes());
        put(0x12, &machine.to_le_bytes());
        put(0x14, &1u32.to_le_bytes());
        put(0x18, &0x40u32.to_le_bytes());
        put(0x1C, &(HEADER as u32).to_le_bytes());
        put(0x28, &(HEADER as u16).to_le_bytes());
        put(0x2A, &(ENTRY as u16).to_le_bytes());
        put(0x2C, &(segments.len() as u16).to_le_bytes());
        for (place, (address, size)) in segments.iter().enumerate() {
            let fields = [1, data as u32, *address, *address, *size, *size];
            for (field, value) in fields.into_iter().enumerate() {
                put(HEADER + ENTRY * place + 4 * field, &value.to_le_bytes());
            }
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::made::elf;
    use super::*;

    #[test]
    fn a_segment_is_found_where_it_belongs() {
        let bytes = elf(EM_ARM.0, &[(0x100, 16)]);
        let image = Image::parse(&bytes, 0x1_0000).expect("an image");
        assert_eq!(image.entry, 0x40);
        assert_eq!(image.segments, [(0x100, &[0; 16][..])]);
    }

    #[test]
    fn what_does_not_fit_is_refused_with_its_place() {
        let outside = elf(EM_ARM.0, &[(0xFFF8, 16)]);
        let error = Image::parse(&outside, 0x1_0000).expect_err("too far");
        assert_eq!(error, ImageError::Outside { from: 0xFFF8, to: 0x1_0008, size: 0x1_0000 });
        let far = elf(EM_ARM.0, &[(u32::MAX - 3, 16)]);
        let error = Image::parse(&far, 0x1_0000);
        assert!(matches!(error, Err(ImageError::Outside { .. })), "{error:?}");
        assert_eq!(Image::parse(&elf(EM_ARM.0, &[(0, 0)]), 0x1_0000), Err(ImageError::Empty));
        let cut = elf(EM_ARM.0, &[(0, 4096)]);
        assert!(matches!(Image::parse(&cut, 0x1_0000), Err(ImageError::Elf(_))));
        assert!(matches!(Image::parse(&elf(62, &[(0, 16)]), 0x1_0000), Err(ImageError::Elf(_))));
        assert!(matches!(Image::parse(b"\x7fELF", 0x1_0000), Err(ImageError::Elf(_))));
    }
}
