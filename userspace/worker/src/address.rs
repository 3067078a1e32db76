//! `--engine`: which engines answer.

use std::fmt;
use std::str::FromStr;

use tandem_engine::EngineChoice;

/// How the address of a worker begins.
const SCHEME: &str = "tcp://";

/// Where a worker listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address(String);

impl Address {
    /// `host:port`.
    pub fn host_and_port(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}", self.0)
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || format!("{text:?} is not tcp://HOST:PORT, such as tcp://10.0.2.2:7700");
        let rest = text.strip_prefix(SCHEME).ok_or_else(refuse)?;
        let (host, port) = rest.rsplit_once(':').ok_or_else(refuse)?;
        let plain = !host.is_empty() && !host.contains(['/', '@', '?', '#', ' ']);
        // A colon in a host is an IPv6 address, which stands in brackets.
        let bracketed = host.starts_with('[') && host.ends_with(']');
        if !plain || (host.contains(':') && !bracketed) || port.parse().is_ok_and(|p: u16| p == 0) {
            return Err(refuse());
        }
        port.parse::<u16>().map_err(|_| refuse())?;
        Ok(Self(rest.to_owned()))
    }
}

/// Engines of the main model: workers, or one of this process, or workers and one of this process
/// that stands by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Engines {
    /// Workers; each is a lane.
    pub workers: Vec<Address>,
    /// The engine of this process: the main one without workers, else the one that stands by.
    pub local: Option<EngineChoice>,
}

impl Default for Engines {
    fn default() -> Self {
        Self { workers: Vec::new(), local: Some(EngineChoice::Auto) }
    }
}

impl fmt::Display for Engines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let workers = self.workers.iter().map(Address::to_string);
        let all: Vec<String> = workers.chain(self.local.map(|local| local.to_string())).collect();
        f.write_str(&all.join(","))
    }
}

impl FromStr for Engines {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut engines = Self { workers: Vec::new(), local: None };
        for part in text.split(',') {
            if engines.local.is_some() {
                let rule = "the engine of this process comes last, and there is one at most";
                return Err(format!("{part:?} stands behind it: {rule}"));
            }
            if part.starts_with(SCHEME) {
                let worker: Address = part.parse()?;
                if engines.workers.contains(&worker) {
                    return Err(format!("{worker} is named twice"));
                }
                engines.workers.push(worker);
            } else {
                let local = part.parse().map_err(|error| format!("{error}, tcp://HOST:PORT"))?;
                engines.local = Some(local);
            }
        }
        Ok(engines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_written_and_read_back() {
        for good in ["auto", "rten", "tcp://a:1", "tcp://[::1]:7700,tcp://b:2,ort"] {
            let engines: Engines = good.parse().unwrap();
            assert_eq!(engines.to_string(), good);
        }
        let engines: Engines = "tcp://10.0.2.2:7700,rten".parse().unwrap();
        assert_eq!(engines.workers[0].host_and_port(), "10.0.2.2:7700");
        assert_eq!(engines.local, Some(EngineChoice::Rten));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (bad, why) in [
            ("", "tcp://HOST:PORT"),
            ("cuda", "not one of auto"),
            ("tcp://", "tcp://HOST:PORT"),
            ("tcp://a", "tcp://HOST:PORT"),
            ("tcp://a:0", "tcp://HOST:PORT"),
            ("tcp://:1", "tcp://HOST:PORT"),
            ("tcp://::1:1", "tcp://HOST:PORT"),
            ("tcp://a:65536", "tcp://HOST:PORT"),
            ("tcp://a:1,", "not one of auto"),
            ("rten,tcp://a:1", "comes last"),
            ("rten,ort", "comes last"),
            ("tcp://a:1,tcp://a:1", "twice"),
        ] {
            let error = bad.parse::<Engines>().unwrap_err();
            assert!(error.contains(why), "{bad}: {error}");
        }
    }
}
