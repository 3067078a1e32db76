//! Random jobs, faults and deaths: every job is answered once, every fault counted once, every slot
//! back at the end.

use proptest::prelude::*;

use super::*;
use tandem_link::message::JobStatus;

#[derive(Clone, Copy, Debug)]
enum Step {
    Submit(u8),
    Plan(Act),
    Turn { peer: bool, engine: bool, cpu: bool },
    Freeze,
    Crash,
    Start,
    GetUp,
    Pass(u8),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        Just(Act::Work),
        Just(Act::Sit),
        Just(Act::NoWord),
        Just(Act::Withhold),
        Just(Act::Corrupt),
        Just(Act::Fail(JobStatus::KernelHung)),
        Just(Act::Fail(JobStatus::DmaSlaveError)),
        Just(Act::Fail(JobStatus::Late)),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => any::<u8>().prop_map(Step::Submit),
        3 => act().prop_map(Step::Plan),
        12 => any::<[bool; 3]>().prop_map(|[peer, engine, cpu]| Step::Turn { peer, engine, cpu }),
        1 => Just(Step::Freeze),
        1 => Just(Step::Crash),
        1 => Just(Step::Start),
        1 => Just(Step::GetUp),
        2 => (1..200u8).prop_map(Step::Pass),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost(steps in prop::collection::vec(step(), 1..120)) {
        let mut rig = Rig::new();
        let mut tickets = Vec::new();
        for step in steps {
            match step {
                Step::Submit(seed) => {
                    if let Some(slot) = rig.agent.try_reserve_frame() {
                        drop(slot);
                        tickets.push(rig.submit(seed));
                    }
                }
                Step::Plan(act) => rig.peer.script.push_back(act),
                Step::Turn { peer, engine, cpu } => {
                    rig.turn(Turns { peer, engine, cpu, supervisor: false });
                }
                Step::Freeze => rig.peer.frozen = true,
                Step::Crash => rig.peer.crash(),
                Step::Start => rig.peer.start(),
                Step::GetUp => {
                    if !rig.peer.frozen && rig.board.core.running.load(
                        std::sync::atomic::Ordering::Relaxed) && rig.peer.is_linked() {
                        rig.peer.get_up();
                    }
                }
                Step::Pass(ms) => {
                    for _ in 0..ms {
                        rig.turn(Turns { supervisor: false, ..ALL });
                    }
                }
            }
        }
        let count = tickets.len() as u64;
        for ticket in tickets {
            let answer = rig.answer(ticket);
            prop_assert!(answer.code.is_some() || answer.record.outcome == Outcome::Pass);
        }
        // A new life brings everything back.
        rig.peer.script.clear();
        rig.peer.start();
        rig.until("the peer is up", |rig| rig.peer_state() == PeerState::Up);
        rig.assert_clean();
        prop_assert_eq!(rig.count(Flow::Answered), count);
        let ends = [Flow::Passed, Flow::Failed, Flow::Unknown].map(|flow| rig.count(flow));
        prop_assert_eq!(ends.iter().sum::<u64>(), count);
        let well = rig.inspect(3);
        prop_assert!(well.degraded.is_empty());
    }
}
