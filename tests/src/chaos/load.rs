//! Load: jobs with deadlines, parts, and the answers that they must have.

use tandem_agent::api::Outcome;
use tandem_agent::job::{Answer, UnknownCode};
use tandem_agent::ticket::Ticket;
use tandem_link::board::Board;

use super::Chaos;
use crate::belt::Belt;
use crate::dice::Dice;
use crate::lockstep::World;
use crate::moody::Mood;
use crate::trace::Trace;

/// A job that waits for its answer.
pub struct Waiting {
    ticket: Ticket<Box<Answer>>,
    picture: usize,
    policy: usize,
    deadline: Option<u64>,
    part: Option<usize>,
}

/// Agent and board under load, and the books.
pub struct Site<'a> {
    pub chaos: &'a Chaos,
    pub world: World,
    pub dice: Dice,
    pub belt: Belt,
    pub mood: Mood,
    pub trace: Trace,
    pub waiting: Vec<Waiting>,
    /// Recipe in force.
    pub policy: usize,
    /// Jobs submitted, and those of which nobody waits for the answer any more.
    pub jobs: u64,
    pub forgotten: u64,
    /// Answers past their deadline, by the mark of a job.
    pub late: u64,
    pub engine_failed: u64,
    pub engine_moods: u64,
    /// Answers of jobs whose data a DMA may have written over.
    pub in_doubt: u64,
    /// Say on stderr what happens.
    pub aloud: bool,
    log: Vec<u8>,
}

impl<'a> Site<'a> {
    pub fn new(chaos: &'a Chaos, world: World, dice: Dice, mood: Mood) -> Self {
        Self {
            chaos,
            world,
            dice,
            belt: Belt::default(),
            mood,
            trace: Trace::default(),
            waiting: Vec::new(),
            policy: 0,
            jobs: 0,
            forgotten: 0,
            late: 0,
            engine_failed: 0,
            engine_moods: 0,
            in_doubt: 0,
            aloud: false,
            log: Vec::new(),
        }
    }

    /// Submits a picture, if a frame slot is free. `deadline` is from now.
    pub fn submit(&mut self, picture: usize, deadline: Option<u64>) -> bool {
        let Some(slot) = self.world.agent.try_reserve_frame() else { return false };
        let (of, _) = &self.chaos.pictures[picture];
        let mut frame = of.into_slot(&self.world.agent, slot);
        frame.deadline = deadline.map(|within| self.world.board.now() + within);
        let (policy, deadline) = (self.policy, frame.deadline);
        let ticket = self.world.submit(frame);
        self.waiting.push(Waiting { ticket, picture, policy, deadline, part: None });
        self.jobs += 1;
        true
    }

    /// A random picture.
    pub fn picture(&mut self) -> usize {
        self.dice.index(self.chaos.pictures.len())
    }

    /// Nobody waits for this answer any more.
    pub fn forget(&mut self) {
        let of_no_part = |waiting: &Waiting| waiting.part.is_none();
        if let Some(i) = self.waiting.iter().position(of_no_part) {
            self.waiting.remove(i);
            self.forgotten += 1;
        }
    }

    /// The other recipe.
    pub fn switch_policy(&mut self) {
        self.policy ^= 1;
        let policy = self.chaos.policies[self.policy].clone();
        self.world.agent.swap_policy(policy).expect("a recipe of the same model");
    }

    /// A part passes the sensor.
    pub fn part(&mut self) {
        let picture = self.picture();
        // Under the recipe in force when its image is submitted: good if it passes under both.
        let (_, expected) = &self.chaos.pictures[picture];
        let good = expected.iter().all(|expected| expected.record.outcome == Outcome::Pass);
        self.belt.feed(&self.world, picture, good);
    }

    /// The images of parts that the agent was told of.
    fn photograph(&mut self) {
        while let Some((i, trigger)) = self.belt.told(&self.world) {
            let Some(slot) = self.world.agent.try_reserve_frame() else { continue };
            let picture = self.belt.parts[i].picture;
            let (of, expected) = &self.chaos.pictures[picture];
            // A part that is bad under the recipe in force only must not be called bad.
            self.belt.parts[i].good = expected[self.policy].record.outcome == Outcome::Pass;
            let deadline = Some(trigger.due);
            let frame = of.of_part(&self.world.agent, slot, trigger.tag, deadline);
            let ticket = self.world.submit(frame);
            let (policy, part) = (self.policy, Some(i));
            self.waiting.push(Waiting { ticket, picture, policy, deadline, part });
            self.belt.parts[i].seen = true;
            self.jobs += 1;
        }
    }

    /// Takes the answers that are there.
    fn collect(&mut self) {
        for Waiting { ticket, picture, policy, deadline, part } in std::mem::take(&mut self.waiting)
        {
            match ticket.try_take() {
                Err(ticket) => {
                    self.waiting.push(Waiting { ticket, picture, policy, deadline, part });
                }
                Ok(answer) => {
                    let answer = answer.expect("a data plane that lives");
                    self.check(&answer, &self.chaos.pictures[picture].1[policy], deadline);
                    if let Some(part) = part {
                        let passed = answer.record.outcome == Outcome::Pass;
                        self.belt.parts[part].passed_verdict = Some(passed);
                    }
                }
            }
        }
    }

    fn check(
        &mut self,
        answer: &Answer,
        expected: &crate::picture::Expected,
        deadline: Option<u64>,
    ) {
        let now = self.world.board.now();
        self.trace.value(&(now, &answer.name, answer.record, answer.code, answer.degraded));
        if self.aloud {
            let degraded: Vec<_> = answer.degraded.iter().collect();
            let Answer { name, record, code, stages, .. } = answer;
            eprintln!("{now}: {name} {record:?} {code:?} {degraded:?} {stages:?}");
        }
        let past = deadline.is_some_and(|deadline| now >= deadline);
        assert!(answer.deadline_met || past, "late before its time: {answer:?}");
        match answer.code {
            None => {
                assert!(answer.deadline_met, "a verdict after the deadline: {answer:?}");
                expected.assert_is(answer, "chaos");
            }
            Some(UnknownCode::Late) => assert!(past, "late before its time: {answer:?}"),
            Some(UnknownCode::EngineFailed | UnknownCode::EngineNotFinite) => {
                self.engine_failed += 1;
            }
            Some(UnknownCode::MemoryInDoubt) => self.in_doubt += 1,
            Some(_) => panic!("{answer:?}"),
        }
        self.late += u64::from(answer.degraded.iter().any(|incident| incident.name() == "late"));
    }

    /// Takes down what has happened.
    pub fn look(&mut self) {
        self.photograph();
        self.collect();
        for passage in self.belt.watch(&self.world) {
            self.trace.value(&passage);
        }
        self.log.clear();
        let lost = self.world.board.drain_log(&mut self.log);
        self.trace.value(&lost);
        self.trace.bytes(&self.log);
    }

    /// Lets time pass.
    pub fn pass(&mut self, ns: u64) {
        let until = self.world.board.now() + ns;
        while self.world.board.now() < until {
            self.world.turn_until(until);
            self.look();
        }
    }

    /// Lets time pass until something holds.
    #[track_caller]
    pub fn until(&mut self, what: &str, mut done: impl FnMut(&mut Self) -> bool) {
        let limit = self.world.board.now() + crate::lockstep::LONG;
        while !done(self) {
            let incidents = self.world.incidents();
            assert!(self.world.board.now() < limit, "{what} takes for ever: {incidents:?}");
            self.world.turn();
            self.look();
        }
    }
}
