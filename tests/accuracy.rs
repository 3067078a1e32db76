//! The numbers against the float chains of `reference/`, which share no code with ours: tensors
//! against OpenCV, everything behind the tensor against ONNX Runtime, and photographs end to end.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tandem_agent::server::Socket;
use tandem_agent::setup::Setup;
use tandem_engine::{EngineOptions, load_engine_with};
use tandem_model::post::{PostParams, PostScratch, postprocess, read_result};
use tandem_model::pre::{Frame, Layout, PixelFormat, PreParams, Rect, Resize};
use tandem_tests::object::{Object, pair};
use tandem_tests::picture::Picture;
use tandem_tests::programs::{agentctl, ctl, run};
use tandem_tests::repository::{
    self, lossless, model, model_folder, photographs, reference, root, text,
};

/// The photographs without loss, and the tensors that the board made of them.
struct Tensors {
    folder: tempfile::TempDir,
    images: Vec<PathBuf>,
    tensors: Vec<PathBuf>,
}

impl Tensors {
    /// The first by `--target virtual`, the others by an agent of this process: one start for all.
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let images = lossless(folder.path(), &photographs());
        let tensors: Vec<_> = images.iter().map(|image| image.with_extension("tensor")).collect();
        let socket = folder.path().join("agent.sock");
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let _serving = runtime.enter();
        let service = Setup::near(&root()).start().expect("an agent");
        assert!(runtime.block_on(service.wait_ready(Duration::from_secs(60))));
        let server = Socket::bind(&socket).expect("a socket");
        runtime.spawn(async move { server.serve(Arc::clone(&service)).await });
        let agent = format!("unix://{}", socket.display());
        for (i, (image, tensor)) in images.iter().zip(&tensors).enumerate() {
            let target = if i == 0 { "virtual" } else { &agent };
            let files = [text(image), text(tensor)];
            let arguments = ["--target", target, "-o", "json", "tensor", files[0], files[1]];
            let said = ctl(&arguments).expect(0).lines();
            assert_eq!(said[0]["silicon"], "pl", "{}: made on the board", image.display());
            assert_eq!(said[0]["degraded"], json!([]));
        }
        Self { folder, images, tensors }
    }
}

#[test]
fn tensors_and_what_follows_from_them_are_those_of_the_references() {
    let made = Tensors::new();
    tensors_are_opencvs(&made);
    boxes_are_those_of_the_same_tensor(&made);
    drop(made.folder);
}

/// Within one step of OpenCV's letterbox.
fn tensors_are_opencvs(made: &Tensors) {
    let folder = model_folder();
    let mut arguments = vec![text(&folder)];
    let pairs = made.images.iter().zip(&made.tensors);
    arguments.extend(pairs.flat_map(|(image, tensor)| [text(image), text(tensor)]));
    let ran = reference("tensor_diff.py", &arguments);
    let lines = ran.lines();
    println!("{:<24} {:>4} {:>8} {:>8}", "tensor", "max", "equal", "1 off");
    for (line, image) in lines.iter().zip(&made.images) {
        let share = |name: &str| 100.0 * line[name].as_f64().expect("a share");
        let (equal, one) = (share("share_equal"), share("share_1"));
        println!("{:<24} {:>4} {equal:>7.3}% {one:>7.3}%", stem(image), line["max"]);
        assert!(line["max"].as_u64().expect("a number") <= 1, "{line}");
        assert!(line["bytes"] == 3 * 416 * 416, "{line}");
    }
    assert_eq!((ran.code, lines.len()), (Some(0), made.images.len()), "{}", ran.stderr);
}

