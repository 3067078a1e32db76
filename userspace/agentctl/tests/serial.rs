//! `--target agent+serial://`: two terminals with a noisy cable between them, the program at one end, an
//! agent at the other.

mod common;

use std::fs::File;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use common::{Bench, agentctl, card, lines, stderr};
use rustix::ioctl::{Getter, Opcode, Setter, ioctl, opcode};
use serde_json::Value;
use tandem_agent::serial::{Tty, open, serve_port};

/// tty_ioctl(4): the number of a pseudo terminal.
const TIOCGPTN: Opcode = opcode::read::<u32>(b'T', 0x30);
/// Its lock.
const TIOCSPTLCK: Opcode = opcode::write::<i32>(b'T', 0x31);

/// A pseudo terminal: the cable's end, and the path of the terminal.
fn terminal() -> (File, PathBuf) {
    let cable = File::options().read(true).write(true).open("/dev/ptmx").unwrap();
    // SAFETY: the kernel reads an int for this request, and writes an unsigned int for the next one.
    let number = unsafe {
        ioctl(&cable, Setter::<TIOCSPTLCK, i32>::new(0)).unwrap();
        ioctl(&cable, Getter::<TIOCGPTN, u32>::new()).unwrap()
    };
    (cable, format!("/dev/pts/{number}").into())
}

/// Carries bytes; spoils one of `every`, in one of three ways. 0: none.
fn carry(mut from: File, mut to: File, every: Arc<AtomicU64>) {
    let mut bytes = [0; 512];
    let mut state = 12345u64;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        state >> 33
    };
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        let mut passed = Vec::new();
        for byte in &bytes[..count] {
            let every = every.load(Ordering::Relaxed);
            if every == 0 || next() % every != 0 {
                passed.push(*byte);
                continue;
            }
            match next() % 3 {
                0 => passed.push(byte ^ 0x10),
                1 => {}
                _ => passed.extend([0xEE, *byte]),
            }
        }
        if to.write_all(&passed).is_err() {
            return;
        }
    }
}

/// An agent on a terminal, the terminal of the client, the noise.
struct Wired {
    bench: Bench,
    target: String,
    noise: Arc<AtomicU64>,
    // Kept open: a terminal without anybody hangs up.
    _ends: [File; 2],
}

impl Wired {
    fn start() -> Wired {
        let bench = Bench::start();
        let ((near, client), (far, agent)) = (terminal(), terminal());
        let ends = [open(&client).unwrap(), open(&agent).unwrap()];
        let noise = Arc::new(AtomicU64::new(0));
        for (from, to) in [(&near, &far), (&far, &near)] {
            let (from, to, noise) =
                (from.try_clone().unwrap(), to.try_clone().unwrap(), noise.clone());
            std::thread::spawn(move || carry(from, to, noise));
        }
        let service = bench.service.clone();
        let line = ends[1].try_clone().unwrap();
        bench.runtime.spawn(async move {
            let counters = service.line();
            serve_port(Tty::new(line).unwrap(), &service, &counters).await;
        });
        let target = format!("agent+serial://{}", client.display());
        Wired { bench, target, noise, _ends: ends }
    }

    fn run(&self, arguments: &[&str]) -> std::process::Output {
        agentctl(&[&["--target", &self.target], arguments].concat())
    }
}

#[test]
fn the_agent_answers_on_its_line_and_noise_is_counted_and_costs_nothing_else() {
    let wired = Wired::start();
    let image = card("baseline.jpg");
    let image = image.to_str().unwrap();
    let output = wired.run(&["inspect", image, image, "-o", "json"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(lines(&output).len(), 2);
    let before = lines(&wired.run(&["status", "-o", "json"]))[0]["serial"].clone();
    assert_eq!((&before["garbage"], &before["conversations"]), (&Value::from(0), &Value::from(2)));

    // The same half megabyte as over the socket, whatever the cable does to it.
    let (clean, noisy) = (wired.bench.path("clean.bin"), wired.bench.path("noisy.bin"));
    assert_eq!(wired.bench.run(&["tensor", image, clean.to_str().unwrap()]).status.code(), Some(0));
    wired.noise.store(4000, Ordering::Relaxed);
    let output = wired.run(&["tensor", image, noisy.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let [clean, noisy] = [clean, noisy].map(|path| std::fs::read(path).unwrap());
    assert_eq!(clean.len(), 3 * 416 * 416);
    assert!(clean == noisy, "the same bytes");
    wired.noise.store(0, Ordering::Relaxed);

    let after = &lines(&wired.run(&["status", "-o", "json"]))[0]["serial"];
    assert!(after["resent"].as_u64().unwrap() > 0, "{after}");
    assert!(after["garbage"].as_u64().unwrap() > 0, "{after}");
    let text = wired.run(&["status"]);
    assert!(String::from_utf8_lossy(&text.stdout).contains("sent again"));
}

#[test]
fn a_line_without_an_agent_and_what_is_no_line_are_told_apart() {
    let (_cable, client) = terminal();
    let _end = open(&client).unwrap();
    let target = format!("agent+serial://{}", client.display());
    let output = agentctl(&["--target", &target, "status"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("agentd started with --serial"), "{}", stderr(&output));
    let output = agentctl(&["--target", "agent+serial:///dev/null", "status"]);
    assert!(stderr(&output).contains("/dev/null is no serial line"), "{}", stderr(&output));
    let output = agentctl(&["--target", "agent+serial:///dev/nothing", "status"]);
    assert!(stderr(&output).contains("/dev/nothing cannot be opened"), "{}", stderr(&output));
    let output = agentctl(&["--target", "serial:///dev/ttyS0", "status"]);
    assert!(stderr(&output).contains("agent+serial:///dev/ttyS0"), "{}", stderr(&output));
}
