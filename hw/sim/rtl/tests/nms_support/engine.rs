//! One run of the engine, and what it should give.

use std::cmp::Reverse;

use tandem_model::post::{Detection, MAX_CANDIDATES, NmsScratch, suppress};
use tandem_rtl::Kernel;

/// Parameters of one run.
#[derive(Clone, Copy, Debug)]
pub struct Params {
    pub threshold: u16,
    pub agnostic: bool,
    pub top_k: u16,
    pub max_detections: u16,
}

/// What comes out, and how long it took from the clock that took the last candidate.
#[derive(Debug, PartialEq)]
pub struct Outcome {
    pub candidates: u64,
    pub surplus: u64,
    pub cut: u64,
    pub detections: Vec<Detection>,
}

/// What the model says; `None` for too many.
pub fn expected(p: Params, all: &[Detection]) -> Option<Outcome> {
    let mut boxes = all.to_vec();
    boxes.sort_by_key(|b| (Reverse(b.score), b.index));
    if p.top_k == 0 && boxes.len() > MAX_CANDIDATES {
        return None;
    }
    let most = if p.top_k == 0 { boxes.len() } else { usize::from(p.top_k).min(boxes.len()) };
    boxes.truncate(most);
    let kept = suppress(&mut boxes, p.threshold, p.agnostic, &mut Box::new(NmsScratch::new()));
    let reported = kept.min(p.max_detections.into());
    boxes.truncate(reported);
    Some(Outcome {
        candidates: all.len() as u64,
        surplus: (all.len() - most) as u64,
        cut: (kept - reported) as u64,
        detections: boxes,
    })
}

/// The record as the port has it: index, class, score, y2, x2, y1, x1 from bit 0 on.
const FIELDS: [u32; 7] = [24, 10, 16, 22, 22, 22, 22];

fn pack(b: &Detection) -> [u8; 24] {
    let values = [
        b.index,
        b.class.into(),
        b.score.into(),
        b.y2 as u32,
        b.x2 as u32,
        b.y1 as u32,
        b.x1 as u32,
    ];
    let (mut bytes, mut at) = ([0; 24], 0);
    for (value, bits) in values.into_iter().zip(FIELDS) {
        for bit in 0..bits {
            bytes[at / 8] |= ((value >> bit & 1) as u8) << (at % 8);
            at += 1;
        }
    }
    bytes
}

fn unpack(bytes: &[u8; 24]) -> Detection {
    let mut at = 0;
    let values = FIELDS.map(|bits| {
        let value = (0..bits).fold(0, |value, bit| {
            let at = at + bit as usize;
            value | u32::from(bytes[at / 8] >> (at % 8) & 1) << bit
        });
        at += bits as usize;
        value
    });
    let [index, class, score, y2, x2, y1, x1] = values;
    Detection {
        x1: x1 as i32,
        y1: y1 as i32,
        x2: x2 as i32,
        y2: y2 as i32,
        score: score as u16,
        class: class as u16,
        index,
    }
}

/// Gives the parameters, clears, and offers candidates until all are taken; the clock of the first.
fn feed(k: &mut Kernel, p: Params, all: &[Detection], mut gap: impl FnMut() -> bool) -> u64 {
    k.set("threshold", p.threshold.into());
    k.set("class_agnostic", p.agnostic.into());
    k.set("top_k", p.top_k.into());
    k.set("max_detections", p.max_detections.into());
    k.set("clear", 1);
    k.clock();
    k.set("clear", 0);
    let [valid, ready, cand] = ["in_valid", "in_ready", "in_cand"].map(|n| k.port(n));
    let from = k.clocks();
    for candidate in all {
        while gap() {
            k.set_port(valid, 0);
            k.model().set_bytes(cand, &pack(&all[0]));
            k.clock();
        }
        k.set_port(valid, 1);
        k.model().set_bytes(cand, &pack(candidate));
        loop {
            k.settle();
            let taken = k.get_port(ready) == 1;
            k.clock();
            if taken {
                break;
            }
        }
    }
    k.set_port(valid, 0);
    from
}

fn end(k: &mut Kernel) {
    k.set("in_end", 1);
    k.clock();
    k.set("in_end", 0);
}

/// A run that is given up: after its last candidate, or `clocks` after its end. The next run's
/// `clear` follows at once.
pub fn abandon(k: &mut Kernel, p: Params, all: &[Detection], clocks: Option<u64>) {
    feed(k, p, all, || false);
    if let Some(clocks) = clocks {
        end(k);
        (0..clocks).for_each(|_| k.clock());
    }
}

/// One run: the outcome (`None` for too many), the clocks from the one in which the last candidate
/// was taken to the one in which the result is there, and those from the first candidate on.
pub fn run(
    k: &mut Kernel,
    p: Params,
    all: &[Detection],
    gap: impl FnMut() -> bool,
) -> (Option<Outcome>, u64, u64) {
    let done = k.port("done");
    let from = feed(k, p, all, gap);
    let last = k.clocks();
    end(k);
    k.run_until(5_000_000, "result", |k| k.get_port(done) == 1);
    let (after, whole) = (k.clocks() - last, k.clocks() - from);
    if k.get("too_many") == 1 {
        return (None, after, whole);
    }
    let mut outcome = Outcome {
        candidates: k.get("candidates"),
        surplus: k.get("surplus"),
        cut: k.get("cut"),
        detections: Vec::new(),
    };
    for number in 0..k.get("reported") {
        k.set("det_number", number);
        (0..3).for_each(|_| k.clock());
        let mut bytes = [0; 24];
        let port = k.port("det");
        k.model().get_bytes(port, &mut bytes);
        outcome.detections.push(unpack(&bytes));
    }
    (Some(outcome), after, whole)
}
