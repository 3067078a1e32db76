//! Jobs take the route that the policy in force gives them.

use tandem_channels::Table;
use tandem_policy::{Code, Store};

use super::*;
use crate::channels::{self, Said, parse_line, parse_weight};
use crate::counters::StageName;
use crate::job::UnknownCode;
use crate::routing::{self, JobOptions};

/// Of the fake model.
const BYTES: [u64; 2] = [3 * SIDE as u64 * SIDE as u64, 128];

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
    let said = Said::default();
    on(channels::played(&WORKERS, "fake", &said, BYTES))
}

/// The same over these channels.
fn on(channels: Table) -> World {
    let channels = Arc::new(channels);
    let workers = [Mood::default(), Mood::default()];
    let spare = Mood::default();
    let engines = Engines {
        main: workers.iter().map(FakeEngine::remote).collect(),
        spare: Some(FakeEngine::local(&spare)),
    };
    let store = Arc::new(Store::new(routing::catalog("fake/1", &channels)));
    store.offer("test", POLICY, None).unwrap();
    let config = |config: &mut AgentConfig| {
        config.health.auto_restart = false;
        config.routing = Some(store.clone());
        config.channels = Some(channels);
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

/// What each worker's line carries; nothing travels to the engine that stands by.
fn slow(rates: [&str; 2]) -> Table {
    let line = |(name, rate): (&str, &str)| parse_line(&format!("{name}={rate}")).unwrap();
    let lines = WORKERS.into_iter().zip(rates).map(line).collect();
    channels::played(&WORKERS, "fake", &Said { lines, ..Said::default() }, BYTES)
}

#[test]
fn a_deadline_that_the_bytes_cannot_meet_is_refused_before_anything_runs() {
    // 0.0005 MB/s: the tensor alone takes longer than any deadline here.
    let mut world = on(slow(["100Mbit/s", "0.0005MB/s"]));
    assert_eq!(world.takes("").0, "default", "one of its engines can be reached in time");
    let frame = world.frame("far");
    let answer = world.inspect(frame);
    assert_eq!(answer.code, Some(UnknownCode::LinkTooSlow));
    assert!(answer.stages[StageName::Pre as usize].is_none(), "nothing ran");
    let error = answer.into_inspection().error.unwrap();
    assert_eq!((error.code.as_str(), error.field.as_str()), ("link_too_slow", "deadline"));
    let sum = format!("tcp://b:1: {} + {} bytes at 0.0 MB/s (stated)", BYTES[0], BYTES[1]);
    assert!(error.message.contains(&sum), "{}", error.message);
    world.rig.assert_incidents(&[Incident::LinkTooSlow]);
    assert_eq!(world.takes("far-away").0, "default");
    world.rig.assert_clean();
}

#[test]
fn a_policy_whose_deadlines_no_line_can_meet_is_refused_with_the_arithmetic() {
    let world = on(slow(["0.01MB/s", "0.02MB/s"]));
    let check = |limit: &str, route: &str| {
        let text = format!(
            "name: p\nversion: 2\ndefault: cpu-only\nrules:\n  - name: a\n    match: {{deadline_ms: \
             {{{limit}}}}}\n    route: {route}\n"
        );
        world.store.check("test", &text).err().map(|refusal| refusal.findings[0].clone())
    };
    let bytes = BYTES[0] + BYTES[1];
    let quickest = bytes * 1000 / 20_000;
    let finding = check(&format!("max: {}", quickest - 1), "gpu-only").expect("too slow");
    assert_eq!(finding.code, Code::LinkTooSlow);
    assert_eq!(finding.at.map(|at| (at.line, at.column)), Some((7, 12)));
    assert!(finding.message.contains("at 0.0 MB/s (stated)"), "{}", finding.message);
    assert_eq!(check(&format!("max: {quickest}"), "gpu-only"), None);
    assert_eq!(check("max: 1", "fpga-gpu-fpga"), None, "the engine that stands by is here");
    assert_eq!(check("min: 1", "gpu-only"), None, "no limit, no refusal");
}

#[test]
fn parallel_workers_share_by_weight_and_the_table_counts_what_each_had() {
    let said = Said { weights: vec![parse_weight("tcp://a:1=3").unwrap()], ..Said::default() };
    let mut world = on(channels::played(&WORKERS, "fake", &said, BYTES));
    for _ in 0..40 {
        world.takes("");
    }
    let table = world.rig.agent.channels().clone();
    let jobs = |i: usize| table.engine(i).unwrap().figures().jobs;
    assert_eq!([jobs(0), jobs(1), jobs(2)], [30, 10, 0]);
    let figures = table.engine(1).unwrap().figures();
    assert_eq!([figures.bytes.out, figures.bytes.back], BYTES.map(|bytes| 10 * bytes));
    // The lanes of the logic, each by its bytes.
    let pre = table.pre().figures();
    assert_eq!((pre.jobs, pre.failed, pre.bytes.back), (40, 0, 40 * BYTES[0]));
    assert_eq!(table.post().figures().bytes.out, 40 * BYTES[1]);
    world.workers[1].set(Mood::FAILS);
    while table.engine(1).unwrap().figures().failed == 0 {
        let frame = world.frame("");
        assert_eq!(world.inspect(frame).code, None, "the engine that stands by answers");
    }
}
