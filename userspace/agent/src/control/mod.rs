//! The protocol between `agentctl` and agentd, over any byte stream.
//!
//! Each side sends frames ([`frame`]); the client a [`Request`], the server one or more
//! [`Response`]s, the last of which is never [`Response::Progress`] or [`Response::Logs`]. The
//! first request is [`Request::Hello`]; a server that does not speak the client's version says so
//! and closes.

mod bytes;
mod crash;
pub mod frame;

use serde::{Deserialize, Serialize};
use tandem_model::post::PostParams;
use tandem_model::pre::PreParams;

use crate::api::{ApiError, Inspection};
use crate::channels::ChannelReport;
use crate::counters::Snapshot;
use crate::firmware::{Bundle, Manifest};
use crate::recipe::Explanation;
use crate::recipe::store::RecipeSummary;
use crate::routing::JobOptions;
use crate::service::{
    BenchReport, BitstreamEntry, BitstreamReport, BoardInfo, FaultReport, FirmwareReport,
    PingReport, PolicyReport, Status, TensorDump,
};
pub use bytes::Bytes;
pub use crash::CrashReport;

/// Version of the messages. Any change to them is a new version.
pub const PROTOCOL: u32 = 6;

/// An image and what is to be done with it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ImageRequest {
    /// Name for the answer.
    pub name: String,
    /// JPEG, PNG, or raw pixels with their header.
    pub bytes: Bytes,
    /// Milliseconds from the start of ingest to the verdict; the agent's default if `None`.
    pub deadline_ms: Option<u32>,
    /// Recipe by name; the one in force if `None`.
    pub recipe: Option<String>,
    /// What a routing policy looks at.
    pub options: JobOptions,
}

/// Which kernel, and everything it is told.
#[allow(clippy::large_enum_variant)] // one per request
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KernelSpec {
    /// Frame in, tensor out.
    Pre(PreParams),
    /// Heads in, result out.
    Post(PostParams),
}

/// From the client.
#[allow(clippy::large_enum_variant)]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Request {
    /// Opens the conversation.
    Hello {
        /// The client's [`PROTOCOL`].
        protocol: u32,
        /// Program and version.
        client: String,
    },
    /// Answered by [`Response::Status`].
    Status,
    /// Answered by [`Response::Stats`].
    Stats,
    /// Answered by [`Response::Inspection`].
    Inspect(ImageRequest),
    /// Answered by [`Response::Tensor`].
    Tensor(ImageRequest),
    /// Answered by [`Response::Explained`].
    Explain(ImageRequest),
    /// Answered by [`Response::Logs`], and if not `follow` by [`Response::Done`] at the end.
    Logs {
        /// Go on with new lines until the connection closes.
        follow: bool,
    },
    /// Answered by [`Response::Progress`] and [`Response::Bench`].
    Bench {
        /// Inspected again and again.
        image: ImageRequest,
        /// Images that are measured.
        count: u32,
        /// Images before them that are not.
        warmup: u32,
        /// Images under way at once.
        in_flight: u32,
    },
    /// Answered by [`Response::Ping`].
    Ping {
        /// Round trips.
        count: u32,
    },
    /// Answered by [`Response::Faults`].
    FaultList,
    /// Plants a fault by its name. Answered by [`Response::Faults`].
    FaultInject(String),
    /// Lets a frozen core go on and starts a dead one. Answered by [`Response::Faults`].
    FaultClear,
    /// Answered by [`Response::Recipes`].
    RecipeList,
    /// Holds a recipe's text against the loaded model. Answered by [`Response::Recipes`].
    RecipeCheck {
        /// What errors point into.
        file: String,
        /// The recipe.
        text: String,
    },
    /// Puts a recipe in force. Answered by [`Response::Recipes`].
    RecipeSwitch(String),
    /// Runs one kernel alone on the board. Answered by [`Response::Kernel`].
    Kernel {
        /// Which, and its parameters.
        spec: KernelSpec,
        /// Bytes of its input.
        input: Bytes,
    },
    /// Answered by [`Response::Crashes`].
    Crashes,
    /// Restarts the R5F and waits until it has joined. Answered by [`Response::Status`].
    RestartCore,
    /// Restarts the board's Linux. Answered by [`Response::Done`] before it does.
    Reboot,
    /// Answered by [`Response::Firmware`].
    FirmwareInfo,
    /// Holds a bundle against the board. Answered by [`Response::FirmwareGood`].
    FirmwareCheck(Bundle),
    /// Runs a bundle's image, or what ran before. Answered by [`Response::Firmware`].
    FirmwareUpdate(Bundle),
    /// Answered by [`Response::Bitstreams`].
    BitstreamList,
    /// Answered by [`Response::Bitstream`].
    BitstreamCurrent,
    /// Every check before a load. Answered by [`Response::Bitstreams`] with the one.
    BitstreamCheck(String),
    /// Loads one by its name. Answered by [`Response::Bitstream`].
    BitstreamLoad(String),
    /// Answered by [`Response::Board`].
    BoardInfo,
    /// Holds a routing policy against the agent. Answered by [`Response::Policy`].
    PolicyCheck {
        /// What findings point into.
        file: String,
        /// The policy (YAML).
        text: String,
    },
    /// Puts a routing policy in force. Answered by [`Response::Policy`].
    PolicyApply {
        /// What findings point into.
        file: String,
        /// The policy (YAML).
        text: String,
    },
    /// The routing policy in force. Answered by [`Response::Policy`].
    PolicyShow,
    /// Where an image would go now. Answered by [`Response::PolicyExplained`].
    PolicyExplain(ImageRequest),
    /// Answered by [`Response::Channels`].
    Channels,
}

