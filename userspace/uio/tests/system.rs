//! Devices, pool and core control on a made sysfs.

use std::fs;
use std::path::Path;
use tandem_boards::{Board, Range};
use tandem_link::SharedMemory;
use tandem_link::board::{CoreError, CoreState, RemoteCore};
use tandem_uio::{Logic, SysfsCore, System, Uio, UioBoard, UioError};
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

/// A device of u-dma-buf as its driver shows it (its Readme.md, "Device files").
fn u_dma_buf(made: &Made, name: &str, pool: Range, coherent: u32, mode: u32) {
    let folder = format!("sys/class/u-dma-buf/{name}");
    made.put(&format!("{folder}/phys_addr"), &format!("{:#018x}\n", pool.base));
    made.put(&format!("{folder}/size"), &format!("{}\n", pool.size));
    made.put(&format!("{folder}/dma_coherent"), &format!("{coherent}\n"));
    made.put(&format!("{folder}/sync_mode"), &format!("{mode}\n"));
    let file = fs::File::create(made.system.dev.join(name)).expect("a device");
    file.set_len(pool.size.into()).expect("its size");
}

/// QEMU's board on made devices, but for the pool.
fn without_pool() -> (Board, Made) {
    let board = Board::load(Path::new("../../boards/qemu.toml")).expect("the description");
    let made = Made::new();
    let regions = &board.regions;
    let glue = board.pl.glue.expect("QEMU has one");
    let maps =
        [("link", regions.link), ("log", regions.log), ("crash", regions.crash), ("glue", glue)];
    made.uio(0, "tandem-link", &maps);
    made.uio(1, "tandem-tcm", &[("tcm", Range { base: 0, size: 0x4_0000 })]);
    made.put("sys/module/r5ctl/parameters/on", "1\n");
    (board, made)
}

/// Flags of the open pool.
fn sync(board: &UioBoard) -> bool {
    use tandem_link::board::Board as _;
    let flags = rustix::fs::fcntl_getfl(board.payload_fd()).expect("flags");
    flags.contains(rustix::fs::OFlags::SYNC)
}

#[test]
fn u_dma_buf_is_a_pool_and_the_one_at_the_pools_address_is_taken() {
    use tandem_link::board::Board as _;
    let (board, made) = without_pool();
    let pool = board.regions.pool;
    u_dma_buf(&made, "udmabuf0", Range { base: 0x1000_0000, size: 4096 }, 1, 1);
    u_dma_buf(&made, "udmabuf-tandem", pool, 1, 1);
    let open = || UioBoard::open(&board, "image".into(), &made.system);
    let uio = open().expect("a board");
    assert!(!sync(&uio), "coherent: cached");
    // Offset 0 of the device is the pool's first byte, and writes reach it.
    let slot = &board.resolve_slots()[1];
    assert_eq!(uio.payload_offset(slot.addr), u64::from(slot.addr - pool.base));
    let fd = uio.payload_fd().try_clone_to_owned().expect("a handle");
    let offset = uio.payload_offset(slot.addr);
    std::os::unix::fs::FileExt::write_all_at(&fs::File::from(fd), b"tandem", offset).expect("room");
    let bytes = fs::read(made.system.dev.join("udmabuf-tandem")).expect("the device");
    assert_eq!(&bytes[offset as usize..][..6], b"tandem");
}

#[test]
fn u_dma_buf_that_is_not_coherent_is_mapped_without_a_cache_or_refused() {
    let (board, made) = without_pool();
    let open = || UioBoard::open(&board, "image".into(), &made.system);
    for mode in [1, 2, 3, 5, 6, 7] {
        u_dma_buf(&made, "udmabuf0", board.regions.pool, 0, mode);
        assert!(sync(&open().expect("a board")), "sync_mode {mode}");
    }
    for mode in [0, 4] {
        u_dma_buf(&made, "udmabuf0", board.regions.pool, 0, mode);
        let error = open().err().expect("cached").to_string();
        assert!(
            error.contains(&format!("sync_mode {mode}")) && error.contains("udmabuf0"),
            "{error}"
        );
    }
}

