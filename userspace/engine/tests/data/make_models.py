#!/usr/bin/env python3
"""Makes the test fixtures: tiny detectors with seeded random weights, and what they answer.

    .tandem/venv/bin/python userspace/engine/tests/data/make_models.py

`tiny-v5` is a YOLOv5-kind detector (planar, blue first, an offset, two heads); `tiny-nhwc` takes
interleaved pixels and leaves its batch size open; `tiny-free` has a head of every kind without
anchors, and `expected.json` the detections that tests/reference decodes from it. `tiny-i8` and
`tiny-f16` are `tiny-v5` with a first head of that type (`expected.slot`). `expected.f32` holds the heads slot that the
tensor `byte[i] = (i * 37 + i / 251) % 256` gives, computed here in numpy without a runtime: f32,
little endian, zero between the heads.
"""

import hashlib
import json
import pathlib
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HERE = pathlib.Path(__file__).resolve().parent
SIDE, CLASSES, ANCHORS = 32, 2, 2
CHANNELS = ANCHORS * (5 + CLASSES)
STRIDES = [8, 16]
SCALE = np.array([0.01, 0.02, 0.005], np.float32)
OFFSET = np.array([-0.5, 0.25, 0.0], np.float32)


def pattern():
    i = np.arange(3 * SIDE * SIDE)
    return ((i * 37 + i // 251) % 256).astype(np.uint8)


def patches(x, kernel, bias, stride):
    """A convolution whose stride is its kernel's size: one matrix product per cell."""
    cells = SIDE // stride
    x = x.reshape(3, cells, stride, cells, stride).transpose(1, 3, 0, 2, 4)
    y = x.reshape(cells, cells, -1).astype(np.float64) @ kernel.reshape(len(kernel), -1).T + bias
    return y.transpose(2, 0, 1)


# What a step of the i8 head is worth, and the byte that stands for 0.
STEP, ZERO = np.float32(0.03), np.int8(-5)


def narrow(element, name):
    """The node that makes an output of another type, its constants and its type."""
    if element == "f16":
        return helper.make_node("Cast", [f"{name}_wide"], [name], to=TensorProto.FLOAT16), [], \
            TensorProto.FLOAT16
    constants = [numpy_helper.from_array(np.array(STEP), "step"),
                 numpy_helper.from_array(np.array(ZERO), "zero")]
    node = helper.make_node("QuantizeLinear", [f"{name}_wide", "step", "zero"], [name])
    return node, constants, TensorProto.INT8


def network(name, interleaved, kernels, biases, element=None):
    nodes, constants, source = [], [], "pixels"
    shape = [1, 3, SIDE, SIDE]
    if interleaved:
        shape = ["batch", SIDE, SIDE, 3]
        nodes.append(helper.make_node("Transpose", ["pixels"], ["planes"], perm=[0, 3, 1, 2]))
        source = "planes"
    outputs = []
    for stride, kernel, bias in zip(STRIDES, kernels, biases):
        constants += [numpy_helper.from_array(kernel, f"w{stride}"),
                      numpy_helper.from_array(bias, f"b{stride}")]
        nodes.append(helper.make_node("Conv", [source, f"w{stride}", f"b{stride}"],
                                      [f"out{stride}"], kernel_shape=[stride, stride],
                                      strides=[stride, stride]))
        kind = TensorProto.FLOAT
        if element and stride == STRIDES[0]:
            nodes[-1].output[0] += "_wide"
            node, more, kind = narrow(element, f"out{stride}")
            nodes.append(node)
            constants += more
        cells = SIDE // stride
        outputs.append(helper.make_tensor_value_info(
            f"out{stride}", kind, [shape[0], CHANNELS, cells, cells]))
    pixels = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, shape)
    graph = helper.make_graph(nodes, name, [pixels], outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8,
                              producer_name="tandem")
    onnx.checker.check_model(model)
    return model.SerializeToString(deterministic=True)


def descriptor(name, digest, interleaved, element=None):
    scale, offset = ([float(str(v)) for v in values] for values in (SCALE, OFFSET))
    heads = "".join(
        f'\n[[heads]]\noutput = "out{stride}"\nkind = "yolov5"\nstride = {stride}\n'
        f"anchors = [[{stride}, {stride + 4}], [{2 * stride}, {stride}]]\n"
        + (f'element = "{element}"\n' if element and stride == STRIDES[0] else "")
        + (f"scale = {str(STEP)}\nzero = {ZERO}\n" if element == "i8" and stride == STRIDES[0] else "")
        for stride in STRIDES)
    return f"""# Test fixture, made by make_models.py.
name = "{name}"
version = "1"
file = "model.onnx"
sha256 = "{digest}"
licence = "MIT OR Apache-2.0"
origin = "seeded random weights, make_models.py"
labels = "labels.txt"
classes = {CLASSES}

[input]
tensor = "pixels"
width = {SIDE}
height = {SIDE}
layout = "{'interleaved' if interleaved else 'planar'}"
order = "{'rgb' if interleaved else 'bgr'}"
pad = [114, 114, 114]
scale = {scale}
offset = {offset}

[thresholds]
score = 0.25
iou = 0.45
max_detections = 50
{heads}"""


def make(name, seed, interleaved, element=None):
    random = np.random.default_rng(seed)
    kernels = [random.normal(0, 0.1, (CHANNELS, 3, s, s)).astype(np.float32) for s in STRIDES]
    biases = [random.normal(0, 1, CHANNELS).astype(np.float32) for _ in STRIDES]
    data = network(name, interleaved, kernels, biases, element)
    if interleaved:
        planes = pattern().reshape(SIDE, SIDE, 3).transpose(2, 0, 1)
    else:
        planes = pattern().reshape(3, SIDE, SIDE)[::-1]
    x = planes.astype(np.float32) * SCALE[:, None, None] + OFFSET[:, None, None]
    slot = bytearray()
    for stride, kernel, bias in zip(STRIDES, kernels, biases):
        head = patches(x, kernel, bias, stride).astype("<f4")
        if stride == STRIDES[0] and element == "f16":
            head = head.astype("<f2")
        if stride == STRIDES[0] and element == "i8":
            head = np.clip(np.rint(head / STEP) + ZERO, -128, 127).astype(np.int8)
        slot += head.tobytes()
        slot += bytes(-len(slot) % 64)
    folder = HERE / "models" / name / "1"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(data)
    (folder / "labels.txt").write_text("bolt\nnut\n")
    (folder / ("expected.slot" if element else "expected.f32")).write_bytes(slot)
    digest = hashlib.sha256(data).hexdigest()
    (folder / "model.toml").write_text(descriptor(name, digest, interleaved, element))


# Output, kind, channels, stride.
FREE = [("near", "yolov8", 64 + CLASSES, 8), ("far", "yolox", 5 + CLASSES, 16),
        ("list", "boxes", 4 + CLASSES, 8)]


def make_free(name, seed):
    """Heads without anchors; the list of boxes is a head whose cells are put in a row."""
    random = np.random.default_rng(seed)
    nodes, constants, outputs, slot, raw = [], [], [], bytearray(), []
    x = pattern().reshape(3, SIDE, SIDE)[::-1].astype(np.float32)
    x = x * SCALE[:, None, None] + OFFSET[:, None, None]
    for output, kind, channels, stride in FREE:
        kernel = random.normal(0, 0.2 / stride, (channels, 3, stride, stride)).astype(np.float32)
        bias = random.normal(0, 1, channels).astype(np.float32)
        # Surely an object, so that the threshold leaves something of each head.
        bias[channels - CLASSES - (kind == "yolox"):] += 1
        cells, shape = SIDE // stride, [channels, SIDE // stride, SIDE // stride]
        target = output
        if kind == "boxes":
            # Centre and size in pixels, probabilities.
            bias[:4], bias[4:] = [14, 15, 9, 8], 0.4
            kernel[:4] *= 8
            target, shape = output + "_cells", [channels, cells * cells]
            constants.append(numpy_helper.from_array(np.array([1, *shape]), "shape"))
        constants += [numpy_helper.from_array(kernel, f"w_{output}"),
                      numpy_helper.from_array(bias, f"b_{output}")]
        nodes.append(helper.make_node("Conv", ["pixels", f"w_{output}", f"b_{output}"], [target],
                                      kernel_shape=[stride, stride], strides=[stride, stride]))
        if kind == "boxes":
            nodes.append(helper.make_node("Reshape", [target, "shape"], [output]))
        outputs.append(helper.make_tensor_value_info(output, TensorProto.FLOAT, [1, *shape]))
        head = patches(x, kernel, bias, stride).reshape(shape).astype("<f4")
        raw.append(head)
        slot += head.tobytes()
        slot += bytes(-len(slot) % 64)
    pixels = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, [1, 3, SIDE, SIDE])
    graph = helper.make_graph(nodes, name, [pixels], outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8,
                              producer_name="tandem")
    onnx.checker.check_model(model)
    data = model.SerializeToString(deterministic=True)
    text = descriptor(name, hashlib.sha256(data).hexdigest(), False).split("\n[[heads]]")[0]
    text = text.replace("iou = 0.45", "iou = 0.8")
    for output, kind, channels, stride in FREE:
        size = f"boxes = {(SIDE // stride) ** 2}" if kind == "boxes" else f"stride = {stride}"
        text += f'\n[[heads]]\noutput = "{output}"\nkind = "{kind}"\n{size}\n'
    folder = HERE / "models" / name / "1"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(data)
    (folder / "labels.txt").write_text("bolt\nnut\n")
    (folder / "expected.f32").write_bytes(slot)
    (folder / "model.toml").write_text(text)
    found = detections(folder, raw)
    (folder / "expected.json").write_text(json.dumps(found, indent=1) + "\n")


def detections(folder, raw):
    """What the float reference makes of these heads."""
    sys.path.insert(0, str(HERE.parents[3] / "tests" / "reference"))
    import detector
    model = detector.Model(folder)
    model.heads = lambda tensor: [head[None] for head in raw]
    thresholds = {"class_agnostic": False, **model.descriptor["thresholds"]}
    keys = ("index", "class", "score", "box")
    return [{key: found[key] for key in keys} for found in model.detect(None, thresholds)]


if __name__ == "__main__":
    make("tiny-v5", 1, interleaved=False)
    make("tiny-nhwc", 2, interleaved=True)
    make_free("tiny-free", 3)
    make("tiny-i8", 1, interleaved=False, element="i8")
    make("tiny-f16", 1, interleaved=False, element="f16")
