//! Which kinds of channels this machine could have, and why not the others.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::kind::Kind;

/// Where to look, and what to refuse whatever is found.
#[derive(Clone, Debug)]
pub struct Probe {
    /// `/`, or a folder made like it.
    pub root: PathBuf,
    /// Kinds that are refused by order: a fault to be tested, or a driver that is not trusted.
    pub refuse: Vec<Kind>,
}

impl Default for Probe {
    fn default() -> Self {
        Self { root: PathBuf::from("/"), refuse: Vec::new() }
    }
}

/// What a probe found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probed {
    /// Kind.
    pub kind: Kind,
    /// It could be had here.
    pub possible: bool,
    /// What was found, or what is missing.
    pub why: String,
}

/// Probes every kind. Nothing is opened or changed: what the kernel shows is looked at.
pub fn probe(probe: &Probe) -> Vec<Probed> {
    let one = |kind: Kind| {
        let found = match probe.refuse.contains(&kind) {
            true => Err("refused by order (--refuse-channel)".to_owned()),
            false => look(kind, &probe.root),
        };
        let (possible, why) = match found {
            Ok(why) => (true, why),
            Err(why) => (false, why),
        };
        Probed { kind, possible, why }
    };
    Kind::ALL.into_iter().map(one).collect()
}

fn look(kind: Kind, root: &Path) -> Result<String, String> {
    match kind {
        Kind::AxiStream => uio(root, "tandem-pl"),
        Kind::Mmap => uio(root, "tandem-pool").or_else(|_| Ok("memory of this process".into())),
        Kind::HostPinned => host_pinned(root),
        Kind::PcieP2p => peer_to_peer(root),
        Kind::Tcp => {
            let net = root.join("proc/net/route");
            net.is_file().then(|| "a network".to_owned()).ok_or("the kernel has no network".into())
        }
        Kind::Relay => Ok("a copy by this processor, counted as relay".into()),
    }
}

fn uio(root: &Path, name: &str) -> Result<String, String> {
    let class = root.join("sys/class/uio");
    let names = fs::read_dir(&class).into_iter().flatten().flatten().filter_map(|entry| {
        let text = fs::read_to_string(entry.path().join("name")).ok()?;
        (text.trim() == name).then(|| entry.file_name().to_string_lossy().into_owned())
    });
    let device = names.min().ok_or_else(|| format!("{} shows no {name}", class.display()))?;
    Ok(format!("{name} is {device}"))
}

/// A GPU's driver that pins memory: NVIDIA's control device and its library.
fn host_pinned(root: &Path) -> Result<String, String> {
    let device = ["dev/nvidiactl", "dev/nvhost-ctrl-gpu", "dev/nvgpu"];
    let device = device.into_iter().find(|path| root.join(path).exists());
    let device =
        device.ok_or("no NVIDIA driver: neither /dev/nvidiactl nor a Jetson's GPU device")?;
    let folders = ["usr/lib/x86_64-linux-gnu", "usr/lib/aarch64-linux-gnu", "usr/lib64", "usr/lib"];
    let folders = folders.into_iter().chain(["usr/lib/aarch64-linux-gnu/nvidia"]);
    let library = folders.map(|folder| format!("{folder}/libcuda.so.1"));
    let library = library.into_iter().find(|path| root.join(path).exists());
    let library = library.ok_or_else(|| format!("/{device} is there, libcuda.so.1 is not"))?;
    Ok(format!("/{device}, /{library}"))
}

/// Another device may write a GPU's memory: the open kernel modules export it as dma-buf, and the
/// other device is behind the same root port or behind one that forwards.
fn peer_to_peer(root: &Path) -> Result<String, String> {
    host_pinned(root)?;
    let version = fs::read_to_string(root.join("proc/driver/nvidia/version"));
    let version = version.map_err(|_| "this GPU is no PCIe card".to_owned())?;
    if !version.contains("Open Kernel Module") {
        return Err("only NVIDIA's open kernel modules export GPU memory as dma-buf".into());
    }
    // Xilinx's vendor id, as an endpoint on the same bus.
    let devices = root.join("sys/bus/pci/devices");
    let vendor = |folder: &Path| fs::read_to_string(folder.join("vendor")).unwrap_or_default();
    let mut found = fs::read_dir(&devices).into_iter().flatten().flatten();
    let board = found.find(|entry| vendor(&entry.path()).trim() == "0x10ee");
    let board = board.ok_or("no board as endpoint on this PCIe bus")?;
    Ok(format!("board {} beside the GPU", board.file_name().to_string_lossy()))
}
