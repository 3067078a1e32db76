//! Prometheus metrics, by the names that Triton gives them: its dashboards and autoscalers work here.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;

use crate::Core;
use crate::model::Model;
use crate::statistics::{Counts, Failure};

/// Prometheus' text format 0.0.4.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A metric of a version: name, type, help, value.
type Metric = (&'static str, &'static str, &'static str, fn(&Model, &Counts) -> u64);

const METRICS: [Metric; 11] = [
    (
        "nv_inference_request_success",
        "counter",
        "Requests answered with outputs, all batch sizes",
        |_, counts| counts.success.count,
    ),
    (
        "nv_inference_count",
        "counter",
        "Inferences performed, each element of a batch one",
        |_, counts| counts.inference_count,
    ),
    ("nv_inference_exec_count", "counter", "Runs of the model, a batch is one", |_, counts| {
        counts.execution_count
    }),
    (
        "nv_inference_request_duration_us",
        "counter",
        "Time of requests answered with outputs, in microseconds",
        |_, counts| counts.success.ns / 1000,
    ),
    (
        "nv_inference_queue_duration_us",
        "counter",
        "Time they waited for an instance, in microseconds",
        |_, counts| counts.queue.ns / 1000,
    ),
    (
        "nv_inference_compute_input_duration_us",
        "counter",
        "Time their inputs were made ready for the runtime, in microseconds",
        |_, counts| counts.compute.compute_input.ns / 1000,
    ),
    (
        "nv_inference_compute_infer_duration_us",
        "counter",
        "Time they were in the runtime, in microseconds",
        |_, counts| counts.compute.compute_infer.ns / 1000,
    ),
    (
        "nv_inference_compute_output_duration_us",
        "counter",
        "Time their answers were made, in microseconds",
        |_, counts| counts.compute.compute_output.ns / 1000,
    ),
    (
        "nv_inference_pending_request_count",
        "gauge",
        "Requests that wait for an instance",
        |model, _| model.pending() as u64,
    ),
    (
        "tandem_inference_bytes_in",
        "counter",
        "Bytes copied into tensors from sockets and shared memory",
        |_, counts| counts.bytes_in,
    ),
    (
        "tandem_model_memory_bytes",
        "gauge",
        "Memory that the version is taken to need, of --serve-memory",
        |model, _| model.memory.bytes,
    ),
];

/// `GET /metrics`.
pub fn router(core: Arc<Core>) -> Router {
    let scrape = |State(core): State<Arc<Core>>| async move {
        ([(header::CONTENT_TYPE, TEXT)], text(&core)).into_response()
    };
    Router::new().route("/metrics", get(scrape)).with_state(core)
}

/// The metrics of every version that is ready, each counted at one moment.
pub fn text(core: &Core) -> String {
    let models = core.repository.all();
    let all: Vec<(String, &Model, Counts)> = models
        .iter()
        .map(|model| {
            let labels =
                format!("model=\"{}\",version=\"{}\"", escaped(&model.name), model.version);
            (labels, &**model, model.statistics.counts())
        })
        .collect();
    let mut out = String::new();
    // Writing to a String cannot fail.
    for (name, kind, help, value) in METRICS {
        let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, model, counts) in &all {
            let _ = writeln!(out, "{name}{{{labels}}} {}", value(model, counts));
        }
    }
    let name = "nv_inference_request_failure";
    let help = "Requests answered with an error after their model was found, or given up";
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} counter");
    for (labels, _, counts) in &all {
        for (reason, count) in Failure::ALL.iter().zip(counts.failures) {
            let _ = writeln!(out, "{name}{{{labels},reason=\"{}\"}} {count}", reason.1);
        }
    }
    out
}

/// A label's value: a model's name is its folder's, which may have any character.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
