use tandem_agent::api::Verdict;
use tandem_agent::ingest::raw_header;
use tandem_model::pre::Frame;

use super::*;

fn inspection(result: Outcome, r#box: [f32; 4]) -> Inspection {
    Inspection {
        image: "a".into(),
        size: [64, 48],
        verdict: Verdict {
            result,
            rule: "some rule".into(),
            reason: "A reason that is longer than what fits into one line of a small image".into(),
            deadline_met: true,
        },
        detections: vec![Detection { label: "person".into(), score: 0.9, r#box }],
        stages: Vec::new(),
        degraded: Vec::new(),
        model: "m/1".into(),
        recipe: "r".into(),
        route: None,
        error: None,
        tag: None,
    }
}

fn grey(width: u16, height: u16) -> Vec<u8> {
    let stride = u32::from(width) * 3;
    let frame = Frame { format: PixelFormat::Rgb8, width, height, stride };
    let pixels = vec![128; stride as usize * usize::from(height)];
    [raw_header(&frame).to_vec(), pixels].concat()
}

#[test]
fn the_box_is_drawn_where_it_is_and_the_banner_below() {
    let picture =
        draw(&grey(960, 600), &inspection(Outcome::Fail, [300.0, 200.0, 500.0, 400.0])).unwrap();
    assert_eq!(picture.width(), 960);
    assert!(picture.height() > 600, "the banner covers nothing of the image");
    let colour = colour_of("person");
    for (x, y) in [(400, 400), (300, 300), (500, 300)] {
        assert_eq!(picture.pixel(x, y), colour, "{x},{y}");
    }
    assert_eq!(picture.pixel(400, 300), [128; 3], "inside is untouched");
    assert_eq!(picture.pixel(1, 601), [179, 38, 30], "fail is red");
}

#[test]
fn every_size_and_every_box_is_drawn_without_a_panic() {
    let boxes = [
        [0.0, 0.0, 1.0, 1.0],
        [-50.0, -50.0, 9000.0, 9000.0],
        [5.0, 5.0, 5.0, 5.0],
        [9.0, 9.0, 1.0, 1.0],
        [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0],
    ];
    for (width, height) in [(1, 1), (3, 700), (700, 3), (479, 481), (2000, 16)] {
        for r#box in boxes {
            let picture = draw(&grey(width, height), &inspection(Outcome::Unknown, r#box)).unwrap();
            assert!(picture.width() >= MIN_WIDTH, "text is legible");
        }
    }
}

#[test]
fn other_pixel_formats_are_converted_as_the_board_does() {
    let frame = Frame { format: PixelFormat::Nv12, width: 480, height: 20, stride: 512 };
    // Mid grey: luma 126, no chroma.
    let pixels = [vec![126; 512 * 20], vec![128; 512 * 10]].concat();
    let image = [raw_header(&frame).to_vec(), pixels].concat();
    let picture = draw(&image, &inspection(Outcome::Pass, [0.0; 4])).unwrap();
    let [r, g, b] = picture.pixel(470, 15);
    assert!(r == g && g == b && r.abs_diff(128) <= 1, "{r} {g} {b}");
}

#[test]
fn a_full_disk_is_an_error_and_a_half_picture_does_not_stay() {
    let picture = draw(&grey(64, 48), &inspection(Outcome::Pass, [1.0, 1.0, 9.0, 9.0])).unwrap();
    let error = picture.save(Path::new("/dev/full")).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("a.png");
    picture.save(&target).unwrap();
    let bytes = std::fs::read(&target).unwrap();
    let (pixels, width, height) = rgb(&bytes).unwrap();
    assert_eq!(Canvas::from_rgb(width, height, pixels), picture, "reads back as it was");
}
