//! What the `pre` kernel refuses, by name.

use tandem_model::pre::*;

fn plain() -> PreParams {
    let frame = Frame::nv12(64, 48);
    PreParams::letterbox(frame, frame.full(), 32, 32, [1, 2, 3], Layout::Planar).unwrap()
}

#[test]
fn refusals_name_the_field() {
    let refused = |change: fn(&mut PreParams)| {
        let mut p = plain();
        change(&mut p);
        match preprocess(&p, &Tables::NONE, &[0; 1 << 16], &mut [0; 1 << 16]) {
            Err(PreError::Range(field)) => field,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(refused(|p| p.frame.width = 63), "frame.width");
    assert_eq!(refused(|p| p.frame.height = MAX_SIDE + 2), "frame.height");
    assert_eq!(refused(|p| p.frame.stride = 63), "frame.stride");
    assert_eq!(refused(|p| p.frame.stride = MAX_STRIDE + 1), "frame.stride");
    assert_eq!(refused(|p| p.crop.x = 2), "crop");
    assert_eq!(refused(|p| p.crop.h = 0), "crop");
    assert_eq!(refused(|p| p.crop.w = 63), "crop");
    assert_eq!(refused(|p| p.width = 0), "width");
    assert_eq!(refused(|p| p.height = 8193), "height");
    assert_eq!(refused(|p| p.content.x = 1), "content");
    assert_eq!(refused(|p| p.content.h = 0), "content");
    assert_eq!(refused(|p| p.step_x = 0), "step_x");
    assert_eq!(refused(|p| p.step_y = MAX_STEP + 1), "step_y");
    assert_eq!(refused(|p| p.scale[1] = MAX_SCALE + 1), "scale");
    assert_eq!(refused(|p| p.band_rows = 33), "band_rows");
    assert_eq!(refused(|p| p.lut = true), "lut");
    assert_eq!(refused(|p| p.flat = true), "flat");
    // 64 columns to 32 are an area of two each: not of less than one, nor of more than there is.
    assert_eq!(refused(|p| (p.resize, p.step_x) = (Resize::Area, UNIT_STEP - 1)), "step_x");
    assert_eq!(refused(|p| (p.resize, p.step_x) = (Resize::Area, (2 << 32) + 1)), "step_x");
    assert_eq!(refused(|p| (p.resize, p.step_y) = (Resize::Area, (2 << 32) + 1)), "step_y");
}

#[test]
fn odd_edges_are_refused_where_pixels_share_samples() {
    let crop_of = |format: PixelFormat, x: u16, y: u16| {
        let (frame, crop) = (Frame::packed(format, 8, 8), Rect { x, y, w: 4, h: 4 });
        PreParams::letterbox(frame, crop, 4, 4, [0; 3], Layout::Planar).map(|_| ())
    };
    for format in PixelFormat::ALL {
        let good = |even: bool| if even { Err(PreError::Range("crop")) } else { Ok(()) };
        assert_eq!(crop_of(format, 1, 0), good(format.even_x()), "{format:?}");
        assert_eq!(crop_of(format, 0, 1), good(format.even_y()), "{format:?}");
    }
    let odd = Frame::packed(PixelFormat::BayerGrbg12, 8, 7).validate();
    assert_eq!(odd, Err(PreError::Range("frame.height")));
    assert_eq!(Frame::packed(PixelFormat::Yuyv, 8, 7).validate(), Ok(()));
    assert_eq!(
        Frame::packed(PixelFormat::Yuyv, 7, 8).validate(),
        Err(PreError::Range("frame.width"))
    );
}

#[test]
fn tables_are_there_and_fit_or_are_refused() {
    let frame = Frame::packed(PixelFormat::BayerRggb10, 64, 48);
    let p = PreParams::letterbox(frame, frame.full(), 32, 32, [0; 3], Layout::Planar).unwrap();
    let lut = |bits| Lut::new(bits, |_, sample| sample as u8).unwrap();
    let run = |lut_on, flat_on, tables: Tables| {
        let p = PreParams { lut: lut_on, flat: flat_on, ..p.clone() };
        preprocess(&p, &tables, &[0; 1 << 16], &mut [0; 1 << 16])
    };
    let (ten, twelve) = (lut(10), lut(12));
    assert_eq!(run(true, false, Tables::NONE), Err(PreError::Missing("lut")));
    let with = |lut| Tables { lut: Some(lut), flat: None };
    assert_eq!(run(true, false, with(&twelve)), Err(PreError::Range("lut")));
    assert_eq!(run(false, false, with(&twelve)), Ok(()));
    assert_eq!(run(true, false, with(&ten)), Ok(()));
    // Nodes every 16 pixels: five columns end at 64, four rows at 48.
    let field = |columns, rows| FlatField::new(0, 4, columns, &vec![4096; columns * rows]).unwrap();
    let fits =
        |columns, rows| run(false, true, Tables { lut: None, flat: Some(&field(columns, rows)) });
    assert_eq!(run(false, true, Tables::NONE), Err(PreError::Missing("flat")));
    assert_eq!([fits(5, 4), fits(33, 33)], [Ok(()); 2]);
    assert_eq!([fits(4, 4), fits(5, 3)], [Err(PreError::Range("flat")); 2]);
    assert!(
        FlatField::new(0, 3, 5, &[0; 20]).is_err() && FlatField::new(0, 4, 5, &[0; 19]).is_err()
    );
    assert!(Lut::new(9, |_, _| 0).is_err());
}

#[test]
fn short_buffers_are_told_apart() {
    let p = plain();
    let mut tensor = vec![7; 3072];
    let error = preprocess(&p, &Tables::NONE, &[0; 4607], &mut tensor).unwrap_err();
    assert_eq!(error, PreError::Short { buffer: "frame", have: 4607, need: 4608 });
    let error = preprocess(&p, &Tables::NONE, &[0; 4608], &mut tensor[1..]).unwrap_err();
    assert_eq!(error, PreError::Short { buffer: "tensor", have: 3071, need: 3072 });
    assert!(tensor.iter().all(|b| *b == 7));
}
