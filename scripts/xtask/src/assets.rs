//! What the repository needs and does not hold: the Python tools, ONNX Runtime's library, the
//! default model's weights and the test photographs. State lies in `.tandem/`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

/// Packages of the venv, with hashes.
const REQUIREMENTS: &str = "scripts/setup.d/requirements.txt";
/// Fetches and converts everything else.
const FETCH: &str = "scripts/setup.d/fetch_assets.py";
const CONVERTER: &str = "scripts/setup.d/darknet_to_onnx.py";
/// Says which weights are wanted, by their hash.
const MODEL: &str = "userspace/models/yolov3-tiny/1/model.toml";
/// Oldest Python for which [`REQUIREMENTS`] holds wheels.
const PYTHON: (u32, u32) = (3, 11);

/// Makes everything that is missing or damaged, and nothing else; `progress` hears each step.
///
/// Two calls at once are safe: the second waits. With all in place it only compares stamps, sizes
/// and the model's hash.
///
/// # Errors
/// The step that failed, with the tool's own words.
pub fn ensure(root: &Path, progress: &mut dyn FnMut(&str)) -> Result<()> {
    let state = root.join(".tandem");
    fs::create_dir_all(&state).with_context(|| format!("create {}", state.display()))?;
    if complete(root)? {
        return Ok(());
    }
    let lock = fs::File::create(state.join("setup.lock")).context("create .tandem/setup.lock")?;
    lock.lock().context("wait for another setup")?;
    // Whoever held the lock may have done it all.
    if complete(root)? {
        return Ok(());
    }
    let python = python_tools(root, progress)?;
    progress("Assets: library, photographs, model weights");
    run(Command::new(venv_python(root)).arg(root.join(FETCH)).arg(root).arg(&python))?;
    fs::write(state.join("assets.stamp"), assets_stamp(root)?).context("write assets.stamp")?;
    if !complete(root)? {
        bail!("{FETCH} ended without an error, but .tandem/assets.list does not hold");
    }
    Ok(())
}

/// True if the stamps belong to the scripts as they are and every listed file is as it was made.
fn complete(root: &Path) -> Result<bool> {
    let state = root.join(".tandem");
    let same = |file: &str, wanted: &str| {
        fs::read_to_string(state.join(file)).is_ok_and(|have| have == wanted)
    };
    Ok(same("venv.stamp", &digest_of(root, &[REQUIREMENTS])?)
        && venv_python(root).exists()
        && same("assets.stamp", &assets_stamp(root)?)
        && listed_files_hold(root))
}

/// Compares `assets.list` (`sha256 size path` a line) with the files: all sizes, and the hash of
/// the one that a build or an editor could touch. The rest lies inside `.tandem`.
fn listed_files_hold(root: &Path) -> bool {
    let Ok(list) = fs::read_to_string(root.join(".tandem/assets.list")) else { return false };
    let holds = |line: &str| {
        let mut words = line.splitn(3, ' ');
        let (Some(hash), Some(size), Some(path)) = (words.next(), words.next(), words.next())
        else {
            return false;
        };
        let file = root.join(path);
        let sized = fs::metadata(&file).is_ok_and(|m| m.len().to_string() == size);
        let inside = path.starts_with(".tandem/");
        sized && (inside || fs::read(&file).is_ok_and(|bytes| hex(&Sha256::digest(bytes)) == hash))
    };
    !list.is_empty() && list.lines().all(holds)
}

/// The venv with its packages. Returns an interpreter that has pip.
fn python_tools(root: &Path, progress: &mut dyn FnMut(&str)) -> Result<PathBuf> {
    let python = system_python()?;
    let venv = root.join(".tandem/venv");
    let stamp = root.join(".tandem/venv.stamp");
    let wanted = digest_of(root, &[REQUIREMENTS])?;
    if venv_works(root) && fs::read_to_string(&stamp).is_ok_and(|have| have == wanted) {
        return Ok(pip_python(root, &python));
    }
    progress("Python: virtual environment");
    let _ = fs::remove_file(&stamp);
    if !venv_works(root) {
        make_venv(&python, &venv, progress)?;
    }
    progress("Python: numpy, onnx, onnxruntime, opencv, systemrdl-compiler");
    let mut pip = Command::new(pip_python(root, &python));
    pip.args(["-m", "pip"]);
    if !has_pip(&venv_python(root)) {
        pip.arg("--python").arg(venv_python(root));
    }
    pip.args(["install", "--quiet", "--disable-pip-version-check", "--require-hashes"]);
    run(pip.args(["--only-binary", ":all:", "--requirement"]).arg(root.join(REQUIREMENTS)))?;
    fs::write(&stamp, wanted).context("write venv.stamp")?;
    Ok(pip_python(root, &python))
}

