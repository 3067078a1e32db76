//! Parts on the virtual line: trigger, image, verdict, and a gate that rejects whatever no good
//! verdict came for in time. Lockstep runs are exact; one run is on threads.

use tandem_agent::agent::AgentConfig;
use tandem_agent::api::Outcome;
use tandem_agent::counters::Flow;
use tandem_agent::dataplane::Trigger;
use tandem_agent::job::{Answer, GateTag, UnknownCode};
use tandem_agent::ticket::Ticket;
use tandem_model::gate::Passage;
use tandem_tests::MS;
use tandem_tests::lockstep::World;
use tandem_tests::picture::{Expected, Picture};
use tandem_tests::small::{self, Small};
use tandem_tests::threaded::{Site, patient};

/// Trigger to reject pulse, and its length.
const DELAY: u64 = 200 * MS;
const PULSE: u64 = 5 * MS;
const LEAST: f32 = 0.5;

/// A line with parts of both kinds in front of it.
struct Line {
    world: World,
    good: (Picture, Expected),
    bad: (Picture, Expected),
}

fn of_outcome(outcome: Outcome) -> (Picture, Expected) {
    let pictures = small::pictures(&small::policy(LEAST), 6);
    let found = pictures.into_iter().find(|(_, expected)| expected.record.outcome == outcome);
    found.unwrap_or_else(|| panic!("none of the pictures is a {outcome:?}"))
}

impl Line {
    fn new(what: &str) -> Self {
        let mut world = World::up(what, 1, small::policy(LEAST), Some((DELAY, PULSE)));
        world.until("the line is ready", |world| world.line().ready());
        Self { world, good: of_outcome(Outcome::Pass), bad: of_outcome(Outcome::Fail) }
    }

    /// A part passes the sensor, and the agent hears of it.
    fn trigger(&mut self) -> Trigger {
        let tag = self.world.line().trigger().expect("room for a part");
        let mut trigger = None;
        self.world.until("the trigger", |world| {
            trigger = world.agent.try_next_trigger();
            trigger.is_some()
        });
        let trigger = trigger.expect("was waited for");
        assert_eq!(trigger.tag.tag, tag);
        assert_eq!(trigger.due - trigger.at, DELAY);
        trigger
    }

    fn submit(&self, good: bool, tag: GateTag, deadline: Option<u64>) -> Ticket<Box<Answer>> {
        let (picture, _) = if good { &self.good } else { &self.bad };
        let slot = self.world.slot();
        self.world.submit(picture.of_part(&self.world.agent, slot, tag, deadline))
    }

    fn inspect(&mut self, good: bool, tag: GateTag) -> Answer {
        let ticket = self.submit(good, tag, None);
        let answer = self.world.answer(ticket);
        let (_, expected) = if good { &self.good } else { &self.bad };
        expected.assert_is(&answer, "a part");
        answer
    }

    /// What the gate did with every part that is due by now, and a little later.
    fn passages(&mut self) -> Vec<Passage> {
        self.world.until_time(self.world.board.now() + DELAY + 10 * MS);
        self.world.line().drain_passages()
    }

    /// `(tag, rejected)` of each.
    fn fates(&mut self) -> Vec<(u32, bool)> {
        self.passages().iter().map(|passage| (passage.tag, passage.rejected)).collect()
    }

    fn cancels(&self) -> u64 {
        self.world.agent.counters().flows(Flow::GateCancelSent)
    }
}

#[test]
fn good_parts_pass_and_bad_parts_are_rejected() {
    let mut line = Line::new("good and bad");
    let mut expected = Vec::new();
    for good in [true, false, false, true, true] {
        let trigger = line.trigger();
        line.inspect(good, trigger.tag);
        expected.push((trigger.tag.tag, !good));
    }
    assert_eq!(line.fates(), expected);
    assert_eq!(line.cancels(), 3);
    assert_eq!(line.world.agent.counters().flows(Flow::GateTriggered), 5);
    assert!(line.world.incidents().is_empty(), "{:?}", line.world.incidents());
    line.world.assert_all_free();
}

#[test]
fn a_part_without_an_image_is_rejected() {
    let mut line = Line::new("no image");
    let trigger = line.trigger();
    assert_eq!(line.fates(), [(trigger.tag.tag, true)]);
    assert_eq!(line.cancels(), 0);
}

#[test]
fn a_frozen_r5_rejects_everything_and_what_it_returns_to_is_sorted_again() {
    let mut line = Line::new("frozen");
    let seen = line.trigger();
    line.world.faults().freeze_core(true);
    // One part whose trigger was told, with a good verdict that finds nobody to cancel the reject,
    // and parts that nobody hears of at all.
    let unseen: Vec<_> = (0..3).map(|_| line.world.line().trigger().expect("room")).collect();
    line.inspect(true, seen.tag);
    let fates = line.fates();
    assert_eq!(fates.len(), 4, "{fates:?}");
    assert!(fates.iter().all(|(_, rejected)| *rejected), "{fates:?}, {unseen:?}");
    assert_eq!(line.world.incidents().into_iter().collect::<Vec<_>>(), [("r5_frozen", 1)]);
    line.world.until_up();
    while line.world.agent.try_next_trigger().is_some() {}
    let trigger = line.trigger();
    line.inspect(true, trigger.tag);
    assert_eq!(line.fates(), [(trigger.tag.tag, false)]);
    line.world.assert_all_free();
}

