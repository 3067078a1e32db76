//! Doorbells between Linux and the R5F.

use crate::{Region, UioError};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use tandem_link::SharedMemory;
use tandem_link::glue;

/// Registers of an IPI agent (UG1087, module IPI).
mod ipi {
    pub const TRIGGER: u32 = 0x00;
    pub const STATUS: u32 = 0x10;
    pub const ENABLE: u32 = 0x18;
    /// The agent RPU0.
    pub const RPU0: u32 = 1 << 8;
}

/// How one side rings the other.
pub(crate) enum Bells {
    /// QEMU's glue page.
    Glue(Region),
    /// Registers of Linux's own IPI agent, PL0.
    Ipi(Region),
}

impl Bells {
    /// Lets the R5F ring.
    pub(crate) fn listen(&self) {
        match self {
            Bells::Glue(_) => {}
            Bells::Ipi(registers) => registers.store(ipi::ENABLE, ipi::RPU0),
        }
    }

    /// Rings the R5F.
    pub(crate) fn ring(&self) {
        match self {
            Bells::Glue(page) => page.store(glue::RING_RPU, 1),
            Bells::Ipi(registers) => registers.store(ipi::TRIGGER, ipi::RPU0),
        }
    }

    /// Lowers the interrupt at its source.
    fn acknowledge(&self) {
        match self {
            Bells::Glue(page) => page.store(glue::AGENT_SEEN, page.load(glue::AGENT_COUNT)),
            Bells::Ipi(registers) => registers.store(ipi::STATUS, ipi::RPU0),
        }
    }
}

/// Waits for the R5F's doorbell, or for another thread.
pub(crate) struct Waiter {
    interrupt: File,
    wake: OwnedFd,
}

impl Waiter {
    /// Waits on the interrupt of a UIO device.
    ///
    /// # Errors
    /// [`UioError::Io`].
    pub(crate) fn new(device: &File, path: &Path) -> Result<Self, UioError> {
        let interrupt = device.try_clone().map_err(UioError::io("duplicating", path))?;
        let wake = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)
            .map_err(UioError::io("making an eventfd beside", path))?;
        Ok(Self { interrupt, wake })
    }

    /// Lets the next interrupt through: UIO masks it when it comes (uio-howto, irqcontrol).
    pub(crate) fn arm(&self) -> std::io::Result<()> {
        (&self.interrupt).write_all(&1u32.to_ne_bytes())
    }

    /// Sleeps `ns` at most; answers what ended the sleep. A wait that the system refuses ends at
    /// once: the caller looks at its rings by time then.
    pub(crate) fn wait(&self, ns: u64, bells: &Bells) {
        let timeout = Timespec {
            tv_sec: i64::try_from(ns / 1_000_000_000).unwrap_or(i64::MAX),
            tv_nsec: (ns % 1_000_000_000) as _,
        };
        let mut both = [
            PollFd::new(&self.interrupt, PollFlags::IN),
            PollFd::from_borrowed_fd(self.wake.as_fd(), PollFlags::IN),
        ];
        if poll(&mut both, Some(&timeout)).is_err() {
            return;
        }
        let [rang, woken] = both.map(|fd| fd.revents().contains(PollFlags::IN));
        if woken {
            let _ = rustix::io::read(&self.wake, &mut [0; 8]);
        }
        if rang {
            let _ = (&self.interrupt).read(&mut [0; 4]);
            // Low at its source before it is let through again; a ring in between raises it again.
            bells.acknowledge();
            let _ = self.arm();
        }
    }

    /// Ends the wait under way, or the next.
    pub(crate) fn wake(&self) {
        let _ = rustix::io::write(&self.wake, &1u64.to_ne_bytes());
    }
}
