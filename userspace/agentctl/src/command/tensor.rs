//! `tensor`: what the model is given.

use std::path::Path;

use serde::Serialize;
use tandem_agent::api::Silicon;
use tandem_agent::control::{Request, Response};

use super::{Session, write};
use crate::EXIT_OK;
use crate::client::unexpected;
use crate::output::Output;

/// What is said about the bytes that were written.
#[derive(Serialize)]
struct Written {
    image: String,
    out: String,
    width: u16,
    height: u16,
    layout: String,
    silicon: Silicon,
    degraded: Vec<String>,
    bytes: usize,
}

pub(super) async fn tensor(
    session: &mut Session,
    image: &Path,
    out: &Path,
    output: &mut Output,
) -> anyhow::Result<u8> {
    let request = Request::Tensor(session.image(image)?);
    let dump = match session.client.ask(&request).await? {
        Response::Tensor(dump) => dump,
        other => return unexpected(&other),
    };
    write(out, &dump.bytes.0, output)?;
    if out.as_os_str() == "-" {
        return Ok(EXIT_OK); // standard output is the tensor
    }
    let written = Written {
        image: dump.image,
        out: out.display().to_string(),
        width: dump.width,
        height: dump.height,
        layout: dump.layout,
        silicon: dump.silicon,
        degraded: dump.degraded,
        bytes: dump.bytes.0.len(),
    };
    let text = format!(
        "{}: {} bytes, {} x {} u8, {}",
        written.out, written.bytes, written.width, written.height, written.layout
    );
    output.answer(&written, text)?;
    Ok(EXIT_OK)
}
