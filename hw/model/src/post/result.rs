//! The result as bytes: a header, then detections, little endian.

use super::{DETECTION_BYTES, Detection, HEADER_BYTES, MAX_DETECTIONS, PostError, ResultHeader};

impl ResultHeader {
    /// Bytes of the result that this header begins.
    pub const fn result_bytes(&self) -> usize {
        HEADER_BYTES + DETECTION_BYTES * self.count as usize
    }

    fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        let words = [self.count, self.candidates, self.not_finite, self.cut, self.surplus];
        for (to, word) in bytes.chunks_exact_mut(4).zip(words) {
            to.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }
}

impl Detection {
    /// As in a result.
    pub fn to_bytes(self) -> [u8; DETECTION_BYTES] {
        let class_score = u32::from(self.score) | u32::from(self.class) << 16;
        let words = [self.x1 as u32, self.y1 as u32, self.x2 as u32, self.y2 as u32];
        let mut bytes = [0; DETECTION_BYTES];
        let words = words.into_iter().chain([class_score, self.index]);
        for (to, word) in bytes.chunks_exact_mut(4).zip(words) {
            to.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// From a result.
    pub fn from_bytes(bytes: &[u8; DETECTION_BYTES]) -> Self {
        Self {
            x1: word(bytes, 0) as i32,
            y1: word(bytes, 1) as i32,
            x2: word(bytes, 2) as i32,
            y2: word(bytes, 3) as i32,
            score: word(bytes, 4) as u16,
            class: (word(bytes, 4) >> 16) as u16,
            index: word(bytes, 5),
        }
    }
}

/// Reads a result; refuses one that is shorter than its own header says.
pub fn read_result(
    result: &[u8],
) -> Result<(ResultHeader, impl ExactSizeIterator<Item = Detection> + '_), PostError> {
    let short = |need| PostError::Short { buffer: "result", have: result.len(), need };
    let (head, rest) = result.split_first_chunk::<HEADER_BYTES>().ok_or(short(HEADER_BYTES))?;
    let header = ResultHeader {
        count: word(head, 0),
        candidates: word(head, 1),
        not_finite: word(head, 2),
        cut: word(head, 3),
        surplus: word(head, 4),
    };
    if header.count as usize > MAX_DETECTIONS {
        return Err(PostError::Range("result.count"));
    }
    let need = header.result_bytes();
    let (detections, _) =
        rest.get(..need - HEADER_BYTES).ok_or(short(need))?.as_chunks::<DETECTION_BYTES>();
    Ok((header, detections.iter().map(Detection::from_bytes)))
}

/// Writes a result; the caller has checked that it fits.
pub(super) fn write_result(result: &mut [u8], header: ResultHeader, detections: &[Detection]) {
    let (head, rest) = result.split_at_mut(HEADER_BYTES);
    head.copy_from_slice(&header.to_bytes());
    for (to, detection) in rest.chunks_exact_mut(DETECTION_BYTES).zip(detections) {
        to.copy_from_slice(&detection.to_bytes());
    }
}

/// Word `i` of a byte buffer; 0 behind its end.
fn word(bytes: &[u8], i: usize) -> u32 {
    bytes.as_chunks::<4>().0.get(i).map_or(0, |word| u32::from_le_bytes(*word))
}
