//! The kernel: as in the model, each source row is interpolated across once and kept while
//! output rows need it.

use tandem_model::pre::sample::tap;
use tandem_model::pre::{self, Layout, MAX_SIDE, PixelFormat, PreError, PreParams, colour};

use crate::dispatch::{Path, Vectors};
use crate::plan::{Plan, staged_bytes};
use crate::stage;

const NO_ROW: u32 = u32::MAX;
const SIDE: usize = MAX_SIDE as usize;

/// A source row interpolated across, per channel.
struct Row {
    number: u32,
    channels: [Box<[u32]>; 3],
}

/// What a run needs beside frame and tensor, for any parameters: about 1 MB, allocated once.
pub struct Scratch {
    vectors: Option<Vectors>,
    plan: Plan,
    rows: [Row; 2],
    staged: [Box<[u8]>; 2],
    bytes: Box<[u8]>,
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

impl Scratch {
    /// For the best path of this machine.
    pub fn new() -> Self {
        Self::with(Vectors::new(Path::best()))
    }

    /// For the given path; none if this machine cannot run it.
    pub fn on(path: Path) -> Option<Self> {
        path.is_available().then(|| Self::with(Vectors::new(path)))
    }

    fn with(vectors: Option<Vectors>) -> Self {
        let row = || Row { number: NO_ROW, channels: [0; 3].map(|_| vec![0; SIDE].into()) };
        let staged = || vec![0; SIDE * staged_bytes(PixelFormat::Rgb8)].into();
        Self {
            vectors,
            plan: Plan::new(),
            rows: [row(), row()],
            staged: [staged(), staged()],
            bytes: vec![0; SIDE].into(),
        }
    }
}

/// Runs the kernel: writes the first `tensor_bytes()` of `tensor`, the same as
/// [`pre::preprocess`]. Allocates nothing.
///
/// # Errors
/// Those of the model.
pub fn preprocess(
    params: &PreParams,
    frame: &[u8],
    tensor: &mut [u8],
    scratch: &mut Scratch,
) -> Result<(), PreError> {
    let Some(vectors) = scratch.vectors.filter(|_| is_special(params)) else {
        return pre::preprocess(params, frame, tensor);
    };
    params.validate()?;
    let short = |buffer, have, need| PreError::Short { buffer, have, need };
    let (need, have) = (params.frame_bytes(), frame.len());
    let frame = frame.get(..need).ok_or(short("frame", have, need))?;
    let (need, have) = (params.tensor_bytes(), tensor.len());
    let tensor = tensor.get_mut(..need).ok_or(short("tensor", have, need))?;
    fill_padding(params, tensor);
    Run { params, frame, vectors, scratch }.all(tensor);
    Ok(())
}

/// Whether the vector paths know it.
fn is_special(params: &PreParams) -> bool {
    let format = matches!(params.frame.format, PixelFormat::Nv12 | PixelFormat::Rgb8);
    format && params.crop.w >= 2
}

/// One run.
struct Run<'a> {
    params: &'a PreParams,
    frame: &'a [u8],
    vectors: Vectors,
    scratch: &'a mut Scratch,
}

