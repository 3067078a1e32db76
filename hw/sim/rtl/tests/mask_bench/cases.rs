//! Random jobs: sizes, boxes, numbers, thresholds.

use tandem_model::mask::{MaskJob, MaskParams, MaskRoom, Run, mask, quantise};
use tandem_rtl::Rng;

/// A job with its packet, and what is special about it.
pub struct Case {
    pub job: MaskJob,
    pub boxes: Vec<[i32; 4]>,
    pub packet: Vec<u8>,
    pub exact: bool,
}

/// Parameters of a job that no kernel with that room refuses.
pub fn job(rng: &mut Rng, room: &MaskRoom) -> MaskJob {
    let (grid_w, grid_h) = match rng.below(16) {
        0 => (rng.range(1, 2048), 1),
        1 => (rng.range(1, 4), rng.range(1, 300)),
        2..=4 => (rng.range(1, 9), rng.range(1, 4)),
        5 => (rng.range(30, 70), rng.range(10, 40)),
        _ => (rng.range(1, 33), rng.range(1, 20)),
    };
    let most = (12_000 / (grid_w * grid_h)).clamp(1, 64);
    let prototypes = if rng.chance(200) { rng.range(1, most) } else { rng.range(1, most.min(5)) };
    let threshold = match rng.below(8) {
        0 => 0,
        1 => u16::MAX,
        2..=4 => 0x8000,
        _ => rng.next_u32() as u16,
    };
    let widest = if rng.chance(300) { 64 } else { 8 };
    let params = MaskParams {
        prototypes: prototypes as u8,
        grid_w: grid_w as u16,
        grid_h: grid_h as u16,
        stride: rng.range(1, widest) as u16,
        threshold,
    };
    let objects = rng.range(1, u64::from(room.objects)) as u8;
    MaskJob { params, objects, max_runs: 1 << 20 }
}

/// Any job with what it works on.
pub fn case(rng: &mut Rng, room: &MaskRoom) -> Case {
    let mut job = job(rng, room);
    if rng.chance(80) {
        return full(rng, room, job);
    }
    let boxes: Vec<_> = (0..job.objects).map(|_| a_box(rng, &job.params)).collect();
    if rng.chance(150) && job.params.prototypes > 1 {
        let packet = on_the_threshold(rng, &mut job, &boxes);
        return Case { job, boxes, packet, exact: true };
    }
    let packet = packet(rng, &job, &boxes);
    Case { job, boxes, packet, exact: false }
}

/// A box that takes all cells of the room, or a row more.
fn full(rng: &mut Rng, room: &MaskRoom, mut job: MaskJob) -> Case {
    let width = u32::from(room.lanes) * rng.range(2, 5) as u32;
    let height = room.cells / width + u32::from(rng.chance(512));
    let across = width.max(20) + rng.below(7) as u32;
    job.params.grid_w = across as u16;
    job.params.grid_h = (height + rng.below(3) as u32).min(2048) as u16;
    job.params.prototypes = rng.range(1, 2) as u8;
    let left = rng.below(u64::from((across - width) / u32::from(room.lanes) + 1)) as u32;
    let left = left * u32::from(room.lanes);
    let edge = |cells: u32| (cells * u32::from(job.params.stride)) as i32 * 256;
    let first = [edge(left), 0, edge(left + width), edge(height)];
    let boxes: Vec<_> = (0..job.objects)
        .map(|object| if object == 0 { first } else { a_box(rng, &job.params) })
        .collect();
    let packet = packet(rng, &job, &boxes);
    Case { job, boxes, packet, exact: false }
}

/// Edges anywhere, on a cell's middle, beside it, or far outside.
fn a_box(rng: &mut Rng, params: &MaskParams) -> [i32; 4] {
    let cell = i32::from(params.stride) << 8;
    let mut edge = |grid: u16, low: bool| {
        let at = rng.below(u64::from(grid) + 1) as i32;
        let middle = at * cell + cell / 2;
        match rng.below(16) {
            0..=4 => middle + rng.range(0, 2) as i32 - 1,
            5..=8 => at * cell + rng.below(cell as u64) as i32,
            9 if low => i32::MIN,
            9 => i32::MAX,
            10 if !low => i32::MIN + rng.below(1000) as i32,
            10 => i32::MAX - rng.below(1000) as i32,
            11 => rng.next_u32() as i32,
            _ if low => -(rng.range(0, 2000) as i32),
            _ => i32::from(grid) * cell + rng.range(0, 2000) as i32,
        }
    };
    let (left, top) = (edge(params.grid_w, true), edge(params.grid_h, true));
    let (right, bottom) = (edge(params.grid_w, false), edge(params.grid_h, false));
    if rng.chance(700) {
        return [left.min(right), top.min(bottom), left.max(right), top.max(bottom)];
    }
    [left, top, right, bottom]
}

