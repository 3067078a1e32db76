//! `tandem_mask` against the model: random jobs, boxes and stalls, refusals, wrong lengths, resets.
//!
//! `TANDEM_RTL_CASES` is the number of jobs of each build, `TANDEM_RTL_FIRST` the first seed.

mod mask_bench;

use mask_bench::cases::{self, Case};
use mask_bench::{
    BUILDS, Bench, OK, REFUSED_PARAMS, SHORT_INPUT, TOO_LARGE, TOO_MANY_RUNS, wanted, words,
};
use tandem_model::mask::{MaskJob, MaskParams, MaskRoom};
use tandem_regs::mask::offset;
use tandem_rtl::{Bins, Rng, Stall, cases, first};

/// One field made such that the kernel refuses it.
fn spoil(rng: &mut Rng, job: &mut MaskJob, room: &MaskRoom) {
    match rng.below(5) {
        0 => job.params.grid_w = rng.pick(&[0, 2049, u16::MAX]),
        1 => job.params.grid_h = rng.pick(&[0, 2049, 0x8001]),
        2 => job.params.prototypes = rng.pick(&[0, 65, u8::MAX]),
        3 => job.params.stride = rng.pick(&[0, 65, 0x101, u16::MAX]),
        _ => job.objects = rng.pick(&[0, room.objects + 1, u8::MAX]),
    }
    assert!(job.validate(room).is_err(), "{job:?}");
}

/// What a job that was computed is a case of.
fn note(bins: &mut Bins, room: &MaskRoom, case: &Case, result: &[u8]) {
    let (job, words) = (&case.job, words(result));
    let lanes = u16::from(room.lanes);
    let (grid_w, grid_h) = (job.params.grid_w, job.params.grid_h);
    let headers = words.chunks(4).take(usize::from(job.objects));
    let runs: Vec<_> = words[4 * usize::from(job.objects)..].chunks(2).collect();
    bins.note("a whole number of groups a row", grid_w.is_multiple_of(lanes));
    bins.note("a part of a group at a row's end", !grid_w.is_multiple_of(lanes));
    let groups = u32::from(grid_w.div_ceil(lanes)) * u32::from(grid_h);
    bins.note("fewer groups than the pipeline is deep", groups < 8);
    bins.note("exactly as many groups", groups == 8);
    bins.note("one prototype", job.params.prototypes == 1);
    bins.note("more than 32 prototypes", job.params.prototypes > 32);
    bins.note("all objects used", job.objects == room.objects);
    bins.note("threshold 0", job.params.threshold == 0);
    bins.note("sums around the threshold", case.exact && !runs.is_empty());
    bins.note("no run at all", runs.is_empty());
    bins.note("a run to the row's end", runs.iter().any(|r| (r[0] >> 16) + r[1] == grid_w.into()));
    bins.note("a run of one cell", runs.iter().any(|r| r[1] == 1));
    bins.note("a run over three groups", runs.iter().any(|r| r[1] > 2 * u32::from(lanes)));
    let neighbours = |pair: &[&[u32]]| {
        let end = (pair[0][0] >> 16) + pair[0][1];
        pair[0][0] as u16 == pair[1][0] as u16 && pair[1][0] >> 16 == end + 1
    };
    bins.note("one cell between two runs", runs.windows(2).any(neighbours));
    for (header, edges) in headers.zip(&case.boxes) {
        let taken = job.cells_taken(*edges, room);
        bins.note("a box without cells", taken == 0);
        bins.note("a box that fills the room", taken == room.cells);
        bins.note("a box of the whole grid", taken >= u32::from(grid_w) * u32::from(grid_h));
        bins.note("an object without runs in a box with cells", header[0] == 0 && taken > 0);
        bins.note("cells that are not finite beside a mask", header[2] > 0 && header[1] > 0);
        bins.note("all cells of a box on", header[1] > 4 && header[1] == taken);
    }
}

