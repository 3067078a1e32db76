//! Self-tests, in pieces short enough for the heartbeat between them.

use super::banks::{Banks, Covered};
use super::looped::Looped;
use crate::board;
use crate::platform::R5Platform;
use crate::wires::{self, tested};
use embedded_hal::digital::{OutputPin, StatefulOutputPin};
use embedded_hal::i2c::I2c;
use tandem_drivers::kernel::{EXPECTED, GateDriver, Identity, Kernel, Post, Pre, look};
use tandem_drivers::mmio::MmioBus;
use tandem_drivers::ps::at;
use tandem_drivers::ps::counter::nanos;
use tandem_drivers::ps::gpio::Pin;
use tandem_drivers::ps::i2c::I2cMaster;
use tandem_drivers::ps::ttc::Ttc;
use tandem_link::console::{Block, Test, Verdict};
use tandem_link::message::Nanos;
use tandem_pipeline::platform::Platform;

/// Time that the timer is compared for.
const COMPARED: Nanos = 50_000_000;
/// Most time between two looks at the clock that tell the timer's count sharply.
const SHARP: Nanos = 200_000;
/// Longest wait for the watchdog; it is set to a millisecond.
const BITE: Nanos = 2_000_000_000;
/// The last EMIO pin: no design here brings it out.
const PIN: u32 = 173;
/// Rate at which every slave answers, and the controller's clock, Hz.
const I2C_RATE: (u32, u32) = (100_000, 100_000_000);

/// A self-test under way.
pub enum Running {
    /// Ends at once.
    Short(Test),
    /// Memory.
    Banks(Test, Banks),
    /// A DMA in a loop.
    Looped(Looped),
    /// Who answers from address `next` on.
    Scan { next: u8, found: [u32; 4] },
    /// Since when, and what the timer's count was.
    Timer { since: Option<(Nanos, u32)> },
    /// Since when.
    Watchdog { since: Nanos },
}

/// What a turn came to.
pub enum Progress {
    /// More turns are needed.
    Running,
    /// It is over.
    Ended { test: Test, verdict: Verdict, values: [u32; 4] },
}

impl Running {
    /// Begins `test`.
    pub fn start(test: Test, platform: &R5Platform) -> Self {
        match test {
            Test::Tcm => Self::Banks(test, Banks::tcm()),
            Test::Ocm => Self::Banks(test, Banks::ocm()),
            Test::DmaLoopback if board::LOOP != 0 => Self::Looped(Looped::New),
            Test::I2c if wires::HAS_PINS => Self::Scan { next: 8, found: [0; 4] },
            Test::Timer => {
                timer(platform).start(wires::TIMER.exponent);
                Self::Timer { since: None }
            }
            Test::Watchdog => {
                tested::begin();
                platform.wires.let_watchdog_bite();
                Self::Watchdog { since: platform.now() }
            }
            other => Self::Short(other),
        }
    }

    /// Goes on for a while.
    pub fn turn(&mut self, platform: &R5Platform) -> Progress {
        match self {
            Self::Short(Test::Kernels) => kernels(platform),
            Self::Short(Test::Gpio) => pin(platform),
            Self::Short(test) => ended(*test, Verdict::NotFitted, [0; 4]),
            Self::Banks(test, banks) => memory(*test, banks, platform),
            Self::Looped(looped) => match looped.turn(platform) {
                Some((verdict, values)) => ended(Test::DmaLoopback, verdict, values),
                None => Progress::Running,
            },
            Self::Scan { next, found } => scan(platform, next, found),
            Self::Timer { since } => compare(platform, since),
            Self::Watchdog { since } => watchdog(platform, *since),
        }
    }
}

fn ended(test: Test, verdict: Verdict, values: [u32; 4]) -> Progress {
    Progress::Ended { test, verdict, values }
}

fn passed(good: bool) -> Verdict {
    if good { Verdict::Passed } else { Verdict::Failed }
}

fn memory(test: Test, banks: &mut Banks, platform: &R5Platform) -> Progress {
    match banks.turn(platform.bus()) {
        Ok(None) => Progress::Running,
        Ok(Some(Covered { marched, in_place, left })) => {
            ended(test, Verdict::Passed, [marched, in_place, left, 0])
        }
        Err(at) => ended(test, Verdict::Failed, [0, 0, 0, at]),
    }
}

