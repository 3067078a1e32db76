//! `board`: which boards there are, what one is, its card, its console, its reset.

mod flash;
mod info;
mod raw;

use std::io::{BufRead, IsTerminal, Write};
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use tandem_agent::api::ApiError;
use tandem_agent::control::{Request, Response};

use super::{Session, console, status};
use crate::EXIT_OK;
use crate::board::{list::Places, names};
use crate::cli::{Cli, Console};
use crate::client::unexpected;
use crate::output::{Output, table};
use crate::transport::Target;

/// `board`.
#[derive(Debug, Subcommand)]
pub enum Board {
    /// Boards that are described, named in targets.toml, or attached to this machine
    #[command(after_help = "\
Examples:
  agentctl board list
  agentctl board list -o json | jq -r 'select(.kind == \"serial\").target'

Names come from ~/.config/tandem/targets.toml (or XDG_CONFIG_HOME):
  [targets]
  line-3 = \"ssh://root@10.0.0.7\"
and stand for their targets: agentctl --target line-3 status")]
    List,
    /// What the target is: firmware and epoch, bitstream, slots of its card; on a serial line the R5F
    #[command(after_help = "\
Examples:
  agentctl --target ssh://root@kv260 board info
  agentctl board info -o json | jq .firmware.version
  agentctl --target serial:///dev/ttyUSB1 board info

What a board does not have, or agentd may not read, is said in `notes` with the reason.")]
    Info,
    /// Write a card here, or a root file system into the slot of the target that does not run
    #[command(after_help = "\
Examples:
  agentctl board flash .tandem/image/zcu102/card.img /dev/sdX        a card in this machine
  agentctl --target ssh://root@kv260 board flash root.squashfs       the other slot of that board
  agentctl --target ssh://root@kv260 board reset --linux             and boot it

A disk that is in use is refused, one that is built in without --force. What was written is read back.
Through ssh the board's own tandem-slot installs: the slot that runs stays, and boots if the new one fails.")]
    Flash(Flash),
    /// Linux's serial console, raw, until Ctrl-] (the R5F's own console is `agentctl console`)
    #[command(after_help = "\
Examples:
  agentctl --target serial:///dev/ttyUSB0 board console
  echo reboot | agentctl --target serial+unix:///tmp/uart0 board console

115200 baud. Without a terminal it passes standard input on and ends with it.")]
    Console,
    /// Restart the R5F, or the whole board
    #[command(after_help = "\
Examples:
  agentctl --target ssh://root@kv260 board reset --yes           the R5F; jobs go by the CPU meanwhile
  agentctl --target ssh://root@kv260 board reset --linux")]
    Reset {
        /// Restart Linux, and everything with it
        #[arg(long)]
        linux: bool,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
}

/// `board flash`.
#[derive(Debug, Args)]
pub struct Flash {
    /// Card image or, without DEVICE, a slot's root file system (both of `cargo xtask image`)
    pub image: PathBuf,
    /// The card, a whole disk of this machine
    pub device: Option<PathBuf>,
    /// Write a disk that is built into this machine, too
    #[arg(long, requires = "device")]
    pub force: bool,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
}

/// Commands that need no agent; `None` for the others.
pub(super) fn without_agent(
    cli: &Cli,
    command: &Board,
    output: &mut Output,
) -> Option<anyhow::Result<u8>> {
    match (command, &cli.target) {
        (Board::List, _) => Some(list(output)),
        (Board::Info, Target::Serial(line)) => Some(console::run(line, &Console::Info, output)),
        (Board::Console, Target::Serial(line)) => Some(raw::console(line)),
        (Board::Console, _) => {
            let message = "A raw console is on a serial line; use --target serial:///dev/tty...";
            Some(Err(ApiError::new("not_serial", "--target", message).into()))
        }
        (Board::Flash(flash), _) => Some(flash::flash(cli, flash, output)),
        (Board::Info | Board::Reset { .. }, _) => None,
    }
}

/// The others.
pub(super) async fn with_agent(
    session: &mut Session,
    command: &Board,
    output: &mut Output,
) -> anyhow::Result<u8> {
    match command {
        Board::Reset { linux: false, yes } => {
            confirm(*yes, "Restart the R5F? Parts under way go by the CPU or are rejected.", "y")?;
            let answer = session.client.ask(&Request::RestartCore).await?;
            let Response::Status(now) = answer else { return unexpected(&answer) };
            output.answer(&now, status::describe(&now))?;
        }
        Board::Reset { linux: true, yes } => {
            confirm(*yes, "Restart the board? Nothing is inspected until it is back.", "y")?;
            match session.client.ask(&Request::Reboot).await? {
                Response::Done => {
                    output.answer(&serde_json::json!({ "reboot": true }), "the board restarts")?
                }
                other => return unexpected(&other),
            }
        }
        _ => return info::info(session, output).await,
    }
    Ok(EXIT_OK)
}

fn list(output: &mut Output) -> anyhow::Result<u8> {
    let here = std::env::current_dir().context("The current folder cannot be read")?;
    let wrong_names = |error| ApiError::new("targets_invalid", "targets.toml", error);
    let (entries, wrong) = Places::near(&here).list(&names::load().map_err(wrong_names)?);
    if output.is_json() {
        entries.iter().try_for_each(|entry| output.answer(entry, ""))?;
    } else {
        let row = |entry: &crate::board::list::Entry| {
            let kind = format!("{:?}", entry.kind).to_lowercase();
            vec![
                kind,
                entry.name.clone(),
                entry.target.clone().unwrap_or_default(),
                entry.detail.clone(),
            ]
        };
        let rows: Vec<_> = entries.iter().map(row).collect();
        output.bytes(format!("{}\n", table(&rows)).as_bytes())?;
    }
    wrong.iter().for_each(|error| eprintln!("agentctl: {error}"));
    Ok(EXIT_OK)
}

/// Goes on if a person types `word`, or with `--yes`.
pub(super) fn confirm(yes: bool, question: &str, word: &str) -> anyhow::Result<()> {
    if yes {
        return Ok(());
    }
    let refused = |message: &str| ApiError::new("not_confirmed", "--yes", message);
    if !std::io::stdin().is_terminal() {
        return Err(refused("Nobody is there to be asked; --yes goes on without").into());
    }
    eprint!("{question} Type {word} to go on: ");
    std::io::stderr().flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    if answer.trim() == word { Ok(()) } else { Err(refused("Nothing was done").into()) }
}
