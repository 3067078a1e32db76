//! The `pre` kernel against its formula, pixel by pixel; geometry and packets.

use proptest::prelude::*;
use tandem_model::pre::*;

/// README.md's formula for one pixel and channel, in i128, with nothing shared or kept.
fn formula(p: &PreParams, frame: &[u8], c: usize, x: u16, y: u16) -> u8 {
    let axis = |i: u16, step: u64, len: u16| {
        let position = i128::from(i) * step as i128 + ((step as i128 - (1 << 32)) >> 1);
        let position = position.clamp(0, i128::from(len - 1) << 32);
        let at = position >> 32;
        let weight = (position - (at << 32) + (1 << 20)) >> 21;
        [(at, 2048 - weight), ((at + 1).min(i128::from(len - 1)), weight)]
    };
    let mut sum = 1i128 << 21;
    for (row, row_weight) in axis(y, p.step_y, p.crop.h) {
        for (column, column_weight) in axis(x, p.step_x, p.crop.w) {
            let (row, column) =
                (row as usize + p.crop.y as usize, column as usize + p.crop.x as usize);
            sum += i128::from(source(p, frame, c, column, row)) * row_weight * column_weight;
        }
    }
    scaled(p, c, (sum >> 22) as u8)
}

fn scaled(p: &PreParams, c: usize, pixel: u8) -> u8 {
    let sum = i64::from(pixel) * i64::from(p.scale[c]) + i64::from(p.offset[c]) + (1 << 15);
    (sum >> 16).clamp(0, 255) as u8
}

fn source(p: &PreParams, frame: &[u8], c: usize, x: usize, y: usize) -> u8 {
    let stride = p.frame.stride as usize;
    if p.frame.format == PixelFormat::Rgb8 {
        return frame[y * stride + 3 * x + c];
    }
    let chroma = stride * p.frame.height as usize + y / 2 * stride + x / 2 * 2;
    let luma = (i64::from(frame[y * stride + x]) - 16).max(0) * 1_220_542;
    let (u, v) = (i64::from(frame[chroma]) - 128, i64::from(frame[chroma + 1]) - 128);
    let colour = [1_673_527 * v, -852_492 * v - 409_993 * u, 2_116_026 * u][c];
    ((luma + colour + (1 << 19)) >> 20).clamp(0, 255) as u8
}

fn at(p: &PreParams, c: usize, x: u16, y: u16) -> usize {
    let (w, h) = (usize::from(p.width), usize::from(p.height));
    let pixel = usize::from(y) * w + usize::from(x);
    if p.layout == Layout::Planar { c * w * h + pixel } else { 3 * pixel + c }
}

/// Any geometry of small frames, with gaps between rows, free content place and free steps.
fn any_params() -> impl Strategy<Value = PreParams> {
    let sizes = (1u16..70, 1u16..50, 1u16..600, 1u16..40, any::<bool>(), any::<bool>());
    let parts = prop::array::uniform8(0.0f64..1.0);
    let pixel = (any::<[u8; 3]>(), prop::array::uniform3(-300_000i32..300_000), any::<[i32; 3]>());
    (sizes, parts, pixel, 0u32..9, prop::option::of((1u64..MAX_STEP, 1u64..1 << 34))).prop_map(
        |((w, h, tw, th, nv12, planar), parts, (pad, scale, offset), gap, steps)| {
            let (w, h) = if nv12 { (2 * w, 2 * h) } else { (w, h) };
            let even = |v: u16| if nv12 { v & !1 } else { v };
            // A part of `len`: where it begins and how long it is, both at random.
            let part = |len: u16, a: f64, b: f64| {
                let at = even((f64::from(len) * a) as u16);
                (at, even((f64::from(len - at) * b) as u16).max(1 + u16::from(nv12)))
            };
            let [(cx, cw), (cy, ch)] = [part(w, parts[0], parts[1]), part(h, parts[2], parts[3])];
            let crop = Rect { x: cx, y: cy, w: cw, h: ch };
            let mut frame = if nv12 { Frame::nv12(w, h) } else { Frame::rgb8(w, h) };
            frame.stride += gap;
            let layout = if planar { Layout::Planar } else { Layout::Interleaved };
            let mut p = PreParams::letterbox(frame, crop, tw, th, pad, layout)
                .unwrap()
                .with_resize(Resize::Bilinear);
            let free = |len: u16, a: f64, b: f64| {
                let at = (f64::from(len) * a) as u16;
                (at, ((f64::from(len - at) * b) as u16).max(1))
            };
            if let Some((step_x, step_y)) = steps {
                (p.content.x, p.content.w) = free(tw, parts[4], parts[5]);
                (p.content.y, p.content.h) = free(th, parts[6], parts[7]);
                (p.step_x, p.step_y) = (step_x >> (step_x % 20), step_y);
                (p.scale, p.offset) = (scale, offset.map(|o| o >> 8));
            }
            p.validate().unwrap();
            p
        },
    )
}

