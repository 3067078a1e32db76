//! The load: its order, what it refuses, and what runs after each failure; with a manager of a
//! script, and with Linux' `fpga_manager` as a tree of files.

mod common;

use std::cell::RefCell;
use std::fs;
use std::path::Path;
use std::rc::Rc;

use common::{board, image, manifest, write};
use tandem_bitstreams::{
    Admitted, Found, FpgaManager, Identity, LoadError, Loader, Manager, Map, Record, Records,
    Station, admit,
};
use tempfile::TempDir;

type Log = Rc<RefCell<Vec<String>>>;

/// A manager and a station that write down what is asked of them, and fail when told to.
struct Bench {
    log: Log,
    root: TempDir,
}

struct Scripted {
    log: Log,
    free: Option<u64>,
    /// Names that fail.
    broken: Vec<&'static str>,
}

impl Manager for Scripted {
    fn contiguous(&self) -> Option<u64> {
        self.free
    }

    fn program(&mut self, name: &str, image: &[u8]) -> Result<(), String> {
        assert!(!image.is_empty());
        self.log.borrow_mut().push(format!("program {name}"));
        if self.broken.contains(&name) { Err("write error".into()) } else { Ok(()) }
    }
}

struct Logic {
    log: Log,
    busy: bool,
    hash: u32,
}

impl Station for Logic {
    fn quiesce(&mut self) -> Result<(), String> {
        self.log.borrow_mut().push("quiesce".into());
        if self.busy { Err("dma_pre does not halt".into()) } else { Ok(()) }
    }

    fn identify(&mut self, base: u32) -> Result<Identity, String> {
        let map = if base == board().pl.pre.base { Map::Pre } else { Map::Post };
        self.log.borrow_mut().push(format!("identify {}", map.name()));
        Ok(Identity { id: map.id(), hash: map.hash() ^ self.hash })
    }

    fn resume(&mut self) {
        self.log.borrow_mut().push("resume".into());
    }
}

impl Bench {
    fn new() -> Self {
        Self { log: Rc::default(), root: TempDir::new().expect("a folder") }
    }

    fn admitted(&self, name: &str, seed: u32) -> Admitted {
        let bytes = image(seed);
        let manifest = manifest(name, &bytes, &[Map::Pre, Map::Post]);
        admit(&write(self.root.path(), &manifest, &bytes), &board()).expect("good")
    }

