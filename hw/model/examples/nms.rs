//! Times suppression: `nms BOXES IOU_Q16 REPEATS [agnostic]`. BOXES is a file of detections as in
//! a result, 24 bytes each. Prints the median and the least time in nanoseconds, then the indices
//! of the boxes that are kept, best first.

use std::time::Instant;

use tandem_model::post::{DETECTION_BYTES, Detection, NmsScratch, suppress};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path, iou, repeats, rest @ ..] = &arguments[..] else {
        return Err("usage: nms BOXES IOU_Q16 REPEATS [agnostic]".into());
    };
    let (iou, repeats) = (iou.parse()?, repeats.parse::<usize>()?.max(1));
    let agnostic = rest.first().is_some_and(|word| word == "agnostic");
    let bytes = std::fs::read(path)?;
    let boxes: Vec<_> =
        bytes.as_chunks::<DETECTION_BYTES>().0.iter().map(Detection::from_bytes).collect();
    let mut scratch = Box::new(NmsScratch::new());
    let mut work = boxes.clone();
    let mut kept = 0;
    // The copy of the boxes is part of the time: suppression sorts them in place.
    let mut times: Vec<u128> = (0..repeats)
        .map(|_| {
            let begin = Instant::now();
            work.copy_from_slice(&boxes);
            kept = suppress(&mut work, iou, agnostic, &mut scratch);
            begin.elapsed().as_nanos()
        })
        .collect();
    times.sort_unstable();
    println!("{} {}", times[repeats / 2], times[0]);
    let indices: Vec<String> = work[..kept].iter().map(|b| b.index.to_string()).collect();
    println!("{}", indices.join(" "));
    Ok(())
}
