//! Every field of a descriptor that is missing, of the wrong type or out of range is refused by
//! its name.

mod common;

use common::Copy;
use tandem_engine::{EngineError, Model, ModelRepository};
use tandem_model::pre::{Frame, PixelFormat, Resize};

/// Loads a spoilt copy; answers `field: reason`.
fn refusal(copy: &Copy) -> String {
    match Model::load(&copy.dir) {
        Err(EngineError::Model { model, field, reason }) => {
            assert_eq!(model, "tiny-v5/1");
            format!("{field}: {reason}")
        }
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("taken: {}", std::fs::read_to_string(copy.dir.join("model.toml")).unwrap()),
    }
}

#[test]
fn values_out_of_range_name_their_field() {
    let long = format!("version = \"{}\"", "9".repeat(40));
    let cases = [
        ("name = \"tiny-v5\"", "name = \"tiny v5\"", "name"),
        ("name = \"tiny-v5\"", "name = \"other\"", "name"),
        ("version = \"1\"", "version = \"2\"", "version"),
        ("version = \"1\"", "version = \"new\"", "version"),
        ("version = \"1\"", &long, "version"),
        ("file = \"model.onnx\"", "file = \"../model.onnx\"", "file"),
        ("file = \"model.onnx\"", "file = \"/etc/passwd\"", "file"),
        ("file = \"model.onnx\"", "file = \"\"", "file"),
        ("sha256 = \"", "sha256 = \"x", "sha256"),
        ("licence = \"MIT OR Apache-2.0\"", "licence = \" \"", "licence"),
        ("labels = \"labels.txt\"", "labels = \"../labels.txt\"", "labels"),
        ("classes = 2", "classes = 0", "classes"),
        ("classes = 2", "classes = 1025", "classes"),
        ("tensor = \"pixels\"", "tensor = \"\"", "input.tensor"),
        ("width = 32", "width = 0", "input.width"),
        ("height = 32", "height = 8193", "input.height"),
        ("height = 32", "height = 2721", "input.height"),
        ("scale = [0.01,", "scale = [0.0,", "input.scale"),
        ("scale = [0.01,", "scale = [nan,", "input.scale"),
        ("offset = [-0.5,", "offset = [inf,", "input.offset"),
        ("score = 0.25", "score = 0.0", "thresholds.score"),
        ("score = 0.25", "score = nan", "thresholds.score"),
        ("iou = 0.45", "iou = 1.5", "thresholds.iou"),
        ("max_detections = 50", "max_detections = 0", "thresholds.max_detections"),
        ("max_detections = 50", "max_detections = 1025", "thresholds.max_detections"),
        ("output = \"out8\"", "output = \"\"", "heads[0].output"),
        ("output = \"out16\"", "output = \"out8\"", "heads[1].output"),
        ("stride = 8", "stride = 0", "heads[0].stride"),
        ("stride = 8", "stride = 7", "heads[0].stride"),
        ("[[8, 12], [16, 8]]", "[]", "heads[0].anchors"),
        ("[[8, 12], [16, 8]]", "[[1, 1], [1, 1], [1, 1], [1, 1]]", "heads[0].anchors"),
        ("[[8, 12], [16, 8]]", "[[0, 12], [16, 8]]", "heads[0].anchors"),
        ("[[8, 12], [16, 8]]", "[[8193, 12], [16, 8]]", "heads[0].anchors"),
    ];
    for (from, to, field) in cases {
        let copy = Copy::of("tiny-v5");
        let text = refusal(copy.edit("model.toml", from, to));
        assert!(text.starts_with(&format!("model.toml: {field}: ")), "{to}: {text}");
    }
}

