//! The R5F's firmware is renewed under load: on the virtual board, behind a played kernel.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tandem_uio::System;
use tempfile::TempDir;

use super::Service;
use super::testing::{RECIPES, card, userspace};
use crate::agent::Agent;
use crate::api::{ApiError, Inspection, Outcome};
use crate::counters::{Flow, Incident};
use crate::firmware::tests::{board, bundle, elf};
use crate::setup::Setup;
use crate::testing::one_object::OneObject;
use crate::testing::played::{DIES, NEVER, PlayedBoard, WELL};

/// The CPU stood in while an operator had the R5F.
fn held(answer: &Inspection) -> bool {
    answer.degraded.iter().any(|why| why == "r5_held")
}

/// A service on a played board, and everything it keeps.
pub(super) struct Bench {
    pub folder: TempDir,
    pub service: Arc<Service>,
    pub board: Arc<PlayedBoard>,
    pub runtime: tokio::runtime::Runtime,
}

impl Bench {
    pub fn start() -> Self {
        Self::on(board())
    }

    /// The agent is told that it is on this board.
    pub fn on(description: tandem_boards::Board) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for (name, text) in RECIPES {
            std::fs::write(path(&format!("{name}.toml")), text).unwrap();
        }
        let mut setup = Setup::near(&userspace());
        setup.models = userspace().join("models");
        setup.recipes = folder.path().to_owned();
        setup.recipe = "passes".to_owned();
        setup.state = path("state");
        setup.run = path("run");
        setup.bitstreams = path("bitstreams");
        setup.system = System { sys: path("sys"), dev: path("dev") };
        setup.firmware = path("installed/tandem-rpu");
        std::fs::create_dir(path("installed")).unwrap();
        std::fs::write(&setup.firmware, elf(&[WELL, b" 1"].concat())).unwrap();
        // Short enough to wait for a firmware that never comes, long enough for a busy machine.
        setup.agent.health.announce_within = 2_000_000_000;
        setup.agent.health.frozen_after = 1_000_000_000;
        setup.agent.deadline = 60_000_000_000;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let played = PlayedBoard::start(folder.path(), setup.firmware.clone());
        let service = runtime.block_on(async {
            let mut prepared = setup.prepare().unwrap();
            prepared.board = description;
            let board = played.clone();
            let engine: Box<dyn tandem_engine::Engine> = Box::new(OneObject);
            let service = setup
                .serve(prepared, vec![engine].into(), |config, start, engines| {
                    Ok((Agent::start(board, config, start, engines)?, Vec::new()))
                })
                .unwrap();
            assert!(service.wait_ready(Duration::from_secs(20)).await, "the firmware joins");
            service
        });
        Self { folder, service, board: played, runtime }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Two clients inspect while `work` is done; every answer.
    pub fn under_load<T>(&self, work: impl FnOnce(&Service) -> T) -> (T, Vec<Inspection>) {
        let over = Arc::new(AtomicBool::new(false));
        let client = || {
            let (service, over) = (self.service.clone(), over.clone());
            self.runtime.spawn(async move {
                let mut answers = Vec::new();
                while !over.load(Ordering::Relaxed) {
                    answers.push(service.inspect(card()).await.expect("an answer"));
                }
                answers
            })
        };
        let clients = [client(), client()];
        let _inside = self.runtime.enter();
        let done = work(&self.service);
        over.store(true, Ordering::Relaxed);
        let answers = clients.into_iter().flat_map(|task| self.runtime.block_on(task).unwrap());
        (done, answers.collect())
    }

    pub fn inspect(&self) -> Inspection {
        self.runtime.block_on(self.service.inspect(card())).unwrap()
    }

    /// Jobs go to the R5F. On a busy machine one may be late there, and so end elsewhere.
    pub fn assert_used(&self) {
        let answer = self.inspect();
        assert!(!held(&answer), "{:?}", answer.degraded);
    }

    fn update(&self, kind: &[u8], version: &str) -> (Result<String, ApiError>, Vec<Inspection>) {
        let bundle = bundle(elf(kind), "zcu102", version);
        let (done, answers) = self.under_load(|service| service.update_firmware(&bundle));
        (done.map(|report| report.version.expect("a manifest lies beside it")), answers)
    }

    /// Each job was answered once, none is lost, and all say the same.
    pub fn assert_whole(&self, answers: &[Inspection]) {
        assert!(answers.len() > 2, "there was load");
        let mut first: Option<&Inspection> = None;
        for answer in answers {
            assert_eq!(answer.verdict.result, Outcome::Pass, "{answer:?}");
            assert_eq!(first.get_or_insert(answer).detections, answer.detections);
        }
        let count = |flow| self.service.agent().counters().flows(flow);
        assert_eq!(count(Flow::Submitted), count(Flow::Answered));
        assert!(answers.iter().any(held), "the CPU stood in");
    }

