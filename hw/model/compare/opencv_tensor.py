#!/usr/bin/env python3
"""Compares a tensor of the `pre` kernel with OpenCV's usual letterbox chain.

The reference is cv2.cvtColor (NV12 only), cv2.resize INTER_LINEAR, cv2.copyMakeBorder. Prints the
largest absolute difference and a histogram; exits 1 if any byte differs by more than --limit.
Needs numpy and opencv only.
"""

import argparse
import sys

import cv2
import numpy as np


def read_frame(path, width, height, layout):
    """The raw frame as an RGB image."""
    raw = np.fromfile(path, np.uint8)
    if layout == "nv12":
        raw = raw[: width * height * 3 // 2].reshape(height * 3 // 2, width)
        return cv2.cvtColor(raw, cv2.COLOR_YUV2RGB_NV12)
    return raw[: width * height * 3].reshape(height, width, 3)


def letterbox(image, width, height, pad):
    """Resized with its aspect kept, centred; sides rounded half up, as README.md says."""
    h, w = image.shape[:2]
    if width * h <= height * w:
        new_w, new_h = width, (2 * h * width + w) // (2 * w)
    else:
        new_w, new_h = (2 * w * height + h) // (2 * h), height
    new_w, new_h = min(max(new_w, 1), width), min(max(new_h, 1), height)
    resized = cv2.resize(image, (new_w, new_h), interpolation=cv2.INTER_LINEAR)
    left, top = (width - new_w) // 2, (height - new_h) // 2
    return cv2.copyMakeBorder(
        resized, top, height - new_h - top, left, width - new_w - left,
        cv2.BORDER_CONSTANT, value=[int(v) for v in pad],
    )


def numbers(count):
    """An argparse type: `count` comma-separated integers."""
    def parse(text):
        values = [int(v) for v in text.split(",")]
        if len(values) != count:
            raise argparse.ArgumentTypeError(f"{count} comma-separated numbers wanted")
        return values
    return parse


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("frame", help="raw frame without gaps between rows")
    parser.add_argument("width", type=int)
    parser.add_argument("height", type=int)
    parser.add_argument("tensor", help="tensor bytes to check")
    parser.add_argument("tensor_width", type=int)
    parser.add_argument("tensor_height", type=int)
    parser.add_argument("--format", choices=["rgb8", "nv12"], default="rgb8")
    parser.add_argument("--layout", choices=["planar", "interleaved"], default="planar")
    parser.add_argument("--crop", type=numbers(4), help="x,y,w,h (default: the whole frame)")
    parser.add_argument("--pad", type=numbers(3), default=[114, 114, 114], help="r,g,b")
    parser.add_argument("--limit", type=int, default=1, help="largest difference allowed")
    args = parser.parse_args()

    image = read_frame(args.frame, args.width, args.height, args.format)
    if args.crop:
        x, y, w, h = args.crop
        image = np.ascontiguousarray(image[y : y + h, x : x + w])
    wanted = letterbox(image, args.tensor_width, args.tensor_height, args.pad)
    size = 3 * args.tensor_width * args.tensor_height
    ours = np.fromfile(args.tensor, np.uint8)
    if ours.size < size:
        sys.exit(f"{args.tensor}: {ours.size} bytes, {size} wanted")
    ours = ours[:size]
    if args.layout == "planar":
        ours = ours.reshape(3, args.tensor_height, args.tensor_width).transpose(1, 2, 0)
    else:
        ours = ours.reshape(args.tensor_height, args.tensor_width, 3)

    difference = np.abs(ours.astype(np.int16) - wanted.astype(np.int16))
    histogram = np.bincount(difference.ravel())
    print(f"opencv {cv2.__version__}: max {difference.max()}, mean {difference.mean():.5f}")
    for value, count in enumerate(histogram):
        if count:
            print(f"  {value:3d}: {count} ({100 * count / size:.4f} %)")
    sys.exit(1 if difference.max() > args.limit else 0)


if __name__ == "__main__":
    main()
