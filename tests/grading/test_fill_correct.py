"""Right and wrong by the reference answer, where nobody has said."""

import pytest

from sgram.grading.fill_correct import AnswerGrader
from sgram.traces import Trace

pytest.importorskip("math_verify", reason="answers are compared with sgram[train]")


def trace(name: str, text: str, reference: str | None, correct: bool | None = None, answer: str | None = None) -> Trace:
    return Trace(id=name, text=text, reference=reference, correct=correct, answer=answer)


def test_correct_is_filled_where_it_is_unknown_and_nowhere_else():
    traces = [
        trace("right", "So \\boxed{1/2}", "0.5"),
        trace("wrong", "So \\boxed{3}", "4"),
        trace("told", "So \\boxed{3}", "4", True),
        trace("alone", "So \\boxed{3}", None),
        trace("silent", "", "4"),
        trace("unread", "So \\boxed{3}", "$"),
    ]
    with AnswerGrader(workers=1) as grader:
        graded = list(grader(iter(traces)))
    assert [(graded_trace.id, graded_trace.correct) for graded_trace in graded] == [
        ("right", True),
        ("wrong", False),
        ("told", True),
        ("alone", None),
        ("silent", False),
        ("unread", None),
    ]
    assert graded[0].answer is not None
    assert [graded_trace.text for graded_trace in graded] == [graded_trace.text for graded_trace in traces]
    report = grader.report
    assert (report.n_graded, report.n_correct, report.n_unverifiable, report.n_differing) == (3, 1, 1, 0)

    # asked again, what was told stays and is compared
    with AnswerGrader(workers=1, regrade=True) as grader:
        again = list(grader([trace("told", "So \\boxed{3}", "4", True, "3"), trace("same", "\\boxed{4}", "4", True)]))
    assert [graded_trace.correct for graded_trace in again] == [True, True]
    assert again[0].answer == "3"
    assert (grader.report.n_agreeing, grader.report.n_differing) == (1, 1)


def test_no_worker_starts_where_nothing_is_to_be_compared():
    with AnswerGrader() as grader:
        assert list(grader([trace("a", "x", None), trace("b", "x", "1", False)])) != []
        assert grader._grader is None
