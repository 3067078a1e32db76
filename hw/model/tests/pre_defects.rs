//! What the two ways to shrink a 4K frame leave of defects of 1 to 3 pixels.

use tandem_model::pre::*;

const FRAME: (u16, u16) = (3840, 2160);
const GROUND: u8 = 40;
const DEFECT: u8 = 240;

/// Contrast that is left, in parts of the original one: the least, the mean and the most over all
/// phases of a square defect to the grid of the tensor.
fn contrast(size: usize, tensor: (u16, u16), resize: Resize) -> [f64; 3] {
    let frame = Frame::packed(PixelFormat::Mono8, FRAME.0, FRAME.1);
    let p = PreParams::letterbox(frame, frame.full(), tensor.0, tensor.1, [0; 3], Layout::Planar);
    let p = PreParams { channels: Channels::Grey, ..p.unwrap().with_resize(resize) };
    let (step_x, step_y) =
        (f64::from(FRAME.0) / f64::from(tensor.0), f64::from(FRAME.1) / f64::from(tensor.1));
    // Far enough apart that no sample of the tensor sees two; every phase comes up.
    let pitch = 8 * step_x.max(step_y).ceil() as usize + 1;
    let (width, height) = (usize::from(FRAME.0), usize::from(FRAME.1));
    let places: Vec<(usize, usize)> = (pitch..height - pitch)
        .step_by(pitch)
        .flat_map(|y| (pitch..width - pitch).step_by(pitch).map(move |x| (x, y)))
        .collect();
    let mut pixels = vec![GROUND; width * height];
    for (x, y) in &places {
        for row in 0..size {
            pixels[(y + row) * width + x..][..size].fill(DEFECT);
        }
    }
    let mut out = vec![0; p.tensor_bytes()];
    preprocess(&p, &Tables::NONE, &pixels, &mut out).unwrap();
    let left: Vec<f64> = places
        .iter()
        .map(|(x, y)| {
            let around = |at: usize, step: f64| {
                let centre = (at as f64 / step) as usize;
                centre - 2..centre + 4
            };
            let most = around(*y, step_y)
                .flat_map(|y| around(*x, step_x).map(move |x| (x, y)))
                .map(|(x, y)| out[y * usize::from(tensor.0) + x])
                .max();
            f64::from(most.unwrap() - GROUND) / f64::from(DEFECT - GROUND)
        })
        .collect();
    let sum: f64 = left.iter().sum();
    let least = left.iter().copied().fold(1.0, f64::min);
    [least, sum / left.len() as f64, left.iter().copied().fold(0.0, f64::max)]
}

#[test]
fn area_keeps_something_of_every_defect_and_bilinear_loses_some_whole() {
    println!("tensor     size  bilinear least/mean/most   area least/mean/most");
    for tensor in [(1280, 720), (640, 360), (416, 234)] {
        let step = f64::from(FRAME.0) / f64::from(tensor.0);
        for size in 1..=3usize {
            let bilinear = contrast(size, tensor, Resize::Bilinear);
            let area = contrast(size, tensor, Resize::Area);
            println!("{tensor:?} {size}  {bilinear:.3?}  {area:.3?}");
            // A defect meets at most two samples an axis: one of them has half of it or more.
            let share = |part: f64| (part / step).min(1.0).powi(2);
            let rounding = 0.51 / f64::from(DEFECT - GROUND);
            assert!(area[0] >= share(size as f64 / 2.0) - rounding, "{area:?}");
            assert!(area[2] <= share(size as f64) + rounding + 0.002, "{area:?}");
            // Bilinear looks at two pixels of each step: between them a defect is lost.
            let gap = step - 2.0;
            if gap >= size as f64 {
                assert_eq!(bilinear[0], 0.0, "a defect of {size} fits between the taps");
                assert!(area[0] > 0.0, "{area:?}");
            }
        }
    }
}
