//! Copies files of a target's corpus to its seeds, under the names that the replay asks for.
//!
//!     cargo run --release -p tandem-fuzz --example keep -- TARGET FILE...

use std::path::Path;
use std::{env, fs, process};

use tandem_fuzz::TARGETS;

fn main() {
    let mut args = env::args().skip(1);
    let target = args.next().unwrap_or_default();
    let Some((_, accepts)) = TARGETS.iter().find(|(name, _)| *name == target) else {
        eprintln!("usage: keep TARGET FILE...; no target is called '{target}'");
        process::exit(2);
    };
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(&target);
    for file in args {
        let bytes = fs::read(&file).unwrap_or_else(|e| panic!("{file}: {e}"));
        // libFuzzer calls a file by the hash of its bytes.
        let hash = Path::new(&file).file_name().unwrap_or_default().to_string_lossy();
        let name = format!("{}-found-{:.8}", if accepts(&bytes) { "ok" } else { "no" }, hash);
        fs::write(seeds.join(&name), bytes).unwrap_or_else(|e| panic!("{name}: {e}"));
        println!("{target}/{name}");
    }
}