/// f32 bits in one of several moods.
struct Numbers {
    mood: u64,
    kept: u32,
}

impl Numbers {
    fn new(rng: &mut Rng) -> Self {
        Self { mood: rng.below(8), kept: 0 }
    }

    fn next(&mut self, rng: &mut Rng) -> u32 {
        let even = |rng: &mut Rng| (rng.below(1 << 20) as f32 / (1 << 18) as f32 - 2.0).to_bits();
        match self.mood {
            0 => special(rng),
            1 => rng.next_u32(),
            // Few changes: long runs.
            2 | 3 => {
                if rng.chance(100) {
                    self.kept = even(rng);
                }
                self.kept
            }
            4 if rng.chance(30) => special(rng),
            // To the limits and beyond them.
            5 => (rng.below(1 << 20) as f32 / (1 << 10) as f32 - 512.0).to_bits(),
            _ => even(rng),
        }
    }
}

fn special(rng: &mut Rng) -> u32 {
    let bits = [
        f32::NAN.to_bits(),
        f32::INFINITY.to_bits(),
        f32::NEG_INFINITY.to_bits(),
        0x7f80_0001,
        0,
        1,
        0x8000_0000,
        0x007f_ffff,
        f32::MAX.to_bits(),
        f32::MIN.to_bits(),
        256.0_f32.to_bits(),
        (-256.0_f32).to_bits(),
        256.5_f32.to_bits(),
        (1.0_f32 / 131_072.0).to_bits(),
        (-1.0_f32 / 131_072.0).to_bits(),
        1.0_f32.to_bits(),
    ];
    rng.pick(&bits)
}

fn records(boxes: &[[i32; 4]], mut coefficient: impl FnMut(usize) -> u32, count: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    for edges in boxes {
        bytes.extend(edges.iter().flat_map(|edge| edge.to_le_bytes()));
        for at in 0..usize::from(count) {
            bytes.extend(coefficient(at).to_le_bytes());
        }
    }
    bytes
}

/// Records and prototypes of any numbers.
pub fn packet(rng: &mut Rng, job: &MaskJob, boxes: &[[i32; 4]]) -> Vec<u8> {
    let (mut numbers, broken) = (Numbers::new(rng), rng.chance(100));
    let coefficient = |_: usize| match rng.below(64) {
        0 if broken => special(rng),
        1 => 0,
        _ => (rng.below(1 << 20) as f32 / (1 << 18) as f32 - 2.0).to_bits(),
    };
    let mut bytes = records(boxes, coefficient, job.params.prototypes);
    for _ in 0..job.params.numbers() {
        bytes.extend(numbers.next(rng).to_le_bytes());
    }
    bytes
}

/// The sums, Q32, are the least one that passes, or at most two beside it.
fn on_the_threshold(rng: &mut Rng, job: &mut MaskJob, boxes: &[[i32; 4]]) -> Vec<u8> {
    if rng.chance(300) {
        job.params.threshold = rng.pick(&[1, 2, 0x7fff, 0x8001, 0xfffe]);
    }
    let least = least_sum(&job.params);
    let tick = (1.0_f32 / 65_536.0).to_bits();
    let coefficient = |at: usize| [1.0_f32.to_bits(), tick].get(at).copied().unwrap_or(0);
    let mut bytes = records(boxes, coefficient, job.params.prototypes);
    let sums: Vec<i64> =
        (0..job.params.cells()).map(|_| least + rng.range(0, 4) as i64 - 2).collect();
    for plane in 0..job.params.prototypes {
        for sum in &sums {
            let part = match plane {
                0 => sum >> 16,
                1 => sum & 0xffff,
                _ => 77,
            };
            bytes.extend((part as f32 / 65_536.0).to_le_bytes());
        }
    }
    bytes
}

/// The model's least sum that passes, by asking it about one cell.
fn least_sum(params: &MaskParams) -> i64 {
    let one = MaskParams { prototypes: 2, grid_w: 1, grid_h: 1, stride: 1, ..*params };
    let passes = |sum: i64| {
        let parts = [sum >> 16, sum & 0xffff].map(|part| (part as f32 / 65_536.0).to_le_bytes());
        let factors = [1.0_f32, 1.0 / 65_536.0].map(f32::to_le_bytes).concat();
        let (mut fixed, mut runs) = ([0; 2], [Run::default()]);
        quantise(&one, &parts.concat(), &mut fixed).expect("two numbers");
        let whole = [0, 0, 256, 256];
        mask(&one, &fixed, &factors, whole, &mut runs).expect("one cell").area == 1
    };
    let (mut low, mut high) = (-(17_i64 << 32), 17_i64 << 32);
    while low < high {
        let middle = (low + high).div_euclid(2);
        if passes(middle) { high = middle } else { low = middle + 1 }
    }
    low
}
