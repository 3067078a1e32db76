//! An inference, whichever protocol brought it: inputs against the model, the wait, the answer.

pub mod classification;
pub mod number;
pub mod parameters;
pub mod tensor;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use serde_json::json;
use tandem_engine::tensors::{
    DataType, Elements, OutputBytes, OutputElements, OutputTensor, Tensor,
};
use tokio::sync::oneshot;

use self::parameters::RequestParameters;
use crate::Core;
use crate::error::{Kind, ServeError};
use crate::model::{Job, Model, Ran, timed_out};
use crate::settings::Level;
use crate::shared_memory::Piece;
use crate::statistics::{Failure, RunTimes};

/// An output that a client wants, and how.
#[derive(Clone, Debug)]
pub struct RequestedOutput {
    /// In the model's order.
    pub index: usize,
    /// So many of its greatest elements instead of all.
    pub classification: Option<usize>,
    /// Where to put it instead of into the answer.
    pub shared: Option<(String, Piece)>,
    /// REST: behind the JSON instead of in it.
    pub binary: bool,
}

/// An output of an answer.
pub struct Answered {
    /// In the model's order.
    pub index: usize,
    /// Element type.
    pub datatype: DataType,
    /// Sides.
    pub shape: Vec<usize>,
    /// Elements.
    pub content: Content,
    /// REST: behind the JSON instead of in it.
    pub binary: bool,
}

/// Where the elements of an output are.
pub enum Content {
    /// Numbers, where the runtime made them.
    Numbers(OutputBytes),
    /// Strings.
    Strings(Vec<Vec<u8>>),
    /// In shared memory: region, and bytes written to it.
    Shared(String, usize),
}

/// Lets an answer hold a runtime's memory until it is sent: no copy.
pub fn held(bytes: OutputBytes) -> Bytes {
    struct Owner(OutputBytes);

    impl AsRef<[u8]> for Owner {
        fn as_ref(&self) -> &[u8] {
            (*self.0).as_ref()
        }
    }

    Bytes::from_owner(Owner(bytes))
}

/// A request whose model is known. Answered with an error or given up by its client, it counts as
/// failed; there is no third way out.
pub struct Request {
    /// Its model.
    pub model: Arc<Model>,
    /// The client's name for it.
    pub id: String,
    began: Instant,
    clock: SystemTime,
    /// How it ends unless it is told otherwise; none: it was answered with outputs.
    failure: Option<Failure>,
}

impl Request {
    /// A request that has just been read.
    pub fn new(model: Arc<Model>, id: String) -> Self {
        Self {
            model,
            id,
            began: Instant::now(),
            clock: SystemTime::now(),
            failure: Some(Failure::Other),
        }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        if let Some(why) = self.failure {
            self.model.statistics.fail(self.began.elapsed(), why);
        }
    }
}

/// Runs a request.
///
/// # Errors
/// Refused, too late, or the runtime's failure; counted either way.
pub async fn infer(
    core: &Core,
    mut request: Request,
    parameters: RequestParameters,
    inputs: Vec<Tensor>,
    wanted: Vec<RequestedOutput>,
) -> Result<Vec<Answered>, ServeError> {
    // Dropped while it waits here, its client went.
    request.failure = Some(Failure::Canceled);
    let answer = run(core, &mut request, parameters, inputs, wanted).await;
    request.failure = answer.as_ref().err().map(|error| error.kind.into());
    answer
}

