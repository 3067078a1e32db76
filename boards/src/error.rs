//! Why a board description was refused.

use crate::schema::{MAX_SLOTS, Range, SCHEMA};
use thiserror::Error;

/// Why a board description was refused; names the file and the field, and both where two clash.
#[derive(Debug, Error)]
pub enum BoardError {
    /// The file cannot be read.
    #[error("{file}: cannot be read: {source}")]
    Read {
        /// The file.
        file: String,
        /// Why.
        source: std::io::Error,
    },
    /// Not TOML, or a field is missing, unknown or of another type.
    #[error("{file}: {source}")]
    Parse {
        /// The file.
        file: String,
        /// Line, field and reason.
        source: toml::de::Error,
    },
    /// Written for another version of the schema.
    #[error("{file}: schema is {found}, this build reads {SCHEMA}")]
    Schema {
        /// The file.
        file: String,
        /// What the file says.
        found: u32,
    },
    /// A field's value is outside its range.
    #[error("{file}: {field} = {value}: {rule}")]
    Value {
        /// The file.
        file: String,
        /// Path of the field.
        field: String,
        /// What the file says.
        value: String,
        /// What is allowed.
        rule: &'static str,
    },
    /// A base or size is not a multiple of its alignment.
    #[error("{file}: {field} = {value:#x} is not a multiple of {align:#x}")]
    Align {
        /// The file.
        file: String,
        /// Path of the field.
        field: String,
        /// What the file says.
        value: u32,
        /// What it must be a multiple of.
        align: u32,
    },
    /// A range is empty or runs past the 32-bit bus.
    #[error("{file}: {field} {range} is empty or ends above the 32-bit bus")]
    Range {
        /// The file.
        file: String,
        /// Path of the range.
        field: String,
        /// The range.
        range: Range,
    },
    /// A range is not inside the one that must hold it.
    #[error("{file}: {inner} {inner_range} is not inside {outer} {outer_range}")]
    Outside {
        /// The file.
        file: String,
        /// Path of the range.
        inner: String,
        /// The range.
        inner_range: Range,
        /// Path of what must hold it.
        outer: String,
        /// That range.
        outer_range: Range,
    },
    /// Two ranges share bytes.
    #[error("{file}: {first} {first_range} overlaps {second} {second_range}")]
    Overlap {
        /// The file.
        file: String,
        /// Path of the one.
        first: String,
        /// Its range.
        first_range: Range,
        /// Path of the other.
        second: String,
        /// Its range.
        second_range: Range,
    },
    /// The R5F image lies where the core has no TCM.
    #[error("{file}: {field} {range} leaves the core's bank {bank}: what lies around it faults")]
    TcmGap {
        /// The file.
        file: String,
        /// Path of the bank.
        field: String,
        /// What the file says.
        range: Range,
        /// What the chip has in this mode.
        bank: Range,
    },
    /// Two fields name the same thing of the chip.
    #[error("{file}: {first} and {second} are both {what}")]
    Twice {
        /// The file.
        file: String,
        /// What both name.
        what: String,
        /// Path of the one.
        first: String,
        /// Path of the other.
        second: String,
    },
    /// The slots need more bytes than the pool has.
    #[error("{file}: slots.* need {need:#x} bytes, regions.pool has {have:#x}")]
    PoolTooSmall {
        /// The file.
        file: String,
        /// Bytes of all slots.
        need: u64,
        /// Bytes of the pool.
        have: u32,
    },
    /// A plan of streams and ports that the memory cannot serve.
    #[error("{file}: {fault}")]
    Ports {
        /// The file.
        file: String,
        /// What is wrong, and why.
        fault: crate::PlanFault,
    },
    /// More slots than the link's table can name.
    #[error("{file}: slots.*.count add up to {found}, the slot table has {MAX_SLOTS}")]
    TooManySlots {
        /// The file.
        file: String,
        /// Slots asked for.
        found: u64,
    },
}
