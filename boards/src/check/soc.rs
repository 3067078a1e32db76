//! Rules that the chip makes: interrupts, doorbells, TCM, what the R5F reaches and its MPU covers.

use super::{Checker, blocks, regions};
use crate::schema::{Board, Loop, Range};
use crate::soc::{Bank, IpiAgent, Linux, PL_PS, RPU_DDR, Rpu, RpuMode};
use crate::{BoardError, mpu};

/// What Linux's contiguous memory is a multiple of.
const CMA_UNIT: u32 = 0x40_0000;

impl Checker<'_> {
    pub(super) fn soc(&self, board: &Board) -> Result<(), BoardError> {
        self.present(board)?;
        self.loops(board)?;
        self.interrupts(board)?;
        self.ipi(board)?;
        if let Some(console) = board.console
            && console.rpu == Some(console.linux)
        {
            let what = format!("{:?}", console.linux).to_lowercase();
            return Err(self.twice(what, "console.linux", "console.rpu"));
        }
        if let Some(rpu) = &board.rpu {
            self.rpu(board, rpu)?;
        }
        match &board.linux {
            Some(linux) => self.linux(board, linux),
            None => Ok(()),
        }
    }

    /// What needs what.
    fn present(&self, board: &Board) -> Result<(), BoardError> {
        let rule = "is missing: a board with `rpu` or `linux` needs it";
        let needs = board.rpu.is_some() || board.linux.is_some();
        let tables = [
            ("rpu", board.rpu.is_some()),
            ("ipi", board.ipi.is_some()),
            ("interrupts", board.interrupts.is_some()),
            ("console", board.console.is_some()),
        ];
        for (field, there) in tables {
            self.value(field, "none", there || !needs, rule)?;
        }
        Ok(())
    }

    fn twice(&self, what: String, first: &str, second: &str) -> BoardError {
        BoardError::Twice {
            file: self.file.into(),
            what,
            first: first.into(),
            second: second.into(),
        }
    }

    fn interrupts(&self, board: &Board) -> Result<(), BoardError> {
        let Some(interrupts) = &board.interrupts else { return Ok(()) };
        let mut lines: Vec<_> = interrupts
            .lines()
            .into_iter()
            .map(|(name, spi)| (format!("interrupts.{name}"), spi))
            .collect();
        for (field, found) in board.pl.loops() {
            lines.push((format!("{field}.mm2s"), found.mm2s));
            lines.push((format!("{field}.s2mm"), found.s2mm));
        }
        for (at, (field, spi)) in lines.iter().enumerate() {
            let wired = PL_PS.iter().any(|group| group.contains(spi));
            let rule = "must be an SPI of PL_PS group 0 (89 to 96) or 1 (104 to 111)";
            self.value(field, spi, wired, rule)?;
            if let Some((other, _)) = lines[..at].iter().find(|(_, other)| other == spi) {
                return Err(self.twice(format!("SPI {spi}"), other, field));
            }
        }
        Ok(())
    }

    /// Loops are for the board in QEMU.
    fn loops(&self, board: &Board) -> Result<(), BoardError> {
        for (field, found) in board.pl.loops() {
            let glue = board.pl.glue.is_some();
            self.value(field, "there", glue, "needs pl.glue: only the board in QEMU has loops")?;
            self.looped(field, found)?;
        }
        Ok(())
    }

    /// What an AXI DMA can be built with (PG021, "Customizing and Generating the Core").
    fn looped(&self, field: &str, found: Loop) -> Result<(), BoardError> {
        let (length, address) = (found.length_bits, found.address_bits);
        let good = (8..=26).contains(&length);
        self.value(&format!("{field}.length_bits"), length, good, "must be 8 to 26")?;
        let good = (32..=64).contains(&address);
        self.value(&format!("{field}.address_bits"), address, good, "must be 32 to 64")
    }

    fn ipi(&self, board: &Board) -> Result<(), BoardError> {
        let Some(ipi) = board.ipi else { return Ok(()) };
        if ipi.linux == ipi.rpu {
            return Err(self.twice(format!("agent {}", ipi.linux.name()), "ipi.linux", "ipi.rpu"));
        }
        let free = !matches!(ipi.linux, IpiAgent::Apu | IpiAgent::Rpu0 | IpiAgent::Rpu1);
        let rule = "must be pl0 to pl3: the APU's agent belongs to trusted firmware and the kernel";
        self.value("ipi.linux", ipi.linux.name(), free, rule)?;
        let core = matches!(ipi.rpu, IpiAgent::Rpu0 | IpiAgent::Rpu1);
        self.value("ipi.rpu", ipi.rpu.name(), core, "must be rpu0 or rpu1")?;
        let lockstep = board.rpu.is_some_and(|rpu| rpu.mode == RpuMode::Lockstep);
        let rule = "must be rpu0 in lockstep: core 1 only checks core 0";
        self.value("ipi.rpu", ipi.rpu.name(), !lockstep || ipi.rpu == IpiAgent::Rpu0, rule)
    }

    fn rpu(&self, board: &Board, rpu: &Rpu) -> Result<(), BoardError> {
        let core = board.ipi.map_or(IpiAgent::Rpu0, |ipi| ipi.rpu);
        let chip = Rpu::chip(rpu.mode, core);
        for ((field, bank), real) in
            [("rpu.atcm", rpu.atcm), ("rpu.btcm", rpu.btcm)].into_iter().zip(chip)
        {
            self.bank(board, field, bank, real)?;
        }
        let size = format!("{:#x}", rpu.btcm.size);
        let rule = "must be at least 0x8000: the stacks alone take 0x6000";
        self.value("rpu.btcm.size", size, rpu.btcm.size >= 0x8000, rule)?;
        for (field, range) in regions(board) {
            self.inside((field, range), ("the DDR that an R5F sees", RPU_DDR))?;
        }
        let names = ["regions.link", "regions.log", "regions.crash", "regions.descriptors"];
        for (field, range) in names.into_iter().zip(mpu::shared(board)) {
            let rule = "must be a power of two, at a multiple of itself: the R5F's MPU covers nothing else";
            self.value(field, range, mpu::covers(range), rule)?;
        }
        self.logic(board)
    }

    fn bank(
        &self,
        board: &Board,
        field: &'static str,
        bank: Bank,
        real: Bank,
    ) -> Result<(), BoardError> {
        self.range(field, bank.local())?;
        if !real.local().contains(bank.base, bank.size) {
            return Err(BoardError::TcmGap {
                file: self.file.into(),
                field: field.into(),
                range: bank.local(),
                bank: real.local(),
            });
        }
        let global = format!("{field}.global");
        let place = format!("{:#010x}", bank.global);
        // QEMU has DDR where the core sees TCM, for every master.
        let offset = if board.device.is_some() { real.global } else { real.base };
        let right = bank.global.wrapping_sub(offset) == bank.base - real.base;
        let rule = "is not where other masters see that bank (UG1085; in QEMU where the core does)";
        self.value(&global, place, right, rule)?;
        let seen = Range { base: bank.global, size: bank.size };
        self.range(&global, seen)?;
        self.apart(&[("ddr", board.ddr), (field, seen)])
    }

    /// One region of the MPU covers all blocks of the logic; it must not make other things device
    /// memory.
    fn logic(&self, board: &Board) -> Result<(), BoardError> {
        let cover = mpu::logic(board);
        for (field, range) in regions(board) {
            self.apart(&[(field, range), ("what the MPU covers for pl.*", cover)])?;
        }
        for (field, block) in blocks(board) {
            self.inside((field, block), ("what the MPU covers for pl.*", cover))?;
        }
        Ok(())
    }

    fn linux(&self, board: &Board, linux: &Linux) -> Result<(), BoardError> {
        let plain = |c: u8| (b' '..=b'~').contains(&c) && c != b'"' && c != b'\\';
        let rule = "must be printable characters without '\"' and '\\'";
        let good = linux.bootargs.bytes().all(plain);
        self.value("linux.bootargs", linux.bootargs.escape_debug(), good, rule)?;
        let cma = format!("{:#x}", linux.cma);
        let good = linux.cma > 0 && linux.cma.is_multiple_of(CMA_UNIT);
        self.value("linux.cma", &cma, good, "must be a multiple of 4 MiB")?;
        let rule = "is less than device.bitstream_max: the kernel copies the whole image into it";
        let fits = board.device.as_ref().is_none_or(|device| device.bitstream_max <= linux.cma);
        self.value("linux.cma", &cma, fits, rule)
    }
}
