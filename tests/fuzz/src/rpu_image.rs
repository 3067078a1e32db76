//! The R5F's image, as the agent and the emulated board load it.

use tandem_link::image::Image;

/// Bytes of the core's memory that images are read for.
const SIZE: u32 = 0x8_0000;

/// Any bytes as an ELF file, for a small memory and for all of TCM's addresses: what is accepted lies inside,
/// in order, nothing twice, and every byte of it is the file's.
pub fn rpu_image(bytes: &[u8]) -> bool {
    for size in [0, 0x1_0000, u32::MAX] {
        check(bytes, size);
    }
    check(bytes, SIZE)
}

fn check(bytes: &[u8], size: u32) -> bool {
    let Ok(image) = Image::parse(bytes, size) else { return false };
    assert!(!image.segments.is_empty());
    let mut end = 0;
    for (address, segment) in &image.segments {
        assert!(u64::from(*address) >= end, "segments overlap at {address:#x}");
        assert!(!segment.is_empty());
        end = u64::from(*address) + segment.len() as u64;
        assert!(bytes.as_ptr_range().contains(&segment.as_ptr()));
    }
    assert!(end <= u64::from(size));
    true
}
