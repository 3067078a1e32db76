use proptest::prelude::*;

use super::*;

/// 48 x 40 test card, red grows to the right, green downwards; made by an independent encoder.
macro_rules! card {
    ($name:literal) => {
        include_bytes!(concat!("../../testdata/", $name)).as_slice()
    };
}

const SIDES: (u16, u16) = (48, 40);
const SLOT: usize = 1 << 20;

fn decoded(bytes: &[u8]) -> Vec<u8> {
    let mut slot = vec![0xa5; SLOT];
    let info = decode(bytes, &mut slot).unwrap();
    assert_eq!((info.frame.width, info.frame.height), SIDES);
    assert_eq!((info.frame.stride, info.bytes), (48 * 3, 48 * 40 * 3));
    assert!(slot[info.needs..].iter().all(|byte| *byte == 0xa5), "wrote beyond what it needs");
    slot.truncate(info.bytes);
    slot
}

fn refused(bytes: &[u8]) -> &'static str {
    let mut slot = vec![0; SLOT];
    decode(bytes, &mut slot).unwrap_err().code()
}

/// The card's own formula.
fn card() -> Vec<u8> {
    let pixel = |x: u32, y: u32| {
        let checker = if (x / 8 + y / 8) % 2 == 1 { 60 } else { 0 };
        [x * 5, y * 6, (x + y) * 2 + checker].map(|value| value as u8)
    };
    (0..40).flat_map(|y| (0..48).flat_map(move |x| pixel(x, y))).collect()
}

fn mean_difference(a: &[u8], b: &[u8]) -> f64 {
    let sum: u64 = a.iter().zip(b).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / a.len() as f64
}

fn luma(rgb: &[u8]) -> Vec<u8> {
    let weigh =
        |p: &[u8]| 0.299 * f32::from(p[0]) + 0.587 * f32::from(p[1]) + 0.114 * f32::from(p[2]);
    rgb.chunks_exact(3).flat_map(|pixel| [weigh(pixel).round() as u8; 3]).collect()
}

#[test]
fn every_png_becomes_the_same_rgb() {
    assert_eq!(decoded(card!("rgb.png")), card());
    assert_eq!(decoded(card!("alpha.png")), card(), "alpha is dropped");
    assert!(mean_difference(&decoded(card!("grey.png")), &luma(&card())) < 0.6);
    assert!(mean_difference(&decoded(card!("grey_alpha.png")), &luma(&card())) < 0.6);
    assert!(mean_difference(&decoded(card!("palette.png")), &card()) < 12.0);
    let red: Vec<u8> = card().chunks_exact(3).flat_map(|pixel| [pixel[0]; 3]).collect();
    assert_eq!(decoded(card!("grey16.png")), red);
}

#[test]
fn every_jpeg_becomes_the_same_rgb() {
    assert!(mean_difference(&decoded(card!("full_chroma.jpg")), &card()) < 3.0);
    let baseline = decoded(card!("baseline.jpg"));
    assert!(mean_difference(&baseline, &card()) < 12.0);
    assert_eq!(decoded(card!("restart.jpg")), baseline, "a restart after every block");
    assert_eq!(decoded(card!("restart_rows.jpg")), baseline);
    assert!(mean_difference(&decoded(card!("progressive.jpg")), &baseline) < 1.0);
    assert!(mean_difference(&decoded(card!("grey.jpg")), &luma(&card())) < 3.0);
    assert!(mean_difference(&decoded(card!("cmyk.jpg")), &card()) < 12.0);
}

#[test]
fn raw_frames_arrive_byte_for_byte() {
    let frame = Frame { format: PixelFormat::Nv12, width: 6, height: 4, stride: 8 };
    let pixels: Vec<u8> = (0..48).collect();
    let bytes = [raw_header(&frame).as_slice(), &pixels].concat();
    let mut slot = vec![0; 64];
    let info = decode(&bytes, &mut slot).unwrap();
    assert_eq!((info.frame, info.bytes), (frame, 48));
    assert_eq!(slot[..48], pixels);
}

