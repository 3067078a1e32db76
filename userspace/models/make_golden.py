#!/usr/bin/env python3
"""Writes the golden expectations of a model folder from the reference chain.

    .tandem/venv/bin/python userspace/models/make_golden.py userspace/models/NAME/VERSION

For every [[golden]] of the descriptor: OpenCV and ONNX Runtime in float (tests/reference), under the
descriptor's thresholds. A JPEG gets more tolerance than a PNG, because decoders differ by a few
steps and the network amplifies that (README.md has the measurements).
"""

import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/reference"))

import detector
import opencv_chain

# Score absolute, box edges as a share of the picture's longer side.
TOLERANCE = {".jpg": (0.04, 0.006), ".png": (0.02, 0.004)}


def main():
    folder = pathlib.Path(sys.argv[1])
    model = detector.Model(folder)
    thresholds = {"class_agnostic": False, **model.descriptor["thresholds"]}
    for entry in model.descriptor["golden"]:
        found = opencv_chain.detect(model, ROOT / ".tandem/photos" / entry["image"], thresholds)
        score, share = TOLERANCE[pathlib.Path(entry["image"]).suffix]
        golden = {
            "image": found["image"],
            "size": found["size"],
            "score_threshold": thresholds["score"],
            "tolerance": {"score": score, "pixels": round(share * max(found["size"]), 1)},
            "detections": [
                {"label": d["label"], "score": round(d["score"], 4),
                 "box": [round(v, 1) for v in d["box"]]}
                for d in found["detections"]
            ],
        }
        target = folder / entry["expect"]
        target.parent.mkdir(exist_ok=True)
        target.write_text(json.dumps(golden, indent=1) + "\n")
        print(target, len(golden["detections"]))


if __name__ == "__main__":
    main()
