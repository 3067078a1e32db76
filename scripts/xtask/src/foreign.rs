//! Foreign programs that tests hold the project against, from PyPI: openhtf reads a fixture's records,
//! labgrid drives the board, schemathesis asks the HTTP API what its document does not promise.

use crate::shell::{Runner, run};
use anyhow::{Context, Result};
use std::fs;
use std::process::{Command, Stdio};

/// Packages that are installed together into `.tandem/venv`.
struct Group {
    /// Name of the stamp, and of `scripts/setup.d/requirements-NAME.txt`.
    name: &'static str,
    /// What it is, for people.
    says: &'static str,
    /// Modules that can be imported when it is there.
    imports: &'static str,
    /// There is a `requirements-NAME-py2.txt`, too: wheels of plain Python that are tagged for Python 2 only.
    python_2: bool,
}

const GROUPS: [Group; 2] = [
    Group {
        name: "fixture",
        says: "openhtf and labgrid",
        imports: "labgrid, openhtf.core",
        python_2: true,
    },
    Group { name: "http", says: "schemathesis", imports: "schemathesis", python_2: false },
];

/// Fetches all of them into `.tandem/venv`, which must be there.
pub fn ensure_tools(runner: &Runner) -> Result<()> {
    GROUPS.iter().try_for_each(|group| ensure(runner, group))
}

fn ensure(runner: &Runner, group: &Group) -> Result<()> {
    let stamp = runner.root.join(format!(".tandem/{}.stamp", group.name));
    let requirements = format!("scripts/setup.d/requirements-{}.txt", group.name);
    let python_2 = group.python_2.then(|| requirements.replace(".txt", "-py2.txt"));
    let mut wanted = String::new();
    for file in [Some(&requirements), python_2.as_ref()].into_iter().flatten() {
        wanted += &fs::read_to_string(runner.root.join(file)).with_context(|| file.clone())?;
    }
    // The environment may have been made anew since.
    let mut import = runner.python();
    import.args(["-c", &format!("import {}", group.imports)]).stderr(Stdio::null());
    if fs::read_to_string(&stamp).is_ok_and(|have| have == wanted)
        && import.status().is_ok_and(|status| status.success())
    {
        return Ok(());
    }
    runner.say(&format!("installing {} into .tandem/venv", group.says));
    run(&mut install(runner, &requirements))?;
    if let Some(python_2) = python_2 {
        // No interpreter of ours would take the tag: the wheel is unpacked where modules lie.
        let script = "import sysconfig; print(sysconfig.get_path('purelib'))";
        let place = crate::shell::output(runner.python().args(["-c", script]))?;
        run(install(runner, &python_2)
            .args(["--python-version", "2.7", "--implementation", "py", "--abi", "none"])
            .args(["--platform", "any", "--upgrade", "--target", place.trim()]))?;
    }
    fs::write(&stamp, wanted).with_context(|| stamp.display().to_string())
}

fn install(runner: &Runner, requirements: &str) -> Command {
    let mut pip = runner.python();
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]);
    pip.args(["--require-hashes", "--only-binary", ":all:", "--requirement", requirements]);
    pip
}