fn kernels(platform: &R5Platform) -> Progress {
    if !platform.wires.logic_is_there() {
        return ended(Test::Kernels, Verdict::NotFitted, [0; 4]);
    }
    let bus = platform.bus();
    let right = [
        Kernel::<_, Pre>::new(bus, board::PRE).identify().is_ok(),
        Kernel::<_, Post>::new(bus, board::POST).identify().is_ok(),
        GateDriver::new(bus, board::GATE).identify().is_ok(),
    ];
    let bits = right.iter().rev().fold(0, |bits, right| bits << 1 | u32::from(*right));
    ended(Test::Kernels, passed(bits == 0b111), [bits, 0, 0, 0])
}

/// What a block says of itself; `None` where the logic is not loaded.
pub fn identity(platform: &R5Platform, block: Block) -> Option<[u32; 4]> {
    const BASES: [u32; 3] = [board::PRE, board::POST, board::GATE];
    if !platform.wires.logic_is_there() {
        return None;
    }
    let index = block as usize;
    let Identity { id, version, caps, map_hash } =
        look(*platform.bus(), BASES[index], EXPECTED[index].0);
    Some([id, version, caps, map_hash])
}

/// The pin stays an input: only its output register is tried.
fn pin(platform: &R5Platform) -> Progress {
    let found = Pin::new(platform.bus(), at::GPIO, PIN).ok().filter(|_| wires::HAS_PINS);
    let Some(mut pin) = found else {
        return ended(Test::Gpio, Verdict::NotFitted, [0; 4]);
    };
    let before = pin.is_set_high() == Ok(true);
    let mut wrong = 0;
    for (bit, high) in [(1, !before), (2, before)] {
        let _never = pin.set_state(high.into());
        wrong |= if pin.is_set_high() == Ok(high) { 0 } else { bit };
    }
    ended(Test::Gpio, passed(wrong == 0), [wrong, 0, 0, 0])
}

fn scan(platform: &R5Platform, next: &mut u8, found: &mut [u32; 4]) -> Progress {
    let mut master = I2cMaster::new(*platform.bus(), at::I2C1, 10_000);
    if master.start(I2C_RATE.1, I2C_RATE.0).is_err() {
        return ended(Test::I2c, Verdict::Failed, *found);
    }
    for _ in 0..4 {
        if *next > 0x77 {
            return ended(Test::I2c, Verdict::Passed, *found);
        }
        if master.read(*next, &mut [0]).is_ok() {
            found[usize::from(*next / 32)] |= 1 << (*next % 32);
        }
        *next += 1;
    }
    Progress::Running
}

fn timer(platform: &R5Platform) -> Ttc<MmioBus> {
    Ttc::new(*platform.bus(), at::TTC0, 1, wires::TIMER.bits)
}

fn compare(platform: &R5Platform, since: &mut Option<(Nanos, u32)>) -> Progress {
    // What comes between the looks at the clock is counted for neither: then it is looked again.
    let before = platform.now();
    let count = timer(platform).count();
    let now = platform.now();
    let Some((began, first)) = since.filter(|_| now - before <= SHARP) else {
        if since.is_none() && now - before <= SHARP {
            *since = Some((now, count));
        }
        return Progress::Running;
    };
    let passed_here = now - began;
    if passed_here < COMPARED {
        return Progress::Running;
    }
    let wires::Timer { bits, exponent, hertz } = wires::TIMER;
    let ticks = u64::from(count.wrapping_sub(first) & (u32::MAX >> (32 - bits)));
    let counted = nanos(ticks << exponent, hertz);
    let good = counted.abs_diff(passed_here) <= passed_here / 50;
    ended(Test::Timer, passed(good), [counted as u32, passed_here as u32, 0, 0])
}

fn watchdog(platform: &R5Platform, since: Nanos) -> Progress {
    let waited = platform.now().saturating_sub(since);
    if !tested::seen() && waited < BITE {
        return Progress::Running;
    }
    // The next beat starts it anew.
    platform.wires.stop_watchdog();
    let seen = tested::end();
    ended(Test::Watchdog, passed(seen), [(waited / 1000) as u32, 0, 0, 0])
}
