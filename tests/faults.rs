//! Every fault that can be planted, on a board and an agent that run on their threads: one counter
//! moves by one, every image is answered with what it is answered without the fault, no slot is
//! lost, and the next image is the programmable logic's again.

use std::collections::{BTreeMap, BTreeSet};

use tandem_agent::agent::AgentConfig;
use tandem_agent::api::Silicon;
use tandem_agent::counters::StageName;
use tandem_agent::dataplane::PeerState;
use tandem_agent::job::Answer;
use tandem_agent::judge::{AcceptAll, Policy};
use tandem_engine::{EngineOptions, load_engine_with};
use tandem_tests::lockstep::World;
use tandem_tests::picture::{Expected, Picture};
use tandem_tests::small::{self, Small};
use tandem_tests::threaded::{Site, patient};
use tandem_tests::{MS, assert_answered_once, incident_of, incidents, repository};

/// Images at once: the board has four frame slots.
const AT_ONCE: u8 = 3;

/// How far the counters moved since `before`.
fn moved(
    before: &BTreeMap<&'static str, u64>,
    after: &BTreeMap<&'static str, u64>,
) -> BTreeMap<&'static str, u64> {
    let was = |name: &str| before.get(name).copied().unwrap_or_default();
    let moved = after.iter().map(|(name, count)| (*name, count - was(name)));
    moved.filter(|(_, by)| *by > 0).collect()
}

fn silicon(answer: &Answer) -> [Option<Silicon>; 2] {
    [StageName::Pre, StageName::Post]
        .map(|stage| answer.stages[stage as usize].map(|stage| stage.silicon))
}

#[track_caller]
fn assert_on_pl(answer: &Answer, what: &str) {
    assert!(answer.degraded.is_empty(), "{what}: {:?}", answer.degraded);
    assert_eq!(silicon(answer), [Some(Silicon::Pl); 2], "{what}");
}

/// One agent that lives through faults, and what it must answer.
struct Trial {
    site: Site,
    pictures: Vec<(Picture, Expected)>,
    answered: u64,
}

impl Trial {
    fn small(config: AgentConfig) -> Self {
        let policy = small::policy(0.5);
        let pictures = small::pictures(&policy, AT_ONCE);
        let site = Site::start(config, policy, Box::new(Small));
        Self { site, pictures, answered: 0 }
    }

    /// Inspects all pictures at once.
    fn round(&mut self, what: &str) -> Vec<Answer> {
        let submit = |(picture, _): &(Picture, Expected)| self.site.submit(picture);
        let tickets: Vec<_> = self.pictures.iter().map(submit).collect();
        self.collect(tickets, what)
    }

    fn collect(
        &mut self,
        tickets: Vec<tandem_agent::ticket::Ticket<Box<Answer>>>,
        what: &str,
    ) -> Vec<Answer> {
        let answers: Vec<_> = tickets.into_iter().map(|t| self.site.answer(t)).collect();
        for (answer, (_, expected)) in answers.iter().zip(&self.pictures) {
            expected.assert_is(answer, what);
        }
        self.answered += answers.len() as u64;
        answers
    }

    /// The fault has passed: back on the programmable logic, with every slot.
    fn assert_recovered(&mut self, what: &str) {
        self.site.until(what, |site| site.peer() == PeerState::Up);
        for answer in self.round(what) {
            assert_on_pl(&answer, what);
        }
        self.site.assert_all_free();
        assert_answered_once(&self.site.agent, self.answered);
    }

    /// Plants one hardware fault under load.
    fn hardware(&mut self, fault: &str) {
        let incident = incident_of(fault);
        let before = incidents(&self.site.agent);
        self.site.faults().plant(fault).expect("a fault of the list");
        let answers = self.round(fault);
        assert_eq!(self.site.faults().pending(), [""; 0], "{fault} was not taken");
        assert_eq!(self.site.faults().taken().last().map(String::as_str), Some(fault));
        let now = incidents(&self.site.agent);
        assert_eq!(moved(&before, &now), BTreeMap::from([(incident, 1)]), "{fault}");
        // It costs one job its silicon; a lost interrupt costs no job anything.
        let degraded: Vec<_> = answers.iter().filter(|a| !a.degraded.is_empty()).collect();
        let costs = usize::from(incident != "lost_interrupt");
        assert_eq!(degraded.len(), costs, "{fault}");
        for answer in degraded {
            let names: Vec<_> = answer.degraded.iter().map(|incident| incident.name()).collect();
            assert_eq!(names, [incident], "{fault}");
            let lane = usize::from(fault.split(':').nth(1) == Some("post"));
            let mut silicon = silicon(answer);
            assert_eq!(silicon[lane], Some(Silicon::Cpu), "{fault}");
            silicon[lane] = Some(Silicon::Pl);
            assert_eq!(silicon, [Some(Silicon::Pl); 2], "{fault}");
        }
        self.assert_recovered(fault);
        assert_eq!(incidents(&self.site.agent), now, "{fault} was counted again");
    }