/// The same tensor bytes through our engine and `post`, and through the float chain.
fn boxes_are_those_of_the_same_tensor(made: &Tensors) {
    let folder = model_folder();
    let mut arguments = vec![text(&folder)];
    arguments.extend(made.tensors.iter().map(|tensor| text(tensor)));
    let references = reference("float_reference.py", &arguments).expect(0).lines();
    assert_eq!(references.len(), made.tensors.len());
    let model = model();
    let mut engine = load_engine_with(&model, &EngineOptions::default()).expect("the engine");
    let (mut matched, mut worst_score, mut worst_edge) = (0, 0.0, 0.0);
    for ((tensor, image), theirs) in made.tensors.iter().zip(&made.images).zip(&references) {
        let tensor = std::fs::read(tensor).expect("a tensor");
        let mut heads = vec![0; model.heads_bytes() + 64];
        let at = heads.as_ptr().align_offset(64);
        let heads = &mut heads[at..][..model.heads_bytes()];
        engine.run(&tensor, heads).expect("the engine runs");
        let params = model.post_params();
        let mut result = vec![0; params.result_bytes()];
        postprocess(&params, heads, &mut result, &mut Box::<PostScratch>::default()).unwrap();
        let (_, found) = read_result(&result).expect("a result");
        let ours = found.map(|d| Object {
            label: model.labels()[usize::from(d.class)].clone(),
            score: f64::from(d.score) / 65536.0,
            r#box: [d.x1, d.y1, d.x2, d.y2].map(|q8| f64::from(q8) / 256.0),
        });
        let (pairs, surplus, missing) = pair(ours.collect(), Object::list(theirs));
        let name = stem(image);
        assert!(surplus.is_empty() && missing.is_empty(), "{name}: {surplus:?}, {missing:?}");
        for (ours, theirs) in pairs {
            let (score, edge) = ((ours.score - theirs.score).abs(), ours.apart(&theirs));
            assert!(score <= 0.01 && edge <= 0.5, "{name}: {ours:?}, {theirs:?}");
            (worst_score, worst_edge) = (f64::max(worst_score, score), f64::max(worst_edge, edge));
            matched += 1;
        }
    }
    println!(
        "same tensors: {matched} boxes, score within {worst_score:.5}, edges within {worst_edge:.4}"
    );
    assert!(matched >= 8, "{matched} boxes on all photographs prove nothing");
}

fn stem(path: &Path) -> &str {
    path.file_stem().and_then(|stem| stem.to_str()).expect("a name")
}

/// The default model's threshold: what counts as found.
const FOUND: f64 = 0.25;
/// Both chains are asked down to this score, so that an object which one of them puts just below
/// the threshold is compared as well. Suppression goes by score: lower ones change nothing above.
const ASKED: f64 = 0.2;
/// Least overlap of one object in both chains, and how far its scores may be apart.
const OVERLAP: f64 = 0.9;
const SCORES: f64 = 0.02;

/// How objects of many images compare.
#[derive(Debug, Default)]
struct Comparison {
    /// Found by both, with enough overlap and scores close to each other.
    same: usize,
    /// Likewise, but on different sides of the threshold.
    crossing: usize,
    /// Found by one, and by the other not at all or elsewhere or much less surely.
    different: usize,
    /// Images on which the classes found differ.
    classes: usize,
    /// Greatest difference of the scores of one object.
    worst_score: f64,
}

/// `agentctl inspect` and the OpenCV chain on the same files, a row per object.
fn compare_end_to_end(folder: &Path, images: &[PathBuf], options: &[&str]) -> Comparison {
    let recipe = format!("model = \"yolov3-tiny/1\"\nscore_threshold = {ASKED}\n");
    std::fs::write(folder.join("low.toml"), recipe).expect("a recipe");
    let mut command = agentctl();
    command.args(["--recipes", text(folder), "--recipe", "low", "inspect", "-o", "json"]);
    let ours = run(command.args(images)).expect(0).lines();
    let (model, asked) = (model_folder(), ASKED.to_string());
    let mut arguments = vec!["--score", &asked, text(&model)];
    arguments.extend(options);
    arguments.extend(images.iter().map(|image| text(image)));
    let theirs = reference("opencv_chain.py", &arguments).expect(0).lines();
    assert_eq!((ours.len(), theirs.len()), (images.len(), images.len()));
    let mut sum = Comparison::default();
    for ((ours, theirs), image) in ours.iter().zip(&theirs).zip(images) {
        assert_eq!(ours["size"], theirs["size"], "{}", image.display());
        assert_eq!(ours["degraded"], json!([]), "{}", image.display());
        let lists = [ours, theirs].map(|answer| Object::list(&answer["detections"]));
        compare(image, lists, &mut sum);
    }
    sum
}