    /// What the next start of the agent would load.
    fn next_start(&self) -> PathBuf {
        let store = crate::firmware::Store::in_state(&self.path("state"));
        store.image(&self.path("installed/tandem-rpu"), &board()).0
    }
}

#[test]
fn a_good_update_under_load_loses_no_job_and_lasts() {
    let bench = Bench::start();
    let before = bench.service.firmware().unwrap();
    assert!(!before.update && before.version.is_none(), "nobody wrote a manifest: {before:?}");
    let (done, answers) = bench.update(&[WELL, b" 2"].concat(), "2.0.0");
    assert_eq!(done.unwrap(), "2.0.0");
    bench.assert_whole(&answers);
    assert_eq!(bench.board.loaded(), elf(&[WELL, b" 2"].concat()), "the core has the new image");
    let after = bench.service.firmware().unwrap();
    assert!(after.update && after.epoch != before.epoch, "{after:?}");
    assert_eq!(Some(bench.next_start().display().to_string()), after.image);
    bench.assert_used();
    let counters = bench.service.agent().counters();
    let dead = [Incident::R5Dead, Incident::R5Absent, Incident::R5RestartFailed, Incident::R5Held];
    assert_eq!(dead.map(|incident| counters.incidents(incident)), [0; 4], "it is no incident");
    // Again, from an update to an update.
    assert_eq!(bench.update(&[WELL, b" 3"].concat(), "3.0.0").0.unwrap(), "3.0.0");
    assert_eq!(bench.board.loaded(), elf(&[WELL, b" 3"].concat()));
}

#[test]
fn a_firmware_that_does_not_come_up_goes_back_to_the_one_before() {
    for (kind, what) in [(NEVER, "did not announce itself"), (DIES, "within")] {
        let bench = Bench::start();
        let installed = bench.board.loaded();
        let (done, answers) = bench.update(kind, "6.6.6");
        let error = done.expect_err("it is not well");
        assert_eq!(error.code, "firmware_rolled_back", "{error}");
        assert!(error.message.contains("6.6.6") && error.message.contains(what), "{error}");
        bench.assert_whole(&answers);
        assert_eq!(bench.board.loaded(), installed);
        assert_eq!(bench.next_start(), bench.path("installed/tandem-rpu"));
        assert!(!bench.service.firmware().unwrap().update);
        bench.assert_used();
    }
}

#[test]
fn where_the_one_before_is_gone_too_the_processors_stand_in() {
    let bench = Bench::start();
    std::fs::remove_file(bench.path("installed/tandem-rpu")).unwrap();
    let (done, answers) = bench.update(NEVER, "6.6.6");
    let error = done.expect_err("nothing runs");
    assert_eq!(error.code, "firmware_failed", "{error}");
    assert!(error.message.contains("does not run either"), "{error}");
    bench.assert_whole(&answers);
    assert_eq!(bench.inspect().verdict.result, Outcome::Pass, "by the processors");
}

#[test]
fn what_is_refused_touches_nothing() {
    let bench = Bench::start();
    let epoch = bench.service.firmware().unwrap().epoch;
    let mut damaged = bundle(elf(WELL), "zcu102", "2");
    let last = damaged.image.0.len() - 1;
    damaged.image.0[last] ^= 1;
    for (bundle, code) in [
        (bundle(elf(WELL), "kv260", "2"), "firmware_differs"),
        (bundle(b"no image".to_vec(), "zcu102", "2"), "firmware_image"),
        (damaged, "firmware_differs"),
    ] {
        assert_eq!(bench.service.update_firmware(&bundle).unwrap_err().code, code);
    }
    // A place where nothing can be kept.
    std::fs::write(bench.path("state"), "a file").unwrap();
    let good = bundle(elf(WELL), "zcu102", "2");
    assert_eq!(bench.service.update_firmware(&good).unwrap_err().code, "state_unwritable");
    assert_eq!(bench.service.firmware().unwrap().epoch, epoch);
    bench.assert_used();
}

#[test]
fn two_operators_do_not_meet() {
    let bench = Bench::start();
    let _one = bench.service.alone().unwrap();
    let good = bundle(elf(WELL), "zcu102", "2");
    assert_eq!(bench.service.update_firmware(&good).unwrap_err().code, "busy");
    let reset = bench.runtime.block_on(bench.service.restart_core());
    assert_eq!(reset.unwrap_err().code, "busy");
}

#[test]
fn a_firmware_that_is_part_of_the_agent_is_not_replaced() {
    super::testing::with_service(async |service| {
        let good = bundle(elf(WELL), "virtual", "2");
        let error = tokio::task::spawn_blocking(move || {
            assert!(service.firmware().unwrap().image.is_none());
            service.update_firmware(&good).unwrap_err()
        });
        assert_eq!(error.await.unwrap().code, "firmware_builtin");
    });
}
