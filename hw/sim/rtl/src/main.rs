//! `verilate FOLDER [MODEL...]`: builds models of `models.toml` into a folder, those of a board
//! without further names. What has not changed is not built again.

mod builder;

use std::path::Path;

use anyhow::{Context, Result, bail};
use builder::{Builder, table};

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().context("usage: verilate FOLDER [MODEL...]")?;
    let mut names: Vec<String> = arguments.collect();
    if names.is_empty() {
        names = tandem_rtl::board::MODELS.map(str::to_owned).to_vec();
    }
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let builder = Builder {
        rtl: here.join("../../rtl").canonicalize().context("no hw/rtl")?,
        shim: here.join("shim.cpp"),
        // Verilator is run in the folder of the sources.
        out: std::path::absolute(folder).context("the folder")?,
        jobs,
        trace: false,
        quick: false,
    };
    let models = table(&here.join("models.toml"))?;
    for name in &names {
        let Some(model) = models.iter().find(|model| model.name == *name) else {
            bail!("models.toml has no model {name}");
        };
        println!("{}", builder.build(model).with_context(|| format!("model {name}"))?.display());
    }
    Ok(())
}
