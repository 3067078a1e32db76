//! Deaths at every access, freezes, and what the hardware does meanwhile.

use crate::{
    lockstep,
    station::{Crashed, Station},
    threaded,
};
use tandem_link::{
    SlotClass,
    board::{Board, CoreState, FaultPort, LinePort},
    message::{FromPeer, ToPeer},
};
use tandem_vboard::{End, Lockstep};

fn faults<B: Board>(board: &B) -> &dyn FaultPort {
    board.faults().expect("a virtual board has faults")
}

fn line<B: Board>(board: &B) -> &dyn LinePort {
    board.line().expect("a virtual board has a line")
}

fn sequence<B: Board>(station: &mut Station<B>) -> Result<(), Crashed> {
    station.pre(11)?;
    station.post(12)?;
    station.ping()
}

/// One run in which the core dies at its `k`-th access after power-up.
fn die_at(k: u64) {
    let board = lockstep(0);
    faults(&board).kill_core_at(k);
    let mut station = Station::new(board);
    // The very last accesses come after the last answer.
    let _answered_all = station.join().and_then(|_| sequence(&mut station));
    assert_eq!(station.board.last_end(), Some(End::Killed), "access {k}");
    station.recover();
    sequence(&mut station).unwrap_or_else(|_| panic!("dead again after access {k}"));
    station.assert_all_free();
}

#[test]
fn recovers_from_a_death_at_every_access() {
    let mut station = Station::new(lockstep(0));
    station.join().expect("joins");
    sequence(&mut station).expect("a whole run");
    let accesses = station.board.access_count();
    assert!(accesses > 500, "{accesses} accesses are no job");
    (0..accesses).for_each(die_at);
}

#[test]
fn recovers_from_a_death_at_every_access_of_a_recovery() {
    let busy = |seed| {
        let board = lockstep(seed);
        board.set_latency(2_000_000, 0);
        let mut station = Station::new(board);
        station.join().expect("joins");
        // The first life dies with its DMA under way.
        station.submit_pre(1);
        let start = station.board.now();
        station.board.run_until(|| false, start + 1_000_000);
        station.board.core().stop().expect("it ran");
        station
    };
    let mut station = busy(0);
    let before = station.board.access_count();
    station.recover();
    let accesses = station.board.access_count() - before;
    assert!(accesses > 50, "{accesses} accesses are no boot");
    for k in 0..accesses {
        let mut station = busy(k);
        faults(&station.board).kill_core_at(k);
        station.board.core().start().expect("it was stopped");
        let limit = station.board.now() + 1_000_000_000;
        let board = &station.board;
        assert!(board.run_until(|| board.core().state() == CoreState::Crashed, limit), "{k}");
        station.recover();
        sequence(&mut station).unwrap_or_else(|_| panic!("dead again after access {k}"));
    }
}

#[test]
fn recovers_from_deaths_on_threads() {
    let mut station = Station::new(threaded());
    station.join().expect("joins");
    let mut deaths = 0;
    for k in (0..1500).step_by(37) {
        faults(&station.board).kill_core_at(k);
        while sequence(&mut station).is_ok() {}
        assert_eq!(station.board.last_end(), Some(End::Killed));
        station.recover();
        deaths += 1;
    }
    sequence(&mut station).expect("a whole run");
    assert!(deaths > 30);
}

#[test]
fn a_frozen_core_looks_alive_and_does_nothing() {
    let mut station = Station::new(lockstep(3));
    station.join().expect("joins");
    faults(&station.board).freeze_core(true);
    let (beats, accesses) = (station.link.peer_heartbeat(), station.board.access_count());
    station.send(&ToPeer::Ping { sequence: 77 });
    let limit = station.board.now() + 100_000_000;
    assert!(!station.board.run_until(|| false, limit));
    assert_eq!(station.board.core().state(), CoreState::Running);
    assert_eq!(station.link.peer_heartbeat(), beats);
    assert_eq!(station.board.access_count(), accesses);
    faults(&station.board).freeze_core(false);
    let pong = |message: &FromPeer| (*message == FromPeer::Pong { sequence: 77 }).then_some(());
    station.message(pong).expect("answers once it is thawed");
    sequence(&mut station).expect("goes on");
}

