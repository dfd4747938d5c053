"""Texts cut to what can be read, with marks that overlap: nothing is lost, nothing is said twice."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from sgram.lexicon import MOVES
from sgram.reports.pages.marked_text import (
    Gap,
    Mark,
    MarkedStretch,
    build_strip,
    choose_windows,
    move_class,
    split_by_marks,
    style_stretch,
)
from sgram.tagging.spans import Span

TEXT = "But wait, 3 * 4 = 13 is wrong."
#       0123456789


def shown(runs) -> list[str]:
    return [f"[{run.n_characters}]" if isinstance(run, Gap) else run.text for run in runs]


def whole(text: str) -> list[tuple[int, int]]:
    return [(0, len(text))]


def test_marks_of_different_layers_may_overlap_and_every_run_tells_which_hold_it():
    move, step = Mark(0, 8, "move", "backtracking"), Mark(4, 20, "step", "step")
    runs = split_by_marks(TEXT, [step, move], whole(TEXT))
    assert [(run.text, [mark.layer for mark in run.marks]) for run in runs] == [
        ("But ", ["move"]),
        ("wait", ["move", "step"]),
        (", 3 * 4 = 13", ["step"]),
        (" is wrong.", []),
    ]
    assert [run.begins for run in runs] == [(move,), (step,), (), ()]
    assert [run.ends for run in runs] == [(), (move,), (step,), ()]


def test_of_two_marks_of_one_layer_the_one_that_begins_first_and_is_longer_is_shown():
    first, inner = Mark(0, 20, "evidence", "a", number=1), Mark(4, 8, "evidence", "b", number=2)
    runs = split_by_marks(TEXT, [inner, first], whole(TEXT))
    assert {mark for run in runs for mark in run.marks} == {first}


def test_marks_that_do_not_lie_in_the_text_are_left_out():
    wrong = [Mark(-1, 3, "move", "x"), Mark(5, 5, "move", "x"), Mark(9, 4, "move", "x"), Mark(28, 99, "move", "x")]
    assert split_by_marks(TEXT, wrong, whole(TEXT)) == (MarkedStretch(TEXT),)
    assert split_by_marks("", wrong, []) == ()


def test_what_is_left_out_is_counted_and_a_mark_that_is_cut_begins_and_ends_where_it_is_seen():
    mark = Mark(2, 25, "step", "step")
    runs = split_by_marks(TEXT, [mark], [(4, 8), (20, 22)])
    assert shown(runs) == ["[4]", "wait", "[12]", " i", "[8]"]
    assert [run.begins + run.ends for run in runs if isinstance(run, MarkedStretch)] == [(mark, mark), (mark, mark)]


MARKS = st.lists(
    st.builds(
        lambda start, size, layer: Mark(start, start + size, layer, "x"),
        st.integers(0, 40),
        st.integers(1, 20),
        st.sampled_from(["move", "equation", "evidence", "step"]),
    ),
    max_size=12,
)


@given(st.text(max_size=60), MARKS)
@settings(max_examples=200)
def test_runs_and_gaps_are_the_text_and_marks_hold_what_they_should(text, marks):
    windows = choose_windows(text, [], 30)
    runs = split_by_marks(text, marks, windows)
    position = 0
    for run in runs:
        if isinstance(run, Gap):
            position += run.n_characters
            continue
        assert text[position : position + len(run.text)] == run.text != ""
        for layer in ("move", "equation", "evidence", "step"):
            # by hand: the marks of a layer that hold the run's first character; at most one of them is told
            holding = {mark for mark in marks if mark.layer == layer and mark.start <= position < mark.end <= len(text)}
            run_marks = {mark for mark in run.marks if mark.layer == layer}
            assert run_marks <= holding
            assert len(run_marks) == bool(holding)
        position += len(run.text)
    assert position == len(text)


# -- windows --------------------------------------------------------------------------------------------


def test_a_text_that_is_hardly_longer_is_shown_whole():
    assert choose_windows("x" * 3600, [], 3000) == [(0, 3600)]
    assert choose_windows("x" * 3601, [], 3000) == [(0, 2000), (2601, 3601)]
    assert choose_windows("", [(0, 1)], 100) == []


def test_a_long_text_is_cut_to_its_head_its_end_and_what_is_spoken_of():
    text = "word " * 4000  # 20,000 characters
    (head, context, tail) = choose_windows(text, [(10_000, 10_010)], 1200)
    assert head[0] == 0
    assert context[0] < 10_000 < 10_010 < context[1]
    assert tail[1] == len(text)
    # 1,200 in all, and at most 60 more at each of the four cuts
    assert 1200 <= sum(end - start for start, end in (head, context, tail)) <= 1200 + 4 * 60
    assert all(text[position - 1] == " " for position in (head[1], context[0], context[1], tail[0]))


def test_windows_that_nearly_touch_become_one():
    text = "word " * 4000
    assert len(choose_windows(text, [(5000, 5001), (5210, 5211)], 1200)) == 3
    assert len(choose_windows(text, [(5000, 5001), (9000, 9001)], 1200)) == 4


@example(480, [(238, 1)], 1)  # a window whose ends snap to the same place
@given(
    st.integers(0, 5000),
    st.lists(st.tuples(st.integers(0, 5000), st.integers(1, 300)), max_size=12),
    st.integers(0, 900),
)
@settings(max_examples=200)
def test_windows_ascend_stay_apart_and_are_about_as_large_as_wanted(size, foci, max_characters):
    text = ("ab " * 2000)[:size]
    windows = choose_windows(
        text, [(start, start + length) for start, length in foci if start + length <= size], max_characters
    )
    edges = [edge for window in windows for edge in window]
    assert edges == sorted(set(edges))
    assert not edges or (edges[0] >= 0 and edges[-1] <= size)
    if size > max_characters * 1.2:
        # a cut may move by 60 characters, and a gap that is too small is closed: 240 a window
        assert sum(end - start for start, end in windows) <= max_characters + (len(windows) + 10) * (60 + 240)


# -- how it looks ---------------------------------------------------------------------------------------


def test_stretches_are_elements_by_their_marks():
    move, wrong = Mark(0, 9, "move", "branching", "a"), Mark(0, 9, "equation", "wrong", "b", 1)
    assert style_stretch(MarkedStretch("x")) == ("", "", "")
    assert style_stretch(MarkedStretch("x", (move,), (), (move,))) == ("mark", "m-branching", "a")
    assert style_stretch(MarkedStretch("x", (wrong, move), (), (wrong,))) == (
        "mark",
        "eq wrong last m-branching",
        "b · a",
    )
    assert style_stretch(MarkedStretch("x", (wrong,))) == ("span", "eq wrong", "b")
    assert style_stretch(MarkedStretch("x", (Mark(3, 9, "fork", "fork"),))) == ("", "", "")


def test_a_move_that_is_none_of_ours_looks_like_other():
    assert [move_class(move) for move in MOVES] == [f"m-{move}" for move in MOVES]
    assert move_class('x" onload="') == "m-other"


def test_the_strip_shows_where_spans_stand():
    # of 100 characters those from 40 to 50: they begin at 400 of 1000 and are 100 wide
    assert build_strip(100, [Span(40, 50, "deduction")]) == [("m-deduction", 400, 100)]
    # one character of 10,000 is still 2 wide, and at the very end stays inside
    assert build_strip(10_000, [Span(9999, 10_000, "other")]) == [("m-other", 998, 2)]
    assert build_strip(0, []) == []
