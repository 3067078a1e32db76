//! Counts what a JPEG really holds: walks the Huffman codes of its scans (ITU-T T.81, F.2 and G.2)
//! without computing a pixel, and refuses a file whose data and header disagree. Decoders go by the
//! header alone: rows too many are painted grey, rows too few are left out without a word.
//!
//! A sequential file is walked whole. Of a progressive one the scans that bring a coefficient for
//! the first time are; those that refine it cover the same blocks.

use super::bits::{Bits, Stop, Table};
use super::{TRUNCATED, corrupt};
use crate::ingest::IngestError;

/// One component of the frame header.
struct Component {
    id: u8,
    h: u32,
    v: u32,
    /// Its DC coefficients were in a scan.
    seen: bool,
}

/// What the headers said so far, and the walk over the scans.
#[derive(Default)]
pub(super) struct Blocks {
    progressive: bool,
    width: u32,
    height: u32,
    components: Vec<Component>,
    /// By class (DC, AC) and number.
    tables: [[Option<Box<Table>>; 4]; 2],
    restart_interval: u32,
}

/// How the blocks of a component are coded in a scan.
enum Code<'a> {
    /// All coefficients of a block.
    Sequential { dc: &'a Table, ac: &'a Table },
    /// The first one.
    Dc(&'a Table),
    /// A band of the others.
    Ac { table: &'a Table, first: u32, last: u32 },
}

/// One component in a scan.
struct Part<'a> {
    /// Blocks in an MCU.
    blocks: u32,
    code: Code<'a>,
    /// Blocks to come that have nothing in the band.
    empty: u32,
}

impl Blocks {
    /// A frame header (B.2.2), behind its length; sides and precision were checked.
    pub(super) fn frame(&mut self, progressive: bool, segment: &[u8]) -> Result<(), IngestError> {
        let [_, h1, h0, w1, w0, count, rest @ ..] = segment else { return Err(TRUNCATED) };
        self.progressive = progressive;
        (self.height, self.width) = (be(*h1, *h0), be(*w1, *w0));
        if !self.components.is_empty() {
            return Err(corrupt("it has two frame headers".to_owned()));
        }
        if rest.len() < usize::from(*count) * 3 || !(1..=4).contains(count) {
            return Err(corrupt(format!("its frame header has {count} components")));
        }
        for part in rest.chunks_exact(3).take(usize::from(*count)) {
            let (h, v) = (u32::from(part[1] >> 4), u32::from(part[1] & 15));
            if !(1..=4).contains(&h) || !(1..=4).contains(&v) {
                return Err(corrupt(format!("a component is sampled {h} x {v}")));
            }
            self.components.push(Component { id: part[0], h, v, seen: false });
        }
        Ok(())
    }

    /// A DHT segment (B.2.4.2), behind its length.
    pub(super) fn huffman(&mut self, mut segment: &[u8]) -> Result<(), IngestError> {
        while let [class, rest @ ..] = segment {
            let counts: &[u8; 16] = rest.first_chunk().ok_or(TRUNCATED)?;
            let total: usize = counts.iter().map(|count| usize::from(*count)).sum();
            let symbols = rest.get(16..16 + total).ok_or(TRUNCATED)?;
            let table = Table::new(counts, symbols);
            let table = table.ok_or(corrupt("a Huffman table has too many codes".to_owned()))?;
            let slot = self.tables.get_mut(usize::from(class >> 4));
            let slot = slot.and_then(|tables| tables.get_mut(usize::from(class & 15)));
            let slot = slot.ok_or(corrupt(format!("a Huffman table has number {class:#04x}")))?;
            *slot = Some(Box::new(table));
            segment = &rest[16 + total..];
        }
        Ok(())
    }

    /// A DRI segment (B.2.4.4), behind its length.
    pub(super) fn restart_interval(&mut self, segment: &[u8]) -> Result<(), IngestError> {
        let [high, low, ..] = *segment else { return Err(TRUNCATED) };
        self.restart_interval = be(high, low);
        Ok(())
    }

