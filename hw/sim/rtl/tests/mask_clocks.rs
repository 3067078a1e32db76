//! How long `tandem_mask` takes for what a network gives, against the bytes of its port.

mod mask_bench;

use mask_bench::{BUILDS, Bench, OK, wanted};
use tandem_model::mask::{MaskJob, MaskParams};

/// Numbers of 32 prototypes of 160 x 160 cells that make blobs, and boxes with so many cells a side.
fn scene(job: &MaskJob, side: i32) -> Vec<u8> {
    let mut bytes = Vec::new();
    for object in 0..i32::from(job.objects) {
        let (x, y) = (4 * (8 + 20 * object), 4 * (90 - 22 * object));
        let edges = [x, y, x + 4 * side, y + 4 * side].map(|edge| edge << 8);
        bytes.extend(edges.iter().flat_map(|edge| edge.to_le_bytes()));
        for at in 0..i32::from(job.params.prototypes) {
            bytes.extend((((at * 7 + object * 3) % 11) as f32 / 4.0 - 1.2).to_le_bytes());
        }
    }
    for plane in 0..u32::from(job.params.prototypes) {
        for cell in 0..25_600_u32 {
            let (x, y) = ((cell % 160) as f32, (cell / 160) as f32);
            let wave =
                (x * (plane + 2) as f32 / 90.0).sin() + (y * (plane + 3) as f32 / 70.0).cos();
            bytes.extend(wave.to_le_bytes());
        }
    }
    bytes
}

/// Prototypes of a network for 640 x 640, with the clocks that they take and the limit of the port.
#[test]
fn clocks_of_a_typical_job_stay_near_the_limit() {
    for ((name, room), side) in BUILDS.into_iter().zip([22, 17, 64]) {
        let mut bench = Bench::new(name, 1);
        let params =
            MaskParams { prototypes: 32, grid_w: 160, grid_h: 160, stride: 4, threshold: 0x8000 };
        let job = MaskJob { params, objects: room.objects, max_runs: 1 << 20 };
        let packet = scene(&job, side);
        let (status, output) = wanted(&job, &room, &packet);
        bench.write(&job);
        bench.kernel.push(bench.source, &packet);
        bench.start();
        let from = bench.kernel.clocks();
        assert_eq!((bench.finish(2_000_000), status), (OK, OK));
        let clocks = bench.kernel.clocks() - from;
        let output = output.expect("a good job");
        assert_eq!(bench.kernel.take(bench.sink), [&output[..]]);
        let bytes = 4 * u64::from(room.lanes);
        let limit = (packet.len() as u64).div_ceil(bytes);
        let share = limit as f64 / clocks as f64;
        println!(
            "32 x 160 x 160 at {bytes} bytes a clock, {} boxes of {side} x {side} cells, {} runs: {clocks} clocks, limit {limit}: {share:.3}",
            room.objects,
            (output.len() - 16 * usize::from(room.objects)) / 8
        );
        assert!(share > 0.95, "{name}: {clocks} clocks");
    }
}
