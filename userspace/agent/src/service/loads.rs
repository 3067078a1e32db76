//! Bitstreams are loaded under load: `fpga_manager` and the logic's registers are a tree of files, and
//! what the kernel and the logic would do is played here.

use std::collections::VecDeque;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use tandem_bitstreams::{FpgaManager, Manager, Map};
use tandem_boards::Board;

use super::bitstream::staging;
use super::updates::Bench;
use super::{BitstreamReport, Service};
use crate::api::ApiError;

#[path = "../../../../bitstreams/tests/common/mod.rs"]
mod made;

/// What becomes of a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    /// The logic holds the kernels.
    Good,
    /// The kernel refuses the write.
    Refused,
    /// The write succeeds, the state says that it did not.
    State(&'static str),
    /// The logic holds other kernels.
    Strangers,
    /// The power goes.
    Cut,
}

/// The manager on its tree, and the logic behind it.
struct Played {
    inner: FpgaManager,
    root: PathBuf,
    script: Arc<Mutex<VecDeque<Act>>>,
}

impl Manager for Played {
    fn contiguous(&self) -> Option<u64> {
        self.inner.contiguous()
    }

    fn program(&mut self, name: &str, image: &[u8]) -> Result<(), String> {
        let act = self.script.lock().unwrap().pop_front().unwrap_or(Act::Good);
        let class = self.root.join("sys/class/fpga_manager/fpga0");
        let state = if let Act::State(state) = act { state } else { "operating" };
        fs::write(class.join("state"), format!("{state}\n")).unwrap();
        if act == Act::Cut {
            panic!("the power goes");
        }
        let firmware = class.join("firmware");
        fs::remove_file(&firmware).unwrap();
        match act {
            Act::Refused => std::os::unix::fs::symlink("/dev/full", &firmware).unwrap(),
            _ => fs::write(&firmware, "").unwrap(),
        }
        self.inner.program(name, image)?;
        kernels(&self.root, if act == Act::Strangers { 1 } else { 0 });
        Ok(())
    }
}

/// Writes a word into the registers of the `map`-th map of the device of the logic.
fn put(root: &Path, map: u64, offset: u64, word: u32) {
    let device = fs::File::options().write(true).open(root.join("dev/uio0")).unwrap();
    device.write_all_at(&word.to_le_bytes(), map * 4096 + offset).unwrap();
}

/// The kernels' identities, all wrong by `flip`.
fn kernels(root: &Path, flip: u32) {
    for (index, map) in [Map::Pre, Map::Post, Map::Gate].into_iter().enumerate() {
        put(root, 2 + index as u64, 0, map.id());
        put(root, 2 + index as u64, 12, map.hash() ^ flip);
    }
}

/// A board whose logic holds kernels that somebody loaded.
struct Station {
    bench: Bench,
    script: Arc<Mutex<VecDeque<Act>>>,
}

impl Station {
    fn start() -> Self {
        let mut bench = Bench::on(made::board());
        let root = bench.folder.path().to_owned();
        tree(&root, &made::board());
        for (name, seed) in [("a", 1), ("b", 2)] {
            let image = made::image(seed);
            let manifest = made::manifest(name, &image, &[Map::Pre, Map::Post, Map::Gate]);
            made::write(&root.join("bitstreams"), &manifest, &image);
        }
        let script = Arc::new(Mutex::new(VecDeque::new()));
        let acts = script.clone();
        let service = Arc::get_mut(&mut bench.service).expect("nobody else has it yet");
        let inner = FpgaManager::at(&root).placing_in(&staging(&root.join("run")), &root);
        service.care.manager = Arc::new(move || {
            let (inner, root) = (inner.clone(), root.clone());
            Box::new(Played { inner, root, script: acts.clone() })
        });
        Self { bench, script }
    }

    fn load(&self, name: &str, acts: &[Act]) -> Result<BitstreamReport, ApiError> {
        self.script.lock().unwrap().extend(acts);
        let (done, answers) = self.bench.under_load(|service| service.load_bitstream(name));
        self.bench.assert_whole(&answers);
        done
    }

    fn service(&self) -> &Service {
        &self.bench.service
    }

    fn epoch(&self) -> u32 {
        self.service().peer().unwrap().epoch
    }
}

