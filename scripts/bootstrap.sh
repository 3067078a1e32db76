# Sourced by setup, demo and test: what must be there before `cargo xtask` can be built.
# A fresh Debian or Ubuntu machine with git, curl, python3 and rustup's stable is enough.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '\033[1;36m==>\033[0m %s\n' "$*"; }
die() { printf '\033[1;31merror:\033[0m %s\n' "$*" >&2; exit 1; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo >/dev/null; then sudo "$@"
    else die "'$*' needs root: run it as root, or install sudo"
    fi
}

if ! command -v cargo >/dev/null && [ -x "$HOME/.cargo/bin/cargo" ]; then
    export PATH="$HOME/.cargo/bin:$PATH"
fi
command -v cargo >/dev/null || die "cargo is not here: install Rust's stable toolchain with rustup, then run this again"
command -v python3 >/dev/null || die "python3 is not here: apt-get install python3"

if ! command -v cc >/dev/null; then
    say "installing a C linker (gcc, libc6-dev): Rust links with it"
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends gcc libc6-dev
fi

xtask() {
    if [ ! -x target/release/xtask ]; then say "building the task runner (cargo xtask)"; fi
    cargo build --quiet --release --package xtask
    target/release/xtask "$@"
}
