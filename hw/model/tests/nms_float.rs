//! How far suppression on fixed point is from suppression on floating point, over a seeded corpus.
//!
//!     cargo test --release -p tandem-model --test nms_float -- --nocapture

use std::collections::BTreeSet;

use tandem_model::post::*;

/// Largest share of boxes that only one of the two keeps.
const SHARE: f64 = 0.005;

/// A box in f64: edges, score, class.
#[derive(Clone, Copy)]
struct Real {
    edges: [f64; 4],
    score: f64,
    class: u16,
}

struct Random(u64);

impl Random {
    fn unit(&mut self) -> f64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Roughly normal, of standard deviation one.
    fn noise(&mut self) -> f64 {
        ((0..12).map(|_| self.unit()).sum::<f64>()) - 6.0
    }
}

fn suppress_real(boxes: &[Real], iou: f64) -> BTreeSet<usize> {
    let mut order: Vec<usize> = (0..boxes.len()).collect();
    order.sort_by(|a, b| boxes[*b].score.total_cmp(&boxes[*a].score).then(a.cmp(b)));
    let area = |[x1, y1, x2, y2]: [f64; 4]| (x2 - x1).max(0.0) * (y2 - y1).max(0.0);
    let mut kept: Vec<usize> = Vec::new();
    for i in order {
        let b = boxes[i];
        let dropped = kept.iter().any(|k| {
            let (a, b_edges) = (boxes[*k].edges, b.edges);
            let shared = area([
                a[0].max(b_edges[0]),
                a[1].max(b_edges[1]),
                a[2].min(b_edges[2]),
                a[3].min(b_edges[3]),
            ]);
            boxes[*k].class == b.class && shared > iou * (area(a) + area(b_edges) - shared)
        });
        if !dropped {
            kept.push(i);
        }
    }
    kept.into_iter().collect()
}

/// Boxes kept by one only, and by any.
#[derive(Default)]
struct Tally {
    different: usize,
    kept: usize,
}

impl Tally {
    fn add(&mut self, ours: &BTreeSet<usize>, real: &BTreeSet<usize>) {
        self.different += ours.symmetric_difference(real).count();
        self.kept += ours.union(real).count();
    }

    fn check(&self, what: &str) {
        let share = self.different as f64 / self.kept as f64;
        println!(
            "{what}: {} of {} boxes differ, {:.4} %",
            self.different,
            self.kept,
            100.0 * share
        );
        assert!(self.kept > 20_000, "{} boxes say little", self.kept);
        assert!(share < SHARE, "{what}: {share}");
    }
}

/// Objects, and around each of them boxes as a detector gives them.
fn scene(random: &mut Random, side: f64) -> Vec<Real> {
    let mut boxes = Vec::new();
    for _ in 0..30 {
        let centre = [0, 1].map(|_| random.unit() * side);
        let size = [0, 1].map(|_| 8.0 * 30.0f64.powf(random.unit()));
        let (class, sure) = ((random.unit() * 3.0) as u16, 0.3 + 0.6 * random.unit());
        for _ in 0..(random.unit() * 40.0) as usize {
            let at = [0, 1].map(|i| centre[i] + 0.15 * size[i] * random.noise());
            let half = [0, 1].map(|i| size[i] * (0.15 * random.noise()).exp() / 2.0);
            let edge = |i: usize, sign: f64| (at[i] + sign * half[i]).clamp(0.0, side);
            let edges = [edge(0, -1.0), edge(1, -1.0), edge(0, 1.0), edge(1, 1.0)];
            let score = (sure + 0.1 * random.noise()).clamp(0.01, 0.999);
            boxes.push(Real { edges, score, class });
        }
    }
    boxes
}

