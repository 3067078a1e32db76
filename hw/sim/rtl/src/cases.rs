//! How much a random bench does, from the environment.

/// Random cases of a bench: `TANDEM_RTL_CASES`, or else `usual`.
///
/// # Panics
/// The variable is no number.
pub fn cases(usual: u64) -> u64 {
    number("TANDEM_RTL_CASES").unwrap_or(usual)
}

/// The first of them: `TANDEM_RTL_FIRST`, to go elsewhere or to look at one that failed.
///
/// # Panics
/// The variable is no number.
pub fn first() -> u64 {
    number("TANDEM_RTL_FIRST").unwrap_or(0)
}

/// Whether the benches are to run this model: with `TANDEM_RTL_TESTED=a,b` only these, as where one
/// model was changed and the others say nothing about it.
pub fn tested(model: &str) -> bool {
    let named = |names: String| names.split(',').any(|name| name == model);
    std::env::var("TANDEM_RTL_TESTED").map_or(true, named)
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|error| panic!("{name}={text}: {error}")))
}
