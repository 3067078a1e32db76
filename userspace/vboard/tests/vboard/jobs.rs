//! Jobs through link, firmware, DMA and kernel: every byte is the model's.

use crate::{lockstep, station::Station, threaded};
use tandem_link::board::Board;

fn jobs<B: Board>(board: B) {
    let mut station = Station::new(board);
    station.join().expect("joins");
    let mut found = 0;
    for seed in 0..8 {
        station.pre(seed).expect("a pre job");
        found += station.post(seed).expect("a post job");
    }
    assert!(found > 0, "no result had a detection");
    station.assert_all_free();
}

#[test]
fn results_are_the_models() {
    jobs(lockstep(1));
    jobs(threaded());
}

#[test]
fn results_are_the_models_when_the_hardware_takes_its_time() {
    let board = lockstep(2);
    board.set_latency(300_000, 70_000);
    jobs(board);
    let board = threaded();
    board.set_latency(300_000, 70_000);
    jobs(board);
}
