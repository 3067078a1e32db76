//! Debian's arm64 kernel, and the modules that it lacks.

use super::Place;
use crate::shell::{Runner, output, run};
use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Our modules' sources.
const OURS: &str = "boards/linux";
/// Of the kernel's source: drivers that Debian leaves out, and what they include of their
/// neighbours.
const SOURCES: [&str; 3] =
    ["drivers/uio/uio_pdrv_genirq.c", "drivers/dma/xilinx/xilinx_dma.c", "drivers/dma/dmaengine.h"];
/// The guest's SSH server, a package with what it needs beside the C library.
const SSH: &str = "dropbear-bin:arm64";
/// Where that puts it.
pub const SSH_SERVER: &str = "usr/sbin/dropbear";
/// Ours that the guest has.
const GUEST: [&str; 3] = ["tandem-pool", "r5ctl", "dma-client"];
/// Modules of the kernel that the guest loads: network and UIO.
const WANTED: [&str; 9] = [
    "drivers/net/phy/libphy.ko",
    "drivers/net/phy/fixed_phy.ko",
    "drivers/net/mdio/fwnode_mdio.ko",
    "drivers/net/mdio/of_mdio.ko",
    "drivers/net/phy/mdio_devres.ko",
    "drivers/net/phy/phylink.ko",
    "drivers/net/phy/marvell.ko",
    "drivers/net/ethernet/cadence/macb.ko",
    "drivers/uio/uio.ko",
];

/// A kernel that boots.
pub struct Kernel {
    /// Modules that the guest loads, ours among them.
    pub modules: Vec<PathBuf>,
    /// Packages' root: busybox is in it.
    pub root: PathBuf,
    /// As `uname -r` says it.
    pub version: String,
}

/// Fetches the packages and builds the modules, if the kernel or a source is another than last time.
pub fn ensure(runner: &Runner, place: &Place) -> Result<Kernel> {
    fs::create_dir_all(&place.folder)?;
    let root = place.join("debian");
    let version_file = place.join("kernel.version");
    let version = match fs::read_to_string(&version_file) {
        Ok(version)
            if [&SOURCES[..], &[SSH_SERVER]]
                .concat()
                .iter()
                .all(|path| root.join(path).is_file()) =>
        {
            version
        }
        _ => fetch(runner, place, &root, &version_file)?,
    };
    let modules = root.join("lib/modules").join(&version);
    let stamp = place.join("modules.stamp");
    let wanted = format!("{version} {}", digest(&runner.root.join(OURS))?);
    let built = place.join("modules");
    if !fs::read_to_string(&stamp).is_ok_and(|have| have == wanted) {
        build(runner, place, &root, &version, &built)?;
        fs::write(&stamp, &wanted)?;
    }
    let theirs = WANTED.iter().map(|path| modules.join("kernel").join(path));
    let ours = fs::read_dir(&built)?.flatten().map(|entry| entry.path());
    let ours = ours.filter(|path| path.extension().is_some_and(|end| end == "ko"));
    Ok(Kernel { modules: theirs.chain(ours).collect(), root, version })
}

/// Downloads and unpacks; nothing is installed. Returns the kernel's version.
fn fetch(runner: &Runner, place: &Place, root: &Path, version_file: &Path) -> Result<String> {
    let meta = output(Command::new("apt-cache").args(["depends", "linux-image-arm64:arm64"]))?;
    let image = meta
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Depends: linux-image-"))
        .find_map(|rest| rest.split(':').next())
        .context("no package linux-image-arm64 for the architecture arm64: is this Debian?")?;
    let version = image.to_owned();
    runner.say(&format!("fetching Debian's kernel {version} for the board in QEMU"));
    // `6.1.0-56-arm64`: the series and the version that both sides of its headers share.
    let series = version.splitn(3, '.').take(2).collect::<Vec<_>>().join(".");
    let common = version.trim_end_matches("-arm64");
    let mut packages = vec![
        format!("linux-image-{version}:arm64"),
        format!("linux-headers-{version}:arm64"),
        format!("linux-headers-{common}-common"),
        format!("linux-kbuild-{series}"),
        format!("linux-source-{series}"),
        "busybox-static:arm64".to_owned(),
    ];
    packages.extend(with_libraries(SSH)?);
    let downloads = place.join("downloads");
    let _ = fs::remove_dir_all(&downloads);
    let _ = fs::remove_dir_all(root);
    fs::create_dir_all(&downloads)?;
    run(Command::new("apt-get")
        .args(["download", "-qq", "-o", "APT::Sandbox::User=root"])
        .args(&packages)
        .current_dir(&downloads))?;
    for entry in fs::read_dir(&downloads)?.flatten() {
        run(Command::new("dpkg").arg("-x").arg(entry.path()).arg(root))?;
    }
    fs::remove_dir_all(&downloads)?;
    // Of the same source as the kernel.
    let archive = root.join(format!("usr/src/linux-source-{series}.tar.xz"));
    let members = SOURCES.map(|path| format!("linux-source-{series}/{path}"));
    run(Command::new("tar")
        .args(["-xJf"])
        .arg(&archive)
        .arg("-C")
        .arg(root)
        .args(["--strip-components=1", "--occurrence=1"])
        .args(members))?;
    fs::remove_file(&archive)?;
    let boot = root.join("boot").join(format!("vmlinuz-{version}"));
    fs::copy(&boot, place.join("Image")).with_context(|| boot.display().to_string())?;
    fs::write(version_file, &version)?;
    Ok(version)
}

