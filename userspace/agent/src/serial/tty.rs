//! A terminal device as a stream of bytes.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustix::fs::OFlags;
use rustix::termios::{
    ControlModes, OptionalActions, QueueSelector, SpecialCodeIndex, tcflush, tcgetattr, tcsetattr,
};
use tandem_link::console::BAUD;
use thiserror::Error;
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Why a terminal cannot be used.
#[derive(Debug, Error)]
pub enum TtyError {
    /// It is not there, or not ours.
    #[error("{path} cannot be opened ({source}); is the cable in, are you in dialout?")]
    Open {
        /// Path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is something else.
    #[error("{path} is no serial line ({source}); name a terminal such as /dev/ttyUSB1")]
    NoTerminal {
        /// Path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The runtime cannot wait for it.
    #[error("A serial line cannot be waited for: {0}")]
    Wait(io::Error),
}

/// Opens a terminal: 115200 baud, 8 bits, no parity, one stop bit, nothing interpreted. Reads and writes do
/// not block; a read gives at least a byte.
///
/// # Errors
/// [`TtyError::Open`], [`TtyError::NoTerminal`].
pub fn open(path: &Path) -> Result<File, TtyError> {
    // Without NONBLOCK the open itself waits for a modem that is not there.
    let flags = (OFlags::NOCTTY | OFlags::NONBLOCK).bits() as i32;
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(flags)
        .open(path)
        .map_err(|source| TtyError::Open { path: path.to_owned(), source })?;
    settle(&file)
        .map_err(|source| TtyError::NoTerminal { path: path.to_owned(), source: source.into() })?;
    Ok(file)
}

fn settle(file: &File) -> rustix::io::Result<()> {
    let mut settings = tcgetattr(file)?;
    settings.make_raw();
    settings.control_modes |= ControlModes::CREAD | ControlModes::CLOCAL | ControlModes::CS8;
    settings.control_modes &=
        !(ControlModes::CSTOPB | ControlModes::PARENB | ControlModes::CRTSCTS);
    settings.special_codes[SpecialCodeIndex::VMIN] = 1;
    settings.special_codes[SpecialCodeIndex::VTIME] = 0;
    settings.set_speed(BAUD)?;
    tcsetattr(file, OptionalActions::Now, &settings)?;
    tcflush(file, QueueSelector::IOFlush)
}

/// An open terminal that tasks can wait for. A read that gives less than it could does not mean that nothing is
/// left: the kernel's buffer is a ring, and a read ends where it wraps.
#[derive(Debug)]
pub struct Tty(AsyncFd<File>);

impl Tty {
    /// Of a file that [`open`] gave. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`TtyError::Wait`].
    pub fn new(file: File) -> Result<Tty, TtyError> {
        // SAFETY: the file owns its descriptor and stays inside the AsyncFd, so that every call of
        // AsRawFd::as_raw_fd gives the same open descriptor for as long as it is registered.
        let file = unsafe { AsyncFd::register(file) };
        file.map(Tty).map_err(|error| TtyError::Wait(error.into()))
    }
}

impl AsyncRead for Tty {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let mut guard = ready!(self.0.poll_read_ready(cx))?;
            let bytes = buf.initialize_unfilled();
            if let Ok(read) = guard.try_io(|file| file.get_ref().read(bytes)) {
                buf.advance(read?);
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl AsyncWrite for Tty {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            let mut guard = ready!(self.0.poll_write_ready(cx))?;
            if let Ok(written) = guard.try_io(|file| file.get_ref().write(bytes)) {
                return Poll::Ready(written);
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(())) // nothing is held back here
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
