//! Builds models from another copy of the sources: `build_model RTL OUT NAME...`. A bench then uses
//! them by `TANDEM_RTL_MODELS=OUT`. Optimises little: such a model runs once.

#[path = "../src/builder.rs"]
mod builder;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use builder::{Builder, table};

fn main() -> Result<()> {
    let mut words = std::env::args_os().skip(1);
    let mut next = || words.next().map(PathBuf::from).context("build_model RTL OUT NAME...");
    let (rtl, out) = (next()?, next()?);
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let models = table(&here.join("models.toml"))?;
    let builder =
        Builder { rtl, shim: here.join("shim.cpp"), out, jobs: 1, trace: false, quick: true };
    for name in words {
        let name = name.to_string_lossy();
        let model = models.iter().find(|model| model.name == name);
        builder.build(model.with_context(|| format!("no model {name}"))?)?;
    }
    Ok(())
}
