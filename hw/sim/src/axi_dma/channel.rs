//! What both channels have in common: state, descriptor fetch, completion, errors and
//! interrupts. Their registers are in `registers`.

use tandem_regs::axi_dma::{DMACR, DMASR};
use tandem_regs::sg_descriptor::STATUS;

use super::DmaConfig;
use super::descriptor::{DESCRIPTOR_ALIGN, Descriptor};
use crate::fabric::{BusError, Fabric};

/// IOC_Irq, Dly_Irq, Err_Irq in DMASR; their enables sit at the same places in DMACR.
pub(super) const IRQS: u32 = 0x7000;

/// DMASR.Halted and DMASR.Idle, and what lies between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// RS is 0.
    Halted,
    /// RS is 1, and TAILDESC has not been written since.
    Waiting,
    /// Descriptors are left up to the tail.
    Active,
    /// The tail descriptor is complete.
    Idle,
}

/// One direction of an AXI DMA.
pub struct Channel {
    pub(super) config: DmaConfig,
    pub(super) state: State,
    pub(super) control: u32,
    pub(super) errors: u32,
    pub(super) irqs: u32,
    pub(super) current: u64,
    pub(super) tail: u64,
    pub(super) next: u64,
    pub(super) fetched: Option<Descriptor>,
    /// Bytes of the fetched descriptor's buffer that were moved.
    pub(super) moved: u32,
    /// A packet has begun and not ended (S2MM).
    pub(super) in_packet: bool,
    /// The fetched descriptor's buffer holds a packet's first byte (S2MM).
    pub(super) sof: bool,
    pub(super) packets_left: u8,
    delay_due: Option<u64>,
}

impl Channel {
    pub(super) fn new(config: DmaConfig) -> Self {
        Self {
            config,
            state: State::Halted,
            control: DMACR::IRQ_THRESHOLD.val(1).value,
            errors: 0,
            irqs: 0,
            current: 0,
            tail: 0,
            next: 0,
            fetched: None,
            moved: 0,
            in_packet: false,
            sof: false,
            packets_left: 1,
            delay_due: None,
        }
    }

    pub(super) fn reset(&mut self) {
        *self = Self::new(self.config);
    }

    /// Something waits to be moved.
    pub fn has_work(&self) -> bool {
        self.state == State::Active
    }

    /// A descriptor is to be fetched.
    pub fn wants_fetch(&self) -> bool {
        self.state == State::Active && self.fetched.is_none()
    }

    /// An interrupt bit is set, enabled or not.
    pub fn irq_pending(&self) -> bool {
        self.irqs != 0
    }

    /// Level of the interrupt output.
    pub fn irq_level(&self) -> bool {
        self.irqs & self.control & IRQS != 0
    }

    /// When the delay timer runs out, ns.
    pub fn delay_due(&self) -> Option<u64> {
        self.delay_due
    }

    /// The chain from the next descriptor to be fetched to the tail: addresses, at most `limit`.
    pub fn chain<'a>(&'a self, fabric: &'a Fabric, limit: usize) -> impl Iterator<Item = u64> + 'a {
        let first = self.fetched.map_or(self.next, |descriptor| descriptor.addr);
        let mut at = (self.state == State::Active).then_some(first);
        std::iter::from_fn(move || {
            let addr = at?;
            let descriptor = Descriptor::read(addr, &self.config, fabric).ok()?;
            at = (addr != self.tail).then_some(descriptor.next);
            Some(addr)
        })
        .take(limit)
    }

    pub(super) fn halt(&mut self) {
        self.state = State::Halted;
        self.fetched = None;
        self.moved = 0;
        self.in_packet = false;
        self.sof = false;
    }

    /// "This error condition causes the AXI DMA to halt gracefully. The DMACR.RS bit is set to
    /// 0"; CURDESC stays at the descriptor associated with the error.
    pub(super) fn fail(&mut self, error: u32) {
        self.errors |= error;
        self.irqs |= DMASR::ERR_IRQ::SET.value;
        self.control &= !DMACR::RS::SET.value;
        self.halt();
    }

