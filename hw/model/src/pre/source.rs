//! Rows of the crop as the resize takes them: colour or grey, filtered.

use super::rows::{BLACK, Plane, Ring, Row};
use super::samples::Levels;
use super::{Channels, PixelFormat, PreParams, Tables, bayer, colour, filter};

/// All stages before the resize, a row at a time.
pub struct Source<'a> {
    params: &'a PreParams,
    colours: Colours<'a>,
    /// Rows that the 3x3 filter looks at.
    unfiltered: Ring<Row, 3>,
}

impl<'a> Source<'a> {
    /// The parameters are valid, the tables those that they use, the frame long enough.
    pub fn new(params: &'a PreParams, tables: Tables<'a>, frame: &'a [u8]) -> Self {
        let view = View { params, tables, frame };
        let colours = Colours { view, mosaic: Ring::new([[0; _]; 3]) };
        Self { params, colours, unfiltered: Ring::new([BLACK; 3]) }
    }

    /// The parameters.
    pub const fn params(&self) -> &'a PreParams {
        self.params
    }

    /// Row `y` of the crop.
    pub fn row(&mut self, y: usize, out: &mut Row) {
        let (width, last) = (usize::from(self.params.crop.w), usize::from(self.params.crop.h) - 1);
        match &self.params.kernel3 {
            None => self.colours.row(y, out),
            Some(kernel) => {
                let rows = [y.saturating_sub(1), y, (y + 1).min(last)];
                for number in rows {
                    self.unfiltered.load(number, |row| {
                        self.colours.row(number, row);
                        row.iter_mut().for_each(|plane| filter::replicate(plane, width));
                    });
                }
                for (c, plane) in out.iter_mut().enumerate() {
                    let planes = rows.map(|number| &self.unfiltered.get(number)[c]);
                    filter::filter(kernel, planes, width, plane);
                }
            }
        }
        if self.params.channels == Channels::Grey {
            let [r, g, b] = out;
            for ((r, g), b) in r[1..=width].iter_mut().zip(&g[1..=width]).zip(&b[1..=width]) {
                *r = colour::grey(*r, *g, *b);
            }
        }
    }
}

/// Samples to colours.
struct Colours<'a> {
    view: View<'a>,
    /// Bayer rows in 8 bits, reflected at both ends.
    mosaic: Ring<Plane, 3>,
}

impl Colours<'_> {
    fn row(&mut self, y: usize, out: &mut Row) {
        let view = self.view;
        let (width, line) = (usize::from(view.params.crop.w), view.line(y));
        match view.params.frame.format {
            PixelFormat::Rgb8 => view.rgb(y, line, out),
            PixelFormat::Mono8 => view.mono(y, line, out),
            PixelFormat::Nv12 => {
                // Pairs of luma and of chroma alternate like the bytes of YUYV.
                let chroma = view.chroma(y).as_chunks().0;
                let pairs = line.as_chunks().0.iter().zip(chroma);
                yuv(pairs.map(|([y0, y1], [u, v])| [*y0, *u, *y1, *v]), width, out);
            }
            PixelFormat::Yuyv => yuv(line.as_chunks().0.iter().copied(), width, out),
            _ => {
                let (above, below) = bayer::neighbours(y, usize::from(view.params.crop.h));
                let rows = [above, y, below];
                for number in rows {
                    self.mosaic.load(number, |row| view.mosaic_row(number, row));
                }
                let (red_x, red_y) = view.params.frame.format.red_at();
                let red = y & 1 == red_y;
                let first = if red { red_x } else { 1 - red_x };
                bayer::demosaic(rows.map(|n| self.mosaic.get(n)), width, red, first, out);
            }
        }
    }
}

/// The frame, and what is done to its samples.
#[derive(Clone, Copy)]
struct View<'a> {
    params: &'a PreParams,
    tables: Tables<'a>,
    frame: &'a [u8],
}

