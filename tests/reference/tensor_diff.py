#!/usr/bin/env python3
"""The tensor that the board made against OpenCV's letterbox of the same pixels.

    tensor_diff.py MODEL_DIR IMAGE TENSOR [IMAGE TENSOR]... [--limit N]

Prints one JSON object a pair: `image`, `max`, `share_equal`, `share_1`, `bytes`. Ends with 1 where a byte differs by more
than the limit (1). IMAGE should be lossless: JPEG decoders differ among themselves.
"""

import argparse
import json
import sys

import numpy as np

import detector
import opencv_chain


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("pairs", nargs="+", metavar="IMAGE TENSOR")
    parser.add_argument("--limit", type=int, default=1)
    arguments = parser.parse_args()
    model = detector.Model(arguments.model)
    if len(arguments.pairs) % 2:
        parser.error("every IMAGE needs its TENSOR")
    pairs = zip(arguments.pairs[::2], arguments.pairs[1::2])
    worst = max([compare(model, image, tensor) for image, tensor in pairs])
    sys.exit(worst > arguments.limit)


def compare(model, image, tensor):
    """Prints the difference of one pair; the greatest one."""
    expected, _ = opencv_chain.letterbox(opencv_chain.read_rgb(image), model)
    got = np.fromfile(tensor, np.uint8)
    if got.size != expected.size:
        sys.exit(f"{tensor} holds {got.size} bytes, the tensor has {expected.size}")
    difference = np.abs(got.astype(int) - expected.reshape(-1).astype(int))
    print(json.dumps({
        "image": image,
        "max": int(difference.max()),
        "share_equal": float((difference == 0).mean()),
        "share_1": float((difference == 1).mean()),
        "bytes": int(got.size),
    }))
    return int(difference.max())


if __name__ == "__main__":
    main()
