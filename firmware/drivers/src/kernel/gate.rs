//! `gate`: triggers out, cancels in.

use tandem_model::gate::DEPTH as PARTS;
use tandem_regs::gate::{self, CANCEL_RESULT, ENCODER, GATE_CTRL, STATUS};
use tandem_regs::{ReadOnly, Reg};
use tock_registers::interfaces::{Readable, Writeable};

use super::{Identity, KernelError, identify};
use crate::bus::Bus;
use crate::reg::Block;

/// A word that the gate gives.
type Word = Reg<gate::WORD_RO::Register, ReadOnly>;

/// Triggers that the gate's capture window goes back.
const DEPTH: u32 = PARTS as u32;

/// One captured trigger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// Which trigger since the reset, from 1.
    pub number: u32,
    /// Tag of the part.
    pub tag: u32,
    /// When it fired, ns of the caller's clock ([`GateDriver::synchronise`]).
    pub at: u64,
    /// When the pulse starts unless cancelled, ns of the caller's clock. 0: the gate has forgotten
    /// the trigger. [`u64::MAX`]: it is due at a position, and nobody knows when that is reached.
    pub due: u64,
}

/// How the gate is wired: what does not change while it runs. All 0: by time, nothing filtered or
/// watched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GateSetup {
    /// The delay is in counts of the encoder, else in ns.
    pub counts: bool,
    /// The encoder's inputs are the other way round.
    pub reverse: bool,
    /// Time for which the trigger keeps a level until it is believed, ns.
    pub debounce: u32,
    /// The same of the encoder's inputs, ns.
    pub encoder_filter: u32,
    /// Parts that wait so long on a belt that does not come on are given up, ns; 0: never.
    pub encoder_limit: u32,
    /// Line-ready falls when no heartbeat came for so long, ns; 0: never.
    pub heartbeat_limit: u32,
}

impl GateSetup {
    /// By time, nothing filtered or watched.
    pub const NONE: Self = Self {
        counts: false,
        reverse: false,
        debounce: 0,
        encoder_filter: 0,
        encoder_limit: 0,
        heartbeat_limit: 0,
    };
}

/// Longest time, ns, between two looks at the caller's clock that tells the gate's exactly enough.
const SHARP: u64 = 20_000;

/// What became of a cancel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancel {
    /// The part passes.
    Cancelled,
    /// The pulse had begun: the part is rejected.
    TooLate,
    /// The tag belongs to another epoch.
    WrongEpoch,
    /// No such part is pending.
    UnknownTag,
    /// The gate did not execute it (it is in reset, or answers nonsense).
    NotExecuted,
}

/// The gate's outcome counters since its reset; they wrap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Parts that went by without a pulse.
    pub passed: u32,
    /// Parts for which the pulse fired.
    pub rejected: u32,
    /// Cancels in time.
    pub cancelled: u32,
    /// Cancels too late.
    pub late: u32,
    /// Cancels under another epoch.
    pub wrong_epoch: u32,
    /// Cancels of parts that are not pending.
    pub unknown: u32,
    /// Triggers with no room left: rejected without a tag.
    pub overrun: u32,
    /// Triggers while the gate was not armed, or just was, or had lost its encoder: rejected
    /// without a tag.
    pub unready: u32,
    /// Counts that the encoder lost.
    pub slips: u32,
    /// Times that all pending parts were given up because of the encoder.
    pub doubts: u32,
}

/// The reject gate.
#[derive(Debug)]
pub struct GateDriver<B> {
    block: Block<B>,
    /// Last trigger that was acknowledged.
    seen: u32,
    /// Last cancel that was executed.
    go: u32,
    /// The caller's clock less the gate's, wrapping.
    ahead: u64,
    /// Parts are due at positions.
    counts: bool,
}

impl<B: Bus> GateDriver<B> {
    /// The gate at `base`; nothing is accessed yet.
    pub const fn new(bus: B, base: u32) -> Self {
        let block = Block::new(bus, base);
        Self { block, seen: 0, go: 0, ahead: 0, counts: false }
    }