#[test]
fn heads_take_the_fields_of_their_kind_only() {
    let cases = [
        ("kind = \"yolov8\"\nstride = 8", "kind = \"yolov8\"", "heads[0].stride: missing"),
        ("stride = 8", "stride = 8\nanchors = [[8, 8]]", "heads[0].anchors: has no meaning"),
        ("stride = 8", "stride = 8\nboxes = 3", "heads[0].boxes: has no meaning"),
        ("boxes = 16", "", "heads[2].boxes: missing"),
        ("boxes = 16", "boxes = 0", "heads[2].boxes: must be at least 1"),
        ("boxes = 16", "boxes = 16\nstride = 8", "heads[2].stride: has no meaning"),
        ("max_detections = 50", "max_detections = 50\ntop_k = 4097", "thresholds.top_k: must"),
        ("kind = \"yolov8\"", "kind = \"yolov5\"", "heads[0].anchors: missing"),
        ("stride = 8", "stride = 8\nelement = \"f64\"", "heads[0].element: unknown variant"),
        ("stride = 8", "stride = 8\nelement = \"i8\"", "heads[0].scale: missing"),
        ("stride = 8", "stride = 8\nscale = 0.5", "heads[0].scale: has no meaning"),
        ("stride = 8", "stride = 8\nelement = \"f16\"\nzero = 0", "heads[0].zero: has no meaning"),
        ("stride = 8", "stride = 8\nelement = \"i8\"\nscale = 0.0", "heads[0].scale: must be"),
        ("stride = 8", "stride = 8\nelement = \"i8\"\nscale = nan", "heads[0].scale: must be"),
        ("stride = 8", "stride = 8\nelement = \"i8\"\nscale = -1.0", "heads[0].scale: must be"),
        ("stride = 8", "stride = 8\nelement = \"i8\"\nscale = 1.0\nzero = 128", "heads[0].zero: "),
    ];
    for (from, to, wanted) in cases {
        let copy = Copy::of("tiny-free");
        let text = match Model::load(&copy.edit("model.toml", from, to).dir) {
            Err(error) => error.to_string(),
            Ok(_) => panic!("taken: {to}"),
        };
        assert!(text.contains(&format!("model.toml: {wanted}")), "{to}: {text}");
    }
    let copy = Copy::of("tiny-free");
    copy.edit("model.toml", "max_detections = 50", "max_detections = 50\ntop_k = 300");
    assert_eq!(copy.model().post_params().top_k, 300);
}

#[test]
fn heads_that_the_kernel_does_not_take_are_refused() {
    let copy = Copy::of("tiny-v5");
    copy.edit("model.toml", "width = 32", "width = 2048");
    copy.edit("model.toml", "height = 32", "height = 2048");
    copy.edit("model.toml", "stride = 8", "stride = 2048");
    assert!(refusal(&copy).starts_with("model.toml: heads[0].stride: "));
    // 2 anchors of 7 numbers in 2048 x 2048 cells: 224 MiB, and 56 MiB with half the cells a side.
    copy.edit("model.toml", "stride = 2048", "stride = 1");
    copy.edit("model.toml", "stride = 16", "stride = 2");
    assert!(refusal(&copy).starts_with("model.toml: heads: take "));
}

#[test]
fn wrong_types_and_words_name_their_field() {
    let cases = [
        ("classes = 2", "classes = \"two\"", "classes"),
        ("classes = 2", "classes = -1", "classes"),
        ("width = 32", "width = 70000", "input.width"),
        ("layout = \"planar\"", "layout = \"planer\"", "input.layout"),
        ("order = \"bgr\"", "order = \"grb\"", "input.order"),
        ("order = \"bgr\"", "order = \"bgr\"\nresize = \"cubic\"", "input.resize"),
        ("pad = [114, 114, 114]", "pad = [114, 114, 256]", "input.pad[2]"),
        ("pad = [114, 114, 114]", "pad = [114, 114]", "input.pad"),
        ("pad = [114, 114, 114]", "pad = [114, 114, 114, 114]", "input.pad"),
        ("scale = [0.01,", "scale = [0.01, 1.0,", "input.scale"),
        ("iou = 0.45", "iou = \"high\"", "thresholds.iou"),
        ("kind = \"yolov5\"", "kind = \"yolov9\"", "heads[0].kind"),
        ("[[8, 12], [16, 8]]", "[[8, 12, 4]]", "heads[0].anchors"),
        ("stride = 8", "stride = 8.5", "heads[0].stride"),
    ];
    for (from, to, field) in cases {
        let copy = Copy::of("tiny-v5");
        let text = refusal(copy.edit("model.toml", from, to));
        assert!(text.starts_with(&format!("model.toml: {field}")), "{to}: {text}");
    }
}

