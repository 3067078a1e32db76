//! `proxy`: joins standard input and output with agentd's socket, for `--target ssh://`.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use anyhow::Context as _;
use tandem_agent::server::find_socket;

use crate::EXIT_OK;

/// What the proxy says first, once the agent's socket is open: what came before is a login's.
pub const READY: &[u8] = b"tandem-proxy 1\n";

/// Joins them until one side ends.
///
/// # Errors
/// Nobody listens on the socket.
pub(super) fn proxy(socket: Option<PathBuf>) -> anyhow::Result<u8> {
    let path = socket.unwrap_or_else(find_socket);
    let mut agent = UnixStream::connect(&path).with_context(|| {
        format!("No agent answers on {}; start agentd, or name its socket", path.display())
    })?;
    // Plain files: the standard library's own handles keep what has no newline yet.
    let mut input = File::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    let mut output = File::from(std::io::stdout().as_fd().try_clone_to_owned()?);
    output.write_all(READY)?;
    let mut to_agent = agent.try_clone()?;
    // Ends with this process: a read of standard input cannot be called off.
    std::thread::spawn(move || {
        let _ = pass(&mut input, &mut to_agent);
        let _ = to_agent.shutdown(Shutdown::Write);
    });
    pass(&mut agent, &mut output)?;
    Ok(EXIT_OK)
}

/// Bytes from one to the other until the end. Not `std::io::copy`: it splices, and a splice into a pipe holds the
/// pipe's lock while it waits for more, so that sshd does not get at what is in the pipe already.
fn pass(from: &mut impl Read, to: &mut impl Write) -> std::io::Result<()> {
    let mut bytes = [0; 16 << 10];
    loop {
        match from.read(&mut bytes) {
            Ok(0) => return Ok(()),
            Ok(count) => to.write_all(&bytes[..count])?,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
