#!/usr/bin/env python3
"""The same tensor bytes through a float chain.

    float_reference.py MODEL_DIR TENSOR_FILE [--score S] [--iou I]

TENSOR_FILE holds the u8 tensor slot as `pre` wrote it. Prints a JSON list of detections in network
pixels (`label, class, score, box [x1, y1, x2, y2], index`), best first; `index` counts
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
    parser.add_argument("tensor")
    detector.add_thresholds(parser)
    arguments = parser.parse_args()
    model = detector.Model(arguments.model)
    if arguments.tensor == "-":
        data = np.frombuffer(sys.stdin.buffer.read(), np.uint8)
    else:
        data = np.fromfile(arguments.tensor, np.uint8)
    shape = model.shape()
    if data.size < np.prod(shape):
        raise SystemExit(f"{arguments.tensor} holds {data.size} bytes, the tensor has {shape}")
    tensor = data[: np.prod(shape)].reshape(shape)
    print(json.dumps(model.detect(tensor, detector.thresholds_of(model, arguments))))


if __name__ == "__main__":
    main()
