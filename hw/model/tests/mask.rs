//! `mask` against floating point and by hand.

use proptest::prelude::*;
use tandem_model::Refusal;
use tandem_model::mask::{self, *};

fn bytes(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|n| n.to_le_bytes()).collect()
}

fn run(
    p: &MaskParams,
    prototypes: &[f32],
    coefficients: &[f32],
    edges: [i32; 4],
) -> Result<(MaskHeader, Vec<Run>), Refusal> {
    let mut fixed = vec![7; p.numbers()];
    quantise(p, &bytes(prototypes), &mut fixed)?;
    let mut runs = vec![Run::default(); p.cells()];
    let header = mask(p, &fixed, &bytes(coefficients), edges, &mut runs)?;
    runs.truncate(header.runs as usize);
    Ok((header, runs))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn cells_are_those_of_floating_point(
        prototypes in 1u8..=32, grid in (1u16..40, 1u16..20), stride in 1u16..9,
        threshold in any::<u16>(), seed in any::<u64>(), broken in 0usize..3,
        edges in prop::array::uniform4(-2000i32..90_000),
    ) {
        let p = MaskParams { prototypes, grid_w: grid.0, grid_h: grid.1, stride, threshold };
        let mut state = seed | 1;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(99);
            (state >> 40) as f32 / (1 << 22) as f32 - 2.0
        };
        let mut numbers: Vec<f32> = (0..p.numbers()).map(|_| next()).collect();
        let coefficients: Vec<f32> = (0..prototypes).map(|_| next()).collect();
        for i in 0..broken {
            let at = (seed >> (8 * i)) as usize % numbers.len();
            numbers[at] = [f32::NAN, f32::INFINITY][i % 2];
        }
        let (header, runs) = run(&p, &numbers, &coefficients, edges).unwrap();
        let mut ours = vec![false; p.cells()];
        for run in &runs {
            for x in run.x..run.x + run.length {
                ours[usize::from(run.y) * usize::from(grid.0) + usize::from(x)] = true;
            }
        }
        prop_assert_eq!(header.area as usize, ours.iter().filter(|on| **on).count());
        // In order, and never two that one run could be.
        let apart = |a: &Run, b: &Run| (a.y, a.x + a.length) < (b.y, b.x);
        prop_assert!(runs.is_sorted_by(apart) && runs.iter().all(|run| run.length > 0));
        let least = f64::from(threshold) / 65536.0;
        let mut not_finite = 0;
        for (cell, on) in ours.iter().enumerate() {
            let middle = |i: usize| (i as f64 + 0.5) * f64::from(stride) * 256.0;
            let (x, y) = (middle(cell % usize::from(grid.0)), middle(cell / usize::from(grid.0)));
            let [x1, y1, x2, y2] = edges.map(f64::from);
            let inside = x1 <= x && x < x2 && y1 <= y && y < y2;
            let plane = |i: usize| f64::from(numbers[i * p.cells() + cell]);
            let count = coefficients.len();
            if !(0..count).all(|i| plane(i).is_finite()) {
                not_finite += u32::from(inside);
                prop_assert!(!on);
                continue;
            }
            let logit: f64 = (0..count).map(|i| f64::from(coefficients[i]) * plane(i)).sum();
            // The bound of README.md for numbers up to 2, as a bound of the probability.
            let margin = (count as f64 * 4.0 * 2.0f64.powi(-17) + 2.0f64.powi(-25)) / 4.0 + 3.1e-6;
            let share = 1.0 / (1.0 + (-logit).exp());
            if !inside || share < least - margin {
                prop_assert!(!on, "{} {}", share, least);
            } else if share >= least + margin {
                prop_assert!(on, "{} {}", share, least);
            }
        }
        prop_assert_eq!(header.not_finite, not_finite);
    }
}

/// 4 by 2 cells of 4 pixels, two prototypes.
const SMALL: MaskParams =
    MaskParams { prototypes: 2, grid_w: 4, grid_h: 2, stride: 4, threshold: 0x8000 };
const WHOLE: [i32; 4] = [0, 0, 16 << 8, 8 << 8];

