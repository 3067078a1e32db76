//! The rules that a description must keep.

mod soc;

use crate::{
    Board, BoardError, Range, SlotClass, faults,
    schema::{Firmware, MAX_SLOTS, PAGE, SCHEMA},
};

/// Checks one file; every error carries its name.
pub(crate) struct Checker<'a> {
    /// Name for errors.
    pub file: &'a str,
}

type Named = (&'static str, Range);

impl Checker<'_> {
    /// Every rule; the first that is broken is the error.
    pub fn board(&self, board: &Board) -> Result<(), BoardError> {
        if board.schema != SCHEMA {
            return Err(BoardError::Schema { file: self.file.into(), found: board.schema });
        }
        self.name(&board.name)?;
        let title = !board.title.trim().is_empty() && !board.title.contains('\n');
        self.value("title", &board.title, title, "must be one line that is not empty")?;
        let ddr = ("ddr", board.ddr);
        let regions = regions(board);
        let blocks = blocks(board);
        for (field, range) in [ddr].into_iter().chain(regions).chain(blocks.iter().copied()) {
            self.range(field, range)?;
        }
        for region in regions {
            self.inside(region, ddr)?;
        }
        self.apart(&regions)?;
        let mut decoded = vec![ddr];
        decoded.extend(blocks);
        self.apart(&decoded)?;
        self.slots(board)?;
        self.firmware(&board.firmware)?;
        self.gate(board)?;
        self.device(board)?;
        self.soc(board)?;
        let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_');
        for name in board.streams.iter().map(|stream| &stream.name) {
            let good =
                name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.bytes().all(plain);
            let rule = "must be a letter, then letters, digits, '.', '_'";
            self.value("stream.name", name, good, rule)?;
        }
        match faults(&board.streams).into_iter().next() {
            Some(fault) => Err(BoardError::Ports { file: self.file.into(), fault }),
            None => Ok(()),
        }
    }

    fn device(&self, board: &Board) -> Result<(), BoardError> {
        let Some(device) = &board.device else { return Ok(()) };
        let plain = |c: u8| c.is_ascii_alphanumeric() || c == b'-';
        let good = !device.part.is_empty() && device.part.bytes().all(plain);
        self.value(
            "device.part",
            &device.part,
            good,
            "must be a part's name: letters, digits, '-'",
        )?;
        let files = device.board_part.as_deref().unwrap_or_default();
        let good = files.bytes().all(|c| plain(c) || matches!(c, b':' | b'.' | b'_'));
        let rule = "must be letters, digits, ':', '.', '_', '-'";
        self.value("device.board_part", files, good, rule)?;
        let clock = device.clock_mhz;
        let rule = "must be 50 to 500 MHz";
        self.value("device.clock_mhz", clock, (50..=500).contains(&clock), rule)?;
        let clock = device.gate_clock_mhz;
        self.value(
            "device.gate_clock_mhz",
            clock,
            (10..=500).contains(&clock),
            "must be 10 to 500 MHz",
        )?;
        let bits = device.dma_length_bits;
        let rule = "must be 8 to 26 bits (PG021)";
        self.value("device.dma_length_bits", bits, (8..=26).contains(&bits), rule)?;
        let bytes = device.bitstream_max;
        let rule = "must be 1 to 0x10000000 bytes";
        self.value("device.bitstream_max", bytes, (1..=1 << 28).contains(&bytes), rule)?;
        let largest = SlotClass::ALL.into_iter().map(|class| board.plan(class).size).max();
        let good = largest.is_none_or(|size| size < 1 << bits);
        let rule = "is too few for the largest slot: longer transfers would be cut silently";
        self.value("device.dma_length_bits", bits, good, rule)
    }

    fn name(&self, name: &str) -> Result<(), BoardError> {
        let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        let good = (1..=32).contains(&name.len())
            && name.bytes().all(plain)
            && !name.starts_with('-')
            && !name.ends_with('-');
        self.value("name", name, good, "must be 1 to 32 of a-z, 0-9 and inner '-'")
    }

    fn value(
        &self,
        field: &str,
        value: impl ToString,
        good: bool,
        rule: &'static str,
    ) -> Result<(), BoardError> {
        if good {
            return Ok(());
        }
        let (field, value) = (field.into(), value.to_string());
        Err(BoardError::Value { file: self.file.into(), field, value, rule })
    }

    fn aligned(&self, field: String, value: u32) -> Result<(), BoardError> {
        if value.is_multiple_of(PAGE) {
            return Ok(());
        }
        Err(BoardError::Align { file: self.file.into(), field, value, align: PAGE })
    }

    fn range(&self, field: &str, range: Range) -> Result<(), BoardError> {
        if range.size == 0 || range.end() > 1 << 32 {
            return Err(BoardError::Range { file: self.file.into(), field: field.into(), range });
        }
        self.aligned(format!("{field}.base"), range.base)?;
        self.aligned(format!("{field}.size"), range.size)
    }

    fn inside(&self, inner: Named, outer: Named) -> Result<(), BoardError> {
        if outer.1.contains(inner.1.base, inner.1.size) {
            return Ok(());
        }
        Err(BoardError::Outside {
            file: self.file.into(),
            inner: inner.0.into(),
            inner_range: inner.1,
            outer: outer.0.into(),
            outer_range: outer.1,
        })
    }

    fn apart(&self, ranges: &[Named]) -> Result<(), BoardError> {
        for (at, first) in ranges.iter().enumerate() {
            if let Some(second) = ranges[at + 1..].iter().find(|other| first.1.overlaps(other.1)) {
                return Err(BoardError::Overlap {
                    file: self.file.into(),
                    first: first.0.into(),
                    first_range: first.1,
                    second: second.0.into(),
                    second_range: second.1,
                });
            }
        }
        Ok(())
    }

    fn slots(&self, board: &Board) -> Result<(), BoardError> {
        let (mut total, mut need) = (0u64, 0u64);
        for class in SlotClass::ALL {
            let plan = board.plan(class);
            let count = format!("slots.{class}.count");
            self.value(&count, plan.count, plan.count > 0, "must be at least 1")?;
            let size = format!("slots.{class}.size");
            self.value(&size, plan.size, plan.size > 0, "must be at least one page")?;
            self.aligned(size, plan.size)?;
            total += u64::from(plan.count);
            // A wrapped product would pass for a small one; saturating keeps it too large.
            need = need.saturating_add(u64::from(plan.count) * u64::from(plan.size));
        }
        if total > u64::from(MAX_SLOTS) {
            return Err(BoardError::TooManySlots { file: self.file.into(), found: total });
        }
        let have = board.regions.pool.size;
        if need > u64::from(have) {
            return Err(BoardError::PoolTooSmall { file: self.file.into(), need, have });
        }
        Ok(())
    }

    fn firmware(&self, firmware: &Firmware) -> Result<(), BoardError> {
        let rule = "must be 100 to 1000000 microseconds";
        for (field, value) in [
            ("firmware.heartbeat_us", firmware.heartbeat_us),
            ("firmware.poll_us", firmware.poll_us),
        ] {
            self.value(field, value, (100..=1_000_000).contains(&value), rule)?;
        }
        let timeout = firmware.kernel_timeout_us;
        // A lost interrupt must be found by the poll before the kernel counts as hung.
        let good = timeout > firmware.poll_us && timeout <= 10_000_000;
        let rule = "must be above firmware.poll_us and at most 10000000 microseconds";
        self.value("firmware.kernel_timeout_us", timeout, good, rule)
    }

    fn gate(&self, board: &Board) -> Result<(), BoardError> {
        let gate = &board.gate;
        // The gate's registers hold 32 bits of nanoseconds.
        let rule = "must be 0, or three of firmware.heartbeat_us to 4000000 microseconds";
        let least = 3 * board.firmware.heartbeat_us;
        let limit = gate.heartbeat_limit_us;
        let good = limit == 0 || (least..=4_000_000).contains(&limit);
        self.value("gate.heartbeat_limit_us", limit, good, rule)?;
        let rule = "must be at most 1000000 microseconds";
        let debounce = gate.debounce_us;
        self.value("gate.debounce_us", debounce, debounce <= 1_000_000, rule)?;
        let filter = gate.encoder_filter_ns;
        let rule = "must be at most 1000000 nanoseconds";
        self.value("gate.encoder_filter_ns", filter, filter <= 1_000_000, rule)?;
        let limit = gate.encoder_limit_us;
        let rule = "must be at most 4000000 microseconds";
        self.value("gate.encoder_limit_us", limit, limit <= 4_000_000, rule)
    }
}

fn regions(board: &Board) -> [Named; 5] {
    let regions = &board.regions;
    [
        ("regions.link", regions.link),
        ("regions.log", regions.log),
        ("regions.crash", regions.crash),
        ("regions.descriptors", regions.descriptors),
        ("regions.pool", regions.pool),
    ]
}

fn blocks(board: &Board) -> Vec<Named> {
    let pl = &board.pl;
    let mut blocks = vec![
        ("pl.dma_pre", pl.dma_pre),
        ("pl.dma_post", pl.dma_post),
        ("pl.pre", pl.pre),
        ("pl.post", pl.post),
        ("pl.gate", pl.gate),
    ];
    blocks.extend(pl.glue.map(|glue| ("pl.glue", glue)));
    blocks.extend(pl.loops().map(|(field, found)| (field, found.range())));
    blocks
}
