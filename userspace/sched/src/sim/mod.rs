//! The simulator: the scheduler's own code, or a plain queue to hold it against, under a recorded
//! or synthetic load, in virtual time.

mod baseline;
mod costs;
mod load;
mod ours;
mod report;
mod synthetic;
mod tune;
mod world;

pub use baseline::{Baseline, Order};
pub use costs::{Costs, CostsError, ModelCost};
pub use load::{Arrival, Load, LoadError, MAX_LINE, MAX_STREAMS, Stream};
pub use ours::{Choice, Ours};
pub use report::{Report, jain};
pub use synthetic::{Random, Synthetic};
pub use tune::{Trial, policy_lines, tune};
pub use world::{Event, Fate, Queue, Run, World};
