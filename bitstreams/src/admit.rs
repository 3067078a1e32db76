//! Everything that is checked before the logic is touched.

use std::path::Path;

use tandem_boards::Board;

use crate::error::BitstreamError;
use crate::image::{Image, Order};
use crate::manifest::Manifest;
use crate::sha256;

/// An image that passed every check, in memory: what is loaded is what was checked.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// Its manifest.
    pub manifest: Manifest,
    /// Its bytes, for `fpga_manager`.
    pub bytes: Vec<u8>,
}

/// Reads the manifest in `folder` and its image, and checks both against each other, the board and
/// the kernel maps of this build. Contiguous memory is checked at the load.
///
/// # Errors
/// [`BitstreamError`] with the file, the field and both values.
pub fn admit(folder: &Path, board: &Board) -> Result<Admitted, BitstreamError> {
    let path = folder.join("manifest.toml");
    let manifest = Manifest::load(&path)?;
    let file = path.display().to_string();
    against_board(&file, &manifest, board)?;
    if manifest.built.wns_ns < 0.0 {
        return Err(BitstreamError::Timing { file, wns: manifest.built.wns_ns });
    }
    let path = folder.join(&manifest.image.file);
    let file = path.display().to_string();
    let bytes = std::fs::read(&path)
        .map_err(|source| BitstreamError::Read { file: file.clone(), source })?;
    against_image(&file, &manifest, &bytes)?;
    Ok(Admitted { manifest, bytes })
}

fn differs<T: ToString>(
    file: &str,
    what: &str,
    found: T,
    other: &str,
    wanted: T,
) -> BitstreamError {
    BitstreamError::Differs {
        file: file.into(),
        what: what.into(),
        found: found.to_string(),
        other: other.into(),
        wanted: wanted.to_string(),
    }
}

fn against_board(file: &str, manifest: &Manifest, board: &Board) -> Result<(), BitstreamError> {
    if manifest.board != board.name {
        return Err(differs(file, "board", &manifest.board, "this board", &board.name));
    }
    if let Some(device) = &board.device {
        if manifest.part != device.part {
            return Err(differs(file, "part", &manifest.part, "the board", &device.part));
        }
        if let Some(idcode) = device.idcode.filter(|code| code ^ manifest.idcode != 0) {
            let hex = |code| format!("{code:#010x}");
            let (found, wanted) = (hex(manifest.idcode), hex(idcode));
            return Err(differs(file, "idcode", found, "the board", wanted));
        }
    }
    let hex = |word: u32| format!("{word:#010x}");
    for kernel in &manifest.kernels {
        let name = kernel.map.name();
        if kernel.map_hash != kernel.map.hash() {
            let (found, wanted) = (hex(kernel.map_hash), hex(kernel.map.hash()));
            let what = format!("kernel {name} map_hash");
            return Err(differs(file, &what, found, "this build", wanted));
        }
        let place = kernel.map.place(board);
        if kernel.base != place.base {
            let what = format!("kernel {name} base");
            return Err(differs(file, &what, hex(kernel.base), "the board", hex(place.base)));
        }
    }
    Ok(())
}

fn against_image(file: &str, manifest: &Manifest, bytes: &[u8]) -> Result<(), BitstreamError> {
    let size = bytes.len() as u64;
    if size != manifest.image.size {
        return Err(differs(file, "size", size, "the manifest", manifest.image.size));
    }
    let hash = sha256(bytes);
    if hash != manifest.image.sha256 {
        return Err(differs(file, "sha256", &hash, "the manifest", &manifest.image.sha256));
    }
    let image = Image::parse(bytes)
        .map_err(|source| BitstreamError::Image { file: file.into(), source })?;
    if image.order != Order::Reversed || image.header.is_some() {
        let (order, header) = (image.order, image.header.is_some());
        return Err(BitstreamError::Form { file: file.into(), order, header });
    }
    if !image.fits(manifest.idcode) {
        let hex = |code| format!("{code:#010x}");
        let (found, wanted) = (hex(image.idcode), hex(manifest.idcode));
        return Err(differs(file, "idcode", found, "the manifest", wanted));
    }
    Ok(())
}
