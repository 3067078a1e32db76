//! The same seed gives the same run, to the access, the nanosecond and the byte of the log.

use crate::{lockstep, station::Station};
use tandem_link::board::Board;

#[derive(Debug, PartialEq, Eq)]
struct Run {
    accesses: u64,
    now: u64,
    log: Vec<u8>,
    taken: Vec<String>,
}

fn run(seed: u64) -> Run {
    let board = lockstep(seed);
    board.set_latency(40_000, 20_000);
    let mut station = Station::new(board);
    station.join().expect("joins");
    let faults = |station: &Station<_>, name: &str| {
        let board: &tandem_vboard::Lockstep = &station.board;
        board.faults().expect("a virtual board has faults").plant(name).expect("a fault");
    };
    for (seed, fault) in ["hung_kernel:pre", "lost_interrupt:post"].into_iter().enumerate() {
        faults(&station, fault);
        station.pre_job(seed as u32).expect("an answer");
        station.post(seed as u32).expect("an answer");
    }
    station.board.faults().expect("faults").kill_core_at(100);
    while station.pre(5).is_ok() {}
    station.recover();
    station.pre(6).expect("goes on");
    let mut log = vec![];
    station.board.drain_log(&mut log);
    let taken = station.board.faults().expect("faults").taken();
    Run { accesses: station.board.access_count(), now: station.board.now(), log, taken }
}

#[test]
fn a_seed_replays() {
    for seed in [0, 1, 0xDEAD_BEEF] {
        let first = run(seed);
        assert_eq!(first.taken.len(), 2);
        assert!(!first.log.is_empty());
        assert_eq!(first, run(seed));
    }
}

#[test]
fn another_seed_is_another_run() {
    assert_ne!(run(1).now, run(2).now);
}
