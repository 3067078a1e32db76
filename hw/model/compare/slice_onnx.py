#!/usr/bin/env python3
"""The int8 layers against ONNX Runtime. Usage: slice_onnx.py SLICE_BINARY [CASES]

Random layers (dense, pointwise, depthwise, their strides, ReLU, pooling) run by examples/slice and by
ONNX Runtime's QLinearConv, QGemm-like QLinearMatMul, MaxPool and QLinearGlobalAveragePool. Prints a line a kind:
outputs, share equal, greatest difference. Ends with 1 if a byte differs by more than 1: ONNX Runtime
multiplies by a float and rounds halves to even, the layer by an integer and rounds halves up.
"""

import pathlib
import struct
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper


def requant(scale):
    """Multiplier (Q31) and shift with multiplier / 2^(31 + shift) nearest to a scale below 1."""
    shift = 0
    while scale < 0.5 and shift < 31:
        scale, shift = scale * 2, shift + 1
    return min(round(scale * 2**31), 2**31 - 1), shift


def session(nodes, inputs, output, constants):
    constants = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "layer", inputs, [output], constants)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def case(rng, op):
    """A random layer: what examples/slice is told, and ONNX Runtime's answer as (y, x, channel)."""
    w, h, c = (int(v) for v in rng.integers(2, 12, 3))
    out = int(rng.integers(1, 12)) if op in ("dense", "pointwise") else c
    stride = int(rng.integers(1, 3)) if op in ("pointwise", "depthwise") else 1
    zero_in = int(rng.integers(-128, 128))
    zero_out = zero_in if op == "maxpool" else int(rng.integers(-128, 128))
    x = rng.integers(-128, 128, (h, w, c)).astype(np.int8)
    taps = {"dense": h * w * c, "pointwise": c, "depthwise": 9}.get(op, 0)
    weights = rng.integers(-127, 128, (out, taps)).astype(np.int8)
    per_channel = 1 if op in ("dense", "meanpool") else out
    scale_in, scale_out = 0.02, 0.05
    scale_w = rng.uniform(0.001, 0.02, per_channel).astype(np.float32) / max(taps, 1) ** 0.5
    bias = rng.integers(-5000, 5000, out if taps else 1).astype(np.int32)
    planes = x.transpose(2, 0, 1)[None]
    shape = list(planes.shape)
    xs = helper.make_tensor_value_info("x", TensorProto.INT8, shape)
    y = helper.make_tensor_value_info("y", TensorProto.INT8, None)
    zero = lambda v: np.int8(v)
    base = {"xs": np.float32(scale_in), "xz": zero(zero_in), "ys": np.float32(scale_out), "yz": zero(zero_out)}
    quantised = ["x", "xs", "xz", "w", "ws", "wz", "ys", "yz"]
    if op in ("pointwise", "depthwise"):
        side, pad = (1, 0) if op == "pointwise" else (3, 1)
        shaped = weights.reshape(out, c if op == "pointwise" else 1, side, side)
        node = helper.make_node("QLinearConv", quantised + ["b"], ["y"], strides=[stride] * 2, pads=[pad] * 4,
                                group=1 if op == "pointwise" else c, kernel_shape=[side] * 2)
        constants = base | {"w": shaped, "ws": scale_w, "wz": np.zeros(out, np.int8), "b": bias}
    elif op == "dense":
        bias[:] = 0  # QLinearMatMul has none
        shape = [1, taps]
        planes, xs = x.reshape(1, taps), helper.make_tensor_value_info("x", TensorProto.INT8, shape)
        node = helper.make_node("QLinearMatMul", quantised, ["y"])
        constants = base | {"w": weights.T.copy(), "ws": scale_w[0], "wz": zero(0)}
    elif op == "maxpool":
        node, constants = helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[2, 2], strides=[2, 2]), {}
    else:
        node = helper.make_node("QLinearGlobalAveragePool", ["x", "xs", "xz", "ys", "yz"], ["y"],
                                domain="com.microsoft", channels_last=0)
        constants, bias = base, np.zeros(1, np.int32)
        scale_w = np.array([1.0 / (h * w)])
    answer = session([node], [xs], y, constants).run(None, {"x": planes})[0]
    answer = answer.reshape(-1) if op == "dense" else answer[0].transpose(1, 2, 0).reshape(-1)
    low, high = -128, 127
    if rng.integers(2):  # ReLU: nothing below what stands for 0
        low = zero_out
        answer = np.maximum(answer, low)
    params = b""
    if op != "maxpool":
        scales = np.broadcast_to(scale_w.astype(np.float64) * scale_in / scale_out, bias.shape)
        for b, s in zip(bias, scales):
            params += struct.pack("<iiI", int(b), *requant(float(s)))
    numbers = [w, h, c, out, stride, zero_in, zero_out, low, high]
    return numbers, params + weights.tobytes(), x.tobytes(), answer


def main():
    binary, count = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 200
    rng = np.random.default_rng(1)
    worst = 0
    with tempfile.TemporaryDirectory() as folder:
        files = [pathlib.Path(folder, name) for name in ("params", "in", "out")]
        for op in ("dense", "pointwise", "depthwise", "maxpool", "meanpool"):
            differences = []
            for _ in range(count):
                numbers, params, data, answer = case(rng, op)
                files[0].write_bytes(params), files[1].write_bytes(data)
                subprocess.run([binary, op, *map(str, numbers), *map(str, files)], check=True)
                got = np.fromfile(files[2], np.int8).astype(int)
                differences.append(np.abs(got - answer.astype(int)))
            every = np.concatenate(differences)
            worst = max(worst, every.max())
            print(f"{op:<10} {every.size:>8} outputs, {100 * (every == 0).mean():.3f} % equal, at most {every.max()} apart")
    sys.exit(1 if worst > 1 else 0)


if __name__ == "__main__":
    main()
