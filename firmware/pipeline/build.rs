//! Links this package's tests with defmt's section. Packages with programs that contain the
//! pipeline do the same (README.md).

fn main() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/host-defmt.x");
    println!("cargo:rerun-if-changed={script}");
    println!("cargo:rustc-link-arg-tests=-T{script}");
    // The section's addresses are numbers and not places: they must not move with the program.
    println!("cargo:rustc-link-arg-tests=-no-pie");
}
