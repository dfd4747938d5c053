"""Outputs of LiveCodeBench."""

import pytest
from hypothesis import given, settings

from sgram.traces.dialect import detect
from sgram.traces.dialects.livecodebench import LIVECODEBENCH
from sgram.traces.trace import RowError
from tests.builders.api_rows import gives_fields_or_row_error, mutations, read_row

SAMPLE = {
    "question_title": "Sum",
    "question_content": "Print 2+2.",
    "platform": "leetcode",
    "question_id": "3",
    "difficulty": "easy",
    "output_list": ["So: print(4)", "So: print(5)"],
    "code_list": ["print(4)", ""],
    "graded_list": [True, False],
    "pass@1": 0.5,
    "metadata": ["{}", "{}"],
}


def test_each_response_has_its_code_and_verdict():
    assert detect(SAMPLE) is LIVECODEBENCH
    first, second = read_row(SAMPLE)
    assert (first["text"], first["prompt"], first["group"]) == ("So: print(4)", "Print 2+2.", "3")
    assert (first["answer"], first["correct"], second["correct"]) == ("print(4)", True, False)
    assert "answer" not in second


def test_outputs_that_are_no_texts_are_refused():
    with pytest.raises(RowError, match="output_list is no array of strings"):
        read_row({**SAMPLE, "output_list": [4]})


@given(mutations(SAMPLE))
@settings(max_examples=200)
def test_no_mutation_raises_anything_but_a_row_error(row):
    assert gives_fields_or_row_error(LIVECODEBENCH, row)
