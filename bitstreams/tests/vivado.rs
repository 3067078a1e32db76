//! The plan of each board, and the block design scripts run on it under stand-ins for Vivado's
//! commands (`hw/vivado/check/mock.tcl` says what that shows and what not). Needs `tclsh`.

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use tandem_bitstreams::{KernelSet, tcl};
use tandem_boards::Board;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn plan(board: &str, set: &str) -> String {
    let board = Board::load(root().join(format!("boards/{board}.toml"))).expect("a good board");
    let set = root().join(format!("bitstreams/sets/{set}.toml"));
    tcl(&board, &KernelSet::load(&set).expect("a good set")).expect("a plan")
}

/// What the scripts ask for, or the first fault.
fn design(plan: &str) -> Result<String, String> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("plan.tcl");
    std::fs::write(&file, plan).expect("written");
    let mut command = Command::new("tclsh");
    command.arg(root().join("hw/vivado/check/mock.tcl")).arg(&file).arg(root());
    let output = command.output().expect("tclsh is installed (Debian: tcl)");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

#[test]
fn every_board_has_a_design_with_the_addresses_of_its_description() {
    for (board, set) in [("kv260", "detect"), ("zcu102", "detect"), ("zcu106", "detect-pcie")] {
        let design = design(&plan(board, set)).unwrap_or_else(|fault| panic!("{board}: {fault}"));
        let has = |line: &str| {
            assert!(design.lines().any(|l| l == line), "{board}: no line {line}\n{design}")
        };
        has("address ps/Data pre/s_axil/reg0 0x80020000 0x10000");
        has("address ps/Data dma_pre/S_AXI_LITE/Reg 0x80000000 0x10000");
        has("address ps/Data post/s_axil/reg0 0x80030000 0x10000");
        has("link dma_pre/M_AXIS_MM2S pre/s_axis");
        has("link post/m_axis dma_post/S_AXIS_S2MM");
        has("net dma_pre/mm2s_introut interrupts/In0");
        has("net post/irq interrupts/In5");
        has("set dma_pre CONFIG.c_sg_length_width 26");
        has("set dma_pre CONFIG.c_addr_width 40");
        has("set dma_post CONFIG.c_s2mm_burst_size 8");
        has("set dma_pre CONFIG.c_include_mm2s_dre 1");
        has("set dma_pre CONFIG.c_m_axis_mm2s_tdata_width 64");
        has("net hpc0_cache/dout ps/saxigp0_awcache");
        if set == "detect" {
            // 10 ns, Q32.
            has("set gate CONFIG.STEP 42949672960");
            has("net ps/pl_clk1 gate/aclk");
            has("net ps/pl_clk1 sc_registers/aclk1");
        }
        let gate = design.contains("net gate/irq interrupts/In6");
        assert_eq!(gate, set == "detect", "{board}");
        let pcie = design.contains("link pcie/M_AXI sc_hp0/S00_AXI");
        assert_eq!(pcie, set == "detect-pcie", "{board}");
    }
}

#[test]
fn the_stand_ins_see_faults() {
    let plan = plan("kv260", "detect");
    let broken = |from: &str, to: &str| {
        assert!(plan.contains(from), "no {from}");
        design(&plan.replace(from, to)).expect_err("a fault")
    };
    let fault = broken("set tandem(post.range) {0x80030000", "set tandem(post.range) {0x80028000");
    assert!(fault.contains("overlap"), "{fault}");
    let fault = broken("set tandem(gate.range) {0x80040000", "set tandem(gate.range) {0xA0040000");
    assert!(fault.contains("outside HPM0_LPD"), "{fault}");
    let fault = broken("set tandem(pre.mm2s) {hpc0", "set tandem(pre.mm2s) {hpc9");
    assert!(fault.contains("hpc9"), "{fault}");
    let fault = broken("set tandem(kernels) {pre post gate}", "set tandem(kernels) {pre pre gate}");
    assert!(fault.contains("made twice"), "{fault}");
    let fault =
        broken("set tandem(kernels) {pre post gate}", "set tandem(kernels) {pre post slice}");
    assert!(fault.contains("slice"), "{fault}");
}

