"""Loads fixture records into openhtf's own classes and lets openhtf judge the values again.

    python openhtf_reads.py RECORD.json...

Needs openhtf and what its core imports (scripts/setup --all). Exits with 1 where openhtf disagrees with a record.
"""

import json
import sys

from openhtf.core import measurements
from openhtf.core import phase_descriptor
from openhtf.core import phase_executor
from openhtf.core import test_record
from openhtf.output.callbacks import json_factory
from openhtf.util import validators


def validator(limits):
    """openhtf's validators for our limits."""
    if "equals" in limits:
        return [validators.equals(limits["equals"])]
    if "one_of" in limits:
        return [lambda value: value in limits["one_of"]]
    if limits.get("any"):
        return []
    return [
        validators.in_range(
            limits.get("min"), limits.get("max"),
            limits.get("marginal_min"), limits.get("marginal_max"))
    ]


def measurement(name, ours):
    assert ours["name"] == name, name
    made = measurements.Measurement(name, docstring=ours.get("docstring"))
    made.validators = validator(ours["limits"])
    if "measured_value" in ours:
        made.measured_value.set(ours["measured_value"])
        made.set_time_millis = ours["set_time_millis"]
        made.validate()  # outcome and margin by openhtf
        assert made.outcome.name == ours["outcome"], (name, made.outcome)
        assert made.marginal == ours["marginal"], (name, made.marginal)
    else:
        made.outcome = measurements.Outcome[ours["outcome"]]
    # As people read it: openhtf's own text of a range is ours, up to how numbers are written.
    return made


def phase(ours):
    code = test_record.CodeInfo(**ours["codeinfo"])
    made = test_record.PhaseRecord(ours["descriptor_id"], ours["name"], code)
    made.measurements = {name: measurement(name, m) for name, m in ours["measurements"].items()}
    made.start_time_millis = ours["start_time_millis"]
    made.end_time_millis = ours["end_time_millis"]
    made.outcome = test_record.PhaseOutcome[ours["outcome"]]
    made.marginal = ours["marginal"]
    result = phase_descriptor.PhaseResult[ours["result"]["phase_result"]]
    made.result = phase_executor.PhaseExecutionOutcome(result)
    return made


def record(ours):
    made = test_record.TestRecord(
        dut_id=ours["dut_id"], station_id=ours["station_id"],
        start_time_millis=ours["start_time_millis"], end_time_millis=ours["end_time_millis"],
        outcome=test_record.Outcome[ours["outcome"]],
        code_info=test_record.CodeInfo(**ours["code_info"]), metadata=ours["metadata"],
        marginal=ours["marginal"])
    for detail in ours["outcome_details"]:
        made.add_outcome_details(**detail)
    for one in ours["phases"]:
        made.add_phase_record(phase(one))
    return made


def compare(ours, theirs, where):
    """Everything that openhtf writes of the record is what we wrote."""
    for key, value in theirs.items():
        at = f"{where}.{key}"
        mine = ours.get(key)
        if key in ("validators", "options", "diagnosers", "log_records", "subtest_name", "attachments",
                   "diagnosis_results", "failure_diagnosis_results"):
            continue
        if isinstance(value, dict):
            compare(mine, value, at)
        elif isinstance(value, (list, tuple)):
            assert len(mine) == len(value), at
            for number, (one, other) in enumerate(zip(mine, value)):
                if isinstance(other, dict):
                    compare(one, other, f"{at}[{number}]")
                else:
                    assert one == other, at
        else:
            assert mine == value, (at, mine, value)


def main():
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as file:
            ours = json.load(file)
        encoded = json_factory.convert_test_record_to_json(record(ours))
        text = "".join(json_factory.stream_json(encoded))
        compare(ours, json.loads(text), "record")
        count = sum(len(one["measurements"]) for one in ours["phases"])
        print(f"{path}: {ours['outcome']}, {count} measurements agree with openhtf")


if __name__ == "__main__":
    main()
