//! What a line can carry, and how that is known.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::Nanos;

/// How a rate is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Basis {
    /// Somebody who knows the line said so.
    Stated,
    /// The kernel says so: the speed that a link came up with.
    Kernel,
    /// From a width and a frequency that no tool verified.
    Assumed,
}

/// What a line carries at best in one direction, headers already taken off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Bytes of payload in a second; never 0.
    pub bytes_per_s: u64,
    /// How that is known.
    pub basis: Basis,
}

/// Payload of a full Ethernet frame that carries TCP with time stamps, and what the frame takes on
/// the wire: 1500 bytes less 20 (IPv4), 20 (TCP) and 12 (time stamps), RFC 7323; the frame adds 14
/// of header, 4 of check, 8 of preamble and 12 of gap, IEEE 802.3.
const ETHERNET: (u64, u64) = (1448, 1538);

/// Payload and whole of a PCIe write of 256 bytes: 16 bytes of header with 64-bit address, 4 of
/// framing and sequence, 4 of check.
const PCIE: (u64, u64) = (256, 280);

impl Line {
    /// A network of `bits_per_s`.
    pub fn ethernet(bits_per_s: u64, basis: Basis) -> Option<Self> {
        Self::of(u128::from(bits_per_s) / 8, ETHERNET, basis)
    }

    /// A stream of `width_bits` at `mhz`.
    pub fn axi_stream(width_bits: u32, mhz: u32) -> Option<Self> {
        let bytes = u128::from(width_bits) / 8 * u128::from(mhz) * 1_000_000;
        Self::of(bytes, (1, 1), Basis::Assumed)
    }

    /// PCIe of a generation from 1 to 5: 2.5 and 5 GT/s with 8 of 10 bits, 8, 16 and 32 GT/s with
    /// 128 of 130.
    pub fn pcie(generation: u8, lanes: u8, basis: Basis) -> Option<Self> {
        let lane: u128 = match generation {
            1 => 250_000_000,
            2 => 500_000_000,
            3 => 984_615_384,
            4 => 1_969_230_769,
            5 => 3_938_461_538,
            _ => return None,
        };
        Self::of(lane * u128::from(lanes), PCIE, basis)
    }

    fn of(bytes_per_s: u128, (payload, whole): (u64, u64), basis: Basis) -> Option<Self> {
        let bytes = bytes_per_s * u128::from(payload) / u128::from(whole);
        let bytes_per_s = u64::try_from(bytes).ok().filter(|rate| *rate > 0)?;
        Some(Self { bytes_per_s, basis })
    }

    /// The least time that `bytes` take.
    pub fn bound(&self, bytes: u64) -> Nanos {
        let ns = (u128::from(bytes) * 1_000_000_000).div_ceil(u128::from(self.bytes_per_s.max(1)));
        Nanos::try_from(ns).unwrap_or(Nanos::MAX)
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = self.bytes_per_s as f64;
        let (value, unit) = if rate >= 1e9 { (rate / 1e9, "GB/s") } else { (rate / 1e6, "MB/s") };
        let basis = match self.basis {
            Basis::Stated => "stated",
            Basis::Kernel => "by the kernel",
            Basis::Assumed => "assumed",
        };
        write!(f, "{value:.1} {unit} ({basis})")
    }
}

/// A rate that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line rate {0:?} is not a number with Mbit/s, Gbit/s or MB/s, nor PCIe such as gen2x4")]
pub struct LineError(String);

/// `1Gbit/s`, `2.5Gbit/s` and `100Mbit/s` are Ethernet, `gen2x4` is PCIe, `110MB/s` is payload.
impl FromStr for Line {
    type Err = LineError;

    fn from_str(text: &str) -> Result<Self, LineError> {
        read(text).ok_or_else(|| LineError(text.to_owned()))
    }
}

fn read(text: &str) -> Option<Line> {
    if let Some((generation, lanes)) = text.strip_prefix("gen").and_then(|t| t.split_once('x')) {
        let lanes = lanes.parse().ok().filter(|lanes| matches!(lanes, 1 | 2 | 4 | 8 | 16))?;
        return Line::pcie(generation.parse().ok()?, lanes, Basis::Stated);
    }
    let number = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at(number);
    // More than any line has, so that what follows is exact in whole numbers.
    let value: f64 = number.parse().ok().filter(|value| *value > 0.0 && *value <= 1e6)?;
    match unit.trim_start() {
        "Mbit/s" => Line::ethernet((value * 1e6) as u64, Basis::Stated),
        "Gbit/s" => Line::ethernet((value * 1e9) as u64, Basis::Stated),
        "MB/s" => Line::of((value * 1e6) as u128, (1, 1), Basis::Stated),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rates_are_what_the_standards_leave_of_them() {
        let gigabit: Line = "1Gbit/s".parse().unwrap();
        assert_eq!(gigabit.bytes_per_s, 117_685_305);
        assert_eq!(Line::axi_stream(128, 300).unwrap().bytes_per_s, 4_800_000_000);
        // Gen2 x4: 2 GB/s raw.
        assert_eq!("gen2x4".parse::<Line>().unwrap().bytes_per_s, 1_828_571_428);
        assert_eq!("110 MB/s".parse::<Line>().unwrap().bytes_per_s, 110_000_000);
        assert_eq!(gigabit.to_string(), "117.7 MB/s (stated)");
    }

    #[test]
    fn what_is_no_rate_is_refused_with_its_text() {
        for bad in [
            "", "1", "Gbit/s", "-1Gbit/s", "1Gb", "gen6x4", "gen2x3", "0Gbit/s", "1e9MB/s",
            "nanMB/s",
        ] {
            let error = bad.parse::<Line>().expect_err(bad).to_string();
            assert!(error.contains(&format!("{bad:?}")), "{error}");
        }
    }

    #[test]
    fn a_tensor_over_gigabit_takes_its_time() {
        let line: Line = "1Gbit/s".parse().unwrap();
        // 519168 bytes (3x416x416) at 117.685 MB/s.
        assert_eq!(line.bound(519_168), 4_411_494);
        assert_eq!(line.bound(0), 0);
        assert_eq!(line.bound(1), 9);
    }

    proptest! {
        #[test]
        fn no_bound_is_too_short_or_a_nanosecond_too_long(rate in 1u64..1 << 40, bytes in 0u64..1 << 40) {
            let line = Line { bytes_per_s: rate, basis: Basis::Stated };
            let ns = u128::from(line.bound(bytes));
            let carried = |ns: u128| ns * u128::from(rate) / 1_000_000_000;
            if ns < u128::from(u64::MAX) {
                prop_assert!(carried(ns) >= u128::from(bytes));
                prop_assert!(ns == 0 || (ns - 1) * u128::from(rate) < u128::from(bytes) * 1_000_000_000);
            }
        }
    }
}