impl Run<'_> {
    fn all(&mut self, tensor: &mut [u8]) {
        let Self { params, vectors, .. } = *self;
        let (crop, content) = (params.crop, params.content);
        let shape = vectors.shape(params.frame.format);
        self.scratch.plan.update(shape, params.frame.format, crop.w, content.w, params.step_x);
        self.scratch.rows.iter_mut().for_each(|row| row.number = NO_ROW);
        let tables = [0, 1, 2].map(|c| {
            let unity = params.scale[c] == 1 << 16 && params.offset[c] == 0;
            (!unity).then(|| colour::table(params.scale[c], params.offset[c]))
        });
        for y in 0..content.h {
            let t = tap(u32::from(y), params.step_y, crop.h);
            // The lower row of one output row is often the upper row of the next.
            if self.scratch.rows[1].number == t.at {
                self.scratch.rows.swap(0, 1);
            }
            self.fill_row(t.at, 0);
            // A weight of zero needs no lower row: whatever it holds counts nothing.
            if t.weight != 0 {
                self.fill_row(t.next, 1);
            }
            for (c, table) in tables.iter().enumerate() {
                self.write_row(tensor, c, y, t.weight, table.as_ref());
            }
        }
    }

    /// Interpolates crop row `number` across, unless that row already holds it.
    fn fill_row(&mut self, number: u32, which: usize) {
        let Self { params, frame, vectors, .. } = *self;
        let Scratch { plan, rows, staged, .. } = &mut *self.scratch;
        let row = &mut rows[which];
        if row.number == number {
            return;
        }
        row.number = number;
        let (stride, crop) = (params.frame.stride as usize, params.crop);
        let y = usize::from(crop.y) + number as usize;
        let (x, w) = (usize::from(crop.x), usize::from(crop.w));
        let [first, second] = staged;
        match params.frame.format {
            PixelFormat::Nv12 => {
                let plane = stride * usize::from(params.frame.height);
                let luma = &frame[y * stride + x..][..w];
                let chroma = &frame[plane + y / 2 * stride + x..][..w];
                if plan.window.is_some() {
                    vectors.across_nv12(luma, chroma, plan, &mut row.channels);
                } else {
                    stage::nv12([luma, chroma], plan.positions(), [first, second]);
                    vectors.across_nv12(first, second, plan, &mut row.channels);
                }
            }
            _ => {
                let line = &frame[y * stride + 3 * x..][..3 * w];
                if plan.window.is_some() {
                    vectors.across_rgb(line, plan, &mut row.channels);
                } else {
                    stage::rgb(line, plan.positions(), first);
                    vectors.across_rgb(first, plan, &mut row.channels);
                }
            }
        }
    }

    /// Interpolates the two rows down and puts channel `c` of content row `y` into the tensor.
    fn write_row(
        &mut self,
        tensor: &mut [u8],
        c: usize,
        y: u16,
        weight: u32,
        table: Option<&[u8; 256]>,
    ) {
        let Self { params, vectors, .. } = *self;
        let (width, height) = (usize::from(params.width), usize::from(params.height));
        let row = usize::from(params.content.y) + usize::from(y);
        let (column, columns) = (usize::from(params.content.x), usize::from(params.content.w));
        let [upper, lower] = self.scratch.rows.each_ref().map(|row| &*row.channels[c]);
        match params.layout {
            Layout::Planar => {
                let at = (c * height + row) * width + column;
                vectors.blend(upper, lower, weight, table, &mut tensor[at..][..columns]);
            }
            Layout::Interleaved => {
                let bytes = &mut self.scratch.bytes[..columns];
                vectors.blend(upper, lower, weight, table, bytes);
                let at = 3 * (row * width + column);
                let pixels = tensor[at..][..3 * columns].as_chunks_mut::<3>().0;
                pixels.iter_mut().zip(bytes).for_each(|(pixel, byte)| pixel[c] = *byte);
            }
        }
    }
}

/// Everything outside the content.
fn fill_padding(params: &PreParams, tensor: &mut [u8]) {
    let (width, height) = (usize::from(params.width), usize::from(params.height));
    let (x, y) = (usize::from(params.content.x), usize::from(params.content.y));
    let (right, bottom) = (x + usize::from(params.content.w), y + usize::from(params.content.h));
    match params.layout {
        Layout::Planar => {
            for (plane, pad) in tensor.chunks_exact_mut(width * height).zip(params.pad) {
                let (above, rest) = plane.split_at_mut(y * width);
                let (rows, below) = rest.split_at_mut((bottom - y) * width);
                above.fill(pad);
                below.fill(pad);
                for row in rows.chunks_exact_mut(width).filter(|_| right - x < width) {
                    row[..x].fill(pad);
                    row[right..].fill(pad);
                }
            }
        }
        Layout::Interleaved => {
            let pixels = tensor.as_chunks_mut::<3>().0;
            for (i, row) in pixels.chunks_exact_mut(width).enumerate() {
                let inside = (y..bottom).contains(&i);
                let (left, right) = if inside { (x, right) } else { (width, width) };
                row[..left].fill(params.pad);
                row[right..].fill(params.pad);
            }
        }
    }
}
