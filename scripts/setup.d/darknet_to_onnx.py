"""Darknet configuration and weights to ONNX with raw heads (before decode and suppression).

    darknet_to_onnx.py NET.cfg NET.weights OUT.onnx [SIDE]

Facts about the format: a header of three int32 (major, minor, revision) and a count of seen images
(int64 from version 0.2 on, int32 before), then f32 in layer order; a convolution stores
bias, [scale, mean, variance if batch normalised], kernel (OIHW). Darknet normalises with
sqrt(variance + 1e-6); it is folded into kernel and bias here. A max pool of stride 1 pads right
and bottom. The output is a function of the input alone: same bytes in, same bytes out.
"""

import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 13
IR_VERSION = 8


def parse_cfg(text):
    sections = []
    for line in text.splitlines():
        line = line.split("#")[0].strip()
        if line.startswith("["):
            sections.append({"type": line[1:-1]})
        elif line:
            key, value = line.split("=", 1)
            sections[-1][key.strip()] = value.strip()
    return sections


class Weights:
    """Hands out the f32 values in file order and knows whether all were used."""

    def __init__(self, data):
        major, minor, _ = np.frombuffer(data[:12], "<i4")
        self.values = np.frombuffer(data[20 if major * 10 + minor >= 2 else 16 :], "<f4")
        self.position = 0

    def take(self, count):
        part = self.values[self.position : self.position + count]
        if part.size != count:
            raise SystemExit(f"weights end at value {self.values.size}, {count} more are needed")
        self.position += count
        return part


class Graph:
    """The ONNX graph while it grows: one entry per Darknet layer in `layers` (name, channels, side)."""

    def __init__(self, weights, side):
        self.weights = weights
        self.side = side
        self.nodes, self.constants, self.layers, self.heads = [], [], [], []

    def node(self, op, inputs, output, **attributes):
        self.nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def constant(self, name, array):
        array = np.ascontiguousarray(array, np.float32)
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def last(self):
        return self.layers[-1] if self.layers else ("images", 3, self.side)

    def convolutional(self, out, section):
        source, channels, side = self.last()
        filters, size, stride = (int(section[key]) for key in ("filters", "size", "stride"))
        pad = size // 2 if int(section.get("pad", 0)) else 0
        bias = self.weights.take(filters)
        if normalised := int(section.get("batch_normalize", 0)):
            gain, mean, variance = (self.weights.take(filters) for _ in range(3))
        kernel = self.weights.take(filters * channels * size * size)
        kernel = kernel.reshape(filters, channels, size, size)
        if normalised:
            factor = gain / np.sqrt(variance + np.float32(1e-6))
            kernel, bias = kernel * factor[:, None, None, None], bias - mean * factor
        name = self.node(
            "Conv",
            [source, self.constant(out + ".weight", kernel), self.constant(out + ".bias", bias)],
            out + ".conv", kernel_shape=[size, size], strides=[stride, stride], pads=[pad] * 4)
        if section["activation"] == "leaky":
            name = self.node("LeakyRelu", [name], out, alpha=0.1)
        elif section["activation"] != "linear":
            raise SystemExit(f"{out}: activation {section['activation']} is not supported")
        return name, filters, (side + 2 * pad - size) // stride + 1

    def maxpool(self, out, section):
        source, channels, side = self.last()
        size, stride = int(section["size"]), int(section["stride"])
        pads = [0, 0, size - 1, size - 1] if stride == 1 else [0] * 4
        name = self.node("MaxPool", [source], out, kernel_shape=[size, size],
                         strides=[stride, stride], pads=pads)
        return name, channels, side // stride

    def upsample(self, out, section):
        source, channels, side = self.last()
        stride = int(section["stride"])
        scales = self.constant(out + ".scales", [1, 1, stride, stride])
        name = self.node("Resize", [source, "", scales], out, mode="nearest",
                         coordinate_transformation_mode="asymmetric", nearest_mode="floor")
        return name, channels, side * stride

    def route(self, out, section):
        wanted = [int(v) for v in section["layers"].split(",")]
        parts = [self.layers[v] for v in wanted]  # negative counts back from here, as in Python
        channels, side = sum(part[1] for part in parts), parts[0][2]
        if len(parts) == 1:
            return parts[0]
        name = self.node("Concat", [part[0] for part in parts], out, axis=1)
        return name, channels, side

    def yolo(self, out, section):
        source, channels, side = self.last()
        stride = self.side // side
        head = self.node("Identity", [source], f"head_s{stride}")
        note = f"stride={stride} mask={section['mask']} anchors={section['anchors']}"
        self.heads.append((head, [1, channels, side, side], note))
        return source, channels, side


def convert(cfg, weights, side):
    """ONNX bytes of a network with a square input of `side` pixels."""
    graph = Graph(Weights(weights), side)
    for index, section in enumerate(parse_cfg(cfg)[1:]):  # the first section is [net]
        layer = getattr(graph, section["type"], None)
        if section["type"] not in ("convolutional", "maxpool", "upsample", "route", "yolo"):
            raise SystemExit(f"layer {index}: type {section['type']} is not supported")
        graph.layers.append(layer(f"layer{index}", section))
    if graph.weights.position != graph.weights.values.size:
        raise SystemExit(f"{graph.weights.values.size - graph.weights.position} weights left over")
    value = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    model = helper.make_model(
        helper.make_graph(
            graph.nodes, "darknet", [value("images", [1, 3, side, side])],
            [value(name, shape) for name, shape, _ in graph.heads], graph.constants),
        opset_imports=[helper.make_opsetid("", OPSET)], producer_name="tandem",
        ir_version=IR_VERSION)
    for name, _, note in graph.heads:
        model.metadata_props.add(key=name, value=note)
    onnx.checker.check_model(model)
    return model.SerializeToString(deterministic=True)


if __name__ == "__main__":
    cfg_path, weights_path, out_path = sys.argv[1:4]
    with open(cfg_path) as cfg_file, open(weights_path, "rb") as weights_file:
        result = convert(cfg_file.read(), weights_file.read(),
                         int(sys.argv[4]) if len(sys.argv) > 4 else 416)
    with open(out_path, "wb") as out_file:
        out_file.write(result)
