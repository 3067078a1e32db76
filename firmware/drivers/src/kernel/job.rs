//! `Kernel`: what all kernels that run jobs have in common.

use core::marker::PhantomData;

use tandem_regs::kernel::{ACK, CTRL, DONE, KERNEL_CTRL, START, STATUS};
use tandem_regs::{Access, CanWrite, Reg};
use tock_registers::RegisterLongName;
use tock_registers::fields::FieldValue;
use tock_registers::interfaces::{Readable, Writeable};

use super::{Identity, KernelError, identify};
use crate::bus::Bus;
use crate::reg::Block;

/// First offset of the parameters in every kernel.
const PARAMS: u32 = 0x40;
/// Room for the parameters' words: offsets 0x40 up to (not including) 0x100.
const WORDS: usize = 48;

/// How a job ended, as the kernel says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Well.
    Ok,
    /// A parameter is out of range; nothing was read or written.
    RefusedParams,
    /// `post`: more candidates than it holds.
    TooManyCandidates,
    /// The input packet is not as long as the parameters say.
    ShortInput,
    /// A code that these drivers do not know.
    Unknown(u32),
}

impl From<u32> for Outcome {
    fn from(code: u32) -> Self {
        match code {
            0 => Self::Ok,
            1 => Self::RefusedParams,
            2 => Self::TooManyCandidates,
            3 => Self::ShortInput,
            other => Self::Unknown(other),
        }
    }
}

/// What is particular to one kernel.
pub trait KernelKind {
    /// The parameters of a job.
    type Params;
    /// Content of ID.
    const ID: u32;
    /// Hash of the register map.
    const MAP_HASH: u32;

    /// What CAPS has no bits for: the content of a register of this kind of kernel only.
    fn capacity<B: Bus>(_block: &Block<B>) -> u32 {
        0
    }
    /// Refuses parameters that a kernel with these capabilities and this capacity cannot do.
    ///
    /// # Errors
    /// [`KernelError::Unsupported`].
    fn supports(caps: u32, capacity: u32, params: &Self::Params) -> Result<(), KernelError>;
    /// Puts the parameters into the words of their registers.
    fn encode(params: &Self::Params, words: &mut Words);
    /// Changes what does not change the result so that the job costs the core the least: packets as
    /// large as a kernel of this capacity takes without a pause.
    fn ease(_capacity: u32, _params: &mut Self::Params) {}
}

/// The parameter registers' contents, before they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Words {
    values: [u32; WORDS],
    used: u64,
}

impl Words {
    const EMPTY: Self = Self { values: [0; WORDS], used: 0 };

    /// Sets a register from its fields; fields that are not named are 0.
    pub fn put<R: RegisterLongName, A: CanWrite>(
        &mut self,
        reg: Reg<R, A>,
        fields: FieldValue<u32, R>,
    ) {
        self.put_word(reg, fields.value);
    }

    /// Sets a register that is one number.
    pub fn put_word<R: RegisterLongName, A: CanWrite>(&mut self, reg: Reg<R, A>, value: u32) {
        let index = index(reg);
        self.values[index] = value;
        self.used |= 1 << index;
    }
}

/// A parameter register's place in [`Words`]. The maps keep parameters between 0x40 and 0x100;
/// a register elsewhere panics in the first test that encodes it.
fn index<R: RegisterLongName, A: Access>(reg: Reg<R, A>) -> usize {
    ((reg.offset() - PARAMS) / 4) as usize
}

/// A kernel that runs jobs, under its job counter.
#[derive(Debug)]
pub struct Kernel<B, K> {
    block: Block<B>,
    caps: u32,
    capacity: u32,
    /// What the parameter registers hold, as far as it is known.
    shadow: Words,
    /// Number of the set of parameters that the registers hold; 0: not known.
    holds: u32,
    kind: PhantomData<K>,
}

impl<B: Bus, K: KernelKind> Kernel<B, K> {
    /// The kernel at `base`; nothing is accessed yet.
    pub const fn new(bus: B, base: u32) -> Self {
        let block = Block::new(bus, base);
        Self { block, caps: 0, capacity: 0, shadow: Words::EMPTY, holds: 0, kind: PhantomData }
    }

