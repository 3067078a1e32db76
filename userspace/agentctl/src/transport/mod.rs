//! What carries the control protocol: a unix socket, `ssh`, a serial line, or a pipe inside this process.

mod host;
mod line;
mod local;
mod ssh;
mod target;

use std::pin::Pin;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};

pub use host::Host;
pub use line::Serial;
pub use local::{InProcess, Unix};
pub use ssh::Ssh;
pub use target::Target;

/// A byte stream to an agent.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// What [`Transport::connect`] returns.
pub type Connecting<'a> =
    Pin<Box<dyn Future<Output = anyhow::Result<Box<dyn Stream>>> + Send + 'a>>;

/// A way to an agent.
pub trait Transport: Send + Sync {
    /// Opens a stream on which the other side speaks the control protocol.
    fn connect(&self) -> Connecting<'_>;
}

impl Target {
    /// The way to an agent that runs already; `None` where the target is no such agent. `ssh` replaces the
    /// program of that name ([`Ssh`]).
    pub fn transport(&self, ssh: Option<&str>) -> Option<Arc<dyn Transport>> {
        match self {
            Target::Virtual | Target::Serial(_) => None,
            Target::Unix(path) => Some(Arc::new(Unix(path.clone()))),
            Target::AgentLine(line) => Some(Arc::new(Serial(line.clone()))),
            Target::Ssh(host) => {
                Some(Arc::new(Ssh { host: host.clone(), command: ssh.map(str::to_owned) }))
            }
        }
    }
}
