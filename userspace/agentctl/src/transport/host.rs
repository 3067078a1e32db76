//! Where `ssh://` leads.

use std::fmt;
use std::str::FromStr;

/// `[user@]host[:port][/path/of/socket]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    user: Option<String>,
    /// Name, address, or an alias of ssh's configuration.
    host: String,
    port: Option<u16>,
    /// agentd's socket there; the proxy's default without it.
    socket: Option<String>,
}

impl FromStr for Host {
    type Err = String;

    fn from_str(text: &str) -> Result<Host, String> {
        let (place, socket) = match text.find('/') {
            Some(at) => (&text[..at], Some(text[at..].to_owned()).filter(|path| path != "/")),
            None => (text, None),
        };
        let (user, place) = match place.rsplit_once('@') {
            Some((user, place)) => (Some(user.to_owned()), place),
            None => (None, place),
        };
        let bracketed = place.strip_prefix('[').map(|rest| rest.split_once(']').ok_or(()));
        let (host, port) = match bracketed {
            Some(Ok((host, ""))) => (host, None),
            Some(Ok((host, rest))) => (host, Some(rest.strip_prefix(':').unwrap_or("x"))),
            Some(Err(())) => return Err(format!("{place}: the address wants its closing bracket")),
            None => place.rsplit_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
        };
        if bracketed.is_none() && host.contains(':') {
            return Err(format!("{place}: an IPv6 address goes into brackets, ssh://[{place}]"));
        }
        let port = match port.map(str::parse::<u16>) {
            None => None,
            Some(Ok(port)) if port > 0 => Some(port),
            Some(_) => return Err(format!("{place}: a port is a number from 1 to 65535")),
        };
        check("host", host, "[]@")?;
        user.as_deref().map_or(Ok(()), |user| check("user", user, ":"))?;
        if socket.as_ref().is_some_and(|path| path.contains(|c: char| c.is_control())) {
            return Err("the socket's path holds a control character".to_owned());
        }
        Ok(Host { user, host: host.to_owned(), port, socket })
    }
}

/// ssh takes a name that begins with `-` for an option, and an option can run a program.
fn check(what: &str, name: &str, also: &str) -> Result<(), String> {
    let strange = |c: char| {
        c.is_whitespace() || c.is_control() || "'\"`$;&|<>()\\".contains(c) || also.contains(c)
    };
    match name {
        "" => Err(format!("the {what} is missing; use ssh://[user@]host[:port][/path/of/socket]")),
        name if name.starts_with('-') => Err(format!("{name}: a {what} must not begin with -")),
        name if name.contains(strange) => Err(format!("{name:?} is no name of a {what}")),
        _ => Ok(()),
    }
}

impl Host {
    /// What ssh is given to run `command` of the shell there.
    pub fn arguments(&self, command: String) -> Vec<String> {
        let mut arguments = vec!["-T".to_owned()];
        if let Some(port) = self.port {
            arguments.extend(["-p".to_owned(), port.to_string()]);
        }
        arguments.extend([self.destination(), command]);
        arguments
    }

    /// The other end of this transport.
    pub(super) fn proxy(&self) -> String {
        let socket = self.socket.as_deref().map(|path| format!(" {}", quoted(path)));
        format!("agentctl proxy{}", socket.unwrap_or_default())
    }

    pub(super) fn destination(&self) -> String {
        self.user.as_ref().map_or(self.host.clone(), |user| format!("{user}@{}", self.host))
    }
}

/// One word for the shell on the other side.
fn quoted(path: &str) -> String {
    format!("'{}'", path.replace('\'', "'\\''"))
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        let address = self.host.contains(':');
        if address {
            write!(f, "[{}]", self.host)?
        } else {
            f.write_str(&self.host)?
        }
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        f.write_str(self.socket.as_deref().unwrap_or(""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> Result<Host, String> {
        text.parse()
    }

    #[test]
    fn ssh_gets_port_destination_and_one_command() {
        let arguments = |text| {
            let host = host(text).unwrap();
            host.arguments(host.proxy()).join("|")
        };
        assert_eq!(arguments("kv260"), "-T|kv260|agentctl proxy");
        assert_eq!(arguments("root@10.0.0.7:2222/"), "-T|-p|2222|root@10.0.0.7|agentctl proxy");
        assert_eq!(arguments("[fe80::1]:22"), "-T|-p|22|fe80::1|agentctl proxy");
        let quoted = "-T|a|agentctl proxy '/run/it'\\''s; rm.sock'";
        assert_eq!(arguments("a/run/it's; rm.sock"), quoted);
    }

    #[test]
    fn what_ssh_would_take_for_an_option_is_refused() {
        for text in ["-oProxyCommand=id", "-x@host", "a@-host", "[-v]", "a@-oX:22/run/s"] {
            let error = host(text).unwrap_err();
            assert!(error.contains("must not begin with -"), "{text}: {error}");
        }
        for text in [
            "",
            "a@",
            "@a",
            "a b",
            "a;id",
            "a:0",
            "a:65536",
            "a:x",
            "[::1",
            "[::1]22",
            "fe80::1",
            "a/run/x\n",
        ] {
            assert!(host(text).is_err(), "{text}");
        }
    }
}
