//! The `pre` kernel on a CPU: the function of [`tandem_model::pre::preprocess`], bit for bit, with
//! explicit SIMD chosen at run time. What no vector path knows goes to the model's own code.

#[cfg(target_arch = "x86_64")]
mod colour;
mod dispatch;
mod elements;
mod plan;
mod run;
mod stage;

#[cfg(target_arch = "aarch64")]
mod machine_arm;
#[cfg(target_arch = "aarch64")]
mod neon;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod machine_x86;

pub use dispatch::Path;
pub use run::{Scratch, preprocess};
