//! `tiles`: a frame as overlapping crops, and the crops' detections as the frame's.

use core::cmp::Reverse;

use crate::post::nms::{Grid, area, intersection, overlaps};
use crate::post::{Detection, NmsScratch};
use crate::pre::{MAX_SIDE, Rect};
use crate::refusal::{Refusal, check};

/// How a frame is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TileParams {
    /// Frame width in pixels, 1 to 8192.
    pub width: u16,
    /// Frame height in pixels.
    pub height: u16,
    /// Tile width in pixels; a frame that is narrower is one tile wide.
    pub tile_w: u16,
    /// Tile height in pixels.
    pub tile_h: u16,
    /// Pixels that neighbours share at least, below half of a tile's side: every object up to this
    /// size lies whole in some tile.
    pub overlap: u16,
}

/// Where one tile's detections come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// Its part of the frame, pixels.
    pub crop: Rect,
    /// Where that part lies in the network's input, network pixels (`PreParams::content`).
    pub content: Rect,
}

/// A detection with the number of its region.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Placed {
    /// The detection: [`to_frame`] brings it into the frame.
    pub detection: Detection,
    /// Number of its region in the list that `merge` is given.
    pub region: u16,
}

/// How detections of several regions become those of the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MergeParams {
    /// Frame width in pixels, 1 to 8192.
    pub width: u16,
    /// Frame height in pixels.
    pub height: u16,
    /// Drop a box if `intersection > iou_threshold * union`; unsigned Q16.
    pub iou_threshold: u16,
    /// Drop a cut box if `intersection > part_threshold * its area`; unsigned Q16.
    pub part_threshold: u16,
    /// A box whose edge is this near to a seam is cut there; Q8 frame pixels.
    pub margin: u16,
    /// Suppress across classes, too.
    pub class_agnostic: bool,
}

impl TileParams {
    /// Refuses what cannot be cut; names the field.
    pub fn validate(&self) -> Result<(), Refusal> {
        let side = |side: u16| (1..=MAX_SIDE).contains(&side);
        check(side(self.width), "tiles.width")?;
        check(side(self.height), "tiles.height")?;
        check(side(self.tile_w), "tiles.tile_w")?;
        check(side(self.tile_h), "tiles.tile_h")?;
        let half = self.tile_w.min(self.tile_h).div_ceil(2);
        check(self.overlap < half, "tiles.overlap")
    }
}

/// The tiles of a frame, row by row. The last one of a row or column is moved back to end with the
/// frame. With even sides and an even overlap all edges are even, as NV12 wants them.
pub fn tiles(params: &TileParams) -> Result<impl Iterator<Item = Rect> + Clone + use<>, Refusal> {
    params.validate()?;
    let TileParams { width, height, tile_w, tile_h, overlap } = *params;
    let (w, h) = (tile_w.min(width), tile_h.min(height));
    let starts = move |frame: u16, tile: u16, side: u16| {
        let (last, step) = (frame - side, tile - overlap);
        (0..=last.div_ceil(step))
            .map(move |i| (u32::from(i) * u32::from(step)).min(last.into()) as u16)
    };
    Ok(starts(height, tile_h, h)
        .flat_map(move |y| starts(width, tile_w, w).map(move |x| Rect { x, y, w, h })))
}

/// A detection of a region in the frame: Q8 frame pixels, each edge
/// `crop.x + (edge - content.x) * crop.w / content.w`, rounded to nearest and held to the crop.
pub fn to_frame(region: &Region, detection: &Detection) -> Result<Detection, Refusal> {
    let Region { crop, content } = *region;
    check(content.w > 0 && content.h > 0, "region.content")?;
    let edge = |at: i32, content: (u16, u16), crop: (u16, u16)| {
        let inside = i64::from(at) - (i64::from(content.0) << 8);
        let (from, to) = (i64::from(content.1), i64::from(crop.1));
        let scaled = (2 * inside * to + from).div_euclid(2 * from);
        ((i64::from(crop.0) << 8) + scaled.clamp(0, to << 8)) as i32
    };
    let [x1, x2] =
        [detection.x1, detection.x2].map(|x| edge(x, (content.x, content.w), (crop.x, crop.w)));
    let [y1, y2] =
        [detection.y1, detection.y2].map(|y| edge(y, (content.y, content.h), (crop.y, crop.h)));
    Ok(Detection { x1, y1, x2, y2, ..*detection })
}

