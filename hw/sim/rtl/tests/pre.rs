//! `tandem_pre` against the model: random jobs, sizes and stalls, refusals, wrong lengths, resets.
//!
//! `TANDEM_RTL_CASES` is the number of jobs of each build, `TANDEM_RTL_FIRST` the first seed;
//! `TANDEM_RTL_FRAMES=1` measures the frames that no goal is set for, too.

mod pre_bench;

use pre_bench::cases::{Fate, bytes, params, spoil};
use pre_bench::cover::note;
use pre_bench::{Bench, Build, OK, REFUSED, SHORT, streamed, wanted};
use tandem_model::pre::{
    Element, Frame, Kernel3, Layout, MAX_SCALE, PixelFormat, PreParams, Rect, Resize,
};
use tandem_regs::pre::offset;
use tandem_rtl::{Bins, Rng, Stall, cases, first};

const BUILDS: [Build; 5] = [
    Build { name: "pre_ppc1", ppc: 1, s_bytes: 2, m_bytes: 4, max_side: 8192, band_pixels: 8192 },
    Build { name: "pre_ppc2", ppc: 2, s_bytes: 8, m_bytes: 4, max_side: 8192, band_pixels: 8192 },
    Build { name: "pre_ppc4", ppc: 4, s_bytes: 8, m_bytes: 8, max_side: 8192, band_pixels: 8192 },
    Build {
        name: "pre_ppc8",
        ppc: 8,
        s_bytes: 16,
        m_bytes: 16,
        max_side: 4096,
        band_pixels: 32768,
    },
    // Planar bytes of NV12 and nothing else, short rows.
    Build { name: "pre_nv12", ppc: 4, s_bytes: 8, m_bytes: 8, max_side: 256, band_pixels: 2048 },
];

/// Formats that CAPS says are built in.
fn formats(caps: u32) -> Vec<PixelFormat> {
    let bit = |format: PixelFormat| match format {
        PixelFormat::Rgb8 | PixelFormat::Nv12 | PixelFormat::Mono8 | PixelFormat::Yuyv => {
            format as u32
        }
        deep if deep.sample_bytes() == 2 => 5,
        _ => 4,
    };
    PixelFormat::ALL.into_iter().filter(|f| caps >> bit(*f) & 1 != 0).collect()
}

fn fate(rng: &mut Rng, p: &mut PreParams) -> Fate {
    match rng.below(20) {
        0 | 1 => Fate::Field(spoil(rng, p)),
        2 => {
            let (at, value) = rng.pick(&[
                (offset::FORMAT, 4),
                (offset::FORMAT, 15),
                (offset::FORMAT, 28),
                (offset::FORMAT, 0x2_02_01),
                (offset::OUTPUT, 3),
                (offset::OUTPUT, 0x0200),
                (offset::OUTPUT, 0x02_0000),
                (offset::OUTPUT, 0xff_0000),
            ]);
            Fate::Raw(at, value)
        }
        3 => Fate::Short(0),
        4 => Fate::Long(rng.pick(&[1, 3, 40])),
        5 => Fate::Reset(rng.range(1, 3000)),
        _ => Fate::Plain,
    }
}

/// Clocks that a job may take at most, whatever the stalls.
fn patience(p: &PreParams) -> u64 {
    let (input, output) = (p.frame_bytes() as u64, p.tensor_bytes() as u64);
    let passes = u64::from(p.content.w) * u64::from(p.content.h);
    20_000 + 40 * (input + output + 4 * passes)
}

