//! The `pre` kernel against its formulas, pixel by pixel, in every format and stage.

mod scalar;

use std::collections::BTreeSet;

use tandem_model::pre::*;

/// Numbers of a seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mixed = (self.0 ^ self.0 >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^ mixed >> 29
    }

    /// `low` to `high`, both included.
    fn within(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high - low + 1)
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.next().is_multiple_of(n)
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        // Now and then all black and white, where clamps act.
        let hard = self.one_in(4);
        let byte = |n: u64| if hard { 0u8.wrapping_sub(n as u8 & 1) } else { n as u8 };
        (0..count).map(|_| byte(self.next() >> 8)).collect()
    }

    /// A part of a side: where it begins and its length, even if need be.
    fn part(&mut self, of: u16, even: bool) -> (u16, u16) {
        let unit = 1 + u16::from(even);
        let whole = of / unit;
        if self.one_in(3) {
            return (0, whole * unit);
        }
        let at = self.within(0, u64::from(whole) - 1) as u16;
        (at * unit, self.within(1, u64::from(whole - at)) as u16 * unit)
    }

    fn side(&mut self) -> u16 {
        let most = [1, 9, 40, 70, 300][self.within(0, 4) as usize];
        self.within(1, most) as u16
    }

    fn frame(&mut self) -> Frame {
        let format = PixelFormat::ALL[self.within(0, 15) as usize];
        let [width, height] = [format.even_x(), format.even_y()]
            .map(|even| self.side().next_multiple_of(1 + u16::from(even)));
        let mut frame = Frame::packed(format, width, height);
        frame.stride += self.within(0, 9) as u32;
        frame
    }

    fn params(&mut self) -> PreParams {
        let frame = self.frame();
        let (x, w) = self.part(frame.width, frame.format.even_x());
        let (y, h) = self.part(frame.height, frame.format.even_y());
        let crop = Rect { x, y, w, h };
        let (width, height) = (self.side(), self.side());
        let pad = [0; 3].map(|_| self.next() as u8);
        let layout = Layout::from_u8(self.within(0, 1) as u8).unwrap();
        let mut p = PreParams::letterbox(frame, crop, width, height, pad, layout).unwrap();
        if self.one_in(2) {
            (p.content.x, p.content.w) = self.part(width, false);
            (p.content.y, p.content.h) = self.part(height, false);
            (p.step_x, p.step_y) =
                (self.step(p.crop.w, p.content.w), self.step(p.crop.h, p.content.h));
        }
        p.resize = Resize::Area;
        if p.validate().is_err() || self.one_in(3) {
            p.resize = Resize::Bilinear;
        }
        p.channels = Channels::from_u8(self.within(0, 1) as u8).unwrap();
        p.element = Element::from_u8(self.within(0, 2) as u8).unwrap();
        p.kernel3 =
            self.one_in(3).then(|| Kernel3([0; 9].map(|_| self.next() as i16 >> self.0 % 12)));
        (p.lut, p.flat) = match frame.format.is_yuv() {
            true => (false, false),
            false => (self.one_in(2), self.one_in(2)),
        };
        if p.element == Element::F16 || self.one_in(2) {
            let shift = self.within(0, 20);
            p.scale = [0; 3].map(|_| self.next() as i32 >> shift);
            p.offset = [0; 3].map(|_| self.next() as i32 >> shift);
        }
        if p.element != Element::F16 {
            p.scale = p.scale.map(|s| s.clamp(-MAX_SCALE, MAX_SCALE));
        }
        p.validate().unwrap();
        p
    }

    /// Any step; half of the time one that an area average can take.
    fn step(&mut self, crop: u16, content: u16) -> u64 {
        let most = (u64::from(crop) << 32) / u64::from(content);
        if most >= UNIT_STEP && self.one_in(2) {
            return self.within(UNIT_STEP, most);
        }
        (self.within(1, MAX_STEP) >> self.within(0, 30)).max(1)
    }

    fn lut(&mut self, bits: u32) -> Lut {
        Lut::new(bits, |_, _| self.next() as u8).unwrap()
    }

    /// A field that covers the frame, with gains around and far above one.
    fn flat(&mut self, frame: &Frame) -> FlatField {
        let shift = self.within(4, 9) as u32;
        let [columns, rows] = [frame.width, frame.height].map(|side| {
            (usize::from(side).div_ceil(1 << shift) + 1).max(2) + usize::from(self.one_in(2))
        });
        let narrow = self.within(0, 4);
        let nodes: Vec<u16> = (0..columns * rows).map(|_| self.next() as u16 >> narrow).collect();
        let black = self.next() as u16 >> self.within(6, 15);
        FlatField::new(black, shift, columns, &nodes).unwrap()
    }
}

