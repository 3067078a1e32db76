//! Serial lines: a terminal device, or the unix socket behind which QEMU keeps one.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use rustix::fs::OFlags;
use rustix::termios::{
    ControlModes, OptionalActions, QueueSelector, SpecialCodeIndex, tcflush, tcgetattr, tcsetattr,
};
use tandem_link::console::BAUD;

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
    let name = path.display();
    // Without NONBLOCK the open itself waits for a modem that is not there.
    let flags = (OFlags::NOCTTY | OFlags::NONBLOCK).bits() as i32;
    let file =
        OpenOptions::new().read(true).write(true).custom_flags(flags).open(path).with_context(
            || format!("{name} cannot be opened; is the cable in, are you in dialout?"),
        )?;
    let mut settings =
        tcgetattr(&file).with_context(|| format!("{name} is no serial line; name a terminal"))?;
    settings.make_raw();
    settings.control_modes |= ControlModes::CREAD | ControlModes::CLOCAL | ControlModes::CS8;
    settings.control_modes &=
        !(ControlModes::CSTOPB | ControlModes::PARENB | ControlModes::CRTSCTS);
    settings.special_codes[SpecialCodeIndex::VMIN] = 0;
    // Tenths of a second.
    settings.special_codes[SpecialCodeIndex::VTIME] = (WAIT.as_millis() / 100) as u8;
    settings.set_speed(BAUD)?;
    tcsetattr(&file, OptionalActions::Now, &settings)?;
    tcflush(&file, QueueSelector::IOFlush)?;
    let flags = rustix::fs::fcntl_getfl(&file)?;
    rustix::fs::fcntl_setfl(&file, flags - OFlags::NONBLOCK)?;
    Ok(Box::new(file))
}
