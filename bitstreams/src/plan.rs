//! Kernel sets, and what the vendor's tool is told of one on a board.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use serde::Deserialize;
use tandem_boards::{Board, PL_PS, Range};

use crate::error::BitstreamError;
use crate::manifest::{Map, SCHEMA};

/// Which kernels go into a bitstream, and how they are built.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KernelSet {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Short name.
    pub name: String,
    /// One line for people.
    pub title: String,
    /// The kernels.
    #[serde(rename = "kernel")]
    pub kernels: Vec<Wanted>,
    /// The payload slots on PCIe.
    #[serde(default)]
    pub pcie: Option<Pcie>,
}

/// A PCIe endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pcie {
    /// Lanes.
    pub lanes: u32,
    /// Speed of a lane, as the vendor's tool writes it.
    pub speed: String,
    /// Transceivers, likewise.
    pub quad: String,
}

/// A kernel of a set.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// Which one.
    pub map: Map,
    /// Parameters of its module.
    #[serde(default)]
    pub parameters: BTreeMap<String, u32>,
}

impl KernelSet {
    /// Reads and checks the set at `path`.
    ///
    /// # Errors
    /// [`BitstreamError`] with the file, the field and what is wrong with it.
    pub fn load(path: &Path) -> Result<Self, BitstreamError> {
        crate::load(path, Self::parse)
    }

    /// Reads and checks `text`; `file` is the name that errors show.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn parse(text: &str, file: &str) -> Result<Self, BitstreamError> {
        let set: Self = crate::fields(text, file)?;
        let bad = |field: &str, value: &str, rule| {
            let (file, field, value) = (file.into(), field.into(), value.into());
            Err(BitstreamError::Value { file, field, value, rule })
        };
        if set.schema != SCHEMA {
            return bad("schema", &set.schema.to_string(), "this build reads 1");
        }
        // Names and parameters become words of a Tcl script.
        let plain = |text: &str| {
            !text.is_empty()
                && text.bytes().all(|c| c.is_ascii_alphanumeric() || b"-_".contains(&c))
        };
        if !plain(&set.name) {
            return bad("name", &set.name, "must be letters, digits, '-', '_'");
        }
        for (at, kernel) in set.kernels.iter().enumerate() {
            if set.kernels[..at].iter().any(|other| other.map == kernel.map) {
                return bad("kernel.map", kernel.map.name(), "is there twice");
            }
            if let Some(name) = kernel.parameters.keys().find(|name| !plain(name)) {
                return bad("kernel.parameters", name, "must be letters, digits, '_'");
            }
        }
        if let Some(pcie) = &set.pcie {
            if !matches!(pcie.lanes, 1 | 2 | 4 | 8 | 16) {
                return bad("pcie.lanes", &pcie.lanes.to_string(), "must be 1, 2, 4, 8 or 16");
            }
            if !matches!(pcie.speed.as_str(), "2.5_GT/s" | "5.0_GT/s" | "8.0_GT/s") {
                let rule = "must be 2.5_GT/s, 5.0_GT/s or 8.0_GT/s";
                return bad("pcie.speed", &pcie.speed, rule);
            }
            if !plain(&pcie.quad) {
                return bad("pcie.quad", &pcie.quad, "must be letters, digits, '_'");
            }
        }
        Ok(set)
    }
}

/// Tcl variables for `hw/vivado/build.tcl`: everything that the description of the board and the set
/// say, so that the scripts hold no address and no port of their own.
///
/// # Errors
/// [`BitstreamError::Value`] for a board without silicon, or a kernel without its streams.
pub fn tcl(board: &Board, set: &KernelSet) -> Result<String, BitstreamError> {
    let wrong = |field: String, value: String, rule| BitstreamError::Value {
        file: format!("board {}", board.name),
        field,
        value,
        rule,
    };
    let bad = |field, rule| wrong(field, "missing".into(), rule);
    let silicon = || bad("device".into(), "a bitstream needs a board of silicon");
    let device = board.device.as_ref().ok_or_else(silicon)?;
    // hw/vivado/block.tcl wires them so.
    let lines = board.interrupts.iter().flat_map(|interrupts| interrupts.lines());
    for ((name, spi), wired) in lines.zip(*PL_PS[0].start()..) {
        if spi != wired {
            let rule = "the block design puts the lines on pl_ps_irq0, from SPI 89 on, in order";
            return Err(wrong(format!("interrupts.{name}"), spi.to_string(), rule));
        }
    }
    let mut text = String::from("# Made by `tandem-bitstream plan`: do not edit.\n");
    let mut set_variable = |name: &str, value: &str| {
        writeln!(text, "set tandem({name}) {{{value}}}").expect("a string takes all");
    };
    set_variable("name", &format!("{}-{}", board.name, set.name));
    set_variable("board", &board.name);
    set_variable("part", &device.part);
    set_variable("board_part", device.board_part.as_deref().unwrap_or(""));
    set_variable("clock_mhz", &device.clock_mhz.to_string());
    set_variable("gate_clock_mhz", &device.gate_clock_mhz.to_string());
    set_variable("dma_length_bits", &device.dma_length_bits.to_string());
    let names: Vec<_> = set.kernels.iter().map(|kernel| kernel.map.name()).collect();
    set_variable("kernels", &names.join(" "));
    let range = |range: Range| format!("{:#010x} {:#x}", range.base, range.size);
    let stream = |wanted: &str| {
        let stream = board.streams.iter().find(|stream| stream.name == wanted);
        let rule = "what moves data needs a port";
        let stream = stream.ok_or_else(|| bad(format!("stream {wanted}"), rule))?;
        let coherent = u8::from(stream.coherent);
        let (port, width, beats) = (stream.port, stream.width_bits, stream.burst_beats);
        Ok(format!("{port} {width} {beats} {coherent}"))
    };
    if let Some(pcie) = &set.pcie {
        set_variable("pcie.lanes", &pcie.lanes.to_string());
        set_variable("pcie.speed", &pcie.speed);
        set_variable("pcie.quad", &pcie.quad);
        set_variable("pcie.port", &stream("pcie.axi")?);
    }
    for kernel in &set.kernels {
        let (name, pl) = (kernel.map.name(), &board.pl);
        let dma = match kernel.map {
            Map::Pre => Some(pl.dma_pre),
            Map::Post => Some(pl.dma_post),
            Map::Gate => None,
        };
        set_variable(&format!("{name}.range"), &range(kernel.map.place(board)));
        let parameters = kernel.parameters.iter().map(|(name, value)| format!("{name} {value}"));
        let mut parameters: Vec<_> = parameters.collect();
        if kernel.map == Map::Gate {
            parameters.push(format!("STEP {}", device.gate_step()));
        }
        set_variable(&format!("{name}.parameters"), &parameters.join(" "));
        let Some(dma) = dma else { continue };
        set_variable(&format!("{name}.dma"), &range(dma));
        for direction in ["mm2s", "s2mm"] {
            let wanted = format!("{name}.{direction}");
            set_variable(&wanted, &stream(&wanted)?);
        }
    }
    Ok(text)
}
