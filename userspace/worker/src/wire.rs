//! Bytes over TCP, with bounds on every wait.
//!
//! Sockets are non-blocking and waited for by poll, so that each wait has a limit of its own. A
//! peer is given up after [`LOOKS`] looks that found nothing, not by time alone: a machine that
//! stands still for a while stalls both sides, and what waits in the socket is read first.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use thiserror::Error;

/// Both sides send a heartbeat after this long without a message.
pub const BEAT: Duration = Duration::from_millis(100);
/// Time between two looks at a peer that says nothing.
pub const LOOK: Duration = Duration::from_millis(125);
/// Looks in vain until a peer is given up: a second in all.
pub const LOOKS: u32 = 8;

/// Why bytes did not pass.
#[derive(Debug, Error)]
pub enum WireError {
    /// The other side ended the connection.
    #[error("the connection was closed")]
    Closed,
    /// The caller's time was over.
    #[error("the time was over")]
    Late,
    /// Nothing came, or nothing was taken, for [`LOOKS`] looks.
    #[error("it was silent for a second")]
    Silent,
    /// The network.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Patience with one direction of a connection.
#[derive(Debug)]
pub struct Patience {
    looks: u32,
    since: Instant,
}

impl Patience {
    /// Full.
    pub fn new() -> Self {
        Self { looks: 0, since: Instant::now() }
    }

    /// Bytes passed.
    pub fn renew(&mut self) {
        *self = Self::new();
    }

    /// A look in vain; those that follow each other sooner than [`LOOK`] count as one.
    ///
    /// # Errors
    /// [`WireError::Silent`] when it is over.
    pub fn look(&mut self) -> Result<(), WireError> {
        let now = Instant::now();
        if now.duration_since(self.since) >= LOOK {
            self.since = now;
            self.looks += 1;
        }
        if self.looks >= LOOKS { Err(WireError::Silent) } else { Ok(()) }
    }
}

impl Default for Patience {
    fn default() -> Self {
        Self::new()
    }
}

/// A connection. Both ends of a worker's thread pair share one: one reads, the other writes.
#[derive(Debug)]
pub struct Wire(TcpStream);

impl Wire {
    /// Takes a connection over: non-blocking, and nothing waits for more bytes to send.
    ///
    /// # Errors
    /// The system's.
    pub fn new(socket: TcpStream) -> io::Result<Self> {
        socket.set_nodelay(true)?;
        socket.set_nonblocking(true)?;
        Ok(Self(socket))
    }

    /// Ends both directions; whoever waits on this connection sees it.
    pub fn close(&self) {
        // A connection that is over already is what was wanted.
        let _ = self.0.shutdown(Shutdown::Both);
    }

    /// Reads what is there, at least a byte. Each look in vain calls `idle`.
    ///
    /// # Errors
    /// [`WireError`]; [`WireError::Late`] if nothing came before `until`.
    pub fn read(
        &self,
        into: &mut [u8],
        until: Option<Instant>,
        patience: &mut Patience,
        mut idle: impl FnMut(&Self) -> Result<(), WireError>,
    ) -> Result<usize, WireError> {
        loop {
            match (&self.0).read(into) {
                Ok(0) => return Err(WireError::Closed),
                Ok(bytes) => {
                    patience.renew();
                    return Ok(bytes);
                }
                Err(error) => self.blocked(error, PollFlags::IN, until)?,
            }
            patience.look()?;
            idle(self)?;
        }
    }

    /// Sends all of the parts, in one call if the socket has room.
    ///
    /// # Errors
    /// [`WireError`]; the stream is cut off within a message then, and of no more use.
    pub fn write(
        &self,
        mut parts: &mut [IoSlice<'_>],
        until: Option<Instant>,
    ) -> Result<(), WireError> {
        let mut patience = Patience::new();
        IoSlice::advance_slices(&mut parts, 0);
        while !parts.is_empty() {
            match (&self.0).write_vectored(parts) {
                Ok(0) => return Err(WireError::Closed),
                Ok(bytes) => {
                    IoSlice::advance_slices(&mut parts, bytes);
                    patience.renew();
                }
                Err(error) => {
                    patience.look()?;
                    self.blocked(error, PollFlags::OUT, until)?;
                }
            }
        }
        Ok(())
    }

    /// Waits for the socket, a look long at most.
    fn blocked(
        &self,
        error: io::Error,
        what: PollFlags,
        until: Option<Instant>,
    ) -> Result<(), WireError> {
        match error.kind() {
            ErrorKind::Interrupted => return Ok(()),
            ErrorKind::WouldBlock => {}
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted => {
                return Err(WireError::Closed);
            }
            _ => return Err(error.into()),
        }
        let left = match until {
            None => LOOK,
            Some(until) => LOOK.min(until.saturating_duration_since(Instant::now())),
        };
        if left.is_zero() {
            return Err(WireError::Late);
        }
        let timeout = Timespec { tv_sec: 0, tv_nsec: left.subsec_nanos().into() };
        match poll(&mut [PollFd::new(&self.0, what)], Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(io::Error::from(error).into()),
        }
    }
}
