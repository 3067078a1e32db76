"""Float reference of everything after the u8 tensor: descriptor, network, decode, suppression.

Written from the definitions in hw/model/README.md and shares no code with the Rust side, so that
an agreement of the two says something. Needs numpy and onnxruntime (.tandem/venv).
"""

import pathlib
import tomllib

import numpy as np
import onnxruntime


class Model:
    """A model's folder (`model.toml`, labels, ONNX)."""

    def __init__(self, folder, threads=1):
        folder = pathlib.Path(folder)
        self.descriptor = tomllib.loads((folder / "model.toml").read_text())
        self.labels = (folder / self.descriptor["labels"]).read_text().splitlines()
        self.input = self.descriptor["input"]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 4
        self.session = onnxruntime.InferenceSession(
            str(folder / self.descriptor["file"]), options, providers=["CPUExecutionProvider"])

    def shape(self):
        """Shape of the u8 tensor."""
        size = [self.input["height"], self.input["width"]]
        return [3, *size] if self.input["layout"] == "planar" else [*size, 3]

    def heads(self, tensor):
        """Raw outputs for a u8 tensor in the descriptor's layout (red first)."""
        axis = 0 if self.input["layout"] == "planar" else 2
        if self.input["order"] == "bgr":
            tensor = np.flip(tensor, axis)
        wide = [1, 1, 1]
        wide[axis] = 3
        scale = np.array(self.input["scale"], np.float32).reshape(wide)
        offset = np.array(self.input["offset"], np.float32).reshape(wide)
        x = tensor.astype(np.float32) * scale + offset
        names = [head["output"] for head in self.descriptor["heads"]]
        return self.session.run(names, {self.input["tensor"]: x[None]})

    def detect(self, tensor, thresholds):
        """Detections in network pixels, best first: dicts of label, class, score, box, index."""
        boxes, scores, classes = [], [], []
        for head, raw in zip(self.descriptor["heads"], self.heads(tensor)):
            box, score, kind = decode(head, raw[0], self.descriptor["classes"])
            boxes.append(box), scores.append(score), classes.append(kind)
        boxes, scores, classes = map(np.concatenate, (boxes, scores, classes))
        limit = [self.input["width"], self.input["height"]] * 2
        boxes = np.clip(boxes, 0, limit)
        kept = suppress(boxes, scores, classes, thresholds)
        return [
            {
                "label": self.labels[classes[i]],
                "class": int(classes[i]),
                "score": float(scores[i]),
                "box": [float(v) for v in boxes[i]],
                "index": int(i),
            }
            for i in kept[: thresholds["max_detections"]]
        ]


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def decode(head, raw, classes):
    """Boxes, scores and classes of one head in the order (anchor, row, column), in float64."""
    if head["kind"] in ("yolov8", "yolox", "boxes"):
        return decode_anchor_free(head, raw.astype(np.float64), classes)
    anchors = np.array(head["anchors"], np.float64)
    rows, columns = raw.shape[1:]
    t = raw.astype(np.float64).reshape(len(anchors), 5 + classes, rows, columns)
    row, column = np.mgrid[:rows, :columns]
    cell = np.stack([column, row])
    size = anchors[:, :, None, None]
    with np.errstate(over="ignore"):
        if head["kind"] == "yolov3":
            centre = (sigmoid(t[:, 0:2]) + cell) * head["stride"]
            extent = np.exp(t[:, 2:4]) * size
        elif head["kind"] == "yolov5":
            centre = (2 * sigmoid(t[:, 0:2]) - 0.5 + cell) * head["stride"]
            extent = (2 * sigmoid(t[:, 2:4])) ** 2 * size
        else:
            raise SystemExit(f"head kind {head['kind']} is not known")
        score = sigmoid(t[:, 4:5]) * sigmoid(t[:, 5:])
    box = np.concatenate([centre - extent / 2, centre + extent / 2], axis=1)
    flat = lambda a: np.moveaxis(a, 1, -1).reshape(-1, a.shape[1])
    score = flat(score)
    return flat(box), score.max(axis=1), score.argmax(axis=1)


def decode_anchor_free(head, raw, classes):
    """Likewise for heads with one box a cell; `boxes` is a list that the network has decoded."""
    numbers = len(raw) - classes
    if head["kind"] == "boxes":
        centre, extent = raw[:2].T, np.maximum(raw[2:4], 0).T
        low, high = centre - extent / 2, centre + extent / 2
        score = np.clip(raw[4:], 0, 1).T
        return np.concatenate([low, high], axis=1), score.max(axis=1), score.argmax(axis=1)
    row, column = np.mgrid[: raw.shape[1], : raw.shape[2]]
    cell, stride = np.stack([column, row]), head["stride"]
    if head["kind"] == "yolov8":
        bins = raw[:numbers].reshape(4, 16, *raw.shape[1:])
        weight = np.exp(bins - bins.max(axis=1, keepdims=True))
        reach = (weight * np.arange(16)[:, None, None]).sum(axis=1) / weight.sum(axis=1)
        low, high = (cell + 0.5 - reach[:2]) * stride, (cell + 0.5 + reach[2:]) * stride
        score = sigmoid(raw[numbers:])
    else:
        with np.errstate(over="ignore"):
            centre, extent = (raw[:2] + cell) * stride, np.exp(raw[2:4]) * stride
        low, high = centre - extent / 2, centre + extent / 2
        score = sigmoid(raw[4]) * sigmoid(raw[5:])
    box = np.concatenate([low, high]).reshape(4, -1).T
    score = score.reshape(classes, -1).T
    return box, score.max(axis=1), score.argmax(axis=1)


def suppress(boxes, scores, classes, thresholds):
    """Indices that survive greedy suppression, by score descending, then index ascending."""
    order = [i for i in np.lexsort((np.arange(len(scores)), -scores))
             if scores[i] >= thresholds["score"]]
    order = order[: thresholds.get("top_k") or None]
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    kept = []
    for i in order:
        rivals = [k for k in kept if thresholds["class_agnostic"] or classes[k] == classes[i]]
        low = np.maximum(boxes[rivals, :2], boxes[i, :2])
        high = np.minimum(boxes[rivals, 2:], boxes[i, 2:])
        inter = np.prod(np.clip(high - low, 0, None), axis=1)
        if not np.any(inter > thresholds["iou"] * (area[rivals] + area[i] - inter)):
            kept.append(i)
    return kept


def add_thresholds(parser):
    """Options that override the descriptor's defaults."""
    parser.add_argument("--score", type=float, help="lowest score (default: the descriptor's)")
    parser.add_argument("--iou", type=float, help="overlap limit (default: the descriptor's)")


def thresholds_of(model, arguments):
    values = {"class_agnostic": False, **model.descriptor["thresholds"]}
    for name in ("score", "iou"):
        if (value := getattr(arguments, name)) is not None:
            values[name] = value
    return values
