//! Bitstreams: images, manifests and kernel sets.

use tandem_bitstreams::image::{Image, Order};
use tandem_bitstreams::{KernelSet, Manifest, Record, tcl};
use tandem_boards::Board;

/// An image. What is read survives the conversion to what a board loads.
pub fn bitstream(bytes: &[u8]) -> bool {
    let Ok(image) = Image::parse(bytes) else { return false };
    let data = image.for_manager(bytes);
    assert_eq!(data.len(), bytes.len() - image.start);
    let again = Image::parse(&data).expect("the same image");
    assert_eq!((again.order, again.start, again.header), (Order::Reversed, 0, None));
    assert_eq!((again.idcode, again.frame_words), (image.idcode, image.frame_words));
    true
}

/// A manifest, or a kernel set. A manifest survives being written; its image stays in its folder; a set
/// gives a script in which no word of it is more than a word.
pub fn manifest(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    if let Ok(manifest) = Manifest::parse(text, "m") {
        let again = toml::to_string(&manifest).expect("a manifest is TOML");
        assert_eq!(Manifest::parse(&again, "m").expect("accepted before"), manifest);
        assert_eq!(std::path::Path::new(&manifest.image.file).components().count(), 1);
        return true;
    }
    let Ok(set) = KernelSet::parse(text, "s") else { return false };
    let board = Board::parse(include_str!("../../../boards/zcu106.toml"), "b").expect("good");
    let script = tcl(&board, &set).expect("a board with every port");
    for line in script.lines().skip(1) {
        let value = line.split_once(") {").and_then(|(_, rest)| rest.strip_suffix('}'));
        let value = value.unwrap_or_else(|| panic!("no variable: {line}"));
        assert!(!value.contains(['{', '}', '[', ']', '$', ';', '\\', '"']), "{line}");
    }
    true
}

/// The record of the last load: what is accepted survives being written.
pub fn bitstream_record(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let Ok(record) = Record::parse(text, "r") else { return false };
    let again = toml::to_string(&record).expect("a record is TOML");
    assert_eq!(Record::parse(&again, "r").expect("accepted before"), record);
    true
}