#[test]
fn what_no_plan_can_be_made_of_is_refused() {
    let set = KernelSet::load(&root().join("bitstreams/sets/detect.toml")).expect("good");
    let message = tcl(&Board::virtual_default(), &set).expect_err("no silicon").to_string();
    assert!(message.contains("board virtual: device = missing"), "{message}");
    let text = std::fs::read_to_string(root().join("boards/kv260.toml")).expect("read");
    let board = Board::parse(&text.replace("\"post.s2mm\"", "\"other\""), "b").expect("good");
    let message = tcl(&board, &set).expect_err("no port").to_string();
    assert!(message.contains("stream post.s2mm = missing"), "{message}");
    for (text, wanted) in [
        ("schema = 2\nname = \"a\"\ntitle = \"\"\nkernel = []", "schema = 2"),
        ("schema = 1\nname = \"a;exec\"\ntitle = \"\"\nkernel = []", "name = a;exec"),
        (
            "schema = 1\nname = \"a\"\ntitle = \"\"\n[[kernel]]\nmap = \"pre\"\nparameters = { \"[x]\" = 1 }",
            "kernel.parameters = [x]",
        ),
        ("schema = 1\nname = \"a\"\ntitle = \"\"\n[[kernel]]\nmap = \"slices\"", "unknown variant"),
        (
            "schema = 1\nname = \"a\"\ntitle = \"\"\nkernel = []\n[pcie]\nlanes = 3\nspeed = \"\"\nquad = \"\"",
            "pcie.lanes = 3",
        ),
    ] {
        let message = KernelSet::parse(text, "s.toml").expect_err("refused").to_string();
        assert!(message.contains(wanted), "{message}");
    }
    let other = include_str!("../../boards/kv260.toml").replace("pre = 93", "pre = 104");
    let message = tcl(&other.parse().expect("good"), &set).expect_err("other wires").to_string();
    assert!(message.contains("interrupts.pre = 104: the block design puts"), "{message}");
}

#[test]
fn pack_makes_what_check_takes() {
    let folder = tempfile::tempdir().expect("a folder");
    let bit = folder.path().join("made.bit");
    let data =
        common::bytes(&common::words(common::KV260, 64), tandem_bitstreams::image::Order::Straight);
    std::fs::write(&bit, common::bit("xck26-sfvc784-2LV-c", &data)).expect("written");
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tandem-bitstream"));
        let output = command.current_dir(root()).args(arguments).output().expect("runs");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (bit, out) = (bit.to_str().expect("UTF-8"), folder.path().to_str().expect("UTF-8"));
    let pack = |wns: &str, idcode: &str| {
        run(&[
            "pack",
            bit,
            "--board",
            "boards/kv260.toml",
            "--set",
            "bitstreams/sets/detect.toml",
            "--tool",
            "a test",
            "--wns",
            wns,
            "--idcode",
            idcode,
            "--inputs",
            "hw/regs/pre.rdl",
            "hw/vivado",
            "--out",
            out,
        ])
    };
    let (code, _, error) = pack("0.25", "0x04A49093");
    assert_eq!((code, error.as_str()), (Some(0), ""));
    let folder = format!("{out}/kv260-detect");
    let (code, text, _) = run(&["check", &folder, "--board", "boards/kv260.toml", "-o", "json"]);
    assert_eq!(code, Some(0));
    assert!(
        text.contains("\"hw/vivado/block.tcl\"") && text.contains("\"hw/regs/pre.rdl\""),
        "{text}"
    );
    let (code, text, _) = run(&["list", out]);
    assert_eq!((code, text.split_whitespace().next()), (Some(0), Some("kv260-detect")));
    let (code, _, error) = pack("-0.25", "0x04A49093");
    assert!(code == Some(1) && error.contains("misses its timing"), "{error}");
    let (code, _, error) = pack("0.25", "0x04724093");
    assert!(code == Some(1) && error.contains("idcode"), "{error}");
    let (code, _, error) = run(&["check", &folder, "--board", "boards/zcu102.toml"]);
    assert!(code == Some(1) && error.contains("board is kv260"), "{error}");
}
