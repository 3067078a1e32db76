//! Tables that a job may use: a LUT for samples, and a flat field.

use super::params::check;
use super::{Frame, PixelFormat, PreError, PreParams};

/// Most nodes of a [`FlatField`] along one axis.
pub const MAX_NODES: usize = 33;
/// Most entries of one colour's table: 12-bit samples.
const MAX_ENTRIES: usize = 1 << 12;

/// Tables beside the parameters. They change seldom, and a job says which of them it uses.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tables<'a> {
    /// Used where [`PreParams::lut`] is set.
    pub lut: Option<&'a Lut>,
    /// Used where [`PreParams::flat`] is set.
    pub flat: Option<&'a FlatField>,
}

impl<'a> Tables<'a> {
    /// No tables.
    pub const NONE: Self = Self { lut: None, flat: None };

    /// Those that a job uses.
    ///
    /// # Errors
    /// [`PreError::Missing`], or [`PreError::Range`] for a table that does not fit the frame.
    pub fn used_by(&self, params: &PreParams) -> Result<Self, PreError> {
        let lut = used(params.lut, self.lut, "lut")?;
        let flat = used(params.flat, self.flat, "flat")?;
        check(lut.is_none_or(|lut| lut.bits() == params.frame.format.bits()), "lut")?;
        check(flat.is_none_or(|flat| flat.covers(&params.frame)), "flat")?;
        Ok(Self { lut, flat })
    }
}

fn used<'a, T>(
    wanted: bool,
    table: Option<&'a T>,
    name: &'static str,
) -> Result<Option<&'a T>, PreError> {
    match (wanted, table) {
        (true, None) => Err(PreError::Missing(name)),
        (true, table) => Ok(table),
        (false, _) => Ok(None),
    }
}

/// Raw sample to 8 bits, a table per colour: black level, white balance and gamma at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lut {
    bits: u32,
    tables: [[u8; MAX_ENTRIES]; 3],
}

impl Lut {
    /// A table of `value(colour, sample)` for samples of `bits` bits (8, 10 or 12); colours are
    /// 0, 1, 2 for red, green, blue. Mono samples use the first.
    ///
    /// # Errors
    /// [`PreError::Range`] for other `bits`.
    pub fn new(bits: u32, mut value: impl FnMut(usize, u16) -> u8) -> Result<Self, PreError> {
        check([8, 10, 12].contains(&bits), "lut.bits")?;
        let mut tables = [[0; MAX_ENTRIES]; 3];
        for (colour, table) in tables.iter_mut().enumerate() {
            for (entry, sample) in table[..1 << bits].iter_mut().zip(0..) {
                *entry = value(colour, sample);
            }
        }
        Ok(Self { bits, tables })
    }

    /// Bits of the samples.
    pub const fn bits(&self) -> u32 {
        self.bits
    }

    /// The `2^bits` entries for a colour (0, 1, 2 for red, green, blue).
    pub fn table(&self, colour: usize) -> &[u8] {
        &self.tables[colour][..1 << self.bits]
    }
}

/// Black level, and gains on a grid over the frame: shading of lens and light, evened out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlatField {
    black: u16,
    shift: u32,
    columns: usize,
    rows: usize,
    gains: [u16; MAX_NODES * MAX_NODES],
}

impl FlatField {
    /// Gains, unsigned Q12 (4096 is 1.0), at nodes every `2^shift` pixels of the frame, row by
    /// row, `columns` in a row; the first lies on pixel (0, 0). `black` is taken off first.
    ///
    /// # Errors
    /// [`PreError::Range`]: `shift` is 4 to 9, `columns` and rows are 2 to [`MAX_NODES`].
    pub fn new(black: u16, shift: u32, columns: usize, nodes: &[u16]) -> Result<Self, PreError> {
        check((4..=9).contains(&shift), "flat.shift")?;
        check((2..=MAX_NODES).contains(&columns), "flat.columns")?;
        let rows = nodes.len() / columns;
        check((2..=MAX_NODES).contains(&rows) && rows * columns == nodes.len(), "flat.rows")?;
        let mut gains = [0; MAX_NODES * MAX_NODES];
        gains[..nodes.len()].copy_from_slice(nodes);
        Ok(Self { black, shift, columns, rows, gains })
    }

    /// Black level in samples.
    pub const fn black(&self) -> u16 {
        self.black
    }

    /// Nodes lie every `2^shift` pixels.
    pub const fn shift(&self) -> u32 {
        self.shift
    }

    /// Side of a cell in pixels.
    pub(super) const fn cell(&self) -> u32 {
        1 << self.shift
    }

    /// Gains of a row of nodes, unsigned Q12.
    pub fn nodes(&self, row: usize) -> &[u16] {
        &self.gains[row * self.columns..][..self.columns]
    }

    /// Every pixel of the frame lies between nodes.
    pub fn covers(&self, frame: &Frame) -> bool {
        (self.columns - 1) << self.shift >= usize::from(frame.width)
            && (self.rows - 1) << self.shift >= usize::from(frame.height)
    }
}

/// Refuses tables for formats that come from an image processor, which has applied its own.
pub(super) fn check_use(params: &PreParams) -> Result<(), PreError> {
    let yuv = PixelFormat::is_yuv(params.frame.format);
    check(!(yuv && params.lut), "lut")?;
    check(!(yuv && params.flat), "flat")
}
