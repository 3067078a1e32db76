//! One QEMU: guest memory in a file, the R5F started by a PSCI call from an A53.

use crate::Arguments;
use anyhow::{Context, Result, bail, ensure};
use std::fs::{File, OpenOptions};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};
use tandem_boards::Board;
use tandem_link::glue;
use tandem_link::image::Image;
use tandem_qemu::leashed;
use tandem_qemu::plugin::{self, COUNTS, Order, PROFILE};
use tandem_sim::ddr::Ddr;
use tempfile::TempDir;

/// Guest memory of the machine, sparse on the host.
const GUEST_MEMORY: u64 = 2 << 30;
/// Where the A53's few instructions lie.
const STUB: u64 = 0x1000_0000;
/// The R5F's banks and the gap between them; QEMU has DDR there.
const TCM: u32 = 0x4_0000;
/// The R5F's stacks, from `boards/src/generate/firmware.rs`.
const MAIN_STACK: Range<u64> = 0x2_B000..0x3_0000;
const CRASH_STACK: Range<u64> = 0x2_A200..0x2_A800;
/// PSCI CPU_ON(mpidr 4 = R5F core 0, entry 0) by SMC, then sleep: what remoteproc's firmware call
/// comes to. AArch64 machine words.
const STUB_CODE: [u32; 8] = [
    0xD280_0060, // mov  x0, #0x0003
    0xF2B8_8000, // movk x0, #0xC400, lsl #16
    0xD280_0081, // mov  x1, #4
    0xD280_0002, // mov  x2, #0
    0xD280_0003, // mov  x3, #0
    0xD400_0003, // smc  #0
    0xD503_207F, // wfi
    0x17FF_FFFF, // b    .-4
];

/// What the R5F has executed: instructions, accesses that leave its TCM.
#[derive(Clone, Copy, Debug)]
pub struct Counts {
    /// Jobs that have ended.
    pub jobs: u32,
    /// Turns outside jobs in which there was work.
    pub others: u32,
    /// In jobs.
    pub of_jobs: [u64; 2],
    /// In the others.
    pub of_others: [u64; 2],
}

/// A running machine; killed when dropped.
pub struct Guest {
    child: Child,
    folder: TempDir,
    control: UnixDatagram,
    memory: File,
    /// The part of guest memory that the board description calls DDR.
    pub ddr: Ddr,
    /// The description.
    pub board: Board,
    glue: tandem_boards::Range,
}

