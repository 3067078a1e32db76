#!/usr/bin/env python3
"""NVIDIA's tritonclient, HTTP and gRPC, against a running server: triton.py REST GRPC FOLDER [CHECK...]"""

import asyncio
import json
import os
import queue
import sys
import threading
import time

import numpy as np
import tritonclient.grpc as grpcclient
import tritonclient.grpc.aio as grpcaio
import tritonclient.http as httpclient
import tritonclient.http.aio as httpaio
import tritonclient.utils.shared_memory as shm
from tritonclient.utils import InferenceServerException

from common import A, B, EXTENSIONS, NUMBERS, WORDS, refused, run, same


def clients(rest, grpc):
    yield httpclient, httpclient.InferenceServerClient(rest, concurrency=4)
    yield grpcclient, grpcclient.InferenceServerClient(grpc)


def inputs(api, arrays, binary=True):
    made = []
    for name, datatype, array in arrays:
        one = api.InferInput(name, list(array.shape), datatype)
        if api in (httpclient, httpaio):
            one.set_data_from_numpy(array, binary_data=binary)
        else:
            one.set_data_from_numpy(array)
        made.append(one)
    return made


def pair(api, a=A, b=B, **options):
    return inputs(api, [("A", "INT32", a), ("B", "INT32", b)], **options)


def wanted(api, name, binary=True, **options):
    if api is httpclient:
        return api.InferRequestedOutput(name, binary_data=binary, **options)
    return api.InferRequestedOutput(name, **options)


def answer(result):
    """The answer without its tensors, over either protocol."""
    response = result.get_response()
    if isinstance(response, dict):
        return response
    return {"model_name": response.model_name, "model_version": response.model_version,
            "id": response.id}


def check_describes(rest, grpc, folder):
    for api, client in clients(rest, grpc):
        assert client.is_server_live() and client.is_server_ready()
        assert client.is_model_ready("addsub") and client.is_model_ready("addsub", "1")
        as_json = {} if api is httpclient else {"as_json": True}
        server = client.get_server_metadata(**as_json)
        assert server["name"] == "tandem" and set(server["extensions"]) == EXTENSIONS, server
        about = client.get_model_metadata("addsub", **as_json)
        assert about["versions"] == ["1", "2"] and about["platform"] == "onnxruntime_onnx"
        tensor = about["inputs"][0]
        assert tensor["name"] == "A" and tensor["datatype"] == "INT32"
        assert [int(side) for side in tensor["shape"]] == [-1, 16], tensor
        config = client.get_model_config("addsub", **as_json)
        config = config.get("config", config)
        assert config["max_batch_size"] == 8 and config["input"][0]["data_type"] == "TYPE_INT32"
        assert [int(dim) for dim in config["input"][1]["dims"]] == [16]
        config = client.get_model_config("slow", **as_json)
        config = config.get("config", config)["dynamic_batching"]
        assert config["default_queue_policy"]["max_queue_size"] == 1, config
        refused(lambda: client.get_model_metadata("nothing"), "nothing", "not loaded")
        refused(lambda: client.get_model_config("addsub", "9"), "no version")


def check_infers(rest, grpc, folder):
    for api, client in clients(rest, grpc):
        for version, sign in (("1", 1), ("2", -1), ("", -1)):
            result = client.infer("addsub", pair(api), model_version=version, request_id="r-7")
            same(result.as_numpy("SUM"), A + B)
            same(result.as_numpy("DIFFERENCE"), sign * (A - B))
            have = answer(result)
            assert have["model_name"] == "addsub" and have["id"] == "r-7", have
            assert have["model_version"] == (version or "2"), have
        only = client.infer("addsub", pair(api), outputs=[wanted(api, "DIFFERENCE")])
        assert only.as_numpy("SUM") is None and only.as_numpy("DIFFERENCE") is not None


def check_every_datatype(rest, grpc, folder):
    for api, client in clients(rest, grpc):
        for binary in (True, False) if api is httpclient else (True,):
            # The client has no FP16 in JSON, so it goes as bytes beside the others: a mixed request.
            made = []
            for name, array in NUMBERS.items():
                made += inputs(api, [(f"in_{name}", name, array)], binary=binary or name == "FP16")
            outputs = [wanted(api, f"out_{name}", binary=binary or name == "FP16") for name in NUMBERS]
            result = client.infer("types", made, outputs=outputs)
            for name, array in NUMBERS.items():
                same(result.as_numpy(f"out_{name}"), array)


