//! Reads a raw frame, runs the `pre` kernel with letterbox parameters, writes the tensor.
//!
//! `preprocess FORMAT W H FRAME OUT_W OUT_H TENSOR [options]`; see [`USAGE`].

use std::{env, error::Error, fs};
use tandem_model::pre::{
    Channels, Element, Frame, Kernel3, Layout, PixelFormat, PreParams, Rect, Resize, Tables,
    preprocess,
};

const USAGE: &str = "usage: preprocess FORMAT W H FRAME OUT_W OUT_H TENSOR [--crop x,y,w,h] \
                     [--pad v] [--interleaved] [--resize bilinear|area] [--grey] \
                     [--element u8|i8|f16] [--scale v] [--offset v] [--kernel3 nine numbers]
FORMAT is rgb8, nv12, mono8, yuyv or bayer_ORDERBITS with ORDER rggb, grbg, gbrg or bggr and BITS \
                     8, 10 or 12; scale and offset are Q16, for f16 Q24; the filter is Q8";

/// `bayer_grbg10` and the like.
fn format_of(name: &str) -> Option<PixelFormat> {
    PixelFormat::ALL.into_iter().find(|format| {
        let variant = format!("{format:?}").to_lowercase();
        variant == name.replace('_', "")
    })
}

fn numbers<T: std::str::FromStr>(list: &str) -> Result<Vec<T>, T::Err> {
    list.split(',').map(str::parse).collect()
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = env::args().skip(1).collect();
    let [format, w, h, frame_path, out_w, out_h, tensor_path, options @ ..] = args.as_slice()
    else {
        return Err(USAGE.into());
    };
    let frame = Frame::packed(format_of(format).ok_or(USAGE)?, w.parse()?, h.parse()?);
    let crop = match options.iter().position(|option| option == "--crop") {
        None => frame.full(),
        Some(at) => {
            let [x, y, w, h] = numbers(options.get(at + 1).ok_or(USAGE)?)?[..] else {
                return Err(USAGE.into());
            };
            Rect { x, y, w, h }
        }
    };
    let (out_w, out_h) = (out_w.parse()?, out_h.parse()?);
    let mut params = PreParams::letterbox(frame, crop, out_w, out_h, [114; 3], Layout::Planar)?;
    let mut options = options.iter();
    while let Some(option) = options.next() {
        let mut value = || options.next().ok_or(USAGE);
        match option.as_str() {
            "--interleaved" => params.layout = Layout::Interleaved,
            "--grey" => params.channels = Channels::Grey,
            "--pad" => params.pad = [value()?.parse()?; 3],
            "--scale" => params.scale = [value()?.parse()?; 3],
            "--offset" => params.offset = [value()?.parse()?; 3],
            "--crop" => drop(value()?),
            "--resize" => {
                params.resize = match value()?.as_str() {
                    "bilinear" => Resize::Bilinear,
                    "area" => Resize::Area,
                    _ => return Err(USAGE.into()),
                }
            }
            "--element" => {
                params.element = match value()?.as_str() {
                    "u8" => Element::U8,
                    "i8" => Element::I8,
                    "f16" => Element::F16,
                    _ => return Err(USAGE.into()),
                }
            }
            "--kernel3" => {
                let coefficients = numbers(value()?)?.try_into().map_err(|_| USAGE)?;
                params.kernel3 = Some(Kernel3(coefficients));
            }
            _ => return Err(USAGE.into()),
        }
    }
    let mut tensor = vec![0; params.tensor_bytes()];
    preprocess(&params, &Tables::NONE, &fs::read(frame_path)?, &mut tensor)?;
    Ok(fs::write(tensor_path, tensor)?)
}