#[test]
fn boxes_rounded_to_fixed_point_are_suppressed_as_the_real_ones() {
    let (mut random, mut tally) = (Random(2026), Tally::default());
    let mut scratch = Box::new(NmsScratch::new());
    for _ in 0..400 {
        let real = scene(&mut random, 640.0);
        let fixed = |(index, r): (u32, &Real)| {
            let [x1, y1, x2, y2] = r.edges.map(|edge| (edge * 256.0).round() as i32);
            let score = (r.score * 65536.0).round().min(65535.0) as u16;
            Detection { x1, y1, x2, y2, score, class: r.class, index }
        };
        let mut ours: Vec<_> = (0..).zip(&real).map(fixed).collect();
        let kept = suppress(&mut ours, 0x7333, false, &mut scratch);
        let ours = ours[..kept].iter().map(|d| d.index as usize).collect();
        tally.add(&ours, &suppress_real(&real, f64::from(0x7333) / 65536.0));
    }
    tally.check("edges to Q8, scores to Q16");
}

/// From the network's f32 on: decoding, threshold and suppression in f64 against the kernel.
#[test]
fn heads_give_the_boxes_of_a_float_decoder() {
    const GRID: u16 = 80;
    const CELLS: usize = 6400;
    let head = Head {
        kind: HeadKind::YoloX,
        grid_w: GRID,
        grid_h: GRID,
        stride: 8,
        anchor_count: 1,
        anchors: [(0, 0); MAX_ANCHORS],
        offset: 0,
        ..Head::UNUSED
    };
    let p = PostParams {
        head_count: 1,
        heads: [head, Head::UNUSED, Head::UNUSED, Head::UNUSED],
        classes: 3,
        score_threshold: 0x4000,
        iou_threshold: 0x7333,
        class_agnostic: false,
        top_k: 0,
        max_detections: MAX_DETECTIONS as u16,
        width: 640,
        height: 640,
    };
    let (mut random, mut tally) = (Random(7), Tally::default());
    let (mut result, mut scratch) = (vec![0; p.result_bytes()], Box::<PostScratch>::default());
    for _ in 0..400 {
        let mut numbers = vec![-9.0f32; 8 * CELLS];
        for r in scene(&mut random, 640.0) {
            let [x1, y1, x2, y2] = r.edges;
            let (cx, cy) = ((x1 + x2) / 16.0, (y1 + y2) / 16.0);
            let cell = |c: f64| (c as usize).min(79);
            let at = cell(cy) * 80 + cell(cx);
            let sides = [x2 - x1, y2 - y1].map(|side| (side.max(1.0) / 8.0).ln());
            let logit = (r.score / (1.0 - r.score)).ln();
            let values = [cx - cell(cx) as f64, cy - cell(cy) as f64, sides[0], sides[1], logit];
            for (plane, value) in values.into_iter().enumerate() {
                numbers[plane * CELLS + at] = value as f32;
            }
            for class in 0..3 {
                let logit = if class == usize::from(r.class) { 6.0 } else { -6.0 };
                numbers[(5 + class) * CELLS + at] = logit + random.noise() as f32;
            }
        }
        let sigmoid = |t: f32| 1.0 / (1.0 + (-f64::from(t)).exp());
        let number = |plane: usize, cell: usize| numbers[plane * CELLS + cell];
        let mut real = Vec::new();
        let mut indices = Vec::new();
        for cell in 0..CELLS {
            let greater =
                |a: &usize, b: &usize| number(5 + a, cell).total_cmp(&number(5 + b, cell));
            let class = (0..3).max_by(greater).unwrap();
            let score = sigmoid(number(4, cell)) * sigmoid(number(5 + class, cell));
            if score < 0.25 {
                continue;
            }
            let edge = |axis: usize, sign: f64| {
                let at = [cell % 80, cell / 80][axis] as f64 + f64::from(number(axis, cell));
                let half = f64::from(number(2 + axis, cell)).exp() / 2.0;
                ((at + sign * half) * 8.0).clamp(0.0, 640.0)
            };
            let edges = [edge(0, -1.0), edge(1, -1.0), edge(0, 1.0), edge(1, 1.0)];
            real.push(Real { edges, score, class: class as u16 });
            indices.push(cell);
        }
        let real = suppress_real(&real, f64::from(0x7333) / 65536.0);
        let real = real.into_iter().map(|i| indices[i]).collect();
        let heads: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
        postprocess(&p, &heads, &mut result, &mut scratch).unwrap();
        let (_, found) = read_result(&result).unwrap();
        tally.add(&found.map(|d| d.index as usize).collect(), &real);
    }
    tally.check("whole chain, YOLOX head");
}
