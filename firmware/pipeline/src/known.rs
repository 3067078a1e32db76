//! Sets of parameters that came before: jobs on a line have the same ones again and again.
//!
//! A set is recognised by all of its bytes in the message, and has a number that no other set
//! ever has in this life of the core. What is kept of a set elsewhere (chains, a kernel's registers) is kept under that
//! number, beside what it was made from, and dropped together with it; so nothing here needs to know
//! when that happens. A session's end forgets everything: another agent, another boot.

use serde::de::DeserializeOwned;
use tandem_link::{
    SharedMemory,
    job::{Incoming, Rest},
};

/// Sets that are remembered in a lane.
pub const SETS: usize = 4;

/// One set.
pub struct Set {
    /// 0: none.
    number: u32,
    /// Jobs that wait with these parameters and have no copy of their own.
    waiting: u32,
    rest: Rest,
    needs: [u32; 2],
}

impl Set {
    const NONE: Self = Self { number: 0, waiting: 0, rest: Rest::NONE, needs: [0; 2] };

    /// Never 0 while the set is held.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Bytes that a job with these parameters needs in its input and in its output slot.
    pub fn needs(&self) -> [u32; 2] {
        self.needs
    }
}

/// The sets of a lane.
pub struct Known {
    sets: [Set; SETS],
    last: u32,
    victim: usize,
    /// Place of the one that was met last.
    latest: usize,
}

/// The place of a set that a job has.
#[derive(Clone, Copy)]
pub struct Member(u8);

impl Known {
    /// None is known.
    pub const fn new() -> Self {
        Self { sets: [Set::NONE; SETS], last: 0, victim: 0, latest: 0 }
    }

    /// A session begins: no set is known, and the numbers go on.
    pub fn forget(&mut self) {
        for set in &mut self.sets {
            (set.number, set.waiting) = (0, 0);
        }
    }

    /// The set of a message that still lies in the ring.
    #[inline(never)]
    pub fn recognise<M: SharedMemory>(&mut self, rest: &Incoming<'_, M>) -> Option<Member> {
        let mut place = self.latest % SETS;
        for _ in 0..SETS {
            let set = &self.sets[place];
            if set.number != 0 && rest.is(&set.rest) {
                self.latest = place;
                return Some(Member(place as u8));
            }
            place = (place + 1) % SETS;
        }
        None
    }

    /// A set that is held.
    #[inline(always)]
    pub fn set(&self, member: Member) -> &Set {
        &self.sets[usize::from(member.0) % SETS]
    }

    /// Remembers a set that decodes and whose numbers hold together, in place of the one that was
    /// learnt longest ago. None where it is too long, or jobs wait for all that are known.
    pub fn learn(&mut self, params: &[u8], needs: [u32; 2]) -> Option<Member> {
        // A number is never given twice: after the last one nothing is learnt any more.
        let number = self.last.checked_add(1)?;
        let free = (0..SETS).map(|step| (self.victim + step) % SETS);
        let place = free.into_iter().find(|place| self.sets[*place].waiting == 0)?;
        self.sets[place] = Set { number, waiting: 0, rest: Rest::of(params)?, needs };
        self.last = number;
        self.victim = (place + 1) % SETS;
        Some(Member(place as u8))
    }

    /// A job waits that has no copy of these parameters.
    #[inline(always)]
    pub fn hold(&mut self, member: Member) {
        let set = &mut self.sets[usize::from(member.0) % SETS];
        set.waiting = set.waiting.wrapping_add(1);
    }

    /// It waits no longer.
    #[inline(always)]
    pub fn release(&mut self, member: Member) {
        let set = &mut self.sets[usize::from(member.0) % SETS];
        set.waiting = set.waiting.wrapping_sub(1);
    }

    /// The parameters of a set that is held.
    pub fn decode<P: DeserializeOwned>(&self, member: Member) -> Option<P> {
        self.set(member).rest.decode().ok()
    }
}
