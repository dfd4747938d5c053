"""Loops and cut-off responses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.diagnosis.degenerate import (
    MIN_REPEATS,
    MIN_STRETCH,
    compression_ratio,
    find_cutoff,
    find_loop,
    find_periodic_stretch,
    has_answer,
)
from sgram.traces import Trace

PROSE = (
    "We are asked for the number of pens in two crates. Each crate holds six old pens and nine new ones, so a crate "
    "holds fifteen, and both together hold thirty. "
)


def cutoff_sentence(text: str, **fields: object) -> str | None:
    evidence = find_cutoff(Trace(id="t", text=text, **fields))
    return None if evidence is None else evidence.sentence


def test_a_loop_at_the_end_is_reported_with_its_size_and_unit():
    unit = "Let me check again. "  # 20 characters, 30 times: 600
    text = PROSE + unit * 30
    loop = find_loop(text)
    assert text[loop.start : loop.end].count(unit.strip()) >= 29
    assert loop.end == len(text)
    assert "the last" in loop.sentence
    assert "repeat the same 20:" in loop.sentence


def test_a_loop_that_is_cut_within_its_unit_is_found_to_the_last_character():
    text = PROSE + "then n is 41, " * 40 + "then n"
    assert find_periodic_stretch(text).end == len(text)
    assert find_periodic_stretch(text).period == len("then n is 41, ")


def test_a_loop_in_the_middle_is_found_where_it_is():
    loop = "conclude " * 40
    text = "Let me think. We can " + loop + "that the answer is 9."
    stretch = find_periodic_stretch(text)
    assert text[stretch.start : stretch.end] in text
    assert stretch.length >= len(loop) - 1
    assert "of its" in find_loop(text).sentence


def test_a_few_repeats_or_a_short_run_are_no_loop():
    assert find_loop(PROSE + "first first first first idea") is None
    assert find_periodic_stretch("ab" * (MIN_STRETCH // 2 - 1)) is None
    assert find_periodic_stretch(PROSE * (MIN_REPEATS - 1)) is None


def test_rules_of_one_sign_and_runs_of_spaces_are_no_loop():
    assert find_loop("A table:\n" + "-" * 900) is None
    assert find_loop("Text" + " " * 2000) is None


def test_a_long_enumeration_that_is_small_beside_the_response_is_no_loop():
    text = "".join(f"Case {number}: we look at {number * 7919 % 1009} and go on. " for number in range(400))
    assert find_loop(text + "no, " * 60) is None


def test_repetition_with_changing_numbers_is_detected_by_compression():
    text = "".join(f"{number} is not it, so we try the number after it and see again. " for number in range(400))
    assert find_periodic_stretch(text) is None
    assert compression_ratio(text) < 0.12
    assert "compresses to" in find_loop(text).sentence


@given(st.text(alphabet="ab c1.", max_size=40), st.text(alphabet="xyz 2,", min_size=1, max_size=60), st.integers(4, 60))
def test_every_periodic_stretch_has_its_period(before, unit, times):
    text = before + unit * times
    stretch = find_periodic_stretch(text)
    if stretch is not None:
        part = text[stretch.start : stretch.end]
        assert part[stretch.period :] == part[: -stretch.period]
        assert stretch.length >= max(MIN_STRETCH, MIN_REPEATS * stretch.period)


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
    assert why in cutoff_sentence(text)


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
    assert cutoff_sentence(text) is None


def test_a_sampling_limit_in_the_metadata_counts():
    assert "finish_reason is length" in cutoff_sentence("Hence x = 5.", meta={"finish_reason": "length"})
    assert cutoff_sentence("Hence x = 5.", meta={"finish_reason": "stop"}) is None
    assert cutoff_sentence("It is \\boxed{5}", meta={"finish_reason": "length"}) is None


def test_the_place_of_an_open_thought_is_its_tag():
    text = "Well. <think>one</think> and <think>two, which"
    assert find_cutoff(Trace(id="t", text=text)).start == text.rindex("<think>")


def test_an_answer_may_be_recorded_marked_or_named():
    assert has_answer(Trace(id="t", text="no", answer="5"))
    assert has_answer(Trace(id="t", text="so \\boxed{5}"))
    assert has_answer(Trace(id="t", text="Final answer: C"))
    assert not has_answer(Trace(id="t", text="we add and then stop."))
