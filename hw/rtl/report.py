#!/usr/bin/env python3
"""Area and depth of the kernels of report.toml, by open synthesis for UltraScale+.

    report.py [NAME...]    puts the kernels, or the named ones, through synthesis: report.json
    report.py --table      prints report.json
    report.py --check      fails where report.json is not of the sources as they are; quick

The figures are estimates: yosys' mapping, without placement, and no frequency follows from them.
`depth` is the number of cells (an adder, a comparator, a multiplexer count one each) on the longest
path between registers before mapping; it is there to be compared with itself.
"""

import argparse
import hashlib
import json
import os
import re
import sys
import tempfile
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPORT = HERE / "report.json"
NOTE = ("Estimates by yosys (synth_xilinx -family xcup), without placement; no frequency was "
        "measured. An assumed clock is said where it is used.")


def sources(kernel: dict) -> list[Path]:
    """The top's file and those whose names occur in it, and so on: one module or package a file."""
    every = {path.stem: path for path in HERE.glob("*/*.sv") if path.parent.name != "formal"}
    found, new = set(), {kernel["top"]}
    while new:
        found |= new
        words = {word for name in new for word in re.findall(r"\w+", every[name].read_text())}
        new = (words & every.keys()) - found

    def rank(path: Path) -> int:
        if not path.stem.endswith("_pkg"):
            return 3
        return 0 if path.parent.name == "regs" else 1 if path.stem == "tandem_pkg" else 2

    return sorted((every[name] for name in found), key=lambda path: (rank(path), path.name))


def digest(kernel: dict) -> str:
    """Of the sources and of how they are synthesised."""
    total = hashlib.sha256(json.dumps(kernel, sort_keys=True).encode())
    for path in sources(kernel):
        total.update(f"{path.relative_to(HERE)}\n".encode() + path.read_bytes())
    return total.hexdigest()[:16]


def run(design, command: str) -> str:
    from pyosys import libyosys

    # What the library says to the terminal is in the log.
    with tempfile.NamedTemporaryFile("r", suffix=".log") as log:
        libyosys.run_pass(f"tee -q -o {log.name} {command}", design)
        return log.read()


def synthesise(kernel: dict) -> dict:
    from pyosys import libyosys

    top = kernel["top"]
    values = "".join(f" -G {k}={v}" for k, v in kernel.get("parameters", {}).items())
    read = f"read_slang --top {top}{values} " + " ".join(str(path) for path in sources(kernel))
    design = libyosys.Design()
    run(design, read)
    run(design, f"prep -top {top} -flatten")
    depth = re.search(r"length=(\d+)", run(design, "ltp -noff"))
    design = libyosys.Design()
    run(design, read)
    run(design, f"synth_xilinx -family xcup -flatten -noiopad -top {top}")
    with tempfile.NamedTemporaryFile("r", suffix=".json") as stat:
        run(design, f"tee -q -o {stat.name} stat -json")
        cells = json.load(stat)["design"]["num_cells_by_type"]

    def count(pattern: str) -> int:
        return sum(n for name, n in cells.items() if re.fullmatch(pattern, name))

    # A RAM32M16 or RAM64M8 takes eight LUTs; an SRL one.
    memory = 8 * count(r"RAM\d+M\d*") + count(r"SRL.*")
    return {
        "name": kernel["name"],
        "top": top,
        "parameters": kernel.get("parameters", {}),
        "sources": digest(kernel),
        "lut": count(r"LUT\d") + memory,
        "lut_as_memory": memory,
        "ff": count(r"FD.*"),
        "dsp": count(r"DSP.*"),
        "bram36": count(r"RAMB36.*") + count(r"RAMB18.*") / 2,
        "uram": count(r"URAM.*"),
        "depth": int(depth.group(1)) if depth else None,
    }


def read_report() -> dict[str, dict]:
    if not REPORT.exists():
        return {}
    return {kernel["name"]: kernel for kernel in json.loads(REPORT.read_text())["kernels"]}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only say what is out of date")
    parser.add_argument("--table", action="store_true", help="only print what is there")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    kernels = tomllib.loads((HERE / "report.toml").read_text())["kernel"]
    have = read_report()
    stale = [k for k in kernels if have.get(k["name"], {}).get("sources") != digest(k)]
    gone = [name for name in have if name not in [k["name"] for k in kernels]]
    if arguments.table:
        print(json.loads(REPORT.read_text())["note"] + "\n")
        columns = ["name", "lut", "ff", "dsp", "bram36", "uram", "depth"]
        for row in [columns, *([str(k[c]) for c in columns] for k in have.values())]:
            print("  ".join(f"{cell:>10}" for cell in row))
        return 0
    if arguments.check:
        for name in gone + [kernel["name"] for kernel in stale]:
            print(f"report.json is out of date: {name}; run `cargo xtask rtl-report`")
        return 1 if stale or gone else 0
    for kernel in kernels:
        named = kernel["name"] in arguments.names
        if named or (not arguments.names and kernel in stale):
            print(f"synthesis: {kernel['name']}", file=sys.stderr)
            have[kernel["name"]] = synthesise(kernel)
    table = [have[kernel["name"]] for kernel in kernels if kernel["name"] in have]
    REPORT.write_text(json.dumps({"note": NOTE, "kernels": table}, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    # The library's own clean-up takes long and has nothing to say.
    os._exit(code)
