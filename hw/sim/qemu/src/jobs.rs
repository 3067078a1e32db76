//! The agent's side: jobs over the link, results against the model.

use crate::guest::Guest;
use anyhow::{Context, Result, bail, ensure};
use std::time::{Duration, Instant};
use tandem_link::Geometry;
use tandem_link::master::LinkMaster;
use tandem_link::message::{FromPeer, JobStatus, Nanos, Stamps};
use tandem_link::slot::{Owned, SlotClass};
use tandem_model::post::{Head, HeadKind, MAX_HEADS, PostParams, PostScratch, postprocess};
use tandem_model::pre::{Frame, Layout, PixelFormat, PreParams, Rect, Tables, preprocess};
use tandem_qemu::words::Words;

/// The R5's clock is its own here, so a deadline that cannot pass stands for "no hurry".
const NO_HURRY: Nanos = Nanos::MAX / 2;

/// Plays the agent.
pub struct Agent {
    link: LinkMaster<Words>,
    next_job: u32,
}

impl Agent {
    /// Formats the link and waits for the R5F to announce itself.
    pub fn link(guest: &mut Guest, patience: Duration) -> Result<Self> {
        let memory = Words::new(&guest.ddr, guest.board.regions.link);
        let slots = guest.board.resolve_slots();
        let geometry = Geometry::with_slots(u32::try_from(slots.len())?);
        let mut link = LinkMaster::new(memory, geometry, &slots, 1)?;
        wait(guest, patience, "the R5F's first epoch", || link.poll_epoch().map(Ok))?;
        Ok(Self { link, next_job: 1 })
    }

    /// Waits for the R5F's next epoch: it was restarted.
    pub fn again(&mut self, guest: &mut Guest, patience: Duration) -> Result<()> {
        let link = &mut self.link;
        wait(guest, patience, "the R5F's next epoch", || link.poll_epoch().map(Ok))?;
        Ok(())
    }

    /// Two frames through `pre`, random heads through `post`.
    pub fn run(&mut self, guest: &mut Guest, patience: Duration) -> Result<Vec<String>> {
        let rgb = Frame { format: PixelFormat::Rgb8, width: 451, height: 300, stride: 451 * 3 };
        let nv12 = Frame { format: PixelFormat::Nv12, width: 640, height: 480, stride: 640 };
        Ok(vec![
            self.pre(guest, patience, "RGB 451x300", rgb, (416, Layout::Planar))?,
            self.pre(guest, patience, "NV12 640x480", nv12, (416, Layout::Interleaved))?,
            self.post(guest, patience)?,
        ])
    }

    /// Jobs that were answered; none is under way between two calls.
    pub fn answered(&self) -> u32 {
        self.next_job - 1
    }

    fn take(&self, class: SlotClass) -> Result<Owned> {
        self.link.slots().take(class).with_context(|| format!("no {class:?} slot is free"))
    }

    /// One frame through `pre`, into a square tensor.
    pub fn pre(
        &mut self,
        guest: &mut Guest,
        patience: Duration,
        name: &str,
        frame: Frame,
        (side, layout): (u16, Layout),
    ) -> Result<String> {
        let crop = Rect { x: 0, y: 0, w: frame.width, h: frame.height };
        let params = PreParams::letterbox(frame, crop, side, side, [114; 3], layout)?;
        let pixels = noise(params.frame_bytes(), 1);
        let (input, output) = (self.take(SlotClass::Frame)?, self.take(SlotClass::Tensor)?);
        guest.ddr.write(input.addr(), &pixels)?;
        let addr = output.addr();
        self.next_job += 1;
        let job = self.next_job;
        let granted = self
            .link
            .submit_pre(job, NO_HURRY, input, output, params.clone())
            .map_err(|refused| refused.error)?;
        let (stamps, written) = self.finish(guest, patience, job)?;
        drop(granted);
        let mut expected = vec![0; params.tensor_bytes()];
        preprocess(&params, &Tables::NONE, &pixels, &mut expected)?;
        ensure!(written as usize == expected.len(), "pre {name} wrote {written} bytes");
        compare(guest, name, addr, &expected)?;
        Ok(line("pre", name, expected.len(), stamps))
    }

