//! The maintenance console's line, read by both of its ends.

use serde::ser::{SerializeTuple, Serializer};
use serde::{Deserialize, Serialize};
use std::fmt::Debug;
use tandem_link::console::{Answer, Collector, FRAME_BYTES, FrameError, Request, decode, encode};

use crate::input::Input;

/// Most bytes of a message in a frame that [`Line::seal`] makes.
const MESSAGE_BYTES: u8 = 240;

/// Any bytes on the line, and frames whose coding and CRC hold around any message. What decodes is the
/// same after a second trip; garbage before a frame does not cost the frame. Accepted is a line that
/// has frames only, each a message of one of the ends.
pub fn console(bytes: &[u8]) -> bool {
    let mut input = Input(bytes);
    let mut line = Line { collector: Collector::new(), messages: 0, garbage: 0, open: false };
    while !input.is_empty() {
        match input.byte() % 2 {
            0 => line.push(input.byte()),
            _ => line.seal(&mut input),
        }
    }
    line.messages > 0 && line.garbage == 0 && !line.open
}

struct Line {
    collector: Collector<FRAME_BYTES>,
    messages: u32,
    garbage: u32,
    /// Bytes since the last zero.
    open: bool,
}

impl Line {
    /// What a console and its host do with each byte.
    fn push(&mut self, byte: u8) {
        self.open = byte != 0;
        let Some(frame) = self.collector.push(byte) else { return };
        let understood = match frame {
            Ok(frame) => {
                assert!(!frame.is_empty() && !frame.contains(&0));
                let request = survives::<Request>(frame);
                survives_answer(frame) || request
            }
            Err(error) => {
                assert_eq!(error, FrameError::Long);
                false
            }
        };
        self.messages += u32::from(understood);
        self.garbage += u32::from(!understood);
    }

    /// A frame around any message.
    fn seal(&mut self, input: &mut Input) {
        let number = input.half();
        let message: Vec<u8> = (0..input.byte() % MESSAGE_BYTES).map(|_| input.byte()).collect();
        let mut frame = [0; FRAME_BYTES];
        let Ok(used) = encode(number, &Raw(&message), &mut frame) else { return };
        let before = self.messages + self.garbage + u32::from(self.open);
        for byte in &frame[..used] {
            self.push(*byte);
        }
        assert_eq!(self.messages + self.garbage, before + 1, "a frame was lost");
    }
}

/// Bytes that are written as they are.
struct Raw<'a>(&'a [u8]);

impl Serialize for Raw<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(self.0.len())?;
        for byte in self.0 {
            tuple.serialize_element(byte)?;
        }
        tuple.end()
    }
}

/// Whether the frame is a `T`, which then is the same after a second trip.
fn survives<T>(frame: &[u8]) -> bool
where
    T: Serialize + for<'a> Deserialize<'a> + PartialEq + Debug,
{
    let mut first = frame.to_vec();
    let Ok((number, message)) = decode::<T>(&mut first) else { return false };
    let (mut second, used) = again(number, &message);
    assert_eq!(decode::<T>(&mut second[1..used - 1]), Ok((number, message)));
    true
}

/// As [`survives`], of messages that borrow from their frame.
fn survives_answer(frame: &[u8]) -> bool {
    let mut first = frame.to_vec();
    let Ok((number, message)) = decode::<Answer<'_>>(&mut first) else { return false };
    let (mut second, used) = again(number, &message);
    assert_eq!(decode::<Answer<'_>>(&mut second[1..used - 1]), Ok((number, message)));
    true
}

fn again<T: Serialize>(number: u16, message: &T) -> ([u8; FRAME_BYTES], usize) {
    let mut frame = [0; FRAME_BYTES];
    let used = encode(number, message, &mut frame).expect("it came in a frame");
    (frame, used)
}
