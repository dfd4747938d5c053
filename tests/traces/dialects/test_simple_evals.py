"""Results of openai/simple-evals."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgram.traces.dialect import detect
from sgram.traces.dialects.simple_evals import SIMPLE_EVALS, SIMPLE_EVALS_SINGLE
from sgram.traces.trace import FailedRowError
from tests.builders.api_rows import gives_fields_or_row_error, mutations, read_row


def page(reference: str, answer: str, score: str) -> str:
    return f"""
<h3>Prompt conversation</h3>
<div class="message user"><pre>&lt;p&gt;Score: 9&lt;/p&gt;</pre></div>
<h3>Results</h3>
<p>Correct Answer: {reference}</p>
<p>Extracted Answer: {answer}</p>
<p>Score: {score}</p>
"""


CONVERSATION = [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "It is 4"}]
DOCUMENT = {
    "score": 0.5,
    "metrics": {"chars": 7.0},
    "htmls": [page("x &lt; 4", "4", "1.0"), page("4", "None", "False")],
    "convos": [CONVERSATION, CONVERSATION],
    "metadata": None,
}
SINGLE = {"score": 0.0, "metrics": {"chars": 7.0}, "html": page("5", "4", "0.0"), "convo": CONVERSATION}


def test_a_document_gives_a_trace_for_each_conversation_with_the_verdict_of_its_html():
    assert detect(DOCUMENT) is SIMPLE_EVALS
    first, second = read_row(DOCUMENT)
    assert (first["prompt"], first["text"]) == ("2+2?", "It is 4")
    assert (first["reference"], first["answer"], first["reward"], first["correct"]) == ("x < 4", "4", 1.0, True)
    assert (second["reference"], second["correct"]) == ("4", False)
    assert "answer" not in second
    assert first["group"] == second["group"]  # one prompt, sampled twice


def test_the_score_beside_a_conversation_counts_if_the_html_has_none():
    metadata = {"example_level_metadata": [{"score": 0.25, "prompt_id": "p"}, {"score": 1.0, "prompt_id": "q"}]}
    first, second = read_row({**DOCUMENT, "htmls": ["<p>rubrics</p>"] * 2, "metadata": metadata})
    assert (first["reward"], first["meta"]["prompt_id"]) == (0.25, "p")
    assert second["reward"] == 1.0
    assert "correct" not in first  # a share of rubrics is no verdict, even if it is all of them
    assert "correct" not in second


def test_lists_of_other_lengths_belong_to_no_conversation():
    first, _ = read_row({**DOCUMENT, "htmls": DOCUMENT["htmls"][:1]})
    assert not {"reward", "correct", "reference"} & first.keys()


def test_a_line_for_each_result_is_read():
    assert detect(SINGLE) is SIMPLE_EVALS_SINGLE
    (fields,) = read_row(SINGLE)
    assert (fields["reference"], fields["answer"], fields["correct"]) == ("5", "4", False)
    assert fields["meta"]["metrics"] == {"chars": 7.0}


def test_an_empty_conversation_is_a_failed_row():
    with pytest.raises(FailedRowError, match="the conversation is empty"):
        read_row({**SINGLE, "convo": []})
    with pytest.raises(FailedRowError, match="the response has no text"):
        read_row({**SINGLE, "convo": CONVERSATION[:1]})


@given(st.sampled_from([DOCUMENT, SINGLE]).flatmap(mutations))
@settings(max_examples=300)
def test_no_mutation_raises_anything_but_a_row_error(row):
    assert gives_fields_or_row_error(SIMPLE_EVALS, row)
    assert gives_fields_or_row_error(SIMPLE_EVALS_SINGLE, row)
