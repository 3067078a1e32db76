#!/usr/bin/env python3
"""Times our `pre` on one CPU thread against OpenCV and fast_image_resize in the same run.

Usage: peers.py ROUNDS_BINARY [--path best] [--turns 20]. Every turn times each contestant once more,
and the least time of all turns counts, so that a busy machine disturbs all alike. Needs numpy and
opencv-python-headless. For f16 `blobFromImage` is OpenCV's own way to a float tensor, with numpy's
conversion to halves behind it; `by hand` is numpy on the resized picture, without OpenCV's copies.
Prints milliseconds, how many times slower each peer is, and our time against the least time in
which the bytes can be read and written (a measured copy).
"""

import argparse
import pathlib
import subprocess
import tempfile
import time

import cv2
import numpy as np

# frame width, height, side of the tensor
SIZES = [(1920, 1080, 416), (2448, 2048, 640), (1280, 720, 608), (320, 240, 640)]
PAD = 114


def least(function, rounds):
    """Least milliseconds of a call."""
    best = float("inf")
    for _ in range(rounds):
        start = time.perf_counter()
        function()
        best = min(best, time.perf_counter() - start)
    return best * 1e3


class Ours:
    """examples/rounds.rs, kept running between turns."""

    def __init__(self, binary):
        pipe = subprocess.PIPE
        self.process = subprocess.Popen([binary], stdin=pipe, stdout=pipe, text=True)

    def least(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline()) / 1e6