fn bytes(len: usize, seed: u32) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    };
    (0..len).map(|_| next()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn equals_the_formula(p in any_params(), seed in any::<u32>()) {
        let frame = bytes(p.frame_bytes(), seed);
        let mut tensor = vec![0xa5; p.tensor_bytes() + 5];
        preprocess(&p, &Tables::NONE, &frame, &mut tensor).unwrap();
        let r = p.content;
        for y in 0..p.height {
            for x in 0..p.width {
                let inside = (r.x..r.x + r.w).contains(&x) && (r.y..r.y + r.h).contains(&y);
                for c in 0..3 {
                    let wanted = if inside { formula(&p, &frame, c, x - r.x, y - r.y) } else { scaled(&p, c, p.pad[c]) };
                    prop_assert_eq!(tensor[at(&p, c, x, y)], wanted, "{} {} {} {:?}", c, x, y, p);
                }
            }
        }
        prop_assert_eq!(&tensor[p.tensor_bytes()..], &[0xa5; 5], "wrote behind the tensor");
    }

    #[test]
    fn packets_cover_the_tensor_once(mut p in any_params(), rows in 1u8..=MAX_BAND_ROWS) {
        p.band_rows = rows;
        let mut covered = vec![0u8; p.tensor_bytes()];
        let mut count = 0;
        for (offset, len) in packets(&p) {
            prop_assert!(len > 0);
            covered[offset..offset + len].iter_mut().for_each(|b| *b += 1);
            count += 1;
        }
        prop_assert!(covered.iter().all(|b| *b == 1));
        prop_assert_eq!(count, p.packet_count());
    }

    #[test]
    fn letterbox_is_valid_or_refused(
        (w, h) in (1u16..=MAX_SIDE, 1u16..=MAX_SIDE), (tw, th) in (1u16..=MAX_SIDE, 1u16..=MAX_SIDE),
    ) {
        let frame = Frame::rgb8(w, h);
        match PreParams::letterbox(frame, frame.full(), tw, th, [0; 3], Layout::Planar) {
            Ok(p) => {
                prop_assert!(p.packet_count() <= MAX_PACKETS);
                prop_assert!(p.content.w == tw || p.content.h == th);
                let r = (f64::from(tw) / f64::from(w)).min(f64::from(th) / f64::from(h));
                prop_assert!((f64::from(p.content.w) - f64::from(w) * r).abs() <= 1.0);
                prop_assert!((f64::from(p.content.h) - f64::from(h) * r).abs() <= 1.0);
            }
            Err(error) => {
                prop_assert!(th > 85 * 32);
                prop_assert_eq!(error, PreError::Range("band_rows"));
            }
        }
    }
}

fn plain() -> PreParams {
    let frame = Frame::nv12(64, 48);
    PreParams::letterbox(frame, frame.full(), 32, 32, [1, 2, 3], Layout::Planar).unwrap()
}

#[test]
fn letterbox_of_1080p_is_the_known_one() {
    let frame = Frame::rgb8(1920, 1080);
    let p = PreParams::letterbox(frame, frame.full(), 640, 640, [114; 3], Layout::Planar).unwrap();
    assert_eq!(p.content, Rect { x: 0, y: 140, w: 640, h: 360 });
    assert_eq!((p.step_x, p.step_y), (3 << 32, 3 << 32));
    assert_eq!((p.band_rows, p.packet_count()), (8, 240));
    let p = PreParams::letterbox(frame, frame.full(), 416, 416, [114; 3], Layout::Planar).unwrap();
    assert_eq!(p.content, Rect { x: 0, y: 91, w: 416, h: 234 });
}

#[test]
fn planar_packets_go_band_by_band() {
    let mut p = plain();
    p.band_rows = 20;
    let wanted = [(0, 640), (1024, 640), (2048, 640), (640, 384), (1664, 384), (2688, 384)];
    assert!(packets(&p).eq(wanted));
    p.layout = Layout::Interleaved;
    assert!(packets(&p).eq([(0, 1920), (1920, 1152)]));
}

#[test]
fn letterbox_takes_the_area_where_bilinear_would_skip_pixels() {
    let resize = |w, h, tw, th| {
        let frame = Frame::rgb8(w, h);
        let p = PreParams::letterbox(frame, frame.full(), tw, th, [0; 3], Layout::Planar).unwrap();
        p.resize
    };
    assert_eq!(resize(1280, 720, 640, 640), Resize::Bilinear);
    assert_eq!(resize(1282, 720, 640, 640), Resize::Area);
    assert_eq!(resize(1000, 1, 99, 33), Resize::Area);
    assert_eq!(resize(320, 240, 640, 640), Resize::Bilinear);
}

#[test]
fn grey_and_wide_elements_change_the_bytes_and_the_packets() {
    let mut p = plain();
    (p.channels, p.element, p.band_rows) = (Channels::Grey, Element::F16, 20);
    assert_eq!((p.tensor_bytes(), p.packet_count()), (2048, 2));
    assert!(packets(&p).eq([(0, 1280), (1280, 768)]));
    (p.channels, p.layout) = (Channels::Rgb, Layout::Interleaved);
    assert!(packets(&p).eq([(0, 3840), (3840, 2304)]));
    p.layout = Layout::Planar;
    assert!(packets(&p).take(3).eq([(0, 1280), (2048, 1280), (4096, 1280)]));
}

#[test]
fn an_odd_margin_is_smaller_at_the_left_and_top() {
    let frame = Frame::rgb8(10, 5);
    let place = |w, h| {
        PreParams::letterbox(frame, frame.full(), w, h, [0; 3], Layout::Planar).unwrap().content
    };
    assert_eq!(place(10, 8), Rect { x: 0, y: 1, w: 10, h: 5 });
    assert_eq!(place(15, 5), Rect { x: 2, y: 0, w: 10, h: 5 });
}
