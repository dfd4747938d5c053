"""The text of one part of a trace, and where it lies in the trace."""

import pytest

from sgram.errors import InputError, UsageError
from sgram.text import find_sentences
from sgram.traces import Trace
from sgram.traces.part_texts import PartSelection, PartText, check_choice, describe_part, part_text

TWO_TURNS = "Let me\n\nsee. 4\n\nLet\n\n5"
PARTS = [
    {"kind": "reasoning", "start": 0, "end": 6},
    {"kind": "answer", "start": 8, "end": 14},
    {"kind": "reasoning", "start": 16, "end": 19},
    {"kind": "answer", "start": 21, "end": 22},
]


def test_the_stretches_of_a_part_are_sentences_of_their_own():
    part = part_text(Trace(id="a", text=TWO_TURNS, meta={"parts": PARTS}), "reasoning")
    assert part is not None
    assert part.intervals == ((0, 6), (16, 19))
    # without the break it would read "let me let"
    assert find_sentences(part.text) == [("let", "me"), ("let",)]
    # also where two parts of one kind touch
    touching = [{"kind": "answer", "start": 0, "end": 3}, {"kind": "answer", "start": 3, "end": 6}]
    part = part_text(Trace(id="a", text="let me", meta={"parts": touching}), "answer")
    assert part is not None
    assert find_sentences(part.text) == [("let",), ("me",)]


def test_all_is_the_whole_text_whatever_the_parts():
    for text in ("", TWO_TURNS):
        part = part_text(Trace(id="a", text=text, meta={"parts": "not looked at"}), "all")
        assert part == PartText(text, ((0, len(text)),))


def test_a_trace_that_was_made_in_python_is_searched_for_its_marks():
    trace = Trace(id="a", text="<think>Hmm.</think>\n\n4")
    answer, reasoning = part_text(trace, "answer"), part_text(trace, "reasoning")
    assert answer is not None
    assert reasoning is not None
    assert (reasoning.text, answer.text) == ("<think>Hmm.</think>", "4")
    # the parts that a trace says that it has count, also if it says none
    assert part_text(Trace(id="a", text=trace.text, meta={"parts": []}), "answer") is None


def test_a_trace_without_marks_has_no_part_and_an_unclosed_reasoning_has_no_answer():
    assert part_text(Trace(id="a", text="So it is 4."), "answer") is None
    cut_off = Trace(id="a", text="<think>\nSo it is")
    assert part_text(cut_off, "answer") is None
    assert part_text(cut_off, "reasoning") == PartText(cut_off.text, ((0, len(cut_off.text)),))


def test_parts_that_do_not_fit_their_text_are_refused_with_the_trace():
    trace = Trace(id="7e28-1", text="4", meta={"parts": [{"kind": "answer", "start": 0, "end": 9}]})
    with pytest.raises(InputError, match=r"^trace '7e28-1': offsets of a part .*; correct meta\.parts"):
        part_text(trace, "answer")


def test_traces_without_the_part_are_counted():
    selection = PartSelection("answer")
    traces = [Trace(id="a", text="Hmm.</think>4"), Trace(id="b", text="4"), Trace(id="c", text="<think>Hmm.")]
    assert [(trace.id, part.text) for trace, part in selection(traces)] == [("a", "4")]
    assert (selection.n_traces, selection.n_left_out) == (3, 2)
    assert selection.describe() == "part answer: 2 of 3 traces have no marked answer and are left out"


def test_if_no_trace_has_the_part_that_is_an_error():
    with pytest.raises(InputError, match=r"^none of the 2 traces has marked reasoning .*leave out --part$"):
        list(PartSelection("reasoning")([Trace(id="a", text="4"), Trace(id="b", text="5")]))
    with pytest.raises(InputError, match=r"^the only trace has no marked answer"):
        list(PartSelection("answer")([Trace(id="a", text="4")]))
    assert list(PartSelection("answer")([])) == []


def test_an_unknown_part_is_refused():
    with pytest.raises(UsageError, match="unknown part 'tool'; expected one of reasoning, answer, all"):
        check_choice("tool")


def test_numbers_have_separators():
    text = "part reasoning: 1,203 of 2,000 traces have no marked reasoning and are left out"
    assert describe_part("reasoning", 2000, 1203) == text
