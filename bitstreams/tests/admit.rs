//! Everything that is refused before the logic is touched, each with its file and both values.

mod common;

use common::{KV260, bit, board, bytes, image, manifest, words, write};
use tandem_bitstreams::image::Order;
use tandem_bitstreams::{Library, Manifest, Map, admit, sha256};
use tempfile::TempDir;

const ALL: [Map; 3] = [Map::Pre, Map::Post, Map::Gate];

/// The message that a changed manifest or image is refused with.
fn refuse(change: impl FnOnce(&mut Manifest, &mut Vec<u8>)) -> String {
    let root = TempDir::new().expect("a folder");
    let mut bytes = image(0);
    let mut manifest = manifest("detect", &bytes, &ALL);
    change(&mut manifest, &mut bytes);
    let folder = write(root.path(), &manifest, &bytes);
    let message = admit(&folder, &board()).expect_err("refused").to_string();
    assert!(message.contains(folder.to_str().expect("UTF-8")), "names the file: {message}");
    message
}

/// The manifest again, for what is in `bytes` now.
fn describe(manifest: &mut Manifest, bytes: &[u8]) {
    manifest.image.size = bytes.len() as u64;
    manifest.image.sha256 = sha256(bytes);
}

#[test]
fn a_good_one_is_admitted_with_the_bytes_that_were_checked() {
    let root = TempDir::new().expect("a folder");
    let bytes = image(0);
    let folder = write(root.path(), &manifest("detect", &bytes, &ALL), &bytes);
    let admitted = admit(&folder, &board()).expect("good");
    assert_eq!(admitted.bytes, bytes);
    assert_eq!(admitted.manifest.kernels.len(), 3);
}

#[test]
fn each_difference_is_named_with_both_values() {
    let contains = |message: String, parts: &[&str]| {
        for part in parts {
            assert!(message.contains(part), "{message}\n  wanted: {part}");
        }
    };
    contains(refuse(|m, _| m.board = "zcu102".into()), &["board is zcu102", "kv260"]);
    contains(refuse(|m, _| m.part = "xczu9eg".into()), &["part is xczu9eg", "xck26-sfvc784-2LV-c"]);
    contains(
        refuse(|m, _| m.idcode = 0x0472_4093),
        &["idcode is 0x04724093", "the board has 0x04a49093"],
    );
    contains(refuse(|m, _| m.kernels[1].map_hash ^= 1), &["kernel post map_hash", "this build"]);
    contains(
        refuse(|m, _| m.kernels[2].base += 0x1_0000),
        &["kernel gate base is 0x80050000", "0x80040000"],
    );
    contains(refuse(|m, _| m.built.wns_ns = -0.01), &["built.wns_ns = -0.01", "misses its timing"]);
    contains(refuse(|_, b| b.push(0)), &["size is", "the manifest has"]);
    contains(refuse(|_, b| b[100] ^= 1), &["sha256 is", "the manifest has"]);
}

#[test]
fn an_image_in_another_form_is_refused_with_the_way_out() {
    let straight = bytes(&words(KV260, 64), Order::Straight);
    for (other, wanted) in [
        (straight.clone(), "bytes are most significant byte first; fpga_manager"),
        (bit("xck26", &straight), "bytes are most significant byte first, behind a .bit header"),
    ] {
        let message = refuse(|m, b| {
            *b = other;
            describe(m, b);
        });
        assert!(message.contains(wanted) && message.contains("pack"), "{message}");
    }
    let message = refuse(|m, b| {
        *b = bytes(&words(0x0473_8093, 64), Order::Reversed);
        describe(m, b);
    });
    assert!(message.contains("idcode is 0x04738093, the manifest has 0x04a49093"), "{message}");
    let message = refuse(|m, b| {
        b.truncate(200);
        describe(m, b);
    });
    assert!(message.contains("it ends at byte 200"), "{message}");
}

#[test]
fn a_manifest_that_breaks_a_rule_is_refused() {
    for (change, wanted) in [
        (Box::new(|m: &mut Manifest| m.schema = 2) as Box<dyn FnOnce(&mut Manifest)>, "schema = 2"),
        (Box::new(|m| m.image.file = "../detect.bin".into()), "image.file = ../detect.bin"),
        (Box::new(|m| m.image.sha256.make_ascii_uppercase()), "image.sha256"),
        (Box::new(|m| m.inputs[0].sha256.truncate(63)), "input.sha256"),
        (Box::new(|m| m.kernels[1].map = Map::Pre), "kernel.map = pre: is there twice"),
        (Box::new(|m| m.kernels.clear()), "kernel"),
        (Box::new(|m| m.built.clock_mhz = 0.0), "built.clock_mhz = 0"),
        (Box::new(|m| m.built.wns_ns = f64::NAN), "built.wns_ns"),
    ] {
        let text = {
            let mut manifest = manifest("detect", &image(0), &ALL);
            change(&mut manifest);
            toml::to_string(&manifest).expect("TOML")
        };
        let message = Manifest::parse(&text, "m.toml").expect_err("refused").to_string();
        assert!(message.starts_with("m.toml: ") && message.contains(wanted), "{message}");
    }
    let text = toml::to_string(&manifest("detect", &image(0), &ALL)).expect("TOML");
    let message = Manifest::parse(&format!("speed = 1\n{text}"), "m.toml").expect_err("unknown");
    assert!(message.to_string().contains("unknown field `speed`"), "{message}");
}

#[test]
fn a_kernel_set_is_chosen_by_what_it_has() {
    let root = TempDir::new().expect("a folder");
    let bytes = image(0);
    for (name, maps) in
        [("all", &ALL[..]), ("detect", &ALL[..2]), ("pre-a", &ALL[..1]), ("pre-b", &ALL[..1])]
    {
        write(root.path(), &manifest(name, &bytes, maps), &bytes);
    }
    let mut foreign = manifest("foreign", &bytes, &ALL[..1]);
    foreign.board = "zcu102".into();
    write(root.path(), &foreign, &bytes);
    let library = Library::open(root.path()).expect("good");
    let choose = |maps: &[Map], running| -> Result<String, String> {
        let folder = library.choose(&board(), maps, running).map_err(|error| error.to_string())?;
        Ok(folder.file_name().and_then(|name| name.to_str()).expect("UTF-8").to_owned())
    };
    assert_eq!(choose(&[Map::Pre], None), Ok("pre-a".to_owned()));
    assert_eq!(choose(&[Map::Pre], Some("pre-b")), Ok("pre-b".to_owned()), "what runs stays");
    assert_eq!(choose(&[Map::Post], None), Ok("detect".to_owned()), "no more than needed");
    assert_eq!(choose(&[Map::Gate, Map::Pre], None), Ok("all".to_owned()));
    std::fs::remove_dir_all(root.path().join("all")).expect("removed");
    let library = Library::open(root.path()).expect("good");
    let message = library.choose(&board(), &[Map::Gate], None).expect_err("none").to_string();
    assert_eq!(message, "no bitstream for board kv260 has gate; there are: detect, pre-a, pre-b");
    // A folder under another name would be loaded under a name that nobody meant.
    std::fs::rename(root.path().join("pre-a"), root.path().join("pre-c")).expect("renamed");
    let message = Library::open(root.path()).expect_err("renamed").to_string();
    assert!(message.contains("name = pre-a: must be the name of its folder"), "{message}");
}
