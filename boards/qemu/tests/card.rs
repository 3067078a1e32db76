//! The board from a card: what is in its boot partition boots, the programs come from a slot.
//! `cargo xtask qemu test` makes the card and runs these.

use serde_json::Value;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use tandem_qemu_board::{CARD_PATIENCE, Files, Machine, Options, Worker, http, until_within};
use tandem_slots::layout;
use tempfile::TempDir;

/// Bytes of content that no slot has.
const NOISE: usize = 24 << 20;

/// A copy of the card, and what QEMU loads of it.
struct Card {
    folder: TempDir,
    files: Files,
    made: PathBuf,
}

#[track_caller]
fn run(command: &mut Command) {
    let status = command.status().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(status.success(), "{command:?} ended with {status}");
}

impl Card {
    /// `None`, with the reason printed, where nobody made one.
    fn new() -> Option<Self> {
        let mut files = match Files::here() {
            Ok(files) => files,
            Err(error) => {
                eprintln!("skipped: {error}");
                return None;
            }
        };
        let made = files.root.join(".tandem/image/qemu");
        if !made.join("card.img").is_file() {
            eprintln!("skipped: no card; cargo xtask image --board qemu makes it");
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let image = folder.path().join("card.img");
        run(Command::new("cp").arg("--sparse=always").arg(made.join("card.img")).arg(&image));
        // What QEMU loads is what lies on the card, as U-Boot would read it.
        for (name, file) in [
            ("Image", &mut files.kernel),
            ("system.dtb", &mut files.device_tree),
            ("initramfs.cpio", &mut files.initramfs),
        ] {
            *file = folder.path().join(name);
            let from = format!("{}@@{}", image.display(), layout::BOOT_AT);
            run(Command::new("mcopy").args(["-i", &from, &format!("::{name}")]).arg(&*file));
        }
        Some(Self { folder, files, made })
    }

    fn image(&self) -> PathBuf {
        self.folder.path().join("card.img")
    }

    /// Puts a file into the data partition.
    fn put(&self, file: &Path, name: &str) {
        let image = format!("{}?offset={}", self.image().display(), layout::DATA_AT);
        let ask = format!("write {} {name}", file.display());
        run(Command::new("debugfs").args(["-w", "-R", &ask, &image]));
    }

    fn noise(&self) -> Vec<u8> {
        let mut state = 1_u64;
        let bytes: Vec<u8> = (0..NOISE)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 56) as u8
            })
            .collect();
        let file = self.folder.path().join("noise");
        fs::write(&file, &bytes).expect("written");
        self.put(&file, "noise");
        bytes
    }

    fn boot(&self, engine: Option<String>) -> anyhow::Result<Machine> {
        let options = Options { engine, card: Some(self.image()), ..Options::default() };
        Machine::boot(&self.files, &options)
    }

    /// Boots to a prompt; the slot that runs.
    fn up(&self, engine: Option<String>) -> (Machine, String) {
        let mut machine = self.boot(engine).expect("a prompt");
        let slot = machine.console().check("cat /run/tandem/slot").expect("a slot");
        (machine, slot)
    }
}

