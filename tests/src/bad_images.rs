//! Images that must be refused, made from the agent's test cards.

use tandem_agent::ingest::raw_header;
use tandem_model::pre::{Frame, PixelFormat};

use crate::repository::needed;

fn card(name: &str) -> Vec<u8> {
    std::fs::read(needed("userspace/agent/testdata").join(name)).expect("a test card")
}

fn patched(mut bytes: Vec<u8>, at: usize, with: &[u8]) -> Vec<u8> {
    bytes[at..at + with.len()].copy_from_slice(with);
    bytes
}

/// A JPEG whose header claims other sides.
fn jpeg_claiming(width: u16, height: u16) -> Vec<u8> {
    let bytes = card("baseline.jpg");
    let frame = bytes.windows(2).position(|pair| pair == [0xff, 0xc0]).expect("a frame header");
    let bytes = patched(bytes, frame + 5, &height.to_be_bytes());
    patched(bytes, frame + 7, &width.to_be_bytes())
}

/// A PNG whose header claims other sides, with the checksum that belongs to them.
fn png_claiming(width: u32, height: u32) -> Vec<u8> {
    let bytes = patched(card("rgb.png"), 16, &width.to_be_bytes());
    let bytes = patched(bytes, 20, &height.to_be_bytes());
    let mut crc = !0u32;
    for byte in &bytes[12..29] {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    patched(bytes, 29, &(!crc).to_be_bytes())
}

/// A raw RGB image of one grey.
pub fn raw(width: u16, height: u16, grey: u8) -> Vec<u8> {
    let stride = u32::from(width) * 3;
    let frame = Frame { format: PixelFormat::Rgb8, width, height, stride };
    let pixels = vec![grey; stride as usize * usize::from(height)];
    [raw_header(&frame).as_slice(), &pixels].concat()
}

fn half(bytes: Vec<u8>) -> Vec<u8> {
    bytes[..bytes.len() / 2].to_vec()
}

/// Name, bytes, code, HTTP status.
pub fn bad_images() -> Vec<(&'static str, Vec<u8>, &'static str, u16)> {
    let word = |at: usize, word: u32| patched(raw(8, 8, 1), at, &word.to_le_bytes());
    vec![
        ("empty", Vec::new(), "image_empty", 400),
        ("text.jpg", b"not an image at all".to_vec(), "image_format", 415),
        ("elf", b"\x7fELF\x02\x01\x01".to_vec(), "image_format", 415),
        ("truncated.jpg", half(card("baseline.jpg")), "image_truncated", 400),
        ("truncated.png", half(card("rgb.png")), "image_truncated", 400),
        ("truncated.raw", half(raw(8, 8, 1)), "image_truncated", 400),
        ("lying.jpg", jpeg_claiming(48, 200), "image_corrupt", 400),
        ("cropping.jpg", jpeg_claiming(48, 20), "image_corrupt", 400),
        ("lying.png", png_claiming(48, 41), "image_corrupt", 400),
        ("lying.raw", word(24, 1 << 30), "image_corrupt", 400),
        ("stride.raw", word(20, 3), "image_corrupt", 400),
        ("format.raw", word(8, 77), "image_unsupported", 415),
        ("zero.jpg", jpeg_claiming(0, 40), "image_zero_size", 400),
        ("zero.png", png_claiming(0, 40), "image_zero_size", 400),
        ("zero.raw", word(16, 0), "image_zero_size", 400),
        ("giant.jpg", jpeg_claiming(65535, 65535), "image_too_large", 413),
        ("giant.png", png_claiming(0x7fff_ffff, 0x7fff_ffff), "image_too_large", 413),
        ("giant.raw", word(12, u32::MAX), "image_too_large", 413),
        ("slot.png", png_claiming(8192, 8192), "image_too_large", 413),
    ]
}
