//! `agentctl fixture` on the virtual board, with the real model, and over all that a board has, with
//! stand-ins for it: a planted fault fails exactly its measurement.

#[path = "../userspace/fixture/tests/common/terminal.rs"]
mod terminal;

use std::fs;
use std::io::Read as _;
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tandem_fixture::camera::{Format, Pattern, Picture};
use tandem_link::console::{Block, Test, Verdict};
use tandem_tests::programs::{Ran, agentctl, ctl, run};
use tandem_tests::r5f::{self, Board};
use tandem_tests::repository::{photograph, root, text};

/// Runs the virtual board's plan with faults planted; its end and its record.
fn fixture(faults: &[&str], out: &Path) -> (Ran, Value) {
    photograph("bus.jpg"); // the plan's
    let plan = root().join("userspace/fixture/plans/virtual.toml");
    // In virtual time a busy machine makes no kernel late.
    let mut arguments = vec!["-o", "json", "--deterministic", "7", "fixture", "run"];
    arguments.extend([text(&plan), "--serial", "V-1", "--out", text(out)]);
    arguments.extend(faults.iter().flat_map(|fault| ["--fault", *fault]));
    let ran = ctl(&arguments);
    let line = ran.lines().pop().unwrap_or_else(|| panic!("{}", ran.stderr));
    let path = line["record"].as_str().expect("a path");
    let record = serde_json::from_slice(&std::fs::read(path).expect("the record")).expect("JSON");
    (ran, record)
}

/// Measurements that are no pass and no skip, with their verdict.
fn bad(record: &Value) -> Vec<(String, String)> {
    let phases = record["phases"].as_array().expect("phases");
    let all = phases.iter().flat_map(|phase| phase["measurements"].as_object().expect("a map"));
    let verdicts =
        all.map(|(name, m)| (name.clone(), m["verdict"].as_str().expect("text").to_owned()));
    verdicts.filter(|(_, verdict)| verdict != "pass" && verdict != "skip").collect()
}

#[test]
fn a_good_board_passes_and_says_what_it_does_not_have() {
    let folder = tempfile::tempdir().expect("a folder");
    let (ran, record) = fixture(&[], folder.path());
    assert!(bad(&record).is_empty(), "{:?}: {}", bad(&record), ran.stderr);
    let ran = ran.expect(0);
    assert_eq!(ran.lines()[0]["outcome"], "PASS");
    assert_eq!(record["metadata"]["versions"]["model"], "yolov3-tiny/1");
    let board = &record["phases"][3]["measurements"];
    for name in ["tcm_march", "vccint", "pl_temperature", "identity", "gpu_link"] {
        assert_eq!(board[name]["verdict"], "skip");
        assert!(board[name]["reason"].as_str().is_some_and(|reason| reason.len() > 5), "{name}");
    }
}

#[test]
fn a_planted_fault_fails_exactly_its_measurement() {
    let folder = tempfile::tempdir().expect("a folder");
    let faults = [
        ("hung_kernel:pre", "pre_silicon"),
        ("hung_kernel:post", "post_silicon"),
        ("slave_error:pre", "pre_silicon"),
        ("decode_error:post", "post_silicon"),
        ("stuck_tlast:post", "post_silicon"),
        ("lost_interrupt:pre", "lost_interrupts"),
        ("lost_interrupt:post", "lost_interrupts"),
    ];
    for (fault, measurement) in faults {
        let (ran, record) = fixture(&[fault], folder.path());
        assert_eq!(bad(&record), [(measurement.to_owned(), "fail".to_owned())], "{fault}");
        assert_eq!(ran.expect(1).lines()[0]["outcome_details"][0]["code"], measurement);
    }
}

#[test]
fn a_run_that_cannot_be_made_is_2_and_says_why() {
    let folder = tempfile::tempdir().expect("a folder");
    let plan = folder.path().join("plan.toml");
    let run =
        |serial: &str| ctl(&["-o", "json", "fixture", "run", text(&plan), "--serial", serial]);
    assert_eq!(run("V-1").expect(2).error()["code"], "file_unreadable");
    std::fs::write(&plan, "name = \"p\"\n[[phase]]\nnmae = 1\n").expect("a file");
    let error = run("V-1").expect(2).error();
    assert_eq!(error["code"], "plan");
    assert!(error["message"].as_str().is_some_and(|m| m.contains("plan.toml:3:1")), "{error}");
    assert_eq!(run("../up").expect(2).error()["code"], "serial");
}

/// What `plans/board.toml` measures, in a folder: a fake sysfs, loops of files and a pseudo terminal,
/// pictures, a peer that drops what it gets, and a stand-in for the R5F.
struct Bench {
    folder: tempfile::TempDir,
    r5f: Arc<Mutex<Board>>,
    answer: &'static str,
}

const RAIL: &str = "sys/class/hwmon/hwmon1";
const SYSMON: &str = "sys/bus/iio/devices/iio:device0";
const CLOCK: &str = "sys/kernel/debug/clk/pl0_ref/clk_rate";
const PINS: [&str; 2] = ["sys/class/gpio/gpio416/value", "sys/class/gpio/gpio417/value"];
const EEPROM: &str = "sys/bus/i2c/devices/1-0054/eeprom";
const UART: &str = "dev/ttyPS1";

