//! The gate: what passes, what is rejected, what the line does.

use proptest::prelude::*;
use std::collections::HashMap;
use tandem_model::gate::*;

fn gate(delay: u64, pulse: u64) -> Gate {
    let mut gate = Gate::new(7);
    gate.configure(delay, pulse);
    gate
}

fn advance(gate: &mut Gate, now: u64) -> Vec<Passage> {
    let mut seen = Vec::new();
    gate.advance(now, |passage| seen.push(passage));
    seen
}

#[test]
fn a_part_nobody_speaks_for_is_rejected_exactly_when_due() {
    let mut g = gate(100, 10);
    let tag = g.trigger(5).unwrap();
    assert_eq!(g.next_due(), Some(105));
    assert_eq!(advance(&mut g, 104), []);
    assert!(!g.line_high(104));
    let passage = Passage { tag, epoch: 7, triggered: 5, due: 105, rejected: true };
    assert_eq!(advance(&mut g, 105), [passage]);
    assert!(g.line_high(105) && g.line_high(114) && !g.line_high(115));
    assert_eq!(g.next_due(), None);
}

#[test]
fn a_cancel_counts_up_to_the_last_nanosecond() {
    let mut g = gate(100, 10);
    let (a, b) = (g.trigger(0).unwrap(), g.trigger(1).unwrap());
    assert_eq!(g.cancel(a, 7, 99), CancelOutcome::Cancelled);
    assert_eq!(g.cancel(a, 7, 99), CancelOutcome::Cancelled);
    assert_eq!(g.cancel(b, 7, 101), CancelOutcome::TooLate);
    let seen = advance(&mut g, 200);
    assert_eq!(seen.iter().map(|p| p.rejected).collect::<Vec<_>>(), [false, true]);
    assert_eq!(g.cancel(a, 7, 200), CancelOutcome::TooLate);
    assert_eq!(g.cancel(b + 1, 7, 200), CancelOutcome::UnknownTag);
    assert_eq!(g.cancel(0, 7, 200), CancelOutcome::UnknownTag);
    assert_eq!(g.cancel(b, 6, 200), CancelOutcome::WrongEpoch);
    let wanted = Counters {
        triggers: 2,
        passed: 1,
        rejected: 1,
        cancelled: 1,
        late: 2,
        wrong_epoch: 1,
        unknown: 2,
        overrun: 0,
    };
    assert_eq!(g.counters(), wanted);
    g.clear_counters();
    assert_eq!(g.counters(), Counters::default());
}

#[test]
fn a_full_table_holds_the_line_for_untracked_parts() {
    let mut g = gate(1000, 3);
    for i in 0..DEPTH as u64 {
        assert!(g.line_ready());
        let tag = g.trigger(10 * i).unwrap();
        assert_eq!(g.cancel(tag, 7, 10 * i), CancelOutcome::Cancelled);
    }
    assert!(!g.line_ready());
    assert_eq!((g.trigger(400), g.trigger(440)), (None, None));
    assert_eq!(advance(&mut g, 1000).len(), 1);
    let tag = g.trigger(1000).expect("a place is free again");
    assert_eq!(g.cancel(tag, 7, 1000), CancelOutcome::Cancelled);
    assert_eq!(advance(&mut g, 1399).len(), DEPTH - 1);
    assert!(!g.line_high(1399));
    assert_eq!(g.next_due(), Some(1400));
    advance(&mut g, 1400);
    assert!(g.line_high(1400));
    assert_eq!(g.next_due(), Some(1440));
    advance(&mut g, 1440);
    assert!(g.line_high(1442) && !g.line_high(1443));
    assert!(!advance(&mut g, 2000)[0].rejected);
    assert!(!g.line_high(2000));
    assert_eq!((g.counters().overrun, g.counters().passed), (2, 33));
}

