//! A model's folder: `models/NAME/VERSION/{model.toml, labels.txt, golden/…, *.onnx}`.

mod descriptor;
mod golden;
mod head;
mod interface;
mod repository;

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tandem_model::post::{Element, Head, HeadKind, MAX_ANCHORS, MAX_HEADS, PostParams, Scale};
use tandem_model::pre::{Frame, PreError, PreParams, Rect};

use crate::EngineError;

pub use self::descriptor::{Descriptor, GoldenEntry, Input, Order, ResizeRule, Thresholds};
pub use self::golden::{Expected, Golden, Tolerance};
pub use self::head::HeadSpec;
pub use self::repository::ModelRepository;

/// Every head begins at a multiple of this in the heads slot: one AXI burst, one cache line.
pub const HEAD_ALIGN: usize = 64;

/// A checked model folder. The weights are read only by [`Model::weights`], so a folder without
/// them still lists.
#[derive(Clone, Debug)]
pub struct Model {
    dir: PathBuf,
    descriptor: Descriptor,
    labels: Vec<String>,
    golden: Vec<Golden>,
}

/// Where one head lies in the heads slot, and its shape as the network writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadLayout {
    /// First byte; a multiple of [`HEAD_ALIGN`].
    pub offset: usize,
    /// Bytes of payload.
    pub bytes: usize,
    /// `[anchors * (box numbers + classes), grid_h, grid_w]`.
    pub shape: [usize; 3],
    /// Type of its numbers.
    pub element: Element,
    /// A list of decoded boxes: the network's output has no rows.
    pub list: bool,
}

impl HeadLayout {
    /// Shape of the network's output: of rank 4, or 3 for a list.
    pub fn output_shape(&self) -> impl Iterator<Item = usize> + Clone + use<> {
        let [channels, rows, columns] = self.shape;
        let rows = (!self.list).then_some(rows);
        [1, channels].into_iter().chain(rows).chain([columns])
    }
}

impl Model {
    /// Reads and checks `dir/model.toml`, the labels and the golden expectations.
    ///
    /// # Errors
    /// [`EngineError::Model`] with the file and field that was refused.
    pub fn load(dir: &Path) -> Result<Self, EngineError> {
        let id = id_of(dir);
        let descriptor = Descriptor::read(dir, &id)?;
        let labels = descriptor::read_labels(dir, &id, &descriptor)?;
        let golden = descriptor
            .golden
            .iter()
            .map(|entry| Golden::read(dir, &id, entry, &labels))
            .collect::<Result<_, _>>()?;
        Ok(Self { dir: dir.to_owned(), descriptor, labels, golden })
    }

    /// `name/version`.
    pub fn id(&self) -> String {
        format!("{}/{}", self.descriptor.name, self.descriptor.version)
    }

    /// The model's folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What `model.toml` says.
    pub fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// Class names, in the order of the class index.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// Golden samples with their expectations.
    pub fn golden(&self) -> &[Golden] {
        &self.golden
    }

    /// The file with the weights.
    pub fn weights_path(&self) -> PathBuf {
        self.dir.join(&self.descriptor.file)
    }

    /// Reads the weights and compares them with the descriptor's `sha256`.
    ///
    /// # Errors
    /// [`EngineError::Model`] where the file is missing, empty or another one.
    pub fn weights(&self) -> Result<Vec<u8>, EngineError> {
        let refuse = |reason: String| EngineError::Model {
            model: self.id(),
            field: self.descriptor.file.clone(),
            reason,
        };
        let bytes = std::fs::read(self.weights_path())
            .map_err(|e| refuse(format!("cannot be read ({e}); scripts/setup fetches weights")))?;
        if bytes.is_empty() {
            return Err(refuse("is empty; delete it and run scripts/setup".into()));
        }
        let have = hex(&Sha256::digest(&bytes));
        if have != self.descriptor.sha256 {
            return Err(refuse(format!(
                "sha256 is {have}, model.toml says {}; delete it and run scripts/setup",
                self.descriptor.sha256
            )));
        }
        Ok(bytes)
    }

