//! Single facts about the `post` kernel: ties, limits, counts, refusals.

use tandem_model::post::*;

/// One head of one anchor, `grid` by `grid` cells of 8 pixels, all logits -20.
fn one(grid: u16, classes: u16) -> (PostParams, Vec<f32>) {
    let head = Head {
        kind: HeadKind::YoloV3,
        grid_w: grid,
        grid_h: grid,
        stride: 8,
        anchor_count: 1,
        anchors: [(16, 12), (0, 0), (0, 0)],
        offset: 0,
        ..Head::UNUSED
    };
    let params = PostParams {
        head_count: 1,
        heads: [head, Head::UNUSED, Head::UNUSED, Head::UNUSED],
        classes,
        score_threshold: 0x4000,
        iou_threshold: 0x7333,
        class_agnostic: false,
        top_k: 0,
        max_detections: 1024,
        width: 8 * grid,
        height: 8 * grid,
    };
    let numbers = vec![-20.0; head.cells() * (5 + usize::from(classes))];
    (params, numbers)
}

fn run(p: &PostParams, numbers: &[f32]) -> Result<(ResultHeader, Vec<Detection>), PostError> {
    let bytes: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
    let mut result = vec![0; p.result_bytes()];
    let header = postprocess(p, &bytes, &mut result, &mut PostScratch::new())?;
    let (_, detections) = read_result(&result)?;
    Ok((header, detections.collect()))
}

#[test]
fn one_box_by_hand() {
    let (p, mut n) = one(4, 2);
    // Cell (2, 1): centre (2.5, 1.5) cells, side exp(0) anchors, score just under 1.
    for (plane, value) in [0.0, 0.0, 0.0, 0.0, 30.0, -1.0, 30.0].into_iter().enumerate() {
        n[plane * 16 + 6] = value;
    }
    let (header, detections) = run(&p, &n).unwrap();
    assert_eq!(header, ResultHeader { count: 1, candidates: 1, not_finite: 0, cut: 0, surplus: 0 });
    let wanted = Detection {
        x1: 12 << 8,
        y1: 6 << 8,
        x2: 28 << 8,
        y2: 18 << 8,
        score: 65535,
        class: 1,
        index: 6,
    };
    assert_eq!(detections, [wanted]);
}

#[test]
fn equal_classes_go_to_the_lower_and_both_zeros_are_equal() {
    let (p, mut n) = one(1, 4);
    n[4] = 20.0;
    n[5..9].copy_from_slice(&[-0.0, 0.0, -0.0, -1e-40]);
    assert_eq!(run(&p, &n).unwrap().1[0].class, 0);
    n[7] = 1e-40;
    assert_eq!(run(&p, &n).unwrap().1[0].class, 2);
}

#[test]
fn the_threshold_itself_passes() {
    let (mut p, mut n) = one(1, 1);
    (n[4], n[5]) = (0.0, 0.0);
    assert_eq!(run(&p, &n).unwrap().1[0].score, 0x4000);
    p.score_threshold += 1;
    assert_eq!(run(&p, &n).unwrap().0.candidates, 0);
}

#[test]
fn not_a_number_drops_its_anchor_only() {
    let (p, mut n) = one(2, 1);
    for cell in 0..4 {
        (n[4 * 4 + cell], n[5 * 4 + cell]) = (5.0, 5.0);
        n[cell] = 0.0;
    }
    n[1] = f32::NAN;
    n[5 * 4 + 2] = f32::NEG_INFINITY;
    let (header, detections) = run(&p, &n).unwrap();
    assert_eq!((header.not_finite, header.candidates), (2, 2));
    assert!(detections.iter().all(|d| d.index == 0 || d.index == 3));
}

#[test]
fn the_best_are_kept_and_the_rest_is_counted() {
    let (mut p, mut n) = one(16, 1);
    for cell in 0..256 {
        n[4 * 256 + cell] = 10.0;
        n[5 * 256 + cell] = cell as f32 / 100.0;
        // Small enough not to overlap.
        (n[2 * 256 + cell], n[3 * 256 + cell]) = (-3.0, -3.0);
    }
    p.max_detections = 10;
    let (header, detections) = run(&p, &n).unwrap();
    assert_eq!(
        header,
        ResultHeader { count: 10, candidates: 256, not_finite: 0, cut: 246, surplus: 0 }
    );
    assert!(detections.iter().map(|d| d.index).eq((246..256).rev()));
}

