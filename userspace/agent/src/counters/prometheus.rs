//! The Prometheus text format (version 0.0.4) of a [`Snapshot`].

use std::fmt::Write;

use tandem_channels::{Channel, Figures};

use super::{Snapshot, StageTimes};
use crate::api::Silicon;

/// Writes the counters as a Prometheus scrape: `tandem_incidents_total{reason=}`,
/// `tandem_<flow>_total`, `tandem_stage_seconds{stage=,silicon=}`, `tandem_job_seconds`, and
/// `tandem_channel_<figure>{channel=,kind=}`.
pub fn to_prometheus(snapshot: &Snapshot, channels: &[Channel]) -> String {
    let mut out = String::with_capacity(16 << 10);
    head(&mut out, "tandem_incidents_total", "counter", "Faults seen, by reason.");
    for (reason, count) in &snapshot.incidents {
        line(&mut out, "tandem_incidents_total", &[("reason", reason)], *count as f64);
    }
    for (name, count) in &snapshot.flow {
        let full = format!("tandem_{name}_total");
        head(&mut out, &full, "counter", &format!("Flow: {}.", name.replace('_', " ")));
        line(&mut out, &full, &[], *count as f64);
    }
    head(&mut out, "tandem_stage_seconds", "histogram", "Time of a stage, queueing included.");
    for times in &snapshot.stages {
        histogram(&mut out, "tandem_stage_seconds", times);
    }
    head(&mut out, "tandem_job_seconds", "histogram", "Start of ingest to verdict.");
    histogram(&mut out, "tandem_job_seconds", &snapshot.total);
    for (name, help, value) in CHANNEL_FIGURES {
        head(&mut out, name, "counter", help);
        for channel in channels {
            let labels = [("channel", &*channel.spec.name), ("kind", channel.spec.kind.name())];
            line(&mut out, name, &labels, value(&channel.figures()));
        }
    }
    out
}

type Figure = (&'static str, &'static str, fn(&Figures) -> f64);

/// What is told of each channel.
const CHANNEL_FIGURES: [Figure; 5] = [
    ("tandem_channel_jobs_total", "Jobs that a channel carried.", |f| f.jobs as f64),
    ("tandem_channel_failures_total", "Jobs that did not come through.", |f| f.failed as f64),
    ("tandem_channel_out_bytes_total", "Bytes that went out.", |f| f.bytes.out as f64),
    ("tandem_channel_back_bytes_total", "Bytes that came back.", |f| f.bytes.back as f64),
    ("tandem_channel_seconds_total", "Time on the way.", |f| f.total_ns as f64 / 1e9),
];

fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn line(out: &mut String, name: &str, labels: &[(&str, &str)], value: f64) {
    out.push_str(name);
    for (i, (key, value)) in labels.iter().enumerate() {
        let open = if i == 0 { '{' } else { ',' };
        let _ = write!(out, "{open}{key}=\"{value}\"");
    }
    if !labels.is_empty() {
        out.push('}');
    }
    let _ = writeln!(out, " {value}");
}

fn histogram(out: &mut String, name: &str, times: &StageTimes) {
    let silicon = times.silicon.map(|silicon| match silicon {
        Silicon::Pl => "pl",
        Silicon::Cpu => "cpu",
        Silicon::Gpu => "gpu",
    });
    let mut labels = Vec::with_capacity(3);
    if let Some(silicon) = silicon {
        labels.extend([("stage", times.stage.as_str()), ("silicon", silicon)]);
    }
    let bucket = format!("{name}_bucket");
    for entry in &times.buckets {
        let edge = (entry.le_us / 1e6).to_string();
        let mut with_edge = labels.clone();
        with_edge.push(("le", &edge));
        line(out, &bucket, &with_edge, entry.count as f64);
    }
    let mut with_edge = labels.clone();
    with_edge.push(("le", "+Inf"));
    line(out, &bucket, &with_edge, times.count as f64);
    line(out, &format!("{name}_sum"), &labels, times.sum_us / 1e6);
    line(out, &format!("{name}_count"), &labels, times.count as f64);
}

#[cfg(test)]
mod tests {
    use tandem_channels::Bytes;

    use crate::api::Silicon;
    use crate::channels;
    use crate::counters::{Counters, Flow, Incident, StageName, to_prometheus};

    #[test]
    fn a_scrape_has_types_before_samples_and_rising_buckets() {
        let counters = Counters::default();
        counters.incident(Incident::DmaSlaveError);
        counters.flow_by(Flow::Answered, 3);
        counters.stage(StageName::Pre, Silicon::Pl, 1_500_000);
        counters.stage(StageName::Pre, Silicon::Pl, 90_000_000_000);
        let channels = channels::unknown(["rten"]);
        channels.pre().carried(Bytes { out: 7, back: 3 }, 2_500_000_000);
        let text = to_prometheus(&counters.snapshot(), channels.all());
        let labels = "{channel=\"pre\",kind=\"axi-stream\"}";
        assert!(text.contains(&format!("tandem_channel_out_bytes_total{labels} 7\n")), "{text}");
        assert!(text.contains(&format!("tandem_channel_seconds_total{labels} 2.5\n")));
        assert!(text.contains("tandem_channel_jobs_total{channel=\"rten\",kind=\"mmap\"} 0\n"));
        assert!(text.contains("tandem_incidents_total{reason=\"dma_slave_error\"} 1\n"));
        assert!(text.contains("tandem_incidents_total{reason=\"late\"} 0\n"));
        assert!(text.contains("# TYPE tandem_answered_total counter\ntandem_answered_total 3\n"));
        let count = "tandem_stage_seconds_count{stage=\"pre\",silicon=\"pl\"} 2\n";
        assert!(text.contains(count));

        let mut typed = Vec::new();
        let mut last = (String::new(), 0.0);
        for row in text.lines() {
            if let Some(rest) = row.strip_prefix("# TYPE ") {
                typed.push(rest.split(' ').next().unwrap().to_owned());
            } else if !row.starts_with('#') {
                let (key, value) = row.rsplit_once(' ').unwrap();
                let value: f64 = value.parse().unwrap();
                let name = key.split('{').next().unwrap();
                assert!(typed.iter().any(|t| name.starts_with(t.as_str())), "{row}");
                if name.ends_with("_bucket") && last.0 == name {
                    assert!(value >= last.1, "{row}");
                }
                last = (name.to_owned(), value);
            }
        }
    }
}