/// One job; false after a reset.
fn job(bench: &mut Bench, rng: &mut Rng, cover: &mut Bins, context: &str) {
    let formats = formats(bench.caps);
    let mut p = params(rng, &formats, bench.caps);
    let mut fate = fate(rng, &mut p);
    let takes = bench.takes(&p) && !matches!(fate, Fate::Raw(..));
    bench.kernel.stall_source(bench.source, Stall::any(rng.next_u64()));
    bench.kernel.stall_sink(bench.sink, Stall::any(rng.next_u64()));
    bench.write(&p);
    if let Fate::Raw(at, value) = fate {
        bench.kernel.write32(at, value);
    }
    let lut = (takes && p.lut).then(|| bench.look_up(rng, p.frame.format.bits()));
    let number = bench.start();
    if !takes {
        let status = bench.finish(number, 2000);
        assert_eq!(status, REFUSED, "{context}: {p:?} {fate:?}");
        note(cover, &bench.build, &p, fate, status);
        return;
    }
    let small = pre_bench::on_stream(&p);
    let crop = bytes(rng, small.frame_bytes());
    let wanted = wanted(&p, lut.as_ref(), &crop);
    let mut stream = streamed(&p, &crop);
    match &mut fate {
        Fate::Short(count) => {
            *count = rng.range(1, stream.len() as u64) as usize;
            if rng.chance(300) {
                *count = (*count).min(bench.build.s_bytes as usize);
            }
            if *count == stream.len() {
                fate = Fate::Plain;
            } else {
                stream.truncate(*count);
            }
        }
        Fate::Long(count) => stream.extend(rng.bytes(*count)),
        _ => {}
    }
    // Data may be there before the job is; the parameters of the next job while it runs.
    bench.kernel.push(bench.source, &stream);
    if rng.chance(300) {
        let next = params(rng, &formats, bench.caps);
        bench.write(&next);
        cover.note("parameters written while a job runs", true);
    }
    if let Fate::Reset(clocks) = fate {
        let irq = bench.kernel.port("irq");
        let from = bench.kernel.clocks();
        while bench.kernel.get_port(irq) == 0 && bench.kernel.clocks() - from < clocks {
            bench.kernel.clock();
        }
        cover.note("reset in the middle", bench.kernel.get_port(irq) == 0);
        bench.reset();
        return;
    }
    let status = bench.finish(number, patience(&small));
    let got = bench.kernel.take(bench.sink);
    assert!(
        bench.kernel.source_of(bench.source).is_empty(),
        "{context}: input left {p:?} {fate:?}"
    );
    let right = if matches!(fate, Fate::Short(_) | Fate::Long(_)) { SHORT } else { OK };
    assert_eq!(status, right, "{context}: {p:?} {fate:?}");
    if status == OK {
        assert_eq!(got.len(), wanted.len(), "{context}: packets {p:?}");
    } else {
        cover.note("wrong length: packets were out", !got.is_empty());
        cover.note("wrong length: no packet was out", got.is_empty());
    }
    for (number, (got_one, wanted)) in got.iter().zip(&wanted).enumerate() {
        assert_eq!(got_one.len(), wanted.len(), "{context}: packet {number} {p:?} {fate:?}");
        // The packet that was cut short is filled up with anything.
        if status == OK || number + 1 < got.len() {
            let at = (0..wanted.len()).find(|i| got_one[*i] != wanted[*i]);
            assert_eq!(
                at.map(|i| (i, got_one[i], wanted[i])),
                None,
                "{context}: packet {number} {p:?} {fate:?}"
            );
        }
    }
    note(cover, &bench.build, &p, fate, status);
}

fn random_jobs(build: Build, cases: u64) -> Bins {
    let (mut cover, first) = (Bins::default(), first());
    let mut done = 0;
    for seed in first.. {
        if done >= cases {
            break;
        }
        let mut rng = Rng::new(seed << 8 | build.ppc);
        let mut bench = Bench::new(build, seed);
        bench.kernel.stall_axil(Stall::any(seed));
        for n in 0..rng.range(1, 8).min(cases - done) {
            job(&mut bench, &mut rng, &mut cover, &format!("{} seed {seed} job {n}", build.name));
            done += 1;
        }
    }
    cover
}

#[test]
fn random_jobs_equal_the_model() {
    let cases = cases(200);
    let mut all = Bins::new(&["parameters written while a job runs"]);
    for build in BUILDS {
        all.add(&random_jobs(build, cases));
    }
    if cases >= 200 {
        all.finish(&[]);
    }
}

