//! The device trees compile without a warning, and say what the descriptions say.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tandem_boards::{Board, generate};

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Whether the compiler is there; says so where it is not.
fn compiler() -> bool {
    let there = Command::new("dtc").arg("--version").stdout(Stdio::null()).status();
    let there = there.is_ok_and(|status| status.success());
    if !there {
        println!("skipped: no dtc on PATH (Debian: device-tree-compiler)");
    }
    there
}

/// Compiles a file; nothing may be said about it.
fn compile(source: &Path, into: &Path) {
    let output = run(Command::new("dtc").args(["-O", "dtb", "-o"]).arg(into).arg(source));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.is_empty(), "{}: {said}", source.display());
}

fn run(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// A property's cells, or its text, from a compiled tree.
fn get(tree: &Path, node: &str, property: &str, kind: &str) -> Option<String> {
    let mut command = Command::new("fdtget");
    let output = run(command.args(["-t", kind]).arg(tree).args([node, property]));
    let text = String::from_utf8(output.stdout).expect("text");
    output.status.success().then(|| text.trim().to_owned())
}

fn silicon() -> Vec<Board> {
    let names = ["kv260", "zcu102", "zcu106", "ultra96v2"];
    names.map(|name| Board::load(here().join(name).with_extension("toml")).expect("good")).into()
}

/// The fragment on the stand-in for a board's own tree, compiled.
fn fragment(board: &Board, folder: &Path) -> PathBuf {
    let files = generate::files(board);
    let base = files.iter().find(|file| file.name == "tandem.dtsi").expect("a fragment");
    let own = std::fs::read_to_string(here().join("tests/silicon.dts")).expect("the stand-in");
    let source = folder.join("board.dts");
    std::fs::write(&source, own + &base.text).expect("a scratch folder");
    let tree = folder.join("board.dtb");
    compile(&source, &tree);
    tree
}

#[test]
fn the_qemu_tree_is_what_the_agent_looks_for() {
    if !compiler() {
        return;
    }
    let folder = tempfile::tempdir().expect("a scratch folder");
    let tree = folder.path().join("qemu.dtb");
    compile(&here().join("qemu/zcu102.dts"), &tree);
    let get = |node, property, kind| get(&tree, node, property, kind).expect(property);
    let board = Board::load(here().join("qemu.toml")).expect("good");
    let link = "/tandem/tandem-link@40000000";
    assert_eq!(get(link, "compatible", "s"), "generic-uio");
    assert_eq!(get(link, "reg-names", "s"), "link log crash glue");
    let (regions, glue) = (board.regions, board.pl.glue.expect("QEMU has one"));
    let maps = [regions.link, regions.log, regions.crash, glue];
    let cells = maps.map(|map| format!("0 {:x} 0 {:x}", map.base, map.size)).join(" ");
    assert_eq!(get(link, "reg", "x"), cells);
    assert_eq!(get(link, "interrupts", "u"), "0 29 4");
    assert_eq!(get("/tandem/tandem-pool@41000000", "compatible", "s"), "tandem,pool");
    assert_eq!(get("/tandem/tandem-pool@41000000", "reg", "x"), "0 41000000 0 7000000");
    assert_eq!(get("/tandem/tandem-tcm@0", "compatible", "s"), "generic-uio");
    assert_eq!(get("/tandem/tandem-tcm@0", "reg", "x"), "0 0 0 40000");
    let dma = "/tandem/tandem-loop-wide@48070000";
    assert_eq!(get(dma, "compatible", "s"), "xlnx,axi-dma-1.00.a");
    assert_eq!(get(dma, "xlnx,addrwidth", "u"), "40");
    let channel = "/tandem/tandem-loop-wide@48070000/dma-channel-s2mm";
    assert_eq!(get(channel, "interrupts", "u"), "0 107 4");
    assert_eq!(get("/tandem-loop-wide-client", "dma-names", "s"), "mm2s s2mm");
}

#[test]
fn every_fragment_and_overlay_compiles() {
    if !compiler() {
        return;
    }
    for board in silicon() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let tree = fragment(&board, folder.path());
        let property = |node: &str, property| get(&tree, node, property, "x");
        let pool = format!("/reserved-memory/tandem-pool@{:x}", board.regions.pool.base);
        assert!(property(&pool, "no-map").is_some(), "{}", board.name);
        assert!(property("/tandem/tandem-ipi@ff340000", "reg").is_some(), "{}", board.name);
        let coherent = board.streams.iter().all(|stream| stream.coherent);
        let pool = format!("/tandem/tandem-pool@{:x}", board.regions.pool.base);
        assert_eq!(property(&pool, "dma-coherent").is_some(), coherent, "{}", board.name);
        let core = "/remoteproc@ffe00000/r5f@0";
        assert_eq!(property(core, "reg").expect("banks"), "0 0 0 10000 0 20000 0 10000");
        let overlay = folder.path().join("pl.dtbo");
        compile(&here().join("generated").join(&board.name).join("pl.dtso"), &overlay);
    }
}

#[test]
fn u_dma_buf_takes_the_reserved_memory() {
    if !compiler() {
        return;
    }
    let kv260 = include_str!("../kv260.toml").replace("\"tandem-pool\"", "\"u-dma-buf\"");
    let folder = tempfile::tempdir().expect("a scratch folder");
    let tree = fragment(&Board::parse(&kv260, "b").expect("good"), folder.path());
    assert_eq!(get(&tree, "/tandem-pool", "compatible", "s").expect("it"), "ikwzm,u-dma-buf");
    assert_eq!(get(&tree, "/tandem-pool", "size", "x").expect("it"), "f000000");
    assert!(get(&tree, "/tandem-pool", "memory-region", "x").is_some());
}

#[test]
fn lockstep_and_the_second_core_have_their_banks() {
    let kv260 = include_str!("../kv260.toml");
    let lockstep = kv260
        .replace("mode = \"split\"", "mode = \"lockstep\"")
        .replace("size = 0x0001_0000, global", "size = 0x0002_0000, global");
    let second = kv260
        .replace("rpu = \"rpu0\"", "rpu = \"rpu1\"")
        .replace("0xFFE0_0000", "0xFFE9_0000")
        .replace("0xFFE2_0000", "0xFFEB_0000");
    let [lockstep, second] = [lockstep, second].map(|text| Board::parse(&text, "b").expect("good"));
    let script = generate::memory_x(&lockstep).expect("an R5F");
    assert!(script.contains("BTCM : ORIGIN = 0x00020000, LENGTH = 128K"), "{script}");
    assert!(script.contains("_sys_stack_low_end == 0x3b000"), "{script}");
    if !compiler() {
        return;
    }
    for (board, node, reg, ranges) in [
        (
            lockstep,
            "/remoteproc@ffe00000/r5f@0",
            "0 0 0 10000 0 20000 0 10000 0 10000 0 10000 0 30000 0 10000",
            "0 0 0 ffe00000 0 10000 0 20000 0 ffe20000 0 10000 \
             0 10000 0 ffe10000 0 10000 0 30000 0 ffe30000 0 10000",
        ),
        (
            second,
            "/remoteproc@ffe90000/r5f@1",
            "1 0 0 10000 1 20000 0 10000",
            "1 0 0 ffe90000 0 10000 1 20000 0 ffeb0000 0 10000",
        ),
    ] {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let tree = fragment(&board, folder.path());
        assert_eq!(get(&tree, node, "reg", "x").expect("banks"), reg);
        let parent = node.rsplit_once('/').expect("a path").0;
        assert_eq!(get(&tree, parent, "ranges", "x").expect("banks"), ranges);
    }
}
