//! The description of the virtual board holds, and each way to break one is named.

use tandem_boards::{
    Board, BoardError, Direction, IpiAgent, PlanFault, Port, Range, RpuMode, SlotClass, Stream,
    faults,
};

const VIRTUAL: &str = include_str!("../virtual.toml");

/// The virtual board with the line after `[table]` that starts with `key` replaced.
fn with(table: &str, key: &str, line: &str) -> String {
    let (mut inside, mut done) = (table.is_empty(), false);
    let mut text = String::new();
    for old in VIRTUAL.lines() {
        if old.starts_with('[') {
            inside = old == format!("[{table}]");
        }
        let hit = inside && !done && old.starts_with(key);
        text.push_str(if hit { line } else { old });
        text.push('\n');
        done |= hit;
    }
    assert!(done, "no {key} in [{table}]");
    text
}

/// The error that `text` gives, and its message.
fn refuse(text: &str) -> (BoardError, String) {
    let error = Board::parse(text, "b.toml").expect_err("a broken description");
    let message = error.to_string();
    assert!(message.starts_with("b.toml: "), "{message}");
    (error, message)
}

#[test]
fn virtual_board_is_what_the_sources_say() {
    let board = Board::virtual_default();
    assert_eq!(board.name, "virtual");
    assert_eq!(board, VIRTUAL.parse().expect("the same text"));
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/virtual.toml");
    assert_eq!(board, Board::load(path).expect("the same file"));
}

#[test]
fn every_board_here_loads_under_its_own_name() {
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut names = vec![];
    for entry in here.read_dir().expect("this folder") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "toml")
            && path.file_name().is_some_and(|name| name != "Cargo.toml")
        {
            let board = Board::load(&path).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(path.file_stem().and_then(|stem| stem.to_str()), Some(board.name.as_str()));
            names.push(board.name);
        }
    }
    assert!(names.contains(&"virtual".to_string()), "{names:?}");
}

#[test]
fn slots_are_packed_in_order() {
    let board = Board::virtual_default();
    let slots = board.resolve_slots();
    let count = |class| slots.iter().filter(|slot| slot.class == class).count();
    assert_eq!(SlotClass::ALL.map(count), [4, 6, 6, 16]);
    let mut next = board.regions.pool.base;
    for slot in &slots {
        assert_eq!(slot.addr, next);
        assert!(board.regions.pool.contains(slot.addr, slot.capacity));
        next += slot.capacity;
    }
    assert!(slots.is_sorted_by_key(|slot| slot.class));
}

#[test]
fn missing_file_is_named() {
    let error = Board::load("no/such/board.toml").expect_err("no file").to_string();
    assert!(error.starts_with("no/such/board.toml: cannot be read: "), "{error}");
}

#[test]
fn unknown_missing_and_mistyped_fields_are_named() {
    for (table, key, line, named) in [
        ("ddr", "size", "sise = 1", "sise"),
        ("ddr", "size", "", "size"),
        ("slots.frame", "count", "count = \"4\"", "count"),
        ("pl.gate", "base", "base = 0x1_0000_0000", "base"),
        ("firmware", "poll_us", "poll_us = -1", "poll_us"),
    ] {
        let (error, message) = refuse(&with(table, key, line));
        assert!(matches!(error, BoardError::Parse { .. }), "{message}");
        assert!(message.contains(named), "{named}: {message}");
    }
}

#[test]
fn other_schema_is_refused() {
    let (error, message) = refuse(&with("", "schema", "schema = 2"));
    assert!(matches!(error, BoardError::Schema { found: 2, .. }), "{message}");
}

