//! The terminal: narration, a live deadline bar for each part, the scoreboard.

use std::io::{IsTerminal, Write, stdout};
use std::path::Path;

use tandem_agent::api::{Outcome, Silicon};
use tandem_agent::counters::Snapshot;
use tandem_agent::service::Status;

use super::act::Act;
use super::record::{Fate, PartRecord};
use super::score::{Judgement, Score};
use crate::cli::PlKind;
use crate::output::{micros, table};

const BAR: usize = 24;

/// Where the story is told. In JSON mode it is told on standard error.
pub struct View {
    pl: PlKind,
    live: bool,
    json: bool,
    printed: usize,
    open: usize,
}

impl View {
    /// A view of this process's terminal.
    pub fn new(json: bool, pl: PlKind) -> Self {
        Self { pl, live: !json && stdout().is_terminal(), json, printed: 0, open: 0 }
    }

    fn line(&self, text: &str) {
        if self.json { eprintln!("{text}") } else { println!("{text}") }
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.live { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn logic(&self) -> &'static str {
        match self.pl {
            PlKind::Model => "its bit-exact model",
            PlKind::Rtl => "its SystemVerilog, Verilated (pre, post; gate and DMA are models)",
        }
    }

    /// What stands ready.
    pub fn opening(&mut self, status: &Status) {
        self.line(&self.paint("1", "Tandem on the virtual board"));
        let engine = status.engine.split(", /").next().unwrap_or_default(); // without its path
        self.line(&format!(
            "  firmware, drivers, link and agent are the real code; the programmable logic is {}\n  \
             main model {} on {}; hardware and line are simulated, times are this machine's",
            self.logic(),
            status.model,
            engine
        ));
    }

    /// Begins an act.
    pub fn title(&mut self, act: &Act) {
        self.line("");
        self.line(&self.paint("1;36", &format!("── {} ", act.title)));
        self.line(&self.paint("2", act.story));
    }

    /// Shows parts: on a terminal the open ones are drawn again and again, elsewhere each is
    /// printed once, when the gate is done with it.
    pub fn parts(&mut self, parts: &[PartRecord], now: u64) {
        if self.live {
            print!("{}", "\x1b[1A\x1b[2K".repeat(self.open));
        }
        let settled = |part: &PartRecord| part.fate.is_some() || part.tag.is_none();
        while parts.get(self.printed).is_some_and(settled) {
            self.line(&self.part(&parts[self.printed], now));
            self.printed += 1;
        }
        self.open = 0;
        if self.live {
            for part in &parts[self.printed..] {
                self.line(&self.part(part, now));
                self.open += 1;
            }
            let _ = stdout().flush();
        }
    }

    /// Ends the live part of an act.
    pub fn flush(&mut self, parts: &[PartRecord], now: u64) {
        self.parts(parts, now);
        self.printed = parts.len();
        self.open = 0;
    }

    fn part(&self, part: &PartRecord, now: u64) -> String {
        let verdict = match part.outcome {
            Some(Outcome::Pass) => self.paint("32", "PASS   "),
            Some(Outcome::Fail) => self.paint("31", "FAIL   "),
            Some(Outcome::Unknown) => self.paint("33", "UNKNOWN"),
            None => self.paint("31", "no answer"),
        };
        let gate = match part.fate {
            Some(Fate::Passed) => self.paint("32", "went through"),
            Some(Fate::Rejected) => self.paint("31", "rejected"),
            Some(Fate::SafeReject) => self.paint("33", "rejected to be safe"),
            Some(Fate::Escaped) => self.paint("1;41", "BAD PART WENT THROUGH"),
            None => "on the belt".to_owned(),
        };
        let used = part.answered.saturating_sub(part.triggered) / 1_000_000;
        format!(
            "  {:02} {:<20} {} {used:>4} ms  {verdict} {:<30} gate: {gate}{}",
            part.number,
            part.image,
            self.bar(part, now),
            found(part),
            degraded(part)
        )
    }

    /// From trigger to due: solid until the verdict, light until the part reaches the arm.
    fn bar(&self, part: &PartRecord, now: u64) -> String {
        let span = part.due.saturating_sub(part.triggered).max(1);
        let cells = |until: u64| {
            let passed = until.clamp(part.triggered, part.due) - part.triggered;
            usize::try_from(passed * BAR as u64 / span).unwrap_or(BAR).min(BAR)
        };
        let answered = cells(part.answered).max(1);
        let reached = cells(now).max(answered);
        let bar = format!(
            "{}{}{}",
            "█".repeat(answered),
            "▒".repeat(reached - answered),
            "·".repeat(BAR - reached)
        );
        format!("▕{}▏", self.paint(if part.degraded.is_empty() { "36" } else { "33" }, &bar))
    }

    /// Ends an act.
    pub fn judgement(&mut self, judgement: &Judgement) {
        let mark = if judgement.ok { self.paint("32", "✓") } else { self.paint("1;31", "✗") };
        self.line(&format!("  {mark} {}", judgement.line));
    }

    /// The scoreboard.
    pub fn closing(&mut self, score: &Score, stats: &Snapshot, out: &Path) {
        let summary = score.summary();
        self.line("");
        self.line(&self.paint("1;36", "── Scoreboard"));
        let megabytes = summary.untouched_payload_bytes >> 20;
        let rows = [
            ("submitted = answered", format!("{} = {}", summary.submitted, summary.answered)),
            ("good parts through", summary.passed.to_string()),
            ("bad parts rejected", summary.rejected.to_string()),
            ("safe rejects", format!("{} (good parts, no cancel in time)", summary.safe_rejects)),
            ("bad parts passed", summary.bad_parts_passed.to_string()),
            (
                "faults seen, recovered",
                format!("{} of {}", summary.faults_seen_and_recovered, summary.faults),
            ),
            (
                "verdicts equal",
                format!("{} of {} compared", summary.verdicts_equal, summary.verdicts_compared),
            ),
            (
                "payload untouched",
                format!(
                    "the data plane maps {megabytes} MiB of slots PROT_NONE, and never faulted"
                ),
            ),
            ("slots", if summary.slots_clean { "all free again" } else { "LOST" }.to_owned()),
        ];
        for (name, value) in rows {
            self.line(&format!("  {name:<24}{value}"));
        }
        self.line("");
        self.stages(stats);
        self.line(&format!(
            "\n  simulated: programmable logic ({1}), line, gate timing on this machine's \
             clock\n  pictures: {0}/part-*.png   timeline: {0}/timeline.svg",
            out.display(),
            self.logic()
        ));
        for problem in &summary.broken {
            self.line(&self.paint("1;31", &format!("  ✗ {problem}")));
        }
        if score.holds() {
            self.line(&self.paint("1;32", "  ✓ every promise was kept"));
        }
    }

    fn stages(&self, stats: &Snapshot) {
        let mut rows =
            vec![["stage", "on", "runs", "p50", "p99", "max"].map(str::to_owned).to_vec()];
        for stage in stats.stages.iter().filter(|stage| stage.count > 0) {
            let silicon = match stage.silicon {
                Some(Silicon::Pl) if self.pl == PlKind::Rtl => "pl (rtl)",
                Some(Silicon::Pl) => "pl (model)",
                Some(Silicon::Gpu) => "gpu",
                Some(Silicon::Cpu) => "cpu",
                None => "",
            };
            rows.push(vec![
                stage.stage.clone(),
                silicon.to_owned(),
                stage.count.to_string(),
                micros(stage.p50_us),
                micros(stage.p99_us),
                micros(stage.max_us),
            ]);
        }
        for line in table(&rows).lines() {
            self.line(&format!("  {line}"));
        }
    }
}

/// `person 0.97, bus 0.32, 3 more`
fn found(part: &PartRecord) -> String {
    let mut names: Vec<String> = part
        .detections
        .iter()
        .take(2)
        .map(|detection| format!("{} {:.2}", detection.label, detection.score))
        .collect();
    match part.detections.len() {
        0 => names.push("nothing found".to_owned()),
        1 | 2 => {}
        more => names.push(format!("{} more", more - 2)),
    }
    names.join(", ")
}

fn degraded(part: &PartRecord) -> String {
    if part.degraded.is_empty() {
        return String::new();
    }
    format!("  [cpu fallback: {}]", part.degraded.join(", "))
}
