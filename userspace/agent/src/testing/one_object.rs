//! An engine that needs no weights; agentctl's tests take this file, too.

use tandem_engine::{Capabilities, Engine, EngineError};

/// Sees one object in the middle of every image, of class 0, whatever the image.
pub struct OneObject;

/// Logit of a score near one, and of one near zero.
const SURE: f32 = 8.0;
const NEVER: f32 = -12.0;

impl Engine for OneObject {
    fn name(&self) -> &'static str {
        "one-object"
    }

    fn describe(&self) -> String {
        "one planned object".to_owned()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { reads_in_place: true, writes_in_place: true }
    }

    fn run(&mut self, _tensor: &[u8], heads: &mut [u8]) -> Result<(), EngineError> {
        for number in heads.as_chunks_mut().0 {
            *number = NEVER.to_le_bytes();
        }
        // The first head is 13 x 13; cell (6, 6) of the first anchor: x, y, w, h, object, class 0.
        for (plane, value) in [0.0, 0.0, 0.0, 0.0, SURE, SURE].into_iter().enumerate() {
            let at = (plane * 13 * 13 + 6 * 13 + 6) * 4;
            heads[at..at + 4].copy_from_slice(&f32::to_le_bytes(value));
        }
        Ok(())
    }
}
