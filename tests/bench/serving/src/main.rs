//! serving: how much a server of the Open Inference Protocol adds to the time of its model.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, ensure};
use bytes::Bytes;
use clap::{Parser, ValueEnum};
use serde_json::{Value, json};
use tandem_serving::grpc::Grpc;
use tandem_serving::load::{Outcome, Plan, run};
use tandem_serving::rest::{Connection, Rest};
use tandem_serving::shared::Shared;
use tandem_serving::{Ask, Input, Way};

/// Load a server of the Open Inference Protocol and print what its answers took.
#[derive(Parser)]
#[command(
    version,
    after_help = "\
The model hands one tensor through: input and output FP32 [n], or [batch, n] with --batch-side.
Example:
  tandem-serve --serve-models tests/bench/serving/models --serve-rest 127.0.0.1:8000 \\
    --serve-grpc 127.0.0.1:8001 --allow-shared-memory
  serving --rest 127.0.0.1:8000 --grpc 127.0.0.1:8001 --label tandem"
)]
struct Options {
    /// Address of the REST door
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8000")]
    rest: String,
    /// Address of the gRPC door
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8001")]
    grpc: String,
    /// The model
    #[arg(long, default_value = "echo")]
    model: String,
    /// Its input and its output
    #[arg(long, num_args = 2, value_names = ["INPUT", "OUTPUT"], default_values = ["in", "out"])]
    tensors: Vec<String>,
    /// The tensor has a batch of 1 as its first side
    #[arg(long)]
    batch_side: bool,
    /// Ways to it
    #[arg(long, value_delimiter = ',', default_values = ["rest", "grpc", "shared"])]
    ways: Vec<Which>,
    /// Bytes of a tensor
    #[arg(long, value_delimiter = ',', default_values_t = [1024, 1_228_800])]
    bytes: Vec<usize>,
    /// Connections, each with one request under way
    #[arg(long, value_delimiter = ',', default_values_t = [1, 8, 64])]
    concurrency: Vec<usize>,
    /// Requests a second, whether or not answers come; as fast as they come without it
    #[arg(long)]
    rate: Option<f64>,
    /// Seconds of a measurement, behind one fifth of it as warm-up
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// The server's name, first in each row
    #[arg(long, default_value = "server")]
    label: String,
    /// table, or a JSON object a line
    #[arg(short, long, default_value = "table")]
    output: Format,
}

#[derive(Clone, Copy, ValueEnum)]
enum Which {
    Rest,
    Grpc,
    Shared,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Table,
    Json,
}

