//! Why an image was refused.

use tandem_model::pre::MAX_SIDE;
use thiserror::Error;

use crate::api::ApiError;

/// Why an image was refused. Nothing of it has reached a lane.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum IngestError {
    /// No bytes at all.
    #[error("The image holds no bytes")]
    Empty,
    /// Neither JPEG nor PNG nor raw.
    #[error("The bytes are no image, send a JPEG, a PNG or raw pixels with a TNDMRAW1 header")]
    Format,
    /// A format or feature that is not decoded.
    #[error("{what} is not supported, {next}")]
    Unsupported {
        /// What the image uses.
        what: String,
        /// Next step.
        next: &'static str,
    },
    /// The bytes end before the image does.
    #[error("The {format} image ends early, send the whole file")]
    Truncated {
        /// Container.
        format: &'static str,
    },
    /// The bytes contradict themselves or their header.
    #[error("The {format} image is damaged: {reason}")]
    Corrupt {
        /// Container.
        format: &'static str,
        /// What does not fit.
        reason: String,
    },
    /// Width or height is zero.
    #[error("The image is {width} x {height} pixels, it needs at least one")]
    ZeroSize {
        /// Width in pixels.
        width: u64,
        /// Height in pixels.
        height: u64,
    },
    /// Width or height above the kernel's limit.
    #[error("The image is {width} x {height} pixels, at most {MAX_SIDE} x {MAX_SIDE} is possible")]
    TooLarge {
        /// Width in pixels.
        width: u64,
        /// Height in pixels.
        height: u64,
    },
    /// The frame does not fit a frame slot.
    #[error("The image needs {needs} bytes, a frame slot holds {capacity}: send a smaller one")]
    SlotTooSmall {
        /// Bytes that decoding needs.
        needs: usize,
        /// Bytes of the slot.
        capacity: usize,
    },
}

impl IngestError {
    /// Stable code, as in [`ApiError::code`].
    pub fn code(&self) -> &'static str {
        match self {
            IngestError::Empty => "image_empty",
            IngestError::Format => "image_format",
            IngestError::Unsupported { .. } => "image_unsupported",
            IngestError::Truncated { .. } => "image_truncated",
            IngestError::Corrupt { .. } => "image_corrupt",
            IngestError::ZeroSize { .. } => "image_zero_size",
            IngestError::TooLarge { .. } | IngestError::SlotTooSmall { .. } => "image_too_large",
        }
    }
}

impl From<IngestError> for ApiError {
    fn from(error: IngestError) -> ApiError {
        ApiError::new(error.code(), "image", error.to_string())
    }
}
