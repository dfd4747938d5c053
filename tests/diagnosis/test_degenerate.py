"""Loops and cut-off responses, on texts made by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.diagnosis.degenerate import (
    MIN_REPEATS,
    MIN_RUN,
    compression,
    is_degenerate,
    is_unfinished,
    longest_run,
    says_answer,
)
from sgram.traces import Trace

PROSE = (
    "We are asked for the number of pens in two crates. Each crate holds six old pens and nine new ones, so a crate "
    "holds fifteen, and both together hold thirty. "
)


def unfinished(text: str, **fields: object) -> str | None:
    found = is_unfinished(Trace(id="t", text=text, **fields))
    return None if found is None else found.what


def test_a_loop_at_the_end_is_told_with_its_size_and_unit():
    unit = "Let me check again. "  # 20 characters, 30 times: 600
    text = PROSE + unit * 30
    found = is_degenerate(text)
    assert text[found.start : found.end].count(unit.strip()) >= 29
    assert found.end == len(text)
    assert "the last" in found.what
    assert "repeat the same 20:" in found.what


def test_a_loop_that_is_cut_within_its_unit_is_found_to_the_last_character():
    text = PROSE + "then n is 41, " * 40 + "then n"
    assert longest_run(text).end == len(text)
    assert longest_run(text).period == len("then n is 41, ")


def test_a_loop_in_the_middle_is_found_where_it_is():
    loop = "conclude " * 40
    text = "Let me think. We can " + loop + "that the answer is 9."
    run = longest_run(text)
    assert text[run.start : run.end] in text
    assert run.size >= len(loop) - 1
    assert "of its" in is_degenerate(text).what


def test_a_few_repeats_or_a_short_run_are_no_loop():
    assert is_degenerate(PROSE + "first first first first idea") is None
    assert longest_run("ab" * (MIN_RUN // 2 - 1)) is None
    assert longest_run(PROSE * (MIN_REPEATS - 1)) is None


def test_rules_of_one_sign_and_runs_of_spaces_are_no_loop():
    assert is_degenerate("A table:\n" + "-" * 900) is None
    assert is_degenerate("Text" + " " * 2000) is None


def test_a_long_enumeration_that_is_small_beside_the_response_is_no_loop():
    text = "".join(f"Case {number}: we look at {number * 7919 % 1009} and go on. " for number in range(400))
    assert is_degenerate(text + "no, " * 60) is None


def test_a_text_that_says_the_same_with_changing_numbers_is_told_by_its_compression():
    text = "".join(f"{number} is not it, so we try the number after it and see again. " for number in range(400))
    assert longest_run(text) is None
    assert compression(text) < 0.12
    assert "compresses to" in is_degenerate(text).what


@given(st.text(alphabet="ab c1.", max_size=40), st.text(alphabet="xyz 2,", min_size=1, max_size=60), st.integers(4, 60))
def test_every_run_that_is_reported_has_its_period(before, unit, times):
    text = before + unit * times
    run = longest_run(text)
    if run is not None:
        part = text[run.start : run.end]
        assert part[run.period :] == part[: -run.period]
        assert run.size >= max(MIN_RUN, MIN_REPEATS * run.period)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("<think>\nFirst we add 6 and 9, which", "its thinking begins here"),
        ("<|begin_of_thought|>\nSo x = 4.", "its thinking begins here"),
        ("We add 6 and 9, and then we", "in the middle of a sentence"),
        ("Therefore\n\\[\n x = \\frac{1}{2", "inside a formula"),
        ("Therefore\n$$ x = 5", "inside a formula"),
        ("Let's double. The answer is", "in the middle of a sentence"),
    ],
)
def test_a_response_that_was_cut_off_is_unfinished(text, why):
    assert why in unfinished(text)


@pytest.mark.parametrize(
    "text",
    [
        "So both crates hold 30 pens.",
        "<think>hm</think> It is \\boxed{30}",
        "The answer is 45",
        "Solution: Choice_C",
        "",
        "It follows that x = 5",
        "<think> we get \\boxed{30}",
        "A proof by induction. QED.",
        "First \\[ x = 1 \\] then $$ y = 2 $$ and so it is done.",
    ],
)
def test_a_response_that_ends_is_finished(text):
    assert unfinished(text) is None


def test_what_the_sampler_says_of_its_limit_counts():
    assert "finish_reason is length" in unfinished("Hence x = 5.", meta={"finish_reason": "length"})
    assert unfinished("Hence x = 5.", meta={"finish_reason": "stop"}) is None
    assert unfinished("It is \\boxed{5}", meta={"finish_reason": "length"}) is None


def test_the_place_of_an_open_thought_is_its_tag():
    text = "Well. <think>one</think> and <think>two, which"
    assert is_unfinished(Trace(id="t", text=text)).start == text.rindex("<think>")


def test_an_answer_may_be_told_marked_or_named():
    assert says_answer(Trace(id="t", text="no", answer="5"))
    assert says_answer(Trace(id="t", text="so \\boxed{5}"))
    assert says_answer(Trace(id="t", text="Final answer: C"))
    assert not says_answer(Trace(id="t", text="we add and then stop."))
