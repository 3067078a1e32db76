//! What the R5F's memory protection unit can cover (PMSAv7, Armv7-AR manual B5): a region is a power
//! of two of at least 32 bytes, at a multiple of its size.

use crate::schema::{Board, Range};

/// Whether one region covers exactly this.
pub(crate) const fn covers(range: Range) -> bool {
    range.size >= 32 && range.size.is_power_of_two() && range.base.is_multiple_of(range.size)
}

/// What the R5F shares with others: link, log, crash records, descriptors.
pub(crate) const fn shared(board: &Board) -> [Range; 4] {
    let regions = &board.regions;
    [regions.link, regions.log, regions.crash, regions.descriptors]
}

/// The smallest region around all blocks of the logic.
pub(crate) fn logic(board: &Board) -> Range {
    let pl = &board.pl;
    let blocks =
        [Some(pl.dma_pre), Some(pl.dma_post), Some(pl.pre), Some(pl.post), Some(pl.gate), pl.glue];
    let blocks = || blocks.into_iter().flatten().chain(pl.loops().map(|(_, found)| found.range()));
    let first = blocks().map(|block| block.base).min().unwrap_or_default();
    let end = blocks().map(Range::end).max().unwrap_or_default();
    let mut cover = Range { base: first, size: crate::PAGE };
    // Ends at half of the bus at the latest: more would not fit `size`, and no checked board needs it.
    while cover.end() < end && cover.size < 1 << 31 {
        let size = cover.size * 2;
        cover = Range { base: first / size * size, size };
    }
    cover
}
