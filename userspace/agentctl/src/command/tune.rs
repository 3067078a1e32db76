//! `policy tune`: the scheduler under a load, faster than real time, with each of a grid of choices.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use tandem_agent::api::ApiError;
use tandem_sched::sim::{
    Baseline, Costs, Load, ModelCost, Order, Report, Synthetic, Trial, World, policy_lines, tune,
};

use super::read;
use crate::EXIT_OK;
use crate::output::{Output, table};

/// `policy tune`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  agentctl policy tune load.jsonl --costs engines.toml
  agentctl policy tune load.jsonl --cost detect=1:8,4:20/18 --cost read=3 --engines 2
  agentctl policy tune --streams 100 --rate 3000 --cost detect=1:4,8:10 --engines 2 -o json

A load has a job a line: {\"time_ms\": 12.5, \"stream\": \"cam-1\", \"model\": \"detect\", \"priority\": 5,
\"deadline_ms\": 80}, the deadline from its time on; stream and priority may be left out.
--cost is MODEL=MS, or the batch curve MODEL=BATCH:LATENCY_MS/INTERVAL_MS,... (the interval is that
between starts and may be left out where an engine does one run at a time). Engines that differ
stand in a TOML file: [engine.gpu] detect = [{batch = 1, latency_ms = 8, interval_ms = 8}, ...]")]
pub struct Tune {
    /// Recorded load (JSON lines, `-` standard input); made up by --streams without it
    #[arg(required_unless_present = "streams", conflicts_with = "streams")]
    pub load: Option<PathBuf>,
    /// Costs of the engines by model (TOML)
    #[arg(long, value_name = "FILE", conflicts_with = "cost", required_unless_present = "cost")]
    pub costs: Option<PathBuf>,
    /// Cost of a model on every engine; may be repeated
    #[arg(long, value_name = "MODEL=MS")]
    pub cost: Vec<ModelCost>,
    /// How many such engines there are
    #[arg(long, value_name = "N", default_value = "1", conflicts_with = "costs")]
    pub engines: NonZeroUsize,
    /// Streams of a made-up load, which send at random times and take the models in turns
    #[arg(long, value_name = "N", requires = "rate",
          value_parser = clap::value_parser!(u32).range(1..=tandem_sched::sim::MAX_STREAMS as i64))]
    pub streams: Option<u32>,
    /// Jobs a second of all these streams together
    #[arg(long, value_name = "JOBS", value_parser = rate)]
    pub rate: Option<f64>,
    /// Time from arrival to deadline of a made-up load, ms
    #[arg(long, value_name = "MS", default_value = "100",
          value_parser = clap::value_parser!(u32).range(1..=i64::from(tandem_policy::MAX_DEADLINE_MS)))]
    pub deadline_ms: u32,
    /// Priorities of these streams; the last is that of all further ones
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "0")]
    pub priorities: Vec<u8>,
    /// Seconds of a made-up load
    #[arg(long, value_name = "N", default_value = "10")]
    pub seconds: NonZeroU32,
    /// Runs take up to this part more or less than measured, 0 to 1
    #[arg(long, value_name = "PART", default_value = "0.1", value_parser = part)]
    pub jitter: f64,
    /// Seed of everything random
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Choices that are shown; JSON has all
    #[arg(long, value_name = "N", default_value = "8")]
    pub top: NonZeroUsize,
}

/// Jobs of a made-up load at most: it is held in memory.
const MAX_JOBS: f64 = 5e6;

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse::<f64>().map_err(|error| error.to_string())?;
    (rate > 0.0 && rate <= 1e6).then_some(rate).ok_or_else(|| "give 0 to 1000000".to_owned())
}

fn part(text: &str) -> Result<f64, String> {
    let part = text.parse::<f64>().map_err(|error| error.to_string())?;
    (0.0..=1.0).contains(&part).then_some(part).ok_or_else(|| "give 0 to 1".to_owned())
}

/// What is printed for programs.
#[derive(Serialize)]
struct Tuned<'a> {
    jobs: usize,
    streams: usize,
    /// Jobs a second that come, and that the engines can do at their best batches.
    offered: f64,
    sustainable: f64,
    /// Best first.
    trials: &'a [Trial],
    /// Without a scheduler: one queue that refuses nothing.
    fifo: Report,
    edf: Report,
    /// The section of a policy for the best.
    policy: String,
}

