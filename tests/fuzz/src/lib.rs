//! Fuzz targets: one function per parser of outside bytes.
//!
//! Each takes any bytes, panics where a promise is broken, and says whether the bytes were
//! accepted to their end. The programs in `fuzz_targets` hand them to libFuzzer; the test `replay`
//! runs the seeds on any toolchain. See README.md.
#![forbid(unsafe_code)]

mod bitstreams;
mod console;
mod crash;
mod files;
mod firmware;
mod input;
mod kernels;
mod link;
mod outputs;
mod picture;
mod reach;
mod rpu_image;
mod sched;
mod serve;
mod simulator;
mod slots;
mod wire;
mod worker;

pub use bitstreams::{bitstream, bitstream_record, manifest};
pub use console::console;
pub use crash::crash_page;
pub use files::{board, fixture_plan, model, policy, recipe};
pub use firmware::firmware;
pub use kernels::{kernel_params, kernel_spec, post_heads, result};
pub use link::{link_ends, link_messages, log_ring};
pub use outputs::outputs;
pub use picture::picture;
pub use reach::{agent_line, target};
pub use rpu_image::rpu_image;
pub use sched::sched_load;
pub use serve::{config_pbtxt, infer_request};
pub use simulator::{fault_name, simulator};
pub use slots::slot_record;
pub use wire::{control, ingest, log_frames};
pub use worker::worker_messages;

/// A target: any bytes in, whether they were accepted out.
pub type Target = fn(&[u8]) -> bool;

/// Every target by its name, which is also the name of its program and of its seeds' folder.
pub const TARGETS: [(&str, Target); 33] = [
    ("agent_line", agent_line),
    ("bitstream", bitstream),
    ("bitstream_record", bitstream_record),
    ("board", board),
    ("config_pbtxt", config_pbtxt),
    ("console", console),
    ("control", control),
    ("crash_page", crash_page),
    ("fault_name", fault_name),
    ("firmware", firmware),
    ("fixture_plan", fixture_plan),
    ("infer_request", infer_request),
    ("ingest", ingest),
    ("kernel_params", kernel_params),
    ("kernel_spec", kernel_spec),
    ("link_ends", link_ends),
    ("link_messages", link_messages),
    ("log_frames", log_frames),
    ("log_ring", log_ring),
    ("manifest", manifest),
    ("model", model),
    ("outputs", outputs),
    ("picture", picture),
    ("policy", policy),
    ("post_heads", post_heads),
    ("recipe", recipe),
    ("result", result),
    ("rpu_image", rpu_image),
    ("sched_load", sched_load),
    ("simulator", simulator),
    ("slot_record", slot_record),
    ("target", target),
    ("worker_messages", worker_messages),
];
