//! Images and manifests made for tests. No vendor tool is here, so nothing in them configures anything;
//! the packets are those of a real image, with fewer frames.
#![allow(dead_code)] // each test file takes what it needs

use std::path::Path;

use tandem_bitstreams::image::Order;
use tandem_bitstreams::{Built, ImageFile, Input, Kernel, Manifest, Map, SCHEMA, sha256};
use tandem_boards::Board;

/// IDCODE of the KV260's logic.
pub const KV260: u32 = 0x04A4_9093;

/// The board that the manifests are for.
pub fn board() -> Board {
    // The agent's tests take this file, too.
    let near =
        ["../boards", "../../boards"].map(|near| Path::new(env!("CARGO_MANIFEST_DIR")).join(near));
    let folder = near.into_iter().find(|folder| folder.is_dir()).expect("the boards");
    Board::load(folder.join("kv260.toml")).expect("a good board")
}

/// Words of an image for the device with `idcode`.
pub fn words(idcode: u32, frame_words: u32) -> Vec<u32> {
    let mut words = vec![u32::MAX; 16];
    words.extend([0x0000_00BB, 0x1122_0044, u32::MAX, u32::MAX, 0xAA99_5566, 0x2000_0000]);
    // CMD: RCRC; IDCODE; CMD: WCFG; FAR; FDRI of many words.
    words.extend([
        0x3000_8001,
        7,
        0x2000_0000,
        0x3001_8001,
        idcode,
        0x3000_8001,
        1,
        0x3000_2001,
        0,
    ]);
    words.extend([0x3000_4000, 0x5000_0000 | frame_words]);
    words.extend((0..frame_words).map(|i| i.wrapping_mul(0x9E37_79B9)));
    // CRC; CMD: DESYNC; padding.
    words.extend([0x3000_0001, 0x1234_5678, 0x3000_8001, 13, 0x2000_0000, u32::MAX]);
    words
}

/// The words as bytes.
pub fn bytes(words: &[u32], order: Order) -> Vec<u8> {
    let flat = |word: &u32| match order {
        Order::Straight => word.to_be_bytes(),
        Order::Reversed => word.to_le_bytes(),
    };
    words.iter().flat_map(flat).collect()
}

/// A `.bit` file: a header before `data`.
pub fn bit(part: &str, data: &[u8]) -> Vec<u8> {
    let mut file = vec![0, 9, 0x0F, 0xF0, 0x0F, 0xF0, 0x0F, 0xF0, 0x0F, 0xF0, 0, 0, 1];
    for (letter, text) in
        [(b'a', "top;UserID=0"), (b'b', part), (b'c', "2026/11/22"), (b'd', "04:00:00")]
    {
        file.push(letter);
        file.extend((text.len() as u16 + 1).to_be_bytes());
        file.extend(text.bytes());
        file.push(0);
    }
    file.push(b'e');
    file.extend((data.len() as u32).to_be_bytes());
    file.extend(data);
    file
}

/// A manifest for that image on the KV260.
pub fn manifest(name: &str, image: &[u8], maps: &[Map]) -> Manifest {
    let board = board();
    let kernel = |map: &Map| Kernel {
        map: *map,
        map_hash: map.hash(),
        base: map.place(&board).base,
        parameters: [("PPC".to_owned(), 4)].into(),
    };
    Manifest {
        schema: SCHEMA,
        name: name.into(),
        title: "made for a test".into(),
        board: "kv260".into(),
        part: "xck26-sfvc784-2LV-c".into(),
        idcode: KV260,
        image: ImageFile {
            file: format!("{name}.bin"),
            size: image.len() as u64,
            sha256: sha256(image),
        },
        built: Built { tool: "a test".into(), clock_mhz: 300.0, wns_ns: 0.1 },
        kernels: maps.iter().map(kernel).collect(),
        inputs: vec![Input { path: "hw/rtl/pre/tandem_pre.sv".into(), sha256: sha256(b"") }],
    }
}

/// Writes manifest and image to a folder of the manifest's name in `root`.
pub fn write(root: &Path, manifest: &Manifest, image: &[u8]) -> std::path::PathBuf {
    let folder = root.join(&manifest.name);
    std::fs::create_dir_all(&folder).expect("a folder");
    let text = toml::to_string(manifest).expect("a manifest is TOML");
    std::fs::write(folder.join("manifest.toml"), text).expect("the manifest");
    std::fs::write(folder.join(&manifest.image.file), image).expect("the image");
    folder
}

/// A good image in the order that is loaded; `seed` tells two apart.
pub fn image(seed: u32) -> Vec<u8> {
    let mut words = words(KV260, 64);
    let last = words.len() - 10;
    words[last] ^= seed;
    bytes(&words, Order::Reversed)
}