#[tokio::main]
async fn main() -> ExitCode {
    match measure_all(&Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("serving: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn measure_all(options: &Options) -> anyhow::Result<()> {
    ensure!(options.seconds > 0.0, "--seconds is above 0");
    if let Format::Table = options.output {
        println!(
            "| Server | Way | Bytes | Connections | Answers/s | p50 us | p99 us | Engine us | p50 - engine | p99 - engine |"
        );
        println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    }
    for which in &options.ways {
        for bytes in &options.bytes {
            for concurrency in &options.concurrency {
                measure(options, *which, *bytes, *concurrency).await?;
            }
        }
    }
    Ok(())
}

/// The ramp of bytes that every tensor holds.
fn ask(options: &Options, bytes: usize) -> Ask {
    let ramp: Vec<u8> = (0..bytes / 4).flat_map(|at| (at as f32).to_le_bytes()).collect();
    let count = (bytes / 4) as i64;
    let shape = if options.batch_side { vec![1, count] } else { vec![count] };
    let (name, datatype) = (options.tensors[0].clone(), "FP32".to_owned());
    let input = Input { name, datatype, shape, bytes: Bytes::from(ramp) };
    Ask { model: options.model.clone(), inputs: vec![input], output: options.tensors[1].clone() }
}

async fn measure(
    options: &Options,
    which: Which,
    bytes: usize,
    concurrency: usize,
) -> anyhow::Result<()> {
    let ask = ask(options, bytes);
    let name = match which {
        Which::Rest => "rest",
        Which::Grpc => "grpc",
        Which::Shared => "shared",
    };
    let opened = async {
        Ok::<_, anyhow::Error>(match which {
            Which::Rest => {
                let mut ways = Vec::new();
                for _ in 0..concurrency {
                    ways.push(Rest::open(&options.rest, &ask).await?);
                }
                let (outcome, engine, _) = load(options, ways, &ask).await?;
                (outcome, engine)
            }
            Which::Grpc => {
                let mut ways = Vec::new();
                for _ in 0..concurrency {
                    ways.push(Grpc::open(&options.grpc, &ask).await?);
                }
                let (outcome, engine, _) = load(options, ways, &ask).await?;
                (outcome, engine)
            }
            Which::Shared => {
                let mut ways = Vec::new();
                for _ in 0..concurrency {
                    ways.push(Shared::open(&options.rest, &ask, bytes).await?);
                }
                let (outcome, engine, ways) = load(options, ways, &ask).await?;
                for way in ways {
                    way.close().await?;
                }
                (outcome, engine)
            }
        })
    };
    let (outcome, engine) = opened.await.with_context(|| format!("{name}, {bytes} bytes"))?;
    if let Some((id, why)) = outcome.failed().next() {
        let count = outcome.failed().count();
        anyhow::bail!("{name}, {bytes} bytes: {count} failed, request {id}: {why}");
    }
    let (p50, p99) = (outcome.us(0.5), outcome.us(0.99));
    let less = |us: f64| engine.map(|engine| us - engine);
    match options.output {
        Format::Table => {
            let text = |us: Option<f64>| us.map_or_else(|| "-".into(), |us| format!("{us:.0}"));
            println!(
                "| {} | {name} | {bytes} | {concurrency} | {:.0} | {p50:.0} | {p99:.0} | {} | {} | {} |",
                options.label,
                outcome.rate(),
                text(engine),
                text(less(p50)),
                text(less(p99)),
            );
        }
        Format::Json => println!(
            "{}",
            json!({
                "server": options.label, "way": name, "bytes": bytes, "connections": concurrency,
                "answers_per_s": outcome.rate(), "p50_us": p50, "p99_us": p99,
                "engine_us": engine, "p50_less_engine_us": less(p50), "p99_less_engine_us": less(p99),
            })
        ),
    }
    Ok(())
}

/// Warm-up, load, and the engine's mean time of a request in microseconds, where the server tells.
async fn load<W: Way + 'static>(
    options: &Options,
    mut ways: Vec<W>,
    ask: &Ask,
) -> anyhow::Result<(Outcome, Option<f64>, Vec<W>)> {
    // The answer is the input.
    let answer = ways[0].infer(0).await?;
    ensure!(answer.output == ask.inputs[0].bytes, "the model does not hand its input through");
    let length = Duration::from_secs_f64(options.seconds);
    let plan = Plan { rate: options.rate, length };
    let (_, ways) = run(ways, Plan { length: length / 5, ..plan }, false).await;
    let before = engine(options).await;
    let (outcome, ways) = run(ways, plan, false).await;
    let after = engine(options).await;
    let mean = before.ok().zip(after.ok()).and_then(|(before, after)| {
        let count = after.0.checked_sub(before.0).filter(|count| *count > 0)?;
        Some((after.1 - before.1) as f64 / count as f64 / 1e3)
    });
    Ok((outcome, mean, ways))
}

/// Requests and nanoseconds in the runtime so far, by the statistics extension.
async fn engine(options: &Options) -> anyhow::Result<(u64, u64)> {
    let mut connection = Connection::open(&options.rest).await?;
    let path = format!("/v2/models/{}/stats", options.model);
    let stats = connection.json(&path, None).await?;
    let infer = &stats["model_stats"][0]["inference_stats"]["compute_infer"];
    let number = |name: &str| infer.get(name).and_then(Value::as_u64).context("no statistics");
    Ok((number("count")?, number("ns")?))
}