fn random_job(bench: &mut Bench, rng: &mut Rng, bins: &mut Bins, context: &str) {
    let room = bench.room;
    let mut case = cases::case(rng, &room);
    if rng.chance(60) {
        spoil(rng, &mut case.job, &room);
    }
    let refused = case.job.validate(&room).is_err();
    bench.kernel.stall_source(bench.source, Stall::any(rng.next_u64()));
    bench.kernel.stall_sink(bench.sink, Stall::any(rng.next_u64()));
    let fate = rng.below(16);
    if !refused {
        // The result's runs at the limit, or one beyond it.
        if let (0..=2, (OK, Some(result))) = (fate, wanted(&case.job, &room, &case.packet)) {
            let runs = ((result.len() - 16 * usize::from(case.job.objects)) / 8) as u32;
            case.job.max_runs = runs - u32::from(fate == 0 && runs > 0);
            bins.note("as many runs as there may be", fate != 0);
        }
        match fate {
            3 => {
                let whole = case.packet.len();
                let length =
                    if rng.chance(512) { whole - 1 } else { rng.below(whole as u64) as usize };
                case.packet.truncate(length.max(1));
                bins.note("packet short", true);
            }
            4 => {
                let more = rng.pick(&[1, 2, 3, 4, 5, 8, 16, 100, 3000]);
                case.packet.resize(case.packet.len() + more, 0x55);
                bins.note("packet long", true);
            }
            _ => {}
        }
    }
    let (status, output) = wanted(&case.job, &room, &case.packet);
    let early = !refused && rng.chance(300);
    if early {
        bench.kernel.push(bench.source, &case.packet);
    }
    bench.write(&case.job);
    bench.start();
    if !refused && !early {
        bench.kernel.push(bench.source, &case.packet);
    }
    // What the job computes with may be overwritten once it runs.
    if rng.chance(300) {
        bench.write(&cases::job(rng, &room));
        bins.note("parameters written while a job runs", true);
    }
    let bytes = case.packet.len() + output.as_ref().map_or(0, Vec::len);
    let limit = 60_000 + 60 * bytes as u64;
    if !refused && fate == 5 {
        for _ in 0..rng.range(1, 400 + bytes as u64 / 2) {
            bench.kernel.clock();
        }
        bench.hold();
        bins.note("held in reset on the way", true);
        return;
    }
    let answered = bench.finish(limit);
    let made = bench.kernel.take(bench.sink);
    assert_eq!(answered, status, "{context} {:?} {:?}", case.job, case.boxes);
    let wanted: Vec<_> = output.into_iter().collect();
    assert!(
        made == wanted,
        "{context} {:?} {:?}\n{:?}\n{:?}",
        case.job,
        case.boxes,
        made.iter().map(|packet| words(packet)).collect::<Vec<_>>(),
        wanted.iter().map(|packet| words(packet)).collect::<Vec<_>>()
    );
    for (code, name) in [
        (REFUSED_PARAMS, "refused"),
        (TOO_MANY_RUNS, "too many runs"),
        (SHORT_INPUT, "another length"),
        (TOO_LARGE, "too large"),
    ] {
        bins.note(name, answered == code);
    }
    if let Some(result) = wanted.first() {
        note(bins, &room, &case, result);
    }
}

#[test]
fn random_jobs_equal_the_model() {
    let cases = cases(600);
    for (name, room) in BUILDS {
        let mut bins = Bins::default();
        for seed in first()..first() + cases.div_ceil(25) {
            let mut rng = Rng::new(seed);
            let mut bench = Bench::new(name, seed);
            assert_eq!(bench.room, room);
            bench.kernel.stall_axil(Stall::any(seed));
            for case in 0..25 {
                let context = format!("{name} seed {seed} case {case}");
                random_job(&mut bench, &mut rng, &mut bins, &context);
            }
        }
        println!("{name}, {cases} jobs");
        if cases >= 600 {
            // Of a number a clock every group is whole.
            let rare: &[&str] =
                if room.lanes == 1 { &["a part of a group at a row's end"] } else { &[] };
            bins.finish(rare);
        }
    }
}

#[test]
fn identity_is_the_maps() {
    let mut bench = Bench::new("mask_2", 1);
    assert_eq!(&bench.kernel.read32(offset::ID).to_le_bytes(), b"MSK0");
    assert_eq!(bench.kernel.read32(offset::HASH), tandem_regs::mask::MAP_HASH);
    assert_eq!(bench.kernel.read32(offset::CAPS), 0x0040_0302);
}

/// The greatest values of every field, and one beyond each.
#[test]
fn limits_are_the_models() {
    let mut bench = Bench::new("mask_2", 3);
    let good = MaskJob {
        params: MaskParams { prototypes: 1, grid_w: 3, grid_h: 2, stride: 1, threshold: 1 },
        objects: 1,
        max_runs: 9,
    };
    let with = |change: &dyn Fn(&mut MaskJob)| {
        let mut job = good;
        change(&mut job);
        job
    };
    for job in [
        with(&|job| job.params.prototypes = 64),
        with(&|job| job.params.grid_w = 2048),
        with(&|job| job.params.grid_h = 2048),
        with(&|job| job.params.stride = 64),
        with(&|job| job.objects = 3),
        with(&|job| job.params.prototypes = 65),
        with(&|job| job.params.grid_w = 2049),
        with(&|job| job.params.grid_h = 2049),
        with(&|job| job.params.stride = 65),
        with(&|job| job.objects = 4),
        with(&|job| job.params.prototypes = 0),
        with(&|job| job.params.grid_w = 0),
        with(&|job| job.params.grid_h = 0),
        with(&|job| job.params.stride = 0),
        with(&|job| job.objects = 0),
    ] {
        let mut rng = Rng::new(1);
        let boxes = vec![[-5, 0, 4 * 256, 1 << 20]; usize::from(job.objects)];
        let mut packet = Vec::new();
        if job.validate(&bench.room).is_ok() {
            packet = cases::packet(&mut rng, &job, &boxes);
            bench.kernel.push(bench.source, &packet);
        }
        let (status, output) = wanted(&job, &bench.room, &packet);
        bench.write(&job);
        bench.start();
        assert_eq!(bench.finish(100_000), status, "{job:?}");
        assert_eq!(bench.kernel.take(bench.sink), Vec::from_iter(output), "{job:?}");
    }
}
