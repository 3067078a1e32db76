//! What objdump prints, for A32 and A64.

/// One line.
pub struct Instruction<'a> {
    /// Address.
    pub at: u64,
    mnemonic: &'a str,
    operands: &'a str,
}

impl<'a> Instruction<'a> {
    /// `  4b834c:<tab>bl<tab>4b9b70 <name>`; `None` for any other line.
    pub fn parse(line: &'a str) -> Option<Self> {
        let (at, rest) = line.split_once(":\t")?;
        let at = u64::from_str_radix(at.trim(), 16).ok()?;
        let (mnemonic, operands) = rest.split_once('\t').unwrap_or((rest, ""));
        Some(Self { at, mnemonic: mnemonic.trim(), operands })
    }

    /// The exclusive monitor, an atomic read-modify-write, or a call of a helper that is one.
    pub fn is_exclusive(&self) -> bool {
        const MONITOR: [&str; 12] = [
            "ldrex", "strex", "ldaex", "stlex", "ldxr", "ldaxr", "stxr", "stlxr", "ldxp", "ldaxp",
            "stxp", "stlxp",
        ];
        const ATOMIC: [&str; 19] = [
            "cas", "swp", "ldadd", "ldclr", "ldeor", "ldset", "ldsmax", "ldsmin", "ldumax",
            "ldumin", "stadd", "stclr", "steor", "stset", "stsmax", "stsmin", "stumax", "stumin",
            "clrex",
        ];
        const HELPERS: [&str; 4] = ["<__aarch64_", "<__sync_", "<__atomic_", "sync6atomic"];
        let begins = |names: &[&str]| names.iter().any(|name| self.mnemonic.starts_with(name));
        let calls = self.mnemonic.starts_with('b') && self.operands.contains('<');
        begins(&MONITOR)
            || begins(&ATOMIC)
            || calls && HELPERS.iter().any(|name| self.operands.contains(name))
    }
}

#[cfg(test)]
mod tests {
    use super::Instruction;

    #[test]
    fn exclusives_and_atomics_of_both_processors_are_known_by_sight() {
        let is_exclusive = |text: &str| {
            let line = format!("   4bad34:\t{text}");
            Instruction::parse(&line).expect("an instruction").is_exclusive()
        };
        for text in [
            "ldrexb\tr1, [r0]",
            "strexne\tr1, r0, [r7]",
            "swpb\tr1, r0, [r7]",
            "clrex",
            "ldaxr\tw8, [x0]",
            "stlxrb\tw9, w8, [x0]",
            "casal\tw0, w1, [x2]",
            "ldaddal\tw0, w1, [x2]",
            "stadd\tw0, [x2]",
            "swpl\tw0, w1, [x2]",
            "bl\t4c2768 <__aarch64_swp4_rel>",
            "bl\t5ff8 <__sync_fetch_and_add_4>",
            "b\t5ff8 <_RNvMs_NtNtCsa4core4sync6atomicNtB4_9AtomicU324swapCs1_5probe>",
        ] {
            assert!(is_exclusive(text), "{text}");
        }
        for text in [
            "ldr\tr1, [r0]",
            "str\tr1, [r0]",
            "dmb\tish",
            "ldar\tw8, [x0]",
            "stlr\tw8, [x0]",
            "ldapr\tw8, [x0]",
            "stp\tx0, x1, [sp]",
            "bl\t4c2768 <memcpy>",
            "b.ne\t4bad40 <main+0x40>",
        ] {
            assert!(!is_exclusive(text), "{text}");
        }
        assert!(Instruction::parse("0000000000416d98 <main>:").is_none());
    }
}
