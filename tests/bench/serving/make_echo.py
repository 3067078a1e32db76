#!/usr/bin/env python3
"""Makes the committed model of the serving benchmark: one tensor of any length, handed through.

    .tandem/venv/bin/python tests/bench/serving/make_echo.py
"""

import pathlib

import onnx
from onnx import TensorProto, helper

tensors = [[helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n"])] for name in ("in", "out")]
graph = helper.make_graph([helper.make_node("Identity", ["in"], ["out"])], "echo", *tensors)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
model.ir_version = 8
onnx.checker.check_model(model)
folder = pathlib.Path(__file__).resolve().parent / "models" / "echo" / "1"
folder.mkdir(parents=True, exist_ok=True)
(folder / "model.onnx").write_bytes(model.SerializeToString())