    fn fail_sg(&mut self, error: BusError) {
        self.fail(match error {
            BusError::Slave => DMASR::SG_SLV_ERR::SET.value,
            BusError::Decode => DMASR::SG_DEC_ERR::SET.value,
        });
    }

    /// A data access of `descriptor` failed: marks it and halts.
    pub(super) fn fail_data(&mut self, descriptor: &Descriptor, error: BusError, fabric: &Fabric) {
        let (mark, bit) = match error {
            BusError::Slave => (STATUS::SLV_ERR::SET.value, DMASR::SLV_ERR::SET.value),
            BusError::Decode => (STATUS::DEC_ERR::SET.value, DMASR::DEC_ERR::SET.value),
        };
        self.fail(bit);
        // The first error counts; a descriptor that cannot be marked stays as it was.
        let _ = descriptor.write_status(mark, fabric);
    }

    /// Fetches the next descriptor if there is one to fetch, ahead of its data.
    pub fn fetch(&mut self, fabric: &Fabric) {
        if !self.wants_fetch() {
            return;
        }
        self.current = self.next;
        if !self.next.is_multiple_of(DESCRIPTOR_ALIGN) {
            // PG021: "any other alignment has undefined results". Here it is seen at once.
            self.fail(DMASR::SG_INT_ERR::SET.value);
            return;
        }
        let descriptor = match Descriptor::read(self.next, &self.config, fabric) {
            Ok(descriptor) => descriptor,
            Err(error) => return self.fail_sg(error),
        };
        let beat = u64::from(self.config.beat_bytes.max(1));
        // "In this mode, the Scatter Gather module ignores the Completed bit of the BD."
        let cyclic = DMACR::CYCLIC.is_set(self.control);
        if descriptor.stale && !cyclic {
            self.fail(DMASR::SG_INT_ERR::SET.value);
        } else if descriptor.len == 0
            || !self.config.realign && !descriptor.buffer.is_multiple_of(beat)
        {
            self.fail(DMASR::INT_ERR::SET.value);
            let _ = descriptor.write_status(STATUS::INT_ERR::SET.value, fabric);
        } else {
            self.fetched = Some(descriptor);
        }
    }

    /// Writes `descriptor`'s status word and goes on behind it. False: that failed.
    pub(super) fn complete(
        &mut self,
        descriptor: &Descriptor,
        flags: u32,
        fabric: &Fabric,
    ) -> bool {
        let status = STATUS::COMPLETE::SET.value | flags;
        if let Err(error) = descriptor.write_status(status, fabric) {
            self.fail_sg(error);
            return false;
        }
        self.fetched = None;
        self.moved = 0;
        self.sof = false;
        self.next = descriptor.next;
        if descriptor.addr == self.tail {
            self.state = State::Idle;
        }
        true
    }

    /// "Interrupt coalescing": a packet is over.
    pub(super) fn packet_done(&mut self, now: u64) {
        self.packets_left = self.packets_left.saturating_sub(1);
        if self.packets_left == 0 {
            self.irqs |= DMASR::IOC_IRQ::SET.value;
            self.reload();
            return;
        }
        let units = u64::from(DMACR::IRQ_DELAY.read(self.control));
        if units != 0 {
            self.delay_due = now.checked_add(units.saturating_mul(self.config.delay_unit_ns));
        }
    }

    /// "Delay interrupt": raised when no packet follows for the set time.
    pub(super) fn tick(&mut self, now: u64) {
        if self.delay_due.is_some_and(|due| due <= now) {
            self.irqs |= DMASR::DLY_IRQ::SET.value;
            self.reload();
        }
    }

    pub(super) fn reload(&mut self) {
        self.packets_left = DMACR::IRQ_THRESHOLD.read(self.control) as u8;
        self.delay_due = None;
    }
}
