//! Jobs take the route that the policy in force gives them.

use tandem_policy::Store;

use super::*;
use crate::job::UnknownCode;
use crate::routing::{self, JobOptions};

const WORKERS: [&str; 2] = ["tcp://a:1", "tcp://b:1"];

/// A rule a stream, and the whole way for the rest.
const POLICY: &str = "\
name: p
version: 1
default: fpga-gpu-fpga
streams:
  - {stream: urgent, priority: 9}
rules:
  - {name: lost, match: {stream: any-*, health: {engines: {\"tcp://a:1\": lost}}}, route: cpu-only}
  - {name: down, match: {stream: any-*, health: {pl: down}}, route: gpu-only}
  - {name: cpu, match: {stream: cpu}, route: cpu-only}
  - {name: gpu, match: {stream: gpu}, route: gpu-only}
  - {name: far, match: {stream: far}, route: {kind: remote, engines: [\"tcp://b:1\"]}}
  - {name: nine, match: {priority: 9}, route: cpu-only}
  - {name: short, match: {deadline_ms: {max: 300}}, route: cpu-only}
  - {name: full, match: {load: {min: 0.1}}, route: cpu-only}
";

struct World {
    rig: Rig,
    store: Arc<Store>,
    workers: [Mood; 2],
}

/// Two workers, an engine that stands by, and the policy above.
fn world() -> World {
    let workers = [Mood::default(), Mood::default()];
    let spare = Mood::default();
    let engines = Engines {
        main: workers.iter().map(FakeEngine::remote).collect(),
        spare: Some(FakeEngine::local(&spare)),
    };
    let names = WORKERS.map(str::to_owned);
    let store = Arc::new(Store::new(routing::catalog("fake/1", &names, Some("fake"))));
    store.offer("test", POLICY, None).unwrap();
    let config = |config: &mut AgentConfig| {
        config.health.auto_restart = false;
        config.routing = Some(store.clone());
    };
    let mut rig = Rig::on(config, workers[0].clone(), engines);
    rig.peer.start();
    rig.until("the peer is up", |rig| rig.peer_state() == PeerState::Up);
    World { rig, store, workers }
}

impl World {
    fn frame(&self, stream: &str) -> IngestedFrame {
        let options = JobOptions { stream: stream.to_owned(), ..JobOptions::default() };
        IngestedFrame { options, ..self.rig.frame(1) }
    }

    fn inspect(&mut self, frame: IngestedFrame) -> Answer {
        let ticket = self.rig.agent.submit(frame).unwrap();
        self.rig.answer(ticket)
    }

    /// Sends one of a stream; rule, silicon before and after the model, runs on workers.
    #[track_caller]
    fn takes(&mut self, stream: &str) -> (String, [Silicon; 2], u64) {
        let sent = self.rig.count(Flow::WorkerBytesOut);
        let frame = self.frame(stream);
        let answer = self.inspect(frame);
        assert_eq!(answer.code, None, "{:?}", answer.detail);
        assert_eq!(answer.detections, Rig::reference(1), "the same bits on every route");
        let stages = silicon(&answer);
        let around = [stages[1].unwrap(), stages[3].unwrap()];
        let tensor = 3 * u64::from(SIDE) * u64::from(SIDE);
        let runs = (self.rig.count(Flow::WorkerBytesOut) - sent) / tensor;
        (answer.routed.unwrap().taken().rule, around, runs)
    }
}

#[test]
fn each_route_has_its_silicon_and_its_engines_and_none_is_a_fallback() {
    let mut world = world();
    let [pl, cpu] = [[Silicon::Pl; 2], [Silicon::Cpu; 2]];
    assert_eq!(world.takes(""), ("default".into(), pl, 1));
    assert_eq!(world.takes("cpu"), ("cpu".into(), cpu, 0));
    assert_eq!(world.takes("gpu"), ("gpu".into(), cpu, 1));
    assert_eq!(world.takes("far"), ("far".into(), pl, 1));
    assert_eq!(world.rig.count(Flow::Fallbacks), 0);
    world.rig.assert_incidents(&[]);
    world.rig.assert_clean();
}

#[test]
fn a_job_waits_for_no_engine_that_its_route_does_not_name() {
    let mut world = world();
    // The other worker would do, and so would the one that stands by; the route names neither.
    world.workers[1].set(Mood::LOST);
    let frame = world.frame("far");
    let answer = world.inspect(frame);
    assert_eq!(answer.code, Some(UnknownCode::EngineFailed));
    assert_eq!(answer.into_inspection().route.unwrap().route, "remote");
    world.workers[1].set(Mood::WELL);
    world.workers[0].set(Mood::FAILS);
    assert_eq!(world.takes("far").2, 1, "the worker that fails is not asked");
    world.rig.assert_clean();
}

#[test]
fn health_deadline_priority_and_load_are_those_of_the_moment() {
    let mut world = world();
    assert_eq!(world.takes("any-1").0, "default");
    world.workers[0].set(Mood::LOST);
    world.rig.turn(ALL);
    assert_eq!(world.takes("any-1"), ("lost".into(), [Silicon::Cpu; 2], 0));
    world.workers[0].set(Mood::WELL);
    world.rig.turn(ALL);
    assert_eq!(world.takes("any-1").0, "default");
    assert_eq!(world.takes("urgent").0, "nine", "the stream's own priority");
    let low = JobOptions { stream: "urgent".into(), priority: Some(1), id: None };
    let frame = IngestedFrame { options: low, ..world.rig.frame(1) };
    assert_eq!(world.inspect(frame).routed.unwrap().taken().rule, "default");

    let deadline = Some(world.rig.agent.now() + 300 * MS);
    let frame = IngestedFrame { deadline, ..world.frame("") };
    assert_eq!(world.inspect(frame).routed.unwrap().taken().rule, "short");

    let tickets: Vec<_> =
        (0..4).map(|_| world.rig.agent.submit(world.frame("")).unwrap()).collect();
    let rules = tickets.into_iter().map(|t| world.rig.answer(t).routed.unwrap().taken().rule);
    assert_eq!(rules.collect::<Vec<_>>(), ["default", "default", "full", "full"]);

    world.rig.peer.crash();
    world.rig.until("the crash is seen", |rig| rig.peer_state() == PeerState::Down);
    assert_eq!(world.takes("any-1"), ("down".into(), [Silicon::Cpu; 2], 1));
    world.rig.assert_clean();
}

#[test]
fn a_job_is_answered_under_the_policy_that_it_was_admitted_with() {
    let mut world = world();
    let first = world.rig.agent.submit(world.frame("cpu")).unwrap();
    world.rig.machinery.data_plane.poll(world.rig.agent.now());
    let text = "name: p\nversion: 2\ndefault: gpu-only\n";
    world.store.offer("test", text, None).unwrap();
    let second = world.rig.agent.submit(world.frame("cpu")).unwrap();
    let [first, second] = [first, second].map(|ticket| {
        let taken = world.rig.answer(ticket).into_inspection().route.unwrap();
        (taken.policy, taken.rule, taken.route)
    });
    assert_eq!(first, ("p@1".into(), "cpu".into(), "cpu-only".into()));
    assert_eq!(second, ("p@2".into(), "default".into(), "gpu-only".into()));
}

#[test]
fn a_canary_takes_its_share_of_the_jobs_and_ids_go_the_same_way() {
    let mut world = world();
    let text = "name: p\nversion: 2\ndefault: fpga-gpu-fpga\nrules:\n  - {name: r, route: \
                fpga-gpu-fpga, canary: {route: cpu-only, share: 0.25}}\n";
    world.store.offer("test", text, None).unwrap();
    let mut canary = |id: Option<u64>| {
        let options = JobOptions { id, ..JobOptions::default() };
        let frame = IngestedFrame { options, ..world.rig.frame(1) };
        let taken = world.inspect(frame).routed.unwrap().taken();
        assert_eq!(taken.route == "cpu-only", taken.canary);
        taken.canary
    };
    let taken = (0..100).filter(|_| canary(None)).count();
    assert!((17..=33).contains(&taken), "{taken} of 100: 25, off by less than 2 + log2(100)");
    for id in 0..8 {
        assert_eq!(canary(Some(id)), canary(Some(id)));
    }
}
