//! `tandem-bitstream`: from a board and a kernel set to a checked bitstream.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Parser, Subcommand, ValueEnum};
use tandem_bitstreams::image::Image;
use tandem_bitstreams::{
    Built, ImageFile, Input, Kernel, KernelSet, Library, Manifest, SCHEMA, admit, sha256, tcl,
};
use tandem_boards::Board;

/// Plans, packs and checks bitstreams. `hw/vivado/build` drives it.
#[derive(Parser)]
#[command(
    version,
    after_help = "\
Examples:
  tandem-bitstream plan --board boards/kv260.toml --set bitstreams/sets/detect.toml
  tandem-bitstream check bitstreams/kv260-detect --board boards/kv260.toml
  tandem-bitstream list bitstreams -o json

Exit codes: 0 it worked, 1 it did not, 2 the command line is wrong."
)]
struct Cli {
    /// How answers are printed
    #[arg(short, long, global = true, value_enum, default_value_t = Format::Text)]
    output: Format,
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Format {
    Text,
    Json,
}

#[derive(Subcommand)]
enum Command {
    /// Print what the vendor's tool needs to know, as Tcl variables
    Plan {
        /// Board description
        #[arg(long)]
        board: PathBuf,
        /// Kernel set
        #[arg(long)]
        set: PathBuf,
    },
    /// Turn a routed `.bit` into the image that is loaded, with its manifest
    Pack(Pack),
    /// Check a bitstream's folder against a board and the kernel maps of this build
    Check {
        /// Folder with `manifest.toml`
        folder: PathBuf,
        /// Board description
        #[arg(long)]
        board: PathBuf,
    },
    /// The bitstreams of a folder
    List {
        /// Folder with a folder each
        #[arg(default_value = "bitstreams")]
        root: PathBuf,
    },
}

#[derive(clap::Args)]
struct Pack {
    /// The routed design's `.bit`
    bit: PathBuf,
    /// Board description
    #[arg(long)]
    board: PathBuf,
    /// Kernel set
    #[arg(long)]
    set: PathBuf,
    /// Tool and version
    #[arg(long)]
    tool: String,
    /// Worst slack of the routed design, ns
    #[arg(long, allow_hyphen_values = true)]
    wns: f64,
    /// IDCODE of the part, as the tool knows it (hexadecimal)
    #[arg(long)]
    idcode: String,
    /// Files that the build read, and folders of them
    #[arg(long, required = true, num_args = 1..)]
    inputs: Vec<PathBuf>,
    /// Where the bitstream's folder goes
    #[arg(long, default_value = "bitstreams")]
    out: PathBuf,
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    match &cli.command {
        Command::Plan { board, set } => {
            print!("{}", tcl(&Board::load(board)?, &KernelSet::load(set)?)?);
        }
        Command::Pack(args) => {
            let folder = pack(args)?;
            answer(
                cli.output,
                &folder.display().to_string(),
                &serde_json::json!({ "folder": folder }),
            );
        }
        Command::Check { folder, board } => {
            let admitted = admit(folder, &Board::load(board)?)?;
            let manifest = &admitted.manifest;
            let text = format!("{}: good for {}", manifest.name, manifest.board);
            answer(cli.output, &text, &serde_json::to_value(manifest)?);
        }
        Command::List { root } => list(cli.output, &Library::open(root)?)?,
    }
    Ok(())
}

fn answer(output: Format, text: &str, json: &serde_json::Value) {
    match output {
        Format::Text => println!("{text}"),
        Format::Json => println!("{json}"),
    }
}

fn list(output: Format, library: &Library) -> anyhow::Result<()> {
    let manifests: Vec<_> = library.entries().map(|(_, manifest)| manifest).collect();
    let line = |manifest: &&Manifest| {
        let kernels = manifest.kernels.iter().map(|kernel| kernel.map.name());
        let kernels = kernels.collect::<Vec<_>>().join(" ");
        format!("{}  {}  {kernels}  {}", manifest.name, manifest.board, manifest.title)
    };
    let text = manifests.iter().map(line).collect::<Vec<_>>().join("\n");
    let text = if text.is_empty() { "no bitstreams".to_owned() } else { text };
    answer(output, &text, &serde_json::to_value(&manifests)?);
    Ok(())
}

fn pack(args: &Pack) -> anyhow::Result<PathBuf> {
    let (board, set) = (Board::load(&args.board)?, KernelSet::load(&args.set)?);
    let device =
        board.device.as_ref().context("the board has no [device]: nothing is loaded there")?;
    let file = args.bit.display();
    let bytes = std::fs::read(&args.bit).with_context(|| format!("{file}: cannot be read"))?;
    let image = Image::parse(&bytes).with_context(|| format!("{file}: no image"))?;
    let digits = args.idcode.trim_start_matches("0x");
    let idcode = u32::from_str_radix(digits, 16)
        .with_context(|| format!("--idcode {}: no hexadecimal number", args.idcode))?;
    let data = image.for_manager(&bytes);
    let name = format!("{}-{}", board.name, set.name);
    let kernel = |wanted: &tandem_bitstreams::Wanted| Kernel {
        map: wanted.map,
        map_hash: wanted.map.hash(),
        base: wanted.map.place(&board).base,
        parameters: wanted.parameters.clone(),
    };
    let image =
        ImageFile { file: format!("{name}.bin"), size: data.len() as u64, sha256: sha256(&data) };
    let manifest = Manifest {
        schema: SCHEMA,
        name: name.clone(),
        title: set.title.clone(),
        board: board.name.clone(),
        part: device.part.clone(),
        idcode,
        built: Built {
            tool: args.tool.clone(),
            clock_mhz: device.clock_mhz.into(),
            wns_ns: args.wns,
        },
        kernels: set.kernels.iter().map(kernel).collect(),
        inputs: inputs(&args.inputs)?,
        image,
    };
    let folder = args.out.join(&name);
    std::fs::create_dir_all(&folder).with_context(|| format!("{}", folder.display()))?;
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        std::fs::write(&path, bytes)
            .with_context(|| format!("{}: cannot be written", path.display()))
    };
    write(&manifest.image.file, &data)?;
    write("manifest.toml", toml::to_string(&manifest)?.as_bytes())?;
    // What is packed is what a board would take, or it is not packed.
    admit(&folder, &board)?;
    Ok(folder)
}

/// Every file, those of folders included, in the order of their paths.
fn inputs(paths: &[PathBuf]) -> anyhow::Result<Vec<Input>> {
    let mut files = Vec::new();
    for path in paths {
        collect(path, &mut files).with_context(|| format!("{}: cannot be read", path.display()))?;
    }
    files.sort();
    files.dedup();
    let input = |path: &PathBuf| {
        let bytes = std::fs::read(path).with_context(|| format!("{}", path.display()))?;
        Ok(Input { path: path.display().to_string(), sha256: sha256(&bytes) })
    };
    files.iter().map(input).collect()
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if !path.is_dir() {
        // A name that leads nowhere must not vanish from the list.
        std::fs::metadata(path)?;
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in std::fs::read_dir(path)? {
        collect(&entry?.path(), files)?;
    }
    Ok(())
}