pub(super) fn run(args: &Tune, output: &mut Output) -> anyhow::Result<u8> {
    let costs = costs(args)?;
    let load = load(args, &costs)?;
    let world = World { jitter: args.jitter, seed: args.seed, ..World::new(&load, &costs) };
    let bar = output.progress(0, "choices");
    let trials = tune(&world, &mut |left| {
        bar.inc(1);
        bar.set_length(bar.position() + left as u64);
    });
    bar.finish_and_clear();
    let trials = trials.map_err(|error| ApiError::new("load_config", "LOAD", error.to_string()))?;
    let plain = |order| {
        let mut queue = Baseline::new(order, &load, &costs, tandem_sched::MAX_BATCH);
        Report::new(&load, &world.run(&mut queue))
    };
    let best = trials.first().map(|trial| trial.choice).unwrap_or_default();
    let tuned = Tuned {
        jobs: load.arrivals.len(),
        streams: load.streams.len(),
        offered: load.arrivals.len() as f64 / load.seconds(),
        sustainable: costs.sustainable(&load.mix(), tandem_sched::MAX_BATCH),
        trials: &trials,
        fifo: plain(Order::Fifo),
        edf: plain(Order::Edf),
        policy: policy_lines(&load, best.drop),
    };
    output.answer(&tuned, text(&tuned, args.top.get()))?;
    Ok(EXIT_OK)
}

fn costs(args: &Tune) -> anyhow::Result<Costs> {
    let costs = match &args.costs {
        None => Costs::alike(args.engines.get(), &args.cost),
        Some(path) => {
            let name = path.display().to_string();
            let text = String::from_utf8(read(path)?).map_err(|_| {
                ApiError::new("costs", name.clone(), format!("{name} is no text (UTF-8)"))
            })?;
            Costs::parse(&name, &text)
        }
    };
    costs.map_err(|error| ApiError::new("costs", "--costs", error.to_string()).into())
}

fn load(args: &Tune, costs: &Costs) -> anyhow::Result<Load> {
    let Some(path) = &args.load else { return made_up(args, costs) };
    let name = path.display().to_string();
    let load = Load::parse(&name, &read(path)?);
    let mut load = load.map_err(|error| ApiError::new("load_line", &name, error.to_string()))?;
    load.renumber(&costs.models).map_err(|model| {
        let known = costs.models.join(", ");
        let message = format!(
            "{name} has jobs of {model:?}, there are costs of {known}; add --cost {model}=MS"
        );
        ApiError::new("load_model", &name, message)
    })?;
    Ok(load)
}

fn made_up(args: &Tune, costs: &Costs) -> anyhow::Result<Load> {
    let (streams, rate) = (args.streams.unwrap_or(1) as usize, args.rate.unwrap_or(1.0));
    if rate * f64::from(args.seconds.get()) > MAX_JOBS {
        let message = format!("--rate times --seconds is above {MAX_JOBS} jobs, use fewer seconds");
        return Err(ApiError::new("load_config", "--seconds", message).into());
    }
    let deadline = u64::from(args.deadline_ms) * 1_000_000;
    let load = Synthetic {
        rates: vec![rate / streams as f64; streams],
        priorities: args.priorities.clone(),
        models: costs.models.clone(),
        deadline: [deadline; 2],
        length: u64::from(args.seconds.get()) * 1_000_000_000,
        seed: args.seed,
    }
    .load();
    if load.arrivals.is_empty() {
        let message = "no job comes in this time, use more --seconds or a higher --rate";
        return Err(ApiError::new("load_config", "--rate", message.to_owned()).into());
    }
    Ok(load)
}

fn text(tuned: &Tuned<'_>, top: usize) -> String {
    let Tuned { jobs, streams, offered, sustainable, trials, fifo, edf, policy } = tuned;
    let percent = |part: f64| format!("{:.1} %", part * 100.0);
    let row = |name: [String; 4], report: &Report| {
        let mut row = name.to_vec();
        row.extend([
            format!("{:.1}", report.goodput),
            percent(report.misses),
            percent(report.refused),
            percent(report.given_up),
            format!("{:.1}", report.p50_ms),
            format!("{:.1}", report.p99_ms),
            format!("{:.3}", report.fairness),
        ]);
        row
    };
    let heads = ["drop", "queue", "batch", "slack ms", "goodput /s", "late", "refused", "given up"];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    rows[0].extend(["p50 ms", "p99 ms", "fairness"].map(str::to_owned));
    rows.extend(trials.iter().take(top).map(|Trial { choice, report }| {
        let slack = format!("{:.2}", choice.slack_ns as f64 / 1e6);
        let [queue, batch] = [choice.queue.to_string(), choice.largest_batch.to_string()];
        row([choice.drop.name().to_owned(), queue, batch, slack], report)
    }));
    for (name, report) in [("(FIFO)", fifo), ("(EDF)", edf)] {
        let none = || "-".to_owned();
        rows.push(row([name.to_owned(), none(), none(), none()], report));
    }
    let mut text = format!(
        "{jobs} jobs of {streams} streams: {offered:.1} a second come, {sustainable:.1} a second can be done\n{}\n",
        table(&rows)
    );
    text += &format!("Of {} choices. For a routing policy:\n{}", trials.len(), policy.trim_end());
    if let Some(Trial { choice, .. }) = trials.first() {
        text += &format!(
            "\n# No words of a policy yet: queue {}, largest batch {}, slack {:.2} ms",
            choice.queue,
            choice.largest_batch,
            choice.slack_ns as f64 / 1e6
        );
    }
    text
}
