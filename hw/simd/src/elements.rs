//! Bytes to elements of the tensor, and the padding.

use tandem_model::pre::{Element, Layout, PreParams, element};

/// One channel's elements by byte.
#[derive(Clone)]
pub struct Table {
    /// Whole elements.
    pub words: [u16; 256],
    /// Their low bytes.
    pub low: [u8; 256],
    /// Their high bytes.
    pub high: [u8; 256],
}

/// What becomes of a channel's bytes.
#[derive(Clone, Copy)]
pub enum Store<'a> {
    /// They are the elements.
    Same,
    /// Elements of one byte.
    Bytes(&'a Table),
    /// Elements of two bytes, little endian.
    Halves(&'a Table),
}

/// The tables of all channels; made anew only when the parameters say other ones.
pub struct Elements {
    key: Option<(Element, [i32; 3], [i32; 3])>,
    tables: [Table; 3],
}

impl Elements {
    pub fn new() -> Self {
        let empty = Table { words: [0; 256], low: [0; 256], high: [0; 256] };
        Self { key: None, tables: [0; 3].map(|_| empty.clone()) }
    }

    pub fn update(&mut self, params: &PreParams) {
        let key = (params.element, params.scale, params.offset);
        if self.key == Some(key) {
            return;
        }
        self.key = Some(key);
        for (c, table) in self.tables.iter_mut().enumerate() {
            table.words = element::table(params.element, params.scale[c], params.offset[c]);
            table.low = table.words.map(|word| word as u8);
            table.high = table.words.map(|word| (word >> 8) as u8);
        }
    }

    /// Per channel, for the parameters of the last update.
    pub fn stores(&self, params: &PreParams) -> [Store<'_>; 3] {
        [0, 1, 2].map(|c| {
            let (scale, offset) = (params.scale[c], params.offset[c]);
            match params.element.bytes() {
                _ if element::is_identity(params.element, scale, offset) => Store::Same,
                1 => Store::Bytes(&self.tables[c]),
                _ => Store::Halves(&self.tables[c]),
            }
        })
    }
}

impl Store<'_> {
    /// Bytes of an element.
    pub const fn bytes(&self) -> usize {
        match self {
            Self::Same | Self::Bytes(_) => 1,
            Self::Halves(_) => 2,
        }
    }

    /// The element of a byte, in its low bytes.
    fn of(&self, byte: u8) -> u16 {
        match self {
            Self::Same => u16::from(byte),
            Self::Bytes(table) | Self::Halves(table) => table.words[usize::from(byte)],
        }
    }

    /// Writes the elements of `bytes`.
    pub fn put(&self, bytes: &[u8], out: &mut [u8]) {
        match self {
            Self::Same => out.copy_from_slice(bytes),
            Self::Bytes(table) => {
                out.iter_mut().zip(bytes).for_each(|(o, b)| *o = table.low[usize::from(*b)]);
            }
            Self::Halves(table) => {
                let out = out.as_chunks_mut().0.iter_mut().zip(bytes);
                out.for_each(|(o, b)| *o = table.words[usize::from(*b)].to_le_bytes());
            }
        }
    }

    fn fill(&self, byte: u8, out: &mut [u8]) {
        let element = self.of(byte).to_le_bytes();
        if self.bytes() == 1 {
            return out.fill(element[0]);
        }
        let mut block = [0; 256];
        block.as_chunks_mut().0.fill(element);
        for part in out.chunks_mut(block.len()) {
            part.copy_from_slice(&block[..part.len()]);
        }
    }
}

/// Writes everything outside the content.
pub fn fill_padding(params: &PreParams, stores: &[Store; 3], tensor: &mut [u8]) {
    let size = params.element.bytes();
    let width = usize::from(params.width) * size;
    let rows = usize::from(params.height);
    let [x, y, w, h] =
        [params.content.x, params.content.y, params.content.w, params.content.h].map(usize::from);
    match params.layout {
        Layout::Planar => {
            for (c, plane) in tensor.chunks_exact_mut(width * rows).enumerate() {
                let (above, rest) = plane.split_at_mut(y * width);
                let (middle, below) = rest.split_at_mut(h * width);
                let fill = |part: &mut [u8]| stores[c].fill(params.pad[c], part);
                fill(above);
                fill(below);
                for row in middle.chunks_exact_mut(width).filter(|_| w * size < width) {
                    fill(&mut row[..x * size]);
                    fill(&mut row[(x + w) * size..]);
                }
            }
        }
        Layout::Interleaved => {
            let elements = [0, 1, 2].map(|c| stores[c].of(params.pad[c]).to_le_bytes());
            for (i, row) in tensor.chunks_exact_mut(3 * width).enumerate() {
                let inside = (y..y + h).contains(&i);
                let (left, right) = if inside { (x, x + w) } else { (width / size, width / size) };
                for (j, pixel) in row.chunks_exact_mut(3 * size).enumerate() {
                    if !(left..right).contains(&j) {
                        let to = pixel.chunks_exact_mut(size);
                        to.zip(&elements).for_each(|(to, e)| to.copy_from_slice(&e[..size]));
                    }
                }
            }
        }
    }
}
