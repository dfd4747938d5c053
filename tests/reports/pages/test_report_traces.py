"""Traces as a page shows them: which runs carry which marks, what is cut, what the remarks say."""

from types import SimpleNamespace

from sgram.reports.pages.marked_text import Gap, MarkedStretch
from sgram.reports.pages.report_traces import build_example_view, build_siblings_view
from sgram.tagging.spans import Span
from tests.builders.report_analyses import CORRECT, WRONG, Divergence, Evidence, example


def runs_with(view, layer: str) -> list[str]:
    return [
        run.text
        for run in view.stretches
        if isinstance(run, MarkedStretch) and any(mark.layer == layer for mark in run.marks)
    ]


def test_planning_words_equations_evidence_and_the_step_are_all_marked():
    view = build_example_view(example(WRONG, False), 9000)
    assert runs_with(view, "move") == ["So then", "But wait", "let me try"]
    assert "".join(runs_with(view, "equation")) == "3 * 17 = 5210 * 3 = 30"
    assert "".join(runs_with(view, "evidence")) == "3 * 17 = 52"
    assert "".join(runs_with(view, "step")) == "So then 3 * 17 = 52"
    assert "".join(run.text for run in view.stretches) == WRONG
    titles = {mark.title for run in view.stretches for mark in run.marks if mark.layer == "move"}
    assert titles == {"other: so then", "other: but wait", "other: let me try"}


def test_what_is_wrong_is_told_under_the_text():
    view = build_example_view(example(WRONG, False), 9000)
    assert (view.outcome, view.kind) == ("wrong", "procedural")
    assert view.diagnosis == "Procedural error, first seen in step 2 (confidence 0.83)"  # people count from 1
    assert [(note.label, note.text, note.has_anchor) for note in view.evidence] == [
        ("a", "the product is wrong", True),
        ("b", "its sibling says 51", False),
    ]
    assert [(note.label, note.quote, note.text, note.has_anchor) for note in view.wrong_equations] == [
        ("1", "3 * 17 = 52", "3 * 17 is 51, not 52", True)
    ]
    assert (view.n_right, view.n_wrong, view.n_unchecked) == (1, 1, 0)
    assert view.facts == ("step 40", "31 words", "3 SGs", "answer 52", "reference 51")


def test_a_trace_that_is_correct_or_not_judged_has_no_diagnosis():
    for correct, outcome in ((True, "correct"), (None, "not judged")):
        view = build_example_view(example(CORRECT, correct), 9000)
        assert (view.outcome, view.kind, view.diagnosis, view.evidence) == (outcome, "", "", ())


def test_a_long_trace_keeps_what_is_spoken_of_and_counts_the_rest():
    text = "filler " * 3000 + WRONG + " filler" * 3000
    view = build_example_view(example(text, False), 2000)
    gaps = [run.n_characters for run in view.stretches if isinstance(run, Gap)]
    n_shown = sum(len(run.text) for run in view.stretches if isinstance(run, MarkedStretch))
    assert len(gaps) == 2
    assert sum(gaps) + n_shown == len(text)
    assert n_shown < 3000
    assert "".join(runs_with(view, "evidence")) == "3 * 17 = 52"


def test_the_strip_stands_for_the_whole_text_and_has_at_most_250_bars():
    text = "but wait " * 1000
    long_example = example(text, True)
    view = build_example_view(long_example, 500)
    assert len(long_example.spans) == 1000
    assert len(view.bars) <= 250
    assert view.bars[-1][1] > 990
    assert build_example_view(example("", True), 500).bars == ()


def test_siblings_are_marked_from_where_they_part():
    at = WRONG.index("3 * 17")
    pair = SimpleNamespace(
        prompt="How many?",
        wrong=example(WRONG, False),
        correct=example(CORRECT, True),
        divergence=Divergence(at, at, 1, "result", "it says 52 where the other says 51"),
    )
    view = build_siblings_view(pair, 9000)
    assert "".join(runs_with(view.wrong, "fork")) == WRONG[at:]
    assert "".join(runs_with(view.correct, "fork")) == CORRECT[at:]
    assert "".join(stretch.text for stretch in view.wrong.stretches[: view.wrong.n_before_fork]) == WRONG[:at]
    assert view.divergence == "it says 52 where the other says 51"


def test_siblings_of_which_nobody_knows_where_they_part_are_shown_without_a_mark():
    for parting in (None, Divergence(5, None, None, "answer", "")):
        pair = SimpleNamespace(
            prompt=None, wrong=example(WRONG, False), correct=example(CORRECT, True), divergence=parting
        )
        view = build_siblings_view(pair, 9000)
        assert (view.prompt, view.divergence) == ("", "")
        assert runs_with(view.correct, "fork") == []
        assert view.correct.n_before_fork is None
        assert bool(runs_with(view.wrong, "fork")) == (parting is not None)


def test_every_text_has_a_length_at_which_it_is_cut():
    long_example = example(WRONG, False, lambda word: word * 5000)
    view = build_example_view(long_example, 9000)
    for text, longest in (
        (view.id, 240),
        (view.source, 240),
        (view.prompt, 1500),
        (view.evidence[0].text, 300),
        (view.wrong_equations[0].text, 300),
        (view.facts[3], 70),
        (view.facts[4], 70),
    ):
        assert len(text) <= longest
        assert text.endswith("…")


def test_evidence_of_which_there_is_very_much_is_lettered_on_and_cut():
    wrong_example = example(WRONG, False)
    evidence = tuple(Evidence(f"reason {number}", 2 * number, 2 * number + 1) for number in range(60))
    wrong_example.diagnosis = SimpleNamespace(
        kind="strategic", step=None, start=None, end=None, evidence=evidence, confidence=0.5
    )
    view = build_example_view(wrong_example, 9000)
    labels = [note.label for note in view.evidence]
    assert (labels[0], labels[25], labels[26], labels[39], len(labels)) == ("a", "z", "aa", "an", 40)
    assert view.diagnosis == "Strategic error (confidence 0.50)"


def test_evidence_that_names_a_place_alone_marks_the_first_words_of_its_line():
    wrong_example = example("first\nsecond line\n" + "x" * 90 + " " + "word " * 20, False)
    # 40 characters from 109 on are 8 words; 110 lies in the first of them, 18 in a word of 90 characters
    for start, marked in (
        (6, "second line"),
        (13, "line"),
        (18, "x" * 90),
        (109, ("word " * 8).rstrip()),
        (110, ("word " * 8).rstrip()),
    ):
        evidence = (Evidence("here", start, None),)
        wrong_example.diagnosis = SimpleNamespace(
            kind="undecided", step=None, start=None, end=None, evidence=evidence, confidence=0.5
        )
        assert "".join(runs_with(build_example_view(wrong_example, 9000), "evidence")) == marked


def test_a_span_of_an_unknown_move_is_marked_too():
    marked_example = example("but wait", True)
    marked_example.spans = (Span(0, 8, "brooding", 0, "but wait"),)
    assert runs_with(build_example_view(marked_example, 100), "move") == ["but wait"]
