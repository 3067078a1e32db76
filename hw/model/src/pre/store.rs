//! The tensor: elements in their places, and the padding.

use core::ops::Range;

use super::{Layout, PreParams, element};

/// Takes rows of pixels, writes elements.
pub struct Sink<'a> {
    params: &'a PreParams,
    tensor: &'a mut [u8],
    /// Per channel; `None` where a pixel is its own element.
    tables: [Option<[u16; 256]>; 3],
}

impl<'a> Sink<'a> {
    /// The parameters are valid and the tensor long enough.
    pub fn new(params: &'a PreParams, tensor: &'a mut [u8]) -> Self {
        let tables = [0, 1, 2].map(|c| {
            let (scale, offset) = (params.scale[c], params.offset[c]);
            let same = element::is_identity(params.element, scale, offset);
            (!same).then(|| element::table(params.element, scale, offset))
        });
        Self { params, tensor, tables }
    }

    /// Writes row `y` of the content, one channel.
    pub fn put(&mut self, channel: usize, y: u16, pixels: &[u8]) {
        let row = usize::from(self.params.content.y) + usize::from(y);
        let column = usize::from(self.params.content.x);
        self.write(channel, row, column, pixels.len(), |i| pixels[i]);
    }

    /// Writes everything outside the content.
    pub fn pad(&mut self) {
        let content = self.params.content;
        let [x, y, w, h] = [content.x, content.y, content.w, content.h].map(usize::from);
        let (width, height) = (usize::from(self.params.width), usize::from(self.params.height));
        for channel in 0..self.params.channels.count() {
            let pad = self.params.pad[channel];
            let mut fill = |row: usize, columns: Range<usize>| {
                self.write(channel, row, columns.start, columns.len(), |_| pad);
            };
            for row in 0..height {
                if (y..y + h).contains(&row) {
                    fill(row, 0..x);
                    fill(row, x + w..width);
                } else {
                    fill(row, 0..width);
                }
            }
        }
    }

    /// Writes `count` elements of one channel from a place in the tensor on.
    fn write(
        &mut self,
        channel: usize,
        row: usize,
        column: usize,
        count: usize,
        pixel: impl Fn(usize) -> u8,
    ) {
        let (width, height) = (usize::from(self.params.width), usize::from(self.params.height));
        let (first, step) = match self.params.layout {
            Layout::Planar => ((channel * height + row) * width + column, 1),
            Layout::Interleaved => {
                let channels = self.params.channels.count();
                ((row * width + column) * channels + channel, channels)
            }
        };
        if count == 0 {
            return;
        }
        let size = self.params.element.bytes();
        let place = &mut self.tensor[first * size..][..((count - 1) * step + 1) * size];
        match (&self.tables[channel], size) {
            (None, _) => {
                place.iter_mut().step_by(step).enumerate().for_each(|(i, e)| *e = pixel(i))
            }
            (Some(table), 1) => {
                let elements = place.iter_mut().step_by(step).enumerate();
                elements.for_each(|(i, e)| *e = table[usize::from(pixel(i))] as u8);
            }
            (Some(table), _) => {
                let elements = place.as_chunks_mut().0.iter_mut().step_by(step).enumerate();
                elements.for_each(|(i, e)| *e = table[usize::from(pixel(i))].to_le_bytes());
            }
        }
    }
}
