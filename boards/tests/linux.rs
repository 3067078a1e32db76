//! The files that a board's Linux gets, as far as a machine without the board can hold them to it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tandem_boards::{Board, generate};

fn linux(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("linux").join(file)
}

/// systemd's checker, where it is; says so where it is not.
fn analyze(verb: &str, arguments: &[&str], unit: &Path) -> Option<(bool, String)> {
    let output = Command::new("systemd-analyze").arg(verb).args(arguments).arg(unit).output();
    let Ok(output) = output else {
        println!("skipped: no systemd-analyze on PATH");
        return None;
    };
    let said = [output.stdout, output.stderr].concat();
    Some((output.status.success(), String::from_utf8_lossy(&said).into_owned()))
}

#[test]
fn the_unit_is_sound_and_shuts_agentd_in() {
    let text = fs::read_to_string(linux("systemd/agentd.service")).expect("the unit");
    let folder = tempfile::tempdir().expect("a scratch folder");
    let unit = folder.path().join("agentd.service");
    // The checker looks for the program.
    fs::write(&unit, text.replace("/usr/bin/agentd", "/bin/true")).expect("a scratch folder");
    if let Some((good, said)) = analyze("verify", &["--man=no"], &unit) {
        assert!(good && said.is_empty(), "{said}");
    }
    // Tenths of what systemd calls exposure: 0 is a service that can do nothing, 96 one without limits.
    let limits = ["--offline=true", "--no-pager", "--threshold=22"];
    if let Some((good, said)) = analyze("security", &limits, &unit) {
        assert!(good, "{said}");
    }
}

#[test]
fn the_rules_name_the_devices_of_the_trees() {
    let rules = fs::read_to_string(linux("udev/70-tandem.rules")).expect("the rules");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("kv260.toml");
    let files = generate::files(&Board::load(path).expect("good"));
    let trees: String = files.iter().map(|file| file.text.as_str()).collect();
    let mut named = 0;
    for rule in rules.lines().filter(|line| line.starts_with("SUBSYSTEM==\"uio\"")) {
        let name = rule.split('"').nth(3).expect("a name");
        let node = name.trim_end_matches('*');
        assert!(trees.contains(&format!("\t{node}")), "no node for {rule}");
        named += usize::from(node == name);
    }
    assert_eq!(named, 3, "link, ipi, pl");
}
