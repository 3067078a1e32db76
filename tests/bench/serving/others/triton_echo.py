#!/usr/bin/env python3
"""NVIDIA's tritonserver, as pytriton brings it, with a model that hands its tensor through.

The wheel has the Python backend only: the model runs in a process of its own, behind Triton's shared memory.
"""

import numpy as np
from pytriton.model_config import ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig


def echo(requests):
    return [{"out": request.data["in"]} for request in requests]


tensor = lambda name: Tensor(name=name, dtype=np.float32, shape=(-1,))
config = TritonConfig(http_port=8100, grpc_port=8101, metrics_port=8102, http_address="127.0.0.1",
                      grpc_address="127.0.0.1", log_verbose=0)
with Triton(config=config) as triton:
    triton.bind(model_name="echo", infer_func=echo, inputs=[tensor("in")], outputs=[tensor("out")],
                config=ModelConfig(batching=False))
    triton.serve()
