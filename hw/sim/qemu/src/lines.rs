//! Interrupt lines into QEMU, set through its qtest socket from a thread of their own, since a
//! vCPU thread that waited for the main loop there could wait for itself.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// QEMU's name of the core with the first two lines, its interrupt and its fast interrupt.
const CORE: &str = "/machine/soc/rpu-cluster/rpu-cpu[0]";
/// QEMU's name of the APU's interrupt controller, with all other lines.
const APU_GIC: &str = "/machine/soc/gic";
/// The third line: shared peripheral interrupt of IPI agent PL0.
const PL0_SPI: u32 = 29;
/// Lines that are always there.
const FIXED: u32 = 3;

/// What qtest calls the lines: the fixed ones, then `spis`.
fn names(spis: &[u32]) -> Vec<String> {
    let mut names = vec![format!("{CORE} unnamed-gpio-in 0"), format!("{CORE} unnamed-gpio-in 1")];
    let gic = |spi: &u32| format!("{APU_GIC} unnamed-gpio-in {spi}");
    names.extend(std::iter::once(&PL0_SPI).chain(spis).map(gic));
    names
}

/// What the lines follow from.
#[derive(Default)]
struct State {
    levels: u32,
    /// Of the lines that are not fixed, one bit each.
    more: u32,
    /// Doorbells to the R5F, and the last that it has seen.
    rpu: (u32, u32),
    /// Doorbells to Linux, and the last that it has seen.
    apu: (u32, u32),
    alarm: Option<Instant>,
    watchdog: Option<Instant>,
    restart: bool,
    /// Lines that stay low, one bit each: a wire that is cut.
    cut: u32,
}

impl State {
    /// Levels of all lines, one bit each.
    fn want(&self, now: Instant) -> u32 {
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let irq = self.levels != 0 || self.rpu.0 != self.rpu.1 || self.restart || due(self.alarm);
        let fixed = [irq, due(self.watchdog), self.apu.0 != self.apu.1];
        let fixed = (0..).zip(fixed).map(|(line, high)| u32::from(high) << line).sum::<u32>();
        (fixed | self.more << FIXED) & !self.cut
    }

    /// When a line next changes by itself.
    fn next(&self, now: Instant) -> Option<Instant> {
        [self.alarm, self.watchdog].into_iter().flatten().filter(|at| *at > now).min()
    }
}

/// Drives the lines.
pub struct Lines {
    state: Mutex<State>,
    changed: Condvar,
}

impl Lines {
    /// Connects to QEMU as soon as it listens; `spis` are lines of Linux besides the fixed ones.
    pub fn start(qtest: &Path, spis: &[u32]) -> Arc<Self> {
        let lines = Arc::new(Self { state: Mutex::default(), changed: Condvar::new() });
        let (driver, qtest, names) = (Arc::clone(&lines), qtest.to_path_buf(), names(spis));
        std::thread::spawn(move || match connect(&qtest) {
            Ok(stream) => driver.drive(stream, &names),
            Err(error) => eprintln!("tandem-qemu: {}: {error}", qtest.display()),
        });
        lines
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.lock());
        self.changed.notify_one();
        result
    }

    /// Levels of the PL's lines.
    pub fn set_levels(&self, levels: u32) {
        if self.lock().levels != levels {
            self.change(|state| state.levels = levels);
        }
    }

    /// Level of one of Linux's lines, by its place among those that [`Lines::start`] was given.
    pub fn set_line(&self, line: usize, high: bool) {
        let bit = 1 << line;
        if (self.lock().more & bit != 0) != high {
            self.change(|state| state.more ^= bit);
        }
    }

    /// Doorbell to the R5F: `publish` writes the count where the R5F reads it, before the line
    /// rises.
    pub fn ring_rpu(&self, publish: impl FnOnce(u32)) {
        self.change(|state| {
            state.rpu.0 = state.rpu.0.wrapping_add(1);
            publish(state.rpu.0);
        });
    }

    /// The R5F has seen doorbells up to this count.
    pub fn rpu_seen(&self, count: u32) {
        self.change(|state| state.rpu.1 = count);
    }

    /// Doorbell to Linux; returns their count.
    pub fn ring_apu(&self) -> u32 {
        self.change(|state| {
            state.apu.0 = state.apu.0.wrapping_add(1);
            state.apu.0
        })
    }

    /// Linux has seen doorbells up to this count.
    pub fn apu_seen(&self, count: u32) {
        self.change(|state| state.apu.1 = count);
    }

    /// Raise the R5F's line after `us` microseconds.
    pub fn alarm(&self, us: u32) {
        self.change(|state| state.alarm = Some(after(us)));
    }

    /// Raise the R5F's second line after `us` microseconds; 0 stops it.
    pub fn watchdog(&self, us: u32) {
        self.change(|state| state.watchdog = (us != 0).then(|| after(us)));
    }

    /// Whether somebody asks the R5F to begin again.
    pub fn restart(&self, asked: bool) {
        self.change(|state| state.restart = asked);
    }

    /// Lines that stay low from now on, one bit each in the order of [`names`].
    pub fn cut(&self, lines: u32) {
        self.change(|state| state.cut = lines);
    }

    fn drive(&self, mut qtest: UnixStream, names: &[String]) {
        let mut high = 0_u32;
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            let want = state.want(now);
            let changed = (want ^ high).trailing_zeros();
            if let Some(name) = names.get(changed as usize) {
                drop(state);
                let level = want >> changed & 1;
                if writeln!(qtest, "set_irq_in {name} {level}").is_err() {
                    return; // QEMU is gone
                }
                high ^= 1 << changed;
                state = self.lock();
                continue;
            }
            let wait = state.next(now).map_or(Duration::from_secs(1), |at| at - now);
            state = self
                .changed
                .wait_timeout(state, wait)
                .map_or_else(|poisoned| poisoned.into_inner().0, |(state, _)| state);
        }
    }
}

fn after(us: u32) -> Instant {
    Instant::now() + Duration::from_micros(u64::from(us))
}

/// QEMU opens its sockets after its plugins; it answers each command with a line that nobody
/// needs, which a second thread throws away.
fn connect(qtest: &Path) -> std::io::Result<UnixStream> {
    const PATIENCE: Duration = Duration::from_secs(30);
    let start = Instant::now();
    let stream = loop {
        match UnixStream::connect(qtest) {
            Ok(stream) => break stream,
            Err(error) if start.elapsed() > PATIENCE => return Err(error),
            Err(_) => std::thread::sleep(Duration::from_millis(1)),
        }
    };
    let mut answers = stream.try_clone()?;
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while matches!(answers.read(&mut buffer), Ok(count) if count > 0) {}
    });
    Ok(stream)
}
