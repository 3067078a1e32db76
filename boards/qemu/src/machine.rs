//! One QEMU, from power on to power off.

use crate::{Console, Files};
use anyhow::{Context, Result, bail};
use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::FileExt;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tandem_boards::Board;
use tandem_link::crash::{Record, records};
use tandem_link::glue;
use tandem_qemu::leashed;
use tandem_qemu::plugin::{self, Order};
use tandem_qemu::words::Words;
use tandem_sim::ddr::Ddr;
use tempfile::TempDir;

/// A bound that only a hang exceeds: an emulated machine on a busy host is slow.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// The same for a machine with a card, which is read and hashed as a whole at each boot.
pub const CARD_PATIENCE: Duration = Duration::from_secs(300);
/// The same for all that the DMA's client does in one go.
pub const DMA_PATIENCE: Duration = Duration::from_secs(300);
/// Memory of the guest.
const MEMORY: &str = "2G";
/// Port of the agent's HTTP interface in the guest.
const HTTP_PORT: u16 = 8080;
/// Port of the guest's SSH server.
const SSH_PORT: u16 = 22;

/// What may differ between machines.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// `agentd --engine` in the guest.
    pub engine: Option<String>,
    /// An image in the SD slot, which the guest's programs come from; a machine without one has
    /// them in the initramfs. Started again by the guest, such a machine ends instead.
    pub card: Option<PathBuf>,
    /// The public key (ed25519, base64) that may log in as root over SSH; there is no SSH without one.
    pub key: Option<String>,
    /// More arguments for QEMU.
    pub qemu: Vec<String>,
    /// Once set, a machine that boots gives up.
    pub stop: Arc<AtomicBool>,
}

/// Ports of this host that lead into the guest.
#[derive(Clone, Copy)]
struct Ports {
    http: u16,
    ssh: u16,
}

/// A running machine. Dropping it is pulling its plug.
pub struct Machine {
    qemu: Plug,
    folder: TempDir,
    control: UnixDatagram,
    console: Console,
    memory: File,
    board: Board,
    ports: Ports,
    booted: Duration,
}

impl Machine {
    /// Powers on; returns when the guest's first program is ready.
    ///
    /// # Errors
    /// What QEMU or the guest said, if it did not come up within [`PATIENCE`].
    pub fn boot(files: &Files, options: &Options) -> Result<Self> {
        // Guest memory lies in a file that is a host's memory as well where there is such a place.
        let place = [Path::new("/dev/shm"), &std::env::temp_dir()]
            .into_iter()
            .find(|place| place.is_dir())
            .map(Path::to_owned)
            .context("no folder for the guest's memory")?;
        let folder = tempfile::Builder::new().prefix("tandem-board-").tempdir_in(place)?;
        let ports = Ports { http: free_port()?, ssh: free_port()? };
        let start = Instant::now();
        let child = command(files, options, folder.path(), ports)?.spawn();
        let child = child.with_context(|| format!("starting {}", files.qemu.display()))?;
        let mut qemu = Plug(child);
        let mut alive = || match qemu.0.try_wait()? {
            Some(status) => bail!("QEMU ended with {status}: {}", read(&folder.path().join("log"))),
            None if options.stop.load(Ordering::Relaxed) => bail!("stopped while it booted"),
            None => Ok(()),
        };
        let mut console = Console::connect(&folder.path().join("uart0"), &mut alive)?;
        if options.card.is_some() {
            console.be_patient(CARD_PATIENCE);
        }
        console.ready(&mut alive)?;
        let control = UnixDatagram::unbound()?;
        // Everybody has opened the memory: without a name it is gone with the last of them.
        let path = folder.path().join("ddr");
        let memory = File::options().read(true).write(true).open(&path)?;
        std::fs::remove_file(&path)?;
        let board = Board::load(&files.board)?;
        let booted = start.elapsed();
        Ok(Self { qemu, folder, control, console, memory, board, ports, booted })
    }

    /// Time from power on to the guest's prompt.
    pub fn boot_time(&self) -> Duration {
        self.booted
    }