#[test]
fn values_outside_their_range_are_named() {
    for (table, key, line, field) in [
        ("", "name", "name = \"Virtual Board\"", "name"),
        ("", "name", "name = \"\"", "name"),
        ("", "name", "name = \"-x\"", "name"),
        ("", "title", "title = \" \"", "title"),
        ("slots.heads", "count", "count = 0", "slots.heads.count"),
        ("slots.heads", "size", "size = 0", "slots.heads.size"),
        ("firmware", "heartbeat_us", "heartbeat_us = 99", "firmware.heartbeat_us"),
        ("firmware", "poll_us", "poll_us = 1_000_001", "firmware.poll_us"),
        ("firmware", "kernel", "kernel_timeout_us = 2_000", "firmware.kernel_timeout_us"),
        ("gate", "heartbeat", "heartbeat_limit_us = 29_999", "gate.heartbeat_limit_us"),
        ("gate", "heartbeat", "heartbeat_limit_us = 4_000_001", "gate.heartbeat_limit_us"),
        ("gate", "heartbeat", "debounce_us = 1_000_001", "gate.debounce_us"),
        ("gate", "heartbeat", "encoder_filter_ns = 1_000_001", "gate.encoder_filter_ns"),
        ("gate", "heartbeat", "encoder_limit_us = 4_000_001", "gate.encoder_limit_us"),
    ] {
        let (error, message) = refuse(&with(table, key, line));
        let BoardError::Value { field: found, .. } = error else { panic!("{message}") };
        assert_eq!(found, field, "{message}");
    }
}

#[test]
fn misalignment_is_named() {
    for (table, key, line, field) in [
        ("regions.log", "base", "base = 0x4002_0004", "regions.log.base"),
        ("regions.log", "size", "size = 0x0000_0800", "regions.log.size"),
        ("pl.pre", "base", "base = 0xA002_0100", "pl.pre.base"),
        ("slots.tensor", "size", "size = 0x0020_0040", "slots.tensor.size"),
    ] {
        let (error, message) = refuse(&with(table, key, line));
        let BoardError::Align { field: found, align: 0x1000, .. } = error else {
            panic!("{message}")
        };
        assert_eq!(found, field);
    }
}

#[test]
fn empty_and_endless_ranges_are_named() {
    for (table, key, line) in
        [("regions.link", "size", "size = 0"), ("pl.gate", "base", "base = 0xFFFF_F000")]
    {
        let (error, message) = refuse(&with(table, key, line));
        let BoardError::Range { field, .. } = error else { panic!("{message}") };
        assert_eq!(field, table);
    }
    // Up to the last byte of the bus is fine.
    let text = with("pl.gate", "base", "base = 0xFFFF_0000");
    assert!(Board::parse(&text, "b.toml").is_ok());
}

#[test]
fn a_region_outside_memory_is_named() {
    let text = with("regions.pool", "size", "size = 0x0700_1000");
    let (error, message) = refuse(&text);
    assert!(matches!(error, BoardError::Outside { .. }));
    let want = "regions.pool [0x41000000, 0x48001000) is not inside ddr [0x40000000, 0x48000000)";
    assert_eq!(message, format!("b.toml: {want}"));
}

#[test]
fn both_sides_of_an_overlap_are_named() {
    for (table, base, first, second) in [
        ("regions.log", "0x4001_F000", "regions.link", "regions.log"),
        ("regions.descriptors", "0x40F8_0000", "regions.descriptors", "regions.pool"),
        ("pl.post", "0xA002_0000", "pl.pre", "pl.post"),
        ("pl.gate", "0x47FF_F000", "ddr", "pl.gate"),
    ] {
        let (error, message) = refuse(&with(table, "base", &format!("base = {base}")));
        let BoardError::Overlap { first: a, second: b, .. } = error else { panic!("{message}") };
        assert_eq!((a.as_str(), b.as_str()), (first, second), "{message}");
    }
}

#[test]
fn slots_that_do_not_fit_are_refused() {
    let (error, message) = refuse(&with("slots.frame", "count", "count = 7"));
    let BoardError::PoolTooSmall { need, have: 0x0700_0000, .. } = error else {
        panic!("{message}")
    };
    assert_eq!(need, 7 * 0x0100_0000 + 6 * 0x0020_0000 + 6 * 0x0040_0000 + 16 * 0x0001_0000);
    let (error, message) = refuse(&with("slots.result", "count", "count = 49"));
    assert!(matches!(error, BoardError::TooManySlots { found: 65, .. }), "{message}");
}

