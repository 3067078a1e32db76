//! Rule 4 of the shared words (`firmware/link`), held against what was built: A53 and R5F share no
//! exclusive monitor, so no code of the link may use one, nor an atomic instruction in its place.
//!
//! Each image is disassembled; for each exclusive instruction the debug information tells which
//! functions were inlined around it, and none of them may be the link's. Inlining hides nothing,
//! so the images are those that ship, not a build for the purpose.

use crate::cross;
use crate::disassembly::Instruction;
use crate::shell::Runner;
use addr2line::Loader;
use anyhow::{Context, Result, anyhow, bail, ensure};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

/// An image and what is asked of it.
struct Image {
    name: &'static str,
    objdump: &'static str,
    /// Functions of the link that must be met, by file and name, or the check looks past it.
    link: &'static [(&'static str, &'static str)],
    /// Code whose exclusives are on its own process's memory.
    private: &'static [&'static str],
}

/// Code that reaches shared words: the link, and the memories that it runs on.
const SHARED: [&str; 6] = [
    "firmware/link/src/",
    "firmware/link/exclusive/src/",
    "firmware/drivers/src/mmio.rs",
    "firmware/rpu/src/platform.rs",
    "userspace/uio/src/region.rs",
    "userspace/vboard/src/memory.rs",
];

const RPU: Image = Image {
    name: "R5F image",
    objdump: "arm-none-eabi-objdump",
    link: &[
        ("ring.rs", "push"),
        ("ring.rs", "append"),
        ("ring.rs", "next"),
        ("ring.rs", "consume"),
        ("ring.rs", "copy"),
        ("job.rs", "read"),
        ("job.rs", "is"),
        ("job.rs", "encode_done"),
        ("seqlock.rs", "write"),
        ("peer.rs", "attach"),
        ("peer.rs", "announce"),
        ("peer.rs", "join"),
        ("peer.rs", "receive_job"),
        ("peer.rs", "send"),
        ("peer.rs", "send_done"),
        ("peer.rs", "heartbeat"),
        ("peer/slots.rs", "slot"),
        ("peer/slots.rs", "release"),
        ("log.rs", "write"),
        ("rpu/src/platform.rs", "load"),
        ("rpu/src/platform.rs", "store"),
    ],
    private: &[],
};

const AGENTD: Image = Image {
    name: "agentd",
    objdump: "aarch64-linux-gnu-objdump",
    link: &[
        ("ring.rs", "push"),
        ("ring.rs", "pop"),
        ("seqlock.rs", "write"),
        ("master.rs", "new"),
        ("master.rs", "poll_epoch"),
        ("master.rs", "receive"),
        ("master.rs", "submit"),
        ("table.rs", "take"),
        ("table.rs", "grant"),
        ("log.rs", "drain"),
        ("uio/src/region.rs", "load"),
        ("uio/src/region.rs", "store"),
        ("vboard/src/memory.rs", "load"),
        ("vboard/src/memory.rs", "store"),
    ],
    // Tokens, locks, counts of references and the virtual core's life are in no shared word.
    private: &[
        "firmware/link/src/slot/table.rs",
        "library/alloc/src/sync.rs",
        "library/std/src/sync/",
        "userspace/vboard/src/life.rs",
    ],
};

/// What the fixture has of the link; its store is refused.
const FIXTURE: &[(&str, &str)] = &[("exclusive/src/main.rs", "store"), ("seqlock.rs", "write")];

/// `cargo xtask exclusives`: both programs as they were built, then the fixture.
pub fn check(runner: &Runner) -> Result<()> {
    cross::ensure_tools(runner)?;
    let rpu = cross::build_rpu(runner, "tandem-rpu")?;
    let agentd = cross::build_arm64(runner, &["tandem-agent", "tandem-agentctl"])?.join("agentd");
    for (image, path) in [(RPU, rpu), (AGENTD, agentd)] {
        let seen = scan(&image, &path)?;
        if let Some(first) = seen.refused.first() {
            bail!(
                "{}: {} exclusives in the link, the first: {first}",
                image.name,
                seen.refused.len()
            );
        }
        println!(
            "    {}: {} functions of the link, no exclusives; {} elsewhere",
            image.name, seen.functions, seen.elsewhere
        );
    }
    let rpu = cross::build_rpu(runner, "tandem-link-exclusive")?;
    let arm64 =
        cross::build_arm64(runner, &["tandem-link-exclusive"])?.join("tandem-link-exclusive");
    for (image, path) in [(RPU, rpu), (AGENTD, arm64)] {
        let seen = scan(&Image { link: FIXTURE, ..image }, &path)?;
        ensure!(!seen.refused.is_empty(), "the check is blind: {} passes", path.display());
        println!("    fixture beside the {}: {} refused", image.name, seen.refused.len());
    }
    Ok(())
}

/// What an image holds.
struct Seen {
    /// Functions of the link.
    functions: usize,
    /// Exclusives outside it.
    elsewhere: usize,
    /// Exclusives in it, each with the functions around it.
    refused: Vec<String>,
}

