//! Requests at a rate that does not wait for answers, over REST with binary tensors, gRPC, and shared
//! memory. Each answer says which request it is of and which version made it; nothing is thrown away.

pub mod grpc;
pub mod load;
pub mod rest;
pub mod shared;

use anyhow::Context;
use bytes::Bytes;

/// The protocol's messages and client.
#[allow(missing_docs, clippy::all)]
pub mod proto {
    tonic::include_proto!("inference");
}

/// An input of every request.
#[derive(Clone, Debug)]
pub struct Input {
    /// Name.
    pub name: String,
    /// The protocol's name of its type.
    pub datatype: String,
    /// Sides.
    pub shape: Vec<i64>,
    /// Elements.
    pub bytes: Bytes,
}

/// What is asked again and again, under another id each time.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Model.
    pub model: String,
    /// Inputs.
    pub inputs: Vec<Input>,
    /// The one output that is wanted.
    pub output: String,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Of which request.
    pub id: u64,
    /// Which version made it.
    pub version: String,
    /// The output.
    pub output: Bytes,
}

/// A way to a server, one request at a time.
pub trait Way: Send {
    /// Asks and waits for the answer.
    ///
    /// # Errors
    /// The server's refusal, or the connection's end.
    fn infer(&mut self, id: u64) -> impl Future<Output = anyhow::Result<Answer>> + Send;
}

fn number(id: &str) -> anyhow::Result<u64> {
    id.parse().with_context(|| format!("{id:?} is no id that was sent"))
}