#[test]
fn every_cut_is_refused_as_truncated() {
    let frame = Frame { format: PixelFormat::Rgb8, width: 4, height: 4, stride: 12 };
    let raw = [raw_header(&frame).as_slice(), &[7; 48]].concat();
    let whole: [&[u8]; 5] = [
        card!("baseline.jpg"),
        card!("progressive.jpg"),
        card!("restart.jpg"),
        card!("rgb.png"),
        &raw,
    ];
    for bytes in whole {
        for length in 1..bytes.len() {
            assert_eq!(refused(&bytes[..length]), "image_truncated", "{length} of {}", bytes.len());
        }
    }
    assert_eq!(refused(&[]), "image_empty");
}

/// Offset of the height in the frame header of a JPEG.
fn jpeg_height(bytes: &[u8]) -> usize {
    let marker = |pair: &[u8]| pair[0] == 0xff && (0xc0..=0xc2).contains(&pair[1]);
    bytes.windows(2).position(marker).unwrap() + 5
}

fn patched(bytes: &[u8], at: usize, with: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at..at + with.len()].copy_from_slice(with);
    bytes
}

/// Sides that share the last column or row of MCUs with the true ones hold the same blocks: nothing
/// in the file tells them apart.
#[test]
fn a_jpeg_is_taken_at_the_size_that_it_holds_and_no_other() {
    let cards = [
        (card!("baseline.jpg"), 16),
        (card!("restart.jpg"), 16),
        (card!("restart_rows.jpg"), 16),
        (card!("progressive.jpg"), 8), // scans of luma alone
        (card!("full_chroma.jpg"), 8),
        (card!("grey.jpg"), 8),
        (card!("cmyk.jpg"), 8),
    ];
    let mut slot = vec![0; SLOT];
    for (bytes, mcu) in cards {
        for (at, truth) in [(jpeg_height(bytes), SIDES.1), (jpeg_height(bytes) + 2, SIDES.0)] {
            for side in (1..=300u16).chain([1000, 8000, 8192]) {
                let result = decode(&patched(bytes, at, &side.to_be_bytes()), &mut slot);
                let code = result.map_err(|error| error.code()).map(|_| ());
                let same = side.div_ceil(mcu) == truth.div_ceil(mcu);
                let expected = if same { Ok(()) } else { Err("image_corrupt") };
                assert_eq!(code, expected, "{side} for {truth}, {} bytes", bytes.len());
            }
        }
    }
}

#[test]
fn a_jpeg_that_goes_on_with_another_scan_leaves_nothing_of_the_slots_past() {
    let header = [0xff, 0xda, 0, 8, 1, 1, 0, 0, 0x3f, 0];
    let of_ac = [0xff, 0xda, 0, 8, 1, 1, 0, 1, 0x3f, 0];
    for bytes in [card!("grey.jpg"), card!("baseline.jpg"), card!("progressive.jpg")] {
        let scan = bytes.windows(2).position(|pair| pair == [0xff, 0xda]).unwrap();
        for (at, header) in (scan..bytes.len() - 2).flat_map(|at| [(at, header), (at, of_ac)]) {
            let damaged = [&bytes[..at], &header, &bytes[at..]].concat();
            let [mut a, mut b] = [0, 0xff].map(|fill| vec![fill; 48 * 40 * 3]);
            let results = [decode(&damaged, &mut a), decode(&damaged, &mut b)];
            assert_eq!(results[0], results[1], "{at}");
            assert!(results[0].is_err() || a == b, "{at}");
        }
    }
}

#[test]
fn a_flat_image_of_the_mark_itself_is_an_image_like_any_other() {
    let mut slot = vec![0; 16 * 16 * 3];
    decode(card!("flat_5a.jpg"), &mut slot).unwrap();
    assert!(slot.iter().all(|byte| *byte == 0x5a));
}

