//! The plan of one engine: the sequence of what it has promised, and the check of the promises.
//!
//! A plan is a sequence of groups, each a batch of jobs of one model. It is a certificate: walked
//! from the engine's next free instant with the measured costs, every group ends by the earliest
//! due time of its members. [`walk`] is that check, and every change of a plan passes it before
//! the change is made.
//!
//! Two things happen to a plan without a check, and neither can break it:
//! - **It begins earlier than it was checked for.** Each start is the sum of the intervals before it
//!   and the first start, so every end moves to the same or an earlier instant.
//! - **A job leaves** (cancelled, displaced, given up). Its group gets smaller or goes. Costs never
//!   fall with the batch ([`Curve`]), so no interval and no latency in the sum grows.
//!
//! There is one sequence an engine and no job waits for another engine, so Graham's anomalies (all
//! runs get shorter, the schedule gets longer) have nothing to work on.

use std::cmp::Reverse;

use crate::cost::{Curve, Nanos};

/// A job that waits in a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// By when it is planned to end: its deadline less the policy's slack.
    pub due: Nanos,
    /// What its stream had used when it came; among equals the stream that used less is first.
    pub turn: u64,
    /// Number of its admission.
    pub seq: u64,
    /// Index of its job.
    pub job: u32,
    /// Model, by number.
    pub model: u16,
    /// Priority.
    pub priority: u8,
    /// The first of its group.
    pub leads: bool,
}

impl Entry {
    /// Where there is no newcomer.
    pub const NOBODY: Entry =
        Entry { due: 0, turn: 0, seq: 0, job: 0, model: 0, priority: 0, leads: false };

    /// The higher priority first, in it the earliest due time, then the stream that used less.
    fn key(&self) -> (Reverse<u8>, Nanos, u64, u64) {
        (Reverse(self.priority), self.due, self.turn, self.seq)
    }
}

/// A change that is tried.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Edit {
    /// None: the plan as it is.
    Keep,
    /// The newcomer as a group of its own, before the entry at this index.
    Alone(usize),
    /// The newcomer joins the group that begins at this index.
    Join(usize),
}

/// A plan that holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Walked {
    /// When the engine is free of it.
    pub end: Nanos,
    /// When the newcomer ends.
    pub finish: Nanos,
    /// By how much the tightest group keeps its promise.
    pub slack: Nanos,
}

/// A promise that would be broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Miss {
    /// Index behind the group's last entry.
    pub behind: usize,
    /// The newcomer is in that group.
    pub newcomer: bool,
    /// When the group would end.
    pub finish: Nanos,
    /// When it has to.
    pub due: Nanos,
}

/// What is held against the promises.
#[derive(Clone, Copy)]
pub(crate) struct Terms<'a> {
    /// Costs by model; a model in the plan has them.
    pub costs: &'a [Option<Curve>],
    /// First start.
    pub base: Nanos,
    /// Groups before this index may use up the policy's slack: nothing that is tried delays them.
    pub firm_from: usize,
    /// The policy's slack.
    pub grace: Nanos,
    /// Groups count as at least this large, by model: room for jobs that will join them.
    pub reserve: Option<&'a [u8]>,
}

impl Terms<'_> {
    fn counted(&self, model: u16, size: usize) -> usize {
        self.reserve.map_or(size, |reserve| size.max(reserve[usize::from(model)].into()))
    }
}

/// Checks a plan with a change.
pub(crate) fn walk(
    plan: &[Entry],
    terms: &Terms<'_>,
    newcomer: &Entry,
    edit: Edit,
) -> Result<Walked, Miss> {
    let mut at = terms.base;
    let mut out = Walked { end: at, finish: at, slack: Nanos::MAX };
    let mut group =
        |index: usize, behind: usize, size: usize, model: u16, due: Nanos, new: bool| {
            let cost = terms.costs[usize::from(model)]
                .as_ref()
                .map(|curve| curve.cost(terms.counted(model, size)));
            let Some(cost) = cost else { unreachable!("a model in a plan has costs") };
            let finish = at.saturating_add(cost.latency);
            let due = if index < terms.firm_from { due.saturating_add(terms.grace) } else { due };
            if finish > due {
                return Err(Miss { behind, newcomer: new, finish, due });
            }
            at = at.saturating_add(cost.interval);
            out.end = at;
            out.slack = out.slack.min(due - finish);
            if new {
                out.finish = finish;
            }
            Ok(())
        };
    let mut index = 0;
    while index < plan.len() {
        if matches!(edit, Edit::Alone(before) if before == index) {
            group(index, index, 1, newcomer.model, newcomer.due, true)?;
        }
        let behind = group_end(plan, index);
        let members = &plan[index..behind];
        let mut due = members.iter().fold(Nanos::MAX, |due, entry| due.min(entry.due));
        let joined = matches!(edit, Edit::Join(leader) if leader == index);
        if joined {
            due = due.min(newcomer.due);
        }
        let size = members.len() + usize::from(joined);
        group(index, behind, size, members[0].model, due, joined)?;
        index = behind;
    }
    if matches!(edit, Edit::Alone(before) if before == index) {
        group(index, index, 1, newcomer.model, newcomer.due, true)?;
    }
    Ok(out)
}

