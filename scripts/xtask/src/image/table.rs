//! Partitions, and the card as one file.
//!
//! An MBR and no GPT: the boot ROM of Zynq UltraScale+ reads the first FAT partition of one.

use super::Job;
use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::process::Stdio;
use tandem_slots::layout::{
    BOOT, BOOT_AT, CARD, DATA, DATA_AT, EXTENDED_AT, SLOT, SLOTS_AT, STATE_AT,
};
use tandem_slots::{Area, Partitions, Record, STATE_SIZE};

/// Puts the parts into one file.
pub fn assemble(job: &Job<'_>, out: &Path, boot: &Path, root: &Path, data: &Path) -> Result<()> {
    let mut card = File::create(out).with_context(|| out.display().to_string())?;
    card.set_len(CARD)?;
    partition(job, out)?;
    insert(&mut card, BOOT_AT, boot)?;
    for at in SLOTS_AT {
        insert(&mut card, at, root)?;
    }
    insert(&mut card, DATA_AT, data)?;
    let state = state(job, root)?;
    insert(&mut card, STATE_AT, &state)?;
    Ok(card.sync_all()?)
}

/// The state partition: both slots hold the same and are good.
fn state(job: &Job<'_>, root: &Path) -> Result<std::path::PathBuf> {
    let content = fs::read(root)?;
    let record = Record::fresh(content.len() as u64, Sha256::digest(&content).into());
    let path = job.join("state");
    File::create(&path)?.set_len(STATE_SIZE)?;
    tandem_slots::format(&mut Partitions::open(&path, root, root)?, &record)
        .with_context(|| format!("{} of {}", Area::State, path.display()))?;
    Ok(path)
}

fn partition(job: &Job<'_>, out: &Path) -> Result<()> {
    let mut script = "label: dos\nlabel-id: 0x7a2d0001\nunit: sectors\n".to_owned();
    let mut line = |number: u32, at: u64, size: u64, kind: &str| {
        script += &format!("{number}: start={}, size={}, type={kind}\n", at / 512, size / 512);
    };
    line(1, BOOT_AT, BOOT, "c, bootable");
    line(2, STATE_AT, STATE_SIZE, "da");
    line(3, DATA_AT, DATA, "83");
    line(4, EXTENDED_AT, DATA_AT - EXTENDED_AT, "5");
    line(5, SLOTS_AT[0], SLOT, "83");
    line(6, SLOTS_AT[1], SLOT, "83");
    let mut child = job
        .tool("sfdisk")
        .args(["--quiet", "--no-reread", "--no-tell-kernel"])
        .arg(out)
        .stdin(Stdio::piped())
        .spawn()
        .context("sfdisk (package fdisk)")?;
    child.stdin.take().context("sfdisk has no input")?.write_all(script.as_bytes())?;
    let status = child.wait()?;
    ensure!(status.success(), "sfdisk ended with {status}");
    Ok(())
}

/// Copies a file to an offset; what is zero stays a hole.
fn insert(card: &mut File, at: u64, part: &Path) -> Result<()> {
    let mut from = File::open(part).with_context(|| part.display().to_string())?;
    let mut buffer = vec![0; 1 << 20];
    let mut offset = at;
    loop {
        let count = from.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        if buffer[..count].iter().any(|byte| *byte != 0) {
            card.seek(SeekFrom::Start(offset))?;
            card.write_all(&buffer[..count])?;
        }
        offset += count as u64;
    }
}
