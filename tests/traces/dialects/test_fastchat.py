"""Answers of MT-bench, and battles of Chatbot Arena."""

import pytest
from hypothesis import given, settings

from sgram.traces.dialect import detect
from sgram.traces.dialects.fastchat import ARENA, MT_BENCH
from sgram.traces.trace import RowError
from tests.builders.api_rows import gives_fields_or_row_error, mutations, parts_of, read_row

ANSWER = {
    "question_id": 81,
    "answer_id": "a1",
    "model_id": "toy-1",
    "choices": [{"index": 0, "turns": ["It is 4.", "So 8."]}],
    "tstamp": 1.5,
}
BATTLE = {
    "question_id": "q1",
    "model_a": "toy-1",
    "model_b": "toy-2",
    "winner": "model_a",
    "conversation_a": [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "It is 4."}],
    "conversation_b": [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "It is 5."}],
    "turn": 1,
}


def test_turns_of_a_choice_are_one_response():
    assert detect(ANSWER) is MT_BENCH
    (fields,) = read_row(ANSWER)
    assert (fields["text"], fields["model"], fields["group"], fields["id"]) == (
        "It is 4.\n\nSo 8.",
        "toy-1",
        "81",
        "a1",
    )
    assert [kind for kind, _ in parts_of(fields)] == ["turn", "answer", "turn", "answer"]
    assert fields["meta"]["tstamp"] == 1.5


def test_choices_are_traces_of_one_group():
    choices = [{"index": number, "turns": [f"It is {number}."]} for number in (4, 5)]
    traces = read_row({**ANSWER, "choices": choices})
    assert [(fields["text"], fields["group"], "id" in fields) for fields in traces] == [
        ("It is 4.", "81", False),
        ("It is 5.", "81", False),
    ]
    with pytest.raises(RowError, match="turns of a choice are no array of strings"):
        read_row({**ANSWER, "choices": [{"turns": [4]}]})


def test_both_sides_of_a_battle_are_traces_and_the_winner_is_no_verdict():
    assert detect(BATTLE) is ARENA
    first, second = read_row(BATTLE)
    assert (first["text"], first["model"], first["prompt"]) == ("It is 4.", "toy-1", "2+2?")
    assert (second["text"], second["model"], second["prompt"]) == ("It is 5.", "toy-2", "2+2?")
    assert first["group"] == second["group"] == "q1"
    assert "correct" not in first
    assert (first["meta"]["winner"], first["meta"]["side"], second["meta"]["side"]) == ("model_a", "a", "b")


@given(mutations(ANSWER), mutations(BATTLE))
@settings(max_examples=60)
def test_changed_rows_are_read_or_refused(answer, battle):
    assert gives_fields_or_row_error(MT_BENCH, answer)
    assert gives_fields_or_row_error(ARENA, battle)