#[test]
fn each_missing_or_unknown_field_is_named() {
    let whole = std::fs::read_to_string(common::fixtures().join("tiny-v5/1/model.toml")).unwrap();
    let optional = ["[", "#"];
    let mut seen = 0;
    for (number, line) in whole.lines().enumerate() {
        if line.is_empty() || optional.iter().any(|start| line.starts_with(start)) {
            continue;
        }
        let key = line.split(' ').next().unwrap();
        let copy = Copy::of("tiny-v5");
        let other = |replacement: &str| {
            let lines = whole.lines().enumerate();
            let text: Vec<_> =
                lines.map(|(i, l)| if i == number { replacement } else { l }).collect();
            std::fs::write(copy.dir.join("model.toml"), text.join("\n")).unwrap();
            refusal(&copy)
        };
        let missing = other("");
        assert!(missing.contains(&format!("missing field `{key}`")), "{key}: {missing}");
        let unknown = other(&format!("{line}\nextra = 1"));
        assert!(unknown.contains("extra"), "{key}: {unknown}");
        seen += 1;
    }
    assert_eq!(seen, 27, "the fixture's fields");
}

#[test]
fn broken_files_are_named() {
    let copy = Copy::of("tiny-v5");
    assert!(
        refusal(copy.edit("model.toml", "classes = 2", "classes = ")).starts_with("model.toml")
    );
    let copy = Copy::of("tiny-v5");
    assert!(refusal(copy.edit("labels.txt", "nut\n", "")).contains("labels.txt: has 1 names"));
    let copy = Copy::of("tiny-v5");
    assert!(refusal(copy.edit("labels.txt", "bolt", " ")).contains("labels.txt: line 1: is empty"));
    std::fs::remove_file(copy.dir.join("labels.txt")).unwrap();
    assert!(refusal(&copy).starts_with("labels.txt: cannot be read"));
    std::fs::remove_file(copy.dir.join("model.toml")).unwrap();
    assert!(refusal(&copy).starts_with("model.toml: cannot be read"));
}

#[test]
fn golden_samples_are_checked() {
    let entry = "[[golden]]\nimage = \"a.png\"\nexpect = \"golden/a.json\"\n";
    let with = |json: &str| {
        let copy = Copy::of("tiny-v5");
        copy.edit("model.toml", "[[heads]]", &format!("{entry}\n[[heads]]"));
        std::fs::create_dir(copy.dir.join("golden")).unwrap();
        std::fs::write(copy.dir.join("golden/a.json"), json).unwrap();
        copy
    };
    let good = r#"{"image": "a.png", "size": [8, 8], "score_threshold": 0.25,
        "tolerance": {"score": 0.1, "pixels": 2}, "detections":
        [{"label": "nut", "score": 0.5, "box": [0, 0, 4, 4]}]}"#;
    assert_eq!(with(good).model().golden()[0].detections[0].label, "nut");
    let cases = [
        ("\"nut\"", "\"screw\"", "golden/a.json: detections"),
        ("\"a.png\"", "\"b.png\"", "golden/a.json: image"),
        ("\"score\": 0.1", "\"score\": -1", "golden/a.json: tolerance"),
        ("\"score\": 0.5", "\"score\": \"?\"", "golden/a.json: detections[0].score"),
        ("\"size\"", "\"sizes\"", "golden/a.json: "),
        ("}]}", "}", "golden/a.json: "),
    ];
    for (from, to, field) in cases {
        let text = refusal(&with(&good.replacen(from, to, 1)));
        assert!(text.starts_with(field), "{to}: {text}");
    }
    let copy = with(good);
    copy.edit("model.toml", "image = \"a.png\"", "image = \"../a.png\"");
    assert!(refusal(&copy).starts_with("model.toml: golden[0].image"));
}

