//! The gate in counts of the encoder: belts that stand, go back, jitter, and lose their encoder.

use proptest::prelude::*;
use std::collections::HashSet;
use tandem_model::gate::*;

const PULSE: u64 = 50;

/// Armed at time 0 in epoch 7, and past the parts from before it was.
fn gate(delay: u64) -> Gate {
    let mut g = Gate::new();
    assert!(g.set_unit(Unit::Counts));
    g.configure(delay, PULSE, 0);
    assert!(g.begin_epoch(7, 0));
    go(&mut g, delay as i64, PULSE);
    g.advance(3 * PULSE, |_| {});
    assert!(g.line_ready(3 * PULSE) && !g.line_high(3 * PULSE));
    g
}

/// The belt moves at `now`; what passed.
fn go(g: &mut Gate, counts: i64, now: u64) -> Vec<(u32, bool)> {
    let step = if counts < 0 { Step::Backward } else { Step::Forward };
    let mut seen = Vec::new();
    for _ in 0..counts.unsigned_abs() {
        g.turn(step, now, |p| seen.push((p.tag, p.rejected)));
    }
    seen
}

fn trigger(g: &mut Gate, now: u64) -> Option<u32> {
    g.trigger(now, |p| panic!("{p:?}"))
}

#[test]
fn a_part_is_rejected_at_its_count_however_long_that_takes() {
    let mut g = gate(100);
    let tag = trigger(&mut g, 1_000).unwrap();
    let part = g.pending().next().unwrap();
    assert_eq!((part.triggered, part.position), (1_000, FIRST_POSITION + 100));
    assert_eq!(part.due, FIRST_POSITION + 200);
    assert_eq!(go(&mut g, 99, 2_000), []);
    g.advance(1 << 50, |p| panic!("the belt stands: {p:?}"));
    assert!(!g.line_high(1 << 50) && g.line_ready(1 << 50));
    let now = (1 << 50) + 1;
    assert_eq!(go(&mut g, 1, now), [(tag, true)]);
    assert!(g.line_high(now + PULSE - 1) && !g.line_high(now + PULSE));
}

#[test]
fn a_belt_that_jitters_back_over_a_part_rejects_it_once() {
    let mut g = gate(10);
    let (bad, good) = (trigger(&mut g, 1_000).unwrap(), {
        go(&mut g, 2, 1_000);
        trigger(&mut g, 1_000).unwrap()
    });
    assert_eq!(g.cancel(good, 7, 1_000), CancelOutcome::Cancelled);
    assert_eq!(go(&mut g, -300, 1_100), []);
    assert_eq!(go(&mut g, 307, 1_200), []);
    assert_eq!(go(&mut g, 1, 1_300), [(bad, true)]);
    for now in 1_400..1_420 {
        assert_eq!(go(&mut g, -1, now), []);
        assert_eq!(go(&mut g, 1, now), []);
    }
    assert!(!g.line_high(1_420));
    assert_eq!(go(&mut g, 2, 1_500), [(good, false)]);
    assert!(!g.line_high(1_500));
    assert_eq!(g.cancel(good, 7, 1_500), CancelOutcome::TooLate);
    assert_eq!(g.counters().doubts, 0);
}

#[test]
fn arming_holds_the_line_for_the_belt_and_not_for_the_time() {
    let mut g = Gate::new();
    g.set_unit(Unit::Counts);
    g.configure(100, PULSE, 0);
    g.begin_epoch(7, 0);
    assert!(!g.line_ready(PULSE - 1) && g.line_ready(PULSE), "the next tag is a pulse away");
    go(&mut g, 99, 1_000);
    assert!(g.line_high(1 << 40), "somebody may still be ahead of the ejector");
    go(&mut g, 1, 1 << 41);
    assert!(g.line_high((1 << 41) + PULSE - 1) && !g.line_high((1 << 41) + PULSE));
}

