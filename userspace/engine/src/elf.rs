//! Is a shared library whole? The dynamic loader maps a truncated file and then dies of SIGBUS.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// ELF header of a 64-bit file (System V ABI, gABI chapter 4).
const HEADER: usize = 64;
/// `e_ident`: magic, 64 bit, little endian.
const IDENT: [u8; 6] = [0x7f, b'E', b'L', b'F', 2, 1];
/// `e_machine` of the processor that runs this.
const MACHINE: u64 = if cfg!(target_arch = "aarch64") { 183 } else { 62 };
/// `p_type` of a segment that is mapped.
const PT_LOAD: u64 = 1;
/// Bytes of a program header.
const PROGRAM_HEADER: u64 = 56;

/// Says what is wrong with the file, if anything: not a library of this processor, or shorter
/// than its headers say.
pub fn fault(path: &Path) -> io::Result<Option<&'static str>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut header = [0; HEADER];
    if length < HEADER as u64 {
        return Ok(Some("is too short for a shared library"));
    }
    file.read_exact(&mut header)?;
    if header[..IDENT.len()] != IDENT {
        return Ok(Some("is not a 64-bit ELF file"));
    }
    if word(&header, 18, 2) != MACHINE {
        return Ok(Some("is for another processor"));
    }
    let sections = (word(&header, 40, 8), word(&header, 58, 2) * word(&header, 60, 2));
    let (programs, count) = (word(&header, 32, 8), word(&header, 56, 2));
    if word(&header, 54, 2) != PROGRAM_HEADER {
        return Ok(Some("has program headers of an unknown size"));
    }
    let beyond = |(start, size): (u64, u64)| start.checked_add(size).is_none_or(|end| end > length);
    if beyond(sections) || beyond((programs, count * PROGRAM_HEADER)) {
        return Ok(Some("is truncated"));
    }
    file.seek(SeekFrom::Start(programs))?;
    for _ in 0..count {
        let mut program = [0; PROGRAM_HEADER as usize];
        file.read_exact(&mut program)?;
        let segment = (word(&program, 8, 8), word(&program, 32, 8));
        if word(&program, 0, 4) == PT_LOAD && beyond(segment) {
            return Ok(Some("is truncated"));
        }
    }
    Ok(None)
}

/// A little-endian number of `size` bytes.
fn word(bytes: &[u8], at: usize, size: usize) -> u64 {
    bytes[at..at + size].iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_whole_and_every_part_of_it_is_not() {
        let whole = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("part");
        let verdict = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            fault(&path).unwrap()
        };
        assert_eq!(verdict(&whole), None);
        for length in [64, 4096, whole.len() / 2, whole.len() - 1] {
            assert_eq!(verdict(&whole[..length]), Some("is truncated"));
        }
        assert_eq!(verdict(&whole[..63]), Some("is too short for a shared library"));
        let spoilt = |at: usize| {
            let mut bytes = whole.clone();
            bytes[at] ^= 0xff;
            bytes
        };
        assert_eq!(verdict(&spoilt(4)), Some("is not a 64-bit ELF file"));
        assert_eq!(verdict(&spoilt(18)), Some("is for another processor"));
        assert_eq!(verdict(&spoilt(54)), Some("has program headers of an unknown size"));
        assert_eq!(verdict(&spoilt(47)), Some("is truncated"));
    }
}