#[test]
fn ranges_know_their_neighbours() {
    let range = Range { base: 0x1000, size: 0x1000 };
    assert!(range.contains(0x1FFC, 4) && !range.contains(0x1FFD, 4) && !range.contains(0xFFF, 1));
    assert!(!range.overlaps(Range { base: 0x2000, size: 1 }));
    assert!(range.overlaps(Range { base: 0, size: 0x1001 }));
}

const KV260: &str = include_str!("../kv260.toml");

/// The message that the KV260 with `from` replaced by `to` is refused with.
fn kv260(from: &str, to: &str) -> String {
    assert!(KV260.contains(from), "no {from}");
    refuse(&KV260.replacen(from, to, 1)).1
}

#[test]
fn port_plans_that_memory_cannot_serve_are_refused_with_the_reason() {
    for (from, to, wanted) in [
        (
            "burst_beats = 8",
            "burst_beats = 16",
            "stream pre.mm2s: bursts of 256 bytes (16 beats of 128 bits)",
        ),
        ("burst_beats = 8", "burst_beats = 0", "stream pre.mm2s: burst_beats = 0"),
        ("width_bits = 128", "width_bits = 256", "width_bits = 256: a port is 32, 64 or 128"),
        ("port = \"hpc0\"", "port = \"hp0\"", "stream pre.mm2s: coherent on hp0"),
        ("mb_s = 1200", "mb_s = 9000", "port hpc0: 9600 MB/s on it, it moves 9332"),
        ("name = \"pre.s2mm\"", "name = \"pre.mm2s\"", "stream pre.mm2s is there twice"),
        (
            "part0:1.4",
            "part0:1.4} [exec",
            "device.board_part = xilinx.com:kv260_som:part0:1.4} [exec",
        ),
        ("part = \"xck26", "part = \"xck26 ", "device.part = xck26 "),
        ("port = \"hpc0\"", "port = \"acp\"", "unknown variant `acp`"),
    ] {
        let message = kv260(from, to);
        assert!(message.contains(wanted), "{message}\n  wanted: {wanted}");
    }
}

#[test]
fn two_hot_streams_on_the_shared_port_are_refused() {
    let stream = |name, port, mb_s| Stream {
        name: String::from(name),
        port,
        direction: Direction::Read,
        mb_s,
        width_bits: 128,
        burst_beats: 8,
        coherent: false,
    };
    let plan =
        |rates: [u32; 2]| [stream("a", Port::Hp1, rates[0]), stream("b", Port::Hp2, rates[1])];
    assert_eq!(faults(&plan([1600, 1599])), []);
    let hot = faults(&plan([1600, 1600]));
    assert!(
        matches!(&hot[..], [PlanFault::Hot { first, second, .. }] if first == "a" && second == "b")
    );
    let shared = faults(&plan([1599, 4802]));
    assert_eq!(shared, [PlanFault::Shared { mb_s: 6401 }]);
    // Elsewhere the same rates are fine.
    assert_eq!(faults(&[stream("a", Port::Hp0, 5000), stream("b", Port::Hp3, 5000)]), []);
}

#[test]
fn a_length_field_too_short_for_a_slot_is_refused() {
    let message = kv260("dma_length_bits = 26", "dma_length_bits = 14");
    assert!(message.contains("device.dma_length_bits = 14: is too few"), "{message}");
    let message = kv260("dma_length_bits = 26", "dma_length_bits = 27");
    assert!(message.contains("must be 8 to 26"), "{message}");
    // The largest slot is 16 MiB: 24 bits count to one byte less.
    assert!(kv260("dma_length_bits = 26", "dma_length_bits = 24").contains("too few"));
    Board::parse(&KV260.replace("length_bits = 26", "length_bits = 25"), "b").expect("25 bits do");
}

