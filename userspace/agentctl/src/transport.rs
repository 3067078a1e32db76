//! What carries the control protocol. SSH will be a further implementation; a
//! serial line carries the firmware's console instead ([`crate::console`]).

use std::path::PathBuf;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;

use anyhow::Context as _;
use tandem_agent::server::serve_stream;
use tandem_agent::service::Service;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;

use crate::console::Line;

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

/// Which agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A virtual board in this process.
    Virtual,
    /// agentd's socket.
    Unix(PathBuf),
    /// A serial line to the R5F, for `console`.
    Serial(Line),
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Target, String> {
        let path = |scheme| {
            let rest = text.strip_prefix(scheme).filter(|path: &&str| path.starts_with('/'));
            rest.map(PathBuf::from)
        };
        let unix = || path("unix://").map(Target::Unix);
        let device = || path("serial://").map(|path| Target::Serial(Line::Device(path)));
        let socket = || path("serial+unix://").map(|path| Target::Serial(Line::Socket(path)));
        let local = (text == "virtual").then_some(Target::Virtual);
        local.or_else(unix).or_else(device).or_else(socket).ok_or_else(|| {
            "use virtual, unix:///absolute/path, serial:///dev/tty... or serial+unix:///absolute/path"
                .to_owned()
        })
    }
}

/// agentd's socket.
pub struct Unix(pub PathBuf);

impl Transport for Unix {
    fn connect(&self) -> Connecting<'_> {
        Box::pin(async move {
            let stream = UnixStream::connect(&self.0).await.with_context(|| {
                let path = self.0.display();
                format!("No agent answers on {path}; start agentd, or use --target virtual")
            })?;
            Ok(Box::new(stream) as Box<dyn Stream>)
        })
    }
}

/// An agent in this process, over the same protocol.
pub struct InProcess(pub Arc<Service>);

impl Transport for InProcess {
    fn connect(&self) -> Connecting<'_> {
        /// Bytes under way in each direction.
        const BUFFER: usize = 1 << 20;
        let (client, server) = tokio::io::duplex(BUFFER);
        tokio::spawn(serve_stream(self.0.clone(), server));
        Box::pin(async move { Ok(Box::new(client) as Box<dyn Stream>) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_virtual_or_an_absolute_socket() {
        assert_eq!("virtual".parse(), Ok(Target::Virtual));
        assert_eq!("unix:///run/a.sock".parse(), Ok(Target::Unix("/run/a.sock".into())));
        let line = Target::Serial(Line::Device("/dev/ttyUSB1".into()));
        assert_eq!("serial:///dev/ttyUSB1".parse(), Ok(line));
        let socket = Target::Serial(Line::Socket("/tmp/uart1".into()));
        assert_eq!("serial+unix:///tmp/uart1".parse(), Ok(socket));
        for wrong in [
            "serial://ttyUSB1",
            "serial+unix://",
            "",
            "unix://",
            "unix://a.sock",
            "ssh://host",
            "Virtual",
        ] {
            let error = wrong.parse::<Target>().unwrap_err();
            assert!(error.contains("unix:///"), "{wrong}: {error}");
        }
    }
}
