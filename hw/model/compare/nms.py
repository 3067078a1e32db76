#!/usr/bin/env python3
"""Times suppression beside OpenCV's NMSBoxes on the same boxes, and compares what they keep.

    cargo build --release -p tandem-model --example nms
    .tandem/venv/bin/python hw/model/compare/nms.py target/release/examples/nms

Needs numpy and opencv-python-headless. Exits 1 where the boxes kept differ.

Both are timed in turns on the same machine; each time is the least of many, and OpenCV's is
processor time, so that a call that lost its core to another process does not count. It includes the
conversion of the arguments: the time of a call that drops every box by its score, which does that and
nothing else, is given as well, and a ratio without it.
"""

import pathlib
import struct
import subprocess
import sys
import tempfile
import time

import cv2
import numpy as np

IOU = 0x7333  # Q16, about 0.45


def scene(rng, count, field, side, classes):
    """Boxes in Q8 pixels, scores in Q16, classes."""
    low = rng.integers(0, field << 8, (count, 2))
    size = rng.integers(8 << 8, side << 8, (count, 2))
    boxes = np.concatenate([low, low + size], axis=1)
    return boxes, rng.integers(1, 65536, count), rng.integers(0, classes, count)


def clusters(rng, count):
    """A detector's candidates: 40 objects, boxes scattered around each."""
    centre, size = rng.uniform(60, 580, (40, 2)), rng.uniform(16, 120, (40, 2))
    which = rng.integers(0, 40, count)
    at = centre[which] + 0.1 * size[which] * rng.normal(size=(count, 2))
    half = size[which] * np.exp(0.1 * rng.normal(size=(count, 2))) / 2
    boxes = np.round(np.clip(np.concatenate([at - half, at + half], axis=1), 0, 640) * 256)
    return boxes.astype(np.int64), rng.integers(1, 65536, count), np.zeros(count, np.int64)


def ours(binary, folder, boxes, scores, classes):
    path = pathlib.Path(folder, "boxes")
    path.write_bytes(b"".join(
        struct.pack("<4iHHI", *map(int, box), int(score), int(kind), i)
        for i, (box, score, kind) in enumerate(zip(boxes, scores, classes))))
    run = subprocess.run([binary, str(path), str(IOU), "300"], capture_output=True, text=True, check=True)
    times, kept = run.stdout.splitlines()
    return int(times.split()[1]) / 1e6, [int(i) for i in kept.split()]


def theirs(boxes, scores, classes):
    wide = boxes / 256.0
    rects = np.concatenate([wide[:, :2], wide[:, 2:] - wide[:, :2]], axis=1)
    shares = (scores / 65536.0).astype(np.float32)
    threshold = IOU / 65536.0
    batched = classes.max() > 0
    kinds = classes.astype(np.int32)

    def call(least):
        if batched:
            return cv2.dnn.NMSBoxesBatched(rects, shares, kinds, least, threshold)
        return cv2.dnn.NMSBoxes(rects, shares, least, threshold)

    def shortest(least):
        times = []
        for _ in range(31):
            begin = time.thread_time()
            call(least)
            times.append(time.thread_time() - begin)
        return 1000 * min(times)

    return shortest(0.0), shortest(2.0), [int(i) for i in np.ravel(call(0.0))]


def main():
    binary = sys.argv[1]
    cv2.setNumThreads(1)
    rng = np.random.default_rng(1)
    scenes = [
        ("100 spread", *scene(rng, 100, 600, 60, 1)),
        ("1000 spread", *scene(rng, 1000, 600, 92, 1)),
        ("1000 of 80 classes", *scene(rng, 1000, 600, 80, 80)),
        ("1000 around 40 objects", *clusters(rng, 1000)),
        ("4096 spread", *scene(rng, 4096, 1200, 80, 1)),
        ("4096 around 40 objects", *clusters(rng, 4096)),
    ]
    print(f"OpenCV {cv2.__version__}, times in ms")
    print(f"{'boxes':24}{'kept':>6}{'OpenCV':>10}{'(call)':>9}{'ours':>10}{'ratio':>8}{'(net)':>8}  same")
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, *boxes in scenes:
            # Ours before and behind theirs, and the slower of the two counts.
            first, kept = ours(binary, folder, *boxes)
            full, call, reference = theirs(*boxes)
            again, _ = ours(binary, folder, *boxes)
            time_ours = max(first, again)
            # OpenCV compares floats: where an overlap is next to the threshold the sets may differ.
            apart = len(set(kept) ^ set(reference))
            failed |= apart > 0
            print(f"{name:24}{len(kept):6}{full:10.3f}{call:9.3f}{time_ours:10.4f}"
                  f"{full / time_ours:8.1f}{(full - call) / time_ours:8.1f}  {apart or 'yes'}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
