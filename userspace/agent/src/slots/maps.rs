//! `/proc/self/maps`, for tests that check what is mapped how.

use std::ops::Range;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapEntry {
    /// Addresses.
    pub addresses: Range<usize>,
    /// Rights as the kernel prints them: `rw-s`, `---s`.
    pub rights: String,
    /// Offset in the file.
    pub offset: u64,
    /// Inode of the file; 0 for anonymous memory.
    pub inode: u64,
}

/// All mappings of this process, by address.
///
/// # Errors
/// As reading `/proc/self/maps` does.
pub fn entries() -> std::io::Result<Vec<MapEntry>> {
    let text = std::fs::read_to_string("/proc/self/maps")?;
    Ok(text.lines().filter_map(parse).collect())
}

/// `start-end rights offset device inode [path]`.
fn parse(line: &str) -> Option<MapEntry> {
    let mut words = line.split_ascii_whitespace();
    let (start, end) = words.next()?.split_once('-')?;
    let hex = |text| usize::from_str_radix(text, 16).ok();
    let addresses = hex(start)?..hex(end)?;
    let rights = words.next()?.to_owned();
    let offset = u64::from_str_radix(words.next()?, 16).ok()?;
    let inode = words.nth(1)?.parse().ok()?;
    Some(MapEntry { addresses, rights, offset, inode })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read() {
        let line = "7f00a000-7f00c000 ---s 01000000 00:01 1234   /memfd:ddr (deleted)";
        let entry = parse(line).unwrap();
        assert_eq!(entry.addresses, 0x7f00_a000..0x7f00_c000);
        assert_eq!((entry.rights.as_str(), entry.offset, entry.inode), ("---s", 1 << 24, 1234));
        assert!(!entries().unwrap().is_empty());
    }
}