/// A bare Debian has the venv module without ensurepip: install it, else do without pip inside
/// the venv where the system has one that can serve it.
fn make_venv(python: &Path, venv: &Path, progress: &mut dyn FnMut(&str)) -> Result<()> {
    let create = |extra: &[&str]| {
        let _ = fs::remove_dir_all(venv);
        run(Command::new(python).args(["-m", "venv"]).args(extra).arg(venv))
    };
    let Err(first) = create(&[]) else { return Ok(()) };
    progress("Python: python3-venv is missing, installing it");
    let installed = ["apt-get update -qq", "apt-get install -y -qq python3-venv"]
        .iter()
        .try_for_each(|line| run(&mut as_root(line)));
    if installed.is_ok() && create(&[]).is_ok() {
        return Ok(());
    }
    if has_pip(python) {
        return create(&["--without-pip"]);
    }
    Err(first.context("no virtual environment: install python3-venv (apt install python3-venv)"))
}

/// A command as root: directly where we are root, else by sudo if that asks for no password.
fn as_root(line: &str) -> Command {
    let root = Command::new("id").arg("-u").output().is_ok_and(|o| o.stdout.starts_with(b"0\n"));
    let mut words = line.split(' ');
    let mut command = match root {
        true => Command::new(words.next().unwrap_or_default()),
        false => {
            let mut sudo = Command::new("sudo");
            sudo.arg("-n");
            sudo
        }
    };
    command.args(words).env("DEBIAN_FRONTEND", "noninteractive");
    command
}

/// `python3` in a version for which there are wheels.
fn system_python() -> Result<PathBuf> {
    let script = "import sys; print(sys.version_info[0], sys.version_info[1], sys.executable)";
    let (major, minor) = PYTHON;
    let output = Command::new("python3")
        .args(["-c", script])
        .output()
        .with_context(|| format!("python3 is missing: install Python {major}.{minor} or newer"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut words = text.trim().splitn(3, ' ');
    let mut number = || words.next().and_then(|word| word.parse::<u32>().ok()).unwrap_or(0);
    let found = (number(), number());
    if found < PYTHON {
        bail!("python3 is {}.{}, setup needs {major}.{minor} or newer", found.0, found.1);
    }
    Ok(words.next().unwrap_or("python3").into())
}

fn venv_python(root: &Path) -> PathBuf {
    root.join(".tandem/venv/bin/python")
}

/// The venv is there and its interpreter still starts (a system upgrade may have removed it).
fn venv_works(root: &Path) -> bool {
    Command::new(venv_python(root)).args(["-c", ""]).output().is_ok_and(|o| o.status.success())
}

fn has_pip(python: &Path) -> bool {
    let probe = Command::new(python).args(["-m", "pip", "--version"]).output();
    probe.is_ok_and(|o| o.status.success())
}

/// The venv's interpreter where it has pip, else the system's.
fn pip_python(root: &Path, system: &Path) -> PathBuf {
    let inside = venv_python(root);
    if has_pip(&inside) { inside } else { system.to_owned() }
}

/// Runs a tool in silence; its output is part of the error.
fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("start {command:?}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    bail!("{command:?} failed ({}):\n{}", output.status, String::from_utf8_lossy(&said).trim())
}

fn assets_stamp(root: &Path) -> Result<String> {
    digest_of(root, &[REQUIREMENTS, FETCH, CONVERTER, MODEL])
}

fn digest_of(root: &Path, files: &[&str]) -> Result<String> {
    let mut digest = Sha256::new();
    for file in files {
        digest.update(fs::read(root.join(file)).with_context(|| format!("read {file}"))?);
    }
    Ok(hex(&digest.finalize()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listed_file_that_changed_is_noticed() {
        let root = std::env::temp_dir().join(format!("tandem-assets-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(root.join(".tandem")).unwrap();
        assert!(!listed_files_hold(&root), "without a list");
        fs::write(root.join("model"), "weights").unwrap();
        fs::write(root.join(".tandem/photo one"), "pixels").unwrap();
        let hash = hex(&Sha256::digest("weights"));
        let list = format!("{hash} 7 model\n- 6 .tandem/photo one\n");
        fs::write(root.join(".tandem/assets.list"), list).unwrap();
        assert!(listed_files_hold(&root));
        fs::write(root.join("model"), "Weights").unwrap();
        assert!(!listed_files_hold(&root), "same size, other bytes");
        fs::write(root.join("model"), "weights").unwrap();
        fs::write(root.join(".tandem/photo one"), "pix").unwrap();
        assert!(!listed_files_hold(&root), "cut");
        fs::remove_file(root.join(".tandem/photo one")).unwrap();
        assert!(!listed_files_hold(&root), "missing");
        fs::remove_dir_all(&root).unwrap();
    }
}
