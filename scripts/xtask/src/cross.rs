//! Builds for the board's own processors, and the R5F image in QEMU.

use crate::apt;
use crate::shell::{Runner, output, run};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

const R5F: &str = "armv7r-none-eabihf";
const ARM64: &str = "aarch64-unknown-linux-gnu";
/// One bank of TCM in split mode; code sits in ATCM, data and stacks in BTCM.
const TCM_BANK: u64 = 64 * 1024;
/// The same of two cores in lockstep, which have the banks of both.
const LOCKSTEP_BANK: u64 = 128 * 1024;

/// How Rust code for another target is built here.
enum Toolchain {
    /// rustup has the target's standard library.
    Rustup,
    /// Debian's rustc-web; `core` for the R5F is built from rust-web-src.
    Debian,
}

/// Fetches compilers, linkers and the emulator.
pub fn ensure_tools(runner: &Runner) -> Result<()> {
    apt::ensure(runner, &["gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross", "qemu-user"], None)?;
    if matches!(toolchain(R5F), Toolchain::Debian) {
        apt::ensure(runner, &["rustc-web", "cargo-web", "rust-web-src"], None)?;
    }
    if matches!(toolchain(ARM64), Toolchain::Debian) {
        apt::ensure_architecture(runner, "arm64")?;
        apt::ensure(runner, &["rustc-web", "cargo-web", "libstd-rust-web-dev:arm64"], None)?;
    }
    if qemu_major() < 10 {
        let suite = apt::ensure_backports(runner)?;
        apt::ensure(runner, &["qemu-system-arm"], Some(&suite))?;
    }
    apt::ensure(runner, &["binutils-aarch64-linux-gnu", "binutils-arm-none-eabi"], None)
}

/// rustup's standard library for the target, fetched if rustup can; else Debian's toolchain.
fn toolchain(target: &str) -> Toolchain {
    let present = || {
        output(Command::new("rustup").args(["target", "list", "--installed"]))
            .is_ok_and(|list| list.lines().any(|line| line == target))
    };
    let add = || {
        Command::new("rustup")
            .args(["target", "add", target])
            .output()
            .is_ok_and(|out| out.status.success())
    };
    if Path::new("/usr/bin/cargo").exists() && apt::installed("rustc-web") {
        return Toolchain::Debian; // asked for once already: rustup could not
    }
    if present() || add() { Toolchain::Rustup } else { Toolchain::Debian }
}

fn qemu_major() -> u32 {
    output(Command::new("qemu-system-aarch64").arg("--version"))
        .ok()
        .and_then(|text| text.split("version ").nth(1)?.split('.').next()?.parse().ok())
        .unwrap_or(0)
}

fn cross_cargo(runner: &Runner, target: &str) -> Command {
    match toolchain(target) {
        Toolchain::Rustup => runner.cargo_command(),
        Toolchain::Debian => {
            let mut command = runner.command("/usr/bin/cargo");
            command.env("RUSTC", "/usr/bin/rustc").env("RUSTC_BOOTSTRAP", "1");
            command.env_remove("CARGO").env_remove("RUSTUP_TOOLCHAIN");
            command
        }
    }
}

/// `cargo VERB` of packages for the A53.
fn arm64_cargo(runner: &Runner, verb: &str, packages: &[&str]) -> Command {
    let mut cargo = cross_cargo(runner, ARM64);
    cargo
        .args([verb, "--quiet", "--release", "--target", ARM64, "--target-dir"])
        .arg(runner.root.join("target/arm64"))
        .args(packages.iter().flat_map(|package| ["-p", package]))
        .env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", "aarch64-linux-gnu-gcc")
        .env("CC_aarch64_unknown_linux_gnu", "aarch64-linux-gnu-gcc");
    cargo
}

/// Builds packages for the A53; returns the folder of their programs.
pub fn build_arm64(runner: &Runner, packages: &[&str]) -> Result<PathBuf> {
    run(&mut arm64_cargo(runner, "build", packages))?;
    Ok(runner.root.join("target/arm64").join(ARM64).join("release"))
}

/// The tests of the NEON path, by the user-mode emulator.
pub fn neon_tests(runner: &Runner) -> Command {
    let mut cargo = arm64_cargo(runner, "test", &["tandem-simd"]);
    cargo.args(["--test", "equal"]); // a foreign target has no doctests
    // Loader and C library must be of one package: Debian's arm64 library may be installed beside
    // the cross compiler's, and with the loader of the other a thread's creation never ends.
    let libraries = "/usr/aarch64-linux-gnu";
    let emulator = format!("qemu-aarch64 -L {libraries} -E LD_LIBRARY_PATH={libraries}/lib");
    cargo.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER", emulator);
    cargo
}

/// agentd, agentctl and gpu-worker for the A53.
pub fn arm64(runner: &Runner) -> Result<()> {
    ensure_tools(runner)?;
    let folder = build_arm64(runner, &["tandem-agent", "tandem-agentctl", "tandem-worker"])?;
    for program in ["agentd", "agentctl", "gpu-worker"] {
        let path = folder.join(program);
        let header = output(Command::new("aarch64-linux-gnu-readelf").arg("-h").arg(&path))?;
        if !header.contains("AArch64") {
            bail!("{} is not an AArch64 program", path.display());
        }
        println!("    {program}: AArch64, {} KiB", std::fs::metadata(&path)?.len() / 1024);
    }
    Ok(())
}

