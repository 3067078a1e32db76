//! Clients of the Open Inference Protocol that others wrote, for tests: into `.tandem/clients`, beside
//! the venv, whose protobuf is newer than theirs.

use crate::shell::{Runner, run};
use anyhow::{Context, Result};
use std::fs;

const REQUIREMENTS: &str = "scripts/setup.d/requirements-clients.txt";

/// Fetches them with the venv's pip, which must be there.
pub fn ensure_tools(runner: &Runner) -> Result<()> {
    let folder = runner.root.join(".tandem/clients");
    let stamp = folder.join("stamp");
    let wanted = fs::read_to_string(runner.root.join(REQUIREMENTS)).context(REQUIREMENTS)?;
    if fs::read_to_string(&stamp).is_ok_and(|have| have == wanted) {
        return Ok(());
    }
    runner.say("installing tritonclient, the working group's clients and prometheus_client into .tandem/clients");
    if folder.exists() {
        fs::remove_dir_all(&folder).context("remove .tandem/clients")?;
    }
    let mut pip = runner.python();
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]);
    pip.args(["--require-hashes", "--only-binary", ":all:", "--requirement", REQUIREMENTS]);
    run(pip.arg("--target").arg(&folder))?;
    fs::write(&stamp, wanted).context("write .tandem/clients/stamp")
}
