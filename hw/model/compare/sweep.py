#!/usr/bin/env python3
"""Runs examples/preprocess on synthetic and noisy frames of many sizes, and opencv_tensor.py on
each result. Usage: sweep.py PREPROCESS_BINARY. Exits 1 if any tensor differs by more than 1."""

import pathlib
import subprocess
import sys
import tempfile

import numpy as np

# frame width, height, tensor width, height
SIZES = [
    (1920, 1080, 416, 416), (1920, 1080, 640, 640), (1280, 720, 608, 608), (640, 480, 416, 416),
    (320, 240, 640, 640), (451, 300, 416, 416), (300, 451, 416, 320), (333, 777, 640, 384),
    (64, 48, 64, 48), (1, 1, 32, 32), (2, 900, 64, 64), (1000, 1, 99, 33), (3000, 2000, 513, 511), (97, 61, 1024, 1024),
]


def frames(rng, width, height):
    """Named RGB-shaped byte arrays: noise, ramps with noise, checkerboard, saturated stripes."""
    y, x = np.mgrid[0:height, 0:width]
    ramp = np.stack([x * 255 // max(width - 1, 1), y * 255 // max(height - 1, 1), (x + y) % 256], 2)
    yield "noise", rng.integers(0, 256, (height, width, 3))
    yield "ramp", np.clip(ramp + rng.integers(-9, 10, ramp.shape), 0, 255)
    yield "checks", np.repeat(((x + y) % 2 * 255)[:, :, None], 3, 2)
    yield "stripes", np.stack([(x // 3 % 2) * 255, (y // 2 % 2) * 255, (x * y % 5 == 0) * 255], 2)


def main():
    binary = sys.argv[1]
    script = pathlib.Path(__file__).with_name("opencv_tensor.py")
    rng = np.random.default_rng(1)
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        frame, tensor = pathlib.Path(folder, "frame"), pathlib.Path(folder, "tensor")
        for width, height, tw, th in SIZES:
            for name, image in frames(rng, width, height):
                for kind in ["rgb8", "nv12"]:
                    if kind == "nv12" and (width % 2 or height % 2):
                        continue
                    raw = image.astype(np.uint8).tobytes()
                    if kind == "nv12":
                        raw = raw[: width * height * 3 // 2]
                    frame.write_bytes(raw)
                    sizes = [str(v) for v in (width, height)], [str(v) for v in (tw, th)]
                    run = [binary, kind, *sizes[0], str(frame), *sizes[1], str(tensor),
                           "--resize", "bilinear"]
                    check = [sys.executable, str(script), str(frame), *sizes[0], str(tensor),
                             *sizes[1], "--format", kind]
                    if width > 60 and height > 60:
                        crop = f"{width // 8 * 2},{height // 12 * 2},{width // 6 * 2},{height // 5 * 2}"
                        extras = [[], ["--crop", crop]]
                    else:
                        extras = [[]]
                    for extra in extras:
                        subprocess.run(run + extra, check=True)
                        done = subprocess.run(check + extra, capture_output=True, text=True)
                        lines = " | ".join(done.stdout.split("\n")).strip(" |")
                        print(f"{kind} {name} {width}x{height} to {tw}x{th} {' '.join(extra)}: "
                              f"{lines} {done.stderr.strip()[-300:]}")
                        failed += done.returncode != 0
    print(f"{failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
