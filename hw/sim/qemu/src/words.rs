//! Words that the R5F and this program share, and the firmware's log in them.

use anyhow::{Context, Result};
use defmt_decoder::DecodeError;
use std::path::Path;
use std::sync::atomic::{Ordering, fence};
use tandem_boards::Range;
use tandem_link::SharedMemory;
use tandem_link::log::LogReader;
use tandem_sim::ddr::Ddr;

/// A region of guest memory.
#[derive(Clone)]
pub struct Words {
    ddr: Ddr,
    region: Range,
}

impl Words {
    /// The words of `region`, which lies in `ddr`.
    pub fn new(ddr: &Ddr, region: Range) -> Self {
        Self { ddr: ddr.clone(), region }
    }
}

impl SharedMemory for Words {
    fn size(&self) -> u32 {
        self.region.size
    }
    fn load(&self, offset: u32) -> u32 {
        let value = self.ddr.read32(self.region.base + offset).unwrap_or(0);
        fence(Ordering::Acquire);
        value
    }
    fn store(&self, offset: u32, value: u32) {
        fence(Ordering::Release);
        let _ = self.ddr.write32(self.region.base + offset, value);
    }
}

/// Everything in the log ring, decoded with the strings in `image`.
pub fn firmware_log(words: Words, image: &Path) -> Result<Vec<String>> {
    let mut bytes = Vec::new();
    LogReader::new(words).drain(&mut bytes);
    decode_log(&bytes, image)
}

/// The whole frames of `bytes`, whose first may be cut.
pub fn decode_log(bytes: &[u8], image: &Path) -> Result<Vec<String>> {
    let elf = std::fs::read(image)?;
    let table = defmt_decoder::Table::parse(&elf)?.context("the image has no defmt strings")?;
    let mut decoder = table.new_stream_decoder();
    decoder.received(bytes);
    let mut lines = Vec::new();
    loop {
        match decoder.decode() {
            Ok(frame) => lines.push(frame.display(false).to_string()),
            Err(DecodeError::Malformed) => {}
            Err(DecodeError::UnexpectedEof) => return Ok(lines),
        }
    }
}