    /// Checks that this is the gate that the driver was written for, and picks up its counters:
    /// the gate may have gone on while the firmware was away.
    ///
    /// # Errors
    /// [`KernelError::Id`], [`KernelError::Version`] or [`KernelError::MapHash`], with both sides.
    pub fn identify(&mut self) -> Result<Identity, KernelError> {
        let identity = identify(&self.block, gate::ID.reset(), gate::MAP_HASH)?;
        self.pick_up();
        Ok(identity)
    }

    /// Writes what the board says of the gate's wiring. What is due keeps its unit while there is an
    /// epoch: false where the gate has another one, and is to be reset first.
    pub fn set_up(&mut self, setup: &GateSetup) -> bool {
        self.block.reg(gate::DEBOUNCE).set(setup.debounce);
        self.block.reg(gate::HEARTBEAT_LIMIT).set(setup.heartbeat_limit);
        self.block.reg(gate::ENCODER_FILTER).set(setup.encoder_filter);
        self.block.reg(gate::ENCODER_LIMIT).set(setup.encoder_limit);
        let encoder =
            ENCODER::UNIT.val(setup.counts.into()) + ENCODER::REVERSE.val(setup.reverse.into());
        self.block.reg(gate::ENCODER).write(encoder);
        self.counts = setup.counts;
        self.block.reg(gate::ENCODER).get() == encoder.value
    }

    /// Compares the gate's clock, which begins with each load of the logic, with the caller's `clock`,
    /// ns. To be called after a load (`fresh`), and now and then, for two clocks never run quite
    /// alike. A comparison that was interrupted is not taken; after a load it is repeated, and the
    /// last of a few is taken in any case.
    pub fn synchronise(&mut self, fresh: bool, clock: impl Fn() -> u64) {
        for last in [!fresh, false, false, true] {
            let sample = self.block.reg(gate::SAMPLE).get().wrapping_add(1);
            let before = clock();
            self.block.reg(gate::SAMPLE).set(sample);
            let after = clock();
            let sharp = after.wrapping_sub(before) <= SHARP;
            if sharp || (last && fresh) {
                let own = self.pair(gate::SAMPLE_TIME_LO, gate::SAMPLE_TIME_HI);
                self.ahead = before.wrapping_sub(own);
            }
            if sharp || last {
                return;
            }
        }
    }

    fn pair(&self, low: Word, high: Word) -> u64 {
        u64::from(self.block.reg(low).get()) | u64::from(self.block.reg(high).get()) << 32
    }

    /// Rejects all pending parts and holds the gate: it has no epoch until one is begun.
    pub fn hold(&self) {
        self.block.reg(gate::CTRL).write(GATE_CTRL::RESET::SET);
    }

    fn pick_up(&mut self) {
        self.seen = self.block.reg(gate::TRIG_ACK).get();
        self.go = self.block.reg(gate::CANCEL_GO).get();
    }

    /// Begins an epoch in a gate that has none ([`Self::epoch`] is 0, after power-up or a reset),
    /// with interrupts as asked. `epoch` is not 0, and no recent epoch had it: that is all that
    /// keeps a cancel from an earlier one away from the new parts.
    pub fn begin_epoch(&mut self, epoch: u32, interrupts: bool) {
        self.block.reg(gate::CTRL).write(GATE_CTRL::IRQ_EN.val(interrupts.into()));
        self.block.reg(gate::EPOCH).set(epoch);
        self.pick_up();
    }

    /// Rejects all pending parts and begins an epoch as [`Self::begin_epoch`] does. Delay and pulse
    /// are kept.
    ///
    /// # Errors
    /// [`KernelError::Reset`] if the trigger counter survives.
    pub fn reset(&mut self, epoch: u32, interrupts: bool) -> Result<(), KernelError> {
        self.block.reg(gate::CTRL).write(GATE_CTRL::RESET::SET);
        let survived = self.block.reg(gate::TRIG_COUNT).get() != 0;
        self.begin_epoch(epoch, interrupts);
        if survived { Err(KernelError::Reset) } else { Ok(()) }
    }

