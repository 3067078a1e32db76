//! A system watchdog of the processing system.

use thiserror::Error;
use tock_registers::interfaces::{Readable, Writeable};

use super::map::swdt as map;
use crate::bus::Bus;
use crate::reg::Block;

const MODE_KEY: u32 = 0xABC;
const COUNTER_KEY: u32 = 0x248;
const RESTART_KEY: u32 = 0x1999;
/// Divisions of the clock that DIVIDER chooses.
const DIVISIONS: [u64; 4] = [8, 64, 512, 4096];
/// Counts that a step of RELOAD is worth.
const STEP: u64 = 0x1000;

/// What a watchdog cannot do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum WatchdogError {
    /// 0, or above what the counter holds.
    #[error("{us} us is not between 1 and {most} us")]
    Period {
        /// Asked for.
        us: u64,
        /// Longest one at this clock.
        most: u64,
    },
    /// The registers do not hold what was written: no clock, or a block that is not there.
    #[error("the watchdog does not take its settings: {wanted:#x} written, {found:#x} read")]
    Deaf {
        /// Written to the counter's control register, without its key.
        wanted: u32,
        /// Read back.
        found: u32,
    },
}

/// A watchdog. It raises its interrupt when it is not fed in time; the system reset stays off, since the
/// A53s must live on when the R5F dies.
#[derive(Clone, Copy, Debug)]
pub struct Swdt<B> {
    block: Block<B>,
    hertz: u32,
}

impl<B: Bus> Swdt<B> {
    /// The watchdog at `base`, clocked with `hertz` (LPD_LSBUS: 100 MHz on most boards).
    pub const fn new(bus: B, base: u32, hertz: u32) -> Self {
        Self { block: Block::new(bus, base), hertz }
    }

    /// The counter's settings for a period of at least `us` microseconds.
    fn settings(&self, us: u64) -> Result<(u32, u32), WatchdogError> {
        let counts = |division: u64| (us * u64::from(self.hertz)).div_ceil(1_000_000 * division);
        let fits = |division: &&u64| counts(**division) <= STEP * 0x1000;
        let found = DIVISIONS.iter().enumerate().find(|(_, division)| fits(division));
        match found {
            Some((index, division)) if us > 0 => {
                Ok((index as u32, (counts(*division).div_ceil(STEP) - 1) as u32))
            }
            _ => {
                let most = STEP * 0x1000 * 4096 * 1_000_000 / u64::from(self.hertz.max(1));
                Err(WatchdogError::Period { us, most })
            }
        }
    }

    /// Starts it: its interrupt comes if it is not fed for `us` microseconds (or a little more).
    ///
    /// # Errors
    /// [`WatchdogError`]; nothing runs then.
    pub fn start(&self, us: u64) -> Result<(), WatchdogError> {
        let (divider, reload) = self.settings(us)?;
        self.stop();
        let counter = map::CCR::DIVIDER.val(divider) + map::CCR::RELOAD.val(reload);
        self.block.reg(map::COUNTER).write(counter + map::CCR::KEY.val(COUNTER_KEY));
        let found = self.block.reg(map::COUNTER).get() & 0x3FFF;
        if found != counter.value {
            return Err(WatchdogError::Deaf { wanted: counter.value, found });
        }
        self.feed();
        let mode = map::ZMR::ENABLE::SET + map::ZMR::IRQ::SET + map::ZMR::IRQ_LEN.val(3);
        self.block.reg(map::MODE).write(mode + map::ZMR::KEY.val(MODE_KEY));
        Ok(())
    }

    /// The count begins again.
    pub fn feed(&self) {
        self.block.reg(map::RESTART).set(RESTART_KEY);
    }

    /// Ends it.
    pub fn stop(&self) {
        self.block.reg(map::MODE).write(map::ZMR::KEY.val(MODE_KEY) + map::ZMR::IRQ_LEN.val(3));
    }

    /// The count has reached zero since it was last fed.
    pub fn expired(&self) -> bool {
        self.block.reg(map::STATUS).is_set(map::SR::ZERO)
    }
}