#[test]
fn what_the_chip_has_not_is_named() {
    for (from, to, wanted) in [
        // Interrupts.
        (
            "pre_s2mm = 90",
            "pre_s2mm = 89",
            "interrupts.pre_mm2s and interrupts.pre_s2mm are both SPI 89",
        ),
        ("gate = 95", "gate = 97", "interrupts.gate = 97: must be an SPI of PL_PS group 0"),
        ("gate = 95", "gate = 103", "interrupts.gate = 103: must be an SPI of PL_PS group 0"),
        ("gate = 95", "gate = 121", "interrupts.gate = 121: must be an SPI of PL_PS group 0"),
        // Doorbells.
        ("linux = \"pl0\"", "linux = \"apu\"", "ipi.linux = apu: must be pl0 to pl3: the APU's"),
        ("linux = \"pl0\"", "linux = \"rpu1\"", "ipi.linux = rpu1: must be pl0 to pl3"),
        ("linux = \"pl0\"", "linux = \"rpu0\"", "ipi.linux and ipi.rpu are both agent rpu0"),
        ("rpu = \"rpu0\"", "rpu = \"pl1\"", "ipi.rpu = pl1: must be rpu0 or rpu1"),
        ("linux = \"pl0\"", "linux = \"pl4\"", "unknown variant `pl4`"),
        // TCM.
        (
            "base = 0x0002_0000, size",
            "base = 0x0001_0000, size",
            "rpu.btcm [0x00010000, 0x00020000)",
        ),
        (
            "0x0001_0000, global = 0xFFE0",
            "0x0001_1000, global = 0xFFE0",
            "[0x00000000, 0x00011000)",
        ),
        (
            "0x0001_0000, global = 0xFFE2",
            "0x0002_0000, global = 0xFFE2",
            "[0x00020000, 0x00030000)",
        ),
        ("0x0001_0000, global = 0xFFE2", "0x0000_7000, global = 0xFFE2", "rpu.btcm.size = 0x7000"),
        ("0xFFE0_0000", "0xFFE9_0000", "rpu.atcm.global = 0xffe90000: is not where other masters"),
        ("0xFFE2_0000", "0x0002_0000", "rpu.btcm.global = 0x00020000: is not where other masters"),
        ("mode = \"split\"", "mode = \"both\"", "unknown variant `both`"),
        // Linux.
        (
            "cma = 0x1000_0000",
            "cma = 0x0040_0000",
            "linux.cma = 0x400000: is less than device.bitstream_max",
        ),
        (
            "cma = 0x1000_0000",
            "cma = 0x1010_0000",
            "linux.cma = 0x10100000: must be a multiple of 4 MiB",
        ),
        ("earlycon", "\\\"", "linux.bootargs ="),
        ("tandem-pool", "dma-heap", "unknown variant `dma-heap`"),
        ("bitstream_max = 0x0080_0000", "bitstream_max = 0", "device.bitstream_max = 0"),
        ("name = \"pre.mm2s\"", "name = \"2x\"", "stream.name = 2x: must be a letter"),
        (
            "linux = \"uart1\"",
            "linux = \"uart1\"\nrpu = \"uart1\"",
            "console.linux and console.rpu are both uart1",
        ),
    ] {
        let message = kv260(from, to);
        assert!(message.contains(wanted), "{message}\n  wanted: {wanted}");
    }
}

#[test]
fn a_looped_dma_that_nobody_could_build_or_hear_is_named() {
    const QEMU: &str = include_str!("../qemu.toml");
    for (from, to, wanted) in [
        ("mm2s = 104", "mm2s = 89", "interrupts.pre_mm2s and pl.loop_plain.mm2s are both SPI 89"),
        ("s2mm = 107", "s2mm = 104", "pl.loop_plain.mm2s and pl.loop_wide.s2mm are both SPI 104"),
        ("s2mm = 105", "s2mm = 29", "pl.loop_plain.s2mm = 29: must be an SPI of PL_PS"),
        ("length_bits = 14", "length_bits = 7", "pl.loop_wide.length_bits = 7: must be 8 to 26"),
        ("length_bits = 26", "length_bits = 27", "pl.loop_plain.length_bits = 27: must be 8 to 26"),
        ("address_bits = 40", "address_bits = 31", "pl.loop_wide.address_bits = 31: must be 32"),
        ("base = 0x4806_0000", "base = 0x4805_0000", "pl.loop_plain [0x48050000, 0x48060000)"),
        ("base = 0x4807_0000", "base = 0x4807_0100", "pl.loop_wide.base = 0x48070100"),
    ] {
        assert!(QEMU.contains(from), "{from} is gone");
        let message = refuse(&QEMU.replace(from, to)).1;
        assert!(message.contains(wanted), "{message}\n  wanted: {wanted}");
    }
}

