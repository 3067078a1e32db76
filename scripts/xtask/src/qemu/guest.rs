//! Device tree and initramfs.

use super::Place;
use super::kernel::Kernel;
use crate::shell::{Runner, run};
use anyhow::{Context, Result};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// Libraries that a Rust program of the guest is linked to, from the cross compiler's package.
const LIBRARIES: [&str; 6] = [
    "ld-linux-aarch64.so.1",
    "libc.so.6",
    "libm.so.6",
    "libgcc_s.so.1",
    "libdl.so.2",
    "libpthread.so.0",
];

/// Compiles `boards/qemu/zcu102.dts`.
pub fn device_tree(runner: &Runner, place: &Place) -> Result<()> {
    run(Command::new("dtc")
        .args(["-q", "-I", "dts", "-O", "dtb", "-i"])
        .arg(runner.root.join("boards/generated/qemu"))
        .arg("-o")
        .arg(place.join("board.dtb"))
        .arg(runner.root.join("boards/qemu/zcu102.dts")))
}

/// Puts programs, modules, models and recipes into one archive.
pub fn initramfs(
    runner: &Runner,
    place: &Place,
    kernel: &Kernel,
    programs: &Path,
    image: &Path,
) -> Result<()> {
    let root = place.join("root");
    let _ = fs::remove_dir_all(&root);
    let put = |from: &Path, to: &str, mode: u32| -> Result<()> {
        let to = root.join(to);
        fs::create_dir_all(to.parent().context("a file in a folder")?)?;
        fs::copy(from, &to).with_context(|| format!("copying {}", from.display()))?;
        Ok(fs::set_permissions(&to, fs::Permissions::from_mode(mode))?)
    };
    put(&runner.root.join("boards/qemu/init"), "init", 0o755)?;
    put(&kernel.root.join("bin/busybox"), "bin/busybox", 0o755)?;
    for module in &kernel.modules {
        let name = module.file_name().and_then(|name| name.to_str()).context("a module's name")?;
        put(module, &format!("lib/modules/{name}"), 0o644)?;
    }
    for library in LIBRARIES {
        put(
            &Path::new("/usr/aarch64-linux-gnu/lib").join(library),
            &format!("lib/{library}"),
            0o755,
        )?;
    }
    for program in ["agentd", "agentctl"] {
        put(&programs.join(program), &format!("usr/bin/{program}"), 0o755)?;
        let stripped = root.join("usr/bin").join(program);
        run(Command::new("aarch64-linux-gnu-strip").arg("--strip-debug").arg(stripped))?;
    }
    put(image, "lib/firmware/tandem-rpu", 0o644)?;
    put(&runner.root.join("boards/qemu.toml"), "etc/tandem/board.toml", 0o644)?;
    for folder in ["models", "recipes"] {
        copy_tree(&runner.root.join("userspace").join(folder), &root.join(folder))?;
    }
    pack(&root, &place.join("initramfs.cpio"))
}

fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)?.flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// The kernel reads an archive that is not compressed fastest.
fn pack(root: &Path, archive: &Path) -> Result<()> {
    let find = Command::new("find").arg(".").current_dir(root).stdout(Stdio::piped()).spawn()?;
    let list = find.stdout.context("find has no output")?;
    let file = fs::File::create(archive)?;
    run(Command::new("cpio")
        .args(["-o", "-H", "newc", "--quiet", "--owner=0:0"])
        .current_dir(root)
        .stdin(list)
        .stdout(file))
}
