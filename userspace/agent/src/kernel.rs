//! One kernel alone, on raw bytes: in the model, or in the programmable logic of a board that
//! nobody else uses.

use std::fs::File;
use std::os::unix::fs::FileExt;

use tandem_link::board::Board;
use tandem_link::master::LinkMaster;
use tandem_link::message::{FromPeer, JobStatus};
use tandem_link::slot::Owned;
use tandem_link::{Geometry, SlotClass};
use tandem_model::post::{PostScratch, postprocess};
use tandem_model::pre::{PreError, Tables, preprocess};

use crate::api::ApiError;
use crate::control::KernelSpec;

/// How long the firmware may take to join, and then for the run, in nanoseconds.
const LIMIT_NS: u64 = 5_000_000_000;
/// Number of the one job.
const JOB: u32 = 1;

impl KernelSpec {
    /// Name of the kernel.
    pub fn name(&self) -> &'static str {
        match self {
            KernelSpec::Pre(_) => "pre",
            KernelSpec::Post(_) => "post",
        }
    }

    /// Checks every field's range.
    ///
    /// # Errors
    /// The field that is out of range.
    pub fn validate(&self) -> Result<(), ApiError> {
        let refused = |error: String| ApiError::new("kernel_params", "params", error);
        match self {
            KernelSpec::Pre(params) => {
                params.validate().map_err(|e| refused(e.to_string()))?;
                // A description has no tables, and the board's may hold anything.
                let missing = [(params.lut, "lut"), (params.flat, "flat")];
                match missing.into_iter().find(|(used, _)| *used) {
                    Some((_, table)) => Err(refused(PreError::Missing(table).to_string())),
                    None => Ok(()),
                }
            }
            KernelSpec::Post(params) => params.validate().map_err(|e| refused(e.to_string())),
        }
    }

    /// Bytes of the input; only for parameters that [`KernelSpec::validate`] let through.
    pub fn input_bytes(&self) -> usize {
        match self {
            KernelSpec::Pre(params) => params.frame_bytes(),
            KernelSpec::Post(params) => params.heads_bytes(),
        }
    }

    /// Bytes of the largest output, likewise.
    pub fn output_bytes(&self) -> usize {
        match self {
            KernelSpec::Pre(params) => params.tensor_bytes(),
            KernelSpec::Post(params) => params.result_bytes(),
        }
    }

    fn check(&self, input: &[u8]) -> Result<(), ApiError> {
        self.validate()?;
        let (have, need) = (input.len(), self.input_bytes());
        if have == need {
            return Ok(());
        }
        let message = format!("The input holds {have} bytes, the parameters need {need}");
        Err(ApiError::new("kernel_input", "input", message))
    }
}

/// Runs the kernel by its bit-exact model.
///
/// # Errors
/// `kernel_params`, `kernel_input`, `kernel_refused`.
pub fn run_on_model(spec: &KernelSpec, input: &[u8]) -> Result<Vec<u8>, ApiError> {
    spec.check(input)?;
    let refused = |error: String| ApiError::new("kernel_refused", "input", error);
    let mut output = vec![0; spec.output_bytes()];
    match spec {
        KernelSpec::Pre(params) => {
            preprocess(params, &Tables::NONE, input, &mut output)
                .map_err(|e| refused(e.to_string()))?;
        }
        KernelSpec::Post(params) => {
            let mut scratch = Box::<PostScratch>::default();
            let header = postprocess(params, input, &mut output, &mut scratch)
                .map_err(|e| refused(e.to_string()))?;
            output.truncate(result_bytes(header.count));
        }
    }
    Ok(output)
}

/// Bytes of a result with `count` detections.
fn result_bytes(count: u32) -> usize {
    use tandem_model::post::{DETECTION_BYTES, HEADER_BYTES};
    HEADER_BYTES + count as usize * DETECTION_BYTES
}

/// Runs the kernel in the programmable logic, through the firmware. The caller must be the only
/// user of the board.
///
/// # Errors
/// As [`run_on_model`]; `kernel_slot`, `no_answer`, `board_link`, and for a run that failed the
/// incident's name.
pub fn run_on_board<B: Board>(
    board: &B,
    spec: &KernelSpec,
    input: &[u8],
) -> Result<Vec<u8>, ApiError> {
    spec.check(input)?;
    let mut bench = Bench::join(board)?;
    let (from, to) = match spec {
        KernelSpec::Pre(_) => (SlotClass::Frame, SlotClass::Tensor),
        KernelSpec::Post(_) => (SlotClass::Heads, SlotClass::Result),
    };
    let source = bench.slot(from, input.len())?;
    let target = bench.slot(to, spec.output_bytes())?;
    let (read_at, write_at) =
        (board.payload_offset(target.addr()), board.payload_offset(source.addr()));
    bench.file.write_all_at(input, write_at).map_err(memory)?;
    let deadline = board.now() + LIMIT_NS;
    let granted = match spec {
        KernelSpec::Pre(params) => {
            bench.link.submit_pre(JOB, deadline, source, target, params.clone())
        }
        KernelSpec::Post(params) => {
            bench.link.submit_post(JOB, deadline, source, target, params.clone())
        }
    };
    let _granted = granted.map_err(|refused| link(refused.error))?;
    board.ring_peer();
    let written = bench.done(deadline)?;
    if written > spec.output_bytes() {
        let message = format!("The firmware reports {written} bytes, more than the slot was for");
        return Err(ApiError::new("kernel_length", "output", message));
    }
    let mut output = vec![0; written];
    bench.file.read_exact_at(&mut output, read_at).map_err(memory)?;
    Ok(output)
}

