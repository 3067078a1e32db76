//! Drivers against the devices of QEMU's xlnx-zcu102, over QEMU's qtest socket: an access of the
//! driver is an access of the device, and no processor runs.
//!
//! `qemu-system-aarch64` is what `cargo xtask qemu build` installs; without it these say so and pass.
//! The machine has one A53 and no R5F: the interrupt controller is then that core's.

use std::cell::RefCell;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};
use tandem_drivers::bus::Bus;
use tandem_drivers::ps::gic::{Gic, GicError, Line, Trigger};
use tandem_drivers::ps::ipi::{Ipi, agent};
use tandem_qemu::leashed;
use tempfile::TempDir;

const PROGRAM: &str = "qemu-system-aarch64";
/// How setpriv ends where there is no such program.
const NOT_FOUND: i32 = 127;
/// A bound that only a hang exceeds.
const PATIENCE: Duration = Duration::from_secs(60);
/// Distributor and CPU interface of the A53s' controller, at the offsets that the R5F's has.
const GIC: (u32, u32) = (0xF901_0000, 0xF902_0000);
/// The only channel that QEMU has.
const IPI_APU: u32 = 0xFF30_0000;
/// As the register says which agents there are (UG1087, IPI module, IER).
const AGENTS: u32 = 0x0F0F_0301;

/// A machine whose processors stand still.
struct Qemu {
    child: Child,
    _folder: TempDir,
    line: RefCell<BufReader<UnixStream>>,
}

