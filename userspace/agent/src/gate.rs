//! How agentd sets the reject gate: the way from trigger to arm, and the arm's pulse, as an operator
//! writes them.

use std::fmt;
use std::str::FromStr;

use tandem_boards::{Board, GateUnit};
use tandem_link::message::Nanos;
use thiserror::Error;

/// Longest way and longest pulse in time: an hour. Longer ones are mistakes of a unit.
const MAX_TIME: Nanos = 3_600_000_000_000;
/// Longest way in counts of an encoder.
const MAX_COUNTS: u64 = 1 << 31;

/// The way from trigger to arm, in the unit of the board's gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Nanoseconds at the line's speed.
    Time(Nanos),
    /// Counts of the belt's encoder.
    Counts(u64),
}

/// A length of time, 1 ns to an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Length(pub Nanos);

/// What `--gate-delay` and `--gate-pulse` say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GateOption {
    /// Trigger to the pulse's start.
    pub delay: Way,
    /// The pulse.
    pub pulse: Length,
}

/// Why a setting of the gate is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum GateError {
    /// No number with a unit.
    #[error("{0:?} is no length: write 120ms, 800us or 2s{1}")]
    Syntax(String, &'static str),
    /// A number that no line has.
    #[error("{0:?} is out of range: above 0 and at most {1}")]
    Range(String, &'static str),
    /// The board measures the way in another unit.
    #[error("The gate of board {board} measures the way in {wants}: give --gate-delay {example}")]
    Unit {
        /// Its name.
        board: String,
        /// What it measures in.
        wants: &'static str,
        /// An option that would do.
        example: &'static str,
    },
}

impl GateOption {
    /// Delay (in the unit of `board`'s gate) and pulse (ns), as the firmware is told them.
    pub fn on(&self, board: &Board) -> Result<(u64, Nanos), GateError> {
        let refuse = |wants, example| GateError::Unit { board: board.name.clone(), wants, example };
        let delay = match (self.delay, board.gate.unit) {
            (Way::Time(ns), GateUnit::Nanoseconds) => ns,
            (Way::Counts(counts), GateUnit::Counts) => counts,
            (Way::Counts(_), GateUnit::Nanoseconds) => return Err(refuse("time", "120ms")),
            (Way::Time(_), GateUnit::Counts) => {
                return Err(refuse("counts of its encoder", "3500counts"));
            }
        };
        Ok((delay, self.pulse.0))
    }
}

impl FromStr for Way {
    type Err = GateError;

    fn from_str(text: &str) -> Result<Way, GateError> {
        match text.strip_suffix("counts") {
            Some(number) => {
                let hint = ", or 3500counts of an encoder";
                let syntax = |_| GateError::Syntax(text.to_owned(), hint);
                let counts: u64 = number.trim().parse().map_err(syntax)?;
                in_range(text, counts, MAX_COUNTS, "2147483648 counts").map(Way::Counts)
            }
            None => time(text, ", or 3500counts of an encoder").map(Way::Time),
        }
    }
}

impl FromStr for Length {
    type Err = GateError;

    fn from_str(text: &str) -> Result<Length, GateError> {
        time(text, "").map(Length)
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Way::Time(ns) => write!(f, "{} ms", *ns as f64 / 1e6),
            Way::Counts(counts) => write!(f, "{counts} counts"),
        }
    }
}

fn time(text: &str, hint: &'static str) -> Result<Nanos, GateError> {
    let syntax = || GateError::Syntax(text.to_owned(), hint);
    // `ms` and `us` end in `s`, too.
    let (number, unit) = [("ms", 1_000_000), ("us", 1_000), ("ns", 1), ("s", 1_000_000_000)]
        .into_iter()
        .find_map(|(suffix, unit)| Some((text.strip_suffix(suffix)?, unit)))
        .ok_or_else(syntax)?;
    let number: u64 = number.trim().parse().map_err(|_| syntax())?;
    in_range(text, number.saturating_mul(unit), MAX_TIME, "an hour")
}

fn in_range(text: &str, value: u64, most: u64, says: &'static str) -> Result<u64, GateError> {
    if value == 0 || value > most {
        return Err(GateError::Range(text.to_owned(), says));
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_with_their_unit() {
        assert_eq!("120ms".parse(), Ok(Way::Time(120_000_000)));
        assert_eq!("800 us".parse(), Ok(Way::Time(800_000)));
        assert_eq!("2s".parse(), Ok(Length(2_000_000_000)));
        assert_eq!("5ns".parse(), Ok(Length(5)));
        assert_eq!("3500counts".parse(), Ok(Way::Counts(3500)));
    }

    #[test]
    fn what_no_line_has_is_refused_with_what_was_written() {
        for text in ["", "120", "ms", "-3ms", "1.5ms", "3h", "12counts of", "counts"] {
            let error = text.parse::<Way>().unwrap_err();
            assert!(matches!(&error, GateError::Syntax(said, _) if said == text), "{error}");
        }
        for text in ["0ms", "3601s", "0counts", "2147483649counts", "18446744073709551615s"] {
            let error = text.parse::<Way>().unwrap_err();
            assert!(matches!(&error, GateError::Range(said, _) if said == text), "{error}");
        }
        assert!("7counts".parse::<Length>().is_err(), "a pulse is a time");
    }

    #[test]
    fn the_unit_is_the_boards() {
        let mut board = Board::virtual_default();
        let pulse = Length(20_000_000);
        let time = GateOption { delay: Way::Time(7), pulse };
        let counts = GateOption { delay: Way::Counts(9), pulse };
        assert_eq!(time.on(&board), Ok((7, 20_000_000)));
        assert!(counts.on(&board).unwrap_err().to_string().contains("120ms"));
        board.gate.unit = GateUnit::Counts;
        assert_eq!(counts.on(&board), Ok((9, 20_000_000)));
        assert!(time.on(&board).unwrap_err().to_string().contains("3500counts"));
    }
}
