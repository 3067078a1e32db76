//! The belt's encoder: how it turns, and what is wrong with it.

use tandem_rtl::Rng;

/// What the belt does for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Motion {
    Stop,
    /// A count in so many clocks.
    Forward(u64),
    Backward(u64),
    /// On the spot: one count back and forth.
    Jitter(u64),
    /// One input is dead.
    Dead(u64),
}

/// The encoder's two pins.
pub struct Belt {
    rng: Rng,
    motion: Motion,
    /// Clocks of it.
    left: u64,
    /// Clocks to the next count.
    wait: u64,
    /// Counts that the belt has come.
    place: i64,
    highest: i64,
    dead: Option<[bool; 2]>,
    /// Faults in 1024 counts.
    faults: u32,
    calm: bool,
}

impl Belt {
    pub fn new(mut rng: Rng, calm: bool) -> Self {
        let faults = if calm { 0 } else { rng.pick(&[0, 0, 2, 20]) };
        let place = rng.range(0, 4) as i64;
        let motion = Motion::Stop;
        Self { rng, motion, left: 20, wait: 0, place, highest: place, dead: None, faults, calm }
    }

    /// It moves on, and is where it has not been before.
    pub fn comes_on(&self) -> bool {
        matches!(self.motion, Motion::Forward(_)) && self.place >= self.highest
    }

    /// What the encoder shows.
    fn shows(&self) -> [bool; 2] {
        let phase = self.place.rem_euclid(4);
        [phase == 1 || phase == 2, phase >= 2]
    }

    /// What is on its pins.
    pub fn pins(&self) -> [bool; 2] {
        let [a, b] = self.shows();
        self.dead.map_or([a, b], |[dead, _]| [dead, b])
    }

    /// One clock.
    pub fn clock(&mut self) -> [bool; 2] {
        if self.left == 0 {
            self.choose();
        }
        self.left -= 1;
        let mut pins = self.pins();
        self.wait = self.wait.saturating_sub(1);
        if self.wait == 0 && self.motion != Motion::Stop {
            self.count();
            pins = self.pins();
        }
        // A bounce, or what a motor couples into the cable: one clock.
        if self.rng.chance(self.faults / 2) {
            let pin = self.rng.below(2) as usize;
            pins[pin] = !pins[pin];
        }
        pins
    }

    fn count(&mut self) {
        let (gap, by) = match self.motion {
            Motion::Stop => (0, 0),
            Motion::Forward(gap) | Motion::Dead(gap) => (gap, 1),
            Motion::Backward(gap) => (gap, -1),
            Motion::Jitter(gap) => (gap, if self.place % 2 == 0 { 1 } else { -1 }),
        };
        self.wait = self.rng.range(gap, gap + gap / 2 + 1).max(1);
        // Two counts at once are one that nobody can tell the direction of.
        self.place += if self.rng.chance(self.faults) { 2 * by } else { by };
        self.highest = self.highest.max(self.place);
    }

    fn choose(&mut self) {
        let gap = self.rng.pick(if self.calm { &[2, 3, 5, 8, 8, 12] } else { &[1, 2, 3, 5, 8, 8] });
        self.dead = None;
        (self.motion, self.left) = match self.rng.below(20) {
            0..11 => (Motion::Forward(gap), self.rng.range(50, 900)),
            11..14 => (Motion::Stop, self.rng.range(20, 600)),
            14..16 => (Motion::Jitter(gap), self.rng.range(20, 300)),
            16..19 => (Motion::Backward(gap), self.rng.range(5, 250)),
            _ if self.calm => (Motion::Backward(gap), self.rng.range(1, 60)),
            _ => {
                self.dead = Some(self.shows());
                (Motion::Dead(gap), self.rng.range(50, 500))
            }
        };
    }
}
