//! `tandem_ctc` against the model: random texts, sizes and stalls, refusals, wrong lengths, resets.
//!
//! `TANDEM_RTL_CASES` is the number of jobs of each build, `TANDEM_RTL_FIRST` the first seed.

mod ctc_bench;

use ctc_bench::*;
use tandem_model::classify::Activation;
use tandem_model::ctc::{CtcHeader, CtcParams, Symbol};
use tandem_regs::ctc::offset;
use tandem_rtl::{Bins, Rng, Stall, cases, first};

/// Cases beside those of the texts.
const FATES: [&str; 8] = [
    "refused",
    "parameters written while a job runs",
    "the next packet waits",
    "packet short by a byte",
    "packet short by a number",
    "packet short",
    "packet long",
    "held in reset on the way",
];

/// The greatest class of a step, how often its number is there, whether all are finite.
fn look(step: &[f32]) -> (usize, usize, bool) {
    let greatest = step.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let at = step.iter().position(|number| *number == greatest).unwrap_or(0);
    let count = step.iter().filter(|number| **number == greatest).count();
    (at, count, step.iter().all(|number| number.is_finite()))
}

/// What a text that was read is a case of.
fn note(bins: &mut Bins, params: &CtcParams, bytes: &[u8], header: &CtcHeader, symbols: &[Symbol]) {
    let numbers: Vec<f32> =
        bytes.as_chunks::<4>().0.iter().map(|number| f32::from_le_bytes(*number)).collect();
    let steps: Vec<_> = numbers.chunks_exact(params.classes.into()).map(look).collect();
    let logits = params.activation == Activation::Logits;
    let blank = usize::from(params.blank);
    bins.note("logits", logits);
    bins.note("probabilities", !logits);
    bins.note("two classes", params.classes == 2);
    bins.note("one step", params.steps == 1);
    bins.note("the blank is class 0", blank == 0);
    bins.note("the blank is the last class", blank + 1 == params.classes.into());
    bins.note("no symbol", header.count == 0 && header.not_finite == 0);
    bins.note("one symbol", header.count == 1);
    bins.note("no step is finite", header.not_finite == params.steps);
    bins.note("every step a symbol", header.count == params.steps && params.steps > 1);
    bins.note("the first step is dropped", steps.first().is_some_and(|step| !step.2));
    bins.note("the last step is dropped", steps.last().is_some_and(|step| !step.2));
    bins.note(
        "the last step begins a symbol",
        symbols.last().is_some_and(|s| s.step + 1 == params.steps),
    );
    let pairs = || symbols.windows(2);
    bins.note("a symbol twice, blanks between", pairs().any(|s| s[0].class == s[1].class));
    let whole: Vec<_> = steps.iter().filter(|step| step.2).collect();
    bins.note("a run of a symbol", whole.windows(2).any(|s| s[0].0 == s[1].0 && s[0].0 != blank));
    bins.note(
        "a run around a dropped step",
        steps
            .windows(3)
            .any(|s| s[0].2 && !s[1].2 && s[2].2 && s[0].0 == s[2].0 && s[0].0 != blank),
    );
    bins.note(
        "two symbols around a dropped step",
        steps
            .windows(3)
            .any(|s| s[0].2 && !s[1].2 && s[2].2 && s[0].0 != s[2].0 && s[2].0 != blank),
    );
    bins.note("equal greatest numbers", steps.iter().any(|step| step.2 && step.1 > 1));
    bins.note("a zero of each sign", {
        let zero = |number: &f32, sign| *number == 0.0 && number.is_sign_negative() == sign;
        numbers.iter().any(|n| zero(n, true)) && numbers.iter().any(|n| zero(n, false))
    });
    bins.note("more than 64", logits && numbers.iter().any(|n| n.is_finite() && *n > 64.0));
    bins.note("less than -64", logits && numbers.iter().any(|n| n.is_finite() && *n < -64.0));
    bins.note("a score of 65535, logits", logits && symbols.iter().any(|s| s.score == 0xffff));
    bins.note(
        "a score of 65535, probabilities",
        !logits && symbols.iter().any(|s| s.score == 0xffff),
    );
    bins.note("a score of 0", symbols.iter().any(|s| s.score == 0));
    bins.note("a low score", symbols.iter().any(|s| (1..0x1000).contains(&s.score)));
    let sum: u64 = symbols.iter().map(|s| u64::from(s.score)).sum();
    let rest = sum % u64::from(header.count.max(1));
    bins.note("a mean rounded up", rest > 0 && 2 * rest >= u64::from(header.count));
    bins.note("a mean rounded down", rest > 0 && 2 * rest < u64::from(header.count));
    bins.note(
        "the lowest is not the last",
        symbols.last().is_some_and(|s| s.score > header.lowest),
    );
    // The divisions cannot follow: the stream has to wait.
    bins.note("symbols closer than their divisions", header.count > 60 && params.classes < 8);
}

