#!/usr/bin/env python3
"""The usual chain on a CPU: OpenCV letterbox, ONNX Runtime, float decode, suppression.

    opencv_chain.py MODEL_DIR IMAGE... [--score S] [--iou I] [--exact]

Prints one JSON object a line and image: `image`, `size [w, h]`, `detections` (`label, score,
box [x1, y1, x2, y2]` in source pixels, best first). With `--exact` OpenCV resizes in floating point
and each value is rounded once, to the nearest: its 8-bit path is 0.05 to 0.1 steps too dark on
average, which moves scores by up to 0.02.
"""

import argparse
import json
import math
import pathlib

import cv2
import numpy as np

import detector


def read_rgb(path):
    # Orientation tags are not applied: the agent's decoders do not, either.
    image = cv2.imread(str(path), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if image is None:
        raise SystemExit(f"{path}: OpenCV cannot read it")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def letterbox(image, model, exact=False):
    """u8 tensor, and (left, top, content width, content height) of the picture in it."""
    wanted = model.input
    height, width = image.shape[:2]
    ratio = min(wanted["width"] / width, wanted["height"] / height)
    new = [max(1, math.floor(side * ratio + 0.5)) for side in (width, height)]
    left, top = (wanted["width"] - new[0]) // 2, (wanted["height"] - new[1]) // 2
    source = image.astype(np.float64) if exact else image
    small = cv2.resize(source, new, interpolation=cv2.INTER_LINEAR)
    if exact:
        small = np.floor(small + 0.5)
    tensor = np.empty((wanted["height"], wanted["width"], 3), np.uint8)
    tensor[:] = wanted["pad"]
    tensor[top : top + new[1], left : left + new[0]] = small
    if wanted["layout"] == "planar":
        tensor = np.ascontiguousarray(tensor.transpose(2, 0, 1))
    return tensor, (left, top, *new)


def to_source(box, content, size):
    left, top, width, height = content
    scale, origin = (size[0] / width, size[1] / height) * 2, (left, top) * 2
    limit = size * 2
    return [min(max((v - o) * s, 0.0), l) for v, o, s, l in zip(box, origin, scale, limit)]


def detect(model, path, thresholds, exact):
    image = read_rgb(path)
    size = (image.shape[1], image.shape[0])
    tensor, content = letterbox(image, model, exact)
    found = [
        {"label": d["label"], "score": d["score"], "box": to_source(d["box"], content, size)}
        for d in model.detect(tensor, thresholds)
    ]
    return {"image": pathlib.Path(path).name, "size": list(size), "detections": found}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("images", nargs="+")
    detector.add_thresholds(parser)
    parser.add_argument("--exact", action="store_true", help="resize without 8-bit rounding")
    arguments = parser.parse_args()
    model = detector.Model(arguments.model)
    thresholds = detector.thresholds_of(model, arguments)
    for path in arguments.images:
        print(json.dumps(detect(model, path, thresholds, arguments.exact)))


if __name__ == "__main__":
    main()
