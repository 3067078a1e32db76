//! The kernels' models against the libraries that people would use instead, by the scripts of
//! `hw/model/compare`.

use std::path::PathBuf;
use std::process::Command;

use tandem_tests::programs::{example, run};
use tandem_tests::repository::{needed, photograph, root, text};

fn compare(script: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(needed(".tandem/venv/bin/python"));
    command.arg(root().join("hw/model/compare").join(script)).args(arguments);
    let ran = run(&mut command);
    let said = ran.stdout_text().to_owned();
    println!("{said}");
    assert_eq!(ran.code, Some(0), "{said}{}", ran.stderr);
    said
}

/// Every format, both resizes, grey, filter and binary16 at the four sizes: OpenCV within 1, and
/// within 2 where YUV, a mosaic or the filter come first.
#[test]
fn photographs_of_every_format_are_those_of_opencv() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["bus.jpg", "coffee.png", "hubble_deep_field.jpg", "motorcycle_left.png"] {
        std::os::unix::fs::symlink(photograph(name), folder.path().join(name)).expect("a link");
    }
    let preprocess: PathBuf = example("tandem-model", "preprocess");
    let said = compare("photos.py", &[text(&preprocess), text(folder.path())]);
    let rows = said.lines().filter(|line| line.contains(" max ")).count();
    assert!(rows >= 100, "{rows} comparisons");
    assert!(said.ends_with("0 above the limit\n"));
}

/// Random int8 layers: at most one apart.
#[test]
fn int8_layers_are_those_of_onnx_runtime() {
    let slice = example("tandem-model", "slice");
    let said = compare("slice_onnx.py", &[text(&slice), "25"]);
    assert_eq!(said.lines().count(), 5, "a line for each operation");
}