    /// The guest's shell.
    pub fn console(&mut self) -> &mut Console {
        &mut self.console
    }

    /// Address of the agent's HTTP interface, from outside.
    pub fn http(&self) -> String {
        format!("127.0.0.1:{}", self.ports.http)
    }

    /// Where the guest's SSH server answers, from outside.
    pub fn ssh(&self) -> String {
        format!("127.0.0.1:{}", self.ports.ssh)
    }

    /// The R5F's UART, a socket.
    pub fn rpu_uart(&self) -> PathBuf {
        self.folder.path().join("uart1")
    }

    /// Wires that lose every change from now on, one bit each: the R5F's interrupt, its fast
    /// interrupt, the interrupt of Linux.
    ///
    /// # Errors
    /// The socket's.
    pub fn cut_wires(&self, wires: u32) -> Result<()> {
        self.order(Order::Cut(wires))
    }

    fn order(&self, order: Order) -> Result<()> {
        self.control.send_to(&order.encode(), self.folder.path().join("control"))?;
        Ok(())
    }

    /// Asks the firmware for a crash, by its number in `firmware/rpu/src/provoke.rs`; returns its
    /// record.
    ///
    /// # Errors
    /// If there is none within [`PATIENCE`].
    pub fn provoke(&self, ask: u32) -> Result<Record> {
        let page = self.board.pl.glue.context("the board has no glue page")?;
        let at = page.base + glue::PROVOKE;
        let before = self.crashes()?.last().map_or(0, |record| record.sequence);
        self.memory.write_all_at(&ask.to_le_bytes(), at.into())?;
        self.order(Order::Ring)?;
        let newer = || Ok(self.crashes()?.pop().filter(|record| record.sequence > before));
        until("the crash record", newer)
    }

    /// The firmware's crash records, oldest first.
    ///
    /// # Errors
    /// The file's.
    pub fn crashes(&self) -> Result<Vec<Record>> {
        let region = self.board.regions.crash;
        let base = region.base;
        let ddr = Ddr::open(self.memory.try_clone()?.into(), base.into(), base, region.size)?;
        Ok(records(&Words::new(&ddr, region)).0)
    }

    /// Starts the agent in the guest; returns when it serves.
    ///
    /// # Errors
    /// What the agent said.
    pub fn start_agent(&mut self) -> Result<()> {
        const START: &str = "agentd --board /etc/tandem/board.toml --listen 0.0.0.0:8080 \
                             --socket /run/tandem.sock --frozen-after-ms 5000 \
                             ${TANDEM_ENGINE:+--engine $TANDEM_ENGINE} </dev/null >/var/log/agentd 2>&1 & echo $! >/run/agentd";
        self.console.run(START)?;
        until("the agent in the guest", || {
            if self.console.run("kill -0 $(cat /run/agentd)")?.code != 0 {
                bail!("agentd ended: {}", self.console.run("cat /var/log/agentd")?.text);
            }
            let ready = self.console.run("grep -c 'POST http' /var/log/agentd")?;
            Ok((ready.code == 0).then_some(()))
        })
    }

    /// Stops Linux as a board is stopped, and waits for QEMU's end.
    ///
    /// # Errors
    /// If it does not end within [`PATIENCE`].
    pub fn power_off(mut self) -> Result<()> {
        let _ = self.console.run("kill $(cat /run/agentd 2>/dev/null) 2>/dev/null; sync");
        let mut monitor = UnixStream::connect(self.folder.path().join("qmp"))?;
        monitor.write_all(b"{\"execute\":\"qmp_capabilities\"}\n{\"execute\":\"quit\"}\n")?;
        until("QEMU's end", || Ok(self.qemu.0.try_wait()?)).map(|_| ())
    }

    /// Waits until QEMU ends by itself.
    ///
    /// # Errors
    /// If it does not end within [`PATIENCE`].
    pub fn ended(mut self) -> Result<()> {
        until_within(CARD_PATIENCE, "QEMU's end", || Ok(self.qemu.0.try_wait()?)).map(|_| ())
    }

