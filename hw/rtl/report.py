#!/usr/bin/env python3
"""What the kernels cost and how long they take: report.json and report.md.

    report.py            synthesises every build, runs the benches that count clocks, writes both files
    report.py --check    names the sources that changed since; exits with 1 if any did

Needs pyosys (`cargo xtask rtl-report` has it). Area is an estimate: Yosys maps to UltraScale+
cells, no vendor tool places or routes them. Depth is the longest chain of word-level cells between
registers (an adder counts as one), a gauge of changes and no frequency.
"""

import argparse
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent

PRE, POST, NMS, GATE, SLICE = "tandem_pre", "tandem_post", "nms", "tandem_gate", "tandem_slice"
MASK = "tandem_mask"
WIDE = {"LANES": 16, "S_BYTES": 16, "M_BYTES": 16}
# Bits of CAPS: NV12 or RGB, planar.
NV12, RGB, ALL = 0x0102, 0x0101, 0x7F7F

# What is synthesised: name, module, parameters.
BUILDS = [
    *((f"pre, {ppc} px, everything", PRE, {"PPC": ppc, "S_BYTES": wide, "M_BYTES": wide, "FEATURES": ALL})
      for ppc, wide in ((1, 4), (2, 8), (4, 8), (8, 16))),
    ("pre, 4 px, NV12 to u8 planar", PRE, {"PPC": 4, "S_BYTES": 8, "M_BYTES": 8, "MAX_SIDE": 4096, "FEATURES": NV12}),
    ("pre, 4 px, RGB to u8 planar", PRE, {"PPC": 4, "S_BYTES": 16, "M_BYTES": 8, "MAX_SIDE": 4096, "FEATURES": RGB}),
    ("post, 16 lanes, grids of 6400, no YOLOv8", POST, {**WIDE, "CELLS": 6400, "DFL_CELLS": 0}),
    ("post, 16 lanes, everything", POST, WIDE),
    ("post, 16 lanes, everything, in UltraRAM", POST, {**WIDE, "ULTRA": 1}),
    *((f"nms alone, {lanes} lanes", NMS, {"LANES": lanes}) for lanes in (8, 16, 32)),
    ("gate", GATE, {}),
    ("slice, 8 lanes, 64 KiB", SLICE, {"S_BYTES": 8, "M_BYTES": 8, "STORE_BYTES": 65536}),
    *((f"mask, {wide // 4} numbers a clock, 4 objects of 8192 cells", MASK, {"S_BYTES": wide, "M_BYTES": wide})
      for wide in (4, 8, 16)),
    ("mask, 4 numbers a clock, 4 objects of 16384 cells, in UltraRAM", MASK, {"CELLS": 16384, "ULTRA": 1}),
]
# Benches that print clocks: file of hw/sim/rtl/tests, name of the test.
CLOCKS = [
    ("pre", "frames_come_at_the_speed_of_their_input"),
    ("nms", "nms_clocks"),
    ("slice", "clocks_of_typical_layers_stay_near_the_limit"),
    ("mask_clocks", "clocks_of_a_typical_job_stay_near_the_limit"),
]

# Of ctc the digits of a label and all classes of a recogniser of Chinese.
BUILDS += [
    ("ctc, 128 classes, 512 steps", "tandem_ctc", {"CLASSES": 128, "STEPS": 512}),
    ("ctc, 8192 classes, 4096 steps", "tandem_ctc", {"S_BYTES": 16, "M_BYTES": 8}),
]
CLOCKS += [("ctc", "clocks_of_texts_stay_near_a_number_a_clock")]

# A pass ends the interpreter where it fails, so each build has one of its own.
SYNTHESIS = """
import json, sys
from pyosys import libyosys as ys
job = json.loads(sys.argv[1])
design = ys.Design()
given = " ".join(f"-G {name}={value}" for name, value in job["parameters"].items())
ys.run_pass(f"read_slang --top {job['top']} {given} {' '.join(job['files'])}", design)
ys.run_pass("proc", design)
ys.run_pass("flatten", design)
ys.run_pass("opt -full", design)
ys.run_pass(f"tee -o {job['ltp']} ltp -noff", design)
ys.run_pass(f"synth_xilinx -family xcup -flatten -top {job['top']}", design)
ys.run_pass(f"tee -o {job['stat']} stat -json", design)
"""


def sources():
    """Every file that the kernels are made of, by path from here."""
    files = sorted(path for path in HERE.glob("*/*.sv") if path.parent.name != "formal")
    return {str(path.relative_to(HERE)): path for path in files}


