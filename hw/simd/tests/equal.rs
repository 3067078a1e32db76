//! Every vector path of this machine gives the model's bits.

use proptest::prelude::*;
use tandem_model::pre::{
    Element, Frame, Layout, MAX_STEP, PixelFormat, PreParams, Rect, Resize, Tables, preprocess,
};
use tandem_simd::{Path, Scratch};

/// Pseudo-random bytes.
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    };
    std::iter::repeat_with(next).take(len).collect()
}

/// Runs every path on a buffer that ends with the frame, and compares with the model.
fn check(scratches: &mut [(Path, Scratch)], params: &PreParams, seed: u64) {
    let frame = noise(seed, params.frame_bytes());
    let mut expected = vec![1; params.tensor_bytes()];
    preprocess(params, &Tables::NONE, &frame, &mut expected).expect("valid");
    for (path, scratch) in scratches {
        let mut tensor = vec![2; params.tensor_bytes() + 3];
        tandem_simd::preprocess(params, &Tables::NONE, &frame, &mut tensor, scratch)
            .expect("valid");
        let (tensor, beyond) = tensor.split_at(params.tensor_bytes());
        assert_eq!(beyond, [2; 3], "{path:?} wrote beyond the tensor of {params:?}");
        let wrong = tensor.iter().zip(&expected).position(|(a, b)| a != b);
        assert_eq!(wrong, None, "{path:?}, {params:?}");
    }
}

/// A scratch for every path of this machine; used again and again, as in the agent.
fn scratches() -> Vec<(Path, Scratch)> {
    let paths = Path::ALL.into_iter().filter_map(|path| Some((path, Scratch::on(path)?)));
    paths.collect()
}

fn letterbox(format: PixelFormat, [w, h, to_w, to_h]: [u16; 4]) -> PreParams {
    let frame = match format {
        PixelFormat::Nv12 => Frame::nv12(w, h),
        _ => Frame::rgb8(w, h),
    };
    PreParams::letterbox(frame, frame.full(), to_w, to_h, [114, 7, 200], Layout::Planar)
        .expect("valid")
        .with_resize(Resize::Bilinear)
}

#[test]
fn the_usual_cameras_and_networks() {
    let mut scratches = scratches();
    for format in [PixelFormat::Nv12, PixelFormat::Rgb8] {
        for sizes in [
            [1920, 1080, 416, 416],
            [2448, 2048, 640, 640],
            [1280, 720, 608, 608],
            [320, 240, 640, 640],
            [640, 640, 640, 640],
            [3840, 2160, 224, 224],
            [8192, 64, 96, 96],
            [64, 2, 8192, 40],
        ] {
            let params = letterbox(format, sizes);
            check(&mut scratches, &params, 1);
            let half = PreParams { element: Element::F16, scale: [65793; 3], ..params };
            check(&mut scratches, &half, 1);
        }
    }
}

#[test]
fn every_width_of_a_row_up_to_two_windows() {
    let mut scratches = scratches();
    for w in 1..=132 {
        for to in [1, 15, 33, 64, 100] {
            check(&mut scratches, &letterbox(PixelFormat::Rgb8, [w, 3, to, 5]), 2);
            check(&mut scratches, &letterbox(PixelFormat::Nv12, [2 * w, 4, to, 5]), 2);
        }
    }
}

#[test]
fn every_colour_is_converted_as_in_the_model() {
    // 256 x 256 pixels of every luma and U, one V at a time; not resized.
    let mut scratches = scratches();
    let params = letterbox(PixelFormat::Nv12, [512, 512, 512, 512]);
    let mut frame = vec![0; params.frame_bytes()];
    for (i, byte) in frame[..512 * 512].iter_mut().enumerate() {
        *byte = (i / 2 % 256) as u8;
    }
    let mut expected = vec![0; params.tensor_bytes()];
    let mut tensor = expected.clone();
    for v in 0..=255 {
        for (i, pair) in frame[512 * 512..].as_chunks_mut::<2>().0.iter_mut().enumerate() {
            *pair = [(i / 256) as u8, v];
        }
        preprocess(&params, &Tables::NONE, &frame, &mut expected).expect("valid");
        for (path, scratch) in &mut scratches {
            tandem_simd::preprocess(&params, &Tables::NONE, &frame, &mut tensor, scratch)
                .expect("valid");
            assert!(tensor == expected, "{path:?}, V {v}");
        }
    }
}