    /// Checks that this is the kernel that the driver was written for.
    ///
    /// # Errors
    /// [`KernelError::Id`], [`KernelError::Version`] or [`KernelError::MapHash`], with both sides.
    pub fn identify(&mut self) -> Result<Identity, KernelError> {
        let identity = identify(&self.block, K::ID, K::MAP_HASH)?;
        self.caps = identity.caps;
        self.capacity = K::capacity(&self.block);
        Ok(identity)
    }

    /// Puts the kernel in reset and holds it there. Its interrupt line is low.
    ///
    /// # Errors
    /// [`KernelError::Reset`] if a counter survives.
    pub fn hold_reset(&mut self) -> Result<(), KernelError> {
        self.block.reg(CTRL).write(KERNEL_CTRL::RESET::SET);
        // Whatever made a reset necessary: the parameters are not taken on trust either.
        self.shadow = Words::EMPTY;
        self.holds = 0;
        let counters = [self.block.reg(START).get(), self.block.reg(DONE).get()];
        if counters == [0, 0] { Ok(()) } else { Err(KernelError::Reset) }
    }

    /// Ends the reset, with or without interrupts. All counters are 0: the first job is not 0.
    pub fn release_reset(&mut self, interrupts: bool) {
        self.block.reg(CTRL).write(KERNEL_CTRL::IRQ_EN.val(interrupts.into()));
    }

    /// Changes valid parameters so that the same result takes the fewest descriptors. To be called
    /// before plans are made.
    pub fn ease(&self, params: &mut K::Params) {
        K::ease(self.capacity, params);
    }

    /// Writes the parameters of the next job; registers that hold them already are skipped. They
    /// are read by the kernel while a job runs, so none may be running.
    ///
    /// # Errors
    /// [`KernelError::Unsupported`]; nothing was written then.
    pub fn configure(&mut self, params: &K::Params) -> Result<(), KernelError> {
        self.holds = 0;
        K::supports(self.caps, self.capacity, params)?;
        let mut words = Words::EMPTY;
        K::encode(params, &mut words);
        // Only the registers that are in use: a kernel has half as many as there is room for.
        let mut left = words.used;
        while left != 0 {
            let i = left.trailing_zeros() as usize;
            left &= left - 1;
            let value = words.values[i];
            if self.shadow.used & 1 << i == 0 || self.shadow.values[i] != value {
                self.block.set(PARAMS + 4 * i as u32, value);
                self.shadow.values[i] = value;
                self.shadow.used |= 1 << i;
            }
        }
        Ok(())
    }

    /// [`Kernel::configure`] with a set of parameters that has a number, which [`Kernel::holds`] is
    /// asked for. 0 for none.
    ///
    /// # Errors
    /// As [`Kernel::configure`].
    pub fn configure_as(&mut self, set: u32, params: &K::Params) -> Result<(), KernelError> {
        self.configure(params)?;
        self.holds = set;
        Ok(())
    }

    /// The registers hold this set of parameters: nothing else was written since, and no reset came.
    /// Whether the logic was loaded anew meanwhile only [`Kernel::started`] tells.
    pub fn holds(&self, set: u32) -> bool {
        set != 0 && self.holds == set
    }

    /// Starts job `number`, which must differ from the last one (count up, skipping 0).
    pub fn start(&self, number: u32) {
        self.block.bus().dma_wmb();
        self.block.reg(START).set(number);
    }

    /// Number of the last job that was started since power-up or reset; 0 for none. Another one than
    /// was started last: the logic was loaded anew, and knows no parameters.
    pub fn started(&self) -> u32 {
        self.block.reg(START).get()
    }

    /// Number of the last job that ended; the interrupt line is high until it is acknowledged.
    pub fn done(&self) -> u32 {
        self.block.reg(DONE).get()
    }

    /// How the job that [`Self::done`] names ended.
    pub fn outcome(&self) -> Outcome {
        Outcome::from(self.block.reg(STATUS).get())
    }

    /// Lowers the interrupt line for job `number`.
    pub fn acknowledge(&self, number: u32) {
        self.block.reg(ACK).set(number);
    }
}
