//! `ctc`: one packet of steps in, one packet of header and symbols out.

use std::ops::Range;
use std::task::Poll;

use tandem_model::classify::Activation;
use tandem_model::ctc::{CtcParams, Symbol, ctc, write_result};
use tandem_regs::ctc as map;
use tandem_regs::ctc::offset;

use super::gather::{Gather, Order};
use super::{Core, Identity, ParamFile, Status, halves};

/// The `ctc` kernel's work. Its buffers grow to the largest job.
#[derive(Default)]
pub struct CtcCore {
    params: Option<CtcParams>,
    input: Gather,
    symbols: Vec<Symbol>,
    result: Vec<u8>,
    result_len: usize,
}

/// The parameters in the registers, as written; `None` for an activation that does not exist.
pub fn decode(params: &ParamFile) -> Option<CtcParams> {
    let (classes, steps) = halves(params.get(offset::SHAPE));
    let reading = params.get(offset::READING);
    let activation = match map::READING::ACTIVATION.read_as_enum(reading)? {
        map::READING::ACTIVATION::Value::Logits => Activation::Logits,
        map::READING::ACTIVATION::Value::Probabilities => Activation::Probabilities,
    };
    let blank = map::READING::BLANK.read(reading) as u16;
    Some(CtcParams { steps, classes, blank, activation })
}

impl Core for CtcCore {
    fn identity(&self) -> Identity {
        Identity {
            id: map::ID.reset(),
            version: map::VERSION.reset(),
            caps: map::CAPS.reset(),
            map_hash: map::MAP_HASH,
        }
    }

    fn param_mask(&self, at: u32) -> u32 {
        match at {
            offset::SHAPE => u32::MAX,
            offset::READING => 0x00FF_FFFF,
            _ => 0,
        }
    }

    fn constant(&self, at: u32) -> Option<u32> {
        // Room for whatever the model takes.
        (at == offset::CAPACITY).then(|| map::CAPACITY.reset())
    }

    fn configure(&mut self, params: &ParamFile) -> Result<(), Status> {
        let params = decode(params).ok_or(Status::Refused)?;
        params.validate().map_err(|_| Status::Refused)?;
        self.input.expect(params.input_bytes(), params.input_bytes(), Order::Linear);
        let steps = usize::from(params.steps);
        if self.symbols.len() < steps {
            self.symbols.resize(steps, Symbol::default());
            self.result.resize(params.result_bytes(), 0);
        }
        self.params = Some(params);
        Ok(())
    }

    fn input(&mut self) -> &mut Gather {
        &mut self.input
    }

    fn run(&mut self) -> Poll<Result<(), Status>> {
        let Some(params) = &self.params else { return Poll::Ready(Err(Status::Refused)) };
        let made = ctc(params, self.input.bytes(), &mut self.symbols).and_then(|header| {
            write_result(&mut self.result, &header, &self.symbols)?;
            Ok(header.result_bytes())
        });
        Poll::Ready(made.map(|bytes| self.result_len = bytes).map_err(|_| Status::Refused))
    }

    fn packet(&self, index: usize) -> Option<Range<usize>> {
        (index == 0).then_some(0..self.result_len)
    }

    fn output(&self) -> &[u8] {
        &self.result
    }
}
