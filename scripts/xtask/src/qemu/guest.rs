//! Device tree and initramfs.

use super::Place;
use super::kernel::{Kernel, SSH_SERVER};
use crate::shell::{Runner, output, run};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::io::Write;
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
    stage(runner, &root, kernel, programs, image)?;
    ssh_server(&root, &kernel.root)?;
    pack(&root, &place.join("initramfs.cpio"))
}

/// An SSH server with its libraries, from the packages' root into a tree. `init` starts it if the kernel's
/// command line brings a key.
fn ssh_server(root: &Path, packages: &Path) -> Result<()> {
    put(root, &packages.join(SSH_SERVER), SSH_SERVER, 0o755)?;
    for folder in ["lib/aarch64-linux-gnu", "usr/lib/aarch64-linux-gnu"] {
        let Ok(files) = fs::read_dir(packages.join(folder)) else { continue };
        for file in files.flatten() {
            let name = file.file_name().to_string_lossy().into_owned();
            // The name that programs ask for is a link: `libz.so.1`.
            if name.contains(".so.") && file.file_type()?.is_symlink() {
                put(root, &file.path(), &format!("lib/{name}"), 0o644)?;
            }
        }
    }
    fs::write(root.join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n")?;
    Ok(())
}

/// Copies a file into a tree, with its mode.
pub fn put(root: &Path, from: &Path, to: &str, mode: u32) -> Result<()> {
    let to = root.join(to);
    fs::create_dir_all(to.parent().context("a file in a folder")?)?;
    fs::copy(from, &to).with_context(|| format!("copying {}", from.display()))?;
    Ok(fs::set_permissions(&to, fs::Permissions::from_mode(mode))?)
}

/// The libraries of a Rust program, into a tree.
pub fn libraries(root: &Path) -> Result<()> {
    let folder = Path::new("/usr/aarch64-linux-gnu/lib");
    let mut names = LIBRARIES.iter();
    names.try_for_each(|name| put(root, &folder.join(name), &format!("lib/{name}"), 0o755))
}

/// A program for the guest, without what only a debugger reads, into a tree.
pub fn program(root: &Path, from: &Path, to: &str) -> Result<()> {
    put(root, from, to, 0o755)?;
    run(Command::new("aarch64-linux-gnu-strip").arg("--strip-debug").arg(root.join(to)))
}

/// A tree with everything that runs in the guest.
pub fn stage(
    runner: &Runner,
    root: &Path,
    kernel: &Kernel,
    programs: &Path,
    image: &Path,
) -> Result<()> {
    let _ = fs::remove_dir_all(root);
    let put = |from: &Path, to: &str, mode: u32| put(root, from, to, mode);
    put(&runner.root.join("boards/qemu/init"), "init", 0o755)?;
    put(&kernel.root.join("bin/busybox"), "bin/busybox", 0o755)?;
    for module in &kernel.modules {
        let name = module.file_name().and_then(|name| name.to_str()).context("a module's name")?;
        put(module, &format!("lib/modules/{name}"), 0o644)?;
    }
    libraries(root)?;
    for name in ["agentd", "agentctl"] {
        program(root, &programs.join(name), &format!("usr/bin/{name}"))?;
    }
    put(image, "lib/firmware/tandem-rpu", 0o644)?;
    put(&runner.root.join("boards/qemu.toml"), "etc/tandem/board.toml", 0o644)?;
    for folder in ["models", "recipes"] {
        copy_tree(&runner.root.join("userspace").join(folder), &root.join(folder))?;
    }
    Ok(())
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

/// Packs a tree, twice the same; the kernel reads an archive that is not compressed fastest.
pub fn pack(root: &Path, archive: &Path) -> Result<()> {
    let list = output(Command::new("find").arg(".").current_dir(root))?;
    let mut names: Vec<&str> = list.lines().collect();
    names.sort_unstable();
    let file = fs::File::create(archive)?;
    let mut cpio = Command::new("cpio")
        .args(["-o", "-H", "newc", "--quiet", "--owner=0:0", "--reproducible"])
        .current_dir(root)
        .stdin(Stdio::piped())
        .stdout(file)
        .spawn()
        .context("cpio")?;
    let mut input = cpio.stdin.take().context("cpio has no input")?;
    input.write_all((names.join("\n") + "\n").as_bytes())?;
    drop(input);
    let status = cpio.wait()?;
    ensure!(status.success(), "cpio ended with {status}");
    Ok(())
}
