//! `board flash`: a card in this machine, or the other slot of a board.

use std::io::{Read, Write};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use serde_json::json;
use sha2::{Digest, Sha256};
use tandem_agent::api::ApiError;

use super::{Flash, confirm};
use crate::EXIT_OK;
use crate::board::card::{self, CardError, Kernel};
use crate::cli::Cli;
use crate::output::Output;
use crate::transport::{Ssh, Target};

const MIB: u64 = 1 << 20;

/// What runs on the board, with the image on its standard input: nothing is touched before all of it has come.
/// The initramfs wrote down which slot runs.
fn install(hash: &str) -> String {
    format!(
        "set -e; running=$(cat /run/tandem/slot); \
         case $running in A) other=B;; B) other=A;; *) echo 'no slot runs here' >&2; exit 1;; esac; \
         file=$(mktemp); trap 'rm -f \"$file\"' EXIT; cat >\"$file\"; \
         echo \"{hash}  $file\" | sha256sum -c >/dev/null; \
         tandem-slot install $other \"$file\" --sha256 {hash}"
    )
}

pub(super) fn flash(cli: &Cli, flash: &Flash, output: &mut Output) -> anyhow::Result<u8> {
    match (&flash.device, &cli.target) {
        (Some(device), _) => card(flash, device, output),
        (None, Target::Ssh(host)) => {
            let ssh = Ssh { host: host.clone(), command: cli.ssh_command.clone() };
            slot(flash, &ssh, output)
        }
        (None, _) => {
            let message = "Name the card (such as /dev/sdX), or a board with --target ssh://HOST";
            Err(ApiError::new("no_device", "DEVICE", message).into())
        }
    }
}

fn refused(error: &CardError) -> ApiError {
    let code = match error {
        CardError::Io { .. } => "card_failed",
        CardError::ReadBack { .. } => "card_damaged",
        _ => "card_refused",
    };
    ApiError::new(code, "DEVICE", error.to_string())
}

fn card(flash: &Flash, device: &Path, output: &mut Output) -> anyhow::Result<u8> {
    let block = std::fs::metadata(device).is_ok_and(|file| file.file_type().is_block_device());
    if !block {
        return Err(refused(&CardError::NoDisk(device.to_owned())).into());
    }
    let number = Kernel::default().check(device, flash.force).map_err(|error| refused(&error))?;
    let name = device.display().to_string();
    confirm(flash.yes, &format!("Everything on {name} will be lost."), &name)?;
    let length = std::fs::metadata(&flash.image).map_or(0, |image| image.len());
    let bar = output.progress((2 * length).div_ceil(MIB), "MiB written and read back");
    let written = card::write(&flash.image, device, &number, |done| bar.set_position(done / MIB));
    bar.finish_and_clear();
    let bytes = written.map_err(|error| refused(&error))?;
    let image = flash.image.display();
    output.answer(&json!({ "device": name, "bytes": bytes }), format!("{name} holds {image}"))?;
    Ok(EXIT_OK)
}

/// Streams the image to the board, and lets it install.
fn slot(flash: &Flash, ssh: &Ssh, output: &mut Output) -> anyhow::Result<u8> {
    let name = flash.image.display().to_string();
    let bytes = std::fs::read(&flash.image).map_err(|error| {
        ApiError::new("file_unreadable", name.clone(), format!("{name} cannot be read: {error}"))
    })?;
    let hash: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    confirm(flash.yes, &format!("Replace the slot that does not run on {}?", ssh.host), "y")?;
    let mut child = ssh.run(install(&hash))?;
    let bar = output.progress((bytes.len() as u64).div_ceil(MIB), "MiB sent");
    if let Some(mut stdin) = child.stdin.take() {
        for piece in bytes.chunks(MIB as usize) {
            // One that went away says why when it is waited for.
            if stdin.write_all(piece).is_err() {
                break;
            }
            bar.inc(1);
        }
    }
    let mut said = String::new();
    if let Some(mut stdout) = child.stdout.take() {
        stdout.read_to_string(&mut said)?;
    }
    let status = child.wait()?;
    bar.finish_and_clear();
    if !status.success() {
        let message = format!(
            "{}: the slot that runs was not touched, the other one may hold nothing now; its installer ended with \
             {status}, see above",
            ssh.host
        );
        return Err(ApiError::new("install_failed", "--target", message).into());
    }
    let said = said.trim();
    let target = ssh.host.to_string();
    let answer = json!({ "target": target, "bytes": bytes.len(), "sha256": hash, "said": said });
    output.answer(&answer, format!("{said}; `board reset --linux` boots it"))?;
    Ok(EXIT_OK)
}