#[test]
fn every_format_and_stage_equals_its_formula() {
    let mut seen = BTreeSet::new();
    for seed in 0..2500 {
        let mut random = Random(seed);
        let p = random.params();
        let lut = random.lut(p.frame.format.bits());
        let flat = p.flat.then(|| random.flat(&p.frame));
        let tables = Tables { lut: Some(&lut), flat: flat.as_ref() };
        let frame = random.bytes(p.frame_bytes());
        let mut tensor = vec![0xa5; p.tensor_bytes() + 5];
        preprocess(&p, &tables, &frame, &mut tensor).unwrap();
        let wanted = scalar::tensor(&p, &tables, &frame);
        let (ours, behind) = tensor.split_at(wanted.len());
        if let Some(at) = (0..wanted.len()).find(|i| ours[*i] != wanted[*i]) {
            panic!("seed {seed}, byte {at}: {} is not {}: {p:?}", ours[at], wanted[at]);
        }
        assert_eq!(behind, [0xa5; 5], "seed {seed}: wrote behind the tensor");
        seen.insert((p.frame.format as u8, p.resize as u8, p.kernel3.is_some()));
        seen.insert((100 + p.element as u8, p.channels as u8, p.layout as u8 == 0));
        seen.insert((200 + u8::from(p.lut), p.frame.format.bits() as u8, p.flat));
    }
    // Formats by resize and filter; elements by channels and layout; tables by depth.
    assert_eq!(seen.len(), 16 * 4 + 12 + 12, "{seen:?}");
}

/// What a whole frame of `format` to `(w, h)` is.
fn run(frame: Frame, bytes: &[u8], (w, h): (u16, u16), resize: Resize) -> Vec<u8> {
    let layout = Layout::Interleaved;
    let p = PreParams::letterbox(frame, frame.full(), w, h, [0; 3], layout).unwrap();
    let p = PreParams { channels: Channels::Grey, ..p.with_resize(resize) };
    let mut tensor = vec![0; p.tensor_bytes()];
    preprocess(&p, &Tables::NONE, bytes, &mut tensor).unwrap();
    tensor
}

#[test]
fn the_largest_frame_has_the_means_of_its_blocks() {
    const SIDE: usize = 8192;
    let frame = Frame::packed(PixelFormat::Mono8, 8192, 8192);
    let bytes = Random(7).bytes(SIDE * SIDE);
    let tensor = run(frame, &bytes, (512, 512), Resize::Area);
    for (at, ours) in tensor.iter().enumerate() {
        let (x, y) = (at % 512 * 16, at / 512 * 16);
        let block = (y..y + 16).flat_map(|y| &bytes[y * SIDE + x..][..16]);
        let mean = f64::from(block.map(|b| u32::from(*b)).sum::<u32>()) / 256.0;
        // Rounded to Q8 across and once more down: half a step, and 2^-9.
        assert!((f64::from(*ours) - mean).abs() <= 0.502, "{at}: {ours}, {mean}");
    }
    // All of it as one sample: the longest span in both axes.
    let mean = bytes.iter().map(|b| f64::from(*b)).sum::<f64>() / (SIDE * SIDE) as f64;
    let one = run(frame, &bytes, (1, 1), Resize::Area)[0];
    assert!((f64::from(one) - mean).abs() <= 0.505, "{one}, {mean}");
    assert_eq!(run(frame, &vec![255; SIDE * SIDE], (1, 1), Resize::Area), [255]);
}

#[test]
fn an_even_surface_stays_itself_under_any_area() {
    for side in [1, 2, 3, 7, 100, 415, 416, 417, 640, 1079] {
        for value in [0, 1, 77, 128, 254, 255] {
            let frame = Frame::packed(PixelFormat::Mono8, 1080, 1920);
            let bytes = vec![value; frame.bytes()];
            let tensor = run(frame, &bytes, (side, 1920), Resize::Area);
            let p = PreParams::letterbox(frame, frame.full(), side, 1920, [0; 3], Layout::Planar);
            let content = p.unwrap().content;
            let row = usize::from(content.y) * usize::from(side);
            let inside = &tensor[row..][..usize::from(side) * usize::from(content.h)];
            assert!(inside.iter().all(|v| *v == value), "{side}, {value}");
        }
    }
}

#[test]
fn an_area_average_is_within_a_quarter_and_rounding_of_the_exact_mean() {
    let mut random = Random(3);
    for (side, to) in [(97u16, 96u16), (97, 60), (97, 48), (97, 13), (640, 416), (1000, 999)] {
        let frame = Frame::packed(PixelFormat::Mono8, side, 1);
        let bytes: Vec<u8> = (0..side).map(|_| if random.one_in(2) { 255 } else { 0 }).collect();
        let tensor = run(frame, &bytes, (to, 1), Resize::Area);
        for (i, ours) in tensor.iter().enumerate() {
            let edge = |i: usize| i as f64 * f64::from(side) / f64::from(to);
            let (from, until) = (edge(i), edge(i + 1));
            let part = |k: usize| (until.min(k as f64 + 1.0) - from.max(k as f64)).max(0.0);
            let sum: f64 = bytes.iter().enumerate().map(|(k, v)| f64::from(*v) * part(k)).sum();
            let error = (f64::from(*ours) - sum / (until - from)).abs();
            assert!(error <= 0.5 + 0.125 + 0.005, "{side} to {to}, {i}: {error}");
        }
    }
}