/// Boards of silicon whose R5F image must fit its TCM.
const SILICON: [&str; 3] = ["kv260", "zcu102", "ultra96v2"];

/// The R5F image: build for every board, sizes against TCM, then jobs, crashes and the console on a
/// real (emulated) R5F core.
pub fn rpu(runner: &Runner, build_only: bool) -> Result<()> {
    ensure_tools(runner)?;
    for board in SILICON {
        let image = build_rpu_for(runner, "tandem-rpu", board)?;
        report_size(board, &image, TCM_BANK)?;
    }
    let mut cargo = cross_cargo(runner, R5F);
    cargo.env("TANDEM_BOARD", SILICON[0]).env("TANDEM_RPU_MODE", "lockstep");
    let image = build_rpu_with(runner, "tandem-rpu", cargo)?;
    report_size(&format!("{}, lockstep", SILICON[0]), &image, LOCKSTEP_BANK)?;
    let image = build_rpu(runner, "tandem-rpu")?;
    report_size("qemu", &image, TCM_BANK)?;
    if build_only {
        return Ok(());
    }
    let packages = ["-p", "tandem-qemu", "-p", "tandem-agentctl"];
    runner.cargo(&[&["build", "--quiet", "--release"], &packages[..]].concat())?;
    run(runner.command("target/release/tandem-qemu-rpu").arg("--image").arg(&image).args([
        "--plugin",
        "target/release/libtandem_qemu.so",
        "--board",
        "boards/qemu.toml",
        "--crashes",
        "--cost",
        "--console",
        "target/release/agentctl",
    ]))
}

/// Builds a package whose one program has its name, for the R5F of the board in QEMU or of what
/// `TANDEM_BOARD` says; returns the image.
pub fn build_rpu(runner: &Runner, package: &str) -> Result<PathBuf> {
    build_rpu_with(runner, package, cross_cargo(runner, R5F))
}

/// As [`build_rpu`], for a board of `boards`.
pub fn build_rpu_for(runner: &Runner, package: &str, board: &str) -> Result<PathBuf> {
    let mut cargo = cross_cargo(runner, R5F);
    cargo.env("TANDEM_BOARD", board);
    build_rpu_with(runner, package, cargo)
}

fn build_rpu_with(runner: &Runner, package: &str, mut cargo: Command) -> Result<PathBuf> {
    let folder = runner.root.join("target/rpu");
    cargo.args(["build", "--quiet", "--profile", "firmware", "-p", package]);
    cargo.args(["--target", R5F, "--target-dir"]).arg(&folder);
    // Thumb code is a third smaller than Arm code, and ATCM is small.
    let mut flags = "-Ctarget-feature=+thumb-mode".to_owned();
    if matches!(toolchain(R5F), Toolchain::Debian) {
        cargo.arg("-Zbuild-std=core,alloc");
        flags += " -Clinker=arm-none-eabi-ld -Clinker-flavor=ld";
    }
    cargo.env("CARGO_TARGET_ARMV7R_NONE_EABIHF_RUSTFLAGS", flags);
    run(&mut cargo)?;
    Ok(folder.join(R5F).join("firmware").join(package))
}

/// Prints what lies in each TCM bank and fails where it does not fit.
fn report_size(board: &str, image: &Path, bank: u64) -> Result<()> {
    let bytes = std::fs::read(image).with_context(|| format!("reading {}", image.display()))?;
    let (mut code, mut data) = (0, 0);
    for section in sections(&bytes).context("the R5F image is not a 32-bit ELF file")? {
        if section.address < bank {
            code = code.max(section.address + section.size);
        } else if section.address >= 0x2_0000 {
            data += section.size;
        }
    }
    println!(
        "    {board:<15} ATCM (code) {code} of {bank} bytes ({}%), BTCM (constants, data, stacks) \
         {data} ({}%)",
        code * 100 / bank,
        data * 100 / bank
    );
    if code > bank || data > bank {
        bail!("the R5F image of {board} does not fit its TCM");
    }
    Ok(())
}

struct Section {
    address: u64,
    size: u64,
}

/// Sections that occupy memory in the running image (SHF_ALLOC), from a little-endian ELF32 file.
fn sections(elf: &[u8]) -> Option<Vec<Section>> {
    const ALLOC: u64 = 2;
    let word = |at: usize| {
        elf.get(at..at + 4).map(|b| u64::from(u32::from_le_bytes([b[0], b[1], b[2], b[3]])))
    };
    let half =
        |at: usize| elf.get(at..at + 2).map(|b| usize::from(u16::from_le_bytes([b[0], b[1]])));
    if elf.get(..5)? != b"\x7fELF\x01" {
        return None;
    }
    let (table, entry, count) = (word(0x20)? as usize, half(0x2E)?, half(0x30)?);
    (0..count)
        .map(|index| table + index * entry)
        .filter(|at| word(at + 8).is_some_and(|flags| flags & ALLOC != 0))
        .map(|at| Some(Section { address: word(at + 12)?, size: word(at + 20)? }))
        .collect()
}