/// `/sys`, `/dev` and `/proc` as far as a load touches them; the DMA engines stand.
fn tree(root: &Path, board: &Board) {
    let write = |path: &str, text: &str| {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    for (name, text) in [("state", "operating\n"), ("flags", "0\n"), ("firmware", "")] {
        write(&format!("sys/class/fpga_manager/fpga0/{name}"), text);
    }
    write("proc/meminfo", "CmaTotal: 262144 kB\nCmaFree: 100000 kB\n");
    write("sys/class/uio/uio0/name", "tandem-pl\n");
    let maps = board.pl.windows();
    for (index, (name, range)) in maps.iter().enumerate() {
        let folder = format!("sys/class/uio/uio0/maps/map{index}");
        write(&format!("{folder}/name"), name);
        write(&format!("{folder}/addr"), &format!("{:#x}", range.base));
        write(&format!("{folder}/size"), &format!("{:#x}", range.size));
    }
    write("dev/uio0", "");
    let length = 5 * 4096 + maps.iter().map(|(_, range)| u64::from(range.size)).max().unwrap();
    fs::File::options().write(true).open(root.join("dev/uio0")).unwrap().set_len(length).unwrap();
    for engine in [0, 1] {
        put(root, engine, 0x04, 1);
        put(root, engine, 0x34, 1);
    }
    kernels(root, 0);
}

#[test]
fn a_bitstream_is_loaded_under_load_and_said_to_run() {
    let station = Station::start();
    let before = station.service().bitstream().unwrap();
    assert_eq!((before.known_by.as_str(), before.name), ("kernels", None), "somebody loaded it");
    let epoch = station.epoch();
    let now = station.load("a", &[]).unwrap();
    assert_eq!((now.known_by.as_str(), now.name.as_deref()), ("record_and_kernels", Some("a")));
    assert!(now.kernels.iter().all(|kernel| kernel.known) && now.kernels.len() == 3);
    assert_ne!(station.epoch(), epoch, "the firmware met the new logic by a new epoch");
    station.bench.assert_used();
    let firmware = station.bench.path("sys/class/fpga_manager/fpga0/firmware");
    assert_eq!(fs::read_to_string(firmware).unwrap(), "tandem-a.bin");
    station.load("b", &[]).unwrap();
    let list = station.service().bitstreams().unwrap();
    let current: Vec<_> =
        list.iter().filter(|entry| entry.current).map(|e| e.name.as_str()).collect();
    assert_eq!((list.len(), current), (2, vec!["b"]));
    // Once more is nothing to do.
    let epoch = station.epoch();
    station.service().load_bitstream("b").unwrap();
    assert_eq!(station.epoch(), epoch);
}

#[test]
fn a_load_that_fails_goes_back_and_the_record_says_what_runs() {
    for act in [Act::Refused, Act::State("write error"), Act::Strangers] {
        let station = Station::start();
        station.load("a", &[]).unwrap();
        let error = station.load("b", &[act, Act::Good]).unwrap_err();
        assert_eq!(error.code, "bitstream_rolled_back", "{act:?}: {error}");
        let now = station.service().bitstream().unwrap();
        let found = (now.known_by.as_str(), now.name.as_deref());
        assert_eq!(found, ("record_and_kernels", Some("a")), "{act:?}");
        station.bench.assert_used();
    }
}

#[test]
fn logic_in_an_unknown_state_is_not_used_until_a_load_succeeds() {
    let station = Station::start();
    let error = station.load("a", &[Act::Strangers]).unwrap_err();
    assert_eq!(error.code, "bitstream_failed", "{error}");
    assert!(error.message.contains("should be pre"), "{error}");
    assert_eq!(station.bench.inspect().degraded, ["r5_held"], "the CPU stands in");
    let now = station.service().bitstream().unwrap();
    assert_eq!((now.known_by.as_str(), &now.name), ("doubt", &None));
    assert!(now.notes.iter().any(|note| note.contains("a load of a did not end")), "{now:?}");
    station.load("a", &[]).unwrap();
    station.bench.assert_used();
    assert_eq!(station.service().bitstream().unwrap().known_by, "record_and_kernels");
}

#[test]
fn power_that_goes_in_between_leaves_the_old_record_in_doubt() {
    let station = Station::start();
    station.load("a", &[]).unwrap();
    station.script.lock().unwrap().push_back(Act::Cut);
    let _inside = station.bench.runtime.enter();
    let cut = std::panic::AssertUnwindSafe(|| station.service().load_bitstream("b"));
    assert!(std::panic::catch_unwind(cut).is_err());
    let now = station.service().bitstream().unwrap();
    assert_eq!((now.name.as_deref(), now.known_by.as_str()), (Some("a"), "doubt"));
    assert!(now.kernels.is_empty(), "logic that may not answer is not asked");
    // What was cut is not gone back to: nobody knows that it runs.
    let error = station.load("b", &[Act::Strangers]).unwrap_err();
    assert_eq!(error.code, "bitstream_failed", "{error}");
}

#[test]
fn what_cannot_be_loaded_is_refused_before_anything_is_touched() {
    let station = Station::start();
    let (service, epoch) = (station.service(), station.epoch());
    let root = station.bench.folder.path();
    let code = |name: &str| service.load_bitstream(name).unwrap_err().code;
    assert_eq!(code("c"), "bitstream_unknown");
    assert_eq!(service.check_bitstream("b").unwrap().name, "b");
    let image = root.join("bitstreams/b/b.bin");
    let bytes = fs::read(&image).unwrap();
    fs::write(&image, &bytes[..bytes.len() - 4]).unwrap();
    assert_eq!(code("b"), "bitstream_refused");
    assert_eq!(service.check_bitstream("b").unwrap_err().code, "bitstream_refused");
    fs::write(&image, &bytes).unwrap();
    fs::write(root.join("proc/meminfo"), "CmaFree: 0 kB\n").unwrap();
    assert_eq!(code("b"), "bitstream_refused");
    fs::write(root.join("proc/meminfo"), "CmaFree: 100000 kB\n").unwrap();
    fs::rename(root.join("sys/class/uio/uio0"), root.join("sys/gone")).unwrap();
    assert_eq!(code("b"), "no_overlay");
    fs::rename(root.join("sys/gone"), root.join("sys/class/uio/uio0")).unwrap();
    assert_eq!(station.epoch(), epoch);
    // An engine that does not halt: the firmware goes on, by a new epoch.
    put(root, 1, 0x34, 0);
    let _inside = station.bench.runtime.enter();
    let error = service.load_bitstream("b").unwrap_err();
    assert_eq!(error.code, "bitstream_busy");
    assert!(error.message.contains("dma_post"), "{error}");
    station.bench.assert_used();
    let found = service.bitstream().unwrap();
    assert_eq!(found.known_by, "kernels", "no load began: {found:?}");
    fs::remove_dir_all(root.join("sys/class/fpga_manager")).unwrap();
    let error = service.load_bitstream("b").unwrap_err();
    assert_eq!((error.code.as_str(), error.field.as_str()), ("no_fpga_manager", "board"));
    assert!(error.message.contains("fpga0/state"), "{error}");
}

#[test]
fn board_info_says_what_there_is_and_why_not_the_rest() {
    let station = Station::start();
    let root = station.bench.folder.path();
    let info = station.service().board().unwrap();
    assert_eq!((info.board.as_str(), info.core.as_str()), ("kv260", "running"));
    assert_eq!(info.bitstream.unwrap().known_by, "kernels");
    assert!(info.slots.is_none() && info.notes.iter().any(|note| note.contains("no slot")));
    // A card with two slots, A runs and B is to boot.
    fs::create_dir_all(root.join("run")).unwrap();
    fs::write(root.join("run/slot"), "A\n").unwrap();
    fs::create_dir_all(root.join("sys/class/block/mmcblk0")).unwrap();
    fs::create_dir_all(root.join("sys/class/block/mmcblk0p2")).unwrap();
    let unreadable = station.service().board().unwrap();
    assert!(unreadable.notes.iter().any(|note| note.contains("mmcblk0p2")), "{unreadable:?}");
    let a = tandem_slots::Entry { tries: 0, good: true, length: 9, hash: [1; 32] };
    let b = tandem_slots::Entry { tries: 2, good: false, length: 8, hash: [2; 32] };
    let record =
        tandem_slots::Record { active: tandem_slots::Slot::B, sequence: 5, entries: [a, b] };
    let mut state = vec![0; tandem_slots::STATE_SIZE as usize];
    state[..tandem_slots::SIZE].copy_from_slice(&record.encode());
    fs::write(root.join("dev/mmcblk0p2"), state).unwrap();
    let slots = station.service().board().unwrap().slots.expect("a card");
    assert_eq!((slots.running.as_str(), slots.active.as_str()), ("A", "B"));
    assert!(slots.slots[0].good && slots.slots[1].tries == 2);
    assert_eq!(slots.slots[1].sha256, "02".repeat(32));
}

#[test]
fn a_virtual_board_has_no_logic_to_load() {
    super::testing::with_service(async |service| {
        let error = service.load_bitstream("a").unwrap_err();
        assert_eq!(error.code, "no_fpga_manager", "{error}");
    });
}