def picture(rng, width, height):
    """A smooth RGB picture and its NV12 form."""
    small = rng.integers(0, 256, (height // 8, width // 8, 3), np.uint8)
    rgb = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    i420 = cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_I420)
    nv12 = i420.copy()
    quarter = height // 4
    u, v = i420[height : height + quarter].ravel(), i420[height + quarter :].ravel()
    nv12[height:] = np.stack([u, v], -1).reshape(height // 2, width)
    return rgb, nv12


def opencv(rgb, nv12, side):
    """OpenCV's chains as functions without arguments, by name, and the rows that they read."""
    height, width = rgb.shape[:2]
    ratio = min(side / width, side / height)
    w, h = round(width * ratio), round(height * ratio)
    x, y = (side - w) // 2, (side - h) // 2
    tensor = np.full((3, side, side), PAD, np.uint8)
    planes = [tensor[c, y : y + h, x : x + w] for c in range(3)]
    full, small = np.empty_like(rgb), np.empty((h, w, 3), np.uint8)
    even_w, even_h = w // 2 * 2, h // 2 * 2
    small_nv12 = np.empty((even_h * 3 // 2, even_w), np.uint8)
    chroma = nv12[height:].reshape(height // 2, width // 2, 2)
    even_planes = [plane[:even_h, :even_w] for plane in planes]
    half_tensor = np.full((3, side, side), PAD / 255, np.float16)
    half_planes = half_tensor[:, y : y + h, x : x + w]
    boxed = np.empty((side, side, 3), np.uint8)

    def pad():
        tensor[:, :y] = PAD
        tensor[:, y + h :] = PAD

    def split(image, into):
        for c in range(3):
            cv2.extractChannel(image, c, into[c])

    def convert_first():
        cv2.cvtColor(nv12, cv2.COLOR_YUV2RGB_NV12, full)
        cv2.resize(full, (w, h), small, interpolation=cv2.INTER_LINEAR)
        pad()
        split(small, planes)

    def planes_first():
        cv2.resize(nv12[:height], (even_w, even_h), small_nv12[:even_h], interpolation=cv2.INTER_LINEAR)
        half = cv2.resize(chroma, (even_w // 2, even_h // 2), interpolation=cv2.INTER_LINEAR)
        small_nv12[even_h:] = half.reshape(even_h // 2, even_w)
        pad()
        split(cv2.cvtColor(small_nv12, cv2.COLOR_YUV2RGB_NV12), even_planes)

    def by_hand_f16():
        cv2.cvtColor(nv12, cv2.COLOR_YUV2RGB_NV12, full)
        cv2.resize(full, (w, h), small, interpolation=cv2.INTER_LINEAR)
        floats = small.transpose(2, 0, 1).astype(np.float32) * np.float32(1 / 255)
        half_tensor[:, :y] = PAD / 255
        half_tensor[:, y + h :] = PAD / 255
        half_planes[:] = floats

    def blob_f16():
        cv2.cvtColor(nv12, cv2.COLOR_YUV2RGB_NV12, full)
        cv2.resize(full, (w, h), small, interpolation=cv2.INTER_LINEAR)
        right, bottom = side - w - x, side - h - y
        border = cv2.BORDER_CONSTANT
        cv2.copyMakeBorder(small, y, bottom, x, right, border, boxed, (PAD, PAD, PAD))
        np.copyto(half_tensor, cv2.dnn.blobFromImage(boxed, 1 / 255)[0], casting="same_kind")

    def rgb_resize():
        cv2.resize(rgb, (w, h), small, interpolation=cv2.INTER_LINEAR)
        pad()
        split(small, planes)

    rows = min(height, 2 * h)
    return {
        "nv12": {"convert first": convert_first, "planes first": planes_first},
        "nv12 f16": {"blobFromImage": blob_f16, "by hand": by_hand_f16},
        "rgb8": {"resize": rgb_resize},
    }, rows


def copy_rate(rng, amount):
    """Bytes a millisecond that a copy of `amount` bytes in all reads and writes."""
    source = rng.integers(0, 256, max(amount // 2, 1 << 16), np.uint8)
    target = np.empty_like(source)
    return 2 * source.size / least(lambda: np.copyto(target, source), 50)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary", help="target/release/examples/rounds")
    parser.add_argument("--path", default="best", help="our path: best, scalar, avx2, ...")
    parser.add_argument("--turns", type=int, default=20)
    parser.add_argument("--kinds", default="nv12,nv12 f16,rgb8", help="comma-separated")
    parser.add_argument("--fir", action="store_true", help="the binary has the feature `peers`")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    rng = np.random.default_rng(1)
    ours = Ours(args.binary)
    worst = {}
    print(f"OpenCV {cv2.__version__}, path {args.path}, least of {args.turns} turns, milliseconds")
    with tempfile.TemporaryDirectory() as folder:
        for width, height, side in SIZES:
            rgb, nv12 = picture(rng, width, height)
            chains, rows = opencv(rgb, nv12, side)
            for kind, peers in chains.items():
                if kind not in args.kinds.split(","):
                    continue
                file = pathlib.Path(folder, "frame")
                file.write_bytes((rgb if kind == "rgb8" else nv12).tobytes())
                word, _, element = kind.partition(" ")
                case = [word + element, width, height, side, 10, file]
                times = {}
                for _ in range(args.turns):
                    turn = {name: least(chain, 10) for name, chain in peers.items()}
                    turn["ours"] = ours.least(args.path, *case)
                    if args.fir and not element:
                        turn["fir"] = ours.least("fir", *case)
                    times = {name: min(t, times.get(name, t)) for name, t in turn.items()}
                own = times.pop("ours")
                pixel = 3 if kind == "rgb8" else 1.5
                moved = int(rows * width * pixel) + 3 * side * side * (2 if element else 1)
                limit = moved / copy_rate(rng, moved)
                text = ", ".join(f"{name} {t:.3f} ({t / own:.2f}x)" for name, t in times.items())
                print(f"{kind} {width}x{height} to {side}: ours {own:.4f}, {text}; "
                      f"{100 * limit / own:.0f} % of the limit", flush=True)
                for name, t in times.items():
                    entry = (kind, name)
                    worst[entry] = min(worst.get(entry, float("inf")), t / own)
    for (kind, name), ratio in worst.items():
        print(f"worst {kind} against {name}: {ratio:.2f}x")


if __name__ == "__main__":
    main()
