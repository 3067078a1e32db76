//! What the virtual board says of the same photographs.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The virtual board's answers, one JSON object a photograph.
///
/// # Errors
/// What agentctl said.
pub fn expected(root: &Path, photographs: &[PathBuf]) -> Result<Vec<Value>> {
    let program = root.join("target/release/agentctl");
    let output = Command::new(&program)
        .args(["inspect", "-o", "json", "--deadline-ms", "120000"])
        .args(photographs)
        .current_dir(root)
        .output()
        .with_context(|| format!("{}; cargo xtask qemu build makes it", program.display()))?;
    let text = String::from_utf8(output.stdout)?;
    let answers: Vec<Value> =
        text.lines().map(serde_json::from_str).collect::<Result<_, _>>().context("agentctl")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(answers.len() == photographs.len(), "agentctl inspect: {said}");
    Ok(answers)
}
