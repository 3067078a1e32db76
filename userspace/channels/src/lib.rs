//! The ways that bytes take between the silicon. See README.md.

mod kind;
mod line;
mod need;
mod net;
mod probe;
mod robin;
mod table;

pub use kind::Kind;
pub use line::{Basis, Line, LineError};
pub use need::{Bytes, Leg, Shortfall};
pub use net::line_to;
pub use probe::{Probe, Probed, probe};
pub use robin::Robin;
pub use table::{Channel, Figures, Spec, Table};

/// A span of time in nanoseconds.
pub type Nanos = u64;
