//! Where the two taps of each output column lie, arranged for one path's vectors.

use tandem_model::pre::sample::{ONE, tap};
use tandem_model::pre::{MAX_SIDE, PixelFormat};

/// Bytes that a shuffle turns into 0.
const ZERO: u32 = 0x80;
const SIDE: usize = MAX_SIDE as usize;

/// How a path's `across` reads a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Output columns of one round.
    pub block: usize,
    /// Output columns that share a window of the row. A staged row has windows of `group` times
    /// [`staged_bytes`].
    pub group: usize,
    /// Lengths in bytes of the windows that the path can shuffle, ascending; none: always staged.
    pub windows: &'static [usize],
}

/// Bytes per output column in a staged row: NV12 has a, -, b, - in the luma row and the pairs
/// of both in the chroma row; RGB has both pixels and two bytes of anything.
pub const fn staged_bytes(format: PixelFormat) -> usize {
    match format {
        PixelFormat::Nv12 => 4,
        _ => 8,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Key {
    shape: Shape,
    format: PixelFormat,
    len: u16,
    outputs: u16,
    step: u64,
}

/// The plan of a row. Pixels of a crop row are numbered from 0; every output column takes pixels
/// `p` and `p + 1`, both inside the row, and its two weights sum to [`ONE`].
pub struct Plan {
    key: Option<Key>,
    blocks: usize,
    outputs: usize,
    /// Bytes of a window, or none if the row must be staged.
    pub window: Option<usize>,
    positions: Box<[u16]>,
    weights: Box<[u32]>,
    bases: Box<[u32]>,
    index: Box<[u32]>,
}

impl Plan {
    /// Room for every row; nothing is allocated later.
    pub fn new() -> Self {
        Self {
            key: None,
            blocks: 0,
            outputs: 0,
            window: None,
            positions: vec![0; SIDE].into(),
            weights: vec![0; SIDE].into(),
            bases: vec![0; SIDE].into(),
            index: vec![0; 2 * SIDE].into(),
        }
    }

    /// `p` of every output column.
    pub fn positions(&self) -> &[u16] {
        &self.positions[..self.outputs]
    }

    /// Per output column, whole blocks: weight of `p` in the lower half, of `p + 1` in the upper.
    pub fn weights(&self) -> &[u32] {
        &self.weights[..self.columns()]
    }

    /// Where each window begins: bytes from the beginning of the row.
    pub fn bases(&self) -> &[u32] {
        let group = self.key.map_or(1, |key| key.shape.group);
        &self.bases[..self.columns() / group]
    }

    /// Bytes of the window, as shuffle indices.
    ///
    /// RGB: a word per output column, index of red of `p`, zero, red of `p + 1`, zero.
    /// NV12: a word per tap, its luma index four times; a block is two halves, and of each four
    /// columns the taps of two are in the first half and those of two in the second: packed
    /// to 16 bits within 128-bit lanes, both halves give the taps in order.
    pub fn index(&self) -> &[u32] {
        &self.index[..2 * self.columns()]
    }

    fn columns(&self) -> usize {
        self.blocks * self.key.map_or(0, |key| key.shape.block)
    }

    /// Makes the plan for `outputs` columns, `step` (Q32) apart, of a row with `len` pixels, at
    /// least 2. Keeps it if it is the same as before.
    pub fn update(&mut self, shape: Shape, format: PixelFormat, len: u16, outputs: u16, step: u64) {
        let key = Key { shape, format, len, outputs, step };
        if self.key == Some(key) {
            return;
        }
        self.key = Some(key);
        self.outputs = usize::from(outputs);
        self.blocks = self.outputs.div_ceil(shape.block);
        for i in 0..self.outputs {
            let t = tap(i as u32, step, len);
            // The last pixel alone is the last pair with all weight on its second pixel.
            let last = t.at + 1 == u32::from(len);
            let (at, weight) = if last { (t.at - 1, ONE) } else { (t.at, t.weight) };
            self.positions[i] = at as u16;
            self.weights[i] = (ONE - weight) | weight << 16;
        }
        // The rest of the last block repeats its last column.
        let last = self.positions[self.outputs - 1];
        self.positions[self.outputs..self.blocks * shape.block].fill(last);
        let fits = |window: &&usize| self.place_windows(&key, **window);
        let window = shape.windows.iter().find(fits).copied();
        self.window = window;
        self.fill_windows(&key);
    }

    /// First byte of pixel `p` in its row; for NV12 in both planes, with `p` made even for chroma.
    fn byte(format: PixelFormat, p: u16) -> usize {
        match format {
            PixelFormat::Nv12 => usize::from(p),
            _ => 3 * usize::from(p),
        }
    }

    /// Base of the window for the group whose first pixel is `p`; even, inside the row.
    fn base(key: &Key, window: usize, p: u16) -> usize {
        let row = Self::byte(key.format, key.len);
        let first = Self::byte(key.format, p);
        // NV12 windows begin at a chroma pair; its rows and windows are of even length.
        let first = if key.format == PixelFormat::Nv12 { first & !1 } else { first };
        first.min(row - window)
    }

    /// Whether windows of this length hold the taps of every group.
    fn place_windows(&self, key: &Key, window: usize) -> bool {
        let row = Self::byte(key.format, key.len);
        let groups = self.positions[..self.columns()].chunks_exact(key.shape.group);
        row >= window
            && groups.into_iter().all(|group| {
                let end = Self::byte(key.format, group[group.len() - 1] + 2);
                end <= Self::base(key, window, group[0]) + window
            })
    }

    fn fill_windows(&mut self, key: &Key) {
        let Shape { block, group, .. } = key.shape;
        let staged = staged_bytes(key.format);
        for i in 0..self.blocks * block {
            let (base, a, b) = match self.window {
                Some(window) => {
                    let base = Self::base(key, window, self.positions[i / group * group]);
                    let a = Self::byte(key.format, self.positions[i]) - base;
                    (base, a, a + Self::byte(key.format, 1))
                }
                None => {
                    let base = i / group * group * staged;
                    let a = i % group * staged;
                    (base, a, a + if key.format == PixelFormat::Nv12 { 2 } else { 3 })
                }
            };
            self.bases[i / group] = base as u32;
            let (a, b) = (a as u32, b as u32);
            match key.format {
                PixelFormat::Nv12 => {
                    let everywhere = 0x0101_0101;
                    let (start, column) = (i / block * 2 * block, i % block);
                    let half = column % 4 / 2 * block;
                    let at = start + half + column / 4 * 4 + column % 2 * 2;
                    self.index[at] = a * everywhere;
                    self.index[at + 1] = b * everywhere;
                }
                _ => self.index[i] = a | ZERO << 8 | b << 16 | ZERO << 24,
            }
        }
    }
}
