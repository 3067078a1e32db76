//! Two ends and a line of 115200 baud between them, in simulated time.

use std::collections::VecDeque;
use std::time::Duration;

use proptest::prelude::*;
use tandem_link::console::Collector;

use super::wire::{self, PROTOCOL, Part};
use super::*;

/// Bytes that the line carries in a step.
const A_STEP: usize = 12;
const STEP: Duration = Duration::from_millis(1);

/// What happens to a byte on the way: damaged, lost, doubled by garbage, or nothing.
struct Noise {
    state: u64,
    /// One byte of so many; 0 for none.
    every: u64,
}

impl Noise {
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        self.state >> 33
    }

    fn pass(&mut self, byte: u8, to: &mut Vec<u8>) {
        if self.every == 0 || !self.next().is_multiple_of(self.every) {
            return to.push(byte);
        }
        let garbage = self.next();
        match garbage % 3 {
            0 => to.push(byte ^ (1 << (garbage >> 8 & 7))),
            1 => {}
            _ => to.extend([(garbage >> 8) as u8, byte]),
        }
    }
}

/// One end, what its application wants said and has heard.
struct Side {
    peer: Peer,
    says: VecDeque<u8>,
    heard: Vec<u8>,
    /// Bytes that its application takes a step.
    appetite: usize,
    out: VecDeque<u8>,
    happened: Vec<Happened>,
}

impl Side {
    fn new(peer: Peer, says: &[u8]) -> Side {
        Side {
            peer,
            says: says.iter().copied().collect(),
            heard: Vec::new(),
            appetite: usize::MAX,
            out: VecDeque::new(),
            happened: Vec::new(),
        }
    }

    fn step(&mut self, now: Duration) {
        let count = self.peer.space().min(self.says.len());
        let bytes: Vec<u8> = self.says.drain(..count).collect();
        self.peer.send(&bytes);
        if self.says.is_empty() {
            self.peer.end();
        }
        let count = self.peer.received().len().min(self.appetite);
        self.heard.extend_from_slice(&self.peer.received()[..count]);
        self.peer.taken(count);
        let mut frame = Vec::new();
        while self.out.len() < 256 && self.peer.emit(now, &mut frame) {
            self.out.extend(frame.drain(..));
        }
        self.happened.extend(self.peer.happened());
    }
}

/// A client, an agent, the line, the time.
struct World {
    client: Side,
    agent: Side,
    noise: Noise,
    now: Duration,
}

impl World {
    fn new(asked: &[u8], answered: &[u8], every: u64, seed: u64) -> World {
        World {
            client: Side::new(Peer::client(7), asked),
            agent: Side::new(Peer::server(), answered),
            noise: Noise { state: seed, every },
            now: Duration::ZERO,
        }
    }

    fn step(&mut self) {
        self.now += STEP;
        self.client.step(self.now);
        self.agent.step(self.now);
        let World { client, agent, noise, now } = self;
        for (from, to) in [(&mut client.out, &mut agent.peer), (&mut agent.out, &mut client.peer)] {
            let mut bytes = Vec::new();
            from.drain(..A_STEP.min(from.len())).for_each(|byte| noise.pass(byte, &mut bytes));
            to.hear(&bytes, *now);
        }
    }

    /// Until `done`, for at most `limit` of simulated time.
    fn run(&mut self, limit: Duration, done: impl Fn(&World) -> bool) -> bool {
        let end = self.now + limit;
        while self.now < end && !done(self) {
            self.step();
        }
        done(self)
    }
}

fn bytes(count: usize, seed: u8) -> Vec<u8> {
    (0..count).map(|at| (at.wrapping_mul(31) >> 3) as u8 ^ seed).collect()
}

fn over(world: &World) -> bool {
    [&world.client, &world.agent].iter().all(|side| side.happened.contains(&Happened::Over))
}

#[test]
fn a_clean_line_carries_both_ways_at_its_rate_and_nothing_twice() {
    let (asked, answered) = (bytes(40_000, 1), bytes(60_000, 2));
    let mut world = World::new(&asked, &answered, 0, 0);
    assert!(world.run(Duration::from_secs(60), over));
    assert!(world.client.heard == answered && world.agent.heard == asked);
    let counts = [world.client.peer.counts(), world.agent.peer.counts()];
    assert_eq!(counts.map(|[_, garbage, resent]| (garbage, resent)), [(0, 0); 2]);
    // 60000 bytes take 5.0 s on 12 bytes a millisecond; frames and answers add to it.
    assert!(world.now < Duration::from_secs(7), "{:?}", world.now);
}

