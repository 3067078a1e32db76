//! `firmware`: what the R5F runs, is a bundle good, run it, make one.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use tandem_agent::api::ApiError;
use tandem_agent::control::{Request, Response};
use tandem_agent::firmware::{Bundle, ImageFile, Manifest, SCHEMA, check, manifest_of, sha256};
use tandem_agent::service::FirmwareReport;
use tandem_boards::Board;
use tandem_link::layout::LAYOUT_VERSION;

use super::{Session, board::confirm, read, unwritable};
use crate::EXIT_OK;
use crate::cli::Cli;
use crate::client::unexpected;
use crate::output::Output;

/// `firmware`.
#[derive(Debug, Subcommand)]
pub enum Firmware {
    /// Version, image and epoch of what the R5F runs
    Info,
    /// Hold a bundle against the target's board: manifest, board, link, hash, memory; nothing is touched
    #[command(after_help = "\
Example:
  agentctl --target ssh://root@kv260 firmware check tandem-rpu

FILE is the image with its manifest FILE.toml beside it, or that manifest.")]
    Check {
        /// Image (ELF) or its manifest (.toml)
        file: PathBuf,
    },
    /// Run a bundle's image in place of what runs; the old one comes back if it is not well
    #[command(after_help = "\
Examples:
  agentctl --target ssh://root@kv260 firmware update tandem-rpu --yes
  agentctl --target unix:///run/tandem.sock firmware update tandem-rpu.toml -o json

Linux stays up. The R5F's jobs end, those that come go by the CPU, then the core is stopped, loaded and
started. The new firmware must announce itself, beat and answer within four times the agent's own
limit (12 s; longer with agentd --frozen-after-ms); else what ran before runs again
(firmware_rolled_back). What was proved is kept in agentd's --state and loaded at its next start, until
another image is installed.")]
    Update {
        /// Image (ELF) or its manifest (.toml)
        file: PathBuf,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
    /// Make a bundle: write IMAGE.toml beside an image of this checkout (needs --board)
    #[command(after_help = "\
Example:
  TANDEM_BOARD=zcu102 cargo xtask rpu --build-only
  agentctl --board boards/zcu102.toml firmware pack target/rpu/armv7r-none-eabihf/firmware/tandem-rpu 1.4.0

The link's version is that of this program: use programs of one release. Nothing is signed.")]
    Pack {
        /// Image (ELF)
        image: PathBuf,
        /// Version, for people: 1 to 64 printable characters, no blanks
        firmware_version: String,
    },
}

/// Commands that need no agent; `None` for the others.
pub(super) fn without_agent(
    cli: &Cli,
    command: &Firmware,
    output: &mut Output,
) -> Option<anyhow::Result<u8>> {
    match command {
        Firmware::Pack { image, firmware_version } => {
            Some(pack(cli.local.board.as_deref(), image, firmware_version, output))
        }
        _ => None,
    }
}

/// The others.
pub(super) async fn with_agent(
    session: &mut Session,
    command: &Firmware,
    output: &mut Output,
) -> anyhow::Result<u8> {
    let request = match command {
        Firmware::Check { file } => Request::FirmwareCheck(bundle(file)?),
        Firmware::Update { file, yes } => {
            let bundle = bundle(file)?;
            confirm(*yes, "Replace the R5F's firmware? Jobs go by the CPU meanwhile.", "y")?;
            Request::FirmwareUpdate(bundle)
        }
        Firmware::Info | Firmware::Pack { .. } => Request::FirmwareInfo,
    };
    match session.client.ask(&request).await? {
        Response::Firmware(report) => output.answer(&report, describe(&report))?,
        Response::FirmwareGood(manifest) => {
            let Manifest { version, board, .. } = &manifest;
            output.answer(&manifest, format!("good: firmware {version} for {board}"))?;
        }
        other => return unexpected(&other),
    }
    Ok(EXIT_OK)
}

/// The two files of a bundle, whichever of them was named.
fn bundle(file: &Path) -> anyhow::Result<Bundle> {
    let named = file.extension().is_some_and(|extension| extension == "toml");
    let path = if named { file.to_owned() } else { manifest_of(file) };
    let name = path.display().to_string();
    if !path.is_file() {
        let message = format!("{name} is not there; agentctl firmware pack makes it");
        return Err(ApiError::new("firmware_manifest", name, message).into());
    }
    let text = String::from_utf8(read(&path)?).map_err(|_| {
        ApiError::new("firmware_syntax", name.clone(), format!("{name} is no text (UTF-8)"))
    })?;
    let image = match named {
        // The manifest says which file it is, in its own folder: the name was checked.
        true => {
            path.with_file_name(Manifest::parse(&text, &name).map_err(ApiError::from)?.image.file)
        }
        false => file.to_owned(),
    };
    Ok(Bundle { file: name, manifest: text, image: read(&image)?.into() })
}

pub(super) fn describe(report: &FirmwareReport) -> String {
    let unknown = || "of unknown version".to_owned();
    let version = report.version.clone().unwrap_or_else(unknown);
    let place = match (&report.image, report.update) {
        (None, _) => "part of agentd".to_owned(),
        (Some(image), true) => format!("{image} (an update)"),
        (Some(image), false) => format!("{image} (as installed)"),
    };
    let mut text = format!(
        "{}: firmware {version}, {place}\ncore {}, epoch {:#x}, link {}",
        report.board, report.core, report.epoch, report.link
    );
    if let Some(hash) = &report.sha256 {
        text += &format!("\nsha256 {hash}");
    }
    report.notes.iter().for_each(|note| text += &format!("\nnote: {note}"));
    text
}

fn pack(
    board: Option<&Path>,
    image: &Path,
    version: &str,
    output: &mut Output,
) -> anyhow::Result<u8> {
    let Some(board) = board else {
        let message =
            "An image is for one board; name its description with --board boards/NAME.toml";
        return Err(ApiError::new("no_board", "--board", message).into());
    };
    let board = Board::load(board)
        .map_err(|error| ApiError::new("board_invalid", "board", error.to_string()))?;
    let bytes = read(image)?;
    let name = image.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let file = ImageFile { file: name, size: bytes.len() as u64, sha256: sha256(&bytes) };
    let manifest = Manifest {
        schema: SCHEMA,
        version: version.to_owned(),
        board: board.name.clone(),
        link: LAYOUT_VERSION,
        image: file,
    };
    let path = manifest_of(image);
    let text = toml::to_string(&manifest)?;
    // As the agent will: what it would refuse is not written.
    let bundle =
        Bundle { file: path.display().to_string(), manifest: text.clone(), image: bytes.into() };
    check(&bundle, &board).map_err(ApiError::from)?;
    std::fs::write(&path, text).map_err(|error| unwritable(&path, &error))?;
    output
        .answer(&manifest, format!("{}: firmware {version} for {}", path.display(), board.name))?;
    Ok(EXIT_OK)
}