impl Bench {
    fn new() -> Bench {
        let folder = tempfile::tempdir().expect("a folder");
        let r5f = r5f::serve(&folder.path().join("uart1"), Board::good());
        let bench = Bench { folder, r5f, answer: "yes" };
        let plan = fs::read_to_string(root().join("userspace/fixture/plans/board.toml"));
        let plan = plan.expect("the plan").replace("gpu:9", &format!("127.0.0.1:{}", discard()));
        // A busy machine's memory and loopback are as slow as they are: less is sent, and a peer is
        // slow that takes four seconds for it, twice what the limit allows.
        let plan = plan.replace("100_000_000", "1_000_000").replace("mib = 64", "mib = 4");
        let rate = "limits = { min = 100, marginal_min = 110 }";
        assert!(plan.contains(rate), "the plan's rate of the link");
        bench.put("plan.toml", plan.replace(rate, "limits.min = 0.5"));
        bench.put(&format!("{RAIL}/name"), "ina226_u79\n");
        bench.put(&format!("{RAIL}/in2_input"), "850\n");
        bench.put(&format!("{RAIL}/power1_input"), "1500000\n");
        bench.put(&format!("{SYSMON}/name"), "ams\n");
        bench.put(&format!("{SYSMON}/in_temp2_input"), "41250\n");
        bench.put(CLOCK, "99999999\n");
        bench.put(PINS[0], "0\n");
        bench.loop_pins();
        bench.put(EEPROM, vec![0xFF; 256]);
        bench.loop_uart(|_, byte| Some(byte));
        for pattern in [Pattern::Bars, Pattern::Ramp] {
            bench.picture(pattern, |_| {});
        }
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn put(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("its folder");
        let _ = fs::remove_file(&path); // it may be a link
        fs::write(path, content).expect("a file");
    }

    fn loop_pins(&self) {
        self.put(PINS[1], "");
        fs::remove_file(self.path(PINS[1])).expect("it was there");
        symlink(self.path(PINS[0]), self.path(PINS[1])).expect("a wire");
    }

    fn loop_uart(&self, wire: fn(usize, u8) -> Option<u8>) {
        self.put(UART, "");
        fs::remove_file(self.path(UART)).expect("it was there");
        symlink(terminal::looped(wire), self.path(UART)).expect("a line");
    }

    fn picture(&self, pattern: Pattern, change: impl Fn(&mut Picture)) {
        let mut picture = pattern.picture(Format::Rgb8, 320, 60);
        change(&mut picture);
        let name = if pattern == Pattern::Bars { "camera/bars/0.png" } else { "camera/ramp/0.png" };
        self.put(name, picture.to_png().expect("a PNG"));
    }

    /// Another machine is where the plan has the one with the GPU.
    fn peer(&self, port: u16) {
        let plan = fs::read_to_string(self.path("plan.toml")).expect("the plan");
        let at = plan.find("127.0.0.1:").expect("the peer") + "127.0.0.1:".len();
        let old: String = plan[at..].chars().take_while(char::is_ascii_digit).collect();
        self.put("plan.toml", plan.replace(&old, &port.to_string()));
    }

    fn board(&self, change: impl FnOnce(&mut Board)) {
        change(&mut self.r5f.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn run(&self) -> (Ran, Value) {
        self.put("answers.toml", format!("led = \"{}\"\n", self.answer));
        let mut command = agentctl();
        let programs = Path::new(command.get_program()).parent().expect("a folder").to_owned();
        let path = std::env::join_paths(
            std::iter::once(programs)
                .chain(std::env::split_paths(&std::env::var_os("PATH").expect("PATH"))),
        );
        command
            .args(["-o", "json", "fixture", "run", text(&self.path("plan.toml"))])
            .args(["--serial", "B-1", "--root", text(self.folder.path())])
            .args(["--answers", text(&self.path("answers.toml"))])
            .args(["--out", text(&self.path("records"))])
            .env("PATH", path.expect("paths"))
            .env("TANDEM_TARGET", format!("serial+unix://{}", self.path("uart1").display()));
        let ran = run(&mut command);
        let line = ran.lines().pop().unwrap_or_else(|| panic!("{}", ran.stderr));
        let record = fs::read(line["record"].as_str().expect("a path")).expect("the record");
        (ran, serde_json::from_slice(&record).expect("JSON"))
    }
}

/// A peer that drops what it gets and then closes.
fn discard() -> u16 {
    discard_with(Duration::ZERO)
}

/// The same, with a pause after every 64 KiB.
fn discard_with(pause: Duration) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut piece = vec![0; 1 << 16];
                while matches!((&stream).read_exact(&mut piece), Ok(())) {
                    std::thread::sleep(pause);
                }
            });
        }
    });
    port
}

