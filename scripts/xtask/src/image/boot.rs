//! The boot partition.

use super::{Job, fresh, settle, vendor};
use crate::qemu::{Place, guest};
use crate::shell::{output, run};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tandem_slots::layout;

/// Modules of the kernel that find and mount a slot, in the order in which they load.
const MODULES: [&str; 10] = [
    "drivers/mmc/host/cqhci",
    "drivers/mmc/host/sdhci",
    "drivers/mmc/host/sdhci-pltfm",
    "drivers/mmc/host/sdhci-of-arasan",
    "fs/squashfs/squashfs",
    "fs/overlayfs/overlay",
    "crypto/crc32c_generic",
    "lib/crc16",
    "fs/mbcache",
    "fs/jbd2/jbd2",
];
/// The last one.
const EXT4: &str = "fs/ext4/ext4";

/// A FAT file system with all that U-Boot reads.
pub fn partition(job: &Job<'_>, place: &Place, programs: &Path) -> Result<PathBuf> {
    let files = job.join("boot");
    fresh(&files)?;
    fs::copy(place.join("Image"), files.join("Image"))?;
    device_tree(job, &files.join("system.dtb"))?;
    initramfs(job, place, programs, &files.join("initramfs.cpio"))?;
    script(job, &files)?;
    fs::write(files.join("README.txt"), vendor::readme(job.runner, &job.target))?;
    for part in job.target.parts.iter().filter(|part| part.boot) {
        let path = job.target.path(job.runner, part);
        if path.is_file() {
            fs::copy(path, files.join(part.file))?;
        }
    }
    let image = job.join("boot.fat");
    let _ = fs::remove_file(&image);
    fs::File::create(&image)?.set_len(layout::BOOT)?;
    run(job
        .tool("mkfs.vfat")
        .args(["-F", "32", "-n", "TANDEM", "-i", "7A2DB007", "--invariant"])
        .arg(&image)
        .stdout(std::process::Stdio::null()))?;
    let mut names: Vec<PathBuf> =
        fs::read_dir(&files)?.flatten().map(|entry| entry.path()).collect();
    names.sort();
    settle(job, &files)?;
    run(job.tool("mcopy").arg("-m").arg("-i").arg(&image).args(&names).arg("::"))?;
    Ok(image)
}

/// The board's own tree with Tandem's nodes.
fn device_tree(job: &Job<'_>, into: &Path) -> Result<()> {
    let root = &job.runner.root;
    let Some(name) = job.target.tree else {
        return run(Command::new("dtc")
            .args(["-q", "-I", "dts", "-O", "dtb", "-i"])
            .arg(root.join("boards/generated/qemu"))
            .arg("-o")
            .arg(into)
            .arg(root.join("boards/qemu/zcu102.dts")));
    };
    let base = Path::new("usr/lib").join(format!("linux-image-{}", job.kernel.version));
    let base = job.kernel.root.join(base).join("xilinx").join(name);
    let mut text = output(Command::new("dtc").args(["-q", "-I", "dtb", "-O", "dts"]).arg(&base))?;
    let fragment = root.join("boards/generated").join(job.target.name).join("tandem.dtsi");
    let mut ours = fs::read_to_string(&fragment).with_context(|| fragment.display().to_string())?;
    // A compiled tree has no labels; its nodes are known by the numbers that it gave them.
    for (label, node) in [
        ("gic", "/axi/interrupt-controller@f9010000"),
        ("zynqmp_firmware", "/firmware/zynqmp-firmware"),
    ] {
        let number =
            output(Command::new("fdtget").args(["-t", "x"]).arg(&base).args([node, "phandle"]))?;
        ours = ours.replace(&format!("&{label}"), &format!("0x{}", number.trim()));
    }
    text += &ours;
    let source = job.join("system.dts");
    fs::write(&source, text)?;
    run(Command::new("dtc").args(["-q", "-I", "dts", "-O", "dtb", "-o"]).arg(into).arg(&source))
}

/// What chooses the slot; the programs are in the slot.
fn initramfs(job: &Job<'_>, place: &Place, programs: &Path, into: &Path) -> Result<()> {
    let root = job.join("initramfs");
    fresh(&root)?;
    guest::put(&root, &job.runner.root.join("boards/slots/initramfs/init"), "init", 0o755)?;
    guest::put(&root, &job.kernel.root.join("bin/busybox"), "bin/busybox", 0o755)?;
    guest::libraries(&root)?;
    guest::program(&root, &programs.join("tandem-slot"), "usr/bin/tandem-slot")?;
    let version = &job.kernel.version;
    let modules = place.join("debian/lib/modules").join(version).join("kernel");
    let mut order = String::new();
    for module in MODULES.into_iter().chain([EXT4]) {
        let name = module.rsplit('/').next().context("a name")?;
        let to = format!("lib/modules/{name}.ko");
        guest::put(&root, &modules.join(module).with_extension("ko"), &to, 0o644)?;
        order += name;
        order += "\n";
    }
    fs::write(root.join("lib/modules/order"), order)?;
    settle(job, &root)?;
    guest::pack(&root, into)
}

/// U-Boot's script and its source.
fn script(job: &Job<'_>, files: &Path) -> Result<()> {
    let source = files.join("boot.cmd");
    let text = fs::read_to_string(job.runner.root.join("boards/slots/boot.cmd"))?;
    ensure!(text.contains("@CONSOLE@"), "boards/slots/boot.cmd names no console");
    fs::write(&source, text.replace("@CONSOLE@", job.target.console))?;
    for name in ["boot.scr", "boot.scr.uimg"] {
        // Distributions' U-Boot looks for the first name, the KV260's for the second.
        run(job
            .tool("mkimage")
            .args([
                "-q", "-A", "arm64", "-O", "linux", "-T", "script", "-C", "none", "-n", "Tandem",
            ])
            .arg("-d")
            .arg(&source)
            .arg(files.join(name)))?;
    }
    Ok(())
}
