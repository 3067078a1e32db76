//! How the tensor travels: the order and the lengths of its stream packets.

use super::PreParams;

/// The packets of a tensor in stream order, as (byte offset in the tensor, bytes).
///
/// Rows travel in bands of `band_rows` (the last band may be shorter). Planar: each band as one
/// packet per plane, R then G then B. Interleaved or grey: one packet per band. Together they
/// cover every byte exactly once. The parameters must be valid.
pub fn packets(params: &PreParams) -> impl Iterator<Item = (usize, usize)> + use<> {
    let height = usize::from(params.height);
    let rows = usize::from(params.band_rows.max(1));
    let (planes, row_bytes) = (params.planes(), params.row_bytes());
    (0..height.div_ceil(rows) * planes).map(move |packet| {
        let (band, plane) = (packet / planes, packet % planes);
        let first = band * rows;
        let offset = (plane * height + first) * row_bytes;
        (offset, rows.min(height - first) * row_bytes)
    })
}
