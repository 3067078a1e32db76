//! The same agent on its own threads, in real time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::*;

/// A bound that only a hang exceeds.
const LONG: Duration = Duration::from_secs(60);

fn start(change: impl FnOnce(&mut AgentConfig)) -> (Arc<Agent>, impl FnOnce() -> FakePeer) {
    let board = Arc::new(FakeBoard::real_time());
    // Deadlines and watches that a busy test machine does not miss.
    let mut config = AgentConfig { deadline: 60_000 * MS, ..AgentConfig::default() };
    config.health.frozen_after = 30_000 * MS;
    config.health.announce_within = 30_000 * MS;
    change(&mut config);
    let engines: Vec<_> = (0..2).map(|_| FakeEngine::local(&Mood::default())).collect();
    let agent = Agent::start(board.clone(), config, policy("default", 0), engines).unwrap();
    let mut peer = FakePeer::new(board.clone());
    peer.start();
    let stop = Arc::new(AtomicBool::new(false));
    let thread = std::thread::spawn({
        let (board, stop) = (board.clone(), stop.clone());
        move || {
            while !stop.load(Ordering::Relaxed) {
                peer.poll();
                board.peer_bell.wait(Duration::from_millis(5));
            }
            peer
        }
    });
    let end = move || {
        stop.store(true, Ordering::Relaxed);
        board.peer_bell.ring();
        thread.join().unwrap()
    };
    (Arc::new(agent), end)
}

fn up(agent: &Agent) {
    let since = std::time::Instant::now();
    while agent.report().wait(LONG).unwrap().unwrap().peer.state != PeerState::Up {
        assert!(since.elapsed() < LONG, "the peer never came up");
        std::thread::yield_now();
    }
}

fn inspect(agent: &Agent, runtime: &tokio::runtime::Runtime, seed: u8) -> Answer {
    let mut slot = runtime.block_on(agent.reserve_frame()).unwrap();
    for (i, byte) in slot.bytes_mut()[..FRAME.bytes()].iter_mut().enumerate() {
        *byte = (i as u32).wrapping_mul(2_654_435_761).to_be_bytes()[0] ^ seed;
    }
    let frame = IngestedFrame {
        slot,
        frame: FRAME,
        name: format!("frame-{seed}"),
        began: agent.now(),
        bytes_in: 0,
        deadline: None,
        tag: None,
        policy: None,
        options: Default::default(),
    };
    *agent.submit(frame).unwrap().wait(LONG).unwrap().unwrap()
}

#[test]
fn clients_on_many_threads_get_their_own_answers() {
    let references: Vec<_> = (0..8).map(Rig::reference).collect();
    let (agent, end) = start(|_| {});
    up(&agent);
    std::thread::scope(|scope| {
        for client in 0..6u8 {
            let (agent, references) = (&agent, &references);
            scope.spawn(move || {
                let runtime =
                    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
                for i in 0..20u8 {
                    let seed = (client + i) % 8;
                    let answer = inspect(agent, &runtime, seed);
                    assert_eq!(answer.name, format!("frame-{seed}"));
                    assert_eq!(answer.detections, references[usize::from(seed)]);
                }
            });
        }
    });
    assert!(agent.ping().wait(LONG).unwrap().is_ok());
    assert!(agent.audit_slots().unwrap().is_clean());
    let stats = agent.stats();
    assert_eq!(stats.flow["answered"], 120);
    assert_eq!(stats.incident_sum(), 0, "{:?}", stats.incidents);
    assert!(agent.shutdown().unwrap().is_clean());
    assert!(agent.try_reserve_frame().is_none_or(|slot| {
        let frame = IngestedFrame {
            slot,
            frame: FRAME,
            name: String::new(),
            began: 0,
            bytes_in: 0,
            deadline: None,
            tag: None,
            policy: None,
            options: Default::default(),
        };
        agent.submit(frame).is_err()
    }));
    end();
}

#[test]
fn jobs_under_way_are_answered_before_the_end() {
    let (agent, end) = start(|config| config.stop_within = 200 * MS);
    up(&agent);
    let peer = end();
    // Nobody serves the rings any more: the job hangs in the programmable logic.
    let slot = agent.try_reserve_frame().unwrap();
    let frame = IngestedFrame {
        slot,
        frame: FRAME,
        name: "last".into(),
        began: agent.now(),
        bytes_in: 0,
        deadline: None,
        tag: None,
        policy: None,
        options: Default::default(),
    };
    let ticket = agent.submit(frame).unwrap();
    let audit = agent.shutdown().unwrap();
    let answer = ticket.wait(LONG).unwrap().unwrap();
    assert_eq!(answer.verdict().result, Outcome::Unknown);
    assert_eq!((audit.frame.quarantined, audit.tensor.quarantined), (1, 1), "{audit:?}");
    assert_eq!(agent.audit_slots(), Some(audit));
    drop(peer);
}
