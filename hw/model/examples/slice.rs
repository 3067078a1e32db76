//! Runs one int8 layer on raw bytes.
//!
//! `slice OP WIDTH HEIGHT CHANNELS CHANNELS_OUT STRIDE ZERO_IN ZERO_OUT LOW HIGH PARAMS IN OUT`;
//! OP is dense, pointwise, depthwise, maxpool or meanpool; PARAMS is the parameter block.

use std::{env, error::Error, fs};
use tandem_model::slice::{Layer, Op, run};

const USAGE: &str = "usage: slice OP WIDTH HEIGHT CHANNELS CHANNELS_OUT STRIDE ZERO_IN ZERO_OUT \
                     LOW HIGH PARAMS IN OUT";

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = env::args().skip(1).collect();
    let [op, numbers @ .., params, input, output] = args.as_slice() else {
        return Err(USAGE.into());
    };
    let op = match op.as_str() {
        "dense" => Op::Dense,
        "pointwise" => Op::Pointwise,
        "depthwise" => Op::Depthwise,
        "maxpool" => Op::MaxPool,
        "meanpool" => Op::MeanPool,
        _ => return Err(USAGE.into()),
    };
    let [width, height, channels, channels_out, stride, zero_in, zero_out, low, high] = numbers
    else {
        return Err(USAGE.into());
    };
    let layer = Layer {
        op,
        width: width.parse()?,
        height: height.parse()?,
        channels: channels.parse()?,
        channels_out: channels_out.parse()?,
        stride: stride.parse()?,
        zero_in: zero_in.parse()?,
        zero_out: zero_out.parse()?,
        low: low.parse()?,
        high: high.parse()?,
    };
    let mut bytes = vec![0; layer.output_bytes()];
    run(&layer, &fs::read(params)?, &fs::read(input)?, &mut bytes)?;
    Ok(fs::write(output, bytes)?)
}
