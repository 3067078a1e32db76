//! Serial lines: a terminal device, or the unix socket behind which QEMU keeps one.

use std::fmt;
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use rustix::fs::OFlags;
use rustix::termios::{OptionalActions, SpecialCodeIndex, tcgetattr, tcsetattr};

/// Longest wait of one read: whoever reads looks at the clock in between.
const WAIT: Duration = Duration::from_millis(100);

/// Which line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// A terminal device such as `/dev/ttyUSB1`.
    Device(PathBuf),
    /// The socket of QEMU's `-serial unix:PATH,server=on`.
    Socket(PathBuf),
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Device(path) => write!(f, "serial://{}", path.display()),
            Self::Socket(path) => write!(f, "serial+unix://{}", path.display()),
        }
    }
}

impl Line {
    /// Opens it: 115200 baud, 8 bits, no parity, one stop bit, nothing interpreted.
    ///
    /// # Errors
    /// It is not there, or is no terminal; the text says what to try.
    pub fn open(&self) -> anyhow::Result<Box<dyn Port>> {
        match self {
            Self::Device(path) => device(path),
            Self::Socket(path) => {
                let stream = UnixStream::connect(path).with_context(|| {
                    format!("No machine listens on {}; is QEMU running?", path.display())
                })?;
                stream.set_read_timeout(Some(WAIT))?;
                stream.set_write_timeout(Some(Duration::from_secs(10)))?;
                Ok(Box::new(stream))
            }
        }
    }
}

/// Bytes both ways. A read that has waited for a moment gives nothing, or an error of the kinds
/// `WouldBlock` and `TimedOut`.
pub trait Port: Read + Write {}

impl Port for UnixStream {}
impl Port for File {}

fn device(path: &Path) -> anyhow::Result<Box<dyn Port>> {
    let file = tandem_agent::serial::open(path)?;
    let mut settings = tcgetattr(&file)?;
    settings.special_codes[SpecialCodeIndex::VMIN] = 0;
    // Tenths of a second.
    settings.special_codes[SpecialCodeIndex::VTIME] = (WAIT.as_millis() / 100) as u8;
    tcsetattr(&file, OptionalActions::Now, &settings)?;
    let flags = rustix::fs::fcntl_getfl(&file)?;
    rustix::fs::fcntl_setfl(&file, flags - OFlags::NONBLOCK)?;
    Ok(Box::new(file))
}
