"""Drives a board through labgrid: what a laboratory does before it trusts one.

    LG_BOARD="cargo xtask qemu shell" python labgrid_board.py boards/qemu/labgrid.yaml

Needs labgrid (scripts/setup --all). Prints a line for each check, ends with 1 at the first that fails.
"""

import json
import sys
import time

from labgrid import Environment

AGENTCTL = "agentctl --target unix:///run/tandem.sock"


def main(environment):
    target = Environment(environment).get_target("main")
    shell = target.get_driver("ShellDriver")
    try:
        checks(shell)
    finally:
        target.deactivate_all_drivers()


def checks(shell):
    def answer(command):
        return "\n".join(shell.run_check(command, timeout=120))

    system = answer("uname -sm")
    hold(system.split() == ["Linux", "aarch64"], "system", system)
    until = time.monotonic() + 60
    while True:
        peer = json.loads(answer(f"{AGENTCTL} -o json status"))["report"]["peer"]
        if peer["state"] == "up" or time.monotonic() > until:
            break
    hold(peer["state"] == "up", "firmware", json.dumps(peer))
    output, _, code = shell.run(f"{AGENTCTL} recipe check /nowhere.toml")
    hold(code == 1, "a command that fails", f"exit code {code}: {' '.join(output[-1:])}")


def hold(good, what, seen):
    print(f"{'ok' if good else 'FAILED'}: {what}: {seen}", flush=True)
    if not good:
        sys.exit(1)


if __name__ == "__main__":
    main(sys.argv[1])