impl<'a> View<'a> {
    /// The crop's bytes of row `y` (NV12: of luma).
    fn line(&self, y: usize) -> &'a [u8] {
        let (frame, crop) = (&self.params.frame, &self.params.crop);
        let pixel = frame.format.pixel_bytes();
        let row = (usize::from(crop.y) + y) * frame.stride as usize;
        &self.frame[row + pixel * usize::from(crop.x)..][..pixel * usize::from(crop.w)]
    }

    /// The crop's bytes of the chroma row for row `y` of NV12.
    fn chroma(&self, y: usize) -> &'a [u8] {
        let (frame, crop) = (&self.params.frame, &self.params.crop);
        let row = usize::from(frame.height) + (usize::from(crop.y) + y) / 2;
        &self.frame[row * frame.stride as usize + usize::from(crop.x)..][..usize::from(crop.w)]
    }

    fn levels(&self, y: usize) -> Levels<'a> {
        Levels::new(self.params, &self.tables, usize::from(self.params.crop.y) + y)
    }

    /// Column of the frame.
    fn column(&self, x: usize) -> usize {
        usize::from(self.params.crop.x) + x
    }

    fn rgb(&self, y: usize, line: &[u8], out: &mut Row) {
        let levels = self.levels(y);
        let pixels = line.as_chunks::<3>().0;
        let [r, g, b] = out.each_mut().map(|plane| &mut plane[1..=pixels.len()]);
        if levels.is_plain() {
            for (i, pixel) in pixels.iter().enumerate() {
                [r[i], g[i], b[i]] = *pixel;
            }
            return;
        }
        for (i, pixel) in pixels.iter().enumerate() {
            let x = self.column(i);
            let level = |c: usize| levels.level(u16::from(pixel[c]), c, x);
            [r[i], g[i], b[i]] = [level(0), level(1), level(2)];
        }
    }

    fn mono(&self, y: usize, line: &[u8], out: &mut Row) {
        let (levels, width) = (self.levels(y), line.len());
        let [r, g, b] = out;
        for (x, (out, byte)) in r[1..].iter_mut().zip(line).enumerate() {
            *out = levels.level(u16::from(*byte), 0, self.column(x));
        }
        g[1..=width].copy_from_slice(&r[1..=width]);
        b[1..=width].copy_from_slice(&r[1..=width]);
    }

    /// The samples of a row in 8 bits.
    fn mosaic_row(&self, y: usize, out: &mut Plane) {
        let levels = self.levels(y);
        let (red_x, red_y) = self.params.frame.format.red_at();
        // Colours of the even and the odd columns: red is 0, green 1, blue 2.
        let colours = [0, 1].map(|x| usize::from(x != red_x) + usize::from(y & 1 != red_y));
        let line = self.line(y);
        let level = |x: usize, word: u16| levels.level(word, colours[x & 1], self.column(x));
        if self.params.frame.format.sample_bytes() == 2 {
            for (x, (out, word)) in out[1..].iter_mut().zip(line.as_chunks().0).enumerate() {
                *out = level(x, u16::from_le_bytes(*word));
            }
        } else {
            for (x, (out, byte)) in out[1..].iter_mut().zip(line).enumerate() {
                *out = level(x, u16::from(*byte));
            }
        }
        bayer::reflect(out, usize::from(self.params.crop.w));
    }
}

/// Two pixels that share chroma, as `[y0, u, y1, v]`, to colours. Picking and converting are loops
/// of their own, because only the second can be vectorised.
fn yuv(pairs: impl Iterator<Item = [u8; 4]>, width: usize, out: &mut Row) {
    let [y, u, v] = out.each_mut().map(|plane| &mut plane[1..=width]);
    let chunks = y.as_chunks_mut().0.iter_mut().zip(u.as_chunks_mut().0).zip(v.as_chunks_mut().0);
    for (pair, ((y, u), v)) in pairs.zip(chunks) {
        (*y, *u, *v) = ([pair[0], pair[2]], [pair[1]; 2], [pair[3]; 2]);
    }
    for ((y, u), v) in y.iter_mut().zip(u).zip(v) {
        [*y, *u, *v] = colour::rgb(*y, *u, *v);
    }
}
