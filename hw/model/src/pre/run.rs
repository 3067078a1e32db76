//! The kernel itself.

use super::source::Source;
use super::store::Sink;
use super::{PreError, PreParams, Resize, Tables, area, bilinear};

/// Runs the kernel: writes the first `tensor_bytes()` of `tensor`.
///
/// # Errors
/// Parameters or tables that are refused, and buffers that are too short; nothing is written then.
pub fn preprocess(
    params: &PreParams,
    tables: &Tables,
    frame: &[u8],
    tensor: &mut [u8],
) -> Result<(), PreError> {
    params.validate()?;
    let tables = tables.used_by(params)?;
    let short = |buffer, have, need| PreError::Short { buffer, have, need };
    let (need, have) = (params.frame_bytes(), frame.len());
    let frame = frame.get(..need).ok_or(short("frame", have, need))?;
    let (need, have) = (params.tensor_bytes(), tensor.len());
    let tensor = tensor.get_mut(..need).ok_or(short("tensor", have, need))?;
    let mut sink = Sink::new(params, tensor);
    sink.pad();
    let mut source = Source::new(params, tables, frame);
    match params.resize {
        Resize::Bilinear => bilinear::resize(&mut source, &mut sink),
        Resize::Area => area::resize(&mut source, &mut sink),
    }
    Ok(())
}
