//! Answers on standard output, everything else on standard error.

use std::fmt::Display;
use std::io::{IsTerminal, Write};

use anyhow::Error;
use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use tandem_agent::api::ApiError;

/// How answers are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Text,
    /// For programs: one JSON object a line
    Json,
}

/// Where answers go.
pub struct Output {
    format: Format,
    stdout: std::io::Stdout,
}

impl Output {
    /// Prints in `format`.
    pub fn new(format: Format) -> Output {
        Output { format, stdout: std::io::stdout() }
    }

    /// For programs.
    pub fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// One answer: `value` as a line of JSON, or `text`.
    pub fn answer(&mut self, value: &impl Serialize, text: impl Display) -> anyhow::Result<()> {
        match self.format {
            Format::Json => {
                let mut line = serde_json::to_vec(value)?;
                line.push(b'\n');
                self.bytes(&line)
            }
            Format::Text => self.bytes(format!("{text}\n").as_bytes()),
        }
    }

    /// Bytes as they are.
    pub fn bytes(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.stdout.write_all(bytes)?;
        self.stdout.flush()?;
        Ok(())
    }

    /// An error, on standard error; for programs as JSON there.
    pub fn error(&self, error: &Error) {
        match self.format {
            Format::Json => {
                let error = serde_json::json!({ "error": api_error(error) });
                eprintln!("{error}");
            }
            Format::Text => eprintln!("agentctl: {error:#}"),
        }
    }

    /// A progress bar where a person watches; hidden else.
    pub fn progress(&self, total: u64, unit: &str) -> ProgressBar {
        if self.is_json() || total < 2 || !std::io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let template = format!("{{bar:32.cyan}} {{pos}}/{{len}} {unit}  {{msg}}");
        let bar = ProgressBar::new(total);
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style.progress_chars("━╸─"));
        }
        bar
    }
}

/// Every error has a code; those that are not the agent's have the code `failed`.
pub fn api_error(error: &Error) -> ApiError {
    match error.downcast_ref::<ApiError>() {
        Some(error) => error.clone(),
        None => ApiError::new("failed", "agentctl", format!("{error:#}")),
    }
}

/// Standard output was closed by its reader.
pub fn is_broken_pipe(error: &Error) -> bool {
    let broken = |error: &std::io::Error| error.kind() == std::io::ErrorKind::BrokenPipe;
    error.downcast_ref::<std::io::Error>().is_some_and(broken)
}

/// Rows in columns: text to the left, numbers (what begins with a digit) to the right.
pub fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let lines = rows.iter().map(|row| {
        let cells = row.iter().zip(&widths).map(|(cell, &width)| {
            if cell.starts_with(|c: char| c.is_ascii_digit()) {
                format!("{cell:>width$}")
            } else {
                format!("{cell:<width$}")
            }
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Microseconds for people: `12.3 us`, `4.56 ms`, `1.20 s`.
pub fn micros(us: f64) -> String {
    match us {
        us if us < 1e3 => format!("{us:.1} us"),
        us if us < 1e6 => format!("{:.2} ms", us / 1e3),
        us => format!("{:.2} s", us / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let text = table(&[row(["stage", "p50", ""]), row(["pre", "12.5 us", "x"])]);
        assert_eq!(text, "stage  p50\npre    12.5 us  x");
        assert_eq!(table(&[]), "");
    }

    #[test]
    fn times_are_short() {
        assert_eq!(
            [micros(12.34), micros(4567.0), micros(2.5e6)],
            ["12.3 us", "4.57 ms", "2.50 s"]
        );
    }

    #[test]
    fn an_agents_error_keeps_its_code_through_context() {
        let error = Error::from(ApiError::new("busy", "agent", "x")).context("inspect a.jpg");
        assert_eq!(api_error(&error).code, "busy");
        assert_eq!(api_error(&anyhow::anyhow!("y")).code, "failed");
    }
}