/// Fields made such that the model or the build refuses them.
fn spoil(rng: &mut Rng, params: &mut CtcParams, build: (&str, u16, u16)) {
    match rng.below(3) {
        0 => params.steps = rng.pick(&[0, build.2 + 1, u16::MAX, 0x8001]),
        1 => params.classes = rng.pick(&[0, 1, build.1 + 1, u16::MAX, 0x8002]),
        _ => {
            params.blank =
                rng.pick(&[params.classes, params.classes + 1, u16::MAX, params.classes | 0x8000])
        }
    }
}

fn refused(params: &CtcParams, build: (&str, u16, u16)) -> bool {
    params.validate().is_err() || params.classes > build.1 || params.steps > build.2
}

fn job(bench: &mut Bench, rng: &mut Rng, bins: &mut Bins, build: (&str, u16, u16), context: &str) {
    let mut params = params(rng, build);
    if rng.chance(60) {
        spoil(rng, &mut params, build);
    }
    bench.kernel.stall_source(bench.source, Stall::any(rng.next_u64()));
    bench.kernel.stall_sink(bench.sink, Stall::any(rng.next_u64()));
    bench.write(&params);
    if refused(&params, build) {
        bench.start();
        assert_eq!(bench.finish(2000), REFUSED_PARAMS, "{context} {params:?}");
        assert_eq!(bench.kernel.packets(bench.sink).len(), 0);
        bins.hit("refused");
        return;
    }
    let mood = rng.pick(&[Mood::Text, Mood::Text, Mood::Text, Mood::Ties, Mood::Crowd, Mood::Wild]);
    let sick = rng.pick(&[0, 0, 60, 400, 1024]);
    let mut bytes = numbers(rng, &params, mood, sick);
    let fate = rng.below(16);
    let waits = rng.chance(300);
    if waits {
        bench.kernel.push(bench.source, &bytes);
        (0..rng.below(20)).for_each(|_| bench.kernel.clock());
    }
    bench.start();
    // What the job computes with may be overwritten once it runs.
    let ahead = rng.chance(300);
    if ahead {
        bench.write(&self::params(rng, build));
    }
    bins.hit_if(ahead, "parameters written while a job runs");
    bins.hit_if(waits, "the next packet waits");
    match fate {
        0 if !waits => {
            let (name, length) = match rng.below(4) {
                0 => ("packet short by a byte", bytes.len() - 1),
                1 => ("packet short by a number", bytes.len() - 4),
                2 => ("packet short", rng.range(1, bytes.len() as u64 - 1) as usize),
                _ => ("packet long", bytes.len() + rng.pick(&[1, 3, 4, 16, 5000])),
            };
            bytes.resize(length, 0x41);
            bench.kernel.push(bench.source, &bytes);
            let limit = patience(&params) + 60 * 5000;
            assert_eq!(bench.finish(limit), SHORT_INPUT, "{context} {name} {params:?}");
            assert!(bench.kernel.source_of(bench.source).is_empty(), "{context} {name}");
            assert_eq!(bench.kernel.packets(bench.sink).len(), 0, "{context} {name}");
            bins.hit(name);
        }
        1 => {
            if !waits {
                bench.kernel.push(bench.source, &bytes);
            }
            let most = 2 * bytes.len() as u64 / 4 + 100;
            (0..rng.range(1, most)).for_each(|_| bench.kernel.clock());
            bench.hold();
            bins.hit("held in reset on the way");
        }
        _ => {
            if !waits {
                bench.kernel.push(bench.source, &bytes);
            }
            let (header, symbols) = bench.compare(&params, &bytes, context);
            note(bins, &params, &bytes, &header, &symbols);
        }
    }
}

#[test]
fn random_texts_equal_the_model() {
    let cases = cases(1000);
    for build in [SMALL, WIDE] {
        let mut bins = Bins::new(&FATES);
        for seed in first()..first() + cases.div_ceil(25) {
            let mut rng = Rng::new(seed);
            let mut bench = Bench::new(build.0, seed);
            bench.kernel.stall_axil(Stall::any(seed));
            for case in 0..25 {
                let context = format!("{} seed {seed} case {case}", build.0);
                job(&mut bench, &mut rng, &mut bins, build, &context);
            }
        }
        println!("{}, {cases} jobs", build.0);
        if cases >= 1000 {
            bins.finish(&[]);
        }
    }
}

