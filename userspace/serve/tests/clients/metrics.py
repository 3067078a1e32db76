#!/usr/bin/env python3
"""What a scrape brings, read by prometheus_client: metrics.py REST GRPC FOLDER METRICS"""

import sys
import threading
import time
import urllib.error
import urllib.request

import numpy as np
import tritonclient.http as httpclient
from prometheus_client.parser import text_string_to_metric_families

from common import A, B, refused

COUNTERS = {
    "nv_inference_request_success", "nv_inference_request_failure", "nv_inference_count",
    "nv_inference_exec_count", "nv_inference_request_duration_us",
    "nv_inference_queue_duration_us", "nv_inference_compute_input_duration_us",
    "nv_inference_compute_infer_duration_us", "nv_inference_compute_output_duration_us",
    "tandem_inference_bytes_in",
}
GAUGES = {"nv_inference_pending_request_count"}


def scrape(at):
    """Types by metric, and values by metric and labels."""
    with urllib.request.urlopen(f"http://{at}/metrics") as page:
        assert page.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        families = list(text_string_to_metric_families(page.read().decode()))
    types = {family.name: family.type for family in families}
    assert len(types) == len(families) and all(family.documentation for family in families)
    values = {}
    for family in families:
        for sample in family.samples:
            # Inside, the parser gives every counter the name that OpenMetrics would; Triton's have no _total.
            name = sample.name.removesuffix("_total") if family.type == "counter" else sample.name
            key = name, frozenset(sample.labels.items())
            assert key not in values, key
            values[key] = sample.value
    return types, values


def value(values, name, **labels):
    return values[name, frozenset(labels.items())]


def ints(*names):
    made = [httpclient.InferInput(name, [2, 16], "INT32") for name in names]
    for one, array in zip(made, (A, B)):
        one.set_data_from_numpy(array)
    return made


def slow(rest, count, **options):
    rounds = httpclient.InferInput("rounds", [], "INT64")
    rounds.set_data_from_numpy(np.array(count, np.int64))
    httpclient.InferenceServerClient(rest, network_timeout=3).infer("slow", [rounds], **options)


def check_counts(rest, metrics):
    client = httpclient.InferenceServerClient(rest)
    types, before = scrape(metrics)
    assert COUNTERS | GAUGES <= set(types), types
    for name in COUNTERS | GAUGES:
        assert types[name] == ("gauge" if name in GAUGES else "counter"), (name, types[name])
    at = {"model": "addsub", "version": "1"}
    for _ in range(3):
        client.infer("addsub", ints("A", "B"), model_version="1")
    refused(lambda: client.infer("addsub", ints("A"), model_version="1"))
    _, after = scrape(metrics)
    more = lambda name, **labels: value(after, name, **labels) - value(before, name, **labels)
    assert more("nv_inference_request_success", **at) == 3
    assert more("nv_inference_count", **at) == 6 and more("nv_inference_exec_count", **at) == 3
    assert more("nv_inference_request_failure", **at, reason="OTHER") == 1
    assert more("nv_inference_request_failure", **at, reason="REJECTED") == 0
    assert more("tandem_inference_bytes_in", **at) == 3 * (A.nbytes + B.nbytes)
    whole = more("nv_inference_request_duration_us", **at)
    parts = sum(more(f"nv_inference_{part}_duration_us", **at) for part in
                ("queue", "compute_input", "compute_infer", "compute_output"))
    assert 0 < parts <= whole + 4, (parts, whole)
    other = {"model": "addsub", "version": "2"}
    assert more("nv_inference_request_success", **other) == 0
    # Statistics and metrics are the same numbers.
    stats = client.get_inference_statistics("addsub", "1")["model_stats"][0]
    assert stats["inference_count"] == value(after, "nv_inference_count", **at)
    failed = sum(value(after, "nv_inference_request_failure", **at, reason=reason)
                 for reason in ("REJECTED", "CANCELED", "BACKEND", "OTHER"))
    assert stats["inference_stats"]["fail"]["count"] == failed


def check_waiting(rest, metrics):
    """One runs for ever, one waits: it is pending, then its client goes."""
    at = {"model": "slow", "version": "1"}
    refused(lambda: slow(rest, 10**12, timeout=20_000), "timeout expired")
    _, values = scrape(metrics)
    assert value(values, "nv_inference_request_failure", **at, reason="REJECTED") == 1
    waiting = threading.Thread(target=lambda: refused(lambda: slow(rest, 1)))
    waiting.start()
    until = time.monotonic() + 60
    seen = set()
    while time.monotonic() < until:
        _, values = scrape(metrics)
        seen.add(value(values, "nv_inference_pending_request_count", **at))
        if value(values, "nv_inference_request_failure", **at, reason="CANCELED") == 1:
            break
        time.sleep(0.02)
    waiting.join()
    assert value(values, "nv_inference_request_failure", **at, reason="CANCELED") == 1
    assert seen >= {1}, seen


def check_paths(rest, metrics):
    """The door serves its one page and nothing of the protocol."""
    for path in ("/", "/v2"):
        try:
            urllib.request.urlopen(f"http://{metrics}{path}")
        except urllib.error.HTTPError as error:
            assert error.code == 404, error
        else:
            raise AssertionError(path)


if __name__ == "__main__":
    rest, _, _, metrics = sys.argv[1:5]
    for check in (check_counts, check_paths, check_waiting):
        check(rest, metrics)
    print("checked 3")
