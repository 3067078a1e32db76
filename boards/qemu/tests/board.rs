//! The whole board: Linux, agentd and UIO on the A53s, the R5F image, the logic as a plugin, the main
//! model in a worker on this host. `cargo xtask qemu test` makes what these need and runs them.

use serde_json::Value;
use std::path::PathBuf;
use tandem_link::crash::Reason;
use tandem_qemu_board::{Files, Machine, Options, Worker, expected, http, until};

/// Deadline of every photograph here, ms: an emulated machine on a busy host.
const DEADLINE_MS: u32 = 120_000;

/// A machine whose agent serves, and the worker beside it.
struct Board {
    machine: Machine,
    files: Files,
    worker: Worker,
}

/// `None`, with the reason printed, where nobody made the guest's files.
fn files() -> Option<Files> {
    match Files::here() {
        Ok(files) => Some(files),
        Err(error) => {
            eprintln!("skipped: {error}");
            None
        }
    }
}

impl Board {
    fn start() -> Option<Self> {
        let files = files()?;
        let worker = Worker::start(&files, 0).expect("a worker");
        let options = Options { engine: Some(worker.engine()), ..Options::default() };
        let mut machine = Machine::boot(&files, &options).expect("a prompt");
        machine.start_agent().expect("an agent that serves");
        Some(Self { machine, files, worker })
    }

    fn photograph(&self, name: &str) -> PathBuf {
        self.files.root.join(".tandem/photos").join(name)
    }

    fn inspect(&self, name: &str) -> Value {
        let bytes = std::fs::read(self.photograph(name)).expect("a photograph; run scripts/setup");
        let path = format!("/v1/inspect?deadline_ms={DEADLINE_MS}");
        let response = http::post(&self.machine.http(), &path, &bytes).expect("an answer");
        let answer = response.json().expect("JSON");
        assert_eq!(response.status, 200, "{answer}");
        answer
    }

    /// An answer whose detections are the virtual board's.
    #[track_caller]
    fn inspect_equal(&self, name: &str) -> Value {
        let answer = self.inspect(name);
        let expected = expected(&self.files.root, &[self.photograph(name)]).expect("agentctl");
        assert_eq!(answer["detections"], expected[0]["detections"], "{answer}");
        assert!(!answer["detections"].as_array().expect("a list").is_empty(), "nothing to compare");
        answer
    }

    /// What `agentctl` in the guest says, as JSON.
    fn agentctl(&mut self, words: &str) -> Value {
        let command = format!("agentctl --target unix:///run/tandem.sock -o json {words}");
        let text = self.machine.console().check(&command).expect("agentctl in the guest");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"))
    }

    fn incidents(&mut self, name: &str) -> u64 {
        self.agentctl("stats")["incidents"][name].as_u64().expect("a counter")
    }

    /// Waits until the firmware has joined under another epoch than `old`.
    fn joined_after(&mut self, old: u64) {
        until("a new epoch of the firmware", || {
            let peer = self.agentctl("status")["report"]["peer"].clone();
            let fresh = peer["epoch"].as_u64() != Some(old) && peer["state"] == "up";
            Ok(fresh.then_some(()))
        })
        .unwrap_or_else(|error| panic!("{error}; log: {}", self.agent_log()));
    }

    fn epoch(&mut self) -> u64 {
        self.agentctl("status")["report"]["peer"]["epoch"].as_u64().expect("an epoch")
    }

    fn agent_log(&mut self) -> String {
        self.machine.console().check("cat /var/log/agentd").expect("the agent's log")
    }

    /// The silicon that ran a stage.
    fn silicon(answer: &Value, stage: &str) -> String {
        let stages = answer["stages"].as_array().expect("stages");
        let found = stages.iter().find(|s| s["name"] == stage).expect("the stage");
        found["silicon"].as_str().expect("a silicon").to_owned()
    }
}

#[test]
fn photographs_are_answered_as_on_the_virtual_board() {
    let Some(board) = Board::start() else { return };
    for name in ["bus.jpg", "zidane.jpg"] {
        let answer = board.inspect_equal(name);
        assert_eq!([Board::silicon(&answer, "pre"), Board::silicon(&answer, "post")], ["pl", "pl"]);
        assert_eq!(answer["degraded"], serde_json::json!([]));
    }
    board.machine.power_off().expect("a clean stop");
}