#[test]
fn identity_is_the_maps() {
    for (name, classes, steps) in [SMALL, WIDE] {
        let mut bench = Bench::new(name, 1);
        assert_eq!(&bench.kernel.read32(offset::ID).to_le_bytes(), b"CTC0");
        assert_eq!(bench.kernel.read32(offset::HASH), tandem_regs::ctc::MAP_HASH);
        assert_eq!(bench.kernel.read32(offset::CAPS), tandem_regs::ctc::CAPS.reset());
        let capacity = u32::from(classes) | u32::from(steps) << 16;
        assert_eq!(bench.kernel.read32(offset::CAPACITY), capacity);
    }
}

/// Each field at and beyond its limits: refused exactly where it should be, with nothing taken.
#[test]
fn limits_are_the_models_and_the_builds() {
    let base = CtcParams { steps: 3, classes: 5, blank: 4, activation: Activation::Logits };
    let (name, most_classes, most_steps) = SMALL;
    let shape = |steps, classes, blank| CtcParams { steps, classes, blank, ..base };
    let mut bench = Bench::new(name, 3);
    let mut rng = Rng::new(3);
    for (params, activation, good) in [
        (base, 0, true),
        (base, 1, true),
        (base, 2, false),
        (base, 0x80, false),
        (shape(0, 5, 4), 0, false),
        (shape(1, 5, 4), 0, true),
        (shape(most_steps, 5, 4), 0, true),
        (shape(most_steps + 1, 5, 4), 0, false),
        (shape(0x1000, 5, 4), 0, false),
        (shape(0x8003, 5, 4), 0, false),
        (shape(3, 0, 0), 0, false),
        (shape(3, 1, 0), 0, false),
        (shape(3, 2, 0), 0, true),
        (shape(3, 2, 1), 0, true),
        (shape(3, 2, 2), 0, false),
        (shape(3, most_classes, 0), 0, true),
        (shape(3, most_classes, most_classes - 1), 0, true),
        (shape(3, most_classes + 1, 0), 0, false),
        (shape(3, 0x8005, 4), 0, false),
        (shape(3, 5, 5), 0, false),
        (shape(3, 5, 0x8004), 0, false),
        (shape(3, 5, u16::MAX), 0, false),
    ] {
        let probabilities = activation == 1;
        let params = CtcParams {
            activation: if probabilities { Activation::Probabilities } else { base.activation },
            ..params
        };
        assert_eq!(good, !refused(&params, SMALL) && activation < 2, "{params:?}");
        let whole = if good { params } else { base };
        let bytes = numbers(&mut rng, &whole, Mood::Text, 0);
        bench.write_raw(&params, activation);
        bench.kernel.push(bench.source, &bytes);
        bench.start();
        if !good {
            assert_eq!(bench.finish(2000), REFUSED_PARAMS, "{params:?}, {activation}");
            assert_eq!(bench.kernel.source_of(bench.source).beats(), 0, "{params:?}");
            assert_eq!(bench.kernel.packets(bench.sink).len(), 0, "{params:?}");
            // The packet was not touched: the next job has it.
            bench.write(&whole);
            bench.start();
        }
        bench.compare(&whole, &bytes, "limits");
        bench = Bench::new(name, bench.jobs.into());
    }
}

/// CTRL.RESET in every clock of a job, from the first to behind its end; the next job is as if
/// nothing had been.
#[test]
fn a_reset_in_any_clock_leaves_nothing() {
    let params = CtcParams { steps: 9, classes: 4, blank: 1, activation: Activation::Logits };
    let mut rng = Rng::new(11);
    let mut bench = Bench::new(SMALL.0, 11);
    let bytes = numbers(&mut rng, &params, Mood::Crowd, 0);
    for clocks in 0..320 {
        bench.write(&params);
        bench.start();
        bench.kernel.push(bench.source, &bytes);
        bench.kernel.stall_sink(bench.sink, Stall::every(1 + clocks % 3));
        (0..clocks).for_each(|_| bench.kernel.clock());
        bench.hold();
        let other = numbers(&mut rng, &params, Mood::Text, 100);
        bench.check(&params, &other, &format!("after a reset in clock {clocks}"));
    }
}