    /// A scan header (B.2.3) behind its length, and the coded data that follow it.
    pub(super) fn scan(&mut self, segment: &[u8], coded: &[u8]) -> Result<(), IngestError> {
        let [count, rest @ ..] = segment else { return Err(TRUNCATED) };
        let count = usize::from(*count);
        let (Some(list), Some(tail)) = (rest.get(..2 * count), rest.get(2 * count..2 * count + 3))
        else {
            return Err(TRUNCATED);
        };
        if self.progressive && tail[2] >> 4 != 0 {
            return Ok(()); // a refinement
        }
        let (first, last) = (u32::from(tail[0]), u32::from(tail[1]));
        let mut chosen = Vec::new();
        for entry in list.chunks_exact(2) {
            let index = self.components.iter().position(|component| component.id == entry[0]);
            let index = index.ok_or(corrupt(format!("a scan has unknown part {}", entry[0])))?;
            chosen.push((index, usize::from(entry[1] >> 4), usize::from(entry[1] & 15)));
        }
        let (columns, rows) = self.grid(&chosen)?;
        let mut parts = Vec::new();
        for &(index, dc, ac) in &chosen {
            let Component { h, v, .. } = self.components[index];
            let table = |class: usize, number: usize| {
                let table = self.tables[class].get(number).and_then(|table| table.as_deref());
                table
                    .ok_or_else(|| corrupt("a scan names a Huffman table that it lacks".to_owned()))
            };
            let code = match (self.progressive, first) {
                (false, _) => Code::Sequential { dc: table(0, dc)?, ac: table(1, ac)? },
                (true, 0) => Code::Dc(table(0, dc)?),
                (true, _) => Code::Ac { table: table(1, ac)?, first, last },
            };
            let blocks = if chosen.len() == 1 { 1 } else { h * v };
            parts.push(Part { blocks, code, empty: 0 });
        }
        walk(coded, &mut parts, columns, rows, self.restart_interval)?;
        for (index, ..) in chosen {
            let seen = &mut self.components[index].seen;
            if first == 0 && std::mem::replace(seen, true) {
                return Err(corrupt("it has the same part of the picture twice".to_owned()));
            }
        }
        Ok(())
    }

    /// Columns and rows of MCUs of a scan (A.2): blocks of the one component, or of all together.
    fn grid(&self, chosen: &[(usize, usize, usize)]) -> Result<(u32, u32), IngestError> {
        let most = |of: fn(&Component) -> u32| self.components.iter().map(of).max().unwrap_or(1);
        let (h, v) = (most(|component| component.h), most(|component| component.v));
        match chosen {
            [] => Err(corrupt("a scan has nothing of the picture".to_owned())),
            [(index, ..)] => {
                let component = &self.components[*index];
                let side = |side: u32, own: u32, most: u32| (side * own).div_ceil(most).div_ceil(8);
                Ok((side(self.width, component.h, h), side(self.height, component.v, v)))
            }
            _ => Ok((self.width.div_ceil(8 * h), self.height.div_ceil(8 * v))),
        }
    }

    /// At the end marker: whether all of the picture came.
    pub(super) fn finish(&self) -> Result<(), IngestError> {
        match self.components.iter().position(|component| !component.seen) {
            None => Ok(()),
            Some(part) => Err(corrupt(format!("no scan has its part {part}"))),
        }
    }
}

/// Walks `rows` x `columns` MCUs; refuses a scan that ends before them, and one with another whole
/// row behind them. (Less than a row or than a byte may be the filling of an encoder.)
fn walk(
    coded: &[u8],
    parts: &mut [Part<'_>],
    columns: u32,
    rows: u32,
    interval: u32,
) -> Result<(), IngestError> {
    let mut bits = Bits::new(coded);
    let (claimed, mut end) = (columns * rows, 0);
    for done in 0..claimed + columns {
        if done == claimed {
            end = bits.used();
        }
        let mut stop = Ok(());
        if interval != 0 && done != 0 && done % interval == 0 {
            stop = if bits.restart() { Ok(()) } else { Err(Stop::End) };
            parts.iter_mut().for_each(|part| part.empty = 0);
        }
        let stop = stop.and_then(|()| mcu(&mut bits, parts));
        let (Err(stop), row) = (stop, done / columns) else { continue };
        return match stop {
            _ if done >= claimed => Ok(()),
            Stop::End => {
                Err(corrupt(format!("its header says {rows} rows of blocks, it holds {row}")))
            }
            Stop::Damaged => {
                Err(corrupt(format!("row {row} of its blocks has a code without meaning")))
            }
        };
    }
    if bits.used() < end + 8 {
        return Ok(());
    }
    Err(corrupt(format!("its header says {rows} rows of blocks, it holds more")))
}

fn mcu(bits: &mut Bits<'_>, parts: &mut [Part<'_>]) -> Result<(), Stop> {
    for part in parts {
        for _ in 0..part.blocks {
            match part.code {
                Code::Sequential { dc, ac } => {
                    bits.symbol(dc)?;
                    band(bits, ac, 1, 63)?;
                }
                Code::Dc(table) => {
                    bits.symbol(table)?;
                }
                Code::Ac { .. } if part.empty > 0 => part.empty -= 1,
                Code::Ac { table, first, last } => {
                    // EOBn (G.1.2.2): 2^n blocks and as many as the next n bits say, this included.
                    let run = u32::from(band(bits, table, first, last)?);
                    part.empty = (1 << run) - 1 + bits.take(run)?;
                }
            }
        }
    }
    Ok(())
}

/// Coefficients `first` to `last` of one block; the run of the symbol that ended it, else 0.
#[inline(always)]
fn band(bits: &mut Bits<'_>, table: &Table, first: u32, last: u32) -> Result<u8, Stop> {
    let mut place = first;
    while place <= last {
        let symbol = bits.symbol(table)?;
        if symbol & 15 == 0 && symbol != 0xf0 {
            return Ok(symbol >> 4);
        }
        place += u32::from(symbol >> 4) + 1;
    }
    Ok(0)
}

fn be(high: u8, low: u8) -> u32 {
    u32::from(high) << 8 | u32::from(low)
}
