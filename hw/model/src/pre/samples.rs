//! A raw sample's way to 8 bits: flat field, then the LUT or rounding.

use super::{FlatField, Lut, MAX_NODES, PreParams, Tables};

/// What is done to the samples of one row of the frame.
pub struct Levels<'a> {
    bits: u32,
    lut: Option<&'a Lut>,
    gains: Option<Gains<'a>>,
}

impl<'a> Levels<'a> {
    /// For row `y` of the frame. The tables are those of [`Tables::used_by`].
    pub fn new(params: &PreParams, tables: &Tables<'a>, y: usize) -> Self {
        let gains = tables.flat.map(|field| Gains::new(field, y));
        Self { bits: params.frame.format.bits(), lut: tables.lut, gains }
    }

    /// Samples are bytes already, and nothing is done to them.
    pub const fn is_plain(&self) -> bool {
        self.bits == 8 && self.lut.is_none() && self.gains.is_none()
    }

    /// 8 bits for the sample in a word, at column `x` of the frame, behind a filter of `colour`.
    #[inline(always)]
    pub fn level(&self, word: u16, colour: usize, x: usize) -> u8 {
        let most = (1u32 << self.bits).wrapping_sub(1);
        let mut value = u32::from(word) & most;
        if let Some(gains) = &self.gains {
            value = gains.apply(value, x).min(most);
        }
        match self.lut {
            Some(lut) => lut.table(colour)[value as usize],
            None => rounded(value, self.bits),
        }
    }
}

/// To 8 bits, half up; what would round to 256 is 255.
#[inline(always)]
fn rounded(value: u32, bits: u32) -> u8 {
    let excess = bits.wrapping_sub(8);
    (value.wrapping_add(1 << excess >> 1) >> excess).min(255) as u8
}

/// The flat field along one row of the frame.
struct Gains<'a> {
    field: &'a FlatField,
    /// Nodes interpolated between their rows: Q12 times the cell's side, 25 bits.
    nodes: [u32; MAX_NODES],
}

impl<'a> Gains<'a> {
    fn new(field: &'a FlatField, y: usize) -> Self {
        let (row, down) = (y >> field.shift(), y as u32 & (field.cell() - 1));
        let mut nodes = [0; MAX_NODES];
        let pairs = field.nodes(row).iter().zip(field.nodes(row + 1));
        for (node, (above, below)) in nodes.iter_mut().zip(pairs) {
            *node = u32::from(*above) * (field.cell() - down) + u32::from(*below) * down;
        }
        Self { field, nodes }
    }

    /// `(max(value - black, 0) * gain + 1/2) rounded down`. A value of 12 bits and a gain of 16
    /// need 28.
    #[inline(always)]
    fn apply(&self, value: u32, x: usize) -> u32 {
        let (column, right) =
            (x >> self.field.shift(), x as u64 & u64::from(self.field.cell() - 1));
        let [left, next] = [self.nodes[column], self.nodes[column + 1]].map(u64::from);
        // 25 bits times up to 2^9, twice the shift in fraction bits: the gain is rounded once.
        let twice = 2 * self.field.shift();
        let sum = left * (u64::from(self.field.cell()) - right) + next * right;
        let gain = ((sum + (1 << twice >> 1)) >> twice) as u32;
        (value.saturating_sub(u32::from(self.field.black())) * gain + (1 << 11)) >> 12
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deep_samples_round_half_up_and_stop_at_white() {
        assert_eq!([0, 1, 2, 1021, 1022, 1023].map(|v| rounded(v, 10)), [0, 0, 1, 255, 255, 255]);
        assert_eq!([7, 8, 4087, 4095].map(|v| rounded(v, 12)), [0, 1, 255, 255]);
        assert_eq!(rounded(77, 8), 77);
    }

    #[test]
    fn gains_are_exact_at_nodes_and_linear_between() {
        let nodes = [4096, 8192, 4096, 4096, 4096, 12288, 0, 4096, 4096];
        let field = FlatField::new(10, 4, 3, &nodes).unwrap();
        let at = |y, x| Gains::new(&field, y).apply(1010, x);
        assert_eq!([at(0, 0), at(0, 16), at(0, 8)], [1000, 2000, 1500]);
        assert_eq!([at(16, 16), at(8, 16), at(31, 0)], [3000, 2500, 63]);
    }
}
