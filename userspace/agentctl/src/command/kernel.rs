//! `kernel run`: one kernel alone on raw bytes.

use std::path::Path;

use serde::{Deserialize, Serialize};
use tandem_agent::api::ApiError;
use tandem_agent::control::KernelSpec;
use tandem_agent::kernel::{run_on_board, run_on_model};
use tandem_model::post::{Head, HeadKind, MAX_HEADS, PostParams};
use tandem_model::pre::{Frame, Layout, PixelFormat, PreParams, Rect};
use tandem_vboard::{Options, VirtualBoard};

use super::{read, setup, write};
use crate::EXIT_OK;
use crate::cli::{Cli, KernelName, KernelRun, On};
use crate::output::Output;
use crate::transport::Target;

/// A kernel and its parameters as SPEC.json has them.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kernel", content = "params", rename_all = "lowercase", deny_unknown_fields)]
pub(super) enum Spec {
    Pre(PreParams),
    Post(PostParams),
}

impl From<Spec> for KernelSpec {
    fn from(spec: Spec) -> KernelSpec {
        match spec {
            Spec::Pre(params) => KernelSpec::Pre(params),
            Spec::Post(params) => KernelSpec::Post(params),
        }
    }
}

/// What is said about the bytes that were written.
#[derive(Serialize)]
struct Ran {
    kernel: &'static str,
    on: &'static str,
    out: String,
    bytes: usize,
}

pub(super) fn run(cli: &Cli, args: &KernelRun, output: &mut Output) -> anyhow::Result<u8> {
    if let Some(kernel) = args.template {
        let mut text = serde_json::to_vec_pretty(&template(kernel)?)?;
        text.push(b'\n');
        output.bytes(&text)?;
        return Ok(EXIT_OK);
    }
    // clap lets no run without the three through.
    let (Some(spec), Some(input), Some(out)) = (&args.spec, &args.input, &args.out) else {
        return Err(ApiError::new("usage", "kernel", "Name SPEC, IN and OUT").into());
    };
    let spec = super::parse_kernel_spec(spec, &read(spec)?)?;
    let input = read(input)?;
    let (on, bytes) = match args.on {
        On::Model => ("model", run_on_model(&spec, &input)?),
        On::Board => ("board", on_board(cli, &spec, &input)?),
    };
    write(out, &bytes, output)?;
    if out.as_os_str() == "-" {
        return Ok(EXIT_OK); // standard output is the kernel's
    }
    let ran = Ran { kernel: spec.name(), on, out: out.display().to_string(), bytes: bytes.len() };
    let text = format!("{}: {} bytes by {} on the {on}", ran.out, ran.bytes, ran.kernel);
    output.answer(&ran, text)?;
    Ok(EXIT_OK)
}

fn on_board(cli: &Cli, spec: &KernelSpec, input: &[u8]) -> anyhow::Result<Vec<u8>> {
    if cli.target != Target::Virtual {
        let message = "A serving agent does not lend its kernels; use --target virtual, or --on \
                       model";
        return Err(ApiError::new("kernel_unsupported", "target", message).into());
    }
    let setup = setup(cli)?;
    let board = setup.description().map_err(ApiError::from)?;
    let board = VirtualBoard::start_on(&board, Options::default(), &setup.pl)?;
    Ok(run_on_board(&board, spec, input)?)
}

pub(super) fn parse(path: &Path, bytes: &[u8]) -> anyhow::Result<Spec> {
    serde_json::from_slice(bytes).map_err(|error| {
        let name = path.display();
        let message = format!(
            "{name}: {error}; agentctl kernel run --template pre prints a specification that works"
        );
        ApiError::new("kernel_spec", name.to_string(), message).into()
    })
}

/// The default model's kernels on a small frame.
fn template(kernel: KernelName) -> anyhow::Result<Spec> {
    let (width, height) = (416, 416);
    match kernel {
        KernelName::Pre => {
            let frame =
                Frame { format: PixelFormat::Rgb8, width: 640, height: 480, stride: 640 * 3 };
            let crop = Rect { x: 0, y: 0, w: frame.width, h: frame.height };
            let params =
                PreParams::letterbox(frame, crop, width, height, [114; 3], Layout::Planar)?;
            Ok(Spec::Pre(params))
        }
        KernelName::Post => {
            let head = |grid: u16, stride, anchors, offset| Head {
                kind: HeadKind::YoloV3,
                grid_w: grid,
                grid_h: grid,
                stride,
                anchor_count: 3,
                anchors,
                offset,
                ..Head::UNUSED
            };
            let coarse = head(13, 32, [(81, 82), (135, 169), (344, 319)], 0);
            let bytes = 3 * 85 * 13 * 13 * 4u32;
            let fine = head(26, 16, [(23, 27), (37, 58), (81, 82)], bytes.next_multiple_of(64));
            let mut heads = [coarse; MAX_HEADS];
            heads[1] = fine;
            Ok(Spec::Post(PostParams {
                head_count: 2,
                heads,
                classes: 80,
                score_threshold: 16384,
                iou_threshold: 29491,
                class_agnostic: false,
                top_k: 0,
                max_detections: 100,
                width,
                height,
            }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tandem_model::post::{Element, Scale};

    /// A head says what its numbers are where they are not f32; a scale is a number.
    #[test]
    fn elements_of_heads_are_read() {
        let mut json = serde_json::to_value(template(KernelName::Post).unwrap()).unwrap();
        let head = &mut json["params"]["heads"][0];
        for field in ["element", "scale", "zero"] {
            assert!(head.as_object_mut().unwrap().remove(field).is_some());
        }
        let read = |json: &serde_json::Value| {
            parse(Path::new("t.json"), &serde_json::to_vec(json).unwrap())
        };
        assert_eq!(read(&json).unwrap(), template(KernelName::Post).unwrap(), "f32");
        let head = &mut json["params"]["heads"][0];
        head["element"] = "i8".into();
        head["scale"] = 0.25.into();
        head["zero"] = (-3).into();
        let Spec::Post(params) = read(&json).unwrap() else { panic!("another kernel") };
        let head = params.heads[0];
        let scale = Scale::from_f32_bits(0.25f32.to_bits()).unwrap();
        assert_eq!((head.element, head.scale, head.zero), (Element::I8, scale, -3));
        json["params"]["heads"][0]["scale"] = (-1.0).into();
        let refused = read(&json).unwrap_err().to_string();
        assert!(refused.contains("a scale of 2^-126 to 2^120"), "{refused}");
    }

    #[test]
    fn templates_are_valid_and_survive_json() {
        for kernel in [KernelName::Pre, KernelName::Post] {
            let spec = template(kernel).unwrap();
            let json = serde_json::to_vec(&spec).unwrap();
            assert_eq!(parse(Path::new("t.json"), &json).unwrap(), spec);
            let spec = KernelSpec::from(spec);
            let output = run_on_model(&spec, &vec![0; spec.input_bytes()]).unwrap();
            assert!(!output.is_empty());
        }
    }

    #[test]
    fn a_wrong_specification_is_named_with_the_next_step() {
        for text in ["", "{}", r#"{"kernel":"mid","params":{}}"#, r#"{"kernel":"pre","params":{}}"#]
        {
            let error = parse(Path::new("s.json"), text.as_bytes()).unwrap_err();
            let error = error.downcast::<ApiError>().unwrap();
            assert_eq!((error.code.as_str(), error.field.as_str()), ("kernel_spec", "s.json"));
            assert!(error.message.contains("--template"), "{error}");
        }
    }
}