/// A link master for one job.
struct Bench<'a, B: Board> {
    board: &'a B,
    link: LinkMaster<B::Memory>,
    file: File,
}

impl<'a, B: Board> Bench<'a, B> {
    fn join(board: &'a B) -> Result<Bench<'a, B>, ApiError> {
        let slots = board.slots();
        let geometry = Geometry::with_slots(slots.len() as u32);
        let mut master = LinkMaster::new(board.memory(), geometry, &slots, 1).map_err(link)?;
        let limit = board.now() + LIMIT_NS;
        while master.poll_epoch().is_none() {
            if board.now() >= limit {
                return Err(ApiError::new("no_answer", "firmware", "The firmware did not join"));
            }
            board.ring_peer();
            board.wait(limit.min(board.now() + 1_000_000));
        }
        let file = board.payload_fd().try_clone_to_owned().map_err(memory)?;
        Ok(Bench { board, link: master, file: File::from(file) })
    }

    fn slot(&self, class: SlotClass, need: usize) -> Result<Owned, ApiError> {
        let Some(slot) = self.link.slots().take(class) else {
            let message = format!("The board has no {class:?} slot");
            return Err(ApiError::new("kernel_slot", "board", message));
        };
        if need > slot.capacity() as usize {
            let have = slot.capacity();
            let message = format!("{need} bytes do not fit the board's {class:?} slot of {have}");
            return Err(ApiError::new("kernel_slot", "params", message));
        }
        Ok(slot)
    }

    /// Bytes written by the job, once it is done.
    fn done(&mut self, deadline: u64) -> Result<usize, ApiError> {
        // The firmware answers a late job itself; this limit is for a firmware that died.
        let limit = deadline + LIMIT_NS;
        loop {
            match self.link.receive().transpose().map_err(link)? {
                Some(FromPeer::Done { id: JOB, status: JobStatus::Ok, written, .. }) => {
                    return Ok(written as usize);
                }
                Some(FromPeer::Done { id: JOB, status, .. }) => {
                    let incident = crate::counters::Incident::of_status(status);
                    let code = incident.map_or("kernel_failed", |incident| incident.name());
                    let message = format!("The run failed on the board: {status:?}");
                    return Err(ApiError::new(code, "board", message));
                }
                Some(_) => {}
                None if self.board.now() >= limit => {
                    let message = "The firmware did not answer the job";
                    return Err(ApiError::new("no_answer", "firmware", message));
                }
                None => self.board.wait(limit.min(self.board.now() + 10_000_000)),
            }
        }
    }
}

fn link(error: tandem_link::LinkError) -> ApiError {
    ApiError::new("board_link", "board", error.to_string())
}

fn memory(error: std::io::Error) -> ApiError {
    ApiError::new("board_memory", "board", error.to_string())
}

#[cfg(test)]
mod tests {
    use tandem_boards::Board as Description;
    use tandem_model::pre::{Frame, Layout, PixelFormat, PreParams, Rect};
    use tandem_vboard::{Options, VirtualBoard};

    use super::*;

    fn spec() -> KernelSpec {
        let frame = Frame { format: PixelFormat::Rgb8, width: 20, height: 10, stride: 60 };
        let crop = Rect { x: 2, y: 1, w: 17, h: 8 };
        let params = PreParams::letterbox(frame, crop, 32, 32, [114; 3], Layout::Planar).unwrap();
        KernelSpec::Pre(params)
    }

    #[test]
    fn board_and_model_agree_to_the_byte() {
        let board =
            VirtualBoard::start(&Description::virtual_default(), Options::default()).unwrap();
        let input: Vec<u8> = (0..600).map(|i| (i * 7 % 251) as u8).collect();
        let expected = run_on_model(&spec(), &input).unwrap();
        assert!(expected.iter().any(|byte| *byte != 114), "more than padding");
        assert_eq!(run_on_board(&board, &spec(), &input).unwrap(), expected);
    }

    #[test]
    fn wrong_input_and_parameters_are_refused_by_name() {
        let error = run_on_model(&spec(), &[0; 599]).unwrap_err();
        assert_eq!((error.code.as_str(), error.field.as_str()), ("kernel_input", "input"));
        let KernelSpec::Pre(params) = spec() else { unreachable!() };
        let wide = PreParams { width: 0, ..params.clone() };
        let lookup = PreParams { lut: true, ..params };
        for (params, field) in [(wide, "width"), (lookup, "lut")] {
            let error = run_on_model(&KernelSpec::Pre(params), &[]).unwrap_err();
            assert_eq!(error.code, "kernel_params");
            assert!(error.message.contains(field), "{error}");
        }
    }
}
