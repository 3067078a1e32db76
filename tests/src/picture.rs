//! Frames for tests, and what must be found in them: computed without board and agent.

use std::path::Path;

use tandem_agent::agent::{Agent, FrameSlot, IngestedFrame};
use tandem_agent::ingest;
use tandem_agent::job::{Answer, GateTag};
use tandem_agent::judge::{Policy, RawDetection, VerdictRecord, to_source};
use tandem_engine::Engine;
use tandem_model::post::{PostScratch, postprocess, read_result};
use tandem_model::pre::{Frame, PixelFormat, Tables, preprocess};

/// A frame and its bytes.
#[derive(Clone, Debug)]
pub struct Picture {
    /// Name of its answers.
    pub name: String,
    /// Geometry.
    pub frame: Frame,
    /// Bytes as a frame slot holds them.
    pub bytes: Vec<u8>,
}

impl Picture {
    /// 48 x 32 pixels made from a number.
    pub fn pattern(seed: u8) -> Self {
        Self::pattern_of(PixelFormat::Rgb8, 48, 32, seed)
    }

    /// Pixels made from a number; some formats want even sides.
    pub fn pattern_of(format: PixelFormat, width: u16, height: u16, seed: u8) -> Self {
        let frame = Frame::packed(format, width, height);
        let byte = |i: u32| i.wrapping_mul(2_654_435_761).to_be_bytes()[0] ^ seed;
        Self {
            name: format!("pattern-{seed}"),
            frame,
            bytes: (0..frame.bytes() as u32).map(byte).collect(),
        }
    }

    /// A photograph, decoded as the agent does.
    pub fn photograph(path: &Path) -> Self {
        let file = std::fs::read(path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        let mut bytes = vec![0; 16 << 20];
        let info = ingest::decode(&file, &mut bytes).expect("a photograph");
        bytes.truncate(info.bytes);
        Self { name: path.display().to_string(), frame: info.frame, bytes }
    }

    /// Writes it into a frame slot: ready to be submitted.
    pub fn into_slot(&self, agent: &Agent, mut slot: FrameSlot) -> IngestedFrame {
        slot.bytes_mut()[..self.bytes.len()].copy_from_slice(&self.bytes);
        IngestedFrame {
            slot,
            frame: self.frame,
            name: self.name.clone(),
            began: agent.now(),
            bytes_in: self.bytes.len() as u64,
            deadline: None,
            tag: None,
            policy: None,
            options: Default::default(),
        }
    }

    /// The same for a part at the gate; it must be judged by `deadline`.
    pub fn of_part(
        &self,
        agent: &Agent,
        slot: FrameSlot,
        tag: GateTag,
        deadline: Option<u64>,
    ) -> IngestedFrame {
        IngestedFrame { tag: Some(tag), deadline, ..self.into_slot(agent, slot) }
    }

    /// What a flawless system answers: the kernels' models and the engine, one after the other.
    pub fn expected(&self, policy: &Policy, engine: &mut dyn Engine) -> Expected {
        let pre = policy.pre_params(self.frame).expect("a good frame");
        let mut tensor = vec![0; pre.tensor_bytes()];
        preprocess(&pre, &Tables::NONE, &self.bytes, &mut tensor).expect("a good frame");
        let mut heads = vec![0; policy.heads_bytes + 64];
        let at = heads.as_ptr().align_offset(64);
        let heads = &mut heads[at..][..policy.heads_bytes];
        engine.run(&tensor, heads).expect("the engine runs");
        let mut result = vec![0; policy.post.result_bytes()];
        postprocess(&policy.post, heads, &mut result, &mut Box::<PostScratch>::default())
            .expect("good heads");
        let (_, found) = read_result(&result).expect("a result");
        let detections: Vec<_> = found
            .filter_map(|d| {
                let r#box = to_source(&pre, [d.x1, d.y1, d.x2, d.y2])?;
                let score = f32::from(d.score) / 65536.0;
                Some(RawDetection { class: d.class, score, r#box })
            })
            .collect();
        let size = [self.frame.width, self.frame.height];
        Expected { record: policy.judge.judge(&detections, size), detections }
    }
}

/// See [`Picture::expected`].
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    /// The verdict.
    pub record: VerdictRecord,
    /// Objects, best first.
    pub detections: Vec<RawDetection>,
}

impl Expected {
    /// Fails unless the answer is the same to the bit.
    #[track_caller]
    pub fn assert_is(&self, answer: &Answer, what: &str) {
        assert_eq!(answer.code, None, "{what}: {:?}", answer.verdict());
        assert_eq!(answer.record, self.record, "{what}: the verdict of {}", answer.name);
        assert_eq!(answer.detections, self.detections, "{what}: the objects of {}", answer.name);
    }
}
