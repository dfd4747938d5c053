"""Results of LangChain's models, alone and among the outputs of a run of LangSmith."""

import pytest
from hypothesis import given, settings

from sgram.traces.dialect import detect
from sgram.traces.dialects.langchain import LANGCHAIN
from sgram.traces.dialects.request_response import REQUEST_RESPONSE
from sgram.traces.trace import RowError
from tests.builders.api_rows import gives_fields_or_row_error, mutations, parts_of, read_row

GENERATION = {
    "text": "It is 4.",
    "type": "ChatGeneration",
    "generation_info": {"finish_reason": "stop"},
    "message": {
        "lc": 1,
        "type": "constructor",
        "id": ["langchain", "schema", "messages", "AIMessage"],
        "kwargs": {"content": "It is 4.", "type": "ai", "additional_kwargs": {"reasoning_content": "Hmm."}},
    },
}
RESULT = {"generations": [[GENERATION]], "llm_output": {"model_name": "toy-1"}, "run": None}
RUN = {"id": "run-1", "run_type": "llm", "inputs": {"prompts": ["2+2?"]}, "outputs": RESULT, "error": None}


def test_a_generation_has_reasoning_and_answer():
    assert detect(RESULT) is LANGCHAIN
    (fields,) = read_row(RESULT)
    assert parts_of(fields) == [("reasoning", "Hmm."), ("answer", "It is 4.")]
    assert (fields["model"], fields["meta"]["finish_reason"]) == ("toy-1", "stop")


def test_a_run_holds_a_result_among_its_outputs():
    (fields,) = read_row(RUN)
    assert (fields["text"], fields["model"], fields["id"]) == ("Hmm.\n\nIt is 4.", "toy-1", "run-1")


def test_generations_without_messages_are_texts_of_one_group_and_several_prompts_are_refused():
    generations = [[{"text": "It is 4."}, {"text": "It is 5."}]]
    traces = read_row({"generations": generations})
    assert [fields["text"] for fields in traces] == ["It is 4.", "It is 5."]
    with pytest.raises(RowError, match="generations are of 2 prompts"):
        read_row({"generations": generations * 2})


@given(mutations(RESULT), mutations(RUN))
@settings(max_examples=60)
def test_changed_rows_are_read_or_refused(result, run):
    assert gives_fields_or_row_error(LANGCHAIN, result)
    assert gives_fields_or_row_error(REQUEST_RESPONSE, run)
