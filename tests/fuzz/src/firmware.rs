//! A bundle of the R5F's firmware.

use std::sync::OnceLock;
use tandem_agent::firmware::{Bundle, ImageFile, Manifest, SCHEMA, check, check_image, sha256};
use tandem_boards::Board;
use tandem_link::image::Image;
use tandem_link::layout::LAYOUT_VERSION;

fn board() -> &'static Board {
    static BOARD: OnceLock<Board> = OnceLock::new();
    let text = include_str!("../../../boards/zcu102.toml");
    BOARD.get_or_init(|| Board::parse(text, "b").expect("good"))
}

/// A manifest, a zero byte, an image. A manifest survives being written and its image stays in its folder;
/// an image that is accepted lies in the core's banks, every byte of it, under any manifest that is its own.
pub fn firmware(bytes: &[u8]) -> bool {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let (text, image) = (&bytes[..end], bytes.get(end + 1..).unwrap_or_default());
    let Ok(text) = std::str::from_utf8(text) else { return false };
    if let Ok(manifest) = Manifest::parse(text, "m") {
        let again = toml::to_string(&manifest).expect("a manifest is TOML");
        assert_eq!(Manifest::parse(&again, "m").expect("accepted before"), manifest);
        let place = std::path::Path::new(&manifest.image.file);
        assert!(place.components().count() == 1 && place.file_name().is_some());
    }
    let fits = check_image(image, "m", board()).is_ok();
    if fits {
        let rpu = board().rpu.expect("it has an R5F");
        let banks = [rpu.atcm, rpu.btcm].map(|bank| bank.base..=bank.base + (bank.size - 1));
        for (from, segment) in Image::parse(image, u32::MAX).expect("accepted before").segments {
            let to = from + (segment.len() as u32 - 1);
            assert!(banks.iter().any(|bank| bank.contains(&from) && bank.contains(&to)));
        }
        // No manifest but its own lets it in.
        let (size, sha256) = (image.len() as u64, sha256(image));
        let own = Manifest {
            schema: SCHEMA,
            version: "1".to_owned(),
            board: "zcu102".to_owned(),
            link: LAYOUT_VERSION,
            image: ImageFile { file: "i".to_owned(), size, sha256 },
        };
        let manifest = toml::to_string(&own).expect("a manifest is TOML");
        let bundle = Bundle { file: "m".to_owned(), manifest, image: image.to_vec().into() };
        assert_eq!(check(&bundle, board()).expect("its own"), own);
    }
    let manifest = text.to_owned();
    let bundle = Bundle { file: "m".to_owned(), manifest, image: image.to_vec().into() };
    let good = check(&bundle, board()).is_ok();
    assert!(!good || fits);
    good
}