fn status(machine: &mut Machine) -> Value {
    let text = machine.console().check("tandem-slot status -o json").expect("a record");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

fn serves(machine: &mut Machine) {
    until_within(CARD_PATIENCE, "the agent of the slot", || {
        let ready = machine.console().run("grep -c 'POST http' /var/log/agentd")?;
        Ok((ready.code == 0).then_some(()))
    })
    .expect("an agent that serves");
}

/// `reboot` in the guest ends QEMU (`-no-reboot`).
fn reboot(mut machine: Machine) {
    let _ = machine.console().run("sync; reboot -f &");
    machine.ended().expect("the end of the machine");
}

#[test]
fn a_new_slot_is_installed_boots_serves_and_is_marked_good() {
    let Some(card) = Card::new() else { return };
    // The same system with one file more.
    let extra = card.folder.path().join("extra");
    fs::create_dir(&extra).expect("a folder");
    fs::write(extra.join("second"), "B\n").expect("written");
    let next = card.folder.path().join("next.squashfs");
    fs::copy(card.made.join("root.squashfs"), &next).expect("copied");
    run(Command::new("mksquashfs").arg(&extra).arg(&next).args(["-quiet", "-no-progress"]));
    card.put(&next, "next");
    let worker = Worker::start(&card.files, 0).expect("a worker");

    let (mut machine, slot) = card.up(Some(worker.engine()));
    assert_eq!(slot, "A");
    let mounts = machine.console().check("cat /proc/mounts").expect("mounts");
    for line in ["overlay / overlay", "/dev/mmcblk0p3 /data ext4"] {
        assert!(mounts.contains(line), "{line}: {mounts}");
    }
    serves(&mut machine);
    let photograph = card.files.root.join(".tandem/photos/zidane.jpg");
    let photograph = fs::read(photograph).expect("a photograph; run scripts/setup");
    let answer = http::post(&machine.http(), "/v1/inspect?deadline_ms=120000", &photograph);
    let answer = answer.expect("an answer");
    let text = answer.json().expect("JSON");
    assert_eq!(answer.status, 200, "{text}");
    assert!(!text["detections"].as_array().expect("a list").is_empty(), "{text}");
    machine.console().check("test ! -e /second && tandem-slot install B /data/next").expect("done");
    assert_eq!(status(&mut machine)["active"], "B");
    reboot(machine);

    let (mut machine, slot) = card.up(Some(worker.engine()));
    assert_eq!(slot, "B");
    machine.console().check("test -e /second").expect("what is new in B");
    until_within(CARD_PATIENCE, "slot B's mark", || {
        Ok((status(&mut machine)["slots"]["B"]["good"] == true).then_some(()))
    })
    .expect("a good slot");
    serves(&mut machine);
}

#[test]
fn a_slot_whose_agent_never_serves_is_left_after_its_tries() {
    let Some(card) = Card::new() else { return };
    let sick = card.folder.path().join("sick.squashfs");
    run(Command::new("mksquashfs").arg(card.made.join("root")).arg(&sick).args([
        "-quiet",
        "-no-progress",
        "-all-root",
        "-e",
        "models",
        "usr/bin/agentd",
    ]));
    card.put(&sick, "sick");

    let (mut machine, slot) = card.up(None);
    assert_eq!(slot, "A");
    machine.console().check("tandem-slot install B /data/sick --tries 2").expect("installed");
    reboot(machine);
    for boot in 0..2 {
        // It may be gone before it has a prompt.
        match card.boot(None) {
            Ok(machine) => machine.ended().expect("the end of the machine"),
            Err(error) => println!("boot {boot} of B: {error:#}"),
        }
    }
    let (mut machine, slot) = card.up(None);
    assert_eq!(slot, "A");
    let status = status(&mut machine);
    assert_eq!(status["slots"]["B"]["tries"], 0, "{status}");
    assert_eq!(status["slots"]["B"]["good"], false, "{status}");
    assert_eq!(status["active"], "A", "{status}");
}

#[test]
fn damage_and_what_cannot_be_mounted_are_passed_over() {
    let Some(card) = Card::new() else { return };
    card.noise();
    let file = File::options().read(true).write(true).open(card.image()).expect("the card");
    let mut byte = [0];
    let at = layout::SLOTS_AT[0] + (1 << 20);
    file.read_exact_at(&mut byte, at).expect("a byte");
    file.write_all_at(&[byte[0] ^ 1], at).expect("one bit");

    let (mut machine, slot) = card.up(None);
    assert_eq!(slot, "B", "A is damaged");
    assert!(machine.console().transcript().contains("slot A: damaged"));
    machine.console().check("tandem-slot install A /data/noise").expect("installed");
    reboot(machine);

    let (mut machine, slot) = card.up(None);
    assert_eq!(slot, "B", "A is no file system");
    assert!(machine.console().transcript().contains("slot A cannot be mounted"));
    assert_eq!(status(&mut machine)["slots"]["A"]["tries"], 0);
}

#[test]
fn a_machine_killed_while_it_installs_boots_again() {
    let Some(card) = Card::new() else { return };
    let noise = card.noise();
    let file = File::open(card.image()).expect("the card");
    for offset in [0, NOISE / 2, NOISE - 4096] {
        let (mut machine, slot) = card.up(None);
        assert_eq!(slot, "A");
        let wanted = &noise[offset..offset + 4096];
        let at = layout::SLOTS_AT[1] + offset as u64;
        let there = || {
            let mut found = [0; 4096];
            file.read_exact_at(&mut found, at).map(|()| found == wanted)
        };
        // The machine before this one came as far, or farther.
        machine
            .console()
            .check("dd if=/dev/zero of=/dev/mmcblk0p6 bs=1M count=25 conv=fsync")
            .expect("dd");
        assert!(!there().expect("the card"));
        machine
            .console()
            .check("tandem-slot install B /data/noise >/tmp/install 2>&1 &")
            .expect("begun");
        until_within(CARD_PATIENCE, "bytes on the card", || Ok(there()?.then_some(())))
            .expect("an install under way");
        drop(machine);
    }
    let (mut machine, slot) = card.up(None);
    assert_eq!(slot, "A");
    let status = status(&mut machine);
    assert!(status["whole_copies"].as_u64() >= Some(1), "{status}");
    assert_eq!(status["slots"]["A"]["good"], true, "{status}");
    machine.console().check("tandem-slot install B /data/noise").expect("an install that ends");
}
