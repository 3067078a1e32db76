//! Photographs over the network to the agent in the guest; every detection against the virtual
//! board's.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Instant;
use tandem_qemu_board::{Files, Machine, Options, Worker, expected, http};

/// A photograph must be answered however busy the host is.
const DEADLINE_MS: u32 = 120_000;
/// Photographs of the short form.
const QUICK: usize = 2;

/// Boots, asks, compares, stops.
pub fn run(quick: bool) -> Result<()> {
    let files = Files::here()?;
    let mut photographs = photographs(&files.root.join(".tandem/photos"))?;
    if quick {
        photographs
            .retain(|path| ["bus.jpg", "zidane.jpg"].iter().any(|name| path.ends_with(name)));
        photographs.truncate(QUICK);
    }
    println!("the same photographs on the virtual board, for comparison");
    let expected = expected(&files.root, &photographs)?;
    let worker = Worker::start(&files, 0)?;
    let options = Options { engine: Some(worker.engine()), ..Options::default() };
    let mut machine = Machine::boot(&files, &options)?;
    println!("Linux: prompt {:.1} s after power on", machine.boot_time().as_secs_f64());
    let start = Instant::now();
    machine.start_agent()?;
    println!("agent: serves {:.1} s later, R5F joined", start.elapsed().as_secs_f64());
    let mut differences = 0;
    for (path, expected) in photographs.iter().zip(&expected) {
        let (answer, ms) = ask(&machine, path)?;
        let same = answer["detections"] == expected["detections"];
        differences += usize::from(!same);
        println!("{}", line(path, &answer, ms, same));
        if !same {
            println!("    in QEMU:       {}", answer["detections"]);
            println!("    virtual board: {}", expected["detections"]);
        }
    }
    println!("times are an emulated machine's: they say nothing about silicon");
    let start = Instant::now();
    machine.power_off()?;
    println!("stopped in {:.1} s", start.elapsed().as_secs_f64());
    ensure!(differences == 0, "{differences} photographs differ from the virtual board's");
    println!("{} photographs: detections equal the virtual board's", photographs.len());
    Ok(())
}

fn photographs(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut found: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    found.retain(|path| path.extension().is_some_and(|end| end == "jpg" || end == "png"));
    found.sort();
    ensure!(!found.is_empty(), "{} holds no photograph; run scripts/setup", folder.display());
    Ok(found)
}

/// The agent's answer, and the round trip in milliseconds.
fn ask(machine: &Machine, path: &Path) -> Result<(Value, f64)> {
    let name = name(path);
    let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
    let start = Instant::now();
    let query = format!("/v1/inspect?name={name}&deadline_ms={DEADLINE_MS}");
    let response = http::post(&machine.http(), &query, &bytes)?;
    let answer = response.json()?;
    ensure!(response.status == 200, "{name}: status {}: {answer}", response.status);
    Ok((answer, start.elapsed().as_secs_f64() * 1e3))
}

fn name(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn line(path: &Path, answer: &Value, ms: f64, same: bool) -> String {
    let empty = Vec::new();
    let stages: Vec<String> = answer["stages"]
        .as_array()
        .unwrap_or(&empty)
        .iter()
        .map(|stage| {
            let us = stage["us"].as_f64().unwrap_or_default();
            let (name, silicon) = (text(&stage["name"]), text(&stage["silicon"]));
            format!("{name} {:.1} ms ({silicon})", us / 1e3)
        })
        .collect();
    let count = answer["detections"].as_array().map_or(0, Vec::len);
    format!(
        "{:<28} {:<7} {count:>2} detections{}, {ms:.0} ms: {}",
        name(path),
        text(&answer["verdict"]["result"]),
        if same { ", equal" } else { ", DIFFERENT" },
        stages.join(", "),
    )
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}
