//! The shared blocks under random stalls: nothing is lost, made up or reordered, and the stated
//! latency and throughput hold.

use tandem_rtl::{Kernel, Packet, Rng, Stall};

/// Words of 4 bytes through a block that passes them on, with random stalls on both sides.
fn passes_on(name: &str) {
    for seed in 0..40 {
        let mut rng = Rng::new(seed);
        let mut kernel = Kernel::load(name, seed);
        kernel.reset();
        let source = kernel.source("s", Stall::any(rng.next_u64()));
        let sink = kernel.sink("m", Stall::any(rng.next_u64()));
        let words: Vec<Packet> = (0..rng.range(1, 300)).map(|_| rng.bytes(4)).collect();
        words.iter().for_each(|word| kernel.push(source, word));
        kernel.run_until(20_000, "last word", |k| k.packets(sink).len() == words.len());
        for _ in 0..20 {
            kernel.clock();
        }
        assert_eq!(kernel.take(sink), words, "{name}, seed {seed}");
    }
}

/// Clocks from the first word's acceptance to its delivery, and for 100 words without a stall.
fn speed(name: &str) -> (u64, u64) {
    let mut kernel = Kernel::load(name, 1);
    kernel.reset();
    kernel.clock();
    let source = kernel.source("s", Stall::never());
    let sink = kernel.sink("m", Stall::never());
    for i in 0..100_u32 {
        kernel.push(source, &i.to_le_bytes());
    }
    let from = kernel.clocks();
    kernel.run_until(100, "first word", |k| k.sink_of(sink).beats() > 0);
    let first = kernel.sink_of(sink).last_beat() - from;
    kernel.run_until(300, "last word", |k| k.sink_of(sink).beats() == 100);
    (first, kernel.sink_of(sink).last_beat() - from - first)
}

#[test]
fn skid_passes_on() {
    passes_on("skid");
    assert_eq!(speed("skid"), (1, 99));
}

#[test]
fn fifo_passes_on() {
    for name in ["fifo_block", "fifo_lut"] {
        passes_on(name);
        assert_eq!(speed(name), (2, 99), "{name}");
    }
}

/// Filled with nobody taking: DEPTH words and the one at the output, and `level` says so.
#[test]
fn fifo_holds_what_it_says() {
    for (name, depth) in [("fifo_block", 16), ("fifo_lut", 4)] {
        let mut kernel = Kernel::load(name, 5);
        kernel.reset();
        let source = kernel.source("s", Stall::never());
        kernel.set("m_ready", 0);
        for i in 0..40_u32 {
            kernel.push(source, &i.to_le_bytes());
        }
        for _ in 0..60 {
            kernel.clock();
            let beats = kernel.source_of(source).beats();
            assert_eq!(kernel.get("level"), beats, "{name}");
        }
        assert_eq!(kernel.source_of(source).beats(), depth + 1, "{name}");
        kernel.set("m_ready", 1);
        for _ in 0..100 {
            kernel.clock();
        }
        assert_eq!((kernel.get("level"), kernel.get("m_valid")), (0, 0), "{name}");
    }
}

#[test]
fn packer_keeps_every_byte() {
    for name in ["packer_8_8", "packer_3_8", "packer_8_2"] {
        for seed in 0..60 {
            let mut rng = Rng::new(seed);
            let mut kernel = Kernel::load(name, seed);
            kernel.reset();
            let source = kernel.source("s", Stall::any(rng.next_u64()));
            let sink = kernel.sink("m", Stall::any(rng.next_u64()));
            let longest = rng.pick(&[1, 3, 9, 200]);
            let packets: Vec<Packet> = (0..rng.range(1, 40))
                .map(|_| {
                    let length = rng.range(1, longest) as usize;
                    rng.bytes(length)
                })
                .collect();
            packets.iter().for_each(|packet| kernel.push(source, packet));
            kernel.run_until(100_000, "last packet", |k| k.packets(sink).len() == packets.len());
            for _ in 0..20 {
                kernel.clock();
            }
            assert_eq!(kernel.take(sink), packets, "{name}, seed {seed}");
        }
    }
}

