//! One picture of a whole run: every part from trigger to gate, stage by stage, faults marked.

use super::record::{Fate, Mark, PartRecord};
use std::fmt::Write;
use tandem_agent::api::Silicon;

const WIDTH: f64 = 1600.0;
const LEFT: f64 = 190.0;
const RIGHT: f64 = 40.0;
const TOP: f64 = 150.0;
const ROW: f64 = 26.0;
const BAR: f64 = 16.0;

/// Colours that stay apart in greyscale and for the common colour blindnesses.
mod colour {
    pub const INK: &str = "#1c2733";
    pub const FAINT: &str = "#8796a5";
    pub const GRID: &str = "#e3e9ef";
    pub const WINDOW: &str = "#eef2f6";
    pub const PASSED: &str = "#1a7f4b";
    pub const REJECTED: &str = "#b3261e";
    pub const SAFE: &str = "#c77700";
    pub const FAULT: &str = "#b3261e";
    pub const RECOVERY: &str = "#1a7f4b";
}

fn stage_colour(name: &str, silicon: Silicon) -> &'static str {
    match (name, silicon) {
        ("ingest", _) => "#b8c4d0",
        ("pre", Silicon::Pl) => "#2f6fde",
        ("pre", _) => "#9dbcf2",
        ("main", _) => "#6b4fbb",
        ("post", Silicon::Pl) => "#0f8b8d",
        ("post", _) => "#8fd0d1",
        _ => "#556575",
    }
}

fn fate_colour(fate: Option<Fate>) -> &'static str {
    match fate {
        Some(Fate::Passed) => colour::PASSED,
        Some(Fate::Rejected) => colour::REJECTED,
        Some(Fate::SafeReject) => colour::SAFE,
        Some(Fate::Escaped) => colour::INK,
        None => colour::FAINT,
    }
}

/// Draws the run as an SVG document. Times are nanoseconds on the board's clock.
pub fn draw(parts: &[PartRecord], marks: &[Mark], title: &str) -> String {
    let start = parts.first().map_or(0, |part| part.triggered);
    let end = parts.iter().map(|part| part.due).max().unwrap_or(start + 1).max(start + 1);
    let scale = (WIDTH - LEFT - RIGHT) / (end - start) as f64;
    let x = |at: u64| LEFT + at.saturating_sub(start) as f64 * scale;
    let height = TOP + parts.len() as f64 * ROW + 40.0;
    let mut svg = String::new();
    header(&mut svg, height, title);
    legend(&mut svg);
    grid(&mut svg, start, end, height, x);
    for (index, mark) in marks.iter().enumerate() {
        draw_mark(&mut svg, mark, x(mark.at), height, index);
    }
    for (index, part) in parts.iter().enumerate() {
        draw_part(&mut svg, part, TOP + index as f64 * ROW, x);
    }
    svg.push_str("</svg>\n");
    svg
}

fn header(svg: &mut String, height: f64, title: &str) {
    let _ = writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {WIDTH} {height}\" font-family=\"'DejaVu Sans', Arial, sans-serif\" \
         font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
         <text x=\"24\" y=\"36\" font-size=\"20\" font-weight=\"600\" fill=\"{}\">{}</text>",
        colour::INK,
        escape(title)
    );
}

fn legend(svg: &mut String) {
    let entries = [
        (stage_colour("ingest", Silicon::Cpu), "ingest"),
        (stage_colour("pre", Silicon::Pl), "pre (PL)"),
        (stage_colour("pre", Silicon::Cpu), "pre (CPU fallback)"),
        (stage_colour("main", Silicon::Cpu), "main model"),
        (stage_colour("post", Silicon::Pl), "post (PL)"),
        (stage_colour("post", Silicon::Cpu), "post (CPU fallback)"),
        (colour::PASSED, "passed"),
        (colour::REJECTED, "rejected"),
        (colour::SAFE, "good part rejected to be safe"),
    ];
    let mut x = 24.0;
    for (fill, label) in entries {
        let _ = writeln!(
            svg,
            "<rect x=\"{x}\" y=\"52\" width=\"14\" height=\"14\" rx=\"3\" fill=\"{fill}\"/>\
             <text x=\"{}\" y=\"64\" fill=\"{}\">{label}</text>",
            x + 20.0,
            colour::INK
        );
        x += 44.0 + 6.6 * label.len() as f64;
    }
}