/// Index behind the group that begins at `index`.
pub(crate) fn group_end(plan: &[Entry], index: usize) -> usize {
    plan[index + 1..].iter().position(|entry| entry.leads).map_or(plan.len(), |n| index + 1 + n)
}

/// The leader's index of the group that the entry at `index` is in.
pub(crate) fn group_start(plan: &[Entry], index: usize) -> usize {
    plan[..=index].iter().rposition(|entry| entry.leads).unwrap_or(0)
}

/// The first group behind every job of a higher priority: from here on the newcomer delays none of
/// them, so that they are as well off as if lower priorities never came, but for a run.
pub(crate) fn floor(plan: &[Entry], newcomer: &Entry) -> usize {
    let higher = plan.iter().rposition(|entry| entry.priority > newcomer.priority);
    higher.map_or(0, |last| group_end(plan, last))
}

/// Where a group of the newcomer alone goes: before the first group from `floor` on that comes
/// later.
pub(crate) fn position(plan: &[Entry], newcomer: &Entry, floor: usize) -> usize {
    let later = |entry: &Entry| entry.leads && entry.key() > newcomer.key();
    plan[floor..].iter().position(later).map_or(plan.len(), |at| floor + at)
}

/// The groups nearest to `at`, one on each side from `floor` on, that the newcomer may join.
pub(crate) fn joinable(
    plan: &[Entry],
    model: u16,
    largest: usize,
    at: usize,
    floor: usize,
) -> [Option<usize>; 2] {
    let has_room = |index: &usize| {
        let entry = &plan[*index];
        entry.leads && entry.model == model && group_end(plan, *index) - index < largest
    };
    [(floor..at).rev().find(has_room), (at..plan.len()).find(has_room)]
}

/// Makes a change that was checked.
pub(crate) fn apply(plan: &mut Vec<Entry>, newcomer: Entry, edit: Edit) {
    match edit {
        Edit::Keep => {}
        Edit::Alone(before) => plan.insert(before, Entry { leads: true, ..newcomer }),
        Edit::Join(leader) => {
            let behind = group_end(plan, leader);
            plan.insert(behind, Entry { leads: false, ..newcomer });
        }
    }
}

/// Longest plan that is packed anew: packing looks through the plan once for each group.
const PACKED: usize = 256;
/// Marks an entry of a list that is in a group already.
const TAKEN: u32 = u32::MAX;

/// Packs all jobs of `list` anew: in order, each first one with as many of its model and priority
/// behind it as its own due time allows. The result is no better than its [`walk`] says.
pub(crate) fn pack(list: &mut [Entry], into: &mut Vec<Entry>, terms: &Terms<'_>) -> bool {
    if list.len() > PACKED {
        return false;
    }
    list.sort_unstable_by_key(Entry::key);
    into.clear();
    let mut at = terms.base;
    for first in 0..list.len() {
        if list[first].job == TAKEN {
            continue;
        }
        let leader = Entry { leads: true, ..list[first] };
        let Some(curve) = &terms.costs[usize::from(leader.model)] else { return false };
        into.push(leader);
        let mut size = 1;
        for other in &mut list[first + 1..] {
            let larger = terms.counted(leader.model, size + 1);
            let fits = size < curve.largest()
                && at.saturating_add(curve.cost(larger).latency) <= leader.due;
            if !fits {
                break;
            }
            let alike = (other.model, other.priority) == (leader.model, leader.priority);
            if alike && other.job != TAKEN {
                into.push(Entry { leads: false, ..*other });
                other.job = TAKEN;
                size += 1;
            }
        }
        at = at.saturating_add(curve.cost(terms.counted(leader.model, size)).interval);
    }
    true
}

/// Takes an entry out; the next of its group leads then.
pub(crate) fn remove(plan: &mut Vec<Entry>, index: usize) -> Entry {
    let entry = plan.remove(index);
    if entry.leads
        && let Some(next) = plan.get_mut(index)
    {
        next.leads = true;
    }
    entry
}