/// Drives full beats by hand, since the source's are ragged: the narrower side never waits.
#[test]
fn packer_keeps_its_pace() {
    for (name, s_bytes, m_bytes) in
        [("packer_8_8", 8_u64, 8_u64), ("packer_3_8", 3, 8), ("packer_8_2", 8, 2)]
    {
        let mut kernel = Kernel::load(name, 2);
        kernel.reset();
        kernel.set("m_ready", 1);
        kernel.set("s_valid", 1);
        kernel.set("s_last", 0);
        kernel.set("s_count", s_bytes);
        let (mut taken, mut given) = (0, 0);
        for clock in 0..400 {
            kernel.settle();
            if clock >= 20 {
                taken += kernel.get("s_ready");
                given += kernel.get("m_valid");
            }
            kernel.clock();
        }
        let narrow = s_bytes.min(m_bytes);
        let free = if narrow == s_bytes { taken } else { given };
        assert_eq!(free, 380, "{name}: {taken} beats in, {given} out");
    }
}

/// Three sources of packets into one sink: packets stay whole, each source's order is kept, and
/// nobody waits for more than one packet of each other.
#[test]
fn arbiter_is_fair_and_keeps_packets_whole() {
    const SOURCES: usize = 3;
    for seed in 0..40 {
        let mut rng = Rng::new(seed);
        let mut kernel = Kernel::load("arbiter", seed);
        kernel.reset();
        let data = kernel.port("s_data");
        // A beat is a source, a packet, its place in it.
        let mut at = [(0_u8, 0_u8); SOURCES];
        let mut length = [0_u8; SOURCES];
        let mut valid = [false; SOURCES];
        let mut got = [(0_u8, 0_u8); SOURCES];
        let mut waited = [0; SOURCES];
        let mut open: Option<usize> = None;
        let busy = rng.pick(&[1024, 700, 200]);
        let (mut ready_stall, mut packets) = (Stall::any(rng.next_u64()), 0);
        for _ in 0..3_000 {
            let mut bytes = [0; 4 * SOURCES];
            let (mut valids, mut lasts) = (0, 0);
            for i in 0..SOURCES {
                if !valid[i] {
                    if at[i].1 == 0 {
                        length[i] = rng.range(1, 5) as u8;
                    }
                    valid[i] = rng.chance(busy);
                }
                bytes[4 * i..4 * i + 3].copy_from_slice(&[i as u8, at[i].0, at[i].1]);
                valids |= u64::from(valid[i]) << i;
                lasts |= u64::from(at[i].1 + 1 == length[i]) << i;
            }
            kernel.model().set_bytes(data, &bytes);
            kernel.set("s_valid", valids);
            kernel.set("s_last", lasts);
            let ready = !ready_stall.holds();
            kernel.set("m_ready", u64::from(ready));
            kernel.settle();
            let (taken, from) = (kernel.get("s_ready"), kernel.get("m_index") as usize);
            assert_eq!(taken & !(1 << from), 0, "two sources at once");
            if kernel.get("m_valid") != 0 && ready {
                assert_eq!(taken, 1 << from);
                let beat = (kernel.get("m_data") as u32).to_le_bytes();
                assert!(valid[from] && beat[0] as usize == from, "seed {seed}: data made up");
                assert_eq!((beat[1], beat[2]), got[from], "seed {seed}: order of source {from}");
                assert!(open.is_none_or(|source| source == from), "seed {seed}: packet torn");
                let last = lasts >> from & 1 != 0;
                assert_eq!(kernel.get("m_last") != 0, last);
                valid[from] = false;
                if open.is_none() {
                    (0..SOURCES).filter(|i| *i != from && valid[*i]).for_each(|i| waited[i] += 1);
                    waited[from] = 0;
                }
                assert!(waited.iter().all(|packets| *packets <= SOURCES), "seed {seed}: unfair");
                open = (!last).then_some(from);
                let next = if last { (beat[1].wrapping_add(1), 0) } else { (beat[1], beat[2] + 1) };
                (got[from], at[from]) = (next, next);
                packets += u32::from(last);
            }
            kernel.clock();
        }
        assert!(packets > 40, "seed {seed}: {packets} packets");
    }
}
