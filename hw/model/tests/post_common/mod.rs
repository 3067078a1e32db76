//! What the tests of all kinds of heads share.

#![allow(dead_code, reason = "each test uses its part")]

use proptest::prelude::*;
use tandem_model::post::*;

/// A reference's score, class and edges of one anchor.
pub type Anchor = (f64, u16, [f64; 4]);

/// Numbers of 0 to 1 from a seed.
pub fn random(seed: u64) -> impl FnMut() -> f32 {
    let mut state = seed | 1;
    move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 24) as f32
    }
}

pub fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Runs the kernel; nothing is written behind the result.
pub fn run(p: &PostParams, heads: &[u8]) -> Result<(ResultHeader, Vec<Detection>), PostError> {
    let mut result = vec![0xee; p.result_bytes()];
    let header = postprocess(p, heads, &mut result, &mut Box::<PostScratch>::default())?;
    let (read, detections) = read_result(&result)?;
    assert_eq!(read, header);
    let detections: Vec<_> = detections.collect();
    assert!(result[header.result_bytes()..].iter().all(|b| *b == 0xee));
    Ok((header, detections))
}

/// Scores within 2^-14 of floating point, edges within `near` pixels, and the best first.
pub fn assert_near(
    p: &PostParams,
    all: &[Anchor],
    (header, detections): (ResultHeader, Vec<Detection>),
    near: f64,
) -> Result<(), TestCaseError> {
    let margin = 2.0f64.powi(-14);
    let limit = f64::from(p.score_threshold) / 65536.0;
    let sure = all.iter().filter(|a| a.0 >= limit + margin).count() as u32;
    let possible = all.iter().filter(|a| a.0 >= limit - margin).count() as u32;
    prop_assert!((sure..=possible).contains(&header.candidates));
    for d in &detections {
        let (score, class, edges) = all[d.index as usize];
        prop_assert_eq!(d.class, class);
        prop_assert!((f64::from(d.score) / 65536.0 - score).abs() <= margin);
        prop_assert!(d.score >= p.score_threshold);
        for (ours, real) in [d.x1, d.y1, d.x2, d.y2].into_iter().zip(edges) {
            let error = f64::from(ours) / 256.0 - real;
            prop_assert!(error.abs() <= near, "{} in {:?}, {:?}", error, d, edges);
        }
    }
    let order = |d: &Detection| (core::cmp::Reverse(d.score), d.index);
    prop_assert!(detections.is_sorted_by_key(order));
    Ok(())
}
