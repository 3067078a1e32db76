//! `bitstream`: which are there, which runs, is one good, load it.

use clap::Subcommand;
use tandem_agent::control::{Request, Response};
use tandem_agent::service::{BitstreamEntry, BitstreamReport};

use super::{Session, board::confirm};
use crate::EXIT_OK;
use crate::client::unexpected;
use crate::output::{Output, table};

/// `bitstream`.
#[derive(Debug, Subcommand)]
pub enum Bitstream {
    /// Bitstreams of agentd's folder (--bitstreams); the one that runs is marked
    List,
    /// What the programmable logic holds, and how that is known
    #[command(after_help = "\
known_by says how: record_and_kernels (agentd loaded it, and each kernel answers with its ID and map),
record (nobody could ask the kernels), kernels (somebody else loaded it), doubt (a load did not end, or
the kernels contradict), nothing.")]
    Current,
    /// Every check before a load; nothing is touched
    Check {
        /// Name, as `list` shows it
        name: String,
    },
    /// Load one through Linux' fpga_manager; the one before comes back if it does not come up
    #[command(after_help = "\
Examples:
  agentctl --target ssh://root@kv260 bitstream list
  agentctl --target ssh://root@kv260 bitstream load detect --yes

The R5F's jobs end and those that come go by the CPU; the R5F is stopped, the DMA engines halt, the image is
written, each kernel must answer with its ID and register map, the R5F begins a new epoch. Boards
without AMD's fpga_manager refuse (no_fpga_manager): the virtual one and QEMU's are among them.")]
    Load {
        /// Name, as `list` shows it
        name: String,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
}

pub(super) async fn bitstream(
    session: &mut Session,
    command: &Bitstream,
    output: &mut Output,
) -> anyhow::Result<u8> {
    let request = match command {
        Bitstream::List => Request::BitstreamList,
        Bitstream::Current => Request::BitstreamCurrent,
        Bitstream::Check { name } => Request::BitstreamCheck(name.clone()),
        Bitstream::Load { name, yes } => {
            confirm(*yes, "Load the programmable logic anew? Jobs go by the CPU meanwhile.", "y")?;
            Request::BitstreamLoad(name.clone())
        }
    };
    match session.client.ask(&request).await? {
        Response::Bitstreams(list) => output.answer(&list, rows(&list))?,
        Response::Bitstream(report) => output.answer(&report, describe(&report))?,
        other => return unexpected(&other),
    }
    Ok(EXIT_OK)
}

fn rows(list: &[BitstreamEntry]) -> String {
    if list.is_empty() {
        return "no bitstream is there".to_owned();
    }
    let row = |entry: &BitstreamEntry| {
        vec![
            format!("{} {}", if entry.current { "*" } else { " " }, entry.name),
            entry.board.clone(),
            entry.kernels.join("+"),
            format!("{} MHz", entry.clock_mhz),
            entry.title.clone(),
        ]
    };
    table(&list.iter().map(row).collect::<Vec<_>>())
}

pub(super) fn describe(report: &BitstreamReport) -> String {
    let name = report.name.as_deref().unwrap_or("of unknown name");
    let mut text = format!("bitstream {name} (known by: {})", report.known_by.replace('_', " "));
    if let (Some(by), Some(at)) = (&report.loaded_by, report.loaded_at) {
        text += &format!("\nloaded by {by} at {at} (Unix time)");
    }
    text += &format!("\nfpga_manager: {}", report.manager);
    for kernel in &report.kernels {
        let known = if kernel.known { "this build's" } else { "not this build's" };
        let (name, base, id, hash) = (&kernel.name, kernel.base, kernel.id, kernel.hash);
        text += &format!("\n{name} at {base:#010x}: id {id:#010x}, map {hash:#010x}, {known}");
    }
    report.notes.iter().for_each(|note| text += &format!("\nnote: {note}"));
    text
}
