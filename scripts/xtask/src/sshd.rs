//! A real sshd for the tests of `agentctl --target ssh://`. A machine that has none gets its program only:
//! installing the package would open the machine to logins.

use crate::apt;
use crate::shell::Runner;
use anyhow::Result;
use std::path::Path;

/// Where it is unpacked; `userspace/agentctl/tests/ssh.rs` looks there.
const PLACE: &str = ".tandem/sshd";
const PROGRAM: &str = "usr/sbin/sshd";

/// Fetches it where neither the machine nor an earlier run has one.
pub fn ensure_tools(runner: &Runner) -> Result<()> {
    apt::ensure(runner, &["openssh-client"], None)?;
    if Path::new("/").join(PROGRAM).is_file() {
        return Ok(());
    }
    let place = runner.root.join(PLACE);
    if !place.join(PROGRAM).is_file() {
        apt::unpack(runner, "openssh-server", &place)?;
    }
    // Run as root it gives its rights up for those of this user.
    apt::ensure_system_user(runner, "sshd")
}