/// Merges detections of several regions, all in frame pixels, and moves those that stay to the
/// front, by score down; returns their number. What lies behind them is unspecified. README.md has
/// the rule. The result does not depend on the order of regions or detections.
pub fn merge(
    params: &MergeParams,
    regions: &[Region],
    placed: &mut [Placed],
    scratch: &mut NmsScratch,
) -> Result<usize, Refusal> {
    params.validate(regions, placed)?;
    let cut = |p: &Placed| params.is_cut(&regions[usize::from(p.region)].crop, &p.detection);
    let rank = |p: &Placed| {
        let (crop, d) = (&regions[usize::from(p.region)].crop, &p.detection);
        let place = (crop.y, crop.x, crop.h, crop.w);
        (Reverse(d.score), place, d.index, (d.class, d.x1, d.y1, d.x2, d.y2))
    };
    placed.sort_unstable_by_key(|p| (cut(p), rank(p)));
    let grid = Grid::around(placed.iter().map(|p| &p.detection));
    let mut kept = 0;
    for i in 0..placed.len() {
        let candidate = placed[i];
        let box_cut = cut(&candidate);
        let place = grid.place(&candidate.detection);
        let dropped = scratch.any(kept, &place, params.class_agnostic, |at| {
            params.drops(&placed[at], &candidate, box_cut)
        });
        if !dropped {
            scratch.insert(kept, &place);
            placed[kept] = candidate;
            kept += 1;
        }
    }
    placed[..kept].sort_unstable_by_key(rank);
    Ok(kept)
}

impl MergeParams {
    fn validate(&self, regions: &[Region], placed: &[Placed]) -> Result<(), Refusal> {
        check((1..=MAX_SIDE).contains(&self.width), "merge.width")?;
        check((1..=MAX_SIDE).contains(&self.height), "merge.height")?;
        let inside =
            |at: u16, len: u16, of: u16| len > 0 && u32::from(at) + u32::from(len) <= of.into();
        let crops = regions.iter().map(|region| region.crop);
        let mut crops =
            crops.map(|c| inside(c.x, c.w, self.width) && inside(c.y, c.h, self.height));
        check(crops.all(|good| good), "merge.regions.crop")?;
        let known = |p: &Placed| usize::from(p.region) < regions.len();
        check(placed.iter().all(known), "merge.placed.region")?;
        let (right, bottom) = (i32::from(self.width) << 8, i32::from(self.height) << 8);
        let ordered = |low: i32, high: i32, end: i32| 0 <= low && low <= high && high <= end;
        let whole = |d: &Detection| ordered(d.x1, d.x2, right) && ordered(d.y1, d.y2, bottom);
        check(placed.iter().all(|p| whole(&p.detection)), "merge.placed.detection")
    }

    /// Whether the box ends at an edge of its region inside the frame: there may be more of it.
    fn is_cut(&self, crop: &Rect, d: &Detection) -> bool {
        let margin = i32::from(self.margin);
        let axis = |low: i32, high: i32, at: u16, len: u16, frame: u16| {
            let (begin, end) = (i32::from(at) << 8, i32::from(at + len) << 8);
            (at > 0 && low - begin <= margin) || (at + len < frame && end - high <= margin)
        };
        axis(d.x1, d.x2, crop.x, crop.w, self.width)
            || axis(d.y1, d.y2, crop.y, crop.h, self.height)
    }

    fn drops(&self, better: &Placed, candidate: &Placed, cut: bool) -> bool {
        let (a, b) = (&better.detection, &candidate.detection);
        if !self.class_agnostic && a.class != b.class {
            return false;
        }
        let part = || intersection(a, b) << 16 > u64::from(self.part_threshold) * area(b);
        overlaps(a, b, self.iou_threshold) || (cut && better.region != candidate.region && part())
    }
}
