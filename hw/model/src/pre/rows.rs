//! Rows of the crop, and the few of them that are kept.

use super::MAX_SIDE;

/// A row of one plane: pixel `x` lies at `x + 1`, so that filters have a neighbour at both ends.
pub type Plane = [u8; MAX_SIDE as usize + 2];
/// A row of red, green and blue; of a grey job only the first holds anything.
pub type Row = [Plane; 3];

/// No row.
pub const BLACK: Row = [[0; MAX_SIDE as usize + 2]; 3];
const NO_ROW: usize = usize::MAX;

/// The left neighbours of all pixels, the pixels, and their right neighbours.
pub fn around(plane: &Plane, width: usize) -> [&[u8]; 3] {
    [&plane[..width], &plane[1..=width], &plane[2..width + 2]]
}

/// The `N` rows computed last. Any `N` consecutive ones have places of their own.
pub struct Ring<T, const N: usize> {
    rows: [T; N],
    numbers: [usize; N],
}

impl<T, const N: usize> Ring<T, N> {
    pub const fn new(rows: [T; N]) -> Self {
        Self { rows, numbers: [NO_ROW; N] }
    }

    /// Fills row `number` unless it is here.
    pub fn load(&mut self, number: usize, fill: impl FnOnce(&mut T)) {
        let place = number % N;
        if self.numbers[place] != number {
            fill(&mut self.rows[place]);
            self.numbers[place] = number;
        }
    }

    /// Row `number`, if it was loaded and nothing came into its place since.
    pub const fn get(&self, number: usize) -> &T {
        &self.rows[number % N]
    }
}
