#!/usr/bin/env python3
"""The same tensor bytes through a float chain.

    float_reference.py MODEL_DIR TENSOR_FILE... [--score S] [--iou I]

A TENSOR_FILE holds the u8 tensor slot as `pre` wrote it. Prints, one line a file, a JSON list of
detections in network pixels (`label, class, score, box [x1, y1, x2, y2], index`), best first; `index` counts
(head, anchor, row, column) as hw/model does. With `-` the tensor is read from standard input.
"""

import argparse
import json
import sys

import numpy as np

import detector


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("tensors", nargs="+")
    detector.add_thresholds(parser)
    arguments = parser.parse_args()
    model = detector.Model(arguments.model)
    thresholds = detector.thresholds_of(model, arguments)
    for name in arguments.tensors:
        print(json.dumps(model.detect(read(name, model.shape()), thresholds)))


def read(name, shape):
    data = sys.stdin.buffer.read() if name == "-" else open(name, "rb").read()
    if len(data) < np.prod(shape):
        raise SystemExit(f"{name} holds {len(data)} bytes, the tensor has {shape}")
    return np.frombuffer(data, np.uint8, np.prod(shape)).reshape(shape)


if __name__ == "__main__":
    main()
