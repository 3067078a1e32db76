#!/usr/bin/env python3
"""Makes the committed models of the protocol's tests.

    .tandem/venv/bin/python userspace/serve/tests/data/make_models.py

`addsub` has a batch, two inputs and outputs and a golden sample, in two versions that differ in a sign; `types` hands every numeric
datatype through; `text` hands strings through; `classes` doubles four scores that have labels; `slow` multiplies
matrices `rounds` times, and may keep one request waiting; `pick` fails where an index is not one of its four.
"""

import json
import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HERE = pathlib.Path(__file__).resolve().parent / "models"
TYPES = {
    "BOOL": TensorProto.BOOL, "INT8": TensorProto.INT8, "INT16": TensorProto.INT16,
    "INT32": TensorProto.INT32, "INT64": TensorProto.INT64, "UINT8": TensorProto.UINT8,
    "UINT16": TensorProto.UINT16, "UINT32": TensorProto.UINT32, "UINT64": TensorProto.UINT64,
    "FP16": TensorProto.FLOAT16, "FP32": TensorProto.FLOAT, "FP64": TensorProto.DOUBLE,
}


def save(name, nodes, inputs, outputs, constants=(), config=None, version=1):
    tensors = [[helper.make_tensor_value_info(*tensor) for tensor in side]
               for side in (inputs, outputs)]
    graph = helper.make_graph(nodes, name, *tensors, initializer=list(constants))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    folder = HERE / name / str(version)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    if config:
        (HERE / name / "config.pbtxt").write_text(config)


def addsub(version, second):
    shape = ["batch", 16]
    ints = lambda *names: [(name, TensorProto.INT32, shape) for name in names]
    save("addsub", [helper.make_node("Add", ["A", "B"], ["SUM"]),
                    helper.make_node("Sub", second, ["DIFFERENCE"])],
         ints("A", "B"), ints("SUM", "DIFFERENCE"), version=version, config="""\
# Two versions are served, in batches of eight at most.
name: "addsub"
platform: "onnxruntime_onnx"
max_batch_size: 8
input [
  { name: "A" data_type: TYPE_INT32 dims: [ 16 ] },
  { name: "B" data_type: TYPE_INT32 dims: [ 16 ] }
]
version_policy { all { } }
""")
    golden(version)


def golden(version):
    """A golden sample of addsub, by numpy."""
    a, b = np.arange(32).reshape(2, 16) * 3 - 7, np.arange(32).reshape(2, 16) % 5
    tensor = lambda name, array: {"name": name, "datatype": "INT32", "shape": list(array.shape),
                                  "data": array.ravel().tolist()}
    sample = {"request": {"inputs": [tensor("A", a), tensor("B", b)]},
              "response": {"outputs": [tensor("SUM", a + b),
                                       tensor("DIFFERENCE", a - b if version == 1 else b - a)]}}
    folder = HERE / "addsub" / str(version) / "golden_requests"
    folder.mkdir(exist_ok=True)
    (folder / "numbers.json").write_text(json.dumps(sample) + "\n")


def slow():
    """One round is a product of two 512 x 512 matrices."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["go_on"]),
         helper.make_node("MatMul", ["state", "matrix"], ["next"])],
        "body",
        [helper.make_tensor_value_info("i", TensorProto.INT64, []),
         helper.make_tensor_value_info("go", TensorProto.BOOL, []),
         helper.make_tensor_value_info("state", TensorProto.FLOAT, [512, 512])],
        [helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
         helper.make_tensor_value_info("next", TensorProto.FLOAT, [512, 512])])
    constants = [numpy_helper.from_array(np.array(True), "always"),
                 numpy_helper.from_array(np.array([0.5], np.float32), "half"),
                 numpy_helper.from_array(np.array([512, 512], np.int64), "shape"),
                 numpy_helper.from_array(np.array(1 / 512, np.float32), "small")]
    save("slow", [
        helper.make_node("Expand", ["half", "shape"], ["start"]),
        helper.make_node("Expand", ["small", "shape"], ["matrix"]),
        helper.make_node("Loop", ["rounds", "always", "start"], ["end"], body=body),
        helper.make_node("ReduceMean", ["end"], ["mean"], keepdims=0),
    ], [("rounds", TensorProto.INT64, [])], [("mean", TensorProto.FLOAT, [])], constants, """\
instance_group { count: 1 kind: KIND_CPU }
dynamic_batching {
  priority_levels: 2
  default_queue_policy { max_queue_size: 1 allow_timeout_override: true }
}
""")


addsub(1, ["A", "B"])
addsub(2, ["B", "A"])
save("types", [helper.make_node("Identity", [f"in_{name}"], [f"out_{name}"]) for name in TYPES],
     [(f"in_{name}", kind, [2, 3]) for name, kind in TYPES.items()],
     [(f"out_{name}", kind, [2, 3]) for name, kind in TYPES.items()])
save("text", [helper.make_node("Identity", ["words"], ["same"])],
     [("words", TensorProto.STRING, ["n"])], [("same", TensorProto.STRING, ["n"])])
save("classes", [helper.make_node("Add", ["scores", "scores"], ["twice"])],
     [("scores", TensorProto.FLOAT, [4])], [("twice", TensorProto.FLOAT, [4])], config="""\
output { name: "twice" data_type: TYPE_FP32 dims: [ 4 ] label_filename: "labels.txt" }
""")
(HERE / "classes" / "labels.txt").write_text("bolt\nnut\nwasher\npin\n")
slow()
save("pick", [helper.make_node("Gather", ["table", "index"], ["picked"], axis=0)],
     [("index", TensorProto.INT32, ["batch", 2])], [("picked", TensorProto.FLOAT, ["batch", 2])],
     [numpy_helper.from_array(np.array([0.5, 1.5, 2.5, 3.5], np.float32), "table")])