/// A PNG's IHDR with other sides and the checksum that belongs to them.
fn png_claiming(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = patched(card!("rgb.png"), 16, &width.to_be_bytes());
    bytes[20..24].copy_from_slice(&height.to_be_bytes());
    let mut crc = !0u32;
    for byte in &bytes[12..29] {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    patched(&bytes, 29, &(!crc).to_be_bytes())
}

#[test]
fn a_png_that_lies_is_refused() {
    assert_eq!(decoded(&png_claiming(48, 40)), card(), "the checksum is right");
    assert_eq!(refused(&png_claiming(48, 41)), "image_corrupt");
    assert_eq!(refused(&png_claiming(96, 40)), "image_corrupt");
    assert_eq!(
        refused(&patched(card!("rgb.png"), 16, &[0, 0, 0, 96])),
        "image_corrupt",
        "checksum"
    );
}

#[test]
fn zero_and_giant_sides_have_their_codes() {
    let jpeg = card!("baseline.jpg");
    let at = jpeg_height(jpeg);
    assert_eq!(refused(&patched(jpeg, at, &[0, 0])), "image_zero_size");
    assert_eq!(refused(&patched(jpeg, at, &[0xff, 0xff])), "image_too_large");
    assert_eq!(refused(&png_claiming(0, 40)), "image_zero_size");
    assert_eq!(refused(&png_claiming(48, 0x7fff_ffff)), "image_too_large");
    assert_eq!(refused(&png_claiming(8193, 1)), "image_too_large");
    assert_eq!(refused(&png_claiming(8192, 8192)), "image_too_large", "beyond the slot");
    let raw = |width, height| {
        let frame = Frame { format: PixelFormat::Rgb8, width: 1, height: 1, stride: 3 };
        let mut header = raw_header(&frame).to_vec();
        header[12..16].copy_from_slice(&u32::to_le_bytes(width));
        header[16..20].copy_from_slice(&u32::to_le_bytes(height));
        header
    };
    assert_eq!(refused(&raw(0, 1)), "image_zero_size");
    assert_eq!(refused(&raw(u32::MAX, u32::MAX)), "image_too_large");
}

#[test]
fn what_is_no_image_is_refused_as_such() {
    assert_eq!(refused(b"GIF89a"), "image_format");
    assert_eq!(refused(&[0; 4096]), "image_format");
    let mut arithmetic = card!("baseline.jpg").to_vec();
    let at = jpeg_height(&arithmetic) - 4;
    arithmetic[at] = 0xc9;
    assert_eq!(refused(&arithmetic), "image_unsupported");
}

#[test]
fn a_raw_header_that_contradicts_itself_is_refused() {
    let frame = Frame { format: PixelFormat::Nv12, width: 4, height: 4, stride: 4 };
    let good = [raw_header(&frame).as_slice(), &[1; 24]].concat();
    assert_eq!(decode(&good, &mut [0; 24]).unwrap().frame, frame);
    let cases = [
        (8, 9u32, "image_unsupported"),
        (12, 3, "image_corrupt"),
        (20, 3, "image_corrupt"),
        (24, 23, "image_corrupt"),
        (28, 1, "image_corrupt"),
        (20, u32::MAX, "image_corrupt"),
    ];
    for (at, value, code) in cases {
        assert_eq!(refused(&patched(&good, at, &value.to_le_bytes())), code, "word at {at}");
    }
    assert_eq!(refused(&[good.as_slice(), &[0]].concat()), "image_corrupt", "a byte too many");
}

#[test]
fn a_frame_that_does_not_fit_the_slot_is_refused_before_decoding() {
    let needs = 48 * 40 * 3;
    assert!(probe(card!("rgb.png"), needs).is_ok());
    let error = probe(card!("rgb.png"), needs - 1).unwrap_err();
    assert_eq!(error, IngestError::SlotTooSmall { needs, capacity: needs - 1 });
    assert!(probe(card!("alpha.png"), needs).is_err(), "alpha needs a fourth byte while decoding");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_bytes_panic(which in 0..4usize, tail in prop::collection::vec(any::<u8>(), 0..400)) {
        let magic: [&[u8]; 4] = [&jpeg::MAGIC, &png::MAGIC, &RAW_MAGIC, &[]];
        let _ = decode(&[magic[which], &tail].concat(), &mut vec![0; SLOT]);
    }

    #[test]
    fn no_damage_panics(
        which in 0..6usize,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let good = [
            card!("baseline.jpg"), card!("progressive.jpg"), card!("restart.jpg"),
            card!("cmyk.jpg"), card!("rgb.png"), card!("palette.png"),
        ][which];
        let mut bytes = good.to_vec();
        for (at, with) in damage {
            let at = at.index(bytes.len());
            bytes[at] = with;
        }
        let _ = decode(&bytes, &mut vec![0; SLOT]);
    }
}