#[test]
fn a_crash_leaves_its_record_and_the_firmware_comes_back() {
    let Some(mut board) = Board::start() else { return };
    for (ask, reason, number) in
        [(1, Reason::Undefined, 1), (2, Reason::DataAbort, 2), (4, Reason::StackOverflow, 3)]
    {
        let before = board.epoch();
        let record = board.machine.provoke(ask).expect("a record");
        assert_eq!((record.crash.reason, record.sequence), (reason, number));
        board.joined_after(before);
        assert_eq!(board.incidents("r5_dead"), u64::from(number));
        let answer = board.inspect_equal("bus.jpg");
        assert_eq!(Board::silicon(&answer, "pre"), "pl");
    }
    // What an operator sees.
    let list = "agentctl --target unix:///run/tandem.sock -o json crash";
    let text = board.machine.console().check(list).expect("agentctl in the guest");
    let crashes: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let reasons: Vec<_> = crashes.iter().map(|crash| crash["reason"].clone()).collect();
    assert_eq!(reasons, ["Undefined", "DataAbort", "StackOverflow"]);
    assert!(
        crashes.iter().all(|crash| !crash["log"].as_array().expect("lines").is_empty()),
        "{text}"
    );
}

/// The R5F's image with an undefined instruction where its program begins (its stacks are there): it
/// leaves a crash record and never announces itself.
fn that_dies(image: &[u8]) -> Vec<u8> {
    use object::{Object, ObjectSymbol};
    let elf = object::File::parse(image).expect("an ELF file");
    let main = elf.symbols().find(|symbol| symbol.name() == Ok("kmain")).expect("its main");
    let address = u32::try_from(main.address() & !1).expect("32 bits");
    let parsed = tandem_link::image::Image::parse(image, u32::MAX).expect("an image");
    let (from, segment) = parsed
        .segments
        .iter()
        .find(|(from, bytes)| (*from..*from + bytes.len() as u32).contains(&address))
        .expect("it is loaded");
    let offset = segment.as_ptr() as usize - image.as_ptr() as usize + (address - from) as usize;
    let mut bad = image.to_vec();
    // UDF #0, in Thumb.
    bad[offset..offset + 2].copy_from_slice(&[0x00, 0xDE]);
    bad
}

#[test]
fn the_firmware_is_renewed_without_a_reboot_and_a_bad_one_is_taken_back() {
    let Some(mut board) = Board::start() else { return };
    board.inspect_equal("bus.jpg");
    let started = board.epoch();
    let console = board.machine.console();
    console.check("cp /lib/firmware/tandem-rpu /tmp/tandem-rpu").expect("a copy");
    let pack = |version: &str| {
        format!("agentctl --board /etc/tandem/board.toml firmware pack /tmp/tandem-rpu {version}")
    };
    console.check(&pack("2.0.0")).expect("a bundle");
    let now = board.agentctl("firmware update /tmp/tandem-rpu --yes");
    assert_eq!((&now["version"], &now["update"]), (&"2.0.0".into(), &true.into()), "{now}");
    let renewed = board.epoch();
    assert_ne!(renewed, started);
    let answer = board.inspect_equal("bus.jpg");
    assert_eq!(Board::silicon(&answer, "pre"), "pl");

    // Two bytes make another firmware of it: one that dies as it begins.
    let image = board.files.root.join(".tandem/qemu/root/lib/firmware/tandem-rpu");
    let image = std::fs::read(image).expect("the image of the guest");
    let bad = that_dies(&image);
    let at = image.iter().zip(&bad).position(|(a, b)| a != b).expect("another byte") & !1;
    let console = board.machine.console();
    let patch = format!(
        "printf '\\000\\336' | dd of=/tmp/tandem-rpu bs=1 seek={at} conv=notrunc 2>/dev/null"
    );
    console.check(&patch).expect("two bytes");
    console.check(&pack("6.6.6")).expect("a bundle");
    let words =
        "agentctl --target unix:///run/tandem.sock -o json firmware update /tmp/tandem-rpu --yes";
    let refused = console.run(&format!("{words} 2>&1")).expect("an answer");
    assert_eq!(refused.code, 1, "{}", refused.text);
    assert!(refused.text.contains("firmware_rolled_back"), "{}", refused.text);
    let info = board.agentctl("firmware info");
    assert_eq!(info["version"], "2.0.0", "{info}");
    let answer = board.inspect_equal("bus.jpg");
    assert_eq!(Board::silicon(&answer, "pre"), "pl");
    let crashes = board.machine.crashes().expect("the page");
    assert_eq!(crashes.last().map(|record| record.crash.reason), Some(Reason::Undefined));
}

