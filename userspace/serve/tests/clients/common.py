"""What the checks with every client share."""

import sys

import numpy as np

NUMBERS = {
    "BOOL": np.array([[1, 0, 1], [0, 0, 1]], bool),
    "INT8": np.array([[-128, 127, 0], [1, -1, 2]], np.int8),
    "INT16": np.array([[-32768, 32767, 0], [1, -1, 2]], np.int16),
    "INT32": np.array([[-2**31, 2**31 - 1, 0], [1, -1, 2]], np.int32),
    "INT64": np.array([[-2**63, 2**63 - 1, 0], [1, -1, 2]], np.int64),
    "UINT8": np.array([[0, 255, 1], [2, 3, 4]], np.uint8),
    "UINT16": np.array([[0, 65535, 1], [2, 3, 4]], np.uint16),
    "UINT32": np.array([[0, 2**32 - 1, 1], [2, 3, 4]], np.uint32),
    "UINT64": np.array([[0, 2**64 - 1, 1], [2, 3, 4]], np.uint64),
    "FP16": np.array([[0.5, -65504, 1], [2, 3, 4]], np.float16),
    "FP32": np.array([[0.1, -3.4e38, 1], [2, 3, 4]], np.float32),
    "FP64": np.array([[0.1, -1.7e308, 1], [2, 3, 4]], np.float64),
}
A = np.arange(32, dtype=np.int32).reshape(2, 16)
B = np.full((2, 16), 5, np.int32)
WORDS = np.array([b"one", "zwei \u00fc".encode(), b""], np.object_)
EXTENSIONS = {
    "binary_tensor_data", "classification", "logging", "model_configuration", "model_repository",
    "parameters", "schedule_policy", "statistics", "system_shared_memory", "trace",
}


def same(have, wanted):
    assert have is not None and have.dtype == wanted.dtype, (have, wanted)
    assert have.shape == wanted.shape and np.array_equal(have, wanted), (have, wanted)


def refused(call, *words, kind=None):
    """The call fails and says why; `kind` is what its exception must be."""
    try:
        call()
    except AssertionError:
        raise
    except Exception as error:  # each client has its own
        text = f"{error}"
        assert kind is None or isinstance(error, kind), repr(error)
        assert all(word in text for word in words), f"{text!r} has not all of {words}"
        return error
    raise AssertionError(f"not refused; should say {words}")


def run(module):
    """Runs a module's checks in their order; the command line is REST, gRPC, a folder's address."""
    checks = [(name, check) for name, check in vars(module).items() if name.startswith("check_")]
    only = sys.argv[4:]
    for name, check in checks:
        if not only or name in only:
            check(*sys.argv[1:4])
            print("ok", name, flush=True)
    print("checked", len(checks), flush=True)