/// A package and the libraries that it needs; the guest has the C library and the compiler's from the
/// cross compiler's package.
fn with_libraries(package: &str) -> Result<Vec<String>> {
    let all = output(Command::new("apt-cache").args([
        "depends",
        "--recurse",
        "--no-recommends",
        "--no-suggests",
        "--no-conflicts",
        "--no-breaks",
        "--no-replaces",
        "--no-enhances",
        package,
    ]))?;
    let there = ["libc6:", "libgcc-s1:", "gcc-"];
    let lines = all.lines().filter(|line| !line.starts_with([' ', '<', '|']));
    let wanted = lines.filter(|name| !there.iter().any(|there| name.starts_with(there)));
    Ok(wanted.map(str::to_owned).collect())
}

/// Builds the modules out of tree against the unpacked headers.
fn build(runner: &Runner, place: &Place, root: &Path, version: &str, built: &Path) -> Result<()> {
    runner.say("building the guest's kernel modules");
    let headers = root.join("usr/src").join(format!("linux-headers-{version}"));
    let common = version.trim_end_matches("-arm64");
    // The package names its other half by an absolute path of an installed system.
    let other = root.join("usr/src").join(format!("linux-headers-{common}-common/Makefile"));
    fs::write(headers.join("Makefile"), format!("include {}\n", other.display()))?;
    let _ = fs::remove_dir_all(built);
    let work = place.join("modules.build");
    let _ = fs::remove_dir_all(&work);
    fs::create_dir_all(built)?;
    let mut folders = Vec::new();
    for source in SOURCES {
        let to = work.join(source);
        let folder = to.parent().context("a file in a folder")?;
        fs::create_dir_all(folder)?;
        fs::copy(root.join(source), &to)?;
        if let Some(name) = source.strip_suffix(".c") {
            let name = Path::new(name).file_name().context("a name")?.display();
            fs::write(folder.join("Kbuild"), format!("obj-m := {name}.o\n"))?;
            folders.push(folder.to_owned());
        }
    }
    for name in GUEST {
        let folder = work.join(name);
        fs::create_dir_all(&folder)?;
        for entry in fs::read_dir(runner.root.join(OURS).join(name))?.flatten() {
            fs::copy(entry.path(), folder.join(entry.file_name()))?;
        }
        folders.push(folder);
    }
    let wanted = folders.len();
    for folder in folders {
        let compiler = "aarch64-linux-gnu-gcc";
        let mut make = Command::new("make");
        make.arg("-s").arg("-C").arg(&headers).arg(format!("M={}", folder.display()));
        make.args(["ARCH=arm64", "CROSS_COMPILE=aarch64-linux-gnu-", "modules"]);
        make.arg(format!("CC={compiler}"));
        make.env("DEB_HOST_ARCH", "arm64").env("DEB_BUILD_ARCH", "amd64");
        make.env("DEB_HOST_GNU_TYPE", "aarch64-linux-gnu");
        run(&mut make)?;
        for entry in fs::read_dir(&folder)?.flatten() {
            if entry.path().extension().is_some_and(|end| end == "ko") {
                fs::copy(entry.path(), built.join(entry.file_name()))?;
            }
        }
    }
    let count = fs::read_dir(built)?.count();
    ensure!(count == wanted, "{} holds {count} modules, not {wanted}", built.display());
    fs::remove_dir_all(&work)?;
    Ok(())
}

/// Of every file below a folder, by name.
fn digest(folder: &Path) -> Result<String> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    let mut hash = Sha256::new();
    for file in files {
        hash.update(file.display().to_string());
        hash.update(fs::read(&file)?);
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