#[test]
fn errors_are_the_models() {
    let good = letterbox(PixelFormat::Nv12, [64, 48, 32, 32]);
    let bad = PreParams { step_x: 0, ..good.clone() };
    let (frame, mut tensor) = (vec![0; good.frame_bytes()], vec![0; good.tensor_bytes()]);
    for (_, scratch) in &mut scratches() {
        for (params, frame_len, tensor_len) in [
            (&bad, frame.len(), tensor.len()),
            (&good, frame.len() - 1, tensor.len()),
            (&good, frame.len(), tensor.len() - 1),
        ] {
            let (frame, tensor) = (&frame[..frame_len], &mut tensor[..tensor_len]);
            let ours = tandem_simd::preprocess(params, &Tables::NONE, frame, tensor, scratch);
            assert_eq!(ours, preprocess(params, &Tables::NONE, frame, tensor));
            assert!(ours.is_err());
        }
    }
}

fn any_params() -> impl Strategy<Value = PreParams> {
    let format = prop_oneof![3 => Just(PixelFormat::Nv12), 1 => Just(PixelFormat::Rgb8)];
    let side = || prop_oneof![4 => 1u16..100, 2 => 1u16..700, 1 => 1u16..2500];
    let sides = (side(), 1u16..80, 1u16..400, 1u16..60);
    let crop = prop::option::of((any::<[u16; 2]>(), any::<[u16; 2]>()));
    let numbers = prop::option::of((any::<[i32; 3]>(), any::<[i32; 3]>()));
    let steps = prop::option::of((0u64..46, 0u64..46, any::<[u64; 2]>()));
    let element = prop_oneof![Just(Element::U8), Just(Element::I8), Just(Element::F16)];
    let extra = (0u32..9, any::<bool>(), any::<[u8; 3]>(), element);
    (format, sides, crop, numbers, steps, extra).prop_map(
        |(format, (w, h, to_w, to_h), crop, numbers, steps, (gap, interleaved, pad, element))| {
            let even = if format == PixelFormat::Nv12 { 2 } else { 1 };
            let (w, h) = (w.next_multiple_of(even), h.next_multiple_of(even));
            let mut frame = match format {
                PixelFormat::Nv12 => Frame::nv12(w, h),
                _ => Frame::rgb8(w, h),
            };
            frame.stride += gap;
            let within = |at: u16, len: u16, of: u16| {
                let at = at % (of / even) * even;
                (at, (len % ((of - at) / even) + 1) * even)
            };
            let crop = crop.map_or(frame.full(), |(at, len)| {
                let ((x, w), (y, h)) = (within(at[0], len[0], w), within(at[1], len[1], h));
                Rect { x, y, w, h }
            });
            let layout = if interleaved { Layout::Interleaved } else { Layout::Planar };
            let mut params =
                PreParams::letterbox(frame, crop, to_w, to_h, pad, layout).expect("valid");
            params.resize = Resize::Bilinear;
            params.element = element;
            if element == Element::F16 {
                params.scale = [65793, 70000, -300];
                params.offset = [0, -7_000_000, 1 << 23];
            }
            if let Some((scale, offset)) = numbers {
                params.scale = scale.map(|s| s % (1 << 18));
                params.offset = offset.map(|o| o % (1 << 24));
            }
            // Any step is allowed, not only those of a letterbox.
            if let Some((x, y, noise)) = steps {
                params.step_x = (noise[0] % (1 << x)).clamp(1, MAX_STEP);
                params.step_y = (noise[1] % (1 << y)).clamp(1, MAX_STEP);
            }
            params
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_parameters(params in any_params(), seed: u64) {
        thread_local! {
            static SCRATCHES: std::cell::RefCell<Vec<(Path, Scratch)>> = scratches().into();
        }
        SCRATCHES.with_borrow_mut(|scratches| check(scratches, &params, seed));
    }
}
