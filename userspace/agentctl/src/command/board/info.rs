//! `board info` of an agent: firmware, bitstream, slots.

use tandem_agent::control::{Request, Response};
use tandem_agent::service::{BoardInfo, SlotReport};

use super::super::{Session, bitstream, firmware};
use crate::EXIT_OK;
use crate::client::unexpected;
use crate::output::Output;

pub(super) async fn info(session: &mut Session, output: &mut Output) -> anyhow::Result<u8> {
    match session.client.ask(&Request::BoardInfo).await? {
        Response::Board(info) => output.answer(&info, describe(&info))?,
        other => return unexpected(&other),
    }
    Ok(EXIT_OK)
}

fn describe(info: &BoardInfo) -> String {
    let simulated = if info.simulated { " (simulated)" } else { "" };
    let mut text = format!("{}{simulated}: {}\nagentd {}", info.board, info.title, info.agent);
    text += &format!("\n{}", firmware::describe(&info.firmware));
    if let Some(report) = &info.bitstream {
        text += &format!("\n{}", bitstream::describe(report));
    }
    if let Some(slots) = &info.slots {
        text += &format!("\nslots: {} runs, {} boots next", slots.running, slots.active);
        slots.slots.iter().for_each(|slot| text += &format!("\n  {}", line(slot)));
    }
    info.notes.iter().for_each(|note| text += &format!("\nnot there: {note}"));
    text
}

fn line(slot: &SlotReport) -> String {
    let state = match (slot.bytes, slot.good) {
        (0, _) => "empty".to_owned(),
        (_, true) => "good".to_owned(),
        (_, false) => format!("unproved, {} tries left", slot.tries),
    };
    format!("{}: {state}, {} bytes, {:.12}", slot.name, slot.bytes, slot.sha256)
}