fn grid(svg: &mut String, start: u64, end: u64, height: f64, x: impl Fn(u64) -> f64) {
    const SECOND: u64 = 1_000_000_000;
    let span = (end - start).div_ceil(SECOND).max(1);
    let step = span.div_ceil(14).max(1);
    for second in (0..=span).step_by(step as usize) {
        let at = start + second * SECOND;
        if at > end {
            break;
        }
        let _ = writeln!(
            svg,
            "<line x1=\"{0:.1}\" x2=\"{0:.1}\" y1=\"{1}\" y2=\"{2:.1}\" stroke=\"{3}\"/>\
             <text x=\"{0:.1}\" y=\"{4:.1}\" fill=\"{5}\" text-anchor=\"middle\">{second} s</text>",
            x(at),
            TOP - 10.0,
            height - 28.0,
            colour::GRID,
            height - 12.0,
            colour::FAINT
        );
    }
}

fn draw_mark(svg: &mut String, mark: &Mark, x: f64, height: f64, index: usize) {
    let (fill, dash) =
        if mark.recovery { (colour::RECOVERY, "2 4") } else { (colour::FAULT, "6 4") };
    let y = 92.0 + (index % 3) as f64 * 17.0;
    // A label near the right edge grows to the left, so that it stays inside the picture.
    let (anchor, at) = if x > WIDTH - 320.0 { ("end", x - 5.0) } else { ("start", x + 5.0) };
    let _ = writeln!(
        svg,
        "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{}\" y2=\"{:.1}\" stroke=\"{fill}\" \
         stroke-width=\"1.5\" stroke-dasharray=\"{dash}\"/>\
         <text x=\"{at:.1}\" y=\"{y}\" fill=\"{fill}\" font-weight=\"600\" \
         text-anchor=\"{anchor}\">{}</text>",
        y - 10.0,
        height - 28.0,
        escape(&mark.label)
    );
}

fn draw_part(svg: &mut String, part: &PartRecord, y: f64, x: impl Fn(u64) -> f64) {
    let middle = y + BAR - 4.0;
    let _ = writeln!(
        svg,
        "<text x=\"{}\" y=\"{middle:.1}\" text-anchor=\"end\" fill=\"{}\">{}</text>\
         <rect x=\"{:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{BAR}\" rx=\"3\" fill=\"{}\"/>",
        LEFT - 12.0,
        colour::INK,
        escape(&format!("{:02} {}", part.number, part.image)),
        x(part.triggered),
        (x(part.due) - x(part.triggered)).max(1.0),
        colour::WINDOW
    );
    let mut at = part.submitted;
    for stage in &part.stages {
        let until = at + (stage.us * 1000.0) as u64;
        let _ = writeln!(
            svg,
            "<rect x=\"{:.1}\" y=\"{y:.1}\" width=\"{:.2}\" height=\"{BAR}\" fill=\"{}\">\
             <title>{} on {:?}: {:.0} us</title></rect>",
            x(at),
            (x(until) - x(at)).max(0.4),
            stage_colour(&stage.name, stage.silicon),
            stage.name,
            stage.silicon,
            stage.us
        );
        at = until;
    }
    let _ = writeln!(
        svg,
        "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"6\" fill=\"{}\"/>",
        x(part.due),
        y + BAR / 2.0,
        fate_colour(part.fate)
    );
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::{PartRecord, draw};
    use crate::demo::record::{Fate, Mark};

    #[test]
    fn names_are_escaped_and_every_part_is_drawn() {
        let part = |number| PartRecord {
            number,
            image: "a<b>.png".into(),
            triggered: 1_000,
            submitted: 2_000,
            due: 1_000_000_000,
            fate: Some(Fate::Passed),
            ..PartRecord::default()
        };
        let mark = Mark { at: 5_000, label: "R5 & DMA".into(), recovery: false };
        let svg = draw(&[part(1), part(2)], &[mark], "run");
        assert_eq!(svg.matches("a&lt;b&gt;.png").count(), 2);
        assert!(svg.contains("R5 &amp; DMA") && svg.ends_with("</svg>\n"));
    }
}