    /// An outage of the core, made by `halt` before or after the images are submitted.
    fn outage(&mut self, what: &str, incident: &'static str, first: bool, halt: impl Fn(&Site)) {
        let before = incidents(&self.site.agent);
        if first {
            halt(&self.site);
        }
        let submit = |(picture, _): &(Picture, Expected)| self.site.submit(picture);
        let tickets: Vec<_> = self.pictures.iter().map(submit).collect();
        if !first {
            halt(&self.site);
        }
        for answer in self.collect(tickets, what) {
            assert!(answer.degraded.iter().all(|i| i.name() == incident), "{what}: {answer:?}");
        }
        let expected = BTreeMap::from([(incident, 1)]);
        // The images may all have been done before it took effect.
        self.site.until(what, |site| moved(&before, &incidents(&site.agent)) == expected);
        self.assert_recovered(what);
        assert_eq!(moved(&before, &incidents(&self.site.agent)), expected, "{what}");
    }
}

#[test]
fn each_fault_of_the_hardware_is_one_incident() {
    let mut trial = Trial::small(patient());
    trial.assert_recovered("before any fault");
    assert_eq!(incidents(&trial.site.agent), BTreeMap::new());
    let faults = trial.site.faults().list();
    let kinds: BTreeSet<_> = faults.iter().map(|fault| incident_of(fault)).collect();
    let lanes = |lane: &str| faults.iter().filter(|f| f.split(':').nth(1) == Some(lane)).count();
    assert_eq!((kinds.len(), lanes("pre"), lanes("post")), (6, 6, 6), "{faults:?}");
    for fault in &faults {
        trial.hardware(fault);
    }
    // Once more, the other way round: no fault leaves something behind for the next.
    for fault in faults.iter().rev() {
        trial.hardware(fault);
    }
}

/// Freezes and deaths are told from a busy machine by the heartbeat: long enough not to be wrong.
fn watchful() -> AgentConfig {
    let mut config = patient();
    config.health.frozen_after = 2_000 * MS;
    config
}

#[test]
fn a_frozen_core_is_one_incident() {
    let mut trial = Trial::small(watchful());
    for first in [true, false] {
        let freeze = |site: &Site| site.faults().freeze_core(true);
        trial.outage(&format!("frozen, first {first}"), "r5_frozen", first, freeze);
    }
}

#[test]
fn a_core_that_dies_at_an_access_is_one_incident() {
    let mut trial = Trial::small(watchful());
    for k in [0, 1, 40, 90, 150, 220, 310, 450] {
        let kill = |site: &Site| site.faults().kill_core_at(k);
        trial.outage(&format!("dead at {k}"), "r5_dead", true, kill);
    }
}

#[test]
fn each_fault_is_survived_with_the_real_model() {
    let model = repository::model();
    let policy = Policy::of_model(&model, std::sync::Arc::new(AcceptAll));
    let load = || load_engine_with(&model, &EngineOptions::default()).expect("the main model");
    let picture = Picture::photograph(&repository::photograph("bus.jpg"));
    let expected = picture.expected(&policy, load().as_mut());
    assert!(expected.detections.len() >= 3, "{expected:?}");
    let site = Site::start(patient(), policy, load());
    let mut trial = Trial { site, pictures: vec![(picture, expected)], answered: 0 };
    for fault in trial.site.faults().list() {
        trial.hardware(&fault);
    }
}

/// Words of a descriptor in which a flipped bit is a wrong job, by PG021: next descriptor, buffer,
/// control. A flip elsewhere (reserved words, the status that the engine writes itself) changes
/// nothing or is seen as well.
fn harmful(bit: u32) -> bool {
    matches!(bit / 32, 0..=3 | 6)
}

#[test]
fn each_flipped_bit_of_a_descriptor_is_one_incident_or_none() {
    let policy = small::policy(0.5);
    let pictures = small::pictures(&policy, 1);
    let (picture, expected) = &pictures[0];
    let mut world = World::up("flipped bits", 1, policy, None);
    let mut jobs = 0;
    let mut inspect = |world: &mut World, what: &str| {
        let ticket = world.submit(picture.into_slot(&world.agent, world.slot()));
        let answer = world.answer(ticket);
        expected.assert_is(&answer, what);
        jobs += 1;
        answer
    };
    for (lane, descriptors) in [("pre", 4), ("post", 2)] {
        for descriptor in 0..descriptors {
            for bit in 0..256 {
                let fault = format!("flipped_descriptor_bit:{lane}:{descriptor}:{bit}");
                let before = world.incidents();
                world.faults().plant(&fault).expect("a fault");
                inspect(&mut world, &fault);
                assert_eq!(world.faults().pending(), [""; 0], "{fault} was not taken");
                let by = moved(&before, &world.incidents());
                let seen = BTreeMap::from([("descriptor_corrupt", 1)]);
                assert!(by == seen || (by.is_empty() && !harmful(bit)), "{fault}: {by:?}");
                assert_on_pl(&inspect(&mut world, &fault), &fault);
            }
        }
    }
    world.assert_all_free();
    assert_answered_once(&world.agent, jobs);
}
