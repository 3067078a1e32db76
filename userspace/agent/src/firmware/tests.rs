//! Images made for tests, what is refused of them, and what an update leaves on the disk.

use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::*;

/// The board that the images are for.
pub(crate) fn board() -> Board {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../boards/zcu102.toml");
    Board::load(Path::new(path)).expect("a good board")
}

/// An ELF file for Arm with two segments, in bank A and B, and a section `.resource_table` of four
/// words in the first. `text` stands for the code.
pub(crate) fn elf(text: &[u8]) -> Vec<u8> {
    let names = b"\0.shstrtab\0.resource_table\0";
    let table: Vec<u8> = [1u32, 0, 0, 0].iter().flat_map(|word| word.to_le_bytes()).collect();
    let mut code = text.to_vec();
    code.resize(text.len().next_multiple_of(4).max(4), 0);
    let code_at = 0x34 + 2 * 0x20;
    let table_at = code_at + code.len();
    let names_at = table_at + table.len();
    let sections_at = (names_at + names.len()).next_multiple_of(4);
    let mut out = vec![0; sections_at + 3 * 0x28];
    let mut put = |at: usize, bytes: &[u8]| out[at..at + bytes.len()].copy_from_slice(bytes);
    let words = |words: &[u32]| words.iter().flat_map(|w| w.to_le_bytes()).collect::<Vec<u8>>();
    let halves = |halves: &[u16]| halves.iter().flat_map(|h| h.to_le_bytes()).collect::<Vec<u8>>();
    put(0, b"\x7fELF\x01\x01\x01");
    put(0x10, &halves(&[2, 40]));
    put(0x14, &words(&[1, 0, 0x34, sections_at as u32, 0]));
    put(0x28, &halves(&[0x34, 0x20, 2, 0x28, 3, 1]));
    let loaded = (code.len() + table.len()) as u32;
    put(0x34, &words(&[1, code_at as u32, 0, 0, loaded, loaded, 5, 4]));
    put(0x54, &words(&[1, code_at as u32, 0x2_0000, 0x2_0000, 4, 0x100, 6, 4]));
    put(code_at, &code);
    put(table_at, &table);
    put(names_at, names);
    let (names_at, names) = (names_at as u32, names.len() as u32);
    put(sections_at + 0x28, &words(&[1, 3, 0, 0, names_at, names, 0, 0, 1, 0]));
    let at = code.len() as u32;
    put(sections_at + 0x50, &words(&[11, 1, 2, at, table_at as u32, 16, 0, 0, 4, 0]));
    out
}

/// A manifest for an image, for the board `board`.
pub(crate) fn manifest(image: &[u8], board: &str, version: &str) -> Manifest {
    Manifest {
        schema: SCHEMA,
        version: version.to_owned(),
        board: board.to_owned(),
        link: LAYOUT_VERSION,
        image: ImageFile {
            file: "tandem-rpu".to_owned(),
            size: image.len() as u64,
            sha256: sha256(image),
        },
    }
}

/// A good bundle of that image.
pub(crate) fn bundle(image: Vec<u8>, board: &str, version: &str) -> Bundle {
    let manifest = toml::to_string(&manifest(&image, board, version)).expect("TOML");
    Bundle { file: "tandem-rpu.toml".to_owned(), manifest, image: image.into() }
}

fn good() -> Bundle {
    bundle(elf(b"begin"), "zcu102", "1.2.3")
}

/// What is said of a bundle whose image was changed, with the manifest that fits it.
fn said(change: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut image = elf(b"begin");
    change(&mut image);
    check(&bundle(image, "zcu102", "1"), &board()).expect_err("refused").to_string()
}

#[test]
fn a_good_bundle_passes_and_says_its_version() {
    assert_eq!(check(&good(), &board()).expect("good").version, "1.2.3");
}

#[test]
fn each_rule_of_the_manifest_names_its_field() {
    let board = board();
    let with = |from: &str, to: &str| {
        let mut bundle = good();
        assert!(bundle.manifest.contains(from), "{}", bundle.manifest);
        bundle.manifest = bundle.manifest.replacen(from, to, 1);
        ApiError::from(check(&bundle, &board).expect_err("refused"))
    };
    for (from, to, code, field) in [
        ("schema = 1", "schema = 2", "firmware_value", "schema"),
        ("\"1.2.3\"", "\"1 2\"", "firmware_value", "version"),
        ("\"tandem-rpu\"", "\"../rpu\"", "firmware_value", "image.file"),
        ("\"tandem-rpu\"", "\".rpu\"", "firmware_value", "image.file"),
        ("sha256 = \"", "sha256 = \"X", "firmware_value", "image.sha256"),
        ("zcu102", "kv260", "firmware_differs", "board"),
        ("link = ", "link = 1", "firmware_differs", "link"),
        ("size = ", "size = 1", "firmware_differs", "image.size"),
        ("schema = 1", "", "firmware_syntax", "manifest"),
        ("schema = 1", "schema = 1\nextra = 1", "firmware_syntax", "manifest"),
    ] {
        let error = with(from, to);
        assert_eq!((error.code.as_str(), error.field.as_str()), (code, field), "{error}");
        assert!(error.message.contains("tandem-rpu.toml"), "{error}");
    }
    let mut bundle = good();
    let last = bundle.image.0.len() - 1;
    bundle.image.0[last] ^= 1;
    let error = ApiError::from(check(&bundle, &board).expect_err("damaged"));
    assert_eq!(error.field, "image.sha256");
    let virtual_board = Board::virtual_default();
    let bundle = self::bundle(elf(b"begin"), "virtual", "1");
    assert_eq!(
        ApiError::from(check(&bundle, &virtual_board).unwrap_err()).code,
        "firmware_builtin"
    );
}

