//! Speed of the kernels as the CPU fallback and the simulator run them.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use tandem_model::post::*;
use tandem_model::pre::{Frame, Layout, PreParams, Tables, preprocess};

/// Pseudo-random words.
fn words() -> impl Iterator<Item = u32> {
    let mut state = 0x2545_f491_4f6c_dd1du64;
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 32) as u32
    })
}

fn pre(c: &mut Criterion) {
    let mut group = c.benchmark_group("preprocess 1920x1080");
    for (name, frame) in [("rgb8", Frame::rgb8(1920, 1080)), ("nv12", Frame::nv12(1920, 1080))] {
        let bytes: Vec<u8> = words().map(|w| w as u8).take(frame.bytes()).collect();
        for side in [416, 640] {
            let p = PreParams::letterbox(frame, frame.full(), side, side, [114; 3], Layout::Planar)
                .expect("the sizes are valid");
            let mut tensor = vec![0; p.tensor_bytes()];
            group.throughput(Throughput::Elements(1));
            group.bench_function(format!("{name} to {side}"), |b| {
                b.iter(|| preprocess(&p, &Tables::NONE, black_box(&bytes), &mut tensor));
            });
        }
    }
}

/// YOLOv3-tiny at 416 with 80 classes; about `per_mille` of the objectness logits are high.
fn yolo_tiny(per_mille: u32) -> (PostParams, Vec<u8>) {
    let head = |grid, stride, anchors, offset| Head {
        kind: HeadKind::YoloV3,
        grid_w: grid,
        grid_h: grid,
        stride,
        anchor_count: 3,
        anchors,
        offset,
        ..Head::UNUSED
    };
    let coarse = head(13, 32, [(81, 82), (135, 169), (344, 319)], 0);
    let fine_at = coarse.bytes(80).next_multiple_of(64) as u32;
    let fine = head(26, 16, [(10, 14), (23, 27), (37, 58)], fine_at);
    let params = PostParams {
        head_count: 2,
        heads: [coarse, fine, Head::UNUSED, Head::UNUSED],
        classes: 80,
        score_threshold: 0x4000,
        iou_threshold: 0x7333,
        class_agnostic: false,
        top_k: 0,
        max_detections: 300,
        width: 416,
        height: 416,
    };
    let mut bytes = vec![0; params.heads_bytes()];
    let mut words = words();
    for head in params.used_heads() {
        let numbers = bytes[head.offset as usize..][..head.bytes(80)].as_chunks_mut::<4>().0;
        for (i, number) in numbers.iter_mut().enumerate() {
            let word = words.next().expect("endless");
            let noise = (word & 0xffff) as f32 / 32768.0 - 1.0;
            let value = match i / head.cells() % 85 {
                0..4 => noise,
                4 if (word >> 16) % 1000 < per_mille => 3.0,
                4 => -6.0 + noise,
                _ => 2.0 * noise,
            };
            *number = value.to_le_bytes();
        }
    }
    (params, bytes)
}

fn post(c: &mut Criterion) {
    let mut group = c.benchmark_group("postprocess yolov3-tiny 416");
    for per_mille in [10, 400] {
        let (p, heads) = yolo_tiny(per_mille);
        let mut result = vec![0; p.result_bytes()];
        let mut scratch = Box::new(PostScratch::new());
        let header = postprocess(&p, &heads, &mut result, &mut scratch).expect("valid");
        group.bench_function(format!("{} candidates", header.candidates), |b| {
            b.iter(|| postprocess(&p, black_box(&heads), &mut result, &mut scratch));
        });
    }
}

fn nms(c: &mut Criterion) {
    let mut words = words();
    let mut below = |limit: u32| (words.next().expect("endless") % limit) as i32;
    let boxes: Vec<Detection> = (0..1000)
        .map(|index| {
            let (x1, y1) = (below(600 << 8), below(600 << 8));
            let (x2, y2) = (x1 + 2048 + below(60 << 8), y1 + 2048 + below(60 << 8));
            Detection { x1, y1, x2, y2, score: below(65536) as u16, class: 0, index }
        })
        .collect();
    let mut scratch = Box::new(NmsScratch::new());
    let kept = suppress(&mut boxes.clone(), 0x7333, false, &mut scratch);
    c.bench_function(&format!("nms of 1000 boxes, {kept} kept"), |b| {
        b.iter_batched_ref(
            || boxes.clone(),
            |boxes| suppress(boxes, 0x7333, false, &mut scratch),
            BatchSize::SmallInput,
        );
    });
}

criterion_group!(benches, pre, post, nms);
criterion_main!(benches);
