//! The slots' content and the data partition.

use super::{Job, fresh, settle};
use crate::qemu::guest;
use crate::shell::{output, run};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tandem_slots::layout;

/// Everything that runs on the board, as a squashfs.
pub fn root(job: &Job<'_>, programs: &Path, firmware: &Path) -> Result<PathBuf> {
    let root = job.join("root");
    guest::stage(job.runner, &root, &job.kernel, programs, firmware)?;
    guest::program(&root, &programs.join("tandem-slot"), "usr/bin/tandem-slot")?;
    let start = job.runner.root.join("boards/slots/rootfs/start");
    guest::put(&root, &start, "etc/tandem/start", 0o755)?;
    let board = job.runner.root.join("boards").join(job.target.name).with_extension("toml");
    guest::put(&root, &board, "etc/tandem/board.toml", 0o644)?;
    for part in job.target.parts.iter().filter(|part| !part.boot) {
        let path = job.target.path(job.runner, part);
        if path.is_file() {
            guest::put(&root, &path, &format!("lib/firmware/{}", part.file), 0o644)?;
        }
    }
    // Mount points: the slot is read-only, and memory over it is made later.
    for folder in ["data", "dev", "proc", "run", "sys", "tmp", "var/log"] {
        fs::create_dir_all(root.join(folder))?;
    }
    if !job.target.weights {
        run(job.tool("find").arg(&root).args(["-name", "*.onnx", "-delete"]))?;
    }
    settle(job, &root)?;
    let image = job.join("root.squashfs");
    let _ = fs::remove_file(&image);
    run(job
        .tool("mksquashfs")
        .arg(&root)
        .arg(&image)
        .args(["-noappend", "-all-root", "-no-xattrs", "-quiet", "-no-progress"])
        // Zstandard is unpacked several times faster than xz, on a board that reads a card.
        .args(["-comp", "zstd", "-b", "128K"]))?;
    let length = fs::metadata(&image)?.len();
    ensure!(length <= layout::SLOT, "{length} bytes do not fit a slot of {}", layout::SLOT);
    fs::write(job.join("root.squashfs.sha256"), sha256(&image)? + "\n")?;
    Ok(image)
}

/// An empty file system for logs and models.
pub fn data(job: &Job<'_>) -> Result<PathBuf> {
    const ID: &str = "7a2d0000-0000-4000-8000-00000000da7a";
    let image = job.join("data.ext4");
    let empty = job.join("data");
    fresh(&empty)?;
    settle(job, &empty)?;
    fs::File::create(&image)?.set_len(layout::DATA)?;
    run(job
        .tool("mke2fs")
        .args(["-q", "-F", "-t", "ext4", "-L", "data", "-U", ID, "-m", "0"])
        .args(["-E", &format!("hash_seed={ID},root_owner=0:0,lazy_itable_init=0"), "-d"])
        .arg(&empty)
        .arg(&image))?;
    Ok(image)
}

/// In hexadecimal.
pub fn sha256(path: &Path) -> Result<String> {
    let line = output(Command::new("sha256sum").arg("-b").arg(path))?;
    Ok(line.split_whitespace().next().context("sha256sum prints nothing")?.to_owned())
}