#[test]
fn an_image_that_does_not_fit_the_core_is_refused_with_the_place() {
    let word = |at: usize, value: u32| {
        move |image: &mut Vec<u8>| image[at..at + 4].copy_from_slice(&value.to_le_bytes())
    };
    let gap = said(|image| {
        word(0x54 + 8, 0x1_8000)(image);
        word(0x54 + 12, 0x1_8000)(image);
    });
    assert!(gap.contains("0x18000..") && gap.contains("bank B 0x20000..0x30000"), "{gap}");
    let large = said(word(0x54 + 20, 0x1_0001));
    assert!(large.contains("0x20000..0x30001"), "what runs counts, too: {large}");
    let entry = said(word(0x18, 0x2_0000));
    assert!(entry.contains("begins at 0x20000"), "{entry}");
    let cut = said(|image| image.truncate(0x40));
    assert!(cut.contains("image"), "{cut}");
    let other = said(|image| image[0x12] = 62);
    assert!(other.contains("another processor"), "{other}");
}

#[test]
fn a_resource_table_that_remoteproc_would_refuse_is_refused() {
    let table = |at: usize, value: u32| {
        said(move |image| {
            let start = 0x34 + 2 * 0x20 + 8 + at;
            image[start..start + 4].copy_from_slice(&value.to_le_bytes());
        })
    };
    for (at, value, what) in
        [(0, 2, "version"), (4, 1, "entry"), (4, 65, "64 entries"), (8, 1, "reserved")]
    {
        let said = table(at, value);
        assert!(said.contains("resource table") && said.contains(what), "{said}");
    }
    let none = said(|image| {
        let at = image.windows(15).position(|name| name == b".resource_table").expect("a name");
        image[at + 1] = b'x';
    });
    assert!(none.contains("it has none"), "{none}");
}

#[test]
fn the_projects_own_image_would_be_loaded() {
    // Built by `cargo xtask qemu build`; skipped where nobody did.
    let path =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../.tandem/qemu/root/lib/firmware/tandem-rpu");
    let Ok(image) = fs::read(path) else { return eprintln!("skipped: no {path}") };
    let board = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../boards/qemu.toml"));
    let board = Board::load(board).expect("a good board");
    check(&bundle(image, "qemu", "1"), &board).expect("good");
}

#[test]
fn an_update_lasts_until_the_installation_changes() {
    let folder = tempfile::tempdir().unwrap();
    let (store, board) = (Store::in_state(folder.path()), board());
    let installed = folder.path().join("installed");
    fs::write(&installed, elf(b"old")).unwrap();
    assert_eq!(store.image(&installed, &board), (installed.clone(), None));
    let bundle = good();
    let staged = store.stage(&bundle, &check(&bundle, &board).unwrap()).unwrap();
    assert_eq!(store.image(&installed, &board).0, installed, "not in force before it was proved");
    store.try_out().unwrap();
    store.commit(&staged, &installed).unwrap();
    assert!(!store.take_trial());
    assert_eq!(store.image(&installed, &board), (staged.clone(), None));
    // The next update takes its place.
    let next = self::bundle(elf(b"next"), "zcu102", "2");
    let newer = store.stage(&next, &check(&next, &board).unwrap()).unwrap();
    store.commit(&newer, &installed).unwrap();
    assert_eq!(store.image(&installed, &board), (newer.clone(), None));
    assert!(!staged.exists());
    // Damage on the disk.
    let bytes = fs::read(&newer).unwrap();
    fs::write(&newer, &bytes[..bytes.len() - 1]).unwrap();
    let (image, why) = store.image(&installed, &board);
    assert_eq!(image, installed);
    assert!(why.unwrap().contains("image.size"));
    fs::write(&newer, &bytes).unwrap();
    // Another installation wins.
    fs::write(&installed, elf(b"newest")).unwrap();
    let (image, why) = store.image(&installed, &board);
    assert_eq!(image, installed);
    assert!(why.unwrap().contains("another image"));
}

#[test]
fn an_agent_that_ended_while_it_tried_is_remembered_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::in_state(folder.path());
    assert!(!store.take_trial());
    store.try_out().unwrap();
    assert!(store.take_trial());
    assert!(!store.take_trial());
}

#[test]
fn a_record_that_leaves_its_folder_is_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let (store, board) = (Store::in_state(folder.path()), board());
    let path = folder.path().join("firmware/current.toml");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    for text in ["update = \"../x\"\nimage = \"y\"\nover = \"\"\n", "update = 1\n", "\0"] {
        fs::write(&path, text).unwrap();
        let (image, why) = store.image(Path::new("/none"), &board);
        assert_eq!(image, Path::new("/none"));
        assert!(why.is_some(), "{text:?}");
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(at in 0..600usize, value in any::<u8>(), cut in 0..600usize) {
        let mut image = elf(b"begin");
        let (at, cut) = (at % image.len(), cut % image.len());
        image[at] = value;
        let _ = check_image(&image, "x", &board());
        let _ = check_image(&image[..cut], "x", &board());
    }
}