#[test]
fn runs_by_hand() {
    let first = [1.0, 1.0, -1.0, 1.0, -1.0, -1.0, 1.0, 1.0];
    let second = [0.0, -2.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0];
    let prototypes = [first, second].concat();
    let at = |y, x, length| Run { y, x, length };
    let (header, runs) = run(&SMALL, &prototypes, &[1.0, 1.0], WHOLE).unwrap();
    assert_eq!(runs, [at(0, 0, 1), at(0, 3, 1), at(1, 0, 1), at(1, 2, 2)]);
    assert_eq!(header, MaskHeader { runs: 4, area: 5, not_finite: 0 });
    // A run ends with its row, though the next begins where it ends.
    let (_, runs) = run(&SMALL, &[0.0; 16], &[1.0, 1.0], WHOLE).unwrap();
    assert_eq!(runs, [at(0, 0, 4), at(1, 0, 4)], "one half reaches the threshold of one half");
    let above = MaskParams { threshold: 0x8001, ..SMALL };
    assert_eq!(run(&above, &[0.0; 16], &[1.0, 1.0], WHOLE).unwrap().0.area, 0);
}

#[test]
fn a_cell_belongs_to_the_box_that_holds_its_middle() {
    let area = |edges| run(&SMALL, &[0.0; 16], &[1.0, 1.0], edges).unwrap().0.area;
    // The middle of the first cell is at 2 pixels.
    assert_eq!(area([2 << 8, 0, 6 << 8, 4 << 8]), 1);
    assert_eq!(area([(2 << 8) + 1, 0, (6 << 8) + 1, 4 << 8]), 1);
    assert_eq!(area([2 << 8, 0, (6 << 8) + 1, 4 << 8]), 2);
    assert_eq!(area([0, 0, 2 << 8, 8 << 8]), 0);
    assert_eq!(area([i32::MIN, i32::MIN, i32::MAX, i32::MAX]), 8);
    assert_eq!(area([8 << 8, 0, 0, 8 << 8]), 0);
}

#[test]
fn a_broken_coefficient_leaves_no_mask() {
    let (header, _) = run(&SMALL, &[0.0; 16], &[1.0, f32::NAN], WHOLE).unwrap();
    assert_eq!(header, MaskHeader { runs: 0, area: 0, not_finite: 8 });
}

#[test]
fn refusals_name_the_field() {
    let refused = |p: MaskParams| run(&p, &[0.0; 16], &[0.0; 2], WHOLE).unwrap_err();
    assert_eq!(refused(MaskParams { prototypes: 0, ..SMALL }), Refusal::Range("mask.prototypes"));
    assert_eq!(refused(MaskParams { prototypes: 65, ..SMALL }), Refusal::Range("mask.prototypes"));
    assert_eq!(refused(MaskParams { grid_w: 0, ..SMALL }), Refusal::Range("mask.grid_w"));
    assert_eq!(refused(MaskParams { grid_h: 2049, ..SMALL }), Refusal::Range("mask.grid_h"));
    assert_eq!(refused(MaskParams { stride: 65, ..SMALL }), Refusal::Range("mask.stride"));
    let short = |buffer, have, need| Refusal::Short { buffer, have, need };
    assert_eq!(refused(MaskParams { grid_w: 5, ..SMALL }), short("mask.prototypes", 64, 80));
    let error = run(&SMALL, &[0.0; 16], &[0.0], WHOLE).unwrap_err();
    assert_eq!(error, short("mask.coefficients", 4, 8));
    assert_eq!(quantise(&SMALL, &[0; 64], &mut [0; 15]), Err(short("mask.fixed", 15, 16)));
    let mut runs = [Run::default(); 1];
    let error = mask(&SMALL, &[0; 16], &[0; 8], WHOLE, &mut runs).unwrap_err();
    assert_eq!((error, runs[0].length), (short("mask.runs", 1, 2), 4));
}

const ROOM: MaskRoom = MaskRoom { objects: 3, lanes: 4, cells: 16 };