fn compare(image: &Path, [ours, theirs]: [Vec<Object>; 2], sum: &mut Comparison) {
    let file = image.file_name().and_then(|name| name.to_str()).expect("a name");
    let classes = [&ours, &theirs].map(|objects| {
        let found = objects.iter().filter(|object| object.score >= FOUND);
        found.map(|object| object.label.clone()).collect::<BTreeSet<_>>()
    });
    if classes[0] != classes[1] {
        println!("{file:<22} {classes:?}");
        sum.classes += 1;
    }
    let (pairs, surplus, missing) = pair(ours, theirs);
    for (ours, theirs) in &pairs {
        let found = [ours, theirs].map(|object| object.score >= FOUND);
        if found == [false; 2] {
            continue;
        }
        let (iou, score) = (ours.iou(theirs), ours.score - theirs.score);
        sum.worst_score = sum.worst_score.max(score.abs());
        let same = iou >= OVERLAP && score.abs() <= SCORES;
        let (count, note) = match (same, found[0] == found[1]) {
            (true, true) => (&mut sum.same, ""),
            (true, false) => (&mut sum.crossing, "on both sides of the threshold"),
            (false, _) => (&mut sum.different, "DIFFERENT"),
        };
        *count += 1;
        let (edge, Object { label, score: at, .. }) = (ours.apart(theirs), ours);
        println!("{file:<22} {label:<10} {at:>6.3} {iou:>7.4} {edge:>7.2} {score:>+8.4} {note}");
    }
    for (objects, side) in [(surplus, "ours"), (missing, "theirs")] {
        for Object { label, score, .. } in objects.iter().filter(|object| object.score >= FOUND) {
            println!("{file:<22} {label:<10} {score:>6.3} {side} only");
            sum.different += 1;
        }
    }
}

/// Against OpenCV's resize in floating point, rounded once, the comparison is strict: also at the
/// threshold. So where its 8-bit resize puts an object on the other side, that resize is the cause.
#[test]
fn photographs_end_to_end_are_those_of_opencv() {
    let folder = tempfile::tempdir().expect("a folder");
    let photos = photographs();
    let lossless = lossless(folder.path(), &photos);
    println!("image                  class       score     IoU edge px  d score");
    let exact = compare_end_to_end(folder.path(), &lossless, &["--exact"]);
    assert!(exact.same >= 8, "{exact:?}: too few objects to prove anything");
    assert_eq!((exact.crossing, exact.different, exact.classes), (0, 0, 0), "see the table");
    assert!(exact.worst_score <= 0.005, "{exact:?}");
    println!("OpenCV's 8-bit resize:");
    let usual = compare_end_to_end(folder.path(), &lossless, &[]);
    assert_eq!((usual.different, usual.classes), (0, 0), "see the table: {usual:?}");
    assert!(usual.same + usual.crossing >= exact.same, "{usual:?}, {exact:?}");
    // Decoders of JPEG differ by a step or two, and the network amplifies it.
    let jpegs: Vec<_> =
        photos.into_iter().filter(|path| repository::extension(path) == "jpg").collect();
    println!("the JPEG originals, with the decoders' differences:");
    let sum = compare_end_to_end(folder.path(), &jpegs, &["--exact"]);
    assert_eq!((sum.different, sum.classes), (0, 0), "see the table: {sum:?}");
    assert!(sum.same >= 8, "{sum:?}");
}

