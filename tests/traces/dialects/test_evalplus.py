"""Samples of EvalPlus and BigCodeBench, and their results."""

import json

import pytest
from hypothesis import given, settings

from sgram.traces import TraceReader
from sgram.traces.dialect import detect
from sgram.traces.dialects.evalplus import EVALPLUS_RESULTS, EVALPLUS_SAMPLES
from sgram.traces.trace import RowError
from tests.builders.api_rows import gives_fields_or_row_error, mutations, read_row

SAMPLE = {"task_id": "Toy/0", "solution": "def add(a, b):\n    return a + b\n"}
RESULTS = {
    "date": "2026-01-01",
    "hash": "h",
    "eval": {
        "Toy/0": [
            {**SAMPLE, "base_status": "pass", "plus_status": "fail", "plus_fail_tests": [[1]]},
            {**SAMPLE, "solution": "add = sum", "base_status": "pass", "plus_status": "pass"},
        ],
        "Toy/1": [{"task_id": "Toy/1", "solution": "x = 1", "status": "pass"}],
    },
}


def test_a_solution_beside_a_task_alone_is_the_response():
    assert detect(SAMPLE) is EVALPLUS_SAMPLES
    (fields,) = read_row(SAMPLE)
    assert (fields["text"], fields["group"]) == (SAMPLE["solution"], "Toy/0")
    (fields,) = read_row({**SAMPLE, "raw_solution": "Here it is: add"})
    assert (fields["text"], fields["answer"]) == ("Here it is: add", SAMPLE["solution"])


def test_a_solution_beside_the_problem_is_not_read_as_the_response():
    with pytest.raises(RowError, match="no column looks like the response"):
        read_row({**SAMPLE, "prompt": "Add two numbers."})


def test_results_are_a_trace_for_each_sample_with_the_strictest_verdict():
    assert detect(RESULTS) is EVALPLUS_RESULTS
    traces = read_row(RESULTS)
    # plus wins over base; BigCodeBench has status alone
    assert [(fields["group"], fields["correct"]) for fields in traces] == [
        ("Toy/0", False),
        ("Toy/0", True),
        ("Toy/1", True),
    ]
    assert traces[0]["meta"]["plus_fail_tests"] == [[1]]


def test_results_are_read_in_place_of_their_samples(tmp_path):
    (tmp_path / "samples.jsonl").write_text(json.dumps(SAMPLE))
    (tmp_path / "samples_eval_results.json").write_text(json.dumps(RESULTS))
    reader = TraceReader(tmp_path)
    assert [trace.correct for trace in reader] == [False, True, True]
    assert "samples.jsonl is left out" in reader.report.warnings[0]


@given(mutations(SAMPLE), mutations(RESULTS))
@settings(max_examples=60)
def test_changed_rows_are_read_or_refused(sample, results):
    assert gives_fields_or_row_error(EVALPLUS_SAMPLES, sample)
    assert gives_fields_or_row_error(EVALPLUS_RESULTS, results)
