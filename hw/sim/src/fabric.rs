//! The interconnect as a DMA sees it: memory, and the answers that are not OKAY.

use std::ops::Range;

use crate::ddr::Ddr;

/// An AXI response other than OKAY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BusError {
    /// SLVERR: somebody is there and refuses (such as an uncorrectable ECC error).
    Slave,
    /// DECERR: nobody is there, or the window is closed to this master.
    Decode,
}

/// Memory behind the windows that are open to the DMA engines.
pub struct Fabric {
    ddr: Ddr,
    protected: Vec<Range<u32>>,
    poisoned: Vec<Range<u32>>,
}

fn touches(ranges: &[Range<u32>], addr: u32, len: usize) -> bool {
    let (begin, end) = (u64::from(addr), u64::from(addr) + len as u64);
    ranges.iter().any(|range| begin < u64::from(range.end) && u64::from(range.start) < end)
}

impl Fabric {
    /// A fabric with every address of `ddr` open.
    pub fn new(ddr: Ddr) -> Self {
        Self { ddr, protected: Vec::new(), poisoned: Vec::new() }
    }

    /// The memory, as the processors see it.
    pub fn ddr(&self) -> &Ddr {
        &self.ddr
    }

    /// Answers DMA writes to `range` with DECERR from now on.
    pub fn protect(&mut self, range: Range<u32>) {
        self.protected.push(range);
    }

    /// Answers DMA accesses to `range` with SLVERR from now on.
    pub fn poison(&mut self, range: Range<u32>) {
        self.poisoned.push(range);
    }

    /// Opens everything again.
    pub fn heal(&mut self) {
        self.poisoned.clear();
    }

    /// What a read of `len` bytes would be answered.
    ///
    /// # Errors
    /// The response.
    pub fn probe_read(&self, addr: u64, len: usize) -> Result<u32, BusError> {
        let addr = u32::try_from(addr).map_err(|_| BusError::Decode)?;
        let end = addr.checked_sub(self.ddr.base()).map(|start| start as usize + len);
        if end.is_none_or(|end| end > self.ddr.size() as usize) {
            return Err(BusError::Decode);
        }
        if touches(&self.poisoned, addr, len) { Err(BusError::Slave) } else { Ok(addr) }
    }

    /// Reads.
    ///
    /// # Errors
    /// The response; nothing was read then.
    pub fn read(&self, addr: u64, bytes: &mut [u8]) -> Result<(), BusError> {
        let addr = self.probe_read(addr, bytes.len())?;
        self.ddr.read(addr, bytes).map_err(|_| BusError::Decode)
    }

    /// Writes.
    ///
    /// # Errors
    /// The response; nothing was written then.
    pub fn write(&self, addr: u64, bytes: &[u8]) -> Result<(), BusError> {
        let addr = self.probe_read(addr, bytes.len())?;
        if touches(&self.protected, addr, bytes.len()) {
            return Err(BusError::Decode);
        }
        self.ddr.write(addr, bytes).map_err(|_| BusError::Decode)
    }
}
