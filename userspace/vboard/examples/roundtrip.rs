//! Time of one ping over the rings: agent, doorbell, firmware, doorbell, agent.
//!
//! `roundtrip [--json] [--count N]` measures with both sides spinning, and with both asleep.

use std::time::{Duration, Instant};
use tandem_boards::Board as Description;
use tandem_link::{
    Geometry,
    board::Board,
    master::LinkMaster,
    message::{FromPeer, ToPeer},
};
use tandem_vboard::{DdrMemory, Options, VirtualBoard};

/// A side that spins this long never sleeps in a run.
const ALWAYS_US: u32 = 1_000_000;
/// What is not answered within this time never will be.
const PATIENCE_NS: u64 = 5_000_000_000;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

struct Station {
    board: VirtualBoard,
    link: LinkMaster<DdrMemory>,
}

impl Station {
    fn start(spin_us: u32) -> Result<Self> {
        let options = Options { core_spin_us: spin_us, agent_spin_us: spin_us };
        let board = VirtualBoard::start(&Description::virtual_default(), options)?;
        let slots = board.slots();
        let geometry = Geometry::with_slots(slots.len() as u32);
        let mut link = LinkMaster::new(board.memory(), geometry, &slots, 1)?;
        let limit = board.now() + PATIENCE_NS;
        while link.poll_epoch().is_none() {
            board.ring_peer();
            board.wait(limit.min(board.now() + 1_000_000));
            if board.now() >= limit {
                return Err("the firmware did not join".into());
            }
        }
        Ok(Self { board, link })
    }

    fn ping(&mut self, sequence: u32) -> Result<Duration> {
        let limit = self.board.now() + PATIENCE_NS;
        let start = Instant::now();
        self.link.send(&ToPeer::Ping { sequence })?;
        self.board.ring_peer();
        loop {
            match self.link.receive().transpose()? {
                Some(FromPeer::Pong { sequence: echo }) if echo == sequence => {
                    return Ok(start.elapsed());
                }
                Some(_) => {}
                None if self.board.now() >= limit => return Err("no answer".into()),
                None => self.board.wait(limit),
            }
        }
    }
}

struct Figures {
    mode: &'static str,
    sorted: Vec<Duration>,
}

impl Figures {
    fn measure(mode: &'static str, spin_us: u32, pause: Duration, count: u32) -> Result<Self> {
        let mut station = Station::start(spin_us)?;
        for sequence in 0..count / 10 {
            station.ping(sequence)?;
        }
        let mut sorted = Vec::with_capacity(count as usize);
        for sequence in 0..count {
            // Both sides are asleep before each ping only if there is time to fall asleep.
            std::thread::sleep(pause);
            sorted.push(station.ping(sequence)?);
        }
        sorted.sort_unstable();
        Ok(Self { mode, sorted })
    }

    fn micros(&self, per_mille: usize) -> f64 {
        let at = (self.sorted.len() * per_mille / 1000).min(self.sorted.len() - 1);
        self.sorted[at].as_nanos() as f64 / 1000.0
    }
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let json = arguments.iter().any(|argument| argument == "--json");
    let count = match arguments.iter().position(|argument| argument == "--count") {
        Some(at) => arguments.get(at + 1).ok_or("--count wants a number")?.parse::<u32>()?.max(1),
        None => 20_000,
    };
    let cores = std::thread::available_parallelism()?.get();
    let spinning = Figures::measure("spinning", ALWAYS_US, Duration::ZERO, count)?;
    let asleep = Figures::measure("asleep", 0, Duration::from_micros(200), (count / 10).max(1))?;
    for figures in [spinning, asleep] {
        let (mode, n) = (figures.mode, figures.sorted.len());
        let (p50, p99, p999) = (figures.micros(500), figures.micros(990), figures.micros(999));
        if json {
            println!(
                r#"{{"benchmark":"ring_round_trip","mode":"{mode}","cores":{cores},"samples":{n},"p50_us":{p50:.2},"p99_us":{p99:.2},"p999_us":{p999:.2}}}"#
            );
        } else {
            println!(
                "ring round trip, {mode}, {cores} cores, {n} samples: \
                 p50 {p50:.2} us, p99 {p99:.2} us, p99.9 {p999:.2} us"
            );
        }
    }
    Ok(())
}
