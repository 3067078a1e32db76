//! `plane` against floating point and by hand.

use proptest::prelude::*;
use tandem_model::Refusal;
use tandem_model::plane::*;
use tandem_model::post::Detection;

fn q40(value: f64) -> i64 {
    (value * 2.0f64.powi(40)).round() as i64
}

fn plane(matrix: [f64; 9]) -> Result<Plane, Refusal> {
    Plane::new(PlaneParams { matrix: matrix.map(q40), width: 1920, height: 1080 })
}

/// A plausible camera: scale, rotation, shear, shift, and a tilt.
fn camera() -> impl Strategy<Value = [f64; 9]> {
    let linear = (0.01f64..2.0, -3.1f64..3.1, -0.2f64..0.2);
    let rest = (-500.0f64..500.0, -500.0f64..500.0, -2e-4f64..2e-4, -2e-4f64..2e-4);
    (linear, rest).prop_map(|((scale, turn, shear), (dx, dy, tilt_x, tilt_y))| {
        let (s, c) = (scale * turn.sin(), scale * turn.cos());
        [c, shear * c - s, dx, s, shear * s + c, dy, tilt_x, tilt_y, 1.0]
    })
}

/// Millimetres in f64, from the matrix that was asked for.
fn real(m: &[f64; 9], x: f64, y: f64) -> [f64; 2] {
    let divisor = m[6] * x + m[7] * y + m[8];
    [0, 3].map(|i| (m[i] * x + m[i + 1] * y + m[i + 2]) / divisor)
}

/// The bound of README.md, micrometres.
fn bound(m: &[f64; 9], x: f64, y: f64) -> f64 {
    let divisor = m[6] * x + m[7] * y + m[8];
    let [u, v] = real(m, x, y).map(f64::abs);
    0.5 + 1000.0 * (x + y + 1.0) * 2.0f64.powi(-41) * (1.0 + u.max(v)) / divisor * 1.01 + 1e-3
}

proptest! {
    #[test]
    fn points_and_boxes_are_those_of_floating_point(
        m in camera(), x in prop::array::uniform2(0i32..=1920 << 8),
        y in prop::array::uniform2(0i32..=1080 << 8),
    ) {
        let Ok(plane) = plane(m) else { return Ok(()) };
        let [x1, x2] = [x[0].min(x[1]), x[0].max(x[1])];
        let [y1, y2] = [y[0].min(y[1]), y[0].max(y[1])];
        let px = |q8: i32| f64::from(q8) / 256.0;
        let ours = plane.point(x1, y1).unwrap();
        let theirs = real(&m, px(x1), px(y1));
        for (ours, real) in ours.into_iter().zip(theirs) {
            let error = (f64::from(ours) - 1000.0 * real).abs();
            prop_assert!(error <= bound(&m, px(x1), px(y1)), "{} of {}", error, real);
        }
        let b = Detection { x1, y1, x2, y2, ..Detection::default() };
        let extent = plane.extent(&b).unwrap();
        let (cx, cy) = ((px(x1) + px(x2)) / 2.0, (px(y1) + px(y2)) / 2.0);
        let apart = |a: [f64; 2], b: [f64; 2]| 1000.0 * (a[0] - b[0]).hypot(a[1] - b[1]);
        let width = apart(real(&m, px(x1), cy), real(&m, px(x2), cy));
        let height = apart(real(&m, cx, px(y1)), real(&m, cx, px(y2)));
        let worst = [(x1, y1), (x2, y1), (x1, y2), (x2, y2)]
            .map(|(x, y)| bound(&m, px(x), px(y))).into_iter().fold(0.0, f64::max);
        for (ours, real) in [(extent.width, width), (extent.height, height)] {
            // Two ends, two coordinates each, and the root's own rounding.
            let error = (f64::from(ours) - real).abs();
            prop_assert!(error <= 2.0 * 2.0f64.sqrt() * worst + 0.5, "{} of {}", error, real);
        }
        for (ours, real) in extent.centre.into_iter().zip(real(&m, cx, cy)) {
            prop_assert!((f64::from(ours) - 1000.0 * real).abs() <= worst);
        }
    }

    /// Any entries: refused by name, or every point of the frame can be mapped.
    #[test]
    fn what_is_accepted_maps_the_whole_frame(
        matrix in prop::array::uniform9(any::<i64>()), shift in prop::array::uniform9(8u32..63),
        width in any::<u16>(), height in any::<u16>(), at in any::<[u32; 2]>(),
    ) {
        let mut matrix: [i64; 9] = std::array::from_fn(|i| matrix[i] >> shift[i]);
        matrix[8] |= 1 << 40;
        match Plane::new(PlaneParams { matrix, width, height }) {
            Err(Refusal::Range(field)) => prop_assert!(field.starts_with("plane.")),
            Err(other) => prop_assert!(false, "{}", other),
            Ok(plane) => {
                let side = |at: u32, side: u16| (at % ((u32::from(side) << 8) + 1)) as i32;
                plane.point(side(at[0], width), side(at[1], height)).unwrap();
                let whole = Detection {
                    x2: i32::from(width) << 8, y2: i32::from(height) << 8, ..Detection::default()
                };
                plane.extent(&whole).unwrap();
            }
        }
    }
}

