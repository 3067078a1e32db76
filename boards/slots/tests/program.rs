//! `tandem-slot` on files that stand for partitions.

use serde_json::Value;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tandem_slots::{Partitions, Record, STATE_SIZE, Slot, format};
use tempfile::TempDir;

const ROOM: u64 = 1 << 20;

struct Card {
    folder: TempDir,
}

fn sha(content: &[u8]) -> [u8; 32] {
    use sha2::Digest;
    sha2::Sha256::digest(content).into()
}

fn hex(bytes: [u8; 32]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Card {
    /// The same content in both slots, A runs.
    fn new() -> Self {
        let card = Self { folder: tempfile::tempdir().expect("a folder") };
        let content = [1; 5000];
        File::create(card.part(2)).and_then(|file| file.set_len(STATE_SIZE)).expect("made");
        for number in [5, 6] {
            fs::write(card.part(number), content).expect("written");
            let file = File::options().write(true).open(card.part(number));
            file.and_then(|file| file.set_len(ROOM)).expect("a slot's size");
        }
        let mut disk = Partitions::of(&card.path("card")).expect("partitions");
        format(&mut disk, &Record::fresh(5000, sha(&content))).expect("a record");
        fs::write(card.path("running"), "A\n").expect("written");
        card
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn part(&self, number: u32) -> PathBuf {
        Partitions::path(&self.path("card"), number)
    }

    fn run(&self, words: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tandem-slot"));
        command.arg("--card").arg(self.path("card")).arg("--running").arg(self.path("running"));
        command.args(words).output().expect("it starts")
    }

    #[track_caller]
    fn check(&self, words: &[&str]) -> String {
        let output = self.run(words);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{words:?}: {said}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// Fails with `code`; what it says.
    #[track_caller]
    fn fail(&self, code: i32, words: &[&str]) -> String {
        let output = self.run(words);
        assert_eq!(output.status.code(), Some(code), "{words:?}");
        String::from_utf8(output.stderr).expect("text")
    }

    fn status(&self) -> Value {
        serde_json::from_str(&self.check(&["status", "-o", "json"])).expect("JSON")
    }

    fn image(&self, content: &[u8]) -> String {
        let path = self.path("image");
        fs::write(&path, content).expect("written");
        text(&path)
    }
}

fn text(path: &Path) -> String {
    path.to_str().expect("text").to_owned()
}

#[test]
fn a_switch_from_choice_to_good() {
    let card = Card::new();
    assert_eq!(card.check(&["choose"]), format!("A {}\n", card.part(5).display()));
    let image = card.image(&[2; 7000]);
    let hash = hex(sha(&[2; 7000]));
    card.check(&["install", "B", &image, "--sha256", &hash, "--tries", "2"]);
    let status = card.status();
    assert_eq!((&status["active"], &status["running"]), (&"B".into(), &"A".into()));
    assert_eq!(status["slots"]["B"]["sha256"], hash);
    assert_eq!(card.check(&["choose"]), format!("B {}\n", card.part(6).display()));
    assert_eq!(card.status()["slots"]["B"]["tries"], 1);
    fs::write(card.path("running"), "B\n").expect("written");
    card.check(&["good"]);
    assert_eq!(card.status()["slots"]["B"]["good"], true);
    assert!(card.check(&["status"]).contains("B: good, 7000 bytes"));
}

#[test]
fn what_is_refused_changes_nothing() {
    let card = Card::new();
    let image = card.image(&[2; 7000]);
    let before = card.status();
    assert!(card.fail(1, &["install", "A", &image]).contains("install into B"));
    assert!(card.fail(1, &["install", "B", "/nowhere"]).contains("/nowhere"));
    let large = card.image(&vec![3; ROOM as usize + 1]);
    assert!(card.fail(1, &["install", "B", &large]).contains("1048576"));
    card.fail(2, &["install", "B", &large, "--tries", "0"]);
    card.fail(2, &["install", "B", &large, "--sha256", "12"]);
    card.fail(2, &["install", "C", &large]);
    card.check(&["reject", "A"]);
    let unproved = card.image(&[2; 10]);
    assert!(card.fail(1, &["install", "B", &unproved]).contains("tandem-slot good"));
    card.check(&["good", "A"]);
    let after = card.status();
    assert_eq!(before["slots"], after["slots"]);
    assert_eq!(before["active"], after["active"]);
}

#[test]
fn an_image_with_another_hash_leaves_the_running_slot() {
    let card = Card::new();
    let image = card.image(&[2; 7000]);
    let said = card.fail(1, &["install", "B", &image, "--sha256", &hex([9; 32])]);
    assert!(said.contains(&hex(sha(&[2; 7000]))), "{said}");
    assert_eq!(card.status()["slots"]["B"]["bytes"], 0);
    assert!(card.check(&["choose"]).starts_with("A "));
}

#[test]
fn with_nothing_whole_nothing_boots() {
    let card = Card::new();
    for number in [5, 6] {
        fs::write(card.part(number), [0; 6000]).expect("written");
    }
    let said = card.fail(3, &["choose"]);
    assert!(said.contains("A is damaged") && said.contains("B is damaged"), "{said}");
    fs::write(card.part(2), vec![0; STATE_SIZE as usize]).expect("written");
    assert!(card.fail(3, &["choose"]).contains("neither copy"));
}

#[test]
fn a_record_with_a_changed_byte_is_none() {
    let record = Record::fresh(77, [5; 32]);
    let bytes = record.encode();
    assert_eq!(Record::decode(&bytes), Some(record));
    for at in 0..bytes.len() {
        let mut changed = bytes;
        changed[at] ^= 1;
        assert_eq!(Record::decode(&changed), None, "byte {at}");
    }
    assert_eq!(record.entry(Slot::A), record.entry(Slot::B));
}