    /// Bytes of the u8 tensor slot.
    pub fn tensor_bytes(&self) -> usize {
        3 * usize::from(self.descriptor.input.width) * usize::from(self.descriptor.input.height)
    }

    /// Bytes of the heads slot: the heads in descriptor order, each padded to [`HEAD_ALIGN`].
    pub fn heads_bytes(&self) -> usize {
        self.heads().map(|head| head.bytes.next_multiple_of(HEAD_ALIGN)).sum()
    }

    /// The heads in descriptor order, which is their order in the heads slot.
    pub fn heads(&self) -> impl Iterator<Item = HeadLayout> {
        let mut next = 0;
        self.descriptor.heads.iter().map(move |head| {
            let shape = self.descriptor.head_shape(head);
            let bytes = self.descriptor.head_bytes(head);
            let offset = next;
            next += bytes.next_multiple_of(HEAD_ALIGN);
            let (element, list) = (head.element, head.kind == HeadKind::Boxes);
            HeadLayout { offset, bytes, shape, element, list }
        })
    }

    /// Parameters of the `pre` kernel for a whole frame, letterboxed.
    ///
    /// # Errors
    /// The frame's field that the kernel refuses.
    pub fn pre_params(&self, frame: Frame) -> Result<PreParams, PreError> {
        self.pre_params_of(frame, Rect { x: 0, y: 0, w: frame.width, h: frame.height })
    }

    /// Parameters of the `pre` kernel for a part of a frame, letterboxed.
    ///
    /// # Errors
    /// The field that the kernel refuses.
    pub fn pre_params_of(&self, frame: Frame, crop: Rect) -> Result<PreParams, PreError> {
        let input = &self.descriptor.input;
        let Input { width, height, pad, layout, .. } = *input;
        let usual = PreParams::letterbox(frame, crop, width, height, pad, layout)?;
        Ok(input.resize.applied_to(usual))
    }

    /// Parameters of the `post` kernel with the descriptor's default thresholds.
    pub fn post_params(&self) -> PostParams {
        let d = &self.descriptor;
        let unused = Head { kind: d.heads[0].kind, ..Head::UNUSED };
        let mut heads = [unused; MAX_HEADS];
        // The casts below lose nothing: the descriptor's checks bound every value.
        for ((slot, spec), layout) in heads.iter_mut().zip(&d.heads).zip(self.heads()) {
            let mut anchors = [(0, 0); MAX_ANCHORS];
            anchors[..spec.anchors().len()].copy_from_slice(spec.anchors());
            let (grid_w, grid_h) = spec.grid(&d.input);
            *slot = Head {
                kind: spec.kind,
                grid_w,
                grid_h,
                stride: spec.pixels_per_cell(),
                anchor_count: spec.per_cell() as u8,
                anchors,
                offset: layout.offset as u32,
                element: spec.element,
                scale: spec.step().unwrap_or(Scale::ONE),
                zero: spec.zero.unwrap_or(0),
            };
        }
        PostParams {
            head_count: d.heads.len() as u8,
            heads,
            classes: d.classes,
            score_threshold: q16(d.thresholds.score),
            iou_threshold: q16(d.thresholds.iou),
            class_agnostic: d.thresholds.class_agnostic,
            top_k: d.thresholds.top_k,
            max_detections: d.thresholds.max_detections,
            width: d.input.width,
            height: d.input.height,
        }
    }
}

/// A share of one as unsigned Q16, nearest; 1.0 becomes 65535, the largest there is.
pub fn q16(share: f32) -> u16 {
    (f64::from(share) * 65536.0).round().clamp(0.0, 65535.0) as u16
}

/// `NAME/VERSION` from a folder's path, for messages about a descriptor that cannot be read.
fn id_of(dir: &Path) -> String {
    let part = |path: Option<&Path>| {
        path.and_then(Path::file_name)
            .map_or("?".into(), |name| name.to_string_lossy().into_owned())
    };
    format!("{}/{}", part(dir.parent()), part(Some(dir)))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
