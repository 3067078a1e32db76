//! `console selftest`: the tests that the R5F makes of itself and its board.

use serde::Serialize;
use serde_json::{Value, json};
use tandem_agent::api::ApiError;
use tandem_link::console::{Answer, Block, LoopEnd, Request, Test, Verdict};

use crate::console::Console;
use crate::output::Output;
use crate::{EXIT_FAILED, EXIT_OK};

#[derive(Serialize)]
struct Line {
    test: &'static str,
    verdict: &'static str,
    values: [u32; 4],
    /// The values by name.
    detail: Value,
}

/// Runs the tests of these names, or all; a line each.
pub(super) fn run(
    console: &mut Console,
    names: &[String],
    output: &mut Output,
) -> anyhow::Result<u8> {
    let mut code = EXIT_OK;
    for test in chosen(names)? {
        let (verdict, values) = console.ask(Request::Run(test), |answer| match *answer {
            Answer::Tested { test: ended, verdict, values } if ended == test => {
                Some((verdict, values))
            }
            _ => None,
        })?;
        let verdict = match verdict {
            Verdict::Passed => "passed",
            Verdict::NotFitted => "not fitted",
            Verdict::Failed => {
                code = EXIT_FAILED;
                "failed"
            }
        };
        let line = Line { test: test.name(), verdict, values, detail: detail(test, values) };
        let text = format!("{:<13} {:<11} {}", line.test, verdict, told(test, values));
        output.answer(&line, text.trim_end())?;
    }
    Ok(code)
}

fn chosen(names: &[String]) -> anyhow::Result<Vec<Test>> {
    if names.is_empty() {
        return Ok(Test::ALL.to_vec());
    }
    let find = |name: &String| {
        let all = Test::ALL.map(Test::name);
        Test::ALL.into_iter().find(|test| test.name() == name).ok_or_else(|| {
            let message = format!("There is no test {name}; there are {}", all.join(", "));
            ApiError::new("no_such_test", "selftest", message).into()
        })
    };
    names.iter().map(find).collect()
}

fn there(values: [u32; 4]) -> Vec<u32> {
    (0..128).filter(|at| values[*at as usize / 32] >> (at % 32) & 1 == 1).collect()
}

/// Bytes a second of a loop; 0 where nothing was measured.
fn rate([bytes, ns, ..]: [u32; 4]) -> f64 {
    if ns == 0 { 0.0 } else { f64::from(bytes) * 1e9 / f64::from(ns) }
}

fn right(values: [u32; 4], block: Block) -> bool {
    values[0] >> block as u32 & 1 == 1
}

fn detail(test: Test, values: [u32; 4]) -> Value {
    let [a, b, c, d] = values;
    match test {
        Test::Tcm | Test::Ocm => {
            json!({ "marched_bytes": a, "in_place_bytes": b, "left_bytes": c, "bad_address": d })
        }
        Test::DmaLoopback => json!({ "bytes": a, "ns": b, "bytes_per_s": rate(values),
            "wrong": LoopEnd::told(c), "wrong_detail": d }),
        Test::Kernels => Block::ALL
            .iter()
            .map(|block| (block.name().to_owned(), Value::from(right(values, *block))))
            .collect(),
        Test::I2c => json!({ "addresses": there(values) }),
        Test::Timer => json!({ "counted_ns": a, "clock_ns": b,
            "error_ppm": (f64::from(a) - f64::from(b)) * 1e6 / f64::from(b.max(1)) }),
        Test::Watchdog => json!({ "seen_us": a }),
        Test::Gpio => json!({ "wrong": a }),
    }
}

/// What the values of a test say.
fn told(test: Test, values: [u32; 4]) -> String {
    let [a, b, c, d] = values;
    match test {
        Test::Tcm | Test::Ocm if d != 0 => format!("bad at {d:#010x}"),
        Test::Tcm | Test::Ocm => match (b, c) {
            (0, 0) => format!("{a} bytes marched"),
            _ => format!("{a} bytes marched, {b} in use tested in place, {c} left alone"),
        },
        Test::Kernels => {
            let good = Block::ALL.iter().filter(|block| right(values, **block));
            good.map(|block| block.name()).collect::<Vec<_>>().join(", ")
        }
        Test::I2c => {
            there(values).iter().map(|at| format!("{at:#04x}")).collect::<Vec<_>>().join(" ")
        }
        Test::Timer => format!("{} us counted in {} us", a / 1000, b / 1000),
        Test::Watchdog => format!("seen after {a} us"),
        Test::Gpio if a != 0 => format!("wrong: {a:#x}"),
        Test::Gpio => String::new(),
        Test::DmaLoopback => match LoopEnd::told(c) {
            Some(wrong) => format!("{wrong} ({d:#x})"),
            None if a == 0 => String::new(),
            None => format!("{a} bytes in {} us, {:.0} MB/s", b / 1000, rate(values) / 1e6),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_wrong_is_told() {
        assert_eq!(told(Test::Tcm, [0, 0, 0, 0x2_0010]), "bad at 0x00020010");
        assert_eq!(told(Test::DmaLoopback, [0, 0, 4, 8]), "other data arrived (0x8)");
        assert_eq!(
            told(Test::DmaLoopback, [16384, 16_384, 0, 0]),
            "16384 bytes in 16 us, 1000 MB/s"
        );
        assert_eq!(detail(Test::DmaLoopback, [16384, 16_384, 0, 0])["bytes_per_s"], 1e9);
        assert_eq!(detail(Test::Kernels, [0b101, 0, 0, 0])["post"], false);
        assert_eq!(detail(Test::I2c, [1 << 8, 1, 0, 0])["addresses"], json!([8, 32]));
        assert_eq!(detail(Test::Timer, [51, 50, 0, 0])["error_ppm"], 20_000.0);
    }
}
