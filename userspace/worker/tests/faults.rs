//! A network that cuts, delays, doubles, loses and garbles bytes: an answer is right, or there is
//! none. A run is a seed; TANDEM_SEEDS=17 runs that one.

mod common;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use common::*;
use tandem_engine::{Engine, EngineError};

/// What a proxy does to a piece of the stream.
const KINDS: usize = 5;

/// Random numbers of a seed, for all pieces of all connections.
struct Chance {
    state: AtomicU64,
    /// Faults that are left; then the network is good.
    left: AtomicU32,
    done: [AtomicU32; KINDS],
}

impl Chance {
    fn of(seed: u64) -> Arc<Self> {
        Arc::new(Self {
            state: AtomicU64::new(seed.wrapping_mul(0xd134_2543_de82_ef95) ^ 0x5851_f42d_4c95_7f2d),
            left: AtomicU32::new(3),
            done: Default::default(),
        })
    }

    fn number(&self, below: usize) -> usize {
        // splitmix64
        let step = 0x9e37_79b9_7f4a_7c15;
        let mut z = self.state.fetch_add(step, Ordering::Relaxed).wrapping_add(step);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % below as u64) as usize
    }

    /// A fault for this piece, one in eight while there are some left.
    fn fault(&self) -> Option<usize> {
        if self.number(8) != 0 {
            return None;
        }
        let take = |left: u32| left.checked_sub(1);
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).ok()?;
        let kind = self.number(KINDS);
        self.done[kind].fetch_add(1, Ordering::Relaxed);
        Some(kind)
    }
}

/// Passes pieces on until either side ends.
fn pump(chance: &Chance, mut from: TcpStream, mut to: TcpStream) {
    let mut piece = [0; 1024];
    while let Ok(bytes @ 1..) = from.read(&mut piece) {
        let piece = &mut piece[..bytes];
        let passed = match chance.fault() {
            // Cut.
            Some(0) => break,
            // Delayed, but not for so long that the peer seems dead.
            Some(1) => {
                std::thread::sleep(Duration::from_millis(30));
                to.write_all(piece)
            }
            // Doubled.
            Some(2) => to.write_all(piece).and_then(|()| to.write_all(piece)),
            // Lost.
            Some(3) => Ok(()),
            // Garbled.
            Some(_) => {
                piece[chance.number(bytes)] ^= 1 << chance.number(8);
                to.write_all(piece)
            }
            None => to.write_all(piece),
        };
        if passed.is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

/// A proxy before a worker; it lives as long as the test.
fn proxy(to: SocketAddr, chance: &Arc<Chance>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let chance = chance.clone();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (client, worker) = (client.unwrap(), TcpStream::connect(to).unwrap());
            let back = (worker.try_clone().unwrap(), client.try_clone().unwrap());
            let [one, other] = [chance.clone(), chance.clone()];
            std::thread::spawn(move || pump(&one, client, worker));
            std::thread::spawn(move || pump(&other, back.0, back.1));
        }
    });
    address
}

/// One seed: jobs through a bad network, until it is good again.
fn run(seed: u64, totals: &mut [u32; KINDS]) {
    let server = serve(Toy::engine(), 4);
    let chance = Chance::of(seed);
    let through = address(proxy(server.address(), &chance));
    let absent = tandem_worker::Absent::Allow;
    let mut engine = tandem_worker::RemoteEngine::connect(&model(), through, absent)
        // A garbled hello may pass for another model only if its CRC holds; it does not.
        .unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    let mut good = 0;
    until(&format!("seed {seed}: five good answers in a row"), || {
        // `attempt` compares every byte of an answer.
        match attempt(&mut engine, seed as u8, Duration::from_secs(20)) {
            Ok(()) => good += 1,
            Err(EngineError::Lost { .. } | EngineError::Late) => good = 0,
            Err(other) => panic!("seed {seed}: {other}"),
        }
        engine.tend();
        good >= 5 && chance.left.load(Ordering::Relaxed) == 0
    });
    drop(engine);
    until(&format!("seed {seed}: every slot is back"), || server.free_slots() == 4);
    for (total, done) in totals.iter_mut().zip(&chance.done) {
        *total += done.load(Ordering::Relaxed);
    }
}

#[test]
fn through_a_bad_network_an_answer_is_right_or_there_is_none() {
    let one = std::env::var("TANDEM_SEEDS").ok().map(|seed| seed.parse().expect("a seed"));
    let mut totals = [0; KINDS];
    for seed in one.map_or(0..16, |seed: u64| seed..seed + 1) {
        run(seed, &mut totals);
    }
    println!("cut, delayed, doubled, lost, garbled: {totals:?}");
    assert!(one.is_some() || totals.iter().all(|total| *total > 0), "{totals:?}");
}
