//! Reads a raw frame, runs the `pre` kernel with letterbox parameters, writes the tensor.
//!
//! `preprocess rgb8|nv12 W H FRAME OUT_W OUT_H TENSOR [--crop x,y,w,h] [--pad v] [--interleaved]`

use std::{env, error::Error, fs};
use tandem_model::pre::{Frame, Layout, PreParams, Rect, Tables, preprocess};

const USAGE: &str = "usage: preprocess rgb8|nv12 W H FRAME OUT_W OUT_H TENSOR \
                     [--crop x,y,w,h] [--pad v] [--interleaved]";

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = env::args().skip(1).collect();
    let [format, w, h, frame_path, out_w, out_h, tensor_path, options @ ..] = args.as_slice()
    else {
        return Err(USAGE.into());
    };
    let frame = match format.as_str() {
        "rgb8" => Frame::rgb8(w.parse()?, h.parse()?),
        "nv12" => Frame::nv12(w.parse()?, h.parse()?),
        _ => return Err(USAGE.into()),
    };
    let (mut crop, mut pad, mut layout) = (frame.full(), 114, Layout::Planar);
    let mut options = options.iter();
    while let Some(option) = options.next() {
        match option.as_str() {
            "--interleaved" => layout = Layout::Interleaved,
            "--pad" => pad = options.next().ok_or(USAGE)?.parse()?,
            "--crop" => {
                let edges: Result<Vec<u16>, _> =
                    options.next().ok_or(USAGE)?.split(',').map(str::parse).collect();
                let [x, y, w, h] = edges?[..] else { return Err(USAGE.into()) };
                crop = Rect { x, y, w, h };
            }
            _ => return Err(USAGE.into()),
        }
    }
    let params =
        PreParams::letterbox(frame, crop, out_w.parse()?, out_h.parse()?, [pad; 3], layout)?;
    let mut tensor = vec![0; params.tensor_bytes()];
    preprocess(&params, &Tables::NONE, &fs::read(frame_path)?, &mut tensor)?;
    Ok(fs::write(tensor_path, tensor)?)
}
