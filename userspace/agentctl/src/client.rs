//! The client's side of the control protocol.

use anyhow::{Context as _, bail};
use tandem_agent::control::{PROTOCOL, Request, Response, frame};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::transport::{Stream, Transport};

/// How long the other side may take to hang up.
const PARTING: std::time::Duration = std::time::Duration::from_secs(2);

/// A conversation with an agent.
pub struct Client {
    stream: Box<dyn Stream>,
}

impl Client {
    /// Connects and agrees on the protocol's version.
    pub async fn connect(transport: &dyn Transport) -> anyhow::Result<Client> {
        let mut client = Client { stream: transport.connect().await? };
        let name = concat!("agentctl ", env!("CARGO_PKG_VERSION")).to_owned();
        match client.ask(&Request::Hello { protocol: PROTOCOL, client: name }).await? {
            Response::Hello { protocol: PROTOCOL, .. } => Ok(client),
            other => bail!("The agent does not speak protocol {PROTOCOL}, it answered {other:?}"),
        }
    }

    /// Says that nothing more will be asked, and waits a moment for the other side to say so, too: one that is
    /// left without a word would wait for more.
    pub async fn close(mut self) {
        let parting = async {
            let _ = self.stream.shutdown().await;
            let mut rest = [0; 64];
            while let Ok(1..) = self.stream.read(&mut rest).await {}
        };
        let _ = tokio::time::timeout(PARTING, parting).await;
    }

    /// Leaves the conversation as it is: the way to the agent is free for another.
    pub fn hang_up(&mut self) {
        self.stream = Box::new(tokio::io::duplex(1).0);
    }

    /// Sends a request and waits for its first answer.
    ///
    /// # Errors
    /// The agent's own error as [`tandem_agent::api::ApiError`], or the connection's.
    pub async fn ask(&mut self, request: &Request) -> anyhow::Result<Response> {
        frame::write(&mut self.stream, request).await?;
        self.next().await
    }

    /// Waits for the next answer.
    ///
    /// # Errors
    /// As [`Client::ask`].
    pub async fn next(&mut self) -> anyhow::Result<Response> {
        match frame::read(&mut self.stream).await? {
            Some(Response::Error(error)) => Err(error.into()),
            Some(response) => Ok(response),
            None => Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof))
                .context("The agent hung up; see its own messages"),
        }
    }
}

/// The agent answered something else than was asked for.
pub fn unexpected<T>(response: &Response) -> anyhow::Result<T> {
    bail!("The agent answered out of turn: {response:?}; use programs of one release")
}
