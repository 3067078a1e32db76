//! The core on a thread of its own, and the control over it.

use crate::{
    instance::{End, Instance, Turn},
    life::{Life, NEVER},
    machine::Machine,
};
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};
use tandem_link::{
    board::{CoreError, CoreState, RemoteCore},
    message::Nanos,
};

/// A life that runs on a thread.
struct Running {
    life: Arc<Life>,
    ended: Arc<Mutex<Option<End>>>,
    thread: JoinHandle<()>,
}

/// The core of the threaded board.
pub(crate) struct Core {
    machine: Arc<Machine>,
    spin: Nanos,
    running: Mutex<Option<Running>>,
}

impl Core {
    /// A core in reset. It looks for work for `spin` before it sleeps.
    pub(crate) fn new(machine: Arc<Machine>, spin: Nanos) -> Self {
        Self { machine, spin, running: Mutex::new(None) }
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How the last life ended, if it ended by itself.
    pub(crate) fn last_end(&self) -> Option<End> {
        let running = self.running();
        let ended = running.as_ref()?.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.clone()
    }

    fn launch(&self) -> Result<Running, CoreError> {
        self.machine.vitals.freeze(false);
        let (machine, spin) = (Arc::clone(&self.machine), self.spin);
        let life = Arc::new(Life::new(Arc::clone(&machine.vitals), Arc::clone(&machine.clock)));
        let ended = Arc::new(Mutex::new(None));
        let (own, result) = (Arc::clone(&life), Arc::clone(&ended));
        let run = move || {
            let end = run(&machine, &own, spin);
            *result.lock().unwrap_or_else(PoisonError::into_inner) = Some(end);
            // What the core left running in the programmable logic goes on without it.
            machine.pl_bell.ring();
        };
        let thread = thread::Builder::new()
            .name("firmware".into())
            .spawn(run)
            .map_err(|error| CoreError::Board(format!("no thread: {error}")))?;
        Ok(Running { life, ended, thread })
    }

    fn halt(&self, running: Running) {
        running.life.reset();
        self.machine.firmware_bell.ring();
        // The thread catches what the firmware throws; it never panics itself.
        let _ended = running.thread.join();
    }
}

/// The idle loop of one life.
fn run(machine: &Arc<Machine>, life: &Arc<Life>, spin: Nanos) -> End {
    let mut instance = Instance::new(machine, life);
    while !life.in_reset() {
        if machine.vitals.frozen() {
            freeze(machine, life);
            continue;
        }
        match instance.turn() {
            Turn::Polled => {}
            Turn::Idle(until) => {
                if machine.firmware_bell.wait(&machine.clock, until, spin) {
                    // The wait answered the bell for the next turn.
                    life.wake_at(0);
                }
            }
            Turn::Ended(end) => return end,
        }
    }
    End::Killed
}

/// Executes nothing until thawed or reset. Rings that this answers are not lost: the first turn
/// after it polls anyway.
fn freeze(machine: &Machine, life: &Life) {
    // What the last poll started goes on without the core.
    machine.pl_bell.ring();
    while machine.vitals.frozen() && !life.in_reset() {
        machine.firmware_bell.wait(&machine.clock, NEVER, 0);
    }
    life.wake_at(0);
}

impl RemoteCore for Core {
    fn state(&self) -> CoreState {
        match &*self.running() {
            None => CoreState::Stopped,
            Some(running) if running.thread.is_finished() => CoreState::Crashed,
            Some(_) => CoreState::Running,
        }
    }

    fn start(&self) -> Result<(), CoreError> {
        let mut running = self.running();
        match &*running {
            Some(life) if !life.thread.is_finished() => Err(CoreError::Running),
            _ => {
                *running = Some(self.launch()?);
                Ok(())
            }
        }
    }

    fn stop(&self) -> Result<(), CoreError> {
        let running = self.running().take().ok_or(CoreError::Stopped)?;
        self.halt(running);
        Ok(())
    }

    fn restart(&self) -> Result<(), CoreError> {
        let mut running = self.running();
        if let Some(old) = running.take() {
            self.halt(old);
        }
        *running = Some(self.launch()?);
        Ok(())
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        if let Some(running) = self.running().take() {
            self.halt(running);
        }
    }
}

/// Gives the programmable logic its time where no core does: the gate fires at its due times and
/// what DMA was started goes on while the core is frozen, dead or busy.
pub(crate) struct PlClock {
    machine: Arc<Machine>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl PlClock {
    pub(crate) fn start(machine: Arc<Machine>) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let (own, ended) = (Arc::clone(&machine), Arc::clone(&stop));
        let run = move || {
            while !ended.load(Ordering::Acquire) {
                let levels = own.advance();
                if levels.lines != 0 {
                    own.firmware_bell.ring();
                }
                own.pl_bell.wait(&own.clock, levels.next, 0);
            }
        };
        let thread = Some(thread::Builder::new().name("pl-clock".into()).spawn(run)?);
        Ok(Self { machine, stop, thread })
    }
}

impl Drop for PlClock {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        self.machine.pl_bell.ring();
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}
