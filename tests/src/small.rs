//! A main model without weights, for tests of everything around it: 32 x 32 pixels in, four cells
//! and two classes out, each number a function of its own stretch of the tensor.

use std::sync::Arc;

use tandem_agent::api::{Outcome, Silicon};
use tandem_agent::judge::{Crop, Judge, Policy, RawDetection, VerdictRecord};
use tandem_engine::model::ResizeRule;
use tandem_engine::{Capabilities, Engine, EngineError};
use tandem_model::post::{Head, HeadKind, MAX_HEADS, PostParams};
use tandem_model::pre::Layout;

use crate::picture::{Expected, Picture};

const SIDE: u16 = 32;

/// Four cells, one anchor, two classes.
fn post() -> PostParams {
    let head = Head {
        kind: HeadKind::YoloV5,
        grid_w: 2,
        grid_h: 2,
        stride: 16,
        anchor_count: 1,
        anchors: [(12, 10); 3],
        offset: 0,
        ..Head::UNUSED
    };
    PostParams {
        head_count: 1,
        heads: [head; MAX_HEADS],
        classes: 2,
        score_threshold: 1000,
        iou_threshold: 60000,
        class_agnostic: false,
        top_k: 0,
        max_detections: 16,
        width: SIDE,
        height: SIDE,
    }
}

/// Passes if the best object scores at least this.
struct Best(f32);

impl Judge for Best {
    fn recipe(&self) -> &str {
        "best"
    }

    fn judge(&self, detections: &[RawDetection], _: [u16; 2]) -> VerdictRecord {
        let best = detections.first().map_or(0.0, |best| best.score);
        let outcome = if best >= self.0 { Outcome::Pass } else { Outcome::Fail };
        VerdictRecord { outcome, rule: Some(0), found: best }
    }

    fn explain(&self, record: &VerdictRecord, _: &[RawDetection]) -> (String, String) {
        ("best".into(), format!("The best object scores {}.", record.found))
    }
}

/// The model with a recipe that passes what scores at least `least`.
pub fn policy(least: f32) -> Policy {
    Policy {
        model: "small/1".into(),
        labels: ["a".to_owned(), "b".to_owned()].into(),
        width: SIDE,
        height: SIDE,
        pad: [114; 3],
        layout: Layout::Planar,
        resize: ResizeRule::Bilinear,
        heads_bytes: 128,
        post: post(),
        silicon: Silicon::Cpu,
        crop: Crop::Whole,
        judge: Arc::new(Best(least)),
    }
}

/// The model.
#[derive(Clone, Copy, Debug)]
pub struct Small;

impl Engine for Small {
    fn name(&self) -> &'static str {
        "small"
    }

    fn describe(&self) -> String {
        "a function of the tensor's bytes".into()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { reads_in_place: true, writes_in_place: true }
    }

    fn run(&mut self, tensor: &[u8], heads: &mut [u8]) -> Result<(), EngineError> {
        let count = heads.len() / 4;
        let step = tensor.len() / count;
        for (i, number) in heads.as_chunks_mut::<4>().0.iter_mut().enumerate() {
            let sum: u32 = tensor[i * step..][..step].iter().map(|&byte| u32::from(byte)).sum();
            let value = (sum % 64) as f32 / 16.0 - 1.0;
            *number = value.to_le_bytes();
        }
        Ok(())
    }
}

/// Some pictures with their answers under [`policy`]: passes and fails, objects in all of them,
/// no two alike.
pub fn pictures(policy: &Policy, count: u8) -> Vec<(Picture, Expected)> {
    let pictures: Vec<_> = (0..count)
        .map(|seed| {
            let picture = Picture::pattern(seed.wrapping_mul(37));
            let expected = picture.expected(policy, &mut Small);
            assert!(!expected.detections.is_empty(), "a picture without objects proves nothing");
            (picture, expected)
        })
        .collect();
    for (i, (_, one)) in pictures.iter().enumerate() {
        assert!(pictures[..i].iter().all(|(_, other)| one != other), "two answers are alike");
    }
    pictures
}