#[test]
fn a_slip_rejects_what_is_pending_and_holds_the_line() {
    let mut g = gate(100);
    let (a, b) = (trigger(&mut g, 1_000).unwrap(), {
        go(&mut g, 30, 1_000);
        trigger(&mut g, 1_000).unwrap()
    });
    assert_eq!(g.cancel(a, 7, 1_000), CancelOutcome::Cancelled);
    let mut seen = Vec::new();
    g.turn(Step::Slip, 1_100, |p| seen.push((p.tag, p.rejected)));
    assert_eq!(seen, [(a, true), (b, true)]);
    assert_eq!(g.cancel(b, 7, 1_100), CancelOutcome::TooLate);
    assert!(g.line_high(1_100) && !g.line_ready(1_100) && g.line_ready(1_100 + PULSE));
    go(&mut g, 20, 1_200);
    let next = trigger(&mut g, 1_200).expect("tags go on");
    assert_eq!(g.cancel(next, 7, 1_200), CancelOutcome::Cancelled);
    go(&mut g, 79, 1_300);
    assert!(g.line_high(1 << 40));
    go(&mut g, 1, 1 << 40);
    assert!(!g.line_high((1 << 40) + PULSE));
    assert_eq!(go(&mut g, 20, (1 << 40) + PULSE), [(next, false)]);
    assert_eq!((g.counters().slips, g.counters().doubts), (1, 1));
    // With nobody under way a slip changes nothing.
    g.turn(Step::Slip, 1 << 41, |p| panic!("{p:?}"));
    assert!(!g.line_high(1 << 41) && g.line_ready(1 << 41));
    assert_eq!((g.counters().slips, g.counters().doubts), (2, 1));
}

#[test]
fn a_lost_encoder_gives_up_its_parts_and_stops_the_line() {
    let mut g = gate(100);
    g.watch_encoder(500);
    assert_eq!(g.next_due(), None, "nobody is pending");
    let tag = trigger(&mut g, 1_000).unwrap();
    assert_eq!(g.cancel(tag, 7, 1_000), CancelOutcome::Cancelled);
    go(&mut g, 1, 1_100);
    // One input that toggles alone is no belt that comes on.
    for now in 1_200..1_210 {
        go(&mut g, -1, now);
        go(&mut g, 1, now);
    }
    assert_eq!(g.next_due(), Some(1_600));
    g.advance(1_599, |p| panic!("{p:?}"));
    assert!(!g.encoder_lost() && g.line_ready(1_599));
    let mut seen = Vec::new();
    g.advance(1_600, |p| seen.push((p.tag, p.rejected)));
    assert_eq!(seen, [(tag, true)]);
    assert!(g.encoder_lost() && g.line_high(1 << 40) && !g.line_ready(1 << 40));
    assert_eq!(trigger(&mut g, 2_000), None);
    go(&mut g, -3, 3_000);
    go(&mut g, 3, 3_000);
    assert!(g.encoder_lost());
    go(&mut g, 1, 3_000);
    assert!(!g.encoder_lost() && g.line_ready(3_000) && g.line_high(1 << 40));
    go(&mut g, 99, 3_100);
    assert!(!g.line_high(3_100 + PULSE));
    assert_eq!((g.counters().unready, g.counters().doubts), (1, 1));
}

#[test]
fn a_part_ahead_of_the_one_before_it_puts_both_in_doubt() {
    let mut g = gate(100);
    let tag = trigger(&mut g, 1_000).unwrap();
    go(&mut g, -1, 1_000);
    let mut seen = Vec::new();
    assert_eq!(g.trigger(1_100, |p| seen.push((p.tag, p.rejected))), None);
    assert_eq!(seen, [(tag, true)]);
    go(&mut g, 100, 1_200);
    assert!(g.line_high(1 << 40));
    go(&mut g, 1, 1 << 40);
    assert!(!g.line_high((1 << 40) + PULSE));
    // Nobody is under way: the belt may be run back as far as one likes.
    go(&mut g, -10_000, 1 << 41);
    assert!(trigger(&mut g, 1 << 41).is_some());
    assert_eq!(go(&mut g, 99, 1 << 42), []);
    assert_eq!(go(&mut g, 1, 1 << 42).len(), 1);
}

#[test]
fn the_unit_changes_only_without_an_epoch_and_takes_the_delay_along() {
    let mut g = gate(100);
    assert!(!g.set_unit(Unit::Nanoseconds));
    g.reset(1_000, |_| {});
    assert!(g.set_unit(Unit::Counts) && g.begin_epoch(8, 1_000) && g.is_armed());
    g.reset(1_100, |_| {});
    assert!(g.set_unit(Unit::Nanoseconds) && g.begin_epoch(9, 1_200));
    assert!(!g.is_armed() && g.line_high(1_200), "100 counts are not 100 ns");
    g.configure(100, 0, 1_300);
    assert!(g.is_armed());
    g.advance(1_300 + 100 + PULSE, |_| {});
    assert!(!g.line_high(1_300 + 100 + PULSE));
}

