//! An open-loop client while versions take each other's place: every id is answered exactly once, by
//! the version that the answer names.
//!
//!     TANDEM_SWAPS=1000 cargo test --release -p tandem-serve --test swaps -- --nocapture

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use common::data;
use serde_json::{Value, json};
use tandem_serving::grpc::Grpc;
use tandem_serving::load::{Outcome, Plan, run};
use tandem_serving::rest::{Connection, Rest};
use tandem_serving::{Ask, Input, Way};

/// Connections: many more than are busy at the load, so that none of them delays a request.
const CONNECTIONS: usize = 32;

struct Server {
    process: Child,
    rest: String,
    grpc: String,
}

impl Server {
    fn start(models: &Path) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut process = Command::new(env!("CARGO_BIN_EXE_tandem-serve"))
            .args(["--serve-rest", "127.0.0.1:0", "--serve-grpc", "127.0.0.1:0", "--threads", "1"])
            .arg("--serve-models")
            .arg(models)
            .current_dir(root)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let [rest, grpc] = ["rest ", "grpc "]
            .map(|name| lines.next().unwrap().unwrap().strip_prefix(name).unwrap().to_owned());
        Self { process, rest, grpc }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Puts version `number` of `addsub` in place by a rename: odd ones subtract the second input from
/// the first, even ones the first from the second. Each has its golden sample.
fn put(model: &Path, number: u64) {
    let from = data("addsub").join(if number % 2 == 1 { "1" } else { "2" });
    let part = model.join(format!(".{number}.part"));
    std::fs::create_dir_all(part.join("golden_requests")).unwrap();
    for file in ["model.onnx", "golden_requests/numbers.json"] {
        std::fs::copy(from.join(file), part.join(file)).unwrap();
    }
    std::fs::rename(part, model.join(number.to_string())).unwrap();
}

fn ask() -> Ask {
    let input = |name: &str, number: i32| Input {
        name: name.into(),
        datatype: "INT32".into(),
        shape: vec![1, 16],
        bytes: Bytes::from([number; 16].map(i32::to_le_bytes).concat()),
    };
    let inputs = vec![input("A", 7), input("B", 5)];
    Ask { model: "addsub".into(), inputs, output: "DIFFERENCE".into() }
}

/// Checks every answer; the versions that answered.
fn check(outcome: &Outcome) -> BTreeSet<u64> {
    let mut answered = BTreeMap::new();
    let mut versions = BTreeSet::new();
    for (id, answer) in &outcome.answers {
        let answer = answer.as_ref().unwrap_or_else(|why| panic!("request {id}: {why}"));
        assert_eq!(answer.id, *id, "an answer to another request");
        assert!(answered.insert(*id, ()).is_none(), "request {id} was answered twice");
        let version: u64 = answer.version.parse().unwrap();
        let difference: i32 = if version % 2 == 1 { 2 } else { -2 };
        let want = [difference; 16].map(i32::to_le_bytes).concat();
        assert_eq!(answer.output, want, "request {id}: not what version {version} computes");
        versions.insert(version);
    }
    // The ids are those that were sent, without a gap.
    assert_eq!(answered.len() as u64, outcome.sent);
    assert_eq!(answered.keys().copied().last(), outcome.sent.checked_sub(1));
    versions
}

/// Swaps until told to stop, `most` times at most; how often, and the longest that one took.
async fn swap(rest: String, model: std::path::PathBuf, most: u64) -> (u64, Duration) {
    let mut connection = Connection::open(&rest).await.unwrap();
    let mut longest = Duration::ZERO;
    for number in 2..most + 2 {
        put(&model, number);
        let began = Instant::now();
        connection.json("/v2/repository/models/addsub/load", Some(&json!({}))).await.unwrap();
        longest = longest.max(began.elapsed());
        std::fs::remove_dir_all(model.join((number - 1).to_string())).unwrap();
    }
    (most, longest)
}

async fn ready(rest: &str) {
    let mut connection = Connection::open(rest).await.unwrap();
    let until = Instant::now() + Duration::from_secs(300);
    while connection.json("/v2/models/addsub/ready", None).await.is_err() {
        assert!(Instant::now() < until);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Half of the connections are REST, half gRPC.
enum Either {
    Rest(Rest),
    Grpc(Box<Grpc>),
}

impl Way for Either {
    async fn infer(&mut self, id: u64) -> anyhow::Result<tandem_serving::Answer> {
        match self {
            Self::Rest(way) => way.infer(id).await,
            Self::Grpc(way) => way.infer(id).await,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_id_is_answered_once_by_one_version_over_swaps() {
    let swaps: u64 = std::env::var("TANDEM_SWAPS").map_or(50, |text| text.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("addsub");
    std::fs::create_dir(&model).unwrap();
    put(&model, 1);
    let server = Server::start(folder.path());
    ready(&server.rest).await;
    let mut ways = Vec::new();
    for number in 0..CONNECTIONS {
        ways.push(match number % 2 {
            0 => Either::Rest(Rest::open(&server.rest, &ask()).await.unwrap()),
            _ => Either::Grpc(Box::new(Grpc::open(&server.grpc, &ask()).await.unwrap())),
        });
    }
    // What it can do while it swaps, too: that is the load's own machine.
    let stop = Arc::new(AtomicBool::new(false));
    let free = Plan { rate: None, length: Duration::from_secs(2) };
    let (capacity, ways) = run(ways, free, true).await;
    assert_eq!(check(&capacity), BTreeSet::from([1]));
    let rate = 0.8 * capacity.rate();

    let swapping = tokio::spawn(swap(server.rest.clone(), model, swaps));
    let (mut sent, mut versions, mut worst) = (0, BTreeSet::new(), 0f64);
    let mut ways = ways;
    while !stop.load(Ordering::Relaxed) {
        stop.store(swapping.is_finished(), Ordering::Relaxed);
        let paced = Plan { rate: Some(rate), length: Duration::from_secs(2) };
        let (outcome, back) = run(ways, paced, true).await;
        ways = back;
        assert_eq!(outcome.sent, (rate * 2.0).ceil() as u64, "all that was due was sent");
        versions.extend(check(&outcome));
        sent += outcome.sent;
        worst = worst.max(outcome.us(0.99));
    }
    let (swaps, longest) = swapping.await.unwrap();
    println!(
        "{swaps} swaps (the longest {longest:.0?}), {sent} requests at {rate:.0}/s (80 % of {:.0}), \
         each answered once; {} versions answered, p99 of the worst 2 s {worst:.0} us",
        capacity.rate(),
        versions.len(),
    );
    // The load ran over the swaps, and ended on the last.
    assert!(versions.len() > 1 && versions.contains(&(swaps + 1)), "{versions:?}");
    // The server counted as many.
    let mut connection = Connection::open(&server.rest).await.unwrap();
    let stats = connection.json("/v2/models/addsub/stats", None).await.unwrap();
    assert_eq!(stats["model_stats"].as_array().map(Vec::len), Some(1));
    assert_eq!(stats["model_stats"][0]["inference_stats"]["fail"]["count"], Value::from(0));
}
