//! What earlier runs saw of the same kernel and the same benches: a run of an hour that is cut off
//! goes on where it stopped.

use super::{Mutant, Outcome};
use crate::shell::Runner;
use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

/// Whose text decides an outcome: kernels, benches and the model that they are compared with.
const SOURCES: [&str; 5] = ["hw/rtl", "hw/sim/rtl", "hw/model/src", "hw/sim/src", "hw/regs/src"];

/// Begins the line that tells how long the unchanged kernel's bench took.
const WHOLE: &str = "whole\t";

/// Outcomes by mutant, in a file whose name tells what was mutated.
pub struct Memory {
    outcomes: BTreeMap<String, Outcome>,
    /// What the unchanged kernel's bench took, seconds.
    whole: Option<u64>,
    file: File,
}

impl Memory {
    /// The outcomes of kernel `name` as its sources are now.
    pub fn open(runner: &Runner, name: &str) -> Result<Memory> {
        let mut digest = Sha256::new();
        for folder in SOURCES {
            add(&runner.root.join(folder), &mut digest)?;
        }
        digest.update(fs::read(runner.root.join("Cargo.lock")).context("Cargo.lock")?);
        let digest = digest.finalize();
        let tag: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let folder = runner.root.join(".tandem/rtl/mutants").join(name);
        fs::create_dir_all(&folder)?;
        let path = folder.join(format!("outcomes-{tag}"));
        let text = fs::read_to_string(&path).unwrap_or_default();
        let outcomes = text.lines().filter_map(|line| {
            let (word, mutant) = line.split_once('\t')?;
            Some((mutant.to_owned(), parse(word)?))
        });
        let outcomes = outcomes.collect();
        let whole = text.lines().find_map(|line| line.strip_prefix(WHOLE)?.parse().ok());
        let file = File::options().append(true).create(true).open(&path);
        let mut file = file.with_context(|| path.display().to_string())?;
        if !text.is_empty() && !text.ends_with('\n') {
            // A line that a killed run left half written names no mutant.
            file.write_all(b"\n").context("end the last line")?;
        }
        Ok(Memory { outcomes, whole, file })
    }

    /// Seconds that the bench of the kernel as it is took.
    pub fn whole(&self) -> Option<u64> {
        self.whole
    }

    /// Writes down that it passed, and after how many seconds, which are returned.
    pub fn keep_whole(&mut self, seconds: u64) -> Result<u64> {
        let line = format!("{WHOLE}{seconds}\n");
        self.file.write_all(line.as_bytes()).context("write a bench's time down")?;
        self.whole = Some(seconds);
        Ok(seconds)
    }

    /// What became of the same change before.
    pub fn outcome(&self, mutant: &Mutant) -> Option<Outcome> {
        self.outcomes.get(&key(mutant)).copied()
    }

    /// Writes an outcome down, unless it is known.
    pub fn keep(&mut self, mutant: &Mutant, outcome: Outcome) -> Result<()> {
        let key = key(mutant);
        if self.outcomes.contains_key(&key) {
            return Ok(());
        }
        let line = format!("{}\t{key}\n", word(outcome));
        self.file.write_all(line.as_bytes()).context("write an outcome down")?;
        self.outcomes.insert(key, outcome);
        Ok(())
    }
}

fn key(mutant: &Mutant) -> String {
    format!("{}:{}\t{}", mutant.file, mutant.line, mutant.to.trim())
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Killed => "killed",
        Outcome::Survived => "survived",
        Outcome::Invalid => "invalid",
    }
}

fn parse(word: &str) -> Option<Outcome> {
    match word {
        "killed" => Some(Outcome::Killed),
        "survived" => Some(Outcome::Survived),
        "invalid" => Some(Outcome::Invalid),
        _ => None,
    }
}

/// Adds every source below `folder`, in the order of names. What is told of mutants is no source.
fn add(folder: &Path, digest: &mut Sha256) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut paths: Vec<_> = entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    paths.sort();
    for path in paths {
        let extension = path.extension().and_then(|extension| extension.to_str());
        if path.is_dir() {
            add(&path, digest)?;
        } else if matches!(extension, Some("sv" | "rs")) {
            digest.update(path.file_name().unwrap_or_default().as_encoded_bytes());
            digest.update(fs::read(&path)?);
        }
    }
    Ok(())
}
