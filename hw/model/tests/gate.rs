//! The gate: what passes, what is rejected, what the line does.

use proptest::prelude::*;
use std::collections::HashSet;
use tandem_model::gate::*;

/// Armed at time 0 in epoch 7; the parts from before have gone by at [`START`].
fn gate(delay: u64, pulse: u64) -> Gate {
    let mut gate = Gate::new();
    gate.configure(delay, pulse, 0);
    assert!(gate.begin_epoch(7, 0));
    gate
}

/// After the hold of a gate that was armed at time 0, whatever delay and pulse these tests have.
const START: u64 = 10_000;

fn advance(gate: &mut Gate, now: u64) -> Vec<Passage> {
    let mut seen = Vec::new();
    gate.advance(now, |passage| seen.push(passage));
    seen
}

#[test]
fn a_part_nobody_speaks_for_is_rejected_exactly_when_due() {
    let mut g = gate(100, 10);
    let at = START;
    let tag = g.trigger(at, |_| {}).unwrap();
    let due = at + 100;
    assert_eq!(g.next_due(), Some(due));
    assert_eq!(advance(&mut g, due - 1), []);
    assert!(!g.line_high(due - 1));
    let passage = Passage { tag, epoch: 7, triggered: at, due, rejected: true };
    assert_eq!(advance(&mut g, due), [passage]);
    assert!(g.line_high(due) && g.line_high(due + 9) && !g.line_high(due + 10));
    assert_eq!(g.next_due(), None);
}

#[test]
fn a_cancel_counts_up_to_the_last_nanosecond() {
    let mut g = gate(100, 10);
    let t = START;
    let (a, b) = (g.trigger(t, |_| {}).unwrap(), g.trigger(t + 1, |_| {}).unwrap());
    assert_eq!(g.cancel(a, 7, t + 99), CancelOutcome::Cancelled);
    assert_eq!(g.cancel(a, 7, t + 99), CancelOutcome::Cancelled);
    assert_eq!(g.cancel(b, 7, t + 101), CancelOutcome::TooLate);
    let seen = advance(&mut g, t + 200);
    assert_eq!(seen.iter().map(|p| p.rejected).collect::<Vec<_>>(), [false, true]);
    assert_eq!(g.cancel(a, 7, t + 200), CancelOutcome::TooLate);
    assert_eq!(g.cancel(b + 1, 7, t + 200), CancelOutcome::UnknownTag);
    assert_eq!(g.cancel(0, 7, t + 200), CancelOutcome::UnknownTag);
    assert_eq!(g.cancel(b, 6, t + 200), CancelOutcome::WrongEpoch);
    let wanted = Counters {
        triggers: 2,
        passed: 1,
        rejected: 1,
        cancelled: 1,
        late: 2,
        wrong_epoch: 1,
        unknown: 2,
        ..Counters::default()
    };
    assert_eq!(g.counters(), wanted);
    g.clear_counters();
    assert_eq!(g.counters(), Counters::default());
}

#[test]
fn a_full_table_holds_the_line_for_untracked_parts() {
    let mut g = gate(1000, 3);
    let t = START;
    for at in (0..DEPTH as u64).map(|i| t + 10 * i) {
        assert!(g.line_ready(at));
        let tag = g.trigger(at, |_| {}).unwrap();
        assert_eq!(g.cancel(tag, 7, at), CancelOutcome::Cancelled);
    }
    assert!(!g.line_ready(t + 400));
    assert_eq!((g.trigger(t + 400, |_| {}), g.trigger(t + 440, |_| {})), (None, None));
    assert_eq!(advance(&mut g, t + 1000).len(), 1);
    let tag = g.trigger(t + 1000, |_| {}).expect("a place is free again");
    assert_eq!(g.cancel(tag, 7, t + 1000), CancelOutcome::Cancelled);
    assert_eq!(advance(&mut g, t + 1399).len(), DEPTH - 1);
    assert!(!g.line_high(t + 1399));
    assert_eq!(g.next_due(), Some(t + 1400));
    advance(&mut g, t + 1400);
    assert!(g.line_high(t + 1400));
    assert_eq!(g.next_due(), Some(t + 1440));
    advance(&mut g, t + 1440);
    assert!(g.line_high(t + 1442) && !g.line_high(t + 1443));
    assert!(!advance(&mut g, t + 2000)[0].rejected);
    assert!(!g.line_high(t + 2000));
    assert_eq!((g.counters().overrun, g.counters().passed), (2, 33));
}