#[test]
fn an_application_that_is_slow_or_stands_still_loses_nothing() {
    let answered = bytes(20_000, 3);
    let mut world = World::new(b"?", &answered, 0, 0);
    world.client.appetite = 3;
    assert!(world.run(Duration::from_secs(60), over));
    assert!(world.client.heard == answered);

    let mut world = World::new(b"?", &answered, 0, 0);
    world.client.appetite = 0;
    assert!(!world.run(Duration::from_secs(60), over), "nobody takes anything");
    assert!(!world.agent.happened.contains(&Happened::Lost), "a slow client is there");
    world.client.appetite = 500;
    assert!(world.run(Duration::from_secs(60), over));
    assert!(world.client.heard == answered);
}

#[test]
fn silence_ends_a_conversation_and_the_next_client_is_served() {
    let mut world = World::new(b"?", b"", 0, 0);
    world.agent.says = VecDeque::from(bytes(50_000, 4));
    assert!(world.run(Duration::from_secs(1), |world| world.client.heard.len() > 1000));
    world.noise = Noise { state: 1, every: 1 }; // nothing gets through
    let lost = |world: &World| {
        [&world.client, &world.agent].iter().all(|side| side.happened.contains(&Happened::Lost))
    };
    assert!(world.run(Duration::from_secs(60), lost));
    world.noise.every = 0;
    world.agent = Side::new(world.agent.peer, b"answer");
    world.client = Side::new(Peer::client(8), b"question");
    assert!(world.run(Duration::from_secs(60), over));
    assert_eq!((&*world.client.heard, &*world.agent.heard), (&b"answer"[..], &b"question"[..]));
}

#[test]
fn a_new_client_takes_over_and_the_old_one_hears_of_it() {
    let mut world = World::new(b"?", &bytes(50_000, 5), 0, 0);
    assert!(world.run(Duration::from_secs(5), |world| !world.client.heard.is_empty()));
    let old = std::mem::replace(&mut world.client, Side::new(Peer::client(8), b"mine"));
    world.agent.says.clear();
    assert!(
        world.run(Duration::from_secs(5), |world| world.client.happened.contains(&Happened::Began))
    );
    assert_eq!(world.agent.happened, [Happened::Began, Happened::Began]);
    let new = std::mem::replace(&mut world.client, old);
    let lost = |world: &World| world.client.happened.contains(&Happened::Lost);
    assert!(world.run(Duration::from_secs(25), lost));
    drop(new);
}

#[test]
fn another_version_is_told_apart() {
    let mut agent = Peer::server();
    let mut line = Vec::new();
    wire::encode(3, &Part::Open { protocol: PROTOCOL + 1 }, &mut line).unwrap();
    agent.hear(&line, STEP);
    assert_eq!((agent.happened().count(), agent.counts()[1]), (0, 0));
    line.clear();
    assert!(agent.emit(STEP, &mut line));
    let mut heard = Collector::<256>::new();
    let part = line.iter().find_map(|byte| {
        heard.push(*byte).map(|frame| {
            wire::decode(frame.unwrap()).unwrap().1 == Part::Opened { protocol: PROTOCOL }
        })
    });
    assert_eq!(part, Some(true));

    let mut client = Peer::client(3);
    line.clear();
    wire::encode(3, &Part::Opened { protocol: PROTOCOL + 1 }, &mut line).unwrap();
    client.hear(&line, STEP);
    assert_eq!(client.happened().collect::<Vec<_>>(), [Happened::OtherProtocol(PROTOCOL + 1)]);
}

#[test]
fn the_longest_part_fits_a_frame() {
    let longest = Part::Data { at: u32::MAX, bytes: &[0; wire::PART_BYTES] };
    wire::encode(u16::MAX, &longest, &mut Vec::new()).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn noise_costs_time_and_no_byte(seed: u64, every in 100u64..5000) {
        let (asked, answered) = (bytes(2_000, 6), bytes(8_000, 7));
        let mut world = World::new(&asked, &answered, every, seed);
        // The last word of all may be lost: then one side hears the silence only.
        let done = |world: &World| world.client.heard.len() + world.agent.heard.len() >= 10_000;
        prop_assert!(world.run(Duration::from_secs(600), done));
        prop_assert!(world.client.heard == answered && world.agent.heard == asked);
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        for mut peer in [Peer::server(), Peer::client(7)] {
            peer.hear(&bytes, STEP);
            let mut out = Vec::new();
            while peer.emit(STEP, &mut out) {}
        }
    }
}
