"""Traces as JSON for scripts: offsets in UTF-16 units, prompts stored once, choices for the filters."""

from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from sgram.reports.pages.trace_records import Utf16Offsets, lookup_choices, trace_key, trace_record
from tests.builders.report_analyses import CORRECT, WRONG, Evidence, example


@given(st.text(max_size=40))
def test_offsets_count_utf16_units_as_scripts_do(text):
    offsets = Utf16Offsets(text)
    for offset in range(len(text) + 1):
        assert offsets(offset) == len(text[:offset].encode("utf-16-le", "surrogatepass")) // 2


def test_a_record_has_the_text_as_it_is_and_its_marks_as_offsets():
    record = trace_record(example(WRONG, False))
    assert record["text"] == WRONG
    # "So then", "But wait", "let me try", all of no known move: (gap, length, 6)
    starts = [WRONG.index(phrase) for phrase in ("So then", "But wait", "let me try")]
    gaps = [starts[0], starts[1] - (starts[0] + 7), starts[2] - (starts[1] + 8)]
    assert record["spans"] == [gaps[0], 7, 6, gaps[1], 8, 6, gaps[2], 10, 6]
    slip = WRONG.index("3 * 17")
    assert record["equations"][0] == [slip, slip + 11, 1, "3 * 17 is 51, not 52", 1]
    assert record["evidence"] == [["the product is wrong", slip, slip + 11], ["its sibling says 51"]]
    assert record["step"] == [slip - 8, slip + 11]
    assert (record["outcome"], record["kind"], record["moves"]) == ("wrong", "procedural", [6])


def test_marks_after_an_emoji_are_shifted_by_one_unit():
    plain = trace_record(example("but wait", True))["spans"]
    shifted = trace_record(example("\U0001f600 but wait", True))["spans"]
    assert (plain, shifted) == ([0, 8, 6], [3, 8, 6])  # the emoji is two units, and a space follows


def test_evidence_ends_at_words_and_not_inside_of_them():
    cut = example("We see therefore 1234 apples.", False)
    # "herefore 12" is cut at both ends
    evidence = (Evidence("here", 8, 19),)
    cut.diagnosis = SimpleNamespace(
        kind="undecided", step=None, start=None, end=None, evidence=evidence, confidence=0.5
    )
    ((_, start, end),) = trace_record(cut)["evidence"]
    assert cut.trace.text[start:end] == "therefore 1234"


def test_a_trace_keeps_its_address_whatever_is_around_it():
    one, other = example(WRONG, False), example(WRONG, False, source="another source")
    assert trace_key(one) == trace_key(other) != trace_key(example(CORRECT, True))
    assert len(trace_key(one)) == 12


def test_filters_offer_what_occurs():
    records = [trace_record(example(WRONG, False)), trace_record(example("no phrase", None, source="m2"))]
    assert lookup_choices(records) == {
        "source": ["grpo, seed 0", "m2"],
        "outcome": ["wrong", "not judged"],
        "kind": ["procedural"],
        "move": ["other"],
    }
