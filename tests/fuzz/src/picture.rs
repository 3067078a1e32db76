//! A camera's picture, as a factory fixture reads it.

use tandem_fixture::camera::{Format, Pattern, Picture, measure};

use crate::input::Input;

/// The first byte says how the rest is to be read: as which pixels, and whether it is a PNG file or rows
/// with sides and stride before them. What is accepted has as many bytes as its sides need, and its figures
/// are numbers.
pub fn picture(bytes: &[u8]) -> bool {
    let mut input = Input(bytes);
    let kind = input.byte();
    let format = [Format::Rgb8, Format::Bayer8, Format::Mono8][usize::from(kind % 3)];
    let picture = if kind < 0x80 {
        Picture::png(format, input.0)
    } else {
        let sides = (u32::from(input.half()), u32::from(input.half()));
        let stride = input.word();
        Picture::raw(format, sides, stride, input.0)
    };
    let Ok(picture) = picture else { return false };
    let pixels = u64::from(picture.width) * u64::from(picture.height);
    assert_eq!(picture.bytes.len() as u64, pixels * u64::from(format.pixel_bytes()));
    for pattern in [Pattern::Bars, Pattern::Ramp] {
        let said = measure(pattern, &picture);
        assert!(said.dead_pixels <= pixels && (0.0..=1.0).contains(&said.examined), "{said:?}");
        assert!((0.0..=255.0).contains(&said.contrast), "{said:?}");
        assert!((0.0..=255.0).contains(&said.mean_error), "{said:?}");
        assert!(said.edge_width.is_none_or(|width| width.is_finite() && width >= 0.0), "{said:?}");
        assert_eq!(said.bars.len(), 8);
        assert_eq!(said.dead_pixels == 0, said.dead_at.is_none());
    }
    true
}
