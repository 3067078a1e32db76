//! Every seed and every finding through its target, on whatever toolchain runs the tests.
//!
//! A file called `ok-…` must be accepted and any other refused, so that a seed that no longer
//! reaches what it was made for is noticed.

use std::fs;
use std::path::Path;

use tandem_fuzz::TARGETS;

/// Files of a target's folder, in order of their names.
fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
    let entries = fs::read_dir(&dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
    let mut seeds: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_string_lossy().into(), fs::read(&path).unwrap()))
        .collect();
    seeds.sort();
    seeds
}

#[test]
fn every_seed_ends_as_its_name_says() {
    for (name, target) in TARGETS {
        let seeds = seeds(name);
        assert!(seeds.iter().any(|(file, _)| file.starts_with("ok-")), "{name} accepts nothing");
        for (file, bytes) in seeds {
            assert_eq!(target(&bytes), file.starts_with("ok-"), "{name}/{file}");
        }
    }
}

#[test]
fn no_seed_that_ends_early_breaks_a_promise() {
    for (name, target) in TARGETS {
        for (_, bytes) in seeds(name) {
            let step = bytes.len() / 64 + 1;
            for length in (0..bytes.len()).step_by(step) {
                target(&bytes[..length]);
            }
        }
    }
}

#[test]
fn no_seed_with_one_byte_changed_breaks_a_promise() {
    for (name, target) in TARGETS {
        for (_, mut bytes) in seeds(name) {
            let step = bytes.len() / 64 + 1;
            for at in (0..bytes.len()).step_by(step) {
                for other in [0, 0xff, bytes[at] ^ 1, bytes[at].wrapping_add(1)] {
                    let before = std::mem::replace(&mut bytes[at], other);
                    target(&bytes);
                    bytes[at] = before;
                }
            }
        }
    }
}
