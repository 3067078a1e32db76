//! `tandem-slot`: the slots of the card, in the initramfs and on the board.

use anyhow::{Context, Result};
use clap::{Parser, Subcommand, ValueEnum};
use serde_json::{Value, json};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tandem_slots::{Choice, Error, Image, Partitions, Slot, Store, TRIES};

/// Which of a card's two root file systems boots.
///
/// A card has two slots, A and B. A new root file system goes into the one that does not run, boots
/// next, and has a few tries to be marked good; else the old one comes back.
#[derive(Parser)]
#[command(
    version,
    after_help = "\
Examples:
  tandem-slot status
  tandem-slot install B root.squashfs --sha256 $(cat root.squashfs.sha256) && reboot
  tandem-slot good                  the slot that runs is healthy

Exit codes: 0 done, 1 not done (the reason is printed), 2 wrong words, 3 nothing to boot."
)]
struct Cli {
    /// The card, such as /dev/mmcblk0; the first one that has slots without it
    #[arg(long, value_name = "DEVICE", global = true, env = "TANDEM_CARD")]
    card: Option<PathBuf>,
    /// Where the slot that runs is written
    #[arg(long, value_name = "FILE", global = true, default_value = "/run/tandem/slot")]
    running: PathBuf,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Pick the slot to boot and count its try; prints the slot and its device
    Choose,
    /// The slot is healthy
    Good {
        /// A or B; the one that runs without it
        slot: Option<Slot>,
    },
    /// The slot does not boot: pass it over
    Reject {
        /// A or B
        slot: Slot,
    },
    /// Write a root file system into the slot that does not run, read it back, boot it next
    Install {
        /// A or B
        slot: Slot,
        /// A squashfs of `cargo xtask image`
        file: PathBuf,
        /// What it must hash to, in hexadecimal
        #[arg(long, value_name = "HEX", value_parser = hash)]
        sha256: Option<[u8; 32]>,
        /// Boots that it has to prove itself
        #[arg(long, default_value_t = TRIES, value_parser = clap::value_parser!(u8).range(1..))]
        tries: u8,
    },
    /// What is known of the slots; reads no content
    Status {
        /// As what
        #[arg(short, long, default_value = "text")]
        output: Output,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Output {
    Text,
    Json,
}

fn hash(text: &str) -> Result<[u8; 32], String> {
    let digits = text.trim();
    let mut bytes = [0; 32];
    if digits.len() != 64 || !digits.is_ascii() {
        return Err("a SHA-256 has 64 hexadecimal digits".to_owned());
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        let pair = &digits[2 * at..2 * at + 2];
        *byte = u8::from_str_radix(pair, 16).map_err(|_| format!("{pair:?} is not hexadecimal"))?;
    }
    Ok(bytes)
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tandem-slot: {error:#}");
            let nothing =
                matches!(error.downcast_ref(), Some(Error::NoSlot { .. } | Error::NoRecord));
            ExitCode::from(if nothing { 3 } else { 1 })
        }
    }
}

fn run(cli: &Cli) -> Result<()> {
    let card = cli.card.clone().or_else(Partitions::find);
    let card = card.context("no card with slots in /dev; name it with --card")?;
    let mut disk = Partitions::of(&card)?;
    match &cli.verb {
        Verb::Choose => {
            let Choice { slot, notes } = tandem_slots::choose(&mut disk)?;
            notes.iter().for_each(|note| eprintln!("tandem-slot: {note}"));
            println!("{slot} {}", Partitions::slot(&card, slot).display());
        }
        Verb::Good { slot } => {
            let slot = slot.map_or_else(|| running(&cli.running), Ok)?;
            tandem_slots::good(&mut disk, slot)?;
        }
        Verb::Reject { slot } => tandem_slots::reject(&mut disk, *slot)?,
        Verb::Install { slot, file, sha256, tries } => {
            let running = running(&cli.running)?;
            let mut content = File::open(file).with_context(|| file.display().to_string())?;
            let length = content.metadata()?.len();
            let image = Image { content: &mut content, length, hash: *sha256 };
            tandem_slots::install(&mut disk, *slot, running, image, *tries)?;
            println!("slot {slot} boots next, with {tries} tries");
        }
        Verb::Status { output } => print(*output, &status(&mut disk, &cli.running)?),
    }
    Ok(())
}

fn running(file: &Path) -> Result<Slot> {
    let text = std::fs::read_to_string(file).with_context(|| {
        format!("{}: this system runs from no slot (--running says which)", file.display())
    })?;
    text.trim().parse().map_err(anyhow::Error::msg)
}

fn status(disk: &mut Partitions, file: &Path) -> Result<Value> {
    let store = Store::load(disk)?;
    let record = store.record();
    let slot = |slot: Slot| {
        let entry = record.entry(slot);
        let hash: String = entry.hash.iter().map(|byte| format!("{byte:02x}")).collect();
        json!({ "good": entry.good, "tries": entry.tries, "bytes": entry.length, "sha256": hash })
    };
    Ok(json!({
        "active": record.active,
        "running": running(file).ok(),
        "sequence": record.sequence,
        "whole_copies": store.whole(),
        "slots": { "A": slot(Slot::A), "B": slot(Slot::B) },
    }))
}

fn print(output: Output, status: &Value) {
    if let Output::Json = output {
        println!("{status:#}");
        return;
    }
    let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    println!("boots next {}, runs {}", word(&status["active"]), word(&status["running"]));
    for name in ["A", "B"] {
        let slot = &status["slots"][name];
        let state = match (slot["bytes"].as_u64(), slot["good"].as_bool()) {
            (Some(0), _) => "empty".to_owned(),
            (_, Some(true)) => "good".to_owned(),
            _ => format!("unproved, {} tries left", slot["tries"]),
        };
        println!("{name}: {state}, {} bytes, {:.12}", slot["bytes"], word(&slot["sha256"]));
    }
}