#[derive(Clone, Debug)]
enum Act {
    Move(i64),
    Wait(u64),
    Trigger,
    Cancel(u32),
    Slip,
    Reset,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        8 => (1i64..40).prop_map(Act::Move),
        2 => (1i64..20).prop_map(|back| Act::Move(-back)),
        3 => (1u64..200).prop_map(Act::Wait),
        8 => Just(Act::Trigger),
        6 => (0u32..12).prop_map(Act::Cancel),
        1 => (0u32..40).prop_map(|n| if n == 0 { Act::Slip } else { Act::Move(1) }),
        1 => (0u32..40).prop_map(|n| if n == 0 { Act::Reset } else { Act::Move(-1) }),
    ]
}

/// A part on the belt.
#[derive(Clone, Debug)]
struct OnBelt {
    tag: Option<(u32, u32)>,
    ejector: u64,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever the belt does: whoever comes to the ejector for the first time meets a raised line
    /// unless a cancel of it was accepted; every tag has one passage; the gate says the truth.
    #[test]
    fn no_part_passes_that_was_not_cancelled(
        acts in prop::collection::vec(act(), 1..500), delay in 1u64..300, limit in 0u64..1500,
    ) {
        let mut g = gate(delay);
        g.watch_encoder(if limit < 100 { 0 } else { limit });
        let (mut now, mut epoch) = (1_000, 7);
        let mut belt: Vec<OnBelt> = Vec::new();
        let (mut given, mut accepted) = (Vec::new(), HashSet::new());
        let mut seen: Vec<Passage> = Vec::new();
        for act in acts.into_iter().chain([Act::Move(800)]) {
            let acted = act.clone();
            match act {
                Act::Move(counts) => {
                    let step = if counts < 0 { Step::Backward } else { Step::Forward };
                    for _ in 0..counts.unsigned_abs() {
                        now += 3;
                        g.advance(now, |p| seen.push(p));
                        let before = seen.len();
                        g.turn(step, now, |p| seen.push(p));
                        let here = g.position();
                        let (there, on): (Vec<_>, Vec<_>) =
                            belt.drain(..).partition(|part| part.ejector <= here);
                        belt = on;
                        for part in there {
                            let passes = part.tag.is_some_and(|tag| accepted.contains(&tag));
                            prop_assert!(passes || g.line_high(now), "{:?} slipped through", part);
                        }
                        for p in &seen[before..] {
                            prop_assert_eq!(p.due, here);
                        }
                    }
                }
                Act::Wait(ns) => {
                    now += ns;
                    g.advance(now, |p| seen.push(p));
                }
                Act::Trigger => {
                    let ready = g.line_ready(now);
                    let tag = g.trigger(now, |p| seen.push(p)).map(|tag| (epoch, tag));
                    prop_assert!(ready || tag.is_none());
                    given.extend(tag);
                    belt.push(OnBelt { tag, ejector: g.position() + delay });
                }
                Act::Cancel(back) => {
                    let newest = given.last().map_or(0, |(_, tag)| *tag);
                    let tag = newest.wrapping_sub(back);
                    if g.cancel(tag, epoch, now) == CancelOutcome::Cancelled {
                        accepted.insert((epoch, tag));
                    }
                }
                Act::Slip => g.turn(Step::Slip, now, |p| seen.push(p)),
                Act::Reset => {
                    g.reset(now, |p| seen.push(p));
                    epoch += 1;
                    prop_assert!(g.begin_epoch(epoch, now));
                }
            }
            // What was given up is nobody's good part any more, whatever had been said of it.
            if !matches!(acted, Act::Move(_)) || g.encoder_lost() {
                accepted.retain(|of| !seen.iter().any(|p| (p.epoch, p.tag) == *of && p.rejected));
            }
        }
        let passages: Vec<_> = seen.iter().map(|p| (p.epoch, p.tag)).collect();
        let ends = passages.iter().copied().collect::<HashSet<_>>().len();
        prop_assert_eq!(ends, passages.len(), "twice");
        let pending: Vec<_> = g.pending().map(|p| (epoch, p.tag)).collect();
        prop_assert_eq!([passages, pending].concat(), given.clone());
        for p in seen.iter().filter(|p| !p.rejected) {
            prop_assert!(accepted.contains(&(p.epoch, p.tag)));
        }
    }
}
