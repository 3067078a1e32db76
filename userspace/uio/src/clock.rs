//! The one clock that Linux, the R5F and the gate share.

use crate::Region;
use std::sync::{Mutex, PoisonError};
use tandem_link::SharedMemory;
use tandem_link::glue::APU_CLOCK;
use tandem_link::message::Nanos;

/// A source of time.
pub(crate) trait Clock: Send + Sync {
    /// Nanoseconds; never goes back.
    fn now(&self) -> Nanos;
}

/// QEMU: the plugin's clock, through Linux's port of the glue page. The port is one for all
/// threads, so they take turns; three accesses.
pub(crate) struct GlueClock(pub(crate) Mutex<Region>);

impl Clock for GlueClock {
    fn now(&self) -> Nanos {
        let port = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        port.store(APU_CLOCK.latch, 1);
        let [low, high] = [APU_CLOCK.low, APU_CLOCK.high].map(|at| u64::from(port.load(at)));
        high << 32 | low
    }
}

/// Silicon: the system counter that the A53's generic timer shows (Arm ARM DDI 0487, D12.1.2: all
/// timers of a system show one count), the same that the R5F reads at IOU_SCNTRS. Other processors
/// share no clock with an R5F.
pub(crate) fn system_counter() -> Option<Box<dyn Clock>> {
    #[cfg(target_arch = "aarch64")]
    return Some(Box::new(counter::SystemCounter::new()));
    #[cfg(not(target_arch = "aarch64"))]
    return None;
}

#[cfg(target_arch = "aarch64")]
mod counter {
    use super::{Clock, Nanos};
    use std::arch::asm;

    pub struct SystemCounter {
        hertz: u64,
    }

    impl SystemCounter {
        /// Asks for the counter's frequency.
        pub fn new() -> Self {
            let hertz: u64;
            // SAFETY: a register that Linux lets user code read (CNTKCTL_EL1.EL0VCTEN); no memory.
            unsafe {
                asm!("mrs {}, cntfrq_el0", out(reg) hertz, options(nomem, nostack));
            }
            Self { hertz: hertz.max(1) }
        }
    }

    impl Clock for SystemCounter {
        fn now(&self) -> Nanos {
            let count: u64;
            // SAFETY: as above; the barrier keeps the read from being done early.
            unsafe {
                asm!("isb", "mrs {}, cntvct_el0", out(reg) count, options(nomem, nostack));
            }
            // In 128 bits the product is exact.
            (u128::from(count) * 1_000_000_000 / u128::from(self.hertz)) as u64
        }
    }
}