fn job(
    job: &MaskJob,
    room: &MaskRoom,
    objects: &[([i32; 4], &[f32])],
    prototypes: &[f32],
) -> Result<Vec<u8>, MaskError> {
    let mut packet = Vec::new();
    for (edges, coefficients) in objects {
        packet.extend(edges.iter().flat_map(|edge| edge.to_le_bytes()));
        packet.extend(bytes(coefficients));
    }
    packet.extend(bytes(prototypes));
    let (mut fixed, mut runs) = (vec![0; job.params.numbers()], vec![Run::default(); 40]);
    let mut result = vec![0x55; 400];
    let mut scratch = MaskScratch { fixed: &mut fixed[..], runs: &mut runs[..] };
    let length = mask::run(job, room, &packet, &mut scratch, &mut result)?;
    result.truncate(length);
    Ok(result)
}

#[test]
fn a_result_is_headers_and_then_runs() {
    let first = [1.0, 1.0, -1.0, 1.0, -1.0, -1.0, 1.0, 1.0];
    let second = [0.0, -2.0, 0.0, 0.0, 2.0, 0.0, f32::INFINITY, 0.0];
    let prototypes = [first, second].concat();
    let top = [0, 0, 16 << 8, 4 << 8];
    let objects: [([i32; 4], &[f32]); 3] =
        [(WHOLE, &[1.0, 1.0]), (WHOLE, &[f32::NAN, 0.0]), (top, &[-1.0, 0.0])];
    let whole = MaskJob { params: SMALL, objects: 3, max_runs: 5 };
    let words = [
        [4, 4, 1, 0],
        [0, 0, 8, 4],
        [1, 1, 0, 4],
        // y and x, length, twice.
        [0, 1, 3 << 16, 1],
        [1, 1, 1 | 3 << 16, 1],
    ];
    let wanted = words.concat().into_iter().chain([2 << 16, 1]).flat_map(u32::to_le_bytes);
    assert_eq!(job(&whole, &ROOM, &objects, &prototypes), Ok(wanted.collect()));
    // The last object's run does not fit.
    let tight = MaskJob { max_runs: 4, ..whole };
    let error = job(&tight, &ROOM, &objects, &prototypes);
    assert_eq!(error, Err(MaskError::TooManyRuns { object: 2 }));
}

#[test]
fn room_is_counted_in_groups() {
    let wide = MaskParams { grid_w: 9, grid_h: 4, stride: 1, ..SMALL };
    let one = MaskJob { params: wide, objects: 1, max_runs: 40 };
    let taken = |left: i32, top: i32, right: i32, bottom: i32| {
        one.cells_taken([left << 8, top << 8, right << 8, bottom << 8], &ROOM)
    };
    assert_eq!([taken(0, 0, 9, 1), taken(3, 0, 5, 2), taken(4, 1, 8, 4)], [12, 16, 12]);
    assert_eq!([taken(3, 0, 3, 2), taken(5, 0, 3, 2), taken(0, 9, 4, 9)], [0; 3]);
    let zeros = [0.0; 72];
    let attempt = |edges: [i32; 4]| job(&one, &ROOM, &[(edges, &[0.0; 2])], &zeros);
    assert!(attempt([3 << 8, 0, 5 << 8, 2 << 8]).is_ok());
    let large = attempt([3 << 8, 0, 5 << 8, 3 << 8]);
    assert_eq!(large, Err(MaskError::TooLarge { object: 0, cells: 24 }));
    assert!(attempt([0, 0, 0, 4 << 8]).is_ok());
}

#[test]
fn a_job_is_refused_by_its_objects_and_its_length() {
    let good = MaskJob { params: SMALL, objects: 1, max_runs: 40 };
    let attempt = |wanted: MaskJob, numbers: usize| {
        job(&wanted, &ROOM, &[(WHOLE, &[0.0; 2])], &vec![0.0; numbers]).map(|_| ())
    };
    assert_eq!(attempt(good, 16), Ok(()));
    for objects in [0, 4, 17] {
        let wanted = Err(MaskError::Refused(Refusal::Range("mask.objects")));
        assert_eq!(attempt(MaskJob { objects, ..good }, 16), wanted);
    }
    assert_eq!(attempt(good, 15), Err(MaskError::Length { have: 84, need: 88 }));
    assert_eq!(attempt(good, 17), Err(MaskError::Length { have: 92, need: 88 }));
    let narrow = MaskParams { grid_w: 0, ..SMALL };
    let wanted = Err(MaskError::Refused(Refusal::Range("mask.grid_w")));
    assert_eq!(attempt(MaskJob { params: narrow, ..good }, 16), wanted);
}