    fn post(&mut self, guest: &mut Guest, patience: Duration) -> Result<String> {
        let params = heads();
        let logits = random_heads(&params);
        let (input, output) = (self.take(SlotClass::Heads)?, self.take(SlotClass::Result)?);
        guest.ddr.write(input.addr(), &logits)?;
        let addr = output.addr();
        self.next_job += 1;
        let job = self.next_job;
        let granted = self
            .link
            .submit_post(job, NO_HURRY, input, output, params.clone())
            .map_err(|refused| refused.error)?;
        let (stamps, written) = self.finish(guest, patience, job)?;
        drop(granted);
        let mut expected = vec![0; params.result_bytes()];
        let mut scratch = Box::new(PostScratch::new());
        let header = postprocess(&params, &logits, &mut expected, &mut scratch)?;
        ensure!(header.count > 0, "the random heads give no detection: nothing was compared");
        expected.truncate(written as usize);
        compare(guest, "post", addr, &expected)?;
        Ok(line("post", &format!("{} detections", header.count), expected.len(), stamps))
    }

    fn finish(&mut self, guest: &mut Guest, patience: Duration, job: u32) -> Result<(Stamps, u32)> {
        guest.ring();
        let link = &mut self.link;
        wait(guest, patience, "the job's answer", || match link.receive()? {
            Ok(FromPeer::Done { id, status: JobStatus::Ok, stamps, written }) if id == job => {
                Some(Ok((stamps, written)))
            }
            Ok(FromPeer::Done { id, status, .. }) => {
                Some(Err(anyhow::anyhow!("job {id} ended with {status:?}")))
            }
            Ok(FromPeer::Event(event)) => Some(Err(anyhow::anyhow!("unexpected {event:?}"))),
            Ok(_) => None,
            Err(error) => Some(Err(error.into())),
        })
    }
}

fn line(kernel: &str, name: &str, bytes: usize, stamps: Stamps) -> String {
    let us = |from: Nanos, to: Nanos| to.saturating_sub(from) / 1000;
    format!(
        "R5F in QEMU, {kernel} {name}: {bytes} bytes equal to the model; received to tail write \
         {} us, to done {} us (emulated core, host time)",
        us(stamps.received, stamps.started),
        us(stamps.received, stamps.finished),
    )
}

fn compare(guest: &Guest, name: &str, addr: u32, expected: &[u8]) -> Result<()> {
    let mut got = vec![0; expected.len()];
    guest.ddr.read(addr, &mut got)?;
    if let Some(at) = got.iter().zip(expected).position(|(a, b)| a != b) {
        bail!("{name}: byte {at} is {}, the model says {}", got[at], expected[at]);
    }
    Ok(())
}

/// Polls until `ready` gives something; the machine must go on living meanwhile.
pub fn wait<T>(
    guest: &mut Guest,
    patience: Duration,
    what: &str,
    mut ready: impl FnMut() -> Option<Result<T>>,
) -> Result<T> {
    let start = Instant::now();
    loop {
        if let Some(result) = ready() {
            return result;
        }
        guest.check()?;
        if start.elapsed() > patience {
            bail!("{what} did not come within {} s", patience.as_secs());
        }
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// A fixed pseudo-random sequence (xorshift32).
pub fn noise(count: usize, seed: u32) -> Vec<u8> {
    let mut state = seed;
    (0..count)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            (state >> 24) as u8
        })
        .collect()
}

fn heads() -> PostParams {
    let mut heads = [Head::UNUSED; MAX_HEADS];
    heads[0] = Head {
        kind: HeadKind::YoloV3,
        grid_w: 13,
        grid_h: 13,
        stride: 32,
        anchor_count: 3,
        anchors: [(81, 82), (135, 169), (344, 319)],
        offset: 0,
        ..Head::UNUSED
    };
    PostParams {
        head_count: 1,
        heads,
        classes: 4,
        score_threshold: 0x8000,
        iou_threshold: 0x7333,
        class_agnostic: false,
        top_k: 0,
        max_detections: 100,
        width: 416,
        height: 416,
    }
}

/// Logits between -4 and 4.
fn random_heads(params: &PostParams) -> Vec<u8> {
    noise(params.heads_bytes() / 4, 7)
        .into_iter()
        .flat_map(|byte| ((f32::from(byte) - 128.0) / 32.0).to_le_bytes())
        .collect()
}
