//! Frames on a byte stream: a little-endian u32 length, then that many bytes of postcard.

use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Largest frame: a raw image of the largest slot and room around it.
pub const MAX_FRAME_BYTES: u32 = 64 << 20;

/// Why a stream could not go on.
#[derive(Debug, Error)]
pub enum FrameError {
    /// The stream failed.
    #[error("The connection failed: {0}")]
    Stream(#[from] std::io::Error),
    /// The stream ended inside a frame.
    #[error("The connection ended inside a message")]
    Truncated,
    /// A length above [`MAX_FRAME_BYTES`].
    #[error("A message of {0} bytes is above the limit of {MAX_FRAME_BYTES}")]
    TooLarge(u64),
    /// The bytes are no message of this protocol.
    #[error("A message does not decode: {0}")]
    Malformed(String),
}

/// Decodes one message; every byte must belong to it.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, FrameError> {
    let malformed = |error: postcard::Error| FrameError::Malformed(error.to_string());
    match postcard::take_from_bytes(bytes).map_err(malformed)? {
        (message, []) => Ok(message),
        (_, rest) => Err(FrameError::Malformed(format!("{} bytes too many", rest.len()))),
    }
}

/// Encodes one message with its length.
pub fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, FrameError> {
    let malformed = |error: postcard::Error| FrameError::Malformed(error.to_string());
    let mut frame = postcard::to_extend(message, vec![0; 4]).map_err(malformed)?;
    let length = frame.len() as u64 - 4;
    match u32::try_from(length) {
        Ok(length) if length <= MAX_FRAME_BYTES => {
            frame[..4].copy_from_slice(&length.to_le_bytes());
            Ok(frame)
        }
        _ => Err(FrameError::TooLarge(length)),
    }
}

/// Reads one message; `None` where the stream ended between two.
pub async fn read<T: DeserializeOwned>(
    stream: &mut (impl AsyncRead + Unpin),
) -> Result<Option<T>, FrameError> {
    read_bytes(stream).await?.map(|bytes| decode(&bytes)).transpose()
}

/// Reads the bytes of one frame, whatever they are; `None` where the stream ended between two.
pub async fn read_bytes(
    stream: &mut (impl AsyncRead + Unpin),
) -> Result<Option<Vec<u8>>, FrameError> {
    let mut prefix = [0; 4];
    let mut have = 0;
    while have < prefix.len() {
        match stream.read(&mut prefix[have..]).await? {
            0 if have == 0 => return Ok(None),
            0 => return Err(FrameError::Truncated),
            more => have += more,
        }
    }
    let length = u32::from_le_bytes(prefix);
    if length > MAX_FRAME_BYTES {
        return Err(FrameError::TooLarge(u64::from(length)));
    }
    // Grows with what arrives: a length alone makes nobody allocate.
    let mut bytes = Vec::new();
    stream.take(u64::from(length)).read_to_end(&mut bytes).await?;
    if bytes.len() != length as usize {
        return Err(FrameError::Truncated);
    }
    Ok(Some(bytes))
}

/// Writes one message.
pub async fn write<T: Serialize>(
    stream: &mut (impl AsyncWrite + Unpin),
    message: &T,
) -> Result<(), FrameError> {
    stream.write_all(&encode(message)?).await?;
    stream.flush().await?;
    Ok(())
}