#[test]
fn the_second_core_does_not_run_alone_in_lockstep() {
    let lockstep = KV260
        .replace("mode = \"split\"", "mode = \"lockstep\"")
        .replace("size = 0x0001_0000, global", "size = 0x0002_0000, global");
    let board = Board::parse(&lockstep, "b").expect("128 KiB a bank");
    assert_eq!(board.rpu.expect("an R5F").btcm.size, 0x2_0000);
    let message = refuse(&lockstep.replace("rpu = \"rpu0\"", "rpu = \"rpu1\"")).1;
    assert!(message.contains("ipi.rpu = rpu1: must be rpu0 in lockstep"), "{message}");
}

#[test]
fn memory_that_the_r5f_does_not_see_is_refused() {
    let ddr = "[ddr]\nbase = 0x6000_0000\nsize = 0x1000_0000";
    assert!(KV260.contains(ddr));
    let link = "[regions.link]\nbase = 0x6000_0000";
    for (whole, place) in [
        ("[ddr]\nbase = 0\nsize = 0x7000_0000", "0x0008_0000"),
        ("[ddr]\nbase = 0x6000_0000\nsize = 0x4000_0000", "0x9000_0000"),
    ] {
        let link = KV260.replace(link, &format!("[regions.link]\nbase = {place}"));
        // The logic moves out of the way.
        let text = link.replace(ddr, whole).replace("base = 0x8", "base = 0xA");
        let (_, message) = refuse(&text);
        let wanted = "is not inside the DDR that an R5F sees [0x00100000, 0x80000000)";
        assert!(message.contains("regions.link"), "{message}");
        assert!(message.contains(wanted), "{message}");
    }
}

#[test]
fn what_the_mpu_cannot_cover_is_refused() {
    let rule = "must be a power of two, at a multiple of itself: the R5F's MPU covers nothing else";
    let log = "base = 0x6002_0000\nsize = 0x0001_0000";
    for (to, range) in [
        ("base = 0x6002_0000\nsize = 0x0000_F000", "[0x60020000, 0x6002f000)"),
        ("base = 0x6002_1000\nsize = 0x0000_2000", "[0x60021000, 0x60023000)"),
    ] {
        let message = kv260(log, to);
        assert!(message.contains(&format!("regions.log = {range}: {rule}")), "{message}");
    }
    // One region covers all blocks: a block far from the others makes it cover memory, too.
    let message = kv260("base = 0x8004_0000", "base = 0x5000_0000");
    assert!(message.contains("overlaps what the MPU covers for pl.*"), "{message}");
}

#[test]
fn a_board_with_an_r5f_needs_what_linux_and_it_need() {
    for table in ["rpu", "ipi", "interrupts", "console"] {
        let start = KV260.find(&format!("[{table}]")).expect("the table");
        let end = start + KV260[start + 1..].find("\n[").expect("another") + 1;
        let (_, message) = refuse(&format!("{}{}", &KV260[..start], &KV260[end..]));
        assert!(message.contains(&format!("{table} = none: is missing")), "{message}");
    }
}

/// Two cores in lockstep have the banks of both; the rest of the description must go with that.
#[test]
fn a_board_goes_into_lockstep_with_the_banks_of_both_cores() {
    let board = Board::load("kv260.toml").expect("a board of ours");
    let other = board.clone().with_rpu_mode(RpuMode::Lockstep).expect("core 0 is ours");
    let rpu = other.rpu.expect("its R5F");
    assert_eq!((rpu.mode, rpu.atcm.size, rpu.btcm.size), (RpuMode::Lockstep, 0x2_0000, 0x2_0000));
    assert_eq!((rpu.btcm.base, rpu.btcm.global), (0x2_0000, 0xFFE2_0000));
    let mut second = board;
    second.ipi.as_mut().expect("its IPI").rpu = IpiAgent::Rpu1;
    let error = second.with_rpu_mode(RpuMode::Lockstep).expect_err("core 1 only checks core 0");
    assert!(error.to_string().contains("ipi.rpu"), "{error}");
}
