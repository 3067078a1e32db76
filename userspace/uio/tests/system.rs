//! Devices, pool and core control on a made sysfs.

use std::fs;
use std::path::Path;
use tandem_boards::{Board, Range};
use tandem_link::SharedMemory;
use tandem_link::board::{CoreError, CoreState, RemoteCore};
use tandem_uio::{SysfsCore, System, Uio, UioBoard, UioError};
use tempfile::TempDir;

struct Made {
    folder: TempDir,
    system: System,
}

impl Made {
    fn new() -> Self {
        let folder = TempDir::new().expect("a folder");
        let system = System { sys: folder.path().join("sys"), dev: folder.path().join("dev") };
        fs::create_dir_all(&system.dev).expect("dev");
        Self { folder, system }
    }

    fn put(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    /// A UIO device; its file holds a page a map, which the maps of UIO are counted in.
    fn uio(&self, number: u32, name: &str, maps: &[(&str, Range)]) {
        self.put(&format!("sys/class/uio/uio{number}/name"), &format!("{name}\n"));
        let mut bytes = 0;
        for (index, (map, range)) in maps.iter().enumerate() {
            let folder = format!("sys/class/uio/uio{number}/maps/map{index}");
            self.put(&format!("{folder}/name"), &format!("{map}\n"));
            self.put(&format!("{folder}/addr"), &format!("{:#018x}\n", range.base));
            self.put(&format!("{folder}/size"), &format!("{:#018x}\n", range.size));
            bytes = bytes.max(index as u64 * 4096 + u64::from(range.size));
        }
        let file =
            fs::File::create(self.system.dev.join(format!("uio{number}"))).expect("a device");
        file.set_len(bytes).expect("its size");
    }

    fn remoteproc(&self, state: &str) {
        self.put("sys/class/remoteproc/remoteproc0/name", "cortex-m-something\n");
        self.put("sys/class/remoteproc/remoteproc1/name", "ff9a0000.rf5ss:r5f_0\n");
        self.put("sys/class/remoteproc/remoteproc1/state", state);
        self.put("sys/class/remoteproc/remoteproc1/firmware", "");
        self.put("sys/module/firmware_class/parameters/path", "");
        self.put("images/tandem-rpu", "an image");
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.folder.path().join(path)).expect("a file")
    }
}

const PLACE: Range = Range { base: 0x4000_0000, size: 0x2000 };

#[test]
fn a_device_is_found_by_its_name_and_its_maps_by_theirs() {
    let made = Made::new();
    made.uio(0, "other", &[("link", Range { base: 0, size: 4096 })]);
    let glue = Range { base: 0x4805_0000, size: 0x1000 };
    made.uio(7, "tandem-link", &[("link", PLACE), ("glue", glue)]);
    let device = Uio::open(&made.system, "tandem-link").expect("the device");
    let (link, page) =
        (device.map_at("link", PLACE).expect("link"), device.map("glue").expect("glue"));
    assert_eq!((link.size(), page.size()), (0x2000, 0x1000));
    link.store(0x1000, 0xCAFE_F00D);
    assert_eq!(page.load(0), 0xCAFE_F00D, "the second map begins at the second page");
}

#[test]
fn what_is_not_there_or_elsewhere_is_named() {
    let made = Made::new();
    let missing = Uio::open(&made.system, "tandem-link").expect_err("no sysfs");
    assert!(missing.to_string().contains("tandem-link"), "{missing}");
    made.uio(0, "tandem-link", &[("log", PLACE)]);
    let device = Uio::open(&made.system, "tandem-link").expect("the device");
    let error = device.map("link").expect_err("no such map").to_string();
    assert!(error.contains("link") && error.contains("it has log"), "{error}");
    let elsewhere = Range { base: 0x5000_0000, ..PLACE };
    let error = device.map_at("log", elsewhere).expect_err("another place").to_string();
    assert!(error.contains("0x40000000") && error.contains("0x50000000"), "{error}");
    made.put("sys/class/uio/uio0/maps/map0/addr", "forty\n");
    let error = Uio::open(&made.system, "tandem-link").expect_err("no number");
    assert!(matches!(error, UioError::Text { .. }), "{error}");
}

#[test]
fn a_board_says_which_of_its_devices_is_missing() {
    let board = Board::load(Path::new("../../boards/qemu.toml")).expect("the description");
    let made = Made::new();
    let regions = &board.regions;
    let open = || UioBoard::open(&board, "image".into(), &made.system).err().expect("an error");
    assert!(open().to_string().contains("tandem-link"));
    let glue = board.pl.glue.expect("QEMU has one");
    let maps =
        [("link", regions.link), ("log", regions.log), ("crash", regions.crash), ("glue", glue)];
    made.uio(0, "tandem-link", &maps);
    assert!(open().to_string().contains("tandem-tcm"));
    made.uio(1, "tandem-tcm", &[("tcm", Range { base: 0, size: 0x4_0000 })]);
    assert!(open().to_string().contains("r5ctl"));
    made.put("sys/module/r5ctl/parameters/on", "1\n");
    assert!(open().to_string().contains("tandem-pool"));
    made.uio(2, "tandem-pool", &[("pool", Range { size: 4096, ..regions.pool })]);
    assert!(matches!(open(), UioError::Place { .. }));
}

#[test]
fn remoteproc_is_told_what_to_load_and_when_to_start() {
    let made = Made::new();
    made.remoteproc("offline\n");
    let image = made.folder.path().join("images/tandem-rpu");
    let core = SysfsCore::open(&made.system, image).expect("the core");
    let state = "sys/class/remoteproc/remoteproc1/state";
    assert_eq!(core.state(), CoreState::Stopped);
    assert_eq!(core.stop(), Err(CoreError::Stopped));
    core.start().expect("a start");
    assert_eq!(made.read("sys/class/remoteproc/remoteproc1/firmware"), "tandem-rpu");
    let folder = made.folder.path().join("images");
    assert_eq!(Path::new(&made.read("sys/module/firmware_class/parameters/path")), folder);
    assert_eq!(made.read(state), "start");
    made.put(state, "running\n");
    assert_eq!((core.state(), core.start()), (CoreState::Running, Err(CoreError::Running)));
    core.stop().expect("a stop");
    assert_eq!(made.read(state), "stop");
    made.put(state, "crashed\n");
    assert_eq!(core.state(), CoreState::Crashed);
    core.restart().expect("a restart");
    assert_eq!(made.read(state), "start");
}

#[test]
fn a_core_without_its_image_is_left_as_it_is() {
    let made = Made::new();
    made.remoteproc("offline\n");
    let image = made.folder.path().join("images/nothing");
    let core = SysfsCore::open(&made.system, image).expect("the core");
    assert!(matches!(core.start(), Err(CoreError::Image(text)) if text.contains("nothing")));
    assert_eq!(made.read("sys/class/remoteproc/remoteproc1/state"), "offline\n");
    let bare = Made::new();
    let missing = SysfsCore::open(&bare.system, "image".into()).err().expect("no remoteproc");
    assert!(missing.to_string().contains("remoteproc"), "{missing}");
}
