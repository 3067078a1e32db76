//! The AXI DMA model driven by the kernel's own driver, `xilinx_dma`, through a module that asks
//! for its channels. `cargo xtask qemu test` makes what this needs and runs it.

use tandem_qemu_board::{DMA_PATIENCE, Files, Machine, Options};

/// In which order they are loaded.
const MODULES: [&str; 2] = ["xilinx_dma", "dma-client"];
const FOLDER: &str = "/sys/kernel/debug/dma-client";
/// What `boards/qemu.toml` has.
const LOOPS: [&str; 2] = ["loop-plain", "loop-wide"];

fn load(machine: &mut Machine) {
    for module in MODULES {
        let line = format!("insmod /lib/modules/{module}.ko");
        machine.console().check(&line).unwrap_or_else(|error| panic!("{error}"));
    }
}

/// Runs all that the client has for a node; panics with the results that are bad.
fn results(machine: &mut Machine, name: &str) {
    let list = machine.console().check(&format!("ls {FOLDER}")).expect("the client's nodes");
    let node = list
        .split_whitespace()
        .find(|node| node.contains(name))
        .unwrap_or_else(|| panic!("no {name} in {list}"));
    let text = machine.console().check(&format!("cat {FOLDER}/{node}")).expect("results");
    let good = text.lines().filter(|line| line.starts_with("ok ")).count();
    let bad: Vec<_> = text.lines().filter(|line| line.starts_with("not ok ")).collect();
    let log = if bad.is_empty() { String::new() } else { kernel_log(machine) };
    assert!(bad.is_empty(), "{name}: {bad:#?}\n{text}\n{log}");
    assert!(text.lines().any(|line| line == format!("1..{good}")), "{name}: no plan in {text}");
    assert!(good > 50, "{name}: only {good} results: {text}");
    println!("{name}: {good} results");
    for note in text.lines().filter(|line| line.starts_with('#')) {
        println!("    {note}");
    }
}

fn kernel_log(machine: &mut Machine) -> String {
    machine.console().run("dmesg | tail -n 40").map_or_else(|error| error.to_string(), |a| a.text)
}

#[test]
fn linuxs_own_driver_and_the_model_agree() {
    let files = match Files::here() {
        Ok(files) => files,
        Err(error) => return eprintln!("skipped: {error}"),
    };
    let mut machine = Machine::boot(&files, &Options::default()).expect("a prompt");
    machine.console().be_patient(DMA_PATIENCE);
    // The driver tells of each error; on the line that would be among the results.
    machine.console().check("dmesg -n 1").expect("a quiet line");
    machine.console().check("mount -t debugfs debug /sys/kernel/debug").expect("debugfs");
    load(&mut machine);
    for name in LOOPS {
        results(&mut machine, name);
    }
    // Both can be taken out and put back.
    machine.console().check("rmmod dma-client").expect("the client goes");
    machine.console().check("rmmod xilinx_dma").expect("the driver goes");
    load(&mut machine);
    for name in LOOPS {
        results(&mut machine, name);
    }
    machine.power_off().expect("a clean stop");
}
