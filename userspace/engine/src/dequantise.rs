//! u8 tensor slot to the f32 input of a network that has no u8 input: `x = u8 * scale + offset`.

use tandem_model::pre::Layout;

use crate::model::{Input, Order};

/// Constants of the three channels of the tensor slot (red first).
#[derive(Clone, Debug)]
pub struct Dequantiser {
    layout: Layout,
    /// Tensor channel that becomes network channel 0, 1, 2.
    source: [usize; 3],
    scale: [f32; 3],
    offset: [f32; 3],
}

impl Dequantiser {
    pub fn new(input: &Input) -> Self {
        let source = match input.order {
            Order::Rgb => [0, 1, 2],
            Order::Bgr => [2, 1, 0],
        };
        Self { layout: input.layout, source, scale: input.scale, offset: input.offset }
    }

    /// Fills `out` (as many values as `tensor` has bytes). Two roundings, multiply then add, as
    /// numpy and the reference scripts do: the result is equal to the bit.
    pub fn fill(&self, tensor: &[u8], out: &mut [f32]) {
        match self.layout {
            Layout::Planar => {
                let plane = out.len() / 3;
                for (channel, out) in out.chunks_exact_mut(plane).enumerate() {
                    let from = self.source[channel] * plane;
                    let (scale, offset) = (self.scale[channel], self.offset[channel]);
                    for (x, byte) in out.iter_mut().zip(&tensor[from..from + plane]) {
                        *x = f32::from(*byte) * scale + offset;
                    }
                }
            }
            Layout::Interleaved => {
                for (out, pixel) in out.chunks_exact_mut(3).zip(tensor.chunks_exact(3)) {
                    for (channel, x) in out.iter_mut().enumerate() {
                        let byte = pixel[self.source[channel]];
                        *x = f32::from(byte) * self.scale[channel] + self.offset[channel];
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ResizeRule;

    fn input(layout: Layout, order: Order) -> Input {
        Input {
            tensor: "x".into(),
            width: 2,
            height: 1,
            layout,
            resize: ResizeRule::Auto,
            order,
            pad: [0; 3],
            scale: [1.0, 0.5, 2.0],
            offset: [0.0, 1.0, -1.0],
        }
    }

    fn filled(layout: Layout, order: Order, tensor: [u8; 6]) -> [f32; 6] {
        let mut out = [0.0; 6];
        Dequantiser::new(&input(layout, order)).fill(&tensor, &mut out);
        out
    }

    #[test]
    fn layout_and_order_pick_the_right_channel() {
        let planar = [10, 11, 20, 21, 30, 31];
        let pixels = [10, 20, 30, 11, 21, 31];
        let rgb = [10.0, 11.0, 11.0, 11.5, 59.0, 61.0];
        assert_eq!(filled(Layout::Planar, Order::Rgb, planar), rgb);
        let bgr = [30.0, 31.0, 11.0, 11.5, 19.0, 21.0];
        assert_eq!(filled(Layout::Planar, Order::Bgr, planar), bgr);
        let rgb = [10.0, 11.0, 59.0, 11.0, 11.5, 61.0];
        assert_eq!(filled(Layout::Interleaved, Order::Rgb, pixels), rgb);
        let bgr = [30.0, 11.0, 19.0, 31.0, 11.5, 21.0];
        assert_eq!(filled(Layout::Interleaved, Order::Bgr, pixels), bgr);
    }
}