impl Qemu {
    /// `None`, with the reason printed, where there is no QEMU.
    fn start() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = folder.path().join("qtest");
        let mut child = leashed(PROGRAM)
            .args(["-M", "xlnx-zcu102", "-m", "256M", "-smp", "1", "-S", "-display", "none"])
            .args(["-nodefaults", "-audio", "none", "-qtest-log", "none", "-qtest"])
            .arg(format!("unix:{},server=on,wait=off", socket.display()))
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("setpriv (util-linux)");
        let start = Instant::now();
        let stream = loop {
            if let Ok(stream) = UnixStream::connect(&socket) {
                break stream;
            }
            let ended = child.try_wait().expect("its state");
            if ended.and_then(|status| status.code()) == Some(NOT_FOUND) {
                eprintln!("skipped: no {PROGRAM}; cargo xtask qemu build installs it");
                return None;
            }
            assert!(ended.is_none() && start.elapsed() < PATIENCE, "{PROGRAM}: {ended:?}");
            std::thread::sleep(Duration::from_millis(10));
        };
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        Some(Self { child, _folder: folder, line: BufReader::new(stream).into() })
    }

    /// What QEMU answers to a command of qtest, behind its `OK`.
    fn ask(&self, command: &str) -> String {
        let mut line = self.line.borrow_mut();
        writeln!(line.get_mut(), "{command}").expect("QEMU listens");
        let mut answer = String::new();
        line.read_line(&mut answer).expect("QEMU answers");
        let value = answer.trim().strip_prefix("OK");
        value.unwrap_or_else(|| panic!("{command}: {answer:?}")).trim().to_owned()
    }

    /// The level of an input of a device.
    fn set(&self, input: &str, high: bool) {
        self.ask(&format!("set_irq_in {input} {}", u8::from(high)));
    }

    /// A line from the programmable logic, by its interrupt's id.
    fn set_interrupt(&self, id: u32, high: bool) {
        self.set(&format!("/machine/soc/gic unnamed-gpio-in {}", id - 32), high);
    }

    fn gic(&self) -> Gic<&Self> {
        let gic = Gic::new(self, GIC.0, GIC.1);
        gic.start();
        gic
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Bus for Qemu {
    fn read32(&self, addr: u32) -> u32 {
        let answer = self.ask(&format!("readl {addr:#x}"));
        let digits = answer.strip_prefix("0x").expect("a number");
        u32::try_from(u64::from_str_radix(digits, 16).expect("a number")).expect("32 bits")
    }
    fn write32(&self, addr: u32, value: u32) {
        self.ask(&format!("writel {addr:#x} {value:#x}"));
    }
    fn bus_addr(&self, cpu_addr: u32) -> u32 {
        cpu_addr
    }
    fn dma_wmb(&self) {}
    fn dma_rmb(&self) {}
}

#[test]
fn gic_a_level_is_taken_until_it_falls() {
    let Some(qemu) = Qemu::start() else { return };
    let gic = qemu.gic();
    assert_eq!(gic.interrupts(), 192);
    gic.enable(121, Line::Irq, Trigger::Level).expect("the first of the logic");
    assert_eq!(gic.acknowledge(), None);
    qemu.set_interrupt(121, true);
    assert!(gic.pending(121));
    gic.clear(121).expect("it exists");
    assert!(gic.pending(121), "a level that is high stays");
    assert_eq!(gic.acknowledge(), Some(121));
    assert_eq!(gic.acknowledge(), None, "it is being dealt with");
    gic.end(121);
    assert_eq!(gic.acknowledge(), Some(121), "the line is still high");
    qemu.set_interrupt(121, false);
    gic.end(121);
    assert_eq!(gic.acknowledge(), None);
}

#[test]
fn gic_an_edge_and_a_software_interrupt_are_taken_once() {
    let Some(qemu) = Qemu::start() else { return };
    let gic = qemu.gic();
    gic.enable(136, Line::Irq, Trigger::Edge).expect("of the second group");
    for level in [true, false] {
        qemu.set_interrupt(136, level);
    }
    assert_eq!(gic.acknowledge(), Some(136));
    gic.end(136);
    assert_eq!(gic.acknowledge(), None);
    gic.raise(136).expect("it exists");
    assert_eq!(gic.acknowledge(), Some(136));
    gic.end(136);
    gic.raise(136).expect("it exists");
    gic.clear(136).expect("it exists");
    assert_eq!(gic.acknowledge(), None);
    // Group 0, as the watchdog's.
    gic.enable(84, Line::Fiq, Trigger::Edge).expect("it exists");
    for level in [true, false] {
        qemu.set_interrupt(84, level);
    }
    assert_eq!(gic.acknowledge(), Some(84));
    gic.end(84);
    assert_eq!(gic.acknowledge(), None);
}

#[test]
fn gic_disabled_ones_are_pending_and_wake_nobody() {
    let Some(qemu) = Qemu::start() else { return };
    let gic = qemu.gic();
    for id in [127, 128, 136] {
        qemu.set_interrupt(id, true);
    }
    assert_eq!(gic.acknowledge(), None);
    // Across the border of two words of 32.
    assert_eq!(gic.levels(121, 16), 1 << 6 | 1 << 7 | 1 << 15);
    gic.enable(128, Line::Irq, Trigger::Level).expect("it exists");
    assert_eq!(gic.acknowledge(), Some(128));
    gic.end(128);
    gic.disable(128).expect("it exists");
    assert_eq!(gic.acknowledge(), None);
    let none = Err(GicError::NoSuch { id: 192, last: 191 });
    assert_eq!(gic.enable(192, Line::Irq, Trigger::Level), none);
}

#[test]
fn ipi_a_ring_is_seen_from_those_that_are_listened_to() {
    let Some(qemu) = Qemu::start() else { return };
    let gic = qemu.gic();
    let ipi = Ipi::new(&qemu, IPI_APU);
    // QEMU has it on SPI 64; on silicon the APU's is SPI 35.
    gic.enable(96, Line::Irq, Trigger::Level).expect("it exists");
    ipi.start(agent::RPU0 | agent::PL0);
    // IMR: what is not masked.
    assert_eq!(qemu.read32(IPI_APU + 0x14), AGENTS & !(agent::RPU0 | agent::PL0));
    qemu.set("/machine/soc/ipi IPI_INPUTS 9", true);
    assert_eq!((ipi.rung(), gic.acknowledge()), (agent::RPU1, None), "nobody listens to it");
    qemu.set("/machine/soc/ipi IPI_INPUTS 8", true);
    assert_eq!((ipi.rung(), gic.acknowledge()), (agent::RPU0 | agent::RPU1, Some(96)));
    ipi.acknowledge(agent::RPU0);
    gic.end(96);
    assert_eq!((ipi.rung(), gic.acknowledge()), (agent::RPU1, None));
    ipi.start(0);
    assert_eq!(ipi.rung(), 0, "what was rung before is forgotten");
    assert_eq!(qemu.read32(IPI_APU + 0x14), AGENTS);
}

#[test]
fn ipi_what_was_rung_is_unseen_until_the_other_says_so() {
    let Some(qemu) = Qemu::start() else { return };
    let ipi = Ipi::new(&qemu, IPI_APU);
    ipi.start(0);
    ipi.ring(agent::RPU0);
    qemu.set("/machine/soc/ipi OBS_INPUTS 8", true);
    assert_eq!(ipi.unseen(agent::RPU0 | agent::PL0), agent::RPU0);
    qemu.set("/machine/soc/ipi OBS_INPUTS 8", false);
    assert_eq!(ipi.unseen(agent::RPU0 | agent::PL0), 0);
}