#[test]
fn a_frozen_core_is_restarted() {
    let mut station = Station::new(lockstep(4));
    station.join().expect("joins");
    station.submit_pre(1);
    faults(&station.board).freeze_core(true);
    station.recover();
    sequence(&mut station).expect("goes on");
    let mut station = Station::new(threaded());
    station.join().expect("joins");
    for _ in 0..20 {
        station.submit_pre(1);
        faults(&station.board).freeze_core(true);
        station.recover();
        sequence(&mut station).expect("goes on");
    }
}

#[test]
fn dma_goes_on_without_the_core() {
    let board = lockstep(5);
    board.set_latency(5_000_000, 0);
    let mut station = Station::new(board);
    station.join().expect("joins");
    station.submit_pre(9);
    // Within a millisecond the job is started, and not ended.
    let start = station.board.now();
    station.board.run_until(|| false, start + 1_000_000);
    let tensor = station.board.slots().into_iter().find(|slot| slot.class == SlotClass::Tensor);
    let addr = tensor.expect("a tensor slot").addr;
    let want = station.model_tensor(9);
    let holds = |station: &Station<Lockstep>| station.memory_at(addr, want.len()) == want;
    assert!(!holds(&station));
    station.board.core().stop().expect("it ran");
    station.board.run_until(|| false, start + 20_000_000);
    assert!(holds(&station), "the DMA stopped with the core");
    station.recover();
    sequence(&mut station).expect("goes on");
}

const DELAY: u64 = 3_000_000;

/// Configures the gate and waits until it is ready for a part.
fn configure<B: Board>(station: &mut Station<B>, delay: u64) {
    station.send(&ToPeer::ConfigureGate { delay, pulse: 1_000_000 });
    let ready = station.until(|station| line(&station.board).ready().then_some(()));
    ready.expect("an armed gate");
}

fn rejects_without_the_core<B: Board>(board: B, halt: impl Fn(&B)) {
    let mut station = Station::new(board);
    station.join().expect("joins");
    configure(&mut station, DELAY);
    halt(&station.board);
    let tag = line(&station.board).trigger().expect("room for a part");
    let mut passages = vec![];
    let limit = station.board.now() + 10_000_000_000;
    while passages.is_empty() && station.board.now() < limit {
        station.board.wait(station.board.now() + 1_000_000);
        passages.extend(line(&station.board).drain_passages());
    }
    let passage = passages.first().expect("the part passed");
    assert_eq!((passage.tag, passage.rejected), (tag, true));
    assert_eq!(passage.due - passage.triggered, DELAY);
}

#[test]
fn the_gate_rejects_without_the_core() {
    rejects_without_the_core(lockstep(6), |board| board.core().stop().expect("it ran"));
    rejects_without_the_core(lockstep(7), |board| faults(board).freeze_core(true));
    rejects_without_the_core(threaded(), |board| board.core().stop().expect("it ran"));
    rejects_without_the_core(threaded(), |board| faults(board).freeze_core(true));
}

fn cancels_in_time<B: Board>(board: B) {
    let mut station = Station::new(board);
    station.join().expect("joins");
    configure(&mut station, 2_000_000_000);
    let tag = line(&station.board).trigger().expect("room for a part");
    let triggered = |message: &FromPeer| match message {
        FromPeer::Triggered { tag, gate_epoch, .. } => Some((*tag, *gate_epoch)),
        _ => None,
    };
    let (told, gate_epoch) = station.message(triggered).expect("the trigger is told");
    assert_eq!(told, tag);
    station.send(&ToPeer::CancelReject { tag, gate_epoch });
    let passages = station.until(|station| {
        let passages = line(&station.board).drain_passages();
        (!passages.is_empty()).then_some(passages)
    });
    let passages = passages.expect("the part passed");
    assert_eq!((passages[0].tag, passages[0].rejected), (tag, false));
}

#[test]
fn a_cancel_in_time_lets_the_part_pass() {
    cancels_in_time(lockstep(8));
    cancels_in_time(threaded());
}
