"""Triton's Python backend with a model that hands its tensor through."""

import triton_python_backend_utils as pb


class TritonPythonModel:
    def execute(self, requests):
        tensors = [pb.get_input_tensor_by_name(request, "in").as_numpy() for request in requests]
        return [pb.InferenceResponse([pb.Tensor("out", tensor)]) for tensor in tensors]