impl Guest {
    /// Loads the image into guest memory and starts QEMU.
    pub fn boot(arguments: &Arguments) -> Result<Self> {
        let board = Board::load(&arguments.board)?;
        let folder = tempfile::Builder::new().prefix("tandem-qemu-").tempdir()?;
        let memory = folder.path().join("ddr");
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&memory)?;
        file.set_len(GUEST_MEMORY)?;
        load(&arguments.image, &file)
            .with_context(|| format!("loading {}", arguments.image.display()))?;
        for (word, at) in STUB_CODE.iter().zip((STUB..).step_by(4)) {
            file.write_all_at(&word.to_le_bytes(), at)?;
        }
        let base = board.ddr.base;
        let ddr = Ddr::open(file.try_clone()?.into(), u64::from(base), base, board.ddr.size)?;
        let child = start(arguments, folder.path(), &memory)?;
        let control = UnixDatagram::unbound()?;
        let glue = board.pl.glue.context("the board has no [pl.glue]: it is not QEMU's")?;
        Ok(Self { child, folder, control, memory: file, ddr, board, glue })
    }

    /// Rings the R5. Before the plugin has bound its socket there is nobody to hear it, and the
    /// firmware looks at the ring on its own at its first turn.
    pub fn ring(&self) {
        self.order(Order::Ring);
    }

    fn order(&self, order: Order) {
        let _ = self.control.send_to(&order.encode(), self.folder.path().join("control"));
    }

    /// What the R5F has executed so far; the plugin must be told to count.
    pub fn counts(&self) -> Result<Counts> {
        self.ask(Order::Count)?;
        let word = |index: u32| self.glue_word(COUNTS + 4 * index);
        let long = |index| {
            Ok::<_, anyhow::Error>(u64::from(word(index + 1)?) << 32 | u64::from(word(index)?))
        };
        Ok(Counts {
            jobs: word(1)?,
            others: word(2)?,
            of_jobs: [long(3)?, long(5)?],
            of_others: [long(7)?, long(9)?],
        })
    }

    /// What jobs have executed so far: address, instructions, accesses.
    pub fn profile(&self) -> Result<Vec<[u64; 3]>> {
        self.ask(Order::Profile)?;
        let text = std::fs::read_to_string(self.folder.path().join(PROFILE))?;
        let number = |word: &str| match word.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16),
            None => word.parse(),
        };
        let line = |line: &str| {
            let words = line.split(' ').map(number).collect::<Result<Vec<_>, _>>().ok();
            words
                .and_then(|words| words.try_into().ok())
                .with_context(|| format!("profile: {line}"))
        };
        text.lines().map(line).collect()
    }

    /// Sends an order that ends with the counts on the glue page, and waits for them.
    fn ask(&self, order: Order) -> Result<()> {
        let before = self.glue_word(COUNTS)?;
        self.order(order);
        let start = Instant::now();
        while self.glue_word(COUNTS)? == before {
            ensure!(start.elapsed() < Duration::from_secs(30), "the plugin does not count");
            std::thread::sleep(Duration::from_micros(100));
        }
        Ok(())
    }

    /// Asks the firmware for a crash, and wakes it.
    pub fn provoke(&self, ask: u32) -> Result<()> {
        self.memory.write_all_at(&ask.to_le_bytes(), self.glue(glue::PROVOKE))?;
        self.ring();
        Ok(())
    }

    fn glue(&self, offset: u32) -> u64 {
        u64::from(self.glue.base + offset)
    }

    /// A word of the glue page.
    pub fn glue_word(&self, offset: u32) -> Result<u32> {
        let mut bytes = [0; 4];
        self.memory.read_exact_at(&mut bytes, self.glue(offset))?;
        Ok(u32::from_le_bytes(bytes))
    }

    /// Asks the R5F to park and stay; it says so in PARKED.
    pub fn ask_to_park(&self) -> Result<()> {
        self.memory.write_all_at(&glue::PARK.to_le_bytes(), self.glue(glue::RESTART))?;
        self.ring();
        Ok(())
    }

    /// Begins `image` on the parked R5F, as Linux does: fills its data bank with noise, loads the
    /// image, asks for its entry.
    pub fn restart(&self, image: &Path) -> Result<()> {
        let bank = MAIN_STACK.end - 0x1_0000..MAIN_STACK.end;
        let noise: Vec<u8> = bank.clone().map(|at| at as u8 ^ 0xA5).collect();
        self.memory.write_all_at(&noise, bank.start)?;
        let entry = load(image, &self.memory)?;
        self.memory.write_all_at(&[0; 4], self.glue(glue::PROVOKE))?;
        self.memory.write_all_at(&(entry | 1).to_le_bytes(), self.glue(glue::RESTART))?;
        self.ring();
        Ok(())
    }

    /// Fails, with QEMU's last words, if the machine has stopped.
    pub fn check(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("QEMU ended with {status}: {}", self.log());
        }
        Ok(())
    }

    /// Most bytes that the R5F's main stack held so far.
    pub fn stack_high_water(&self) -> Result<usize> {
        self.high_water(MAIN_STACK, 1024).context("the main stack has less than a KiB left")
    }

    /// Most bytes that a crash has needed.
    pub fn crash_high_water(&self) -> Result<usize> {
        self.high_water(CRASH_STACK, 64).context("the crash stack has less than 64 bytes left")
    }

    /// Bytes of a stack down to the lowest that is not zero: guest memory began as zeros. `clear`
    /// bytes at least must be left. A frame may hold much that nobody ever wrote, so a stretch of
    /// zeros alone is no end.
    fn high_water(&self, stack: Range<u64>, clear: usize) -> Result<usize> {
        let mut bytes = vec![0; (stack.end - stack.start) as usize];
        self.memory.read_exact_at(&mut bytes, stack.start)?;
        let lowest = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
        ensure!(lowest >= clear, "{lowest} bytes are left");
        Ok(bytes.len() - lowest)
    }

    /// The halfword at an address of the R5F's.
    pub fn halfword(&self, at: u32) -> Result<u16> {
        let mut bytes = [0; 2];
        self.memory.read_exact_at(&mut bytes, at.into())?;
        Ok(u16::from_le_bytes(bytes))
    }

    /// The socket of the R5F's serial line.
    pub fn console(&self) -> PathBuf {
        self.folder.path().join("console")
    }

    /// What QEMU and the plugin printed.
    pub fn log(&self) -> String {
        let text = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        text.trim().to_owned()
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start(arguments: &Arguments, folder: &Path, memory: &Path) -> Result<Child> {
    let path = |name: &str| -> String { folder.join(name).display().to_string() };
    let absolute = |path: &PathBuf| {
        path.canonicalize().with_context(|| format!("{} is not there", path.display()))
    };
    let plugin = plugin::Arguments {
        ddr: memory.to_owned(),
        board: absolute(&arguments.board)?,
        qtest: folder.join("qtest"),
        control: folder.join("control"),
        count: arguments.cost,
    };
    let plugin = format!("{},{plugin}", absolute(&arguments.plugin)?.display());
    let mut command = leashed(&arguments.qemu);
    command
        .args(["-M", "xlnx-zcu102,memory-backend=ddr", "-m", "2G", "-smp", "5"])
        .args(["-display", "none", "-nodefaults", "-audio", "none"])
        .args(["-accel", "tcg,thread=multi", "-qtest-log", "none", "-object"])
        .arg(format!("memory-backend-file,id=ddr,size=2G,mem-path={},share=on", memory.display()))
        .args(["-device", &format!("loader,addr={STUB:#x},cpu-num=0")])
        .args(["-qtest", &format!("unix:{},server=on,wait=off", path("qtest"))])
        .args(["-plugin", &plugin])
        .args(&arguments.qemu_args);
    // The first line is Linux's.
    command.args(["-serial", "null", "-serial"]);
    command.arg(format!("unix:{},server=on,wait=off", path("console")));
    for _ in 0..4 {
        command.args(["-net", "nic,model=cadence_gem"]);
    }
    let log = File::create(folder.join("log"))?;
    command
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .with_context(|| format!("starting {}", arguments.qemu))
}

/// Copies an image to where the R5F has its TCM; its entry.
fn load(image: &Path, memory: &File) -> Result<u32> {
    let elf = std::fs::read(image)?;
    let image = Image::parse(&elf, TCM)?;
    for (address, segment) in &image.segments {
        memory.write_all_at(segment, (*address).into())?;
    }
    Ok(image.entry)
}
