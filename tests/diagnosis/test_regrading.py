"""Accuracy by the file beside accuracy by the grader."""

import pytest

from sgram.diagnosis.regrading import AccuracyCounts, regrade
from sgram.errors import MissingExtraError
from sgram.grading import Grade
from sgram.traces import Trace


def test_only_traces_with_a_reference_are_graded_and_in_their_order():
    asked = []

    def grade(traces):
        asked.extend(trace.id for trace in traces)
        return [Grade(trace.id == "a", None, "") for trace in traces]

    traces = [Trace(id="a", text="x", reference="1"), Trace(id="b", text="x"), Trace(id="c", text="x", reference="2")]
    assert [None if verdict is None else verdict.correct for verdict in regrade(traces, grade)] == [True, None, False]
    assert asked == ["a", "c"]


def test_what_has_a_verdict_is_no_reason_to_fail_without_math_verify():
    def grade(traces):
        raise MissingExtraError("checking answers needs more")

    assert regrade([Trace(id="a", text="x", reference="1")], grade) == [None]


def test_a_diagnosed_trace_that_is_not_wrong_counts_for_those_that_it_stands_for():
    counts = AccuracyCounts()
    # two problems with four traces each; of the four wrong ones of p two are diagnosed, each for two, one is not wrong
    for number in range(4):
        counts.add(Trace(id=f"p{number}", group="p", text="", correct=False))
        counts.add(Trace(id=f"q{number}", group="q", text="", correct=True), regraded=number > 0)
    counts.add_not_wrong(Trace(id="p0", group="p", text="", correct=False), weight=2.0)
    assert counts.accuracy().value == 0.5
    assert counts.regraded().value == pytest.approx((2 + 3) / 8)
    assert (counts.n_not_wrong, counts.n_not_right, counts.n_regraded) == (2.0, 1, 4)
    # problems differ: a draw of p twice is 2 / 4, of q twice 3 / 4
    assert counts.regraded().ends == (0.5, 0.75)