#[test]
fn u_dma_buf_elsewhere_or_damaged_is_refused_and_tandem_pool_goes_first() {
    let (board, made) = without_pool();
    let pool = board.regions.pool;
    let open = || UioBoard::open(&board, "image".into(), &made.system);
    u_dma_buf(&made, "udmabuf0", Range { base: pool.base, size: pool.size / 2 }, 1, 1);
    assert!(matches!(open().err().expect("too small"), UioError::Place { .. }));
    u_dma_buf(&made, "udmabuf0", pool, 1, 1);
    made.put("sys/class/u-dma-buf/udmabuf0/dma_coherent", "yes\n");
    assert!(matches!(open().err().expect("no number"), UioError::Text { .. }));
    fs::remove_file(made.folder.path().join("sys/class/u-dma-buf/udmabuf0/sync_mode"))
        .expect("gone");
    made.put("sys/class/u-dma-buf/udmabuf0/dma_coherent", "0\n");
    assert!(matches!(open().err().expect("no file"), UioError::Io { .. }));
    made.uio(2, "tandem-pool", &[("pool", Range { size: 4096, ..pool })]);
    let error = open().err().expect("tandem-pool is looked at first").to_string();
    assert!(error.contains("tandem-pool"), "{error}");
}

#[test]
fn an_image_may_be_replaced_while_the_core_runs() {
    let made = Made::new();
    made.remoteproc("running\n");
    let core =
        SysfsCore::open(&made.system, made.folder.path().join("images/tandem-rpu")).expect("core");
    made.put("next/rpu-2", "another image");
    let next = made.folder.path().join("next/rpu-2");
    core.set_image(&next).expect("taken");
    assert_eq!(core.image(), Some(next));
    assert_eq!(made.read("sys/class/remoteproc/remoteproc1/firmware"), "", "what runs goes on");
    core.restart().expect("a restart");
    assert_eq!(made.read("sys/class/remoteproc/remoteproc1/firmware"), "rpu-2");
    let folder = made.folder.path().join("next");
    assert_eq!(Path::new(&made.read("sys/module/firmware_class/parameters/path")), folder);
}

#[test]
fn the_logics_registers_are_where_the_description_says() {
    let board = Board::load(Path::new("../../boards/zcu102.toml")).expect("the description");
    let made = Made::new();
    let error = Logic::open(&made.system, &board).expect_err("no overlay").to_string();
    assert!(error.contains("tandem-pl"), "{error}");
    let pl = &board.pl;
    made.uio(3, "tandem-pl", &pl.windows());
    let device = made.system.dev.join("uio3");
    let put = |map: u64, offset: u64, word: u32| {
        let file = fs::File::options().write(true).open(&device).expect("the device");
        let bytes = word.to_le_bytes();
        std::os::unix::fs::FileExt::write_all_at(&file, &bytes, map * 4096 + offset).expect("room");
    };
    put(2, 0, 0x1234);
    put(3, 12, 0x5678);
    let logic = Logic::open(&made.system, &board).expect("registers");
    assert_eq!(logic.word(pl.pre.base, 0), Some(0x1234));
    assert_eq!(logic.word(pl.post.base, 12), Some(0x5678));
    assert_eq!(logic.word(0, 0), None);
    // Both channels run, and stop when told: DMASR.Halted is the hardware's, set here beforehand.
    for engine in [0, 1] {
        for channel in [0, 0x30] {
            put(engine, channel, 0x1_0001);
            put(engine, channel + 4, 1);
        }
    }
    logic.stop_dma().expect("they halt");
    let bytes = fs::read(&device).expect("the device");
    assert_eq!([bytes[0], bytes[0x30], bytes[4096], bytes[4096 + 0x30]], [0; 4], "run is off");
    // One that never halts, whatever is written.
    put(1, 0x34, 0);
    let error = logic.stop_dma().expect_err("it hangs");
    assert!(error.contains("dma_post"), "{error}");
}
