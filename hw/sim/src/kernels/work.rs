//! What differs between kernels: parameters, and the function of the model that does the work.

use std::ops::Range;

use super::Gather;

/// Offset of the first parameter register.
pub const PARAMS: u32 = 0x40;
/// Parameter registers of the larger map, gaps included.
const PARAM_WORDS: usize = 64;

/// The parameter registers of a kernel.
#[derive(Clone)]
pub struct ParamFile([u32; PARAM_WORDS]);

impl Default for ParamFile {
    fn default() -> Self {
        Self([0; PARAM_WORDS])
    }
}

impl ParamFile {
    /// The register at `at`.
    pub fn get(&self, at: u32) -> u32 {
        self.0[((at - PARAMS) / 4) as usize]
    }

    pub(super) fn get_mut(&mut self, at: u32) -> &mut u32 {
        &mut self.0[((at - PARAMS) / 4) as usize]
    }
}

/// The STATUS codes of both kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Status {
    /// The job is done.
    Ok = 0,
    /// A parameter is out of range; the streams were not touched.
    Refused = 1,
    /// More candidates than the kernel holds; there is no output.
    TooManyCandidates = 2,
    /// The input packet was shorter or longer than the parameters say; there is no output.
    ShortInput = 3,
}

/// The identity registers.
#[derive(Clone, Copy, Debug)]
pub struct Identity {
    /// ID.
    pub id: u32,
    /// VERSION.
    pub version: u32,
    /// CAPS.
    pub caps: u32,
    /// MAP_HASH.
    pub map_hash: u32,
}

/// What one kernel does between its input packet and its output packets.
pub trait Core {
    /// The identity registers.
    fn identity(&self) -> Identity;
    /// Writable bits of the parameter register at `at`; 0 where there is none.
    fn param_mask(&self, at: u32) -> u32;
    /// A parameter register was written: what follows it at once, job or not.
    fn written(&mut self, _at: u32, _value: u32) {}
    /// The logic was loaded: nothing that was written is there any more.
    fn power_up(&mut self) {}
    /// Reads the parameters of the job that starts.
    ///
    /// # Errors
    /// [`Status::Refused`].
    fn configure(&mut self, params: &ParamFile) -> Result<(), Status>;
    /// The buffer that the input packet is gathered into.
    fn input(&mut self) -> &mut Gather;
    /// The input is there: makes the output.
    ///
    /// # Errors
    /// The status to report; there is no output then.
    fn run(&mut self) -> Result<(), Status>;
    /// Place of output packet `index` in the output.
    fn packet(&self, index: usize) -> Option<Range<usize>>;
    /// The output.
    fn output(&self) -> &[u8];
}

/// A register of two 16-bit fields: the low one, the high one.
pub(super) fn halves(word: u32) -> (u16, u16) {
    (word as u16, (word >> 16) as u16)
}