#[test]
fn a_scale_by_hand() {
    // 0.25 mm a pixel, the origin at pixel (100, 40), y up.
    let plane = plane([0.25, 0.0, -25.0, 0.0, -0.25, 10.0, 0.0, 0.0, 1.0]).unwrap();
    assert_eq!(plane.point(100 << 8, 40 << 8).unwrap(), [0, 0]);
    assert_eq!(plane.point(0, 0).unwrap(), [-25_000, 10_000]);
    assert_eq!(plane.point(1, 1).unwrap(), [-24_999, 9_999], "a 256th of a pixel is 0.98 um");
    let b = Detection { x1: 256, y1: 512, x2: 5 * 256, y2: 5 * 256, ..Detection::default() };
    let wanted = Extent { width: 1000, height: 750, centre: [-24_250, 9_125] };
    assert_eq!(plane.extent(&b).unwrap(), wanted);
}

#[test]
fn the_common_factor_of_the_matrix_does_not_matter() {
    let m = [0.5, 0.125, 3.0, -0.25, 0.75, 9.0, 0.0001220703125, 0.0, 1.0];
    let [one, two] = [1.0, 2.0].map(|factor| plane(m.map(|entry| factor * entry)).unwrap());
    for at in [(0, 0), (77_777, 123_456), (1920 << 8, 1080 << 8)] {
        assert_eq!(one.point(at.0, at.1), two.point(at.0, at.1));
    }
}

#[test]
fn refusals_name_the_field() {
    let good = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0];
    let refused = |i: usize, value: f64| {
        let mut matrix = good;
        matrix[i] = value;
        plane(matrix).unwrap_err()
    };
    assert_eq!(refused(0, 257.0), Refusal::Range("plane.matrix"));
    assert_eq!(refused(2, -65537.0), Refusal::Range("plane.matrix"));
    assert_eq!(refused(6, -0.001), Refusal::Range("plane.matrix.horizon"));
    assert_eq!(refused(8, 0.0), Refusal::Range("plane.matrix.horizon"));
    assert_eq!(refused(8, -1.0), Refusal::Range("plane.matrix.horizon"));
    assert_eq!(refused(0, 0.0), Refusal::Range("plane.matrix.flat"));
    let far = plane([200.0, 0.0, 0.0, 0.0, 200.0, 0.0, 0.0, 0.0, 0.0078125]).unwrap_err();
    assert_eq!(far, Refusal::Range("plane.matrix.reach"));
    let sized = |width, height| {
        Plane::new(PlaneParams { matrix: good.map(q40), width, height }).unwrap_err()
    };
    assert_eq!(sized(0, 5), Refusal::Range("plane.width"));
    assert_eq!(sized(5, 8193), Refusal::Range("plane.height"));
    let plane = plane(good).unwrap();
    assert_eq!(plane.point(-1, 0), Err(Refusal::Range("plane.point")));
    assert_eq!(plane.point(0, (1080 << 8) + 1), Err(Refusal::Range("plane.point")));
    let backwards = Detection { x1: 9, x2: 8, ..Detection::default() };
    assert_eq!(plane.extent(&backwards), Err(Refusal::Range("plane.box")));
}