def check_strings(rest, grpc, folder):
    for api, client in clients(rest, grpc):
        for binary in (True, False) if api is httpclient else (True,):
            result = client.infer("text", inputs(api, [("words", "BYTES", WORDS)], binary=binary),
                                  outputs=[wanted(api, "same", binary=binary)])
            have = [word if isinstance(word, bytes) else word.encode()
                    for word in result.as_numpy("same")]
            assert have == list(WORDS), have


def check_detector(rest, grpc, folder):
    """A detector of the engine's tests: what numpy computed for it, over the network."""
    expected = np.fromfile(os.path.join(folder, "expected.f32"), np.float32)
    i = np.arange(3 * 32 * 32)
    pixels = ((i * 37 + i // 251) % 256).astype(np.float32).reshape(1, 3, 32, 32)
    pixels = pixels[:, ::-1]  # the tensor slot is red first, the network blue first
    scale, offset = [0.01, 0.02, 0.005], [-0.5, 0.25, 0.0]
    pixels = pixels * np.array(scale, np.float32).reshape(1, 3, 1, 1)
    pixels = np.ascontiguousarray(pixels + np.array(offset, np.float32).reshape(1, 3, 1, 1))
    for api, client in clients(rest, grpc):
        about = client.get_model_metadata("tiny-v5", **({} if api is httpclient else {"as_json": True}))
        name = about["inputs"][0]["name"]
        result = client.infer("tiny-v5", inputs(api, [(name, "FP32", pixels)]))
        at = 0
        for output in about["outputs"]:
            have = result.as_numpy(output["name"]).ravel()
            assert np.allclose(have, expected[at:at + have.size], atol=1e-3), output
            at += -(-have.size // 16) * 16  # heads lie at multiples of 64 bytes


def check_classification(rest, grpc, folder):
    scores = np.array([0.25, 4, -1, 1], np.float32)
    for api, client in clients(rest, grpc):
        result = client.infer("classes", inputs(api, [("scores", "FP32", scores)]),
                              outputs=[wanted(api, "twice", class_count=3)])
        have = [word.decode() if isinstance(word, bytes) else word for word in result.as_numpy("twice")]
        assert have == ["8:1:nut", "2:3:pin", "0.5:0:bolt"], have
        result = client.infer("addsub", pair(api), outputs=[wanted(api, "SUM", class_count=1)])
        have = [[word.decode() for word in row] for row in result.as_numpy("SUM")]
        assert have == [["20:15"], ["36:15"]], have


def check_errors(rest, grpc, folder):
    for api, client in clients(rest, grpc):
        infer = lambda made, model="addsub", **more: refused_by(client, model, made, **more)
        infer(pair(api), "nothing", words=["nothing"])
        infer(pair(api), model_version="3", words=["no version"])
        infer(pair(api)[:1], words=["\"B\"", "missing"])
        infer(pair(api) + pair(api)[:1], words=["twice"])
        infer(pair(api, A[:, :8], B[:, :8]), words=["\"A\"", "[2, 8]"])
        infer(pair(api, A, B[:1]), words=["batch"])
        infer(pair(api, A.repeat(5, 0), B.repeat(5, 0)), words=["batch of 10", "at most 8"])
        wrong = inputs(api, [("A", "INT64", A.astype(np.int64))]) + pair(api)[1:]
        infer(wrong, words=["INT32", "INT64"])
        infer(inputs(api, [("C", "INT32", A)]) + pair(api)[1:], words=["\"C\"", "none of that name"])
        infer(pair(api), outputs=[wanted(api, "X")], words=["\"X\"", "SUM"])
        infer(pair(api), priority=11, words=["priority"])
        infer(pair(api), sequence_id=5, sequence_start=True, words=["sequence"])
        status = [error_status(api, client, model) for model in ("nothing", "addsub")]
        assert status in (["404", "400"], ["StatusCode.NOT_FOUND", "StatusCode.INVALID_ARGUMENT"])


def refused_by(client, model, made, words, **more):
    refused(lambda: client.infer(model, made, **more), *words, kind=InferenceServerException)


def error_status(api, client, model):
    error = refused(lambda: client.infer(model, pair(api)[:1]), kind=InferenceServerException)
    return error.status()


def check_oversized(rest, grpc, folder):
    """The server was started with a limit of 1 MiB."""
    words = np.array([b"x" * (2 << 20)], np.object_)
    for api, client in clients(rest, grpc):
        error = refused(lambda: client.infer("text", inputs(api, [("words", "BYTES", words)])),
                        kind=InferenceServerException)
        assert error.status() in ("413", "StatusCode.RESOURCE_EXHAUSTED", "StatusCode.OUT_OF_RANGE"), error
        # The server stands.
        same(client.infer("addsub", pair(api)).as_numpy("SUM"), A + B)


def check_shared_memory(rest, grpc, folder):
    for api, client in clients(rest, grpc):
        key = f"/tandem-client-{os.getpid()}"
        region = shm.create_shared_memory_region("region", key, 4 * 128)
        try:
            shm.set_shared_memory_region(region, [A, B])
            client.register_system_shared_memory("region", key, 4 * 128)
            as_json = {} if api is httpclient else {"as_json": True}
            status = client.get_system_shared_memory_status(**as_json)
            status = status if isinstance(status, list) else list(status["regions"].values())
            assert [one["name"] for one in status] == ["region"], status
            made = [api.InferInput(name, [2, 16], "INT32") for name in "AB"]
            made[0].set_shared_memory("region", 128)
            made[1].set_shared_memory("region", 128, offset=128)
            out = wanted(api, "SUM")
            out.set_shared_memory("region", 128, offset=256)
            result = client.infer("addsub", made, outputs=[out])
            assert api is grpcclient or "data" not in result.get_output("SUM")
            same(shm.get_contents_as_numpy(region, np.int32, [2, 16], offset=256), A + B)
            again = lambda: client.register_system_shared_memory("region", key, 4)
            refused(again, "registered already")
            refused(lambda: client.register_system_shared_memory("far", key, 4096), "has 512")
            refused(lambda: client.register_system_shared_memory("up", "/../etc/passwd", 1), "key")
            made[1].set_shared_memory("region", 128, offset=448)
            refused(lambda: client.infer("addsub", made), "has 512 bytes")
            made[1].set_shared_memory("other", 128)
            refused(lambda: client.infer("addsub", made), "not registered")
            small = wanted(api, "SUM")
            small.set_shared_memory("region", 64)
            refused(lambda: client.infer("addsub", pair(api), outputs=[small]), "128 bytes")
            client.unregister_system_shared_memory("region")
            refused(lambda: client.get_system_shared_memory_status("region"), "not registered")
        finally:
            client.unregister_system_shared_memory()
            shm.destroy_shared_memory_region(region)


def check_statistics(rest, grpc, folder):
    for api, client in clients(rest, grpc):
        def counts():
            as_json = {} if api is httpclient else {"as_json": True}
            one = client.get_inference_statistics("addsub", "1", **as_json)["model_stats"][0]
            stats = one["inference_stats"]
            count = lambda name: int(stats[name].get("count", 0))
            batches = {int(b["batch_size"]): int(b["compute_infer"]["count"])
                       for b in one.get("batch_stats", [])}
            return [int(one["inference_count"]), int(one["execution_count"]), count("success"),
                    count("fail"), count("queue"), count("compute_infer")], batches
        before, batches = counts()
        for _ in range(3):
            client.infer("addsub", pair(api), model_version="1")
        refused(lambda: client.infer("addsub", pair(api)[:1], model_version="1"))
        after, after_batches = counts()
        assert [b - a for a, b in zip(before, after)] == [6, 3, 3, 1, 3, 3], (before, after)
        assert after_batches[2] - batches.get(2, 0) == 3, after_batches


def check_settings(rest, grpc, folder):
    for api, client in clients(rest, grpc):
        log = client.update_log_settings({"log_verbose_level": 1, "log_info": False})
        client.update_log_settings({"log_verbose_level": 0, "log_info": True})
        refused(lambda: client.update_log_settings({"log_file": "/tmp/x"}), "log_file")
        path = os.path.join(folder, "trace.json")
        size = os.path.getsize(path)
        on = {"trace_level": ["TIMESTAMPS"], "trace_rate": "2", "trace_count": "1"}
        client.update_trace_settings("addsub", on)
        for _ in range(4):
            client.infer("addsub", pair(api), request_id="traced")
        client.update_trace_settings("addsub", {"trace_level": ["OFF"]})
        with open(path) as lines:
            lines.seek(size)
            traces = [json.loads(line) for line in lines]
        assert len(traces) == 1 and traces[0]["request_id"] == "traced", traces
        times = [stamp["ns"] for stamp in traces[0]["timestamps"]]
        assert times == sorted(times) and len(times) == 5, traces
        refused(lambda: client.update_trace_settings("addsub", {"trace_file": "/tmp/x"}), "trace_file")
        assert client.get_trace_settings("addsub") and client.get_log_settings()


def check_stream(rest, grpc, folder):
    client = grpcclient.InferenceServerClient(grpc)
    answers = queue.Queue()
    client.start_stream(lambda result, error: answers.put((result, error)))
    for number in range(20):
        client.async_stream_infer("addsub", pair(grpcclient, A + number), request_id=str(number))
    client.async_stream_infer("nothing", pair(grpcclient), request_id="bad")
    client.async_stream_infer("addsub", pair(grpcclient), request_id="last")
    for number in range(20):
        result, error = answers.get(timeout=60)
        assert error is None and answer(result)["id"] == str(number), (number, error)
        same(result.as_numpy("SUM"), A + number + B)
    result, error = answers.get(timeout=60)
    assert result is None and "nothing" in f"{error}", error
    result, error = answers.get(timeout=60)
    assert error is None and answer(result)["id"] == "last"
    client.stop_stream()


def rounds(api, count):
    return inputs(api, [("rounds", "INT64", np.array(count, np.int64))])


def check_asyncio(rest, grpc, folder):
    async def go():
        async with httpaio.InferenceServerClient(rest) as http, \
                grpcaio.InferenceServerClient(grpc) as rpc:
            for api, client in ((httpaio, http), (grpcaio, rpc)):
                assert await client.is_server_ready() and await client.is_model_ready("addsub")
                made = [pair(httpclient if api is httpaio else grpcclient, A + n) for n in range(16)]
                results = await asyncio.gather(*(client.infer("addsub", one) for one in made))
                for number, result in enumerate(results):
                    same(result.as_numpy("SUM"), A + number + B)
                try:
                    await client.infer("nothing", made[0])
                except InferenceServerException as error:
                    assert "nothing" in f"{error}"
                else:
                    raise AssertionError("not refused")
            index = await rpc.get_model_repository_index(as_json=True)
            assert any(one["name"] == "text" for one in index["models"])

            async def requests():
                for number in range(5):
                    yield {"model_name": "addsub", "inputs": pair(grpcclient, A + number)}

            count = 0
            async for result, error in rpc.stream_infer(requests()):
                assert error is None
                same(result.as_numpy("SUM"), A + count + B)
                count += 1
            assert count == 5
    asyncio.run(go())


def check_repository(rest, grpc, folder):
    for api, client in clients(rest, grpc):
        def index():
            lines = client.get_model_repository_index()
            lines = lines if isinstance(lines, list) else [
                {"name": m.name, "version": m.version, "state": m.state, "reason": m.reason}
                for m in lines.models]
            return {(line["name"], line["version"]): (line["state"], line.get("reason", ""))
                    for line in lines}
        assert index()["addsub", "2"] == ("READY", "")
        assert index()["broken", "1"][0] == "UNAVAILABLE" and "SHA256SUMS" in index()["broken", "1"][1]
        refused(lambda: client.load_model("broken"), "not complete")
        refused(lambda: client.load_model("nowhere"), "not in the repository")
        refused(lambda: client.load_model("../models"))
        refused(lambda: client.load_model("text", config="{}"), "config")
        client.unload_model("text")
        assert not client.is_model_ready("text") and index()["text", "1"][0] == "UNAVAILABLE"
        refused(lambda: client.infer("text", inputs(api, [("words", "BYTES", WORDS)])), "text")
        assert client.is_server_ready()
        client.load_model("text")
        assert client.is_model_ready("text") and index()["text", "1"][0] == "READY"
        client.load_model("text")
        client.infer("text", inputs(api, [("words", "BYTES", WORDS)]))


def check_schedule_policy(rest, grpc, folder):
    """One runs, one waits, a third is refused at once; what is too late is refused, too. The last check: the
    run of 10**12 rounds cannot be interrupted, the model's only instance stays with it."""
    first = httpclient.InferenceServerClient(rest)
    refused(lambda: first.infer("slow", rounds(httpclient, 10**12), timeout=20_000), "timeout expired")
    until = time.monotonic() + 120
    for api, client in clients(rest, grpc):
        ended = []

        def wait():
            own = httpclient.InferenceServerClient(rest)
            ask = lambda: own.infer("slow", rounds(httpclient, 1), timeout=5_000_000)
            while True:  # a request of the loop below may have the place
                error = refused(ask)
                if "timeout expired" in f"{error}":
                    return ended.append(error)
                assert "max_queue_size" in f"{error}" and time.monotonic() < until, error

        waiting = threading.Thread(target=wait)
        waiting.start()
        while True:
            error = refused(lambda: client.infer("slow", rounds(api, 1), timeout=1_000, priority=1))
            if "max_queue_size" in f"{error}":
                break
            assert "timeout expired" in f"{error}" and time.monotonic() < until, error
        assert error.status() in ("503", "StatusCode.UNAVAILABLE"), error.status()
        waiting.join()
        assert len(ended) == 1


if __name__ == "__main__":
    run(sys.modules[__name__])
