#!/usr/bin/env python3
"""The Open Inference Protocol working group's own clients, made from its OpenAPI and gRPC documents:
working_group.py REST GRPC FOLDER [CHECK...]"""

import sys

import grpc as grpcio
from open_inference.grpc import protocol
from open_inference.grpc.service import GRPCInferenceServiceStub
from open_inference.openapi.client import OpenInferenceClient
from open_inference.openapi.errors import BadRequestError
from open_inference.openapi.types import InferenceRequest

from common import A, B, refused, run


def request(**changes):
    tensor = lambda name, array: {"name": name, "datatype": "INT32", "shape": list(array.shape),
                                  "data": array.tolist()}
    whole = {"id": "w-1", "inputs": [tensor("A", A), tensor("B", B)]}
    return InferenceRequest(**{**whole, **changes})


def check_rest(rest, grpc, folder):
    client = OpenInferenceClient(base_url=f"http://{rest}")
    client.check_server_liveness()
    client.check_server_readiness()
    client.check_model_readiness("addsub")
    client.check_model_version_readiness("addsub", "1")
    assert client.read_server_metadata().name == "tandem"
    about = client.read_model_metadata("addsub")
    assert [tensor.name for tensor in about.outputs] == ["SUM", "DIFFERENCE"]
    answer = client.model_version_infer("addsub", "1", request=request())
    assert (answer.model_name, answer.model_version, answer.id) == ("addsub", "1", "w-1")
    assert answer.outputs[0].shape == [2, 16]
    data = answer.outputs[0].data
    data = getattr(data, "__root__", getattr(data, "root", data))
    assert list(data) == (A + B).ravel().tolist(), data
    refused(lambda: client.read_model_metadata("nothing"), "404", "nothing")
    refused(lambda: client.model_infer("nothing", request=request()), "404", "nothing")
    refused(lambda: client.model_infer("addsub", request=request(inputs=[])), "missing",
            kind=BadRequestError)


def check_grpc(rest, grpc, folder):
    stub = GRPCInferenceServiceStub(grpcio.insecure_channel(grpc))
    assert stub.ServerLive(protocol.ServerLiveRequest()).live
    assert stub.ServerReady(protocol.ServerReadyRequest()).ready
    assert stub.ModelReady(protocol.ModelReadyRequest(name="addsub")).ready
    about = stub.ModelMetadata(protocol.ModelMetadataRequest(name="addsub"))
    assert list(about.inputs[0].shape) == [-1, 16]
    # Typed contents this time, not raw ones.
    tensor = lambda name, array: protocol.ModelInferRequest.InferInputTensor(
        name=name, datatype="INT32", shape=array.shape,
        contents=protocol.InferTensorContents(int_contents=array.ravel().tolist()))
    message = protocol.ModelInferRequest(model_name="addsub", model_version="1", id="w-2",
                                         inputs=[tensor("A", A), tensor("B", B)])
    answer = stub.ModelInfer(message)
    assert (answer.model_name, answer.model_version, answer.id) == ("addsub", "1", "w-2")
    assert answer.raw_output_contents[0] == (A + B).tobytes()
    message.inputs[0].contents.int_contents.append(1)
    error = refused(lambda: stub.ModelInfer(message), "32 elements")
    assert error.code() == grpcio.StatusCode.INVALID_ARGUMENT


if __name__ == "__main__":
    run(sys.modules[__name__])