    /// Sets the way from trigger to due, in the gate's unit, and the pulse's length, ns, for triggers
    /// from now on. The gate does not take a 0.
    pub fn configure(&self, delay: u64, pulse: u64) {
        // The high word makes both take effect, so it comes last.
        self.block.reg(gate::DELAY_LO).set(delay as u32);
        self.block.reg(gate::DELAY_HI).set((delay >> 32) as u32);
        self.block.reg(gate::PULSE_LO).set(pulse as u32);
        self.block.reg(gate::PULSE_HI).set((pulse >> 32) as u32);
    }

    /// Epoch of tags given now; 0 if none was begun since power-up or reset.
    pub fn epoch(&self) -> u32 {
        self.block.reg(gate::EPOCH).get()
    }

    /// A trigger now would be captured.
    pub fn line_ready(&self) -> bool {
        self.block.reg(gate::STATUS).is_set(STATUS::LINE_READY)
    }

    /// Shows that firmware makes progress; `beat` differs from the last one.
    pub fn heartbeat(&self, beat: u32) {
        self.block.reg(gate::HEARTBEAT).set(beat);
    }

    /// Takes the oldest trigger that was not taken yet, and acknowledges it. To be called until
    /// it returns none; the interrupt line is low then.
    pub fn next_trigger(&mut self) -> Option<Trigger> {
        let count = self.block.reg(gate::TRIG_COUNT).get();
        match count.wrapping_sub(self.seen) {
            0 => return None,
            1..=DEPTH => {}
            // More than can be between trigger and arm: the gate was reset under us, or nobody
            // looked for too long. What is skipped is rejected by the gate.
            _ => {
                self.seen = count;
                self.block.reg(gate::TRIG_ACK).set(count);
                return None;
            }
        }
        let due = match self.pair(gate::TRIG_DUE_LO, gate::TRIG_DUE_HI) {
            0 => 0,
            _ if self.counts => u64::MAX,
            due => due.wrapping_add(self.ahead),
        };
        // The window stands still until the acknowledgement, so its words belong together.
        let trigger = Trigger {
            number: self.seen.wrapping_add(1),
            tag: self.block.reg(gate::TRIG_TAG).get(),
            at: self.pair(gate::TRIG_AT_LO, gate::TRIG_AT_HI).wrapping_add(self.ahead),
            due,
        };
        self.seen = trigger.number;
        self.block.reg(gate::TRIG_ACK).set(self.seen);
        Some(trigger)
    }

    /// Lets the part with `tag`, given under `epoch`, pass.
    pub fn cancel(&mut self, tag: u32, epoch: u32) -> Cancel {
        use CANCEL_RESULT::CODE::Value;
        self.block.reg(gate::CANCEL_TAG).set(tag);
        self.block.reg(gate::CANCEL_EPOCH).set(epoch);
        self.go = self.go.wrapping_add(1);
        self.block.reg(gate::CANCEL_GO).set(self.go);
        match self.block.reg(gate::CANCEL_RESULT).read_as_enum(CANCEL_RESULT::CODE) {
            Some(Value::Cancelled) => Cancel::Cancelled,
            Some(Value::TooLate) => Cancel::TooLate,
            Some(Value::WrongEpoch) => Cancel::WrongEpoch,
            Some(Value::UnknownTag) => Cancel::UnknownTag,
            Some(Value::Nothing) | None => Cancel::NotExecuted,
        }
    }

    /// Reads all outcome counters (ten accesses).
    pub fn counters(&self) -> Counters {
        let read = |reg| self.block.reg(reg).get();
        Counters {
            passed: read(gate::PASSED),
            rejected: read(gate::REJECTED),
            cancelled: read(gate::CANCELLED),
            late: read(gate::LATE),
            wrong_epoch: read(gate::WRONG_EPOCH),
            unknown: read(gate::UNKNOWN),
            overrun: read(gate::OVERRUN),
            unready: read(gate::UNREADY),
            slips: read(gate::SLIPS),
            doubts: read(gate::DOUBTS),
        }
    }
}