    /// What QEMU and the plugin printed.
    pub fn log(&self) -> String {
        read(&self.folder.path().join("log"))
    }
}

/// QEMU, which ends with this.
struct Plug(Child);

impl Drop for Plug {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Asks until there is something; a bound in time, none in turns.
///
/// # Errors
/// The question's own, or that nothing came within [`PATIENCE`].
pub fn until<T>(what: &str, ask: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    until_within(PATIENCE, what, ask)
}

/// As [`until`], with another bound.
///
/// # Errors
/// As [`until`].
pub fn until_within<T>(
    patience: Duration,
    what: &str,
    mut ask: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let start = Instant::now();
    loop {
        if let Some(found) = ask()? {
            return Ok(found);
        }
        if start.elapsed() > patience {
            bail!("{what} did not come within {} s", patience.as_secs());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn read(path: &Path) -> String {
    let mut bytes = Vec::new();
    let _ = File::open(path).and_then(|mut file| file.read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).trim().to_owned()
}

/// A port that was free a moment ago.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn command(files: &Files, options: &Options, folder: &Path, ports: Ports) -> Result<Command> {
    let path = |name: &str| folder.join(name).display().to_string();
    let socket = |name: &str| format!("socket,id={name},path={},server=on,wait=off", path(name));
    let memory = path("ddr");
    File::create_new(&memory)?.set_len(2 << 30)?;
    let mut words = "console=ttyPS0,115200 quiet loglevel=4 rdinit=/init panic=5".to_owned();
    if let Some(engine) = &options.engine {
        words += &format!(" tandem.engine={engine}");
    }
    if options.card.is_some() {
        words += " tandem.root=sd";
    }
    if let Some(key) = &options.key {
        words += &format!(" tandem.key={key}");
    }
    let plugin = plugin::Arguments {
        ddr: folder.join("ddr"),
        board: files.board.clone(),
        qtest: folder.join("qtest"),
        control: folder.join("control"),
        count: false,
    };
    let plugin = format!("{},{plugin}", files.plugin.display());
    let mut command = leashed(&files.qemu);
    command
        .args(["-M", "xlnx-zcu102,memory-backend=ddr", "-m", MEMORY, "-smp", "5"])
        .args(["-display", "none", "-nodefaults", "-audio", "none", "-accel", "tcg,thread=multi"])
        .arg("-object")
        .arg(format!("memory-backend-file,id=ddr,size={MEMORY},mem-path={memory},share=on"))
        .arg("-kernel")
        .arg(&files.kernel)
        .arg("-initrd")
        .arg(&files.initramfs)
        .arg("-dtb")
        .arg(&files.device_tree)
        .args(["-append", &words])
        .args(["-chardev", &socket("uart0"), "-serial", "chardev:uart0"])
        .args(["-chardev", &socket("uart1"), "-serial", "chardev:uart1"])
        .args(["-qmp", &format!("unix:{},server=on,wait=off", path("qmp"))])
        .args(["-qtest", &format!("unix:{},server=on,wait=off", path("qtest"))])
        .args(["-qtest-log", "none", "-plugin", &plugin]);
    // The machine has four network controllers and fills the first one first; Linux uses the last.
    for _ in 0..3 {
        command.args(["-net", "nic,model=cadence_gem"]);
    }
    let Ports { http, ssh } = ports;
    let mut forward = format!("user,id=n0,hostfwd=tcp:127.0.0.1:{http}-:{HTTP_PORT}");
    if options.key.is_some() {
        forward += &format!(",hostfwd=tcp:127.0.0.1:{ssh}-:{SSH_PORT}");
    }
    command.args(["-netdev", &forward, "-net", "nic,model=cadence_gem,netdev=n0"]);
    if let Some(card) = &options.card {
        let drive = format!("if=sd,index=0,format=raw,file={}", card.display());
        command.args(["-no-reboot", "-drive", &drive]);
    }
    let log = File::create(folder.join("log"))?;
    command.args(&options.qemu).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    Ok(command)
}