    fn loader(&self, free: Option<u64>, broken: &[&'static str]) -> Loader<Scripted> {
        Loader::new(Scripted { log: self.log.clone(), free, broken: broken.to_vec() })
    }

    fn logic(&self) -> Logic {
        Logic { log: self.log.clone(), busy: false, hash: 0 }
    }

    fn log(&self) -> String {
        self.log.take().join(", ")
    }
}

const UP: &str = "identify pre, identify post";

#[test]
fn dma_stops_before_and_kernels_are_asked_behind() {
    let bench = Bench::new();
    let (mut loader, mut logic) = (bench.loader(None, &[]), bench.logic());
    loader.load(bench.admitted("a", 1), &mut logic).expect("loads");
    assert_eq!(bench.log(), format!("quiesce, program a, {UP}, resume"));
    assert_eq!(loader.current(), Some("a"));
    loader.load(bench.admitted("a", 1), &mut logic).expect("runs already");
    assert_eq!(bench.log(), "", "nothing to do");
    loader.load(bench.admitted("b", 2), &mut logic).expect("loads");
    assert_eq!(bench.log(), format!("quiesce, program b, {UP}, resume"));
}

#[test]
fn what_cannot_be_loaded_leaves_the_logic_alone() {
    let bench = Bench::new();
    let size = image(1).len() as u64;
    let (mut loader, mut logic) = (bench.loader(Some(size - 1), &[]), bench.logic());
    let message = loader.load(bench.admitted("a", 1), &mut logic).expect_err("no room").to_string();
    assert!(
        message.contains(&format!("{size} bytes do not fit the {} free", size - 1)),
        "{message}"
    );
    assert_eq!(bench.log(), "", "untouched");
    let mut loader = bench.loader(Some(size), &[]);
    logic.busy = true;
    let error = loader.load(bench.admitted("a", 1), &mut logic).expect_err("busy");
    assert!(matches!(&error, LoadError::Busy { reason, .. } if reason == "dma_pre does not halt"));
    assert_eq!(bench.log(), "quiesce, resume", "what was stopped goes on");
}

#[test]
fn a_failed_load_brings_the_one_before_back() {
    let bench = Bench::new();
    let (mut loader, mut logic) = (bench.loader(None, &["b"]), bench.logic());
    loader.load(bench.admitted("a", 1), &mut logic).expect("loads");
    bench.log();
    let error = loader.load(bench.admitted("b", 2), &mut logic).expect_err("fails");
    assert_eq!(error.to_string(), "b: write error; a was loaded again and runs");
    assert_eq!(bench.log(), format!("quiesce, program b, program a, {UP}, resume"));
    assert_eq!(loader.current(), Some("a"));
}

#[test]
fn kernels_that_are_not_those_of_the_manifest_are_not_used() {
    let bench = Bench::new();
    let (mut loader, mut logic) = (bench.loader(None, &[]), bench.logic());
    logic.hash = 1;
    let error = loader.load(bench.admitted("a", 1), &mut logic).expect_err("strangers");
    let message = error.to_string();
    assert!(message.contains("a: at 0x80020000 should be pre"), "{message}");
    assert!(message.contains("not in use until a load succeeds"), "{message}");
    assert_eq!(bench.log(), "quiesce, program a, identify pre", "DMA stays stopped");
    assert_eq!(loader.current(), None);
    logic.hash = 0;
    loader.load(bench.admitted("a", 1), &mut logic).expect("a load mends it");
    bench.log();
    // Both fail: the message says that there is nothing.
    logic.hash = 1;
    let error = loader.load(bench.admitted("b", 2), &mut logic).expect_err("strangers");
    assert!(error.to_string().contains("loading a again failed, too"), "{error}");
    assert_eq!(loader.current(), None);
}

/// A tree that looks like the manager's on a board.
fn tree(root: &Path, state: &str, cma_kib: u64) {
    let class = root.join("sys/class/fpga_manager/fpga0");
    fs::create_dir_all(&class).expect("folders");
    fs::create_dir_all(root.join("proc")).expect("folders");
    for (name, text) in [("state", state), ("flags", "0"), ("firmware", "")] {
        fs::write(class.join(name), text).expect("an attribute");
    }
    let meminfo = format!("MemTotal: 4000000 kB\nCmaTotal: 262144 kB\nCmaFree: {cma_kib} kB\n");
    fs::write(root.join("proc/meminfo"), meminfo).expect("meminfo");
}

#[test]
fn fpga_manager_gets_the_name_of_a_file_that_was_whole() {
    let root = TempDir::new().expect("a folder");
    tree(root.path(), "operating\n", 100);
    let mut manager = FpgaManager::at(root.path());
    assert_eq!(manager.contiguous(), Some(102_400));
    manager.program("detect", &image(0)).expect("programs");
    let class = root.path().join("sys/class/fpga_manager/fpga0");
    assert_eq!(fs::read_to_string(class.join("firmware")).expect("written"), "tandem-detect.bin");
    let left = fs::read_dir(root.path().join("lib/firmware")).expect("made").count();
    assert_eq!(left, 0, "nothing is left behind");
}

#[test]
fn fpga_manager_says_where_it_stopped() {
    let root = TempDir::new().expect("a folder");
    tree(root.path(), "write error\n", 100);
    let mut manager = FpgaManager::at(root.path());
    let message = manager.program("detect", &image(0)).expect_err("state");
    assert_eq!(message, "the manager's state is \"write error\", not \"operating\"");
    // A write that the kernel refuses: /dev/full gives ENOSPC to every write.
    let firmware = root.path().join("sys/class/fpga_manager/fpga0/firmware");
    fs::remove_file(&firmware).expect("removed");
    std::os::unix::fs::symlink("/dev/full", &firmware).expect("linked");
    let message = manager.program("detect", &image(0)).expect_err("refused");
    assert!(message.contains("fpga0/firmware: No space left"), "{message}");
    assert!(message.ends_with("(state: write error)"), "{message}");
    assert_eq!(fs::read_dir(root.path().join("lib/firmware")).expect("made").count(), 0);
    // Nowhere to put the image.
    let file = root.path().join("proc/meminfo");
    let message = FpgaManager::at(&file).program("detect", &image(0)).expect_err("no folder");
    assert!(message.contains("lib/firmware"), "{message}");
}

#[test]
fn the_kernel_is_told_of_the_agents_folder_for_a_load_and_no_longer() {
    let root = TempDir::new().expect("a folder");
    tree(root.path(), "operating\n", 100);
    let folder = root.path().join("run");
    let path = root.path().join("sys/module/firmware_class/parameters/path");
    let mut manager = FpgaManager::at(root.path()).placing_in(&folder, root.path());
    assert!(manager.program("detect", &image(0)).expect_err("no such file").contains("path"));
    fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
    for (before, after) in [("/lib/firmware/r5", "/lib/firmware/r5"), ("\n", "\n")] {
        fs::write(&path, before).expect("a parameter");
        manager.program("detect", &image(0)).expect("programs");
        let now = fs::read_to_string(&path).expect("the parameter");
        // A file keeps the rest of what was longer; sysfs does not.
        assert!(now.starts_with(after), "{now:?}");
        assert_eq!(fs::read_dir(&folder).expect("made").count(), 0, "nothing is left behind");
    }
    assert!(!root.path().join("lib/firmware").exists(), "which is not the agent's");
}

#[test]
fn a_manager_that_this_program_cannot_use_is_named_beforehand() {
    let root = TempDir::new().expect("a folder");
    let check = || FpgaManager::at(root.path()).check();
    assert!(check().expect_err("none").contains("fpga0/state"));
    tree(root.path(), "operating\n", 100);
    check().expect("AMD's");
    fs::remove_file(root.path().join("sys/class/fpga_manager/fpga0/firmware")).expect("removed");
    assert!(check().expect_err("another kernel's").contains("fpga0/firmware"));
}

#[test]
fn a_cut_between_the_writes_of_a_load_leaves_the_old_record() {
    let root = TempDir::new().expect("a folder");
    let records = Records::in_folder(&root.path().join("run"));
    assert_eq!(records.find(), Found::default());
    let record = |name: &str| Record {
        name: name.into(),
        sha256: "00".repeat(32),
        at: 7,
        by: "a test".into(),
    };
    records.begin("a").expect("written");
    assert_eq!(records.find().unfinished.as_deref(), Some("a"), "the power goes here");
    records.end(&record("a")).expect("written");
    assert_eq!(records.find(), Found { record: Some(record("a")), ..Found::default() });
    records.begin("b").expect("written");
    let found = records.find();
    assert_eq!((found.record, found.unfinished), (Some(record("a")), Some("b".into())));
    fs::write(root.path().join("run/bitstream.toml"), "name = 1\n").expect("written");
    let found = records.find();
    assert!(found.record.is_none() && found.damaged.expect("said").contains("bitstream.toml"));
}

#[test]
fn what_is_known_to_run_is_what_a_failed_load_goes_back_to() {
    let bench = Bench::new();
    let manager = Scripted { log: bench.log.clone(), free: None, broken: vec!["b"] };
    let mut loader = Loader::over(manager, Some(bench.admitted("a", 1)));
    assert_eq!(loader.current(), Some("a"));
    let error = loader.load(bench.admitted("b", 2), &mut bench.logic()).expect_err("fails");
    assert!(matches!(&error, LoadError::RolledBack { back, .. } if back == "a"), "{error}");
}
