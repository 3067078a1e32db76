//! The agent's table of channels: from board, model and engines, with what an operator says of lines.

use std::path::Path;

use serde::{Deserialize, Serialize};
use tandem_boards::Board;
use tandem_channels::{
    Bytes, Figures, Kind, Line, Nanos, Probe, Probed, Spec, Table, line_to, probe,
};
use tandem_engine::model::Model;
use tandem_worker::Address;
use thiserror::Error;

/// Jobs that an engine's lane has at once: one that runs and one that waits.
const ENGINE_SLOTS: u32 = 2;

/// What an operator says of channels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// Rates of lines by the channel's name.
    pub lines: Vec<(String, Line)>,
    /// Weights among parallel channels by name.
    pub weights: Vec<(String, u32)>,
    /// Kinds that no probe may find.
    pub refuse: Vec<Kind>,
}

/// Why something said of channels is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SaidError {
    /// Nobody has that name.
    #[error("{option} {name}: no channel is called so; there are {known}")]
    Unknown {
        /// Option.
        option: &'static str,
        /// Name.
        name: String,
        /// Channels.
        known: String,
    },
    /// The only way to an engine is refused.
    #[error("--refuse-channel {kind}: {name} has no other way")]
    Needed {
        /// Kind.
        kind: Kind,
        /// Channel.
        name: String,
    },
}

/// Bytes of a job on either side of the model.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    tensor: u64,
    heads: u64,
    result: u64,
}

/// The table of an agent on `board` that serves `model` on `workers`, with `local` beside or behind
/// them: the order of [`crate::agent::Engines`]. `root` is where the kernel shows its networks.
///
/// # Errors
/// [`SaidError`]: what was said is of no channel, or leaves an engine without one.
pub fn table(
    board: &Board,
    model: &Model,
    workers: &[Address],
    local: Option<&str>,
    said: &Said,
    root: &Path,
) -> Result<Table, SaidError> {
    let sizes = Sizes {
        tensor: model.tensor_bytes() as u64,
        heads: model.heads_bytes() as u64,
        result: model.post_params().result_bytes() as u64,
    };
    let workers = workers.iter().map(|address| Spec {
        line: line_to(address.host_and_port(), root),
        ..worker(&address.to_string(), sizes)
    });
    let local = local.map(|name| engine(name, sizes));
    let specs = lanes(Some(board), sizes).into_iter().chain(workers).chain(local);
    said.of(specs.collect())
}

impl Said {
    /// The table of channels with what was said of them.
    fn of(&self, mut specs: Vec<Spec>) -> Result<Table, SaidError> {
        let known = specs.iter().map(|spec| spec.name.as_str()).collect::<Vec<_>>().join(", ");
        for (name, line) in &self.lines {
            find(&mut specs, "--line-rate", name, &known)?.line = Some(*line);
        }
        for (name, weight) in &self.weights {
            find(&mut specs, "--channel-weight", name, &known)?.weight = *weight;
        }
        for kind in &self.refuse {
            if let Some(spec) = specs.iter().find(|spec| spec.kind == *kind) {
                return Err(SaidError::Needed { kind: *kind, name: spec.name.clone() });
            }
        }
        Ok(of(specs))
    }
}

/// A table for engines of these names, of ways whose speed nobody knows.
pub fn unknown(engines: impl IntoIterator<Item = &'static str>) -> Table {
    let sizes = Sizes { tensor: 0, heads: 0, result: 0 };
    let engines = engines.into_iter().map(|name| engine(name, sizes));
    of(lanes(None, sizes).into_iter().chain(engines).collect())
}

fn of(specs: Vec<Spec>) -> Table {
    let mut specs = specs.into_iter();
    match (specs.next(), specs.next()) {
        (Some(pre), Some(post)) => Table::new(pre, post, specs),
        _ => unreachable!("both lanes are always among them"),
    }
}

fn find<'a>(
    specs: &'a mut [Spec],
    option: &'static str,
    name: &str,
    known: &str,
) -> Result<&'a mut Spec, SaidError> {
    specs.iter_mut().find(|spec| spec.name == name).ok_or_else(|| SaidError::Unknown {
        option,
        name: name.to_owned(),
        known: known.to_owned(),
    })
}

/// The two lanes of the programmable logic. Where the description has its streams, their widths and
/// the clock bound them; a simulated board has no line.
fn lanes(board: Option<&Board>, sizes: Sizes) -> [Spec; 2] {
    let line = |lane: &str| {
        let board = board?;
        let mhz = board.device.as_ref()?.clock_mhz;
        let widths = board.streams.iter().filter(|stream| stream.name.starts_with(lane));
        Line::axi_stream(widths.map(|stream| stream.width_bits).min()?, mhz)
    };
    let lane = |name: &str, bytes| Spec {
        name: name.to_owned(),
        kind: Kind::AxiStream,
        endpoints: ["slots".to_owned(), format!("kernel {name}")],
        slots: 2,
        weight: 1,
        line: line(&format!("{name}.")),
        per_job: bytes,
    };
    // A frame's bytes are the camera's: they are known when it comes.
    let pre = Bytes { out: 0, back: sizes.tensor };
    [lane("pre", pre), lane("post", Bytes { out: sizes.heads, back: sizes.result })]
}

fn engine(name: &str, sizes: Sizes) -> Spec {
    Spec {
        name: name.to_owned(),
        kind: Kind::Mmap,
        endpoints: ["slots".to_owned(), name.to_owned()],
        slots: ENGINE_SLOTS,
        weight: 1,
        line: None,
        per_job: Bytes { out: sizes.tensor, back: sizes.heads },
    }
}

