//! Agents of this machine: behind a socket, or in this process.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use tandem_agent::server::serve_stream;
use tandem_agent::service::Service;
use tokio::net::UnixStream;

use super::{Connecting, Stream, Transport};

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
