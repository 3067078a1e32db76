//! The kernels behind other networks than detectors, and what joins detections, on any numbers.

use tandem_model::classify::{Activation, ClassifyParams, Ranked, classify};
use tandem_model::ctc::{CtcParams, Symbol, ctc};
use tandem_model::mask::{self, MaskParams, Run};
use tandem_model::plane::{Plane, PlaneParams};
use tandem_model::post::{Detection, NmsScratch};
use tandem_model::tiles::{MergeParams, Placed, Region, TileParams, merge, tiles, to_frame};

use crate::input::Input;

/// The first byte chooses the kernel; then come its parameters, then the network's numbers.
pub fn outputs(bytes: &[u8]) -> bool {
    let mut input = Input(bytes);
    match input.byte() % 5 {
        0 => classes(input),
        1 => text(input),
        2 => outline(input),
        3 => plane(input),
        _ => joined(input),
    }
}

fn activation(byte: u8) -> Activation {
    if byte & 1 == 0 { Activation::Logits } else { Activation::Probabilities }
}

fn classes(mut input: Input<'_>) -> bool {
    let (classes, top_k) = (input.half(), input.byte());
    let p = ClassifyParams { classes, top_k, activation: activation(input.byte()) };
    let numbers = input.repeated(4 * usize::from(classes));
    let mut ranked = vec![Ranked::default(); top_k.into()];
    let Ok(header) = classify(&p, &numbers, &mut ranked) else {
        assert!(p.validate().is_err(), "refused without a reason");
        return false;
    };
    let finite = classes - header.not_finite;
    assert_eq!(header.count, finite.min(top_k.into()));
    let ranked = &ranked[..header.count.into()];
    assert!(ranked.is_sorted_by(|a, b| a.score >= b.score));
    assert!(ranked.iter().all(|r| r.class < classes));
    header.count > 0
}

fn text(mut input: Input<'_>) -> bool {
    let (steps, classes, blank) = (input.byte().into(), input.byte().into(), input.byte().into());
    let p = CtcParams { steps, classes, blank, activation: activation(input.byte()) };
    let numbers = input.repeated(p.input_bytes());
    let mut symbols = vec![Symbol::default(); steps.into()];
    let Ok(header) = ctc(&p, &numbers, &mut symbols) else {
        assert!(p.validate().is_err(), "refused without a reason");
        return false;
    };
    let symbols = &symbols[..header.count.into()];
    assert!(header.count + header.not_finite <= steps);
    assert!(symbols.is_sorted_by(|a, b| a.step < b.step));
    assert!(symbols.iter().all(|s| s.class < classes && s.class != blank));
    assert!(symbols.iter().all(|s| s.score >= header.lowest) && header.score >= header.lowest);
    header.count > 0
}

fn outline(mut input: Input<'_>) -> bool {
    let p = MaskParams {
        prototypes: 1 + input.byte() % 8,
        grid_w: 1 + u16::from(input.byte() % 32),
        grid_h: 1 + u16::from(input.byte() % 32),
        stride: 1 + u16::from(input.byte() % 64),
        threshold: input.half(),
    };
    let edges = [0; 4].map(|_| input.word() as i32);
    let numbers = input.repeated(4 * (p.numbers() + usize::from(p.prototypes)));
    let (coefficients, prototypes) = numbers.split_at(4 * usize::from(p.prototypes));
    let mut fixed = vec![0; p.numbers()];
    mask::quantise(&p, prototypes, &mut fixed).expect("valid parameters");
    let mut runs = vec![Run::default(); p.cells()];
    let header = mask::mask(&p, &fixed, coefficients, edges, &mut runs).expect("room for all");
    let runs = &runs[..header.runs as usize];
    let ends = |run: &Run| run.x + run.length <= p.grid_w && run.y < p.grid_h && run.length > 0;
    assert!(runs.iter().all(ends));
    assert!(runs.is_sorted_by(|a, b| (a.y, a.x + a.length) < (b.y, b.x)));
    assert_eq!(runs.iter().map(|run| u32::from(run.length)).sum::<u32>(), header.area);
    assert!((header.area + header.not_finite) as usize <= p.cells());
    header.area > 0
}

fn plane(mut input: Input<'_>) -> bool {
    let (width, height) = (input.half(), input.half());
    let shift = input.byte() % 64;
    let matrix = [0; 9].map(|_| input.long() as i64 >> shift);
    let Ok(plane) = Plane::new(PlaneParams { matrix, width, height }) else { return false };
    let inside = |at: u32, side: u16| (at % ((u32::from(side) << 8) + 1)) as i32;
    let (a, b) = (inside(input.word(), width), inside(input.word(), width));
    let (c, d) = (inside(input.word(), height), inside(input.word(), height));
    plane.point(a, c).expect("a point of the frame");
    let b = Detection {
        x1: a.min(b),
        x2: a.max(b),
        y1: c.min(d),
        y2: c.max(d),
        ..Detection::default()
    };
    plane.extent(&b).expect("a box of the frame");
    true
}

/// Detections of a tiled frame, each in network pixels of its tile: any values.
fn joined(mut input: Input<'_>) -> bool {
    let p = TileParams {
        width: 1 + input.half() % 2048,
        height: 1 + input.half() % 2048,
        tile_w: 64 + input.half() % 1024,
        tile_h: 64 + input.half() % 1024,
        overlap: input.half() % 32,
    };
    let crops = tiles(&p).expect("valid parameters");
    let regions: Vec<Region> = crops.map(|crop| Region { crop, content: crop }).collect();
    let merging = MergeParams {
        width: p.width,
        height: p.height,
        iou_threshold: input.half(),
        part_threshold: input.half(),
        margin: input.half(),
        class_agnostic: input.byte() & 1 == 1,
    };
    let mut placed = Vec::new();
    while !input.is_empty() && placed.len() < 64 {
        let region = input.byte() as usize % regions.len();
        let [x1, x2] = [0; 2].map(|_| input.half()).map(|x| i32::from(x) << 4);
        let [y1, y2] = [0; 2].map(|_| input.half()).map(|y| i32::from(y) << 4);
        let (score, class) = (input.half(), u16::from(input.byte() % 4));
        let index = placed.len() as u32;
        let [(x1, x2), (y1, y2)] = [(x1.min(x2), x1.max(x2)), (y1.min(y2), y1.max(y2))];
        let detection = Detection { x1, y1, x2, y2, score, class, index };
        let detection = to_frame(&regions[region], &detection).expect("content has a size");
        placed.push(Placed { detection, region: region as u16 });
    }
    let mut turned: Vec<Placed> = placed.iter().rev().copied().collect();
    let mut scratch = Box::new(NmsScratch::new());
    let kept = merge(&merging, &regions, &mut placed, &mut scratch).expect("all in the frame");
    let again = merge(&merging, &regions, &mut turned, &mut scratch).expect("as before");
    assert_eq!(placed[..kept], turned[..again], "the order of detections matters");
    assert!(placed[..kept].is_sorted_by(|a, b| a.detection.score >= b.detection.score));
    kept > 0
}