async fn run(
    core: &Core,
    request: &mut Request,
    parameters: RequestParameters,
    inputs: Vec<Tensor>,
    wanted: Vec<RequestedOutput>,
) -> Result<Vec<Answered>, ServeError> {
    let model = request.model.clone();
    let (batch, bytes_in) = (batch_of(&model, &inputs), bytes_of(&inputs));
    let timeout = parameters.timeout(&model);
    let by = timeout.and_then(|timeout| request.began.checked_add(timeout));
    let (reply, answer) = oneshot::channel();
    let outputs = wanted.iter().map(|output| output.index).collect();
    let queued = Instant::now();
    model.submit(parameters.priority, Job { inputs, outputs, batch, by, queued, reply })?;
    let answer = match by {
        Some(by) => tokio::time::timeout_at(by.into(), answer).await.map_err(|_| timed_out())?,
        None => answer.await,
    };
    let lost = || ServeError::internal("The model's thread ended");
    let Ran { outputs, mut times } = answer.unwrap_or_else(|_| Err(lost()))?;
    let ran = Instant::now();
    let answered = outputs
        .into_iter()
        .zip(wanted)
        .map(|(output, wanted)| answer_of(&model, output, wanted))
        .collect::<Result<Vec<_>, _>>()?;
    times.output += ran.elapsed();
    model.statistics.succeed(batch, times, request.began.elapsed(), bytes_in);
    note(core, request, times, queued);
    Ok(answered)
}

/// Writes a failure down before it is answered.
pub fn log_failure(core: &Core, error: &ServeError) {
    let level = match error.kind {
        Kind::Internal => Level::Error,
        _ => Level::Verbose,
    };
    core.log.write(level, || format!("refused or failed: {error}"));
}

fn note(core: &Core, request: &Request, times: RunTimes, queued: Instant) {
    let model = &request.model;
    core.log.write(Level::Verbose, || format!("{} answered {:?}", model.id(), request.id));
    if !core.trace.sample(&model.name) {
        return;
    }
    let start = request.clock.duration_since(UNIX_EPOCH).unwrap_or_default();
    let at = |name: &str, since: Duration| json!({ "name": name, "ns": (start + since).as_nanos() as u64 });
    let queue_start = queued - request.began;
    let compute_start = queue_start + times.queue;
    let compute_end = compute_start + times.infer;
    core.trace.write(&json!({
        "model_name": model.name,
        "model_version": model.version,
        "request_id": request.id,
        "timestamps": [
            at("REQUEST_START", Duration::ZERO),
            at("QUEUE_START", queue_start),
            at("COMPUTE_START", compute_start),
            at("COMPUTE_END", compute_end),
            at("REQUEST_END", request.began.elapsed()),
        ],
    }));
}

/// Inferences of a request: the first side of its inputs where the model has a batch.
fn batch_of(model: &Model, inputs: &[Tensor]) -> u64 {
    let first = inputs.first().and_then(|input| input.shape.first());
    match (model.config.max_batch_size, first) {
        (1.., Some(batch)) => *batch as u64,
        _ => 1,
    }
}

fn bytes_of(inputs: &[Tensor]) -> u64 {
    let bytes = |tensor: &Tensor| match &tensor.elements {
        Elements::Numbers(buffer) => buffer.len(),
        Elements::Strings(strings) => strings.iter().map(Vec::len).sum(),
    };
    inputs.iter().map(|tensor| bytes(tensor) as u64).sum()
}

fn answer_of(
    model: &Model,
    output: OutputTensor,
    wanted: RequestedOutput,
) -> Result<Answered, ServeError> {
    let output = match wanted.classification {
        Some(count) => classification::classify(model, wanted.index, output, count)?,
        None => output,
    };
    let OutputTensor { datatype, shape, elements } = output;
    let content = match (wanted.shared, elements) {
        (Some((region, piece)), OutputElements::Numbers(bytes)) => {
            let bytes = (*bytes).as_ref();
            piece.write(bytes)?;
            Content::Shared(region, bytes.len())
        }
        (Some((region, piece)), OutputElements::Strings(strings)) => {
            let bytes = tensor::join_strings(&strings);
            piece.write(&bytes)?;
            Content::Shared(region, bytes.len())
        }
        (None, OutputElements::Numbers(bytes)) => Content::Numbers(bytes),
        (None, OutputElements::Strings(strings)) => Content::Strings(strings),
    };
    Ok(Answered { index: wanted.index, datatype, shape, content, binary: wanted.binary })
}
