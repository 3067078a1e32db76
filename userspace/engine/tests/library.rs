//! ONNX Runtime's library missing, damaged or not one. One test: a process loads it once.

mod common;

use common::Copy;
use tandem_engine::{EngineChoice, EngineError, EngineOptions, find_library, load_engine_with};

#[test]
fn a_bad_library_is_an_error_and_a_good_one_works_after_it() {
    let copy = Copy::of("tiny-v5");
    let model = copy.model();
    let load = |library: std::path::PathBuf, choice| {
        let options = EngineOptions { choice, library: Some(library), ..EngineOptions::default() };
        load_engine_with(&model, &options)
    };
    let file = |name: &str, bytes: &[u8]| {
        std::fs::write(copy.dir.join(name), bytes).unwrap();
        copy.dir.join(name)
    };
    let bad = [
        copy.dir.join("missing.so"),
        file("empty.so", b""),
        file("text.so", b"not a library"),
        file("cut.so", &std::fs::read(std::env::current_exe().unwrap()).unwrap()[..4096]),
        // A real library that is not ONNX Runtime.
        "libc.so.6".into(),
    ];
    for library in bad {
        for choice in [EngineChoice::Ort, EngineChoice::Auto] {
            let Err(EngineError::Library { path, .. }) = load(library.clone(), choice) else {
                panic!("{library:?} was taken for ONNX Runtime");
            };
            assert_eq!(path, library.display().to_string());
        }
        // The other runtime does not care.
        assert_eq!(load(library, EngineChoice::Rten).unwrap().name(), "rten");
    }
    let Some(good) = find_library() else {
        eprintln!("skipped the second half: no libonnxruntime.so (run scripts/setup)");
        return;
    };
    assert_eq!(load(good, EngineChoice::Auto).unwrap().name(), "ort");
    let second = load(copy.dir.join("other.so"), EngineChoice::Ort);
    let Err(EngineError::Library { reason, .. }) = second else { panic!("a second library") };
    assert!(reason.contains("is loaded"), "{reason}");
}
