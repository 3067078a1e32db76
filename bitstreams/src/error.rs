//! What can be wrong with an image, a manifest, or a load.

use thiserror::Error;

use crate::image::Order;

/// Why bytes are no image.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ImageError {
    /// A `.bit` header that does not hold together.
    #[error("the header is damaged at byte {at}")]
    Header {
        /// First byte of the damaged field.
        at: usize,
    },
    /// No synchronisation word.
    #[error("no synchronisation word in the first {within} bytes: this is no bitstream")]
    NoSync {
        /// Bytes looked at.
        within: usize,
    },
    /// The synchronisation word does not lie at a multiple of four bytes of the data: nothing tells
    /// which bytes are a word.
    #[error("the synchronisation word at byte {at} is not a whole number of words into the data")]
    Unaligned {
        /// First byte of the word.
        at: usize,
    },
    /// The last word is not whole.
    #[error("its {bytes} bytes of data are not a whole number of words: it was cut off")]
    PartOfWord {
        /// Bytes of data, without a header.
        bytes: usize,
    },
    /// The bits of each byte are reversed, as for a parallel configuration memory.
    #[error("the bits of each byte are reversed: write it for the processor, not for SelectMAP")]
    Mirrored,
    /// Neither a write nor a NOP.
    #[error("byte {at}: {word:#010x} is no packet that writes")]
    Packet {
        /// First byte of the word.
        at: usize,
        /// The word.
        word: u32,
    },
    /// It ends inside a packet, or before DESYNC.
    #[error("it ends at byte {at} before its last packet: it was cut off")]
    Ends {
        /// Bytes of the file.
        at: usize,
    },
    /// It never writes IDCODE.
    #[error("it does not say which device it is for")]
    NoIdcode,
    /// It configures nothing.
    #[error("it has no configuration frames")]
    NoFrames,
}

/// Why a bitstream was refused before anything was touched.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BitstreamError {
    /// A file or folder cannot be read.
    #[error("{file}: cannot be read: {source}")]
    Read {
        /// The file.
        file: String,
        /// Why.
        source: std::io::Error,
    },
    /// Not TOML, or a field is missing, unknown or of another type.
    #[error("{file}: {source}")]
    Parse {
        /// The manifest.
        file: String,
        /// Line, field and reason.
        source: Box<toml::de::Error>,
    },
    /// A field of the manifest breaks its rule.
    #[error("{file}: {field} = {value}: {rule}")]
    Value {
        /// The manifest.
        file: String,
        /// Path of the field.
        field: String,
        /// What it says.
        value: String,
        /// What is allowed.
        rule: &'static str,
    },
    /// The image is none.
    #[error("{file}: {source}")]
    Image {
        /// The image.
        file: String,
        /// Why.
        source: ImageError,
    },
    /// Manifest and something else disagree.
    #[error("{file}: {what} is {found}, {other} has {wanted}")]
    Differs {
        /// The manifest or image.
        file: String,
        /// What is compared.
        what: String,
        /// As the file has it.
        found: String,
        /// The other side.
        other: String,
        /// As the other side has it.
        wanted: String,
    },
    /// The image is not in the form that is loaded.
    #[error(
        "{file}: bytes are {order}{}; fpga_manager loads reversed ones without a header: \
         `tandem-bitstream pack` converts",
        if *.header { ", behind a .bit header" } else { "" }
    )]
    Form {
        /// The image.
        file: String,
        /// Byte order found.
        order: Order,
        /// Whether it has a header.
        header: bool,
    },
    /// The kernel takes the whole image in one piece.
    #[error(
        "{file}: {need} bytes do not fit the {free} free bytes of the contiguous memory area; \
         boot with a larger cma=, or free buffers"
    )]
    Cma {
        /// The image.
        file: String,
        /// Its size, bytes.
        need: u64,
        /// `CmaFree`, bytes.
        free: u64,
    },
    /// The design missed its timing.
    #[error("{file}: built.wns_ns = {wns}: a design that misses its timing is not loaded")]
    Timing {
        /// The manifest.
        file: String,
        /// Worst negative slack, ns.
        wns: f64,
    },
    /// No manifest for the board has what is asked for.
    #[error("no bitstream for board {board} has {missing}; there are: {have}")]
    NoneFits {
        /// Board.
        board: String,
        /// The kernels asked for.
        missing: String,
        /// Manifests of the board.
        have: String,
    },
}

/// Why a load failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoadError {
    /// Refused; the logic was not touched and runs on.
    #[error(transparent)]
    Refused(#[from] BitstreamError),
    /// DMA could not be stopped; the logic was not touched.
    #[error("{name}: not loaded, because DMA could not be stopped: {reason}")]
    Busy {
        /// The bitstream.
        name: String,
        /// What the station says.
        reason: String,
    },
    /// The logic is in an unknown state: everything goes by the fallback.
    #[error("{name}: {reason}; the programmable logic is not in use until a load succeeds{}",
        .fallback.as_ref().map_or(String::new(), |f| format!(" (loading {f} again failed, too)")))]
    Failed {
        /// The bitstream.
        name: String,
        /// What went wrong.
        reason: String,
        /// The bitstream from before, if it was tried again and failed.
        fallback: Option<String>,
    },
    /// It failed, and the one from before runs again.
    #[error("{name}: {reason}; {back} was loaded again and runs")]
    RolledBack {
        /// The bitstream.
        name: String,
        /// What went wrong.
        reason: String,
        /// The bitstream that runs.
        back: String,
    },
}