fn worker(name: &str, sizes: Sizes) -> Spec {
    Spec { kind: Kind::Tcp, ..engine(name, sizes) }
}

/// A channel as clients see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelEntry {
    /// What it is.
    pub spec: Spec,
    /// The least time that a job of the model takes on it, in nanoseconds: bytes over the line's
    /// rate; 0 where no rate is known. Of `pre` without the frame, whose size is the camera's.
    pub bound_ns: Nanos,
    /// What went over it.
    pub figures: Figures,
}

/// All channels, and what others this machine could have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelReport {
    /// In the order of the table.
    pub channels: Vec<ChannelEntry>,
    /// Every kind, with what was found or what is missing.
    pub kinds: Vec<Probed>,
}

impl ChannelReport {
    /// Of a table, and what `look` finds.
    pub fn of(table: &Table, look: &Probe) -> ChannelReport {
        let entry = |channel: &tandem_channels::Channel| ChannelEntry {
            spec: channel.spec.clone(),
            bound_ns: channel.spec.bound(),
            figures: channel.figures(),
        };
        ChannelReport { channels: table.all().iter().map(entry).collect(), kinds: probe(look) }
    }
}

/// `NAME=RATE`, for `--line-rate`.
///
/// # Errors
/// In words.
pub fn parse_line(text: &str) -> Result<(String, Line), String> {
    let (name, rate) = named(text)?;
    Ok((name, rate.parse().map_err(|error: tandem_channels::LineError| error.to_string())?))
}

/// `NAME=N`, for `--channel-weight`.
///
/// # Errors
/// In words.
pub fn parse_weight(text: &str) -> Result<(String, u32), String> {
    let (name, weight) = named(text)?;
    let weight = weight.parse().ok().filter(|weight| (1..=1000).contains(weight));
    Ok((name, weight.ok_or_else(|| format!("{text:?}: a weight is 1 to 1000"))?))
}

fn named(text: &str) -> Result<(String, &str), String> {
    let (name, value) =
        text.rsplit_once('=').ok_or_else(|| format!("{text:?} is not NAME=VALUE"))?;
    Ok((name.to_owned(), value))
}

/// A table for tests: workers with the rates that are said of them, an engine beside or behind them,
/// a model of `tensor` and `heads` bytes.
#[cfg(test)]
pub(crate) fn played(
    workers: &[&str],
    local: &str,
    said: &Said,
    [tensor, heads]: [u64; 2],
) -> Table {
    let sizes = Sizes { tensor, heads, result: 0 };
    let workers = workers.iter().map(|name| worker(name, sizes));
    let specs = lanes(None, sizes).into_iter().chain(workers).chain([engine(local, sizes)]);
    said.of(specs.collect()).expect("names of these channels")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> Model {
        Model::load(Path::new("../models/yolov3-tiny/1")).expect("the model")
    }

    fn silicon() -> Board {
        Board::load(Path::new("../../boards/kv260.toml")).expect("the description")
    }

    #[test]
    fn a_board_of_silicon_bounds_its_lanes_and_a_simulated_one_does_not() {
        let worker: Address = "tcp://127.0.0.1:7700".parse().unwrap();
        let said = Said {
            lines: vec![parse_line("tcp://127.0.0.1:7700=1Gbit/s").unwrap()],
            ..Said::default()
        };
        let root = Path::new("/nowhere");
        let made = table(&silicon(), &model(), &[worker], Some("rten"), &said, root).unwrap();
        assert_eq!(made.pre().spec.line, Line::axi_stream(128, 300));
        let engine = made.engine(0).unwrap();
        assert_eq!(engine.spec.kind, Kind::Tcp);
        // Tensor 3x416x416, heads as the descriptor has them, at 117.685 MB/s.
        let bytes = engine.spec.per_job;
        assert_eq!(bytes.out, 519_168);
        assert_eq!(
            engine.spec.bound(),
            "1Gbit/s".parse::<Line>().unwrap().bound(bytes.out + bytes.back)
        );
        assert_eq!(made.engine(1).unwrap().spec.kind, Kind::Mmap);
        let virtual_board = Board::virtual_default();
        let made =
            table(&virtual_board, &model(), &[], Some("rten"), &Said::default(), root).unwrap();
        assert!(made.all().iter().all(|channel| channel.spec.line.is_none()));
    }

    #[test]
    fn what_is_said_of_nobody_is_refused() {
        let say = |said: Said| {
            let board = Board::virtual_default();
            table(&board, &model(), &[], Some("rten"), &said, Path::new("/nowhere")).map(|_| ())
        };
        let line = |text| Said { lines: vec![parse_line(text).unwrap()], ..Said::default() };
        let error = say(line("tcp://a:1=1Gbit/s")).unwrap_err().to_string();
        assert_eq!(
            error,
            "--line-rate tcp://a:1: no channel is called so; there are pre, post, rten"
        );
        assert!(say(line("rten=gen3x8")).is_ok());
        let refuse = |kind| say(Said { refuse: vec![kind], ..Said::default() });
        assert!(refuse(Kind::HostPinned).is_ok());
        assert_eq!(
            refuse(Kind::Mmap).unwrap_err(),
            SaidError::Needed { kind: Kind::Mmap, name: "rten".into() }
        );
        for bad in ["rten", "rten=fast", "rten="] {
            assert!(parse_line(bad).is_err(), "{bad}");
        }
        for bad in ["rten", "rten=0", "rten=1001", "rten=x"] {
            assert!(parse_weight(bad).is_err(), "{bad}");
        }
    }
}
