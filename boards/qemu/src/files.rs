//! What a machine is made of; `cargo xtask qemu build` makes it.

use anyhow::{Result, bail};
use std::path::{Path, PathBuf};

/// Files that QEMU, the plugin and the tests need.
#[derive(Clone, Debug)]
pub struct Files {
    /// QEMU's program.
    pub qemu: PathBuf,
    /// Linux.
    pub kernel: PathBuf,
    /// Everything that runs in the guest.
    pub initramfs: PathBuf,
    /// Device tree.
    pub device_tree: PathBuf,
    /// The programmable logic.
    pub plugin: PathBuf,
    /// `boards/qemu.toml`.
    pub board: PathBuf,
    /// The repository.
    pub root: PathBuf,
}

impl Files {
    /// The files of a checkout.
    ///
    /// # Errors
    /// The one that is missing, and how to make it.
    pub fn of(root: &Path) -> Result<Self> {
        let made = root.join(".tandem/qemu");
        let files = Self {
            qemu: PathBuf::from("qemu-system-aarch64"),
            kernel: made.join("Image"),
            initramfs: made.join("initramfs.cpio"),
            device_tree: made.join("board.dtb"),
            plugin: root.join("target/release/libtandem_qemu.so"),
            board: root.join("boards/qemu.toml"),
            root: root.to_owned(),
        };
        let needed =
            [&files.kernel, &files.initramfs, &files.device_tree, &files.plugin, &files.board];
        if let Some(path) = needed.into_iter().find(|path| !path.is_file()) {
            bail!("{} is not there; cargo xtask qemu build makes it", path.display());
        }
        Ok(files)
    }

    /// The files of the checkout that this program was built in.
    ///
    /// # Errors
    /// As [`Files::of`].
    pub fn here() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        Self::of(&root.canonicalize()?)
    }
}