/// Clocks from START to the interrupt for a whole frame, nobody stalling, and the limit: the input's
/// bytes at S_BYTES a clock or its pixels at PPC a clock, whichever takes longer.
fn clocks(build: Build, p: &PreParams) -> (u64, u64) {
    let mut bench = Bench::new(build, 1);
    let crop = Rng::new(7).bytes(p.frame_bytes());
    bench.write(p);
    bench.kernel.push(bench.source, &streamed(p, &crop));
    let from = bench.kernel.clocks();
    let number = bench.start();
    let irq = bench.kernel.port("irq");
    bench.kernel.run_until(8_000_000, "interrupt", |k| k.get_port(irq) == 1);
    let took = bench.kernel.clocks() - from;
    assert_eq!(bench.finish(number, 10), OK);
    assert!(bench.kernel.take(bench.sink) == wanted(p, None, &crop), "{}: {p:?}", build.name);
    let pixels = u64::from(p.crop.w) * u64::from(p.crop.h);
    let limit = (p.frame_bytes() as u64).div_ceil(build.s_bytes).max(pixels.div_ceil(build.ppc));
    (took, limit)
}

/// Rows as long as the line buffers, through every stage.
#[test]
fn the_longest_rows_equal_the_model() {
    let mut rng = Rng::new(3);
    for build in BUILDS {
        let mut bench = Bench::new(build, 3);
        for format in formats(bench.caps) {
            for (resize, kernel3) in [
                (Resize::Bilinear, None),
                (Resize::Area, None),
                (Resize::Bilinear, Some(Kernel3([7, -30, 9, 11, 256, -13, 5, 3, 8]))),
            ] {
                let side = build.max_side;
                let frame = Frame::packed(format, side, 4);
                let layout = rng.pick(&[Layout::Planar, Layout::Interleaved]);
                let to = rng.pick(&[side, side - 1, side / 2 + 1]);
                let p = PreParams::letterbox(frame, frame.full(), to, 3, [1, 2, 3], layout);
                let mut p = p.expect("in range");
                p.content = Rect { x: 0, y: 0, w: to, h: 3 };
                p.step_x = (u64::from(side) << 32) / u64::from(to);
                p.step_y = (4 << 32) / 3;
                (p.resize, p.kernel3, p.band_rows) = (resize, kernel3, 1);
                if !bench.takes(&p) {
                    continue;
                }
                let crop = bytes(&mut rng, p.frame_bytes());
                bench.write(&p);
                bench.kernel.push(bench.source, &streamed(&p, &crop));
                let number = bench.start();
                assert_eq!(bench.finish(number, 500_000), OK);
                assert!(
                    bench.kernel.take(bench.sink) == wanted(&p, None, &crop),
                    "{}: {p:?}",
                    build.name
                );
            }
        }
    }
}

/// Each channel's scale has its limit, with the other two in order.
#[test]
fn a_wide_scale_of_any_one_channel_is_refused() {
    let mut rng = Rng::new(17);
    for build in BUILDS {
        let mut bench = Bench::new(build, 17);
        let formats = formats(bench.caps);
        for (channel, scale) in (0..6).map(|i| (i % 3, [MAX_SCALE + 1, -MAX_SCALE - 1][i / 3])) {
            let mut p = loop {
                let p = params(&mut rng, &formats, bench.caps);
                if bench.takes(&p) && p.element != Element::F16 {
                    break p;
                }
            };
            p.scale[channel] = scale;
            bench.write(&p);
            let number = bench.start();
            assert_eq!(bench.finish(number, 2000), REFUSED, "channel {channel}: {p:?}");
        }
    }
}

