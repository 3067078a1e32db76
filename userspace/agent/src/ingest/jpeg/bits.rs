//! Huffman codes of JPEG (ITU-T T.81, annex C and F.2.2).

/// Codes up to this length are found in one look.
const FAST: u32 = 10;

/// One Huffman table.
pub(super) struct Table {
    /// By the next [`FAST`] bits: an entry, see [`entry`], or 0 if the code is longer.
    fast: [u16; 1 << FAST],
    /// By length - 1: the first code that is too great for that length, its lower bits filled up.
    limit: [u32; 16],
    /// By length - 1: what to add to a code of that length for its place in `symbols`.
    base: [i32; 16],
    symbols: Vec<u8>,
}

impl Table {
    /// From the counts by length and the symbols of a DHT segment (annex C).
    pub(super) fn new(counts: &[u8; 16], symbols: &[u8]) -> Option<Self> {
        let mut table =
            Self { fast: [0; 1 << FAST], limit: [0; 16], base: [0; 16], symbols: symbols.to_vec() };
        let (mut code, mut at) = (0u32, 0usize);
        for (index, count) in counts.iter().enumerate() {
            let length = index as u32 + 1;
            table.base[index] = at as i32 - code as i32;
            for _ in 0..*count {
                if length <= FAST {
                    let first = (code << (FAST - length)) as usize;
                    let places = table.fast.get_mut(first..first + (1 << (FAST - length)))?;
                    places.fill(entry(length, symbols[at]));
                }
                (code, at) = (code + 1, at + 1);
            }
            if code > 1 << length {
                return None;
            }
            table.limit[index] = code << (16 - length);
            code <<= 1;
        }
        Some(table)
    }

    /// The entry of a code longer than [`FAST`], at the top of the next 16 bits.
    #[cold]
    fn slow(&self, next: u32) -> Option<u16> {
        let index = (FAST as usize..16).find(|index| next < self.limit[*index])?;
        let place = (next >> (15 - index)) as i32 + self.base[index];
        let symbol = self.symbols.get(usize::try_from(place).ok()?)?;
        Some(entry(index as u32 + 1, *symbol))
    }
}

/// A symbol, and above it how many bits its code takes and the bits that follow it (its size in the
/// low half byte).
fn entry(length: u32, symbol: u8) -> u16 {
    (length as u16 + u16::from(symbol & 15)) << 8 | u16::from(symbol)
}

/// The coded data of one scan, bit by bit. Behind its end come zeros.
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The next bits, at the top.
    buffer: u64,
    /// How many of them are valid. Below 0: read beyond the end.
    left: i32,
    /// Bytes that were stuffing.
    stuffed: usize,
}

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, buffer: 0, left: 0, stuffed: 0 }
    }

    /// More than 32 valid bits, where there are as many before the next marker.
    #[inline(always)]
    fn refill(&mut self) {
        if let Some(four) = self.bytes.get(self.at..self.at + 4)
            && !four.contains(&0xff)
            && self.left >= 0
        {
            let word = u32::from_be_bytes([four[0], four[1], four[2], four[3]]);
            self.buffer |= u64::from(word) << (32 - self.left);
            (self.left, self.at) = (self.left + 32, self.at + 4);
            return;
        }
        while (0..=56).contains(&self.left) {
            let Some(&byte) = self.bytes.get(self.at) else { return };
            if byte == 0xff {
                if self.bytes.get(self.at + 1) != Some(&0) {
                    return; // a marker
                }
                (self.at, self.stuffed) = (self.at + 1, self.stuffed + 1);
            }
            self.buffer |= u64::from(byte) << (56 - self.left);
            (self.left, self.at) = (self.left + 8, self.at + 1);
        }
    }

    /// Bits taken so far.
    pub(super) fn used(&self) -> i64 {
        8 * (self.at - self.stuffed) as i64 - i64::from(self.left)
    }

    #[inline(always)]
    fn skip(&mut self, count: u32) -> Result<(), Stop> {
        self.buffer <<= count;
        self.left -= count as i32;
        if self.left < 0 { Err(Stop::End) } else { Ok(()) }
    }

    /// The next symbol; the bits behind it that its low half byte counts are skipped.
    #[inline(always)]
    pub(super) fn symbol(&mut self, table: &Table) -> Result<u8, Stop> {
        if self.left <= 32 {
            self.refill();
        }
        let mut entry = table.fast[(self.buffer >> (64 - FAST)) as usize];
        if entry == 0 {
            entry = match table.slow((self.buffer >> 48) as u32) {
                Some(entry) => entry,
                None if self.left < 16 => return Err(Stop::End),
                None => return Err(Stop::Damaged),
            };
        }
        self.skip(u32::from(entry >> 8))?;
        Ok(entry as u8)
    }

    /// The next `count` bits, at most 14, of those that [`Bits::symbol`] refilled.
    pub(super) fn take(&mut self, count: u32) -> Result<u32, Stop> {
        let value = (self.buffer >> 32 >> (32 - count)) as u32;
        self.skip(count)?;
        Ok(value)
    }

    /// Goes behind the next restart marker; `false` where the scan ends.
    pub(super) fn restart(&mut self) -> bool {
        (self.buffer, self.left) = (0, 0);
        while let Some(found) = self.bytes[self.at..].iter().position(|byte| *byte == 0xff) {
            self.at += found + 1;
            if matches!(self.bytes.get(self.at), Some(0xd0..=0xd7)) {
                self.at += 1;
                return true;
            }
        }
        self.at = self.bytes.len();
        false
    }
}

/// Why the walk over a scan ended early.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Stop {
    End,
    Damaged,
}
