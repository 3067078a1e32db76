//! Links this package's programs, which hold the virtual board's firmware, with a place
//! for defmt's strings.

use std::{env, path::Path};

fn main() {
    let here = env::var("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    let script = Path::new(&here).join("../../firmware/pipeline/host-defmt.x");
    println!("cargo:rerun-if-changed={}", script.display());
    println!("cargo:rustc-link-arg=-T{}", script.display());
    // The index of a string is its symbol's address, which must not be relocated.
    println!("cargo:rustc-link-arg=-no-pie");
}