#[test]
fn a_verdict_past_its_deadline_is_rejected_and_counted() {
    let mut line = Line::new("late");
    let trigger = line.trigger();
    line.world.engine_runs = false;
    let ticket = line.submit(true, trigger.tag, Some(trigger.due));
    let answer = line.world.answer(ticket);
    assert_eq!((answer.code, answer.deadline_met), (Some(UnknownCode::Late), false));
    assert_eq!(line.fates(), [(trigger.tag.tag, true)]);
    assert_eq!(line.world.incidents().into_iter().collect::<Vec<_>>(), [("late", 1)]);
    assert_eq!(line.cancels(), 0);
    line.world.engine_runs = true;
    line.world.assert_all_free();
}

#[test]
fn a_good_verdict_behind_the_part_changes_nothing() {
    let mut line = Line::new("behind");
    let trigger = line.trigger();
    line.world.engine_runs = false;
    // Its own deadline is later than the gate's.
    let ticket = line.submit(true, trigger.tag, None);
    assert_eq!(line.fates(), [(trigger.tag.tag, true)]);
    line.world.engine_runs = true;
    let answer = line.world.answer(ticket);
    assert_eq!(answer.record.outcome, Outcome::Pass);
    assert_eq!(line.cancels(), 1, "the cancel went out, and was too late");
    assert_eq!(line.fates(), [], "no part passes twice");
    // The next part is not let through by it.
    let next = line.trigger();
    assert_eq!(line.fates(), [(next.tag.tag, true)]);
}

#[test]
fn a_cancel_of_another_epoch_or_tag_hits_nothing() {
    let mut line = Line::new("stale");
    let trigger = line.trigger();
    let GateTag { tag, epoch } = trigger.tag;
    for stale in [
        GateTag { tag, epoch: epoch.wrapping_sub(1) },
        GateTag { tag, epoch: epoch.wrapping_add(1) },
        GateTag { tag: tag.wrapping_add(1), epoch },
        GateTag { tag: tag.wrapping_sub(1), epoch },
    ] {
        line.inspect(true, stale);
    }
    assert_eq!(line.cancels(), 4);
    assert_eq!(line.fates(), [(tag, true)]);
}

#[test]
fn a_restart_keeps_the_parts_under_way_apart() {
    let mut line = Line::new("restart");
    let before = line.trigger();
    assert!(line.world.agent.restart_core());
    line.world.until("the restart", |world| world.agent.counters().flows(Flow::R5Epochs) == 2);
    line.world.until_up();
    line.world.until_time(line.world.board.now() + 10 * MS);
    let after = line.trigger();
    assert!(line.world.board.now() < before.due, "the restart outlasted the part");
    line.inspect(true, before.tag);
    let fates = line.fates();
    // A restart of the R5 does not reset the gate: tags stay unique, and each verdict is its own
    // part's alone.
    assert_eq!(after.tag.epoch, before.tag.epoch);
    assert_eq!(fates, [(before.tag.tag, false), (after.tag.tag, true)]);
    assert_eq!(line.cancels(), 1);
}

#[test]
fn parts_are_sorted_on_threads_too() {
    let mut config: AgentConfig = patient();
    // A busy test machine has this long for three verdicts.
    config.gate = Some((5_000 * MS, PULSE));
    let site = Site::start(config, small::policy(LEAST), Box::new(Small));
    let line = site.agent.line().expect("a virtual board has a line");
    site.until("the line is ready", |_| line.ready());
    let parts = [Outcome::Pass, Outcome::Fail, Outcome::Pass].map(|outcome| {
        let tag = line.trigger().expect("room for a part");
        (tag, outcome)
    });
    for (tag, outcome) in parts {
        let mut trigger = None;
        site.until("the trigger", |site| {
            trigger = site.agent.try_next_trigger();
            trigger.is_some()
        });
        let trigger = trigger.expect("was waited for");
        assert_eq!(trigger.tag.tag, tag);
        let (picture, expected) = of_outcome(outcome);
        let deadline = Some(trigger.due);
        let frame = picture.of_part(&site.agent, site.slot(), trigger.tag, deadline);
        expected.assert_is(&site.answer(site.agent.submit(frame).unwrap()), "on threads");
    }
    let mut passages = Vec::new();
    site.until("three passages", |_| {
        passages.extend(line.drain_passages());
        passages.len() == 3
    });
    for ((tag, outcome), passage) in parts.iter().zip(&passages) {
        let good = *outcome == Outcome::Pass;
        assert_eq!((passage.tag, passage.rejected), (*tag, !good), "{passages:?}");
    }
    site.assert_all_free();
}
