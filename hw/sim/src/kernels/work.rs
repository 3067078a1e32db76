//! What differs between kernels: parameters, and the function of the model that does the work.

use std::ops::Range;
use std::task::Poll;

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

/// The STATUS codes of the kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Status {
    /// The job is done.
    Ok = 0,
    /// A parameter is out of range; the streams were not touched.
    Refused = 1,
    /// More candidates than the kernel holds, or more runs than `mask` may give; there is no output.
    TooManyCandidates = 2,
    /// The input packet was shorter or longer than the parameters say; there is no output.
    ShortInput = 3,
    /// A box of `mask` has more cells than the kernel holds; there is no output.
    TooLarge = 4,
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
    /// The read-only register at `at` that only this kernel has.
    fn constant(&self, _at: u32) -> Option<u32> {
        None
    }
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
    /// The input is there: makes the output. Called again while it is pending, about every 100
    /// microseconds; what takes longer than that belongs in a thread, because a board's registers
    /// answer nobody meanwhile.
    ///
    /// An error is the status to report; there is no output then.
    fn run(&mut self) -> Poll<Result<(), Status>>;
    /// A run that is pending is over: CTRL holds the kernel in reset, or the logic is loaded anew.
    fn abandon(&mut self) {}
    /// Place of output packet `index` in the output.
    fn packet(&self, index: usize) -> Option<Range<usize>>;
    /// The output.
    fn output(&self) -> &[u8];
}

/// A kernel chosen at run time.
pub type AnyCore = Box<dyn Core + Send>;

impl Core for AnyCore {
    fn identity(&self) -> Identity {
        (**self).identity()
    }
    fn param_mask(&self, at: u32) -> u32 {
        (**self).param_mask(at)
    }
    fn constant(&self, at: u32) -> Option<u32> {
        (**self).constant(at)
    }
    fn written(&mut self, at: u32, value: u32) {
        (**self).written(at, value);
    }
    fn power_up(&mut self) {
        (**self).power_up();
    }
    fn configure(&mut self, params: &ParamFile) -> Result<(), Status> {
        (**self).configure(params)
    }
    fn input(&mut self) -> &mut Gather {
        (**self).input()
    }
    fn run(&mut self) -> Poll<Result<(), Status>> {
        (**self).run()
    }
    fn abandon(&mut self) {
        (**self).abandon();
    }
    fn packet(&self, index: usize) -> Option<Range<usize>> {
        (**self).packet(index)
    }
    fn output(&self) -> &[u8] {
        (**self).output()
    }
}

/// A register of two 16-bit fields: the low one, the high one.
pub(super) fn halves(word: u32) -> (u16, u16) {
    (word as u16, (word >> 16) as u16)
}
