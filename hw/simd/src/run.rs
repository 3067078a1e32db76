//! The kernel: as in the model, each source row is interpolated across once and kept while
//! output rows need it.

use tandem_model::pre::sample::tap;
use tandem_model::pre::{
    self, Channels, Layout, MAX_SIDE, PixelFormat, PreError, PreParams, Resize, Tables,
};

use crate::dispatch::{Lines, Outputs, Path, Stores, Vectors};
use crate::elements::{Elements, fill_padding};
use crate::plan::{Plan, staged_bytes};
use crate::stage;

const NO_ROW: u32 = u32::MAX;
/// From this `step_y` (Q32, 1.75) on, few source rows serve two output rows.
const NOT_SHARED: u64 = 7 << 30;
const SIDE: usize = MAX_SIDE as usize;

/// A source row interpolated across, per channel.
struct Row {
    number: u32,
    channels: [Box<[u32]>; 3],
}

/// What a run needs beside frame and tensor, for any parameters: about 1 MB, allocated once.
pub struct Scratch {
    vectors: Option<Vectors>,
    elements: Elements,
    work: Work,
}

/// Rows under way.
struct Work {
    plan: Plan,
    rows: [Row; 2],
    staged: [Box<[u8]>; 2],
    /// A content row per channel, before it is interleaved.
    planes: [Box<[u8]>; 3],
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
        let work = Work {
            plan: Plan::new(),
            rows: [row(), row()],
            staged: [staged(), staged()],
            planes: [0; 3].map(|_| vec![0; 2 * SIDE].into()),
        };
        Self { vectors, elements: Elements::new(), work }
    }
}

/// Runs the kernel: writes the first `tensor_bytes()` of `tensor`, the same as
/// [`pre::preprocess`]. Allocates nothing.
///
/// # Errors
/// Those of the model.
pub fn preprocess(
    params: &PreParams,
    tables: &Tables,
    frame: &[u8],
    tensor: &mut [u8],
    scratch: &mut Scratch,
) -> Result<(), PreError> {
    let Some(vectors) = scratch.vectors.filter(|_| is_special(params)) else {
        return pre::preprocess(params, tables, frame, tensor);
    };
    params.validate()?;
    let short = |buffer, have, need| PreError::Short { buffer, have, need };
    let (need, have) = (params.frame_bytes(), frame.len());
    let frame = frame.get(..need).ok_or(short("frame", have, need))?;
    let (need, have) = (params.tensor_bytes(), tensor.len());
    let tensor = tensor.get_mut(..need).ok_or(short("tensor", have, need))?;
    let Scratch { elements, work, .. } = scratch;
    elements.update(params);
    let stores = elements.stores(params);
    fill_padding(params, &stores, tensor);
    Run { params, frame, vectors, work }.all(&stores, tensor);
    Ok(())
}

/// Whether the vector paths know it.
fn is_special(params: &PreParams) -> bool {
    let format = matches!(params.frame.format, PixelFormat::Nv12 | PixelFormat::Rgb8);
    let plain = params.resize == Resize::Bilinear && params.channels == Channels::Rgb;
    let raw = params.kernel3.is_none() && !params.lut && !params.flat;
    format && plain && raw && params.crop.w >= 2
}

/// One run.
struct Run<'a, 's> {
    params: &'a PreParams,
    frame: &'a [u8],
    vectors: Vectors,
    work: &'s mut Work,
}

