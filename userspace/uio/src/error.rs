//! What can be wrong between a board's description and the system that runs.

use std::path::PathBuf;
use thiserror::Error;

/// Why the board cannot be used from here.
#[derive(Debug, Error)]
pub enum UioError {
    /// No UIO device has this name.
    #[error(
        "no UIO device is called {name} in {folder}: is the board's device tree in force and the \
         module uio_pdrv_genirq loaded with of_id=generic-uio?"
    )]
    NoDevice {
        /// The name.
        name: String,
        /// Where was looked.
        folder: PathBuf,
    },
    /// The device has no such map.
    #[error("UIO device {device} has no map called {map}: it has {have}")]
    NoMap {
        /// The device.
        device: String,
        /// The map.
        map: &'static str,
        /// Names of its maps.
        have: String,
    },
    /// Device tree and board description disagree.
    #[error(
        "UIO device {device}, map {map}: the device tree says {have:#x}+{have_size:#x}, the board's \
         description {want:#x}+{want_size:#x}; renew the device tree from the description"
    )]
    Place {
        /// The device.
        device: String,
        /// The map.
        map: String,
        /// Address in the device tree.
        have: u64,
        /// Size in the device tree.
        have_size: u64,
        /// Address in the description.
        want: u64,
        /// Size in the description.
        want_size: u64,
    },
    /// A file of sysfs says something else than it should.
    #[error("{path}: {text:?} is not {what}")]
    Text {
        /// The file.
        path: PathBuf,
        /// Its content.
        text: String,
        /// What was expected.
        what: &'static str,
    },
    /// u-dma-buf maps memory cached whose DMA does not see the caches.
    #[error(
        "u-dma-buf device {device}: its DMA does not see the processors' caches (dma_coherent 0), and \
         sync_mode {mode} maps it cached all the same; set sync-mode = <2> or dma-coherent in its \
         device tree node"
    )]
    Cache {
        /// The device.
        device: String,
        /// Its `sync_mode`.
        mode: u64,
    },
    /// A file or a device could not be used.
    #[error("{what} {path}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
}

impl UioError {
    /// An [`UioError::Io`] for `map_err`.
    pub(crate) fn io<E: Into<std::io::Error>>(
        what: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(E) -> Self {
        let path = path.into();
        move |source| Self::Io { what, path, source: source.into() }
    }
}