/// One line of the firmware's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// `trace`, `debug`, `info`, `warn`, `error`; empty for a plain print.
    pub level: String,
    /// The board's clock, as the firmware wrote it; empty where it writes none.
    pub at: String,
    /// Message.
    pub text: String,
}

/// From the server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Response {
    /// To [`Request::Hello`].
    Hello {
        /// The server's [`PROTOCOL`].
        protocol: u32,
        /// Program and version.
        server: String,
    },
    /// How the agent does.
    Status(Status),
    /// All counters.
    Stats(Snapshot),
    /// A verdict.
    Inspection(Inspection),
    /// A tensor.
    Tensor(TensorDump),
    /// A verdict and how each rule came to it.
    Explained(Inspection, Explanation),
    /// Lines, oldest first; more may follow.
    Logs(Vec<LogLine>),
    /// So many of so many are done; more follows.
    Progress(u32, u32),
    /// Measurements.
    Bench(BenchReport),
    /// Round trips.
    Ping(PingReport),
    /// Faults.
    Faults(FaultReport),
    /// Recipes.
    Recipes(Vec<RecipeSummary>),
    /// A kernel's output.
    Kernel(Bytes),
    /// The firmware's crash records, oldest first, and how many are damaged.
    Crashes(Vec<CrashReport>, u32),
    /// Done, nothing to say.
    Done,
    /// It did not work.
    Error(ApiError),
    /// The R5F's firmware.
    Firmware(FirmwareReport),
    /// A bundle that could be loaded.
    FirmwareGood(Manifest),
    /// Bitstreams of the agent's folder.
    Bitstreams(Vec<BitstreamEntry>),
    /// What the programmable logic holds.
    Bitstream(BitstreamReport),
    /// What the board is and runs.
    Board(BoardInfo),
    /// A routing policy, its findings, and the one in force.
    Policy(PolicyReport),
    /// Where an image would go, and why.
    PolicyExplained(tandem_policy::Explanation),
    /// The ways that bytes take.
    Channels(ChannelReport),
}

#[cfg(test)]
mod tests;
