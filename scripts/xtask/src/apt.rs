//! Debian packages, installed only where they are missing.

use crate::shell::{Runner, output, run};
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::Command;

/// Installs what is missing of `packages`; `suite` picks another suite such as backports.
pub fn ensure(runner: &Runner, packages: &[&str], suite: Option<&str>) -> Result<()> {
    let missing: Vec<&str> = packages.iter().copied().filter(|name| !installed(name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    runner.say(&format!("installing Debian packages: {}", missing.join(" ")));
    run(as_root("apt-get")?.args(["update", "-qq"]))?;
    let mut install = as_root("apt-get")?;
    install.args(["install", "-y", "-qq", "--no-install-recommends"]);
    if let Some(suite) = suite {
        install.args(["-t", suite]);
    }
    run(install.args(&missing))
}

/// True where dpkg has the package installed.
pub fn installed(package: &str) -> bool {
    Command::new("dpkg-query")
        .args(["-W", "-f=${Status}", package])
        .output()
        .is_ok_and(|out| String::from_utf8_lossy(&out.stdout).contains("ok installed"))
}

/// Downloads a package and unpacks it into `root`, with its libraries installed: for a program that
/// must not become a service of this machine.
pub fn unpack(runner: &Runner, package: &str, root: &Path) -> Result<()> {
    runner.say(&format!("unpacking {package} into {}", root.display()));
    let _ = std::fs::remove_dir_all(root);
    let downloads = root.join("downloads");
    std::fs::create_dir_all(&downloads)?;
    let download = || {
        let mut get = Command::new("apt-get");
        get.args(["download", "-qq", "-o", "APT::Sandbox::User=root", package]);
        run(get.current_dir(&downloads))
    };
    if download().is_err() {
        run(as_root("apt-get")?.args(["update", "-qq"]))?;
        download()?;
    }
    let found = std::fs::read_dir(&downloads)?.flatten().next();
    let file = found.with_context(|| format!("apt-get downloaded no {package}"))?.path();
    let depends = output(Command::new("dpkg-deb").arg("-f").arg(&file).arg("Depends"))?;
    let names = depends.split(',').filter_map(|one| one.split_whitespace().next());
    let libraries: Vec<&str> =
        names.filter(|name| name.starts_with("lib") || *name == "zlib1g").collect();
    ensure(runner, &libraries, None)?;
    run(Command::new("dpkg-deb").arg("-x").arg(&file).arg(root))?;
    Ok(std::fs::remove_dir_all(&downloads)?)
}

/// A user that a package's own scripts would make, where root runs this.
pub fn ensure_system_user(runner: &Runner, name: &str) -> Result<()> {
    if effective_user() != 0 || output(Command::new("getent").args(["passwd", name])).is_ok() {
        return Ok(());
    }
    runner.say(&format!("adding the system user {name}"));
    run(Command::new("useradd")
        .args(["--system", "--no-create-home", "--home-dir", "/run/sshd"])
        .args(["--shell", "/usr/sbin/nologin", name]))
}

/// `bookworm`, `noble`, ...
pub fn codename() -> Result<String> {
    let text = std::fs::read_to_string("/etc/os-release").context("reading /etc/os-release")?;
    text.lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="))
        .map(|name| name.trim_matches('"').to_owned())
        .context("/etc/os-release has no VERSION_CODENAME")
}

/// Adds the backports suite on the mirror that this machine uses already.
pub fn ensure_backports(runner: &Runner) -> Result<String> {
    let suite = format!("{}-backports", codename()?);
    let known = output(Command::new("apt-get").args(["indextargets", "--format", "$(CODENAME)"]))?;
    if known.lines().any(|line| line == suite) {
        return Ok(suite);
    }
    runner.say(&format!("adding the suite {suite}"));
    let mirror = main_mirror()?;
    let source = format!(
        "Types: deb\nURIs: {mirror}\nSuites: {suite}\nComponents: main\nSigned-By: \
         /usr/share/keyrings/debian-archive-keyring.gpg\n"
    );
    let staged = std::env::temp_dir().join("tandem-backports.sources");
    std::fs::write(&staged, source)?;
    let target = Path::new("/etc/apt/sources.list.d/tandem-backports.sources");
    run(as_root("install")?.args(["-m", "644"]).arg(&staged).arg(target))?;
    Ok(suite)
}

fn main_mirror() -> Result<String> {
    let codename = codename()?;
    let table = output(Command::new("apt-get").args([
        "indextargets",
        "--format",
        "$(CODENAME) $(REPO_URI)",
    ]))?;
    table
        .lines()
        .filter_map(|line| line.split_once(' '))
        .find(|(name, _)| *name == codename)
        .map(|(_, uri)| uri.to_owned())
        .with_context(|| format!("no apt source for {codename}; run apt-get update"))
}

fn as_root(program: &str) -> Result<Command> {
    let mut command;
    if effective_user() == 0 {
        command = Command::new(program);
    } else if Path::new("/usr/bin/sudo").exists() {
        command = Command::new("sudo");
        command.arg(program);
    } else {
        bail!("'{program}' needs root: run as root, or install sudo");
    }
    command.env("DEBIAN_FRONTEND", "noninteractive");
    Ok(command)
}

fn effective_user() -> u32 {
    // /proc/self belongs to the effective user; reading it needs no libc binding.
    std::fs::metadata("/proc/self").map_or(1, |meta| std::os::unix::fs::MetadataExt::uid(&meta))
}

/// Lets dpkg take packages of another architecture.
pub fn ensure_architecture(runner: &Runner, architecture: &str) -> Result<()> {
    let foreign = output(Command::new("dpkg").arg("--print-foreign-architectures"))?;
    if foreign.lines().any(|line| line == architecture) {
        return Ok(());
    }
    runner.say(&format!("adding the package architecture {architecture}"));
    run(as_root("dpkg")?.args(["--add-architecture", architecture]))?;
    run(as_root("apt-get")?.args(["update", "-qq"]))
}
