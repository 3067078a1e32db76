//! Builds every model of `models.toml` as a shared library in `OUT_DIR`. `TANDEM_RTL_ONLY=a,b`
//! builds the named ones only (those that a bench needs); `TANDEM_RTL_TRACE=1` with waveforms.

#[path = "src/builder.rs"]
mod builder;

use std::path::PathBuf;

use anyhow::{Context, Result};
use builder::{Builder, table};

fn main() -> Result<()> {
    let here = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").context("no manifest folder")?);
    let out = PathBuf::from(std::env::var_os("OUT_DIR").context("no folder to build in")?);
    let rtl = here.join("../../rtl").canonicalize().context("no hw/rtl")?;
    let jobs = std::env::var("NUM_JOBS").ok().and_then(|jobs| jobs.parse().ok()).unwrap_or(1);
    let only = std::env::var("TANDEM_RTL_ONLY").unwrap_or_default();
    let trace = std::env::var("TANDEM_RTL_TRACE").is_ok_and(|value| value == "1");
    println!("cargo:rerun-if-env-changed=TANDEM_RTL_ONLY");
    println!("cargo:rerun-if-env-changed=TANDEM_RTL_TRACE");
    println!("cargo:rerun-if-env-changed=CXX");
    for file in ["build.rs", "shim.cpp", "models.toml", "src/builder.rs"] {
        println!("cargo:rerun-if-changed={file}");
    }
    println!("cargo:rerun-if-changed={}", rtl.display());
    let builder = Builder { rtl, shim: here.join("shim.cpp"), out, jobs, trace, quick: false };
    for model in table(&here.join("models.toml"))? {
        if only.is_empty() || only.split(',').any(|name| name == model.name) {
            builder.build(&model).with_context(|| format!("model {}", model.name))?;
        }
    }
    Ok(())
}
