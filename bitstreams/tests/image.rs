//! Images: what is read from them, and what is refused.

mod common;

use common::{KV260, bit, bytes, words};
use tandem_bitstreams::ImageError;
use tandem_bitstreams::image::{Image, Order};

#[test]
fn both_orders_and_both_containers_read_alike() {
    for order in [Order::Straight, Order::Reversed] {
        let data = bytes(&words(KV260, 1000), order);
        let image = Image::parse(&data).expect("a good image");
        assert_eq!((image.order, image.idcode, image.frame_words), (order, KV260, 1000));
        assert_eq!((image.header, image.start), (None, 0));
    }
    let data = bytes(&words(KV260, 1000), Order::Straight);
    let file = bit("xck26-sfvc784-2LV-c", &data);
    let image = Image::parse(&file).expect("a good file");
    let header = image.header.clone().expect("a header");
    assert_eq!(
        (header.design.as_str(), header.part.as_str()),
        ("top;UserID=0", "xck26-sfvc784-2LV-c")
    );
    assert_eq!(header.made, "2026/11/22 04:00:00");
    assert_eq!(&file[image.start..], data);
}

#[test]
fn for_manager_gives_the_same_image_without_header_reversed() {
    let reversed = bytes(&words(KV260, 50), Order::Reversed);
    let file = bit("p", &bytes(&words(KV260, 50), Order::Straight));
    assert_eq!(Image::parse(&file).expect("good").for_manager(&file), reversed);
    assert_eq!(Image::parse(&reversed).expect("good").for_manager(&reversed), reversed);
}

#[test]
fn an_image_cut_off_anywhere_is_refused() {
    let words = words(KV260, 40);
    // All that follows DESYNC is padding.
    let needed = 4 * (words.len() - 2);
    for order in [Order::Straight, Order::Reversed] {
        let data = bytes(&words, order);
        for end in 0..needed {
            let error = Image::parse(&data[..end]).expect_err("cut off");
            let sync = 4 * 21;
            let wanted = if end < sync {
                ImageError::NoSync { within: end }
            } else {
                ImageError::Ends { at: end }
            };
            assert_eq!(error, wanted, "cut at {end}");
        }
        Image::parse(&data[..needed]).expect("padding may be missing");
    }
    let file = bit("p", &bytes(&words, Order::Straight));
    for end in 13..file.len() {
        assert!(matches!(Image::parse(&file[..end]), Err(ImageError::Header { .. })), "{end}");
    }
}

#[test]
fn only_whole_words_are_an_image() {
    for order in [Order::Straight, Order::Reversed] {
        let data = bytes(&words(KV260, 40), order);
        for more in 1..4 {
            let shifted = [&[0xFF; 3][..more], &data].concat();
            let error = ImageError::Unaligned { at: 4 * 20 + more };
            assert_eq!(Image::parse(&shifted).expect_err("shifted"), error);
            // Behind DESYNC, where no packet is missed.
            let cut = data.len() - more;
            let error = ImageError::PartOfWord { bytes: cut };
            assert_eq!(Image::parse(&data[..cut]).expect_err("cut"), error);
        }
    }
}

#[test]
fn what_is_no_image_is_named() {
    assert_eq!(
        Image::parse(b"ELF and so on").expect_err("no image"),
        ImageError::NoSync { within: 13 }
    );
    let mirrored: Vec<u8> =
        bytes(&words(KV260, 4), Order::Straight).iter().map(|byte| byte.reverse_bits()).collect();
    assert_eq!(Image::parse(&mirrored).expect_err("mirrored"), ImageError::Mirrored);
    let good = words(KV260, 4);
    let change = |at: usize, word: u32| {
        let mut words = good.clone();
        words[at] = word;
        Image::parse(&bytes(&words, Order::Straight)).expect_err("changed")
    };
    // The IDCODE write becomes one of another register.
    assert_eq!(change(25, 0x3000_C001), ImageError::NoIdcode);
    // A read has no place in an image.
    assert_eq!(change(25, 0x2801_8001), ImageError::Packet { at: 100, word: 0x2801_8001 });
    // FDRI becomes FDRO.
    assert_eq!(change(31, 0x3000_6000), ImageError::NoFrames);
    // The frames claim to be longer than the file.
    assert!(matches!(change(32, 0x5000_0000 | 4000), ImageError::Ends { .. }));
    // A long packet with nothing that it belongs to.
    assert_eq!(change(22, 0x5000_0001), ImageError::Packet { at: 88, word: 0x5000_0001 });
}

#[test]
fn the_revision_of_the_silicon_does_not_matter() {
    let image = Image::parse(&bytes(&words(KV260, 4), Order::Straight)).expect("good");
    assert!(image.fits(KV260) && image.fits(KV260 | 0x3000_0000));
    // The code of the processor system's JTAG port is another one.
    assert!(!image.fits(0x0472_4093));
}
