//! Foreign programs for factory fixtures, for tests: openhtf reads records, labgrid drives the board.

use crate::shell::{Runner, run};
use anyhow::{Context, Result};
use std::fs;
use std::process::{Command, Stdio};

const REQUIREMENTS: &str = "scripts/setup.d/requirements-fixture.txt";
/// Wheels of plain Python that are tagged for Python 2 only.
const PYTHON_2: &str = "scripts/setup.d/requirements-fixture-py2.txt";

/// Fetches them into `.tandem/venv`, which must be there.
pub fn ensure_tools(runner: &Runner) -> Result<()> {
    let stamp = runner.root.join(".tandem/fixture.stamp");
    let mut wanted = String::new();
    for file in [REQUIREMENTS, PYTHON_2] {
        wanted += &fs::read_to_string(runner.root.join(file)).context(file)?;
    }
    // The environment may have been made anew since.
    let mut import = runner.python();
    import.args(["-c", "import labgrid, openhtf.core"]).stderr(Stdio::null());
    if fs::read_to_string(&stamp).is_ok_and(|have| have == wanted)
        && import.status().is_ok_and(|status| status.success())
    {
        return Ok(());
    }
    runner.say("installing openhtf and labgrid into .tandem/venv");
    run(&mut install(runner, REQUIREMENTS))?;
    // No interpreter of ours would take the tag: the wheel is unpacked where modules lie.
    let script = "import sysconfig; print(sysconfig.get_path('purelib'))";
    let place = crate::shell::output(runner.python().args(["-c", script]))?;
    run(install(runner, PYTHON_2)
        .args(["--python-version", "2.7", "--implementation", "py", "--abi", "none"])
        .args(["--platform", "any", "--upgrade", "--target", place.trim()]))?;
    fs::write(&stamp, wanted).context("write fixture.stamp")
}

fn install(runner: &Runner, requirements: &str) -> Command {
    let mut pip = runner.python();
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]);
    pip.args(["--require-hashes", "--only-binary", ":all:", "--requirement", requirements]);
    pip
}
