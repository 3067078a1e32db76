//! Boot, link and control of the core.

use crate::{lockstep, station::Station, threaded};
use tandem_boards::Board as Description;
use tandem_link::{
    board::{Board, CoreError, CoreState},
    layout,
};
use tandem_vboard::{Lockstep, Options, VboardError, VirtualBoard};

#[test]
fn boots_joins_and_answers() {
    let mut lockstep = Station::new(lockstep(1));
    lockstep.join().expect("joins");
    lockstep.ping().expect("answers");
    let mut threaded = Station::new(threaded());
    threaded.join().expect("joins");
    for _ in 0..1000 {
        threaded.ping().expect("answers");
    }
}

#[test]
fn answers_when_neither_side_spins() {
    let options = Options { core_spin_us: 0, agent_spin_us: 0 };
    let board = VirtualBoard::start(&Description::virtual_default(), options).expect("a board");
    let mut station = Station::new(board);
    station.join().expect("joins");
    for _ in 0..1000 {
        station.ping().expect("answers");
    }
}

#[test]
fn beats_in_its_period() {
    let mut station = Station::new(lockstep(2));
    station.join().expect("joins");
    let (first, start) = (station.link.peer_heartbeat(), station.board.now());
    let period = u64::from(Description::virtual_default().firmware.heartbeat_us) * 1000;
    station.board.run_until(|| false, start + 10 * period);
    let beats = station.link.peer_heartbeat().wrapping_sub(first);
    assert!((8..=11).contains(&beats), "{beats} beats in 10 periods");
}

fn control(board: impl Board) {
    let core = board.core();
    assert_eq!(core.state(), CoreState::Running);
    assert_eq!(core.start(), Err(CoreError::Running));
    assert_eq!(core.stop(), Ok(()));
    assert_eq!(core.state(), CoreState::Stopped);
    assert_eq!(core.stop(), Err(CoreError::Stopped));
    assert_eq!(core.start(), Ok(()));
    assert_eq!(core.state(), CoreState::Running);
    assert_eq!(core.restart(), Ok(()));
    let mut station = Station::new(board);
    station.join().expect("joins");
    station.ping().expect("answers");
    station.recover();
    station.ping().expect("answers");
}

#[test]
fn the_core_is_controlled() {
    control(lockstep(3));
    control(threaded());
}

#[test]
fn boards_of_one_process_are_apart() {
    let mut stations: Vec<_> = (0..3).map(|_| Station::new(threaded())).collect();
    for station in &mut stations {
        station.join().expect("joins");
    }
    stations[1].board.core().stop().expect("it ran");
    for station in [0, 2] {
        stations[station].ping().expect("answers");
    }
    stations[1].recover();
    for station in &mut stations {
        station.ping().expect("answers");
    }
}

#[test]
fn a_board_moves_between_threads() {
    let mut station = Station::new(lockstep(4));
    station.join().expect("joins");
    let mut station = std::thread::spawn(move || {
        station.pre(1).expect("a job");
        station
    })
    .join()
    .expect("the other thread");
    station.pre(2).expect("a job");
}

#[test]
fn slots_are_the_descriptions() {
    let (board, description) = (lockstep(5), Description::virtual_default());
    let (slots, want) = (board.slots(), description.resolve_slots());
    assert_eq!(slots.len(), want.len());
    for (slot, want) in slots.iter().zip(want) {
        assert_eq!((slot.addr, slot.capacity), (want.addr, want.capacity));
        assert_eq!(slot.class, want.class);
        let offset = u64::from(want.addr - description.ddr.base);
        assert_eq!(board.payload_offset(slot.addr), offset);
    }
    assert_eq!(tandem_boards::MAX_SLOTS, layout::MAX_SLOTS);
}

#[test]
fn regions_too_small_are_named() {
    type Shrink = fn(&mut Description);
    let shrink: [(&str, Shrink); 3] = [
        ("link", |board| board.regions.link.size = 0x1000),
        ("log", |board| board.regions.log.size = 0x1000),
        ("pool", |board| board.regions.pool.size = 0x1000),
    ];
    for (name, shrink) in shrink {
        let mut description = Description::virtual_default();
        shrink(&mut description);
        let error = Lockstep::new(&description, 0).err().expect("refused");
        let want = format!("board virtual: regions.{name} has 0x1000 bytes, ");
        assert!(matches!(error, VboardError::RegionTooSmall { have: 0x1000, .. }), "{error}");
        assert!(error.to_string().starts_with(&want), "{error}");
    }
}