/// Starts and packets of several jobs at once: each waits for the one before.
#[test]
fn a_start_waits_for_the_job_before() {
    let mut rng = Rng::new(5);
    for seed in 0..40 {
        let mut bench = Bench::new(SMALL.0, seed);
        let jobs = [0; 2].map(|_| {
            let params = params(&mut rng, SMALL);
            (params, numbers(&mut rng, &params, Mood::Text, 30))
        });
        bench.write(&jobs[0].0);
        bench.start();
        bench.write(&jobs[1].0);
        for (_, bytes) in &jobs {
            bench.kernel.push(bench.source, bytes);
        }
        bench.kernel.write32(offset::START, 2);
        let limit = 2 * patience(&jobs[0].0).max(patience(&jobs[1].0));
        let sink = bench.sink;
        bench.kernel.run_until(limit, "second result", |kernel| kernel.packets(sink).len() == 2);
        let made = bench.kernel.take(sink);
        for ((params, bytes), made) in jobs.iter().zip(made) {
            assert!(made == wanted(params, bytes).2, "seed {seed} {params:?}");
        }
    }
}

/// The largest shapes of the build: a long step, many steps, every one a symbol.
#[test]
fn the_largest_jobs_equal_the_model() {
    let mut rng = Rng::new(21);
    let mut bench = Bench::new(WIDE.0, 21);
    for (steps, classes, mood) in [
        (3, WIDE.1, Mood::Text),
        (2, WIDE.1, Mood::Ties),
        (WIDE.2, 3, Mood::Crowd),
        (WIDE.2, 2, Mood::Crowd),
    ] {
        for activation in [Activation::Logits, Activation::Probabilities] {
            let params = CtcParams { steps, classes, blank: classes - 1, activation };
            let bytes = numbers(&mut rng, &params, mood, 0);
            let header = bench.check(&params, &bytes, "largest");
            assert!(mood != Mood::Crowd || header.count >= steps / 2, "{header:?}");
        }
    }
}

/// A symbol at every step: its division takes longer than its step, so the stream waits, and no longer
/// than for the divisions.
#[test]
fn symbols_may_come_faster_than_their_divisions() {
    let mut rng = Rng::new(31);
    let mut bench = Bench::new(SMALL.0, 31);
    for classes in [2, 3, 4, 7, 12, 18, 19, 20, 40] {
        for activation in [Activation::Logits, Activation::Probabilities] {
            let params = CtcParams { steps: SMALL.2, classes, blank: 0, activation };
            let bytes = numbers(&mut rng, &params, Mood::Crowd, 0);
            let (clocks, header) = timed(&mut bench, &params, &bytes, "crowd");
            assert!(header.count >= if classes > 2 { 119 } else { 59 }, "{header:?}");
            let (numbers, symbols) = (bytes.len() as u64 / 4, u64::from(header.count));
            let most = numbers.max(19 * symbols) + u64::from(classes) + 2 * symbols + 80;
            assert!(clocks <= most, "{classes} classes: {clocks} clocks, not {most}");
        }
    }
}

/// Clocks of a job from its START to its last word, its packet held against the model's.
fn timed(bench: &mut Bench, params: &CtcParams, bytes: &[u8], what: &str) -> (u64, CtcHeader) {
    bench.write(params);
    bench.kernel.push(bench.source, bytes);
    bench.start();
    let from = bench.kernel.clocks();
    let (header, _) = bench.compare(params, bytes, what);
    (bench.kernel.sink_of(bench.sink).last_beat() - from, header)
}

/// Texts as recognisers have them, with the clocks from START to the last word: a number a clock, of
/// logits a step more for the last one's weights, two words a symbol.
#[test]
fn clocks_of_texts_stay_near_a_number_a_clock() {
    for (name, build, steps, classes, blank) in [
        ("ten digits and blank", SMALL, 24, 11, 10),
        ("PP-OCR, English", SMALL, 40, 97, 0),
        ("PP-OCR, English, a long line", SMALL, 120, 97, 0),
        ("PP-OCR, Chinese", WIDE, 40, 6625, 0),
        ("PP-OCR, Chinese, a long line", WIDE, 120, 6625, 0),
    ] {
        let mut bench = Bench::new(build.0, 1);
        for activation in [Activation::Logits, Activation::Probabilities] {
            let params = CtcParams { steps, classes, blank, activation };
            let bytes = numbers(&mut Rng::new(7), &params, Mood::Text, 0);
            let (clocks, header) = timed(&mut bench, &params, &bytes, name);
            let limit = u64::from(steps) * u64::from(classes);
            println!(
                "{name}, {steps} x {classes}, {activation:?}: {clocks} clocks, {limit} numbers, {} symbols",
                header.count
            );
            let last = if activation == Activation::Logits { u64::from(classes) } else { 0 };
            let most = limit + last + 2 * u64::from(header.count) + 80;
            assert!(header.count >= 4 && clocks <= most, "{name}: {clocks} clocks, not {most}");
        }
    }
}
