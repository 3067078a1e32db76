//! Sets of parameters that came before: jobs on a line have the same ones again and again.
//!
//! A set is recognised by all of its bytes in the message, and has a number that no other set
//! ever has in this life of the core. What is kept of a set elsewhere (chains, a kernel's registers) is kept under that
//! number, beside what it was made from, and dropped together with it; so nothing here needs to know
//! when that happens. A session's end forgets everything: another agent, another boot.

use serde::de::DeserializeOwned;
use tandem_link::ring;

/// Sets that are remembered in a lane.
pub const SETS: usize = 4;
/// Bytes of the longest set that is. Those of usual jobs take 60 to 120.
const ROOM: usize = 128;

/// One set.
struct Set {
    /// 0: none.
    number: u32,
    /// Jobs that wait with these parameters and have no copy of their own.
    waiting: u32,
    used: usize,
    bytes: [u8; ROOM],
    needs: [u32; 2],
}

/// The sets of a lane.
pub struct Known {
    sets: [Set; SETS],
    last: u32,
    victim: usize,
}

/// The place of a set that a job has.
#[derive(Clone, Copy)]
pub struct Member(u8);

impl Known {
    /// None is known.
    pub const fn new() -> Self {
        let sets = [const { Set { number: 0, waiting: 0, used: 0, bytes: [0; ROOM], needs: [0; 2] } };
            SETS];
        Self { sets, last: 0, victim: 0 }
    }

    /// A session begins: no set is known, and the numbers go on.
    pub fn forget(&mut self) {
        for set in &mut self.sets {
            (set.number, set.waiting) = (0, 0);
        }
    }

    /// The set whose message has these bytes.
    pub fn find(&self, params: &[u8]) -> Option<Member> {
        let same = |set: &Set| set.number != 0 && equal(&set.bytes, set.used, params);
        self.sets.iter().position(same).map(|place| Member(place as u8))
    }

    /// The number of a set that is held, never 0.
    #[inline(always)]
    pub fn number(&self, member: Member) -> u32 {
        self.set(member).number
    }

    /// Bytes that a job with a set that is held needs in its input and in its output slot.
    #[inline(always)]
    pub fn needs(&self, member: Member) -> [u32; 2] {
        self.set(member).needs
    }

    fn set(&self, member: Member) -> &Set {
        &self.sets[usize::from(member.0)]
    }

    /// Remembers a set that decodes and whose numbers hold together, in place of the one that was
    /// learnt longest ago. None where it is too long, or jobs wait for all that are known.
    pub fn learn(&mut self, params: &[u8], needs: [u32; 2]) -> Option<Member> {
        // A number is never given twice: after the last one nothing is learnt any more.
        let number = self.last.checked_add(1)?;
        let free = (0..SETS).map(|step| (self.victim + step) % SETS);
        let place = free.into_iter().find(|place| self.sets[*place].waiting == 0)?;
        let set = &mut self.sets[place];
        set.bytes.get_mut(..params.len())?.copy_from_slice(params);
        (set.number, set.used, set.needs) = (number, params.len(), needs);
        self.last = number;
        self.victim = (place + 1) % SETS;
        Some(Member(place as u8))
    }

    /// A job waits that has no copy of these parameters.
    #[inline(always)]
    pub fn hold(&mut self, member: Member) {
        self.sets[usize::from(member.0)].waiting += 1;
    }

    /// It waits no longer.
    #[inline(always)]
    pub fn release(&mut self, member: Member) {
        self.sets[usize::from(member.0)].waiting -= 1;
    }

    /// The parameters of a set that is held.
    pub fn decode<P: DeserializeOwned>(&self, member: Member) -> Option<P> {
        let set = self.set(member);
        ring::decode(&set.bytes[..set.used]).ok()
    }
}

/// `known[..used] == params`, by words: a call of memcmp would look at each byte.
fn equal(known: &[u8; ROOM], used: usize, params: &[u8]) -> bool {
    if used != params.len() {
        return false;
    }
    let (known, _) = known.as_chunks::<4>();
    let (words, rest) = params.as_chunks::<4>();
    let same =
        words.iter().zip(known).all(|(a, b)| u32::from_ne_bytes(*a) == u32::from_ne_bytes(*b));
    same && known.get(words.len()).is_none_or(|last| rest.iter().zip(last).all(|(a, b)| a == b))
}