fn scan(image: &Image, path: &Path) -> Result<Seen> {
    let symbols = Loader::new(path).map_err(|e| anyhow!("{}: {e}", path.display()))?;
    let mut objdump = Command::new(image.objdump)
        .args(["--disassemble", "--no-show-raw-insn"])
        .arg(path)
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", image.objdump))?;
    let text = objdump.stdout.take().context("objdump has no output")?;
    let mut functions = BTreeSet::new();
    let mut seen = Seen { functions: 0, elsewhere: 0, refused: Vec::new() };
    for line in BufReader::new(text).lines() {
        let line = line?;
        let Some(instruction) = Instruction::parse(&line) else { continue };
        let around = functions_around(&symbols, instruction.at)?;
        if instruction.is_exclusive() {
            if is_refused(&around, image.private) {
                let around: Vec<_> =
                    around.iter().map(|f| format!("{} {}", f.file, f.name)).collect();
                seen.refused.push(format!("{} in {}", line.trim(), around.join(", in ")));
            } else {
                seen.elsewhere += 1;
            }
        }
        functions.extend(around.into_iter().filter(Function::is_shared));
    }
    ensure!(objdump.wait()?.success(), "{} failed on {}", image.objdump, path.display());
    for (file, name) in image.link {
        let met = functions.iter().any(|f| f.name == *name && f.file.ends_with(file));
        ensure!(met, "{}: no {name} of {file}; is its debug information gone?", path.display());
    }
    seen.functions = functions.len();
    Ok(seen)
}

/// A function, by its file and its name without path.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Function {
    file: String,
    name: String,
}

impl Function {
    fn is_shared(&self) -> bool {
        SHARED.iter().any(|part| self.file.contains(part))
    }
}

/// The function at an address and those that it was inlined into, innermost first.
fn functions_around(symbols: &Loader, at: u64) -> Result<Vec<Function>> {
    let mut functions = Vec::new();
    let mut frames = symbols.find_frames(at).map_err(|e| anyhow!("{at:#x}: {e}"))?;
    while let Some(frame) = frames.next().map_err(|e| anyhow!("{at:#x}: {e}"))? {
        if let (Some(function), Some(location)) = (frame.function, frame.location) {
            let (file, name) = (location.file.unwrap_or_default(), function.demangle()?);
            functions.push(Function { file: file.into(), name: last_part(&name) });
        }
    }
    Ok(functions)
}

/// True if an exclusive in these functions is one on shared words.
fn is_refused(around: &[Function], private: &[&str]) -> bool {
    let Some(shared) = around.iter().position(Function::is_shared) else { return false };
    let private = |function: &Function| private.iter().any(|part| function.file.contains(part));
    !around[..=shared].iter().any(private)
}

/// `c` for `<a::B<D>>::c::<E>`, `a::B<D>::c` and `c<E>`: symbols and debug information name a
/// function in different ways.
fn last_part(name: &str) -> String {
    let (mut part, mut depth, mut last) = (String::new(), 0u32, ' ');
    for c in name.chars() {
        match c {
            '<' => depth += 1,
            '>' if last != '-' => depth = depth.saturating_sub(1),
            _ if depth > 0 => {}
            ':' if last == ':' => part.push_str("::"),
            ':' => {}
            _ => part.push(c),
        }
        last = c;
    }
    part.rsplit("::").find(|part| !part.is_empty()).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::{AGENTD, Function, RPU, is_refused, last_part};

    #[test]
    fn names_of_symbols_and_of_debug_information_come_to_the_same() {
        for name in [
            "<tandem_link::ring::Producer>::push::<DdrMemory, fn() -> u32>",
            "tandem_link::ring::Producer::push",
            "push<tandem_vboard::memory::DdrMemory, tandem_link::message::ToPeer>",
            "<a::B<C> as tandem_link::memory::SharedMemory>::push",
        ] {
            assert_eq!(last_part(name), "push", "{name}");
        }
    }

    #[test]
    fn only_what_is_inside_of_the_link_counts_as_the_links() {
        let chain = |files: &[&str]| -> Vec<Function> {
            let function = |file: &&str| Function { file: (*file).into(), name: "f".into() };
            files.iter().map(function).collect()
        };
        let [core, arc] = ["/rustc/1/library/core/src/a.rs", "/rustc/1/library/alloc/src/sync.rs"];
        let [ring, table] = ["/x/firmware/link/src/ring.rs", "/x/firmware/link/src/slot/table.rs"];
        let [memory, agent] = ["/x/userspace/vboard/src/memory.rs", "/x/userspace/agent/src/a.rs"];
        let private = AGENTD.private;
        assert!(is_refused(&chain(&[core, ring, agent]), private));
        assert!(is_refused(&chain(&[core, memory, table, agent]), private), "a word of the table");
        assert!(!is_refused(&chain(&[core, table, agent]), private), "a lock of the table");
        assert!(!is_refused(&chain(&[core, arc, memory, ring]), private), "a count of references");
        assert!(!is_refused(&chain(&[core, agent]), private), "somebody else's");
        assert!(is_refused(&chain(&[core, table]), RPU.private), "the R5F has none");
    }
}