impl<'a> Run<'a, '_> {
    fn all(&mut self, stores: &Stores, tensor: &mut [u8]) {
        let Self { params, vectors, .. } = *self;
        let (crop, content) = (params.crop, params.content);
        let shape = vectors.shape(params.frame.format);
        self.work.plan.update(shape, params.frame.format, crop.w, content.w, params.step_x);
        self.work.rows.iter_mut().for_each(|row| row.number = NO_ROW);
        match params.layout {
            Layout::Planar => {
                for y in 0..content.h {
                    self.row(y, stores, content_row(params, tensor, y));
                }
            }
            Layout::Interleaved => {
                let size = params.element.bytes();
                let mut planes = std::mem::take(&mut self.work.planes);
                for y in 0..content.h {
                    let rows =
                        planes.each_mut().map(|row| &mut row[..size * usize::from(content.w)]);
                    self.row(y, stores, rows);
                    interleave(params, &planes, tensor, y);
                }
                self.work.planes = planes;
            }
        }
    }

    /// Content row `y`, per channel.
    fn row(&mut self, y: u16, stores: &Stores, mut out: Outputs) {
        let Self { params, vectors, .. } = *self;
        let t = tap(u32::from(y), params.step_y, params.crop.h);
        if t.weight != 0 && params.step_y >= NOT_SHARED && self.is_direct() {
            let rows = [t.at, t.next].map(|number| self.lines(number));
            return vectors.both_nv12(rows, &self.work.plan, t.weight, stores, out);
        }
        // The lower row of one output row is often the upper row of the next.
        if self.work.rows[1].number == t.at {
            self.work.rows.swap(0, 1);
        }
        self.fill_row(t.at, 0);
        // A weight of zero needs no lower row: whatever it holds counts nothing.
        if t.weight != 0 {
            self.fill_row(t.next, 1);
        }
        for (c, out) in out.iter_mut().enumerate() {
            let rows = self.work.rows.each_ref().map(|row| &*row.channels[c]);
            vectors.blend(rows, t.weight, stores[c], out);
        }
    }

    /// NV12, read where it lies.
    fn is_direct(&self) -> bool {
        self.params.frame.format == PixelFormat::Nv12 && self.work.plan.window.is_some()
    }

    /// Luma and chroma of an NV12 crop row.
    fn lines(&self, number: u32) -> Lines<'a> {
        let (stride, crop) = (self.params.frame.stride as usize, self.params.crop);
        let y = usize::from(crop.y) + number as usize;
        let (x, w) = (usize::from(crop.x), usize::from(crop.w));
        let plane = stride * usize::from(self.params.frame.height);
        [&self.frame[y * stride + x..][..w], &self.frame[plane + y / 2 * stride + x..][..w]]
    }

    /// An RGB crop row.
    fn line(&self, number: u32) -> &'a [u8] {
        let (stride, crop) = (self.params.frame.stride as usize, self.params.crop);
        let y = usize::from(crop.y) + number as usize;
        &self.frame[y * stride + 3 * usize::from(crop.x)..][..3 * usize::from(crop.w)]
    }

    /// Interpolates crop row `number` across, unless that row already holds it.
    fn fill_row(&mut self, number: u32, which: usize) {
        if self.work.rows[which].number == number {
            return;
        }
        let vectors = self.vectors;
        if self.params.frame.format == PixelFormat::Nv12 {
            let lines = self.lines(number);
            let Work { plan, rows, staged, .. } = &mut *self.work;
            let out = &mut rows[which].channels;
            if plan.window.is_some() {
                vectors.across_nv12(lines, plan, out);
            } else {
                stage::nv12(lines, plan.positions(), staged);
                vectors.across_nv12(staged.each_ref().map(|row| &**row), plan, out);
            }
        } else {
            let line = self.line(number);
            let Work { plan, rows, staged, .. } = &mut *self.work;
            let out = &mut rows[which].channels;
            if plan.window.is_some() {
                vectors.across_rgb(line, plan, out);
            } else {
                stage::rgb(line, plan.positions(), &mut staged[0]);
                vectors.across_rgb(&staged[0], plan, out);
            }
        }
        self.work.rows[which].number = number;
    }
}

/// Content row `y` of a planar tensor, per channel.
fn content_row<'t>(params: &PreParams, tensor: &'t mut [u8], y: u16) -> Outputs<'t> {
    let (width, height) = (usize::from(params.width), usize::from(params.height));
    let row = usize::from(params.content.y) + usize::from(y);
    let size = params.element.bytes();
    let at = (row * width + usize::from(params.content.x)) * size;
    let (red, rest) = tensor.split_at_mut(width * height * size);
    let (green, blue) = rest.split_at_mut(width * height * size);
    [red, green, blue].map(|plane| &mut plane[at..][..usize::from(params.content.w) * size])
}

/// Puts a content row into an interleaved tensor.
fn interleave(params: &PreParams, planes: &[Box<[u8]>; 3], tensor: &mut [u8], y: u16) {
    let row = usize::from(params.content.y) + usize::from(y);
    let at = row * usize::from(params.width) + usize::from(params.content.x);
    let size = params.element.bytes();
    let columns = usize::from(params.content.w);
    let pixels = tensor[3 * size * at..].chunks_exact_mut(3 * size).take(columns);
    for (i, pixel) in pixels.enumerate() {
        for (to, plane) in pixel.chunks_exact_mut(size).zip(planes) {
            to.copy_from_slice(&plane[i * size..][..size]);
        }
    }
}