#[test]
fn one_refused_folder_does_not_hide_the_others() {
    let copy = Copy::of("tiny-v5");
    let models = copy.dir.ancestors().nth(2).unwrap();
    for version in ["2", "10"] {
        let dir = models.join("tiny-v5").join(version);
        std::fs::create_dir(&dir).unwrap();
        for file in ["model.toml", "labels.txt"] {
            let text = std::fs::read_to_string(copy.dir.join(file)).unwrap();
            let version = format!("version = \"{version}\"");
            std::fs::write(dir.join(file), text.replace("version = \"1\"", &version)).unwrap();
        }
    }
    copy.edit("model.toml", "classes = 2", "classes = 3");
    std::fs::create_dir(models.join("notes")).unwrap();
    let repository = ModelRepository::open(models).unwrap();
    let ids: Vec<_> = repository.models().iter().map(Model::id).collect();
    assert_eq!(ids, ["tiny-v5/2", "tiny-v5/10"]);
    assert_eq!(repository.get("tiny-v5").unwrap().id(), "tiny-v5/10");
    assert_eq!(repository.get("tiny-v5/2").unwrap().id(), "tiny-v5/2");
    assert!(repository.get("tiny-v5/1").is_none());
    assert_eq!(repository.refused().len(), 1);
    assert!(ModelRepository::open(&models.join("missing")).is_err());
}

#[test]
fn a_model_is_fed_as_its_descriptor_says() {
    let resize = |rule: &str, width, height| {
        let copy = Copy::of("tiny-v5");
        copy.edit("model.toml", "order =", &format!("{rule}order ="));
        let model = Model::load(&copy.dir).unwrap();
        let pre = model.pre_params(Frame::rgb8(width, height)).unwrap();
        pre.validate().unwrap();
        pre.resize
    };
    use Resize::{Area, Bilinear};
    for (rule, far, little, up) in [
        ("", Area, Bilinear, Bilinear),
        ("resize = \"auto\"\n", Area, Bilinear, Bilinear),
        ("resize = \"bilinear\"\n", Bilinear, Bilinear, Bilinear),
        ("resize = \"area\"\n", Area, Area, Bilinear),
    ] {
        let found = [resize(rule, 320, 200), resize(rule, 40, 30), resize(rule, 20, 10)];
        assert_eq!(found, [far, little, up], "{rule}");
    }
}

#[test]
fn the_default_model_matches_the_kernels() {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/yolov3-tiny/1");
    let model = Model::load(&dir).unwrap();
    assert_eq!(model.tensor_bytes(), 3 * 416 * 416);
    let heads: Vec<_> = model.heads().collect();
    assert_eq!(heads[0].bytes, 255 * 13 * 13 * 4);
    assert_eq!(heads[1].offset, (255usize * 13 * 13 * 4).next_multiple_of(64));
    assert_eq!(model.heads_bytes() % 64, 0);
    let post = model.post_params();
    post.validate().unwrap();
    assert_eq!((post.score_threshold, post.iou_threshold), (16384, 29491));
    assert!(post.heads_bytes() <= model.heads_bytes());
    let frame = Frame { format: PixelFormat::Rgb8, width: 810, height: 1080, stride: 2430 };
    let pre = model.pre_params(frame).unwrap();
    pre.validate().unwrap();
    assert_eq!((pre.content.w, pre.content.h, pre.content.x), (312, 416, 52));
    assert_eq!(pre.tensor_bytes(), model.tensor_bytes());
}