def digests():
    """SHA-256 of every source and of this file."""
    named = {**sources(), "report.py": pathlib.Path(__file__)}
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in named.items()}


def synthesise(name, top, parameters):
    """One build's row."""
    # Packages first, those of the registers before those that use them.
    rank = lambda file: (not file.endswith("_pkg.sv"), not file.startswith("regs/"), file)
    files = sorted(sources(), key=rank)
    with tempfile.TemporaryDirectory() as folder:
        job = {
            "top": top,
            "parameters": parameters,
            "files": files,
            "ltp": f"{folder}/ltp",
            "stat": f"{folder}/stat",
        }
        command = [sys.executable, "-c", SYNTHESIS, json.dumps(job)]
        ran = subprocess.run(command, cwd=HERE, capture_output=True, text=True)
        if ran.returncode != 0:
            raise SystemExit(f"{name}: synthesis failed\n{(ran.stdout + ran.stderr)[-3000:]}")
        depth = re.search(r"length=(\d+)", pathlib.Path(job["ltp"]).read_text())
        text = pathlib.Path(job["stat"]).read_text()
        cells = json.loads(text[text.index("{"):])["design"]["num_cells_by_type"]
    count = lambda pattern: sum(n for kind, n in cells.items() if re.fullmatch(pattern, kind))
    return {
        "build": name,
        "parameters": parameters,
        # A LUT used as shift register or memory is a LUT, too; a RAM32M is four.
        "lut": count(r"LUT\d(_2)?|SRL.*") + 4 * count(r"RAM(32|64)M") + 8 * count(r"RAM32M16|RAM64M8")
        + count(r"RAM\d+X1[SD]"),
        "ff": count(r"FD\w+"),
        "dsp": count("DSP48E2"),
        "bram36": count("RAMB36E2") + count("RAMB18E2") / 2,
        "uram": count("URAM288"),
        "depth": int(depth.group(1)) if depth else None,
    }


def clocks(bench, test):
    """The lines that a bench prints about clocks; it holds them against the model and its goals."""
    command = ["cargo", "test", "--release", "--quiet", "-p", "tandem-rtl", "--test", bench]
    ran = subprocess.run([*command, "--", "--nocapture", test], cwd=ROOT, capture_output=True, text=True)
    if ran.returncode != 0:
        raise SystemExit(f"{bench} {test} failed\n{ran.stdout[-3000:]}")
    return [line.lstrip(".") for line in ran.stdout.splitlines() if "|" in line or "clocks" in line]


def markdown(report):
    """The page."""
    lines = [
        "<!-- Written by hw/rtl/report.py (`cargo xtask rtl-report`): do not edit. -->",
        "# Area and clocks",
        "",
        "Area: Yosys' estimate for UltraScale+ (`synth_xilinx -family xcup`), nothing placed or routed. Depth: word-level",
        "cells between registers, before mapping; no frequency follows from it. 300 MHz is an assumption wherever it stands.",
        "",
        "| Build | LUT | FF | DSP | BRAM36 | URAM | Depth |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in report["area"]:
        cells = [row[key] for key in ("build", "lut", "ff", "dsp", "bram36", "uram", "depth")]
        lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    for bench, printed in report["clocks"].items():
        lines += ["", f"## Clocks: {bench}", ""]
        rows = [line for line in printed if line.startswith("|")]
        if rows and not rows[1].startswith("| -"):
            rows.insert(1, "|" + " --- |" * (rows[0].count("|") - 1))
        lines += rows or [f"- {line}" for line in printed]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only say whether the report is of these sources")
    parser.add_argument("--only", help="builds whose name contains this; writes nothing")
    args = parser.parse_args()
    file = HERE / "report.json"
    now = digests()
    if args.check:
        then = json.loads(file.read_text())["sources"]
        changed = sorted(name for name in {*now, *then} if now.get(name) != then.get(name))
        if changed:
            print(f"hw/rtl/report.json is older than {', '.join(changed)}", file=sys.stderr)
        sys.exit(bool(changed))
    builds = [build for build in BUILDS if args.only is None or args.only in build[0]]
    area = []
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        for row in threads.map(lambda build: synthesise(*build), builds):
            area.append(row)
            print(json.dumps(row), file=sys.stderr, flush=True)
    if args.only is not None:
        return
    report = {"sources": now, "area": area, "clocks": {bench: clocks(bench, test) for bench, test in CLOCKS}}
    file.write_text(json.dumps(report, indent=1) + "\n")
    (HERE / "report.md").write_text(markdown(report))


if __name__ == "__main__":
    main()