#[test]
fn a_whole_board_passes_and_is_given_its_identity() {
    let bench = Bench::new();
    let (ran, record) = bench.run();
    assert!(bad(&record).is_empty(), "{:?}: {}", bad(&record), ran.stderr);
    ran.expect(0);
    let identity = fs::read(bench.path(EEPROM)).expect("the EEPROM");
    let there = tandem_fixture::source::read_identity(&identity[..96]);
    assert_eq!(there, Some(("B-1".to_owned(), "zcu102".to_owned())));
}

/// Each kind of measurement: what is done to the board, and the one measurement that must fail by it.
#[test]
fn each_kind_of_measurement_finds_its_fault_and_no_other_one() {
    type Plant = fn(&mut Bench);
    let faults: [(&str, Plant); 26] = [
        ("r5f_board", |b| b.board(|r| r.board = "kv260")),
        ("r5f_line_framing", |b| b.board(|r| r.counters.framing = 3)),
        ("tcm", |b| b.board(|r| *r.test(Test::Tcm) = (Verdict::Failed, [22_432, 0, 0, 0x2_0010]))),
        ("tcm_marched", |b| b.board(|r| r.test(Test::Tcm).1[0] = 16_383)),
        ("ocm", |b| b.board(|r| *r.test(Test::Ocm) = (Verdict::Failed, [0, 0, 0, 0xFFFC_0004]))),
        ("timer_error", |b| b.board(|r| r.test(Test::Timer).1[0] = 51_100_000)),
        ("watchdog", |b| b.board(|r| r.test(Test::Watchdog).0 = Verdict::Failed)),
        ("r5f_gpio", |b| b.board(|r| *r.test(Test::Gpio) = (Verdict::Failed, [1, 0, 0, 0]))),
        ("i2c_devices", |b| b.board(|r| r.test(Test::I2c).1[2] = 1 << 4)),
        ("dma_loopback_rate", |b| b.board(|r| r.test(Test::DmaLoopback).1[1] = 50_000)),
        ("kernel_pre", |b| b.board(|r| r.kernel(Block::Pre)[3] ^= 1)),
        ("kernel_post", |b| b.board(|r| r.kernel(Block::Post)[1] = 2 << 16)),
        ("kernel_gate", |b| b.board(|r| r.kernel(Block::Gate)[0] = 7)),
        ("kernel_pre_caps", |b| b.board(|r| r.kernel(Block::Pre)[2] = 0x3F)),
        ("pl_clock", |b| b.put(CLOCK, "96999999")),
        ("vccint", |b| b.put(&format!("{RAIL}/in2_input"), "811")),
        ("vccint_power", |b| b.put(&format!("{RAIL}/power1_input"), "15000000")),
        ("pl_temperature", |b| b.put(&format!("{SYSMON}/in_temp2_input"), "85001")),
        ("gpio_loop", |b| b.put(PINS[1], "1")),
        ("uart_loop_wrong", |b| b.loop_uart(|at, byte| Some(byte ^ u8::from(at == 500)))),
        ("camera_contrast", |b| b.picture(Pattern::Bars, |p| p.bytes.fill(0))),
        ("camera_order", |b| {
            b.picture(Pattern::Bars, |p| p.bytes.chunks_exact_mut(3).for_each(|p| p.swap(0, 2)));
        }),
        ("camera_dead_pixels", |b| {
            b.picture(Pattern::Ramp, |p| {
                p.bytes.chunks_exact_mut(320 * 3).for_each(|row| row[30..33].fill(255));
            });
        }),
        ("gpu_link", |b| {
            let free = TcpListener::bind("127.0.0.1:0").expect("a port");
            b.peer(free.local_addr().expect("an address").port());
        }),
        ("gpu_link_rate", |b| b.peer(discard_with(Duration::from_millis(250)))),
        ("led", |b| b.answer = "no"),
    ];
    for (measurement, plant) in faults {
        let mut bench = Bench::new();
        plant(&mut bench);
        let (ran, record) = bench.run();
        assert_eq!(bad(&record), [(measurement.to_owned(), "fail".to_owned())], "{}", ran.stderr);
        ran.expect(1);
    }
}

#[test]
fn the_edges_of_a_board_are_marginal_and_what_is_not_there_is_an_error() {
    let bench = Bench::new();
    bench.board(|board| board.test(Test::DmaLoopback).1[1] = 32_000);
    bench.put(&format!("{SYSMON}/in_temp2_input"), "75000");
    let (ran, record) = bench.run();
    let marginal = |name: &str| (name.to_owned(), "marginal".to_owned());
    assert_eq!(bad(&record), [marginal("dma_loopback_rate"), marginal("pl_temperature")]);
    ran.expect(0);
    // Another board's identity is kept, and the one who asks is told.
    let other = tandem_fixture::source::identity("B-0", "zcu102");
    bench.put(EEPROM, other);
    fs::remove_dir_all(bench.path(SYSMON)).expect("it was there");
    let (ran, record) = bench.run();
    let error = |name: &str| (name.to_owned(), "error".to_owned());
    let wanted = [marginal("dma_loopback_rate"), error("pl_temperature"), error("identity")];
    assert_eq!(bad(&record), wanted);
    ran.expect(2);
    assert_eq!(fs::read(bench.path(EEPROM)).expect("the EEPROM"), other);
}