/// A tensor has at most 255 packets, of rows and of planes.
#[test]
fn a_tensor_of_more_packets_than_are_counted_is_refused() {
    for build in BUILDS {
        let mut bench = Bench::new(build, 23);
        let frame = Frame::packed(formats(bench.caps)[0], 16, 16);
        for (layout, most) in [(Layout::Planar, 85), (Layout::Interleaved, 255)] {
            for height in [most, most + 1] {
                let p = PreParams::letterbox(frame, frame.full(), 8, height, [7; 3], layout);
                let p = PreParams { band_rows: 1, ..p.expect("in range") };
                let takes = bench.takes(&p);
                let has_layout = build.name != "pre_nv12" || layout == Layout::Planar;
                assert_eq!(takes, has_layout && height == most, "{}: {p:?}", build.name);
                bench.write(&p);
                let number = bench.start();
                if takes {
                    let crop = vec![9; pre_bench::on_stream(&p).frame_bytes()];
                    bench.kernel.push(bench.source, &streamed(&p, &crop));
                }
                let status = bench.finish(number, patience(&p));
                assert_eq!(status, if takes { OK } else { REFUSED }, "{}: {p:?}", build.name);
                let _checked_by_random_jobs = bench.kernel.take(bench.sink);
            }
        }
    }
}

/// A START that is written while a job runs is taken when it ends, with the parameters of then.
#[test]
fn a_start_waits_for_the_job_that_runs() {
    let mut rng = Rng::new(9);
    let mut bench = Bench::new(BUILDS[2], 9);
    for round in 0..20 {
        let formats = formats(bench.caps);
        let (first, second) = loop {
            let pair = [0; 2].map(|_| params(&mut rng, &formats, bench.caps));
            if pair.iter().all(|p| bench.takes(p) && !p.lut) {
                let [first, second] = pair;
                break (first, second);
            }
        };
        let crops =
            [&first, &second].map(|p| bytes(&mut rng, pre_bench::on_stream(p).frame_bytes()));
        bench.write(&first);
        let one = bench.start();
        // Without input the job cannot end before the next one is asked for.
        bench.write(&second);
        let two = bench.start();
        bench.kernel.push(bench.source, &streamed(&first, &crops[0]));
        bench.kernel.push(bench.source, &streamed(&second, &crops[1]));
        bench.finish(one, patience(&first));
        assert_eq!(bench.finish(two, patience(&second)), OK);
        let both = [wanted(&first, None, &crops[0]), wanted(&second, None, &crops[1])].concat();
        assert!(bench.kernel.take(bench.sink) == both, "round {round}: {first:?} {second:?}");
    }
}

#[test]
fn frames_come_at_the_speed_of_their_input() {
    println!("| build | frame | clocks | limit | efficiency | at an assumed 300 MHz |");
    for build in &BUILDS[..4] {
        for (format, width, height, side, resize) in [
            (PixelFormat::Nv12, 1920, 1080, 416, Resize::Bilinear),
            (PixelFormat::Nv12, 2448, 2048, 640, Resize::Bilinear),
            (PixelFormat::Nv12, 1920, 1080, 416, Resize::Area),
            (PixelFormat::Nv12, 2448, 2048, 640, Resize::Area),
            (PixelFormat::Rgb8, 1920, 1080, 416, Resize::Bilinear),
            (PixelFormat::BayerRggb12, 1920, 1080, 416, Resize::Area),
        ] {
            // What was set as the goal: NV12, bilinear, up to four pixels a clock.
            let goal = format == PixelFormat::Nv12 && resize == Resize::Bilinear && build.ppc <= 4;
            if !goal && std::env::var_os("TANDEM_RTL_FRAMES").is_none() {
                continue;
            }
            let frame = Frame::packed(format, width, height);
            let p = PreParams::letterbox(frame, frame.full(), side, side, [114; 3], Layout::Planar)
                .expect("in range")
                .with_resize(resize);
            let (took, limit) = clocks(*build, &p);
            let efficiency = limit as f64 / took as f64;
            println!(
                "| {} | {format:?} {width}x{height} to {side}, {resize:?} | {took} | {limit} | {efficiency:.3} | {:.3} ms |",
                build.name,
                took as f64 / 300e3
            );
            assert!(!goal || efficiency >= 0.97, "{}", build.name);
        }
    }
}
