//! The R5's interrupt line: high while the PL has a level up, a doorbell is unseen, or an alarm
//! went off. Set through QEMU's qtest socket from a thread of its own, since a vCPU thread that
//! waited for the main loop there could wait for itself.

use std::io::{Read, Write};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// QEMU's name of the line.
const LINE: &str = "/machine/soc/rpu-cluster/rpu-cpu[0] unnamed-gpio-in 0";

#[derive(Default)]
struct State {
    levels: u32,
    rung: u32,
    seen: u32,
    alarm: Option<Instant>,
}

/// Drives the line.
pub struct Line {
    state: Mutex<State>,
    changed: Condvar,
    doorbell: UnixDatagram,
}

impl Line {
    /// Binds the doorbell, and connects to QEMU as soon as it listens.
    pub fn start(qtest: &Path, doorbell: &Path) -> Result<Arc<Self>, String> {
        let socket = UnixDatagram::bind(doorbell)
            .map_err(|error| format!("{}: {error}", doorbell.display()))?;
        let line =
            Arc::new(Self { state: Mutex::default(), changed: Condvar::new(), doorbell: socket });
        let (driver, qtest) = (Arc::clone(&line), qtest.to_path_buf());
        std::thread::spawn(move || match connect(&qtest) {
            Ok(stream) => driver.drive(stream),
            Err(error) => eprintln!("tandem-qemu: {}: {error}", qtest.display()),
        });
        Ok(line)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Levels of the PL's lines.
    pub fn set_levels(&self, levels: u32) {
        self.lock().levels = levels;
        self.changed.notify_one();
    }

    /// The R5 has seen doorbells up to this count.
    pub fn doorbell_seen(&self, count: u32) {
        self.lock().seen = count;
        self.changed.notify_one();
    }

    /// Raise the line after `us` microseconds.
    pub fn alarm(&self, us: u32) {
        self.lock().alarm = Some(Instant::now() + Duration::from_micros(u64::from(us)));
        self.changed.notify_one();
    }

    /// Takes doorbells from the agent on a thread of its own; `publish` writes the count where
    /// the R5 reads it, before the line rises.
    pub fn serve_doorbells(self: &Arc<Self>, publish: impl Fn(u32) + Send + 'static) {
        let line = Arc::clone(self);
        std::thread::spawn(move || {
            let mut byte = [0];
            while line.doorbell.recv(&mut byte).is_ok() {
                let mut state = line.lock();
                state.rung = state.rung.wrapping_add(1);
                publish(state.rung);
                line.changed.notify_one();
            }
        });
    }

    fn drive(&self, mut qtest: UnixStream) {
        let mut high = false;
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            let due = state.alarm.is_some_and(|at| at <= now);
            let want = state.levels != 0 || state.rung != state.seen || due;
            if want != high {
                drop(state);
                if writeln!(qtest, "set_irq_in {LINE} {}", u8::from(want)).is_err() {
                    return; // QEMU is gone
                }
                high = want;
                state = self.lock();
                continue;
            }
            let wait = match state.alarm {
                Some(at) if !due => at - now,
                _ => Duration::from_secs(1),
            };
            state = self
                .changed
                .wait_timeout(state, wait)
                .map_or_else(|poisoned| poisoned.into_inner().0, |(state, _)| state);
        }
    }
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