#[test]
fn one_candidate_too_many_is_an_error_and_writes_nothing() {
    let (mut p, mut n) = one(65, 1);
    p.score_threshold = 0;
    n[4096..65 * 65].fill(f32::NAN);
    assert_eq!(run(&p, &n).unwrap().0.candidates, 4096);
    n[4096] = 0.0;
    assert_eq!(run(&p, &n), Err(PostError::TooManyCandidates));
    let bytes: Vec<u8> = n.iter().flat_map(|n| n.to_le_bytes()).collect();
    let mut result = vec![9; p.result_bytes()];
    assert!(postprocess(&p, &bytes, &mut result, &mut PostScratch::new()).is_err());
    assert!(result.iter().all(|b| *b == 9));
}

#[test]
fn refusals_name_the_field() {
    let refused = |change: fn(&mut PostParams)| {
        let (mut p, n) = one(4, 2);
        change(&mut p);
        match run(&p, &n) {
            Err(PostError::Range(field)) => field,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(refused(|p| p.head_count = 0), "head_count");
    assert_eq!(refused(|p| p.head_count = 5), "head_count");
    assert_eq!(refused(|p| p.classes = 1025), "classes");
    assert_eq!(refused(|p| p.max_detections = 0), "max_detections");
    assert_eq!(refused(|p| p.width = 0), "width");
    assert_eq!(refused(|p| p.height = 8193), "height");
    assert_eq!(refused(|p| p.heads[0].stride = 1025), "heads.stride");
    assert_eq!(refused(|p| p.heads[0].grid_w = 5), "heads.grid_w");
    assert_eq!(refused(|p| p.heads[0].grid_h = 0), "heads.grid_h");
    assert_eq!(refused(|p| p.heads[0].anchor_count = 4), "heads.anchor_count");
    assert_eq!(refused(|p| p.heads[0].anchors[0].1 = 0), "heads.anchors");
    assert_eq!(refused(|p| p.heads[0].offset = 32), "heads.offset");
    assert_eq!(refused(|p| p.heads[0].offset = 1 << 28), "heads.offset");
    assert_eq!(refused(|p| p.head_count = 2), "heads.stride");
}

#[test]
fn short_buffers_are_told_apart() {
    let (p, n) = one(2, 1);
    let (heads, mut result, mut scratch) =
        (vec![0; 4 * n.len()], vec![0; p.result_bytes()], PostScratch::new());
    let error = postprocess(&p, &heads[1..], &mut result, &mut scratch).unwrap_err();
    assert_eq!(error, PostError::Short { buffer: "heads", have: 95, need: 96 });
    let error = postprocess(&p, &heads, &mut result[1..], &mut scratch).unwrap_err();
    let need = HEADER_BYTES + 1024 * DETECTION_BYTES;
    assert_eq!(error, PostError::Short { buffer: "result", have: need - 1, need });
}

#[test]
fn a_result_that_lies_about_its_length_is_refused() {
    let error = |bytes: &[u8]| read_result(bytes).map(|_| ()).unwrap_err();
    assert_eq!(error(&[0; 31]), PostError::Short { buffer: "result", have: 31, need: 32 });
    let mut bytes = [0; 60];
    bytes[0] = 2;
    assert_eq!(error(&bytes), PostError::Short { buffer: "result", have: 60, need: 80 });
    bytes[1] = 255;
    assert_eq!(error(&bytes), PostError::Range("result.count"));
}

#[test]
fn an_overlap_of_exactly_the_threshold_keeps_the_box() {
    let side = |x2, score| Detection { x2, y2: 256, score, ..Detection::default() };
    let pair = [side(512, 9), side(256, 8)];
    let mut scratch = NmsScratch::new();
    assert_eq!(suppress(&mut pair.clone(), 0x8000, false, &mut scratch), 2);
    assert_eq!(suppress(&mut pair.clone(), 0x7fff, false, &mut scratch), 1);
}