#[test]
fn a_reset_rejects_everything_in_flight_even_if_cancelled() {
    let mut g = gate(100, 10);
    let (a, b, c) = (g.trigger(0).unwrap(), g.trigger(50).unwrap(), g.trigger(60).unwrap());
    for tag in [a, b] {
        assert_eq!(g.cancel(tag, 7, 60), CancelOutcome::Cancelled);
    }
    let mut seen = Vec::new();
    g.reset(120, |passage| seen.push((passage.tag, passage.rejected, passage.epoch)));
    assert_eq!(seen, [(a, false, 7), (b, true, 7), (c, true, 7)]);
    assert!(g.line_high(120) && g.line_high(169) && !g.line_high(170));
    assert_eq!((g.epoch(), g.next_due(), g.pending().count()), (8, None, 0));
    assert_eq!(g.cancel(c, 7, 121), CancelOutcome::WrongEpoch);
    assert_eq!(g.cancel(c, 8, 121), CancelOutcome::UnknownTag);
    assert_eq!(g.trigger(200), Some(c + 1));
}

#[test]
fn parts_keep_their_order_when_the_delay_shrinks() {
    let mut g = gate(100, 10);
    g.trigger(0);
    g.configure(10, 5);
    g.trigger(20);
    assert_eq!(g.pending().map(|p| p.due).collect::<Vec<_>>(), [100, 100]);
    advance(&mut g, 100);
    assert!(g.line_high(104) && !g.line_high(105));
}

#[derive(Clone, Debug)]
enum Step {
    Wait(u64),
    Trigger,
    /// Tag counted back from the newest, epoch off by.
    Cancel(u32, u32),
    Reset,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0u64..60).prop_map(Step::Wait),
        5 => Just(Step::Trigger),
        4 => (0u32..40, 0u32..20).prop_map(|(back, e)| Step::Cancel(back, u32::from(e == 0))),
        1 => (0u32..8).prop_map(|r| if r == 0 { Step::Reset } else { Step::Wait(500) }),
    ]
}

proptest! {
    /// A part passes only if a cancel for it was accepted; every tag has one passage; the line is
    /// high whenever a rejected part is due and when an untracked one is.
    #[test]
    fn is_safe_and_forgets_nobody(
        steps in prop::collection::vec(step(), 1..400), delay in 0u64..900, pulse in 0u64..20,
    ) {
        let mut g = gate(delay, pulse);
        let mut now = 0;
        let (mut given, mut untracked_due) = (Vec::new(), Vec::new());
        let mut accepted: HashMap<u32, u32> = HashMap::new();
        let mut seen: Vec<Passage> = Vec::new();
        for step in steps {
            match step {
                Step::Wait(ns) => {
                    let until = now + ns;
                    while now < until {
                        now = g.next_due().map_or(until, |due| due.clamp(now, until));
                        let before = seen.len();
                        g.advance(now, |p| seen.push(p));
                        for p in &seen[before..] {
                            prop_assert_eq!(p.due, now, "not exactly when due");
                            prop_assert!(!p.rejected || g.line_high(now));
                        }
                        if untracked_due.contains(&now) {
                            prop_assert!(g.line_high(now), "an untracked part slipped through");
                        }
                    }
                }
                Step::Trigger => {
                    g.advance(now, |p| seen.push(p));
                    match g.trigger(now) {
                        Some(tag) => given.push(tag),
                        None => untracked_due.push(now + delay),
                    }
                }
                Step::Cancel(back, off) => {
                    let tag = (given.len() as u32).wrapping_sub(back);
                    let epoch = g.epoch().wrapping_sub(off);
                    if g.cancel(tag, epoch, now) == CancelOutcome::Cancelled {
                        accepted.insert(tag, g.epoch());
                    }
                }
                Step::Reset => {
                    let before = g.epoch();
                    g.reset(now, |p| seen.push(p));
                    prop_assert_eq!(g.epoch(), before + 1);
                    accepted.retain(|tag, _| seen.iter().any(|p| p.tag == *tag && !p.rejected));
                }
            }
        }
        g.advance(u64::MAX, |p| seen.push(p));
        prop_assert_eq!(seen.iter().map(|p| p.tag).collect::<Vec<_>>(), given.clone());
        for p in &seen {
            prop_assert_eq!(!p.rejected, accepted.get(&p.tag) == Some(&p.epoch), "{:?}", p);
        }
        let c = g.counters();
        prop_assert_eq!(c.passed + c.rejected, given.len() as u32);
        prop_assert_eq!(c.overrun, untracked_due.len() as u32);
        prop_assert_eq!(g.next_due(), None);
    }
}
