//! `--target`: which board, and how it is reached.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::Host;
use crate::console::Line;

/// Which agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A virtual board in this process.
    Virtual,
    /// agentd's socket.
    Unix(PathBuf),
    /// agentd's socket on another machine, through `ssh`.
    Ssh(Host),
    /// A serial line to agentd (`agentd --serial`).
    AgentLine(Line),
    /// A serial line to the R5F, for `console`.
    Serial(Line),
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Target, String> {
        let path = |rest: &str| rest.starts_with('/').then(|| PathBuf::from(rest));
        let parsed = match text.split_once("://") {
            None if text == "virtual" => Some(Target::Virtual),
            None => None,
            Some(("ssh", rest)) => return rest.parse().map(Target::Ssh),
            Some(("unix", rest)) => path(rest).map(Target::Unix),
            Some(("agent+serial", rest)) => path(rest).map(Line::Device).map(Target::AgentLine),
            Some(("agent+serial+unix", rest)) => {
                path(rest).map(Line::Socket).map(Target::AgentLine)
            }
            Some(("serial", rest)) => path(rest).map(Line::Device).map(Target::Serial),
            Some(("serial+unix", rest)) => path(rest).map(Line::Socket).map(Target::Serial),
            Some(_) => None,
        };
        parsed.ok_or_else(|| {
            "use virtual, unix:///absolute/path, ssh://[user@]host[:port][/path/of/socket], \
             agent+serial:///dev/tty...; for the R5F's console serial:///dev/tty... or serial+unix:///absolute/path"
                .to_owned()
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Virtual => f.write_str("virtual"),
            Target::Unix(path) => write!(f, "unix://{}", path.display()),
            Target::Ssh(host) => write!(f, "ssh://{host}"),
            Target::AgentLine(line) => write!(f, "agent+{line}"),
            Target::Serial(line) => write!(f, "{line}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_and_written_back() {
        let device = Line::Device("/dev/ttyUSB1".into());
        let socket = Line::Socket("/tmp/uart1".into());
        for (text, target) in [
            ("virtual", Target::Virtual),
            ("unix:///run/a.sock", Target::Unix("/run/a.sock".into())),
            ("serial:///dev/ttyUSB1", Target::Serial(device)),
            ("serial+unix:///tmp/uart1", Target::Serial(socket)),
        ] {
            assert_eq!(text.parse().as_ref(), Ok(&target));
            assert_eq!(target.to_string(), text);
        }
        for text in ["agent+serial:///dev/ttyUSB2", "agent+serial+unix:///tmp/u"] {
            let target = text.parse::<Target>().unwrap();
            assert!(matches!(target, Target::AgentLine(_)) && target.to_string() == text);
        }
        for text in
            ["ssh://kv260", "ssh://root@10.0.0.7:2222/run/a b.sock", "ssh://[fe80::1%eth0]:22"]
        {
            assert_eq!(text.parse::<Target>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_target_is_told_what_is() {
        for wrong in [
            "serial://ttyUSB1",
            "serial+unix://",
            "",
            "unix://",
            "unix://a.sock",
            "tcp://x",
            "Virtual",
        ] {
            let error = wrong.parse::<Target>().unwrap_err();
            assert!(error.contains("unix:///"), "{wrong}: {error}");
        }
    }
}