#[test]
fn a_reset_rejects_everything_in_flight_even_if_cancelled() {
    let mut g = gate(100, 10);
    let t = START;
    let [a, b, c] = [0, 50, 60].map(|at| g.trigger(t + at, |_| {}).unwrap());
    for tag in [a, b] {
        assert_eq!(g.cancel(tag, 7, t + 60), CancelOutcome::Cancelled);
    }
    let mut seen = Vec::new();
    g.reset(t + 120, |passage| seen.push((passage.tag, passage.rejected, passage.epoch)));
    assert_eq!(seen, [(a, false, 7), (b, true, 7), (c, true, 7)]);
    assert_eq!((g.epoch(), g.next_due(), g.pending().count()), (0, None, 0));
    // The line is high until there is an epoch again and the last part from before has gone by.
    assert!(g.line_high(t + 120) && g.line_high(t + 5000));
    for epoch in [0, 7, 8] {
        assert_eq!(g.cancel(c, epoch, t + 5000), CancelOutcome::WrongEpoch);
    }
    assert!(!g.begin_epoch(0, t + 5000), "0 is no epoch");
    assert!(g.begin_epoch(8, t + 5000) && !g.begin_epoch(9, t + 5001));
    assert_eq!(g.epoch(), 8);
    assert!(g.line_high(t + 5109) && !g.line_high(t + 5110));
    assert_eq!(g.cancel(c, 7, t + 5009), CancelOutcome::WrongEpoch);
    assert_eq!(g.cancel(c, 8, t + 5009), CancelOutcome::UnknownTag);
    assert_eq!(g.trigger(t + 5010, |_| {}), Some(a), "tags begin anew, the epoch tells them apart");
}

#[test]
fn a_gate_holds_the_line_until_it_has_an_epoch_a_delay_and_a_pulse() {
    type Step = fn(&mut Gate, u64);
    let steps: [Step; 3] = [
        |g, now| assert!(g.begin_epoch(7, now)),
        |g, now| g.configure(100, 0, now),
        |g, now| g.configure(0, 10, now),
    ];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let mut g = Gate::new();
        for (i, step) in order.into_iter().enumerate() {
            let now = 1000 * i as u64;
            assert!(!g.is_armed() && !g.line_ready(now) && g.line_high(now), "{order:?}");
            assert_eq!(g.trigger(now, |_| {}), None, "{order:?}");
            steps[step](&mut g, now);
        }
        assert!(g.is_armed());
        assert_eq!(g.counters(), Counters { unready: 3, ..Counters::default() });
        // A part that came just before is due 100 later and needs a pulse of 10.
        assert!(g.line_high(2109) && !g.line_high(2110), "{order:?}");
        assert!(!g.line_ready(2009) && g.line_ready(2010), "{order:?}");
    }
}

#[test]
fn parts_that_come_while_the_line_is_still_held_hold_it_longer() {
    let mut g = gate(100, 10);
    assert_eq!(g.trigger(5, |_| {}), None);
    assert!(g.line_high(114) && !g.line_high(115) && !g.line_ready(14));
    let tag = g.trigger(15, |_| {}).expect("past the one before");
    assert_eq!(g.cancel(tag, 7, 100), CancelOutcome::Cancelled);
    assert!(!advance(&mut g, 115)[0].rejected);
    assert!(!g.line_high(115), "the hold ends where the first part with a tag is due");
}

#[test]
fn settings_of_zero_are_not_taken() {
    let mut g = gate(100, 10);
    g.configure(0, 0, START);
    assert!(g.is_armed());
    g.trigger(START, |_| {}).unwrap();
    advance(&mut g, START + 100);
    assert!(g.line_high(START + 109) && !g.line_high(START + 110));
}