#[test]
fn a_hang_is_caught_by_the_watchdog() {
    const HANG: u32 = 8;
    let Some(mut board) = Board::start() else { return };
    let before = board.epoch();
    let record = board.machine.provoke(HANG).expect("a record");
    assert_eq!(record.crash.reason, Reason::Watchdog);
    board.joined_after(before);
    board.inspect_equal("bus.jpg");
}

#[test]
fn an_agent_that_is_killed_finds_the_firmware_at_work() {
    let Some(mut board) = Board::start() else { return };
    board.inspect_equal("bus.jpg");
    board.machine.console().check("kill -9 $(cat /run/agentd)").expect("a kill");
    board.machine.start_agent().expect("the next agent");
    let answer = board.inspect_equal("bus.jpg");
    assert_eq!(Board::silicon(&answer, "pre"), "pl");
    assert_eq!(board.machine.crashes().expect("the page").len(), 0, "the firmware did not die");
    let started =
        board.machine.console().check("dmesg | grep -c 'r5ctl: core started'").expect("dmesg");
    assert_eq!(started, "1", "the core was started once");
}

#[test]
fn lost_interrupts_are_found_by_looking() {
    const RPU: u32 = 1;
    const LINUX: u32 = 4;
    let Some(mut board) = Board::start() else { return };
    board.machine.cut_wires(LINUX).expect("the wire to Linux is cut");
    board.inspect_equal("bus.jpg");
    board.machine.cut_wires(0).expect("it is whole");
    let (before, dead) = (board.epoch(), board.incidents("r5_frozen"));
    // The R5F sleeps for ever without its line: the watchdog's other line ends that.
    board.machine.cut_wires(RPU).expect("the wire to the R5F is cut");
    until("the watchdog's record", || Ok(board.machine.crashes()?.pop())).expect("a record");
    board.machine.cut_wires(0).expect("it is whole");
    board.joined_after(before);
    assert!(board.incidents("r5_frozen") + board.incidents("r5_dead") > dead);
    board.inspect_equal("bus.jpg");
}

#[test]
fn without_the_r5f_the_processors_compute_the_same_on_the_slots() {
    let Some(mut board) = Board::start() else { return };
    // The wire is cut for good: each restart fails, and every stage runs on the A53s. Slots are
    // what the DMA would have: a misaligned access of Device memory would kill the agent.
    board.machine.provoke(1).expect("a record");
    board.machine.cut_wires(3).expect("the wires to the R5F are cut");
    until("the end of the firmware", || {
        Ok((board.agentctl("status")["report"]["peer"]["state"] != "up").then_some(()))
    })
    .expect("it is noticed");
    let answer = board.inspect_equal("bus.jpg");
    assert_eq!([Board::silicon(&answer, "pre"), Board::silicon(&answer, "post")], ["cpu", "cpu"]);
    board.machine.console().check("kill -0 $(cat /run/agentd)").expect("the agent lives");
}

#[test]
fn a_worker_that_dies_is_replaced_under_the_same_address() {
    let Some(mut board) = Board::start() else { return };
    board.inspect_equal("bus.jpg");
    let port = board.worker.port();
    board.worker.kill();
    let answer = board.inspect("bus.jpg");
    assert_ne!(answer["verdict"]["result"], "pass", "nobody ran the model: {answer}");
    board.worker = Worker::start(&board.files, port).expect("another worker");
    until("a verdict by the new worker", || {
        Ok((board.inspect("bus.jpg")["verdict"]["result"] == "pass").then_some(()))
    })
    .expect("a verdict");
    board.inspect_equal("bus.jpg");
}

#[test]
fn a_photograph_on_the_guests_own_processors() {
    let Some(files) = files() else { return };
    let worker = Worker::start(&files, 0).expect("a worker");
    let options = Options { engine: Some("rten".to_owned()), ..Options::default() };
    let mut machine = Machine::boot(&files, &options).expect("a prompt");
    machine.start_agent().expect("an agent that serves");
    let board = Board { machine, files, worker };
    let answer = board.inspect("bus.jpg");
    let labels = |answer: &Value| -> Vec<String> {
        let list = answer["detections"].as_array().expect("a list");
        list.iter().map(|d| d["label"].as_str().unwrap_or_default().to_owned()).collect()
    };
    let expected = expected(&board.files.root, &[board.photograph("bus.jpg")]).expect("agentctl");
    assert_eq!(labels(&answer), labels(&expected[0]), "another runtime, the same objects");
}