/// An own kernel on the model and on the board, by `agentctl kernel run`.
fn same_bytes_on_model_and_board(folder: &Path, name: &str, spec: &Value, input: &[u8]) -> Vec<u8> {
    let path = |suffix: &str| folder.join(format!("{name}.{suffix}"));
    std::fs::write(path("json"), serde_json::to_vec(spec).expect("JSON")).expect("a file");
    std::fs::write(path("in"), input).expect("a file");
    let outputs = ["model", "board"].map(|on| {
        let files = [path("json"), path("in"), path(on)];
        let [spec, input, out] = files.each_ref().map(|path| text(path));
        ctl(&["kernel", "run", spec, input, out, "--on", on]).expect(0);
        std::fs::read(path(on)).expect("an output")
    });
    assert!(outputs[0] == outputs[1], "{name}: model and board differ");
    let [model, _] = outputs;
    model
}

#[test]
fn odd_crops_and_scales_are_the_same_bytes_on_model_and_board() {
    let folder = tempfile::tempdir().expect("a folder");
    let photo = Picture::photograph(&repository::photograph("bus.jpg"));
    let Frame { width, height, .. } = photo.frame;
    let cases = [
        ("odd", Rect { x: 13, y: 7, w: 331, h: 517 }, (415, 291), Layout::Planar, 1 << 16, 0),
        ("one row", Rect { x: 1, y: 501, w: 801, h: 1 }, (97, 33), Layout::Interleaved, 1 << 16, 0),
        (
            "scaled",
            Rect { x: 0, y: 0, w: width, h: height },
            (64, 64),
            Layout::Planar,
            48_001,
            -777_777,
        ),
        (
            "up",
            Rect { x: 700, y: 1001, w: 5, h: 3 },
            (321, 199),
            Layout::Interleaved,
            -70_000,
            16_000_000,
        ),
    ];
    let mut outputs = Vec::new();
    for (name, crop, (w, h), layout, scale, offset) in cases {
        let params = PreParams::letterbox(photo.frame, crop, w, h, [1, 2, 3], layout)
            .unwrap()
            .with_resize(Resize::Bilinear);
        let mut spec = json!({ "kernel": "pre", "params": params });
        for key in ["scale", "offset"] {
            let value = if key == "scale" { scale } else { offset };
            assert!(spec["params"][key].is_array(), "{spec}");
            spec["params"][key] = json!([value, value, value]);
        }
        outputs.push(same_bytes_on_model_and_board(folder.path(), name, &spec, &photo.bytes));
        assert_eq!(outputs.last().map(Vec::len), Some(3 * usize::from(w) * usize::from(h)));
    }
    let distinct = |bytes: &[u8]| bytes.iter().collect::<BTreeSet<_>>().len();
    assert!(outputs.iter().all(|bytes| distinct(bytes) > 10), "pictures, not padding alone");

    // NV12 with an even crop, of the same bytes taken as another format.
    let frame = Frame { format: PixelFormat::Nv12, width: 322, height: 242, stride: 340 };
    let crop = Rect { x: 6, y: 10, w: 302, h: 226 };
    let params = PreParams::letterbox(frame, crop, 95, 301, [9; 3], Layout::Planar)
        .unwrap()
        .with_resize(Resize::Bilinear);
    let input = &photo.bytes[..params.frame_bytes()];
    let spec = json!({ "kernel": "pre", "params": params });
    same_bytes_on_model_and_board(folder.path(), "nv12", &spec, input);

    // post, on numbers that give some hundred candidates.
    let template = run(agentctl().args(["kernel", "run", "--template", "post"])).expect(0);
    let spec: Value = serde_json::from_slice(&template.stdout).expect("a specification");
    let params: PostParams = serde_json::from_value(spec["params"].clone()).expect("parameters");
    let logit = |i: usize| ((i as u32).wrapping_mul(2_654_435_761) >> 20) as f32 / 400.0 - 8.0;
    let heads: Vec<u8> =
        (0..params.heads_bytes() / 4).flat_map(|i| logit(i).to_le_bytes()).collect();
    let result = same_bytes_on_model_and_board(folder.path(), "post", &spec, &heads);
    assert!(result.len() > 32 + 24, "{} bytes hold no detection", result.len());
}