#[test]
fn parts_keep_their_order_when_the_delay_shrinks() {
    let mut g = gate(100, 10);
    let t = START;
    g.trigger(t, |_| {});
    g.configure(10, 5, t);
    g.trigger(t + 20, |_| {});
    assert_eq!(g.pending().map(|p| p.due).collect::<Vec<_>>(), [t + 100, t + 100]);
    advance(&mut g, t + 100);
    assert!(g.line_high(t + 104) && !g.line_high(t + 105));
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
    /// A part passes only if a cancel for it was accepted in its epoch, and then with the line low
    /// unless a part before it was rejected within a pulse; every tag has one passage; the line is
    /// high whenever a rejected part is due and when one without a tag is.
    #[test]
    fn is_safe_and_forgets_nobody(
        steps in prop::collection::vec(step(), 1..400), delay in 1u64..900, pulse in 1u64..20,
    ) {
        let mut g = gate(delay, pulse);
        let mut now = 0;
        let mut epoch = 7;
        // By epoch and tag.
        let (mut given, mut untracked_due) = (Vec::new(), Vec::new());
        let mut accepted = HashSet::new();
        let mut seen: Vec<Passage> = Vec::new();
        let (mut unsafe_until, mut untracked) = (0, 0);
        for step in steps.into_iter().chain([Step::Wait(2000)]) {
            match step {
                Step::Wait(ns) => {
                    let until = now + ns;
                    while now < until {
                        let due = untracked_due.iter().copied().filter(|due| *due > now);
                        let next = g.next_due().into_iter().chain(due).min();
                        now = next.map_or(until, |due| due.clamp(now, until));
                        let before = seen.len();
                        g.advance(now, |p| seen.push(p));
                        if untracked_due.contains(&now) {
                            prop_assert!(g.line_high(now), "an untracked part slipped through");
                            unsafe_until = now + pulse;
                        }
                        if seen[before..].iter().any(|p| p.rejected) {
                            unsafe_until = now + pulse;
                        }
                        for p in &seen[before..] {
                            prop_assert_eq!(p.due, now, "not exactly when due");
                            prop_assert!(!p.rejected || g.line_high(now));
                            let hit = !p.rejected && g.line_high(now) && now >= unsafe_until;
                            prop_assert!(!hit, "a part that passes meets the line: {:?}", p);
                        }
                        if next.is_none_or(|due| due > until) {
                            break;
                        }
                    }
                    now = until;
                }
                Step::Trigger => {
                    g.advance(now, |p| seen.push(p));
                    prop_assert_eq!(g.line_ready(now), g.clone().trigger(now, |_| {}).is_some());
                    match g.trigger(now, |_| {}) {
                        Some(tag) => given.push((epoch, tag)),
                        None => {
                            untracked += 1;
                            untracked_due.push(now + delay);
                        }
                    }
                }
                Step::Cancel(back, off) => {
                    let newest = given.last().map_or(0, |(_, tag)| *tag);
                    let (tag, named) = (newest.wrapping_sub(back), epoch - off);
                    if g.cancel(tag, named, now) == CancelOutcome::Cancelled {
                        prop_assert_eq!(named, epoch);
                        accepted.insert((epoch, tag));
                    }
                }
                Step::Reset => {
                    let due: Vec<_> = g.pending().filter(|p| p.due > now).map(|p| p.due).collect();
                    untracked_due.extend(due);
                    g.reset(now, |p| seen.push(p));
                    prop_assert!(g.line_high(now));
                    accepted.retain(|of| seen.iter().any(|p| (p.epoch, p.tag) == *of && !p.rejected));
                    epoch += 1;
                    prop_assert!(g.begin_epoch(epoch, now));
                }
            }
        }
        g.advance(u64::MAX, |p| seen.push(p));
        prop_assert_eq!(seen.iter().map(|p| (p.epoch, p.tag)).collect::<Vec<_>>(), given.clone());
        for p in &seen {
            prop_assert_eq!(!p.rejected, accepted.contains(&(p.epoch, p.tag)), "{:?}", p);
        }
        let c = g.counters();
        prop_assert_eq!(c.passed + c.rejected, given.len() as u32);
        prop_assert_eq!((c.overrun + c.unready) as usize, untracked);
        prop_assert_eq!(g.next_due(), None);
    }
}
