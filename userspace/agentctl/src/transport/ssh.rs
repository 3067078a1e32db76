//! An agent on another machine, through the system's `ssh` as git uses it: ssh runs `agentctl proxy`
//! there, which joins its standard input and output with agentd's socket. Keys, jump hosts, known hosts
//! and time-outs are ssh's own and come from its configuration.

use std::io::{self, ErrorKind, Read as _};
use std::os::fd::OwnedFd;
use std::process::{Child, ChildStderr, ExitStatus, Stdio};
use std::thread::JoinHandle;

use tandem_agent::api::ApiError;
use tandem_agent::tied::Tied;
use tokio::io::{AsyncBufReadExt, AsyncReadExt as _, BufReader};
use tokio::net::UnixStream;

use super::{Connecting, Host, Stream, Transport};
use crate::command::proxy::READY;

/// What a login shell may print before the proxy speaks.
const MOST_CHATTER: u64 = 64 << 10;
/// What is kept of ssh's standard error for the error's text.
const MOST_WORDS: usize = 2 << 10;

/// An agent on another machine.
pub struct Ssh {
    /// Where.
    pub host: Host,
    /// What runs instead of `ssh`: words for the shell, as in git's GIT_SSH_COMMAND.
    pub command: Option<String>,
}

impl Transport for Ssh {
    fn connect(&self) -> Connecting<'_> {
        Box::pin(async move { Ok(Box::new(self.open().await?) as Box<dyn Stream>) })
    }
}

impl Ssh {
    /// ssh, told to run `command` over there.
    fn program(&self, command: String) -> std::process::Command {
        let (program, first) = match &self.command {
            None => ("ssh", vec![]),
            Some(words) => ("sh", vec!["-c".to_owned(), format!("{words} \"$@\""), words.clone()]),
        };
        let mut ssh = std::process::Command::new(program);
        ssh.args(first).args(self.host.arguments(command));
        ssh
    }

    /// Runs a command of the shell over there, with pipes to its standard input and output.
    ///
    /// # Errors
    /// `ssh_missing`, `ssh_failed`.
    pub fn run(&self, command: String) -> Result<std::process::Child, ApiError> {
        let mut ssh = self.program(command);
        ssh.stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| not_started(&error))
    }

    async fn open(&self) -> anyhow::Result<Through> {
        // One socket is both of ssh's pipes.
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let mut command = self.program(self.host.proxy());
        command.stdin(OwnedFd::from(theirs.try_clone()?)).stdout(OwnedFd::from(theirs));
        let spawned = command.stderr(Stdio::piped()).spawn();
        drop(command); // and with it our copies of ssh's ends
        let mut ssh = Running(spawned.map_err(|error| not_started(&error))?);
        let words = listen(ssh.0.stderr.take());
        let mut stream = BufReader::new(UnixStream::from_std(ours)?);
        if ready(&mut stream).await {
            return Ok(Tied::new(stream, ssh));
        }
        drop(stream); // so that it ends, if it has not
        let ended = tokio::task::spawn_blocking(move || (ssh.0.wait().ok(), words.join().ok()));
        let (status, words) = ended.await?;
        let words = words.unwrap_or_default();
        Err(self.explain(status, String::from_utf8_lossy(&words).trim()).into())
    }

    /// Why there was no agent, from how ssh ended.
    fn explain(&self, status: Option<ExitStatus>, words: &str) -> ApiError {
        let host = self.host.destination();
        let (code, what) = match status.and_then(|status| status.code()) {
            Some(255) => ("ssh_failed", format!("ssh cannot reach {host}")),
            Some(126 | 127) if self.command.is_some() => (
                "ssh_no_agentctl",
                format!(
                    "Either {host} has no agentctl on its path, or --ssh-command is no program here"
                ),
            ),
            Some(126 | 127) => (
                "ssh_no_agentctl",
                format!("{host} has no agentctl on its path; install the same release there"),
            ),
            Some(2) => (
                "ssh_no_proxy",
                format!("{host} has an agentctl without `proxy`; use programs of one release"),
            ),
            Some(1) => ("ssh_no_agent", format!("No agent answers on {host}")),
            Some(0) => ("ssh_no_proxy", format!("{host} did not run `agentctl proxy`")),
            Some(code) => ("ssh_failed", format!("ssh to {host} ended with {code}")),
            None => ("ssh_failed", format!("ssh to {host} was ended by a signal")),
        };
        let words = if words.is_empty() { "it said nothing" } else { words };
        ApiError::new(code, "--target", format!("{what}: {words}"))
    }
}

fn not_started(error: &io::Error) -> ApiError {
    let (code, message) = match error.kind() {
        ErrorKind::NotFound => (
            "ssh_missing",
            "There is no program ssh here; install openssh-client, or name another with --ssh-command"
                .to_owned(),
        ),
        _ => ("ssh_failed", format!("ssh could not be started: {error}")),
    };
    ApiError::new(code, "--target", message)
}

/// Passes over what a login prints, up to the proxy's first words; false if they do not come.
async fn ready(stdout: &mut (impl AsyncBufReadExt + Unpin)) -> bool {
    let mut left = stdout.take(MOST_CHATTER);
    let mut line = Vec::new();
    loop {
        line.clear();
        match left.read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return false,
            Ok(_) if line.ends_with(READY) => return true,
            Ok(_) => {}
        }
    }
}

/// Shows what ssh says while it says it; the thread gives its last words.
fn listen(stderr: Option<ChildStderr>) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        let Some(mut stderr) = stderr else { return kept };
        let mut bytes = [0; 512];
        while let Ok(count @ 1..) = stderr.read(&mut bytes) {
            eprint!("{}", String::from_utf8_lossy(&bytes[..count]));
            kept.extend_from_slice(&bytes[..count]);
            let extra = kept.len().saturating_sub(MOST_WORDS);
            kept.drain(..extra);
        }
        kept
    })
}

/// ssh, which ends with this.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A stream through ssh, which ends with it.
type Through = Tied<BufReader<UnixStream>, Running>;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn chatter_of_a_login_is_passed_over_and_the_rest_stays() {
        let bytes = [b"Welcome!\nno newline".as_slice(), READY, b"\x01\x02"].concat();
        let mut stream = BufReader::new(&bytes[..]);
        assert!(ready(&mut stream).await);
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, [1, 2]);
        assert!(!ready(&mut BufReader::new(&bytes[..20])).await);
        let endless = vec![b'x'; 2 * MOST_CHATTER as usize];
        assert!(!ready(&mut BufReader::new(&endless[..])).await);
    }
}
