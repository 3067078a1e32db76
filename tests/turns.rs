//! `agentctl --deterministic`: a whole agent behind its facade, on one thread in virtual time, with
//! faults on the way. The same requests are the same run to the bit, whenever they come.

use std::sync::Arc;
use std::time::Duration;

use tandem_agent::agent::{Agent, AgentConfig};
use tandem_boards::Board as Description;
use tandem_tests::dice::Dice;
use tandem_tests::small::{self, Small};
use tandem_tests::threaded::LONG;
use tandem_tests::trace::Trace;
use tandem_vboard::Lockstep;

/// Images with every fault of the hardware; the client takes its time as `haste` says.
fn run(seed: u64, haste: Duration) -> u64 {
    let policy = small::policy(0.5);
    let pictures = small::pictures(&policy, 6);
    let board = Arc::new(Lockstep::new(&Description::virtual_default(), seed).expect("a board"));
    board.set_latency(700_000, 300_000);
    let config = AgentConfig::default();
    let engines: Vec<Box<dyn tandem_engine::Engine>> = vec![Box::new(Small)];
    let agent = Agent::start_in_turns(board.clone(), config, policy, engines).expect("an agent");
    let (mut trace, mut dice, mut log) = (Trace::default(), Dice::new(seed), Vec::new());
    let faults = agent.faults().expect("a virtual board has faults").list();
    for fault in [String::new()].iter().chain(&faults).chain(&faults) {
        if !fault.is_empty() {
            agent.faults().expect("as above").plant(fault).expect("a fault's name");
        }
        for _ in 0..3 {
            let (picture, expected) = &pictures[dice.index(pictures.len())];
            let slot = agent.try_reserve_frame().expect("a frame slot");
            let ticket = agent.submit(picture.into_slot(&agent, slot)).expect("the agent takes it");
            let answer = ticket.wait(LONG).expect("an answer in time").expect("an agent");
            expected.assert_is(&answer, fault);
            trace.value(&(agent.now(), &answer.name, answer.record, answer.stages));
            trace.value(&answer.degraded);
            std::thread::sleep(haste);
        }
    }
    assert_eq!(agent.faults().expect("as above").taken(), [faults.clone(), faults].concat());
    assert!(agent.shutdown().expect("a final state").is_clean());
    agent.drain_log(&mut log);
    assert!(!log.is_empty(), "the firmware logs its boot");
    trace.bytes(&log);
    trace.value(&(board.now(), board.access_count(), agent.stats().flow, agent.stats().incidents));
    trace.hash()
}

#[test]
fn the_same_requests_are_the_same_run_whenever_they_come() {
    let first = run(5, Duration::ZERO);
    assert_eq!(first, run(5, Duration::from_millis(2)));
    assert_ne!(first, run(6, Duration::ZERO), "the seed has no effect");
}
