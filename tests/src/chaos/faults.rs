//! Every fault that a run can plant, and the incident that it must be.

use std::collections::BTreeMap;

use tandem_agent::counters::Flow;
use tandem_agent::dataplane::PeerState;

use super::load::Site;
use crate::dice::Dice;
use crate::{MS, incident_of};

/// A fault, whoever has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Of the hardware, by its name.
    Hardware(String),
    /// The core dies after so many accesses.
    Death(u64),
    /// The core executes nothing any more.
    Freeze,
    /// The programmable logic is loaded anew.
    Load,
    /// An operator restarts the core. That is none, but jobs must survive it.
    Restart,
    /// The main model's runtime fails.
    Engine,
    /// The main model puts out NaN.
    NotFinite,
}

impl Fault {
    /// Any of them.
    pub fn any(dice: &mut Dice) -> Self {
        match dice.below(16) {
            0..=8 => Self::Hardware(hardware(dice)),
            9 | 10 => Self::Death(dice.below(700)),
            11 => Self::Freeze,
            12 => Self::Load,
            13 => Self::Restart,
            14 => Self::Engine,
            _ => Self::NotFinite,
        }
    }

    /// For the books.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Hardware(name) => incident_of(name),
            Self::Death(_) => "r5_dead",
            Self::Freeze => "r5_frozen",
            Self::Load => "logic_reset",
            Self::Restart => "operator",
            Self::Engine => "engine_failed",
            Self::NotFinite => "engine_not_finite",
        }
    }

    /// The same fault may also be none: flipped bits that nobody reads, an operator's wish.
    fn may_be_nothing(&self) -> bool {
        match self {
            Self::Restart => true,
            Self::Hardware(name) => match name.rsplit_once(':') {
                Some((rest, bit)) if rest.starts_with("flipped") => {
                    let bit: u32 = bit.parse().expect("a bit");
                    // Next descriptor, buffer, control: a flip there is a wrong job (PG021).
                    !matches!(bit / 32, 0..=3 | 6)
                }
                _ => false,
            },
            _ => false,
        }
    }
}

/// Any fault that the simulator knows.
fn hardware(dice: &mut Dice) -> String {
    let lane = ["pre", "post"][dice.index(2)];
    match dice.below(6) {
        0 => format!("lost_interrupt:{lane}"),
        1 => format!("slave_error:{lane}"),
        2 => format!("decode_error:{lane}"),
        3 => format!("stuck_tlast:{lane}"),
        4 => format!("hung_kernel:{lane}"),
        _ => format!("flipped_descriptor_bit:{lane}:{}:{}", dice.below(8), dice.below(256)),
    }
}

/// Incidents by name.
pub type Counts = BTreeMap<&'static str, u64>;

/// How far counts moved since `before`.
pub fn moved(before: &Counts, after: &Counts) -> Counts {
    let was = |name: &str| before.get(name).copied().unwrap_or_default();
    after.iter().map(|(name, n)| (*name, n - was(name))).filter(|(_, by)| *by > 0).collect()
}

impl Site<'_> {
    /// Makes it happen.
    pub fn plant(&mut self, fault: &Fault) {
        let now = self.world.board.now();
        self.trace.value(&(now, fault));
        if self.aloud {
            eprintln!("{now}: {fault:?}");
        }
        match fault {
            Fault::Hardware(name) => self.world.faults().plant(name).expect("a fault's name"),
            Fault::Death(k) => self.world.faults().kill_core_at(*k),
            Fault::Freeze => self.world.faults().freeze_core(true),
            Fault::Load => {
                self.belt.before_load(&self.world);
                self.world.faults().reset_logic();
            }
            Fault::Restart => assert!(self.world.agent.restart_core(), "room for a command"),
            Fault::Engine => {
                self.engine_moods += 1;
                self.mood.fail();
            }
            Fault::NotFinite => {
                self.engine_moods += 1;
                self.mood.not_finite();
            }
        }
    }

    /// A fault with jobs before and after it, and nothing else: exactly its own incident.
    pub fn one_fault(&mut self, fault: &Fault) {
        self.calm("before a fault");
        let before = self.world.incidents();
        let restarts = self.world.agent.counters().flows(Flow::R5Epochs);
        let (early, late) = (self.dice.below(3), 1 + self.dice.below(2));
        for _ in 0..early {
            let picture = self.picture();
            self.submit(picture, None);
        }
        let wait = self.dice.below(MS);
        self.pass(wait);
        self.plant(fault);
        for _ in 0..late {
            let picture = self.picture();
            self.submit(picture, None);
        }
        self.until("the fault", |site| match fault {
            Fault::Hardware(_) => {
                let waits = !site.world.faults().pending().is_empty();
                if waits && site.waiting.is_empty() {
                    let picture = site.picture();
                    site.submit(picture, None);
                }
                !waits
            }
            Fault::Restart => site.world.agent.counters().flows(Flow::R5Epochs) > restarts,
            _ => site.world.incidents() != before,
        });
        self.calm("after a fault");
        let moved = moved(&before, &self.world.incidents());
        let seen = Counts::from([(fault.kind(), 1)]);
        let nothing = moved.is_empty() && fault.may_be_nothing();
        assert!(moved == seen || nothing, "{fault:?} was counted as {moved:?}");
    }

    /// Everything is answered, the firmware is up, no part is on the belt; and the next job runs on
    /// the programmable logic as if nothing had been.
    pub fn calm(&mut self, when: &str) {
        self.until(when, |site| {
            site.waiting.is_empty() && site.belt.is_settled() && site.world.peer() == PeerState::Up
        });
        // A beat and a timed poll: what an operator's restart left is over as well.
        self.pass(12 * MS);
        let before = self.world.incidents();
        let picture = self.picture();
        assert!(self.submit(picture, None), "{when}: no frame slot");
        self.until(when, |site| site.waiting.is_empty());
        assert_eq!(self.world.incidents(), before, "{when}: a job in peace");
    }
}
