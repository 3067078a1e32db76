//! What a job costs the R5F: `--cost`.

use crate::guest::{Counts, Guest};
use crate::jobs::Agent;
use addr2line::Loader;
use anyhow::{Result, anyhow, ensure};
use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};
use tandem_model::pre::{Frame, Layout, PixelFormat};

/// Jobs of each shape. Slots take turns, so the first ones build descriptors and the others do not.
const JOBS: usize = 60;
/// Jobs that may be the first with their slots.
const FIRST: usize = 20;
/// Most that a repeated job of the first shape may cost: instructions, accesses that leave TCM. The aim
/// (`firmware/rpu/README.md`), and a tenth more than the accesses of today.
const LIMIT: [u64; 2] = [2_000, 260];
/// Rows of the table by source file.
const ROWS: usize = 24;

/// A frame and its tensor.
struct Shape {
    name: &'static str,
    frame: Frame,
    side: u16,
    layout: Layout,
}

const fn rgb(width: u16, height: u16) -> Frame {
    Frame { format: PixelFormat::Rgb8, width, height, stride: width as u32 * 3 }
}

/// The first one is held to [`LIMIT`].
const SHAPES: [Shape; 3] = [
    Shape { name: "RGB to planar 416x416", frame: rgb(64, 48), side: 416, layout: Layout::Planar },
    Shape {
        name: "RGB to interleaved 416x416",
        frame: rgb(64, 48),
        side: 416,
        layout: Layout::Interleaved,
    },
    Shape {
        name: "NV12 640x480 to planar 416x416",
        frame: Frame { format: PixelFormat::Nv12, width: 640, height: 480, stride: 640 },
        side: 416,
        layout: Layout::Planar,
    },
];

/// Runs each shape again and again, and says what a job costs: the first one, and the least and the
/// median of those whose descriptors were there. The least is the job's own; what is more is turns by
/// the clock, which fall into a job where the host is slow.
///
/// # Errors
/// A job that fails, or a repeated one of the first shape that costs more than [`LIMIT`].
pub fn cost(
    agent: &mut Agent,
    guest: &mut Guest,
    image: &Path,
    patience: Duration,
) -> Result<Vec<String>> {
    let mut report = Vec::new();
    let mut held = None;
    for shape in &SHAPES {
        let mut before = Vec::new();
        let mut jobs = Vec::new();
        for job in 0..JOBS {
            if held.is_none() && job == FIRST {
                before = guest.profile()?;
            }
            jobs.push(one(agent, guest, shape, patience)?);
        }
        let first = jobs[0];
        let again = &jobs[FIRST..];
        let [instructions, accesses] = [0, 1].map(|index| least(again, index));
        let [usual, usually] = [0, 1].map(|index| median(again, index));
        report.push(format!(
            "R5F, pre {}: {instructions} instructions, {accesses} uncached accesses a job (median \
             {usual} and {usually}); the first {} and {}",
            shape.name, first[0], first[1],
        ));
        if held.is_none() {
            held = Some([instructions, accesses]);
            let profile = guest.profile()?;
            report.extend(by_file(image, &before, &profile, again.len() as f64)?);
        }
    }
    let others = guest.counts()?;
    let turns = u64::from(others.others.max(1));
    report.push(format!(
        "R5F, a turn without a job (poll, heartbeat): {} instructions, {} uncached accesses",
        others.of_others[0] / turns,
        others.of_others[1] / turns
    ));
    let within = held.is_some_and(|cost| cost[0] <= LIMIT[0] && cost[1] <= LIMIT[1]);
    ensure!(within, "a repeated pre job costs more than {LIMIT:?}:\n{}", report.join("\n"));
    Ok(report)
}

/// Instructions and accesses of one job.
fn one(
    agent: &mut Agent,
    guest: &mut Guest,
    shape: &Shape,
    patience: Duration,
) -> Result<[u64; 2]> {
    let start = settled(agent, guest, patience)?;
    agent.pre(guest, patience, shape.name, shape.frame, (shape.side, shape.layout))?;
    let end = settled(agent, guest, patience)?;
    Ok([0, 1].map(|index| end.of_jobs[index] - start.of_jobs[index]))
}

/// The counts with every answered job in them: an answer is there before the core has gone back to
/// sleep.
fn settled(agent: &Agent, guest: &Guest, patience: Duration) -> Result<Counts> {
    let begun = Instant::now();
    loop {
        let counts = guest.counts()?;
        if counts.jobs == agent.answered() {
            return Ok(counts);
        }
        let (had, seen) = (agent.answered(), counts.jobs);
        ensure!(begun.elapsed() < patience, "{had} jobs were answered, {seen} counted");
    }
}

fn least(jobs: &[[u64; 2]], index: usize) -> u64 {
    jobs.iter().map(|job| job[index]).min().unwrap_or(u64::MAX)
}

fn median(jobs: &[[u64; 2]], index: usize) -> u64 {
    let mut counts: Vec<u64> = jobs.iter().map(|job| job[index]).collect();
    counts.sort_unstable();
    counts[counts.len() / 2]
}

/// Where the instructions are: by source file of this repository, or crate.
fn by_file(
    image: &Path,
    before: &[[u64; 3]],
    after: &[[u64; 3]],
    jobs: f64,
) -> Result<Vec<String>> {
    let symbols = Loader::new(image).map_err(|error| anyhow!("{}: {error}", image.display()))?;
    let mut files: HashMap<String, [f64; 2]> = HashMap::new();
    let mut add = |lines: &[[u64; 3]], sign: f64| -> Result<()> {
        for [at, instructions, accesses] in lines {
            let counts = files.entry(file(&symbols, *at)?).or_default();
            counts[0] += sign * *instructions as f64;
            counts[1] += sign * *accesses as f64;
        }
        Ok(())
    };
    add(before, -1.0)?;
    add(after, 1.0)?;
    let mut files: Vec<_> = files.into_iter().collect();
    files.sort_by(|a, b| b.1[0].total_cmp(&a.1[0]));
    let line = |(file, [instructions, accesses]): &(String, [f64; 2])| {
        format!("  {:>7.0} {:>6.0}  {file}", instructions / jobs, accesses / jobs)
    };
    let head = "  of the first shape, mean of the repeated jobs: instructions, accesses, source"
        .to_owned();
    Ok(std::iter::once(head).chain(files.iter().take(ROWS).map(line)).collect())
}

/// The innermost of the inlined functions at an address that this repository has; else the crate.
fn file(symbols: &Loader, at: u64) -> Result<String> {
    let mut frames = symbols.find_frames(at).map_err(|error| anyhow!("{at:#x}: {error}"))?;
    let mut outer = None;
    while let Some(frame) = frames.next().map_err(|error| anyhow!("{at:#x}: {error}"))? {
        let Some(path) = frame.location.and_then(|location| location.file) else { continue };
        for folder in ["firmware/", "hw/"] {
            if let Some(start) = path.rfind(folder) {
                return Ok(path[start..].to_owned());
            }
        }
        outer = Some(path.rsplit('/').take(3).collect::<Vec<_>>());
    }
    let path = outer.map(|parts| parts.into_iter().rev().collect::<Vec<_>>().join("/"));
    Ok(path.unwrap_or_else(|| "no source".to_owned()))
}
