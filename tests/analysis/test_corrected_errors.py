"""Measure `corrected_errors`: shares of kinds, corrected by ratings."""

import pytest

from sgram.analysis import AnalysisConfig, all_measures, analyze
from sgram.analysis.corrected_errors import NAME, corrected_errors, measuring_corrected_errors
from sgram.diagnosis.error_items import text_digest
from sgram.diagnosis.error_ratings import ErrorRatings, RatedTrace
from sgram.errors import InputError
from tests.builders.analysis_examples import write_rollouts
from tests.builders.wrong_traces import wrong_trace

CONFIG = AnalysisConfig(n_placebos=0, n_draws=10)
TRACES = [
    wrong_trace(str(number), model="a" if number < 30 else "b", step=number % 3, meta={"error": "format"})
    for number in range(40)
]


def rate(kinds: dict[str, str | None], **fields: str) -> ErrorRatings:
    given = {"digest": None, "probability": 0.5, **fields}
    traces = {name: RatedTrace(name, kind, (("ada", "format"),), **given) for name, kind in kinds.items()}
    return ErrorRatings(traces, len(traces), 40)


def test_shares_of_each_source_and_step_stand_beside_those_of_the_diagnosis(tmp_path):
    # of a, the even ones are rated: 10 of 15 strategic; of b one is a tie; one rated trace is not there
    kinds = {str(number): "strategic" if number < 20 else "procedural" for number in range(0, 30, 2)}
    ratings = rate({**kinds, "30": None, "99": "format"})
    with measuring_corrected_errors(ratings):
        table = analyze(write_rollouts(tmp_path, TRACES), CONFIG).tables[NAME]
    rows = {(row.text("source"), row.text("steps"), row.text("kind")): row for row in table.records()}
    assert {source for source, _, _ in rows} == {"a"}
    strategic = rows["a", "all", "strategic"]
    assert (strategic.number("rated"), strategic.number("wrong"), strategic.number("diagnosed")) == (15, 30, 0)
    assert strategic.number("corrected") == pytest.approx(2 / 3)
    assert strategic.number("corrected_low") < 2 / 3 < strategic.number("corrected_high")
    assert rows["a", "all", "format"].number("diagnosed") == 1
    # steps 0, 1 and 2 have the even numbers 0 6 12 18 24, 4 10 16 22 28 and 2 8 14 20 26: 4, 3 and 3 below 20
    assert [rows["a", step, "strategic"].number("corrected") for step in "012"] == pytest.approx([0.8, 0.6, 0.6])
    assert "17 wrong traces were rated by 1 raters, 1 without a majority are left out, 1 are not among" in table.note
    assert NAME not in [measure.name for measure in all_measures()]


def test_another_text_than_the_rated_one_ends_the_analysis_with_a_sentence(tmp_path):
    ratings = rate({"3": "format"}, digest=text_digest(wrong_trace("4")))
    with measuring_corrected_errors(ratings), pytest.raises(InputError, match="trace '3' has another text than"):
        analyze(write_rollouts(tmp_path, TRACES), CONFIG)


def test_without_ratings_there_is_no_such_measure(tmp_path):
    with measuring_corrected_errors(None):
        assert NAME not in [measure.name for measure in all_measures()]
    assert corrected_errors(rate({})).needs == "Corrected shares need ratings of wrong traces"
