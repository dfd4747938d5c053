"""Comparison of a lexicon with other lists: rows, placebos, curves, and the published list on human labels."""

import json

import pytest

from sgram.evaluation.label_index import UnitIndex, labels_digest
from sgram.evaluation.labeled_documents import read_labels
from sgram.evaluation.lexicon_comparison import ComparisonConfig, compare_lexicons, training_label_digests
from sgram.lexicon import Cluster, Gram, Lexicon
from tests.builders.labeled_examples import PLAN, STEP, document
from tests.builders.paths import ROOT

LABELS = ROOT.parent / "shared" / "data" / "labels"
FEW = ComparisonConfig(n_draws=50)
STEPS = ["so the sum is large", "now it follows", "that is the sum", "the sum is odd", "we add the two"]
PLANS = ["wait, let me check", "hmm, maybe not", "alternatively, let me see", "let me check that"]
DOCUMENTS = [
    document(
        f"d{number:02}",
        (PLAN, PLANS[number % 4]),
        *[(STEP, STEPS[(number + n) % 5]) for n in range(3)],
        problem=f"p{number // 2}",
    )
    for number in range(24)
]


def scored_lexicon_of(**scores):
    grams = [Gram(tuple(name.split("_")), score=score) for name, score in scores.items()]
    return Lexicon.build("mine", [Cluster(0, (gram,), None, gram.text, "other") for gram in grams], {})


MINE = scored_lexicon_of(let_me=0.9, hmm=0.8, alternatively=0.7, so=0.1)


def test_a_lexicon_is_compared_with_the_published_list_and_others():
    other_lexicon = Lexicon.from_grams(["the sum"])
    comparison = compare_lexicons(MINE, UnitIndex.from_documents(DOCUMENTS), {"other": other_lexicon}, FEW)
    assert [(row.name, row.kind) for row in comparison.rows] == [
        ("mine", "lexicon"),
        ("wang2025", "published"),
        ("wang2025, 2+ words", "published"),
        ("other", "beside"),
    ]
    ours, *_, theirs = (row.evaluation.units for row in comparison.rows)
    assert (ours.recall.value, theirs.precision.value) == (1.0, 0.0)
    assert comparison.rows[0].gain == ()
    gain = dict(comparison.rows[-1].gain)["precision"]
    assert gain.value == pytest.approx(ours.precision.value - theirs.precision.value)
    assert gain.low > 0
    assert (comparison.n_documents, comparison.n_problems, comparison.in_sample) == (24, 12, False)
    assert json.loads(json.dumps(comparison.to_json(), allow_nan=False))["rows"][0]["name"] == "mine"
    frame = comparison.frame()  # two rows a list, for units and pieces, and two of placebos
    assert frame.name.tolist() == [row.name for row in comparison.rows for _ in range(2)] + ["placebo"] * 2
    assert frame.recall.iloc[0] == 1.0
    assert frame.precision_high.notna().all()


def test_the_published_list_is_not_compared_with_itself():
    comparison = compare_lexicons(Lexicon.load("wang2025"), UnitIndex.from_documents(DOCUMENTS), config=FEW)
    assert [row.kind for row in comparison.rows] == ["lexicon", "published"]


def test_placebos_mark_as_much_as_the_lexicon():
    comparison = compare_lexicons(MINE, UnitIndex.from_documents(DOCUMENTS), config=FEW)
    ours = comparison.rows[0].evaluation
    for placebo, rates in zip(comparison.placebos, (ours.units, ours.pieces), strict=True):
        assert placebo.target_share == rates.coverage.value
        assert placebo.is_matched == (abs(placebo.share - placebo.target_share) <= 0.021 * placebo.target_share)
        gap = dict(placebo.gap)["precision"].value
        assert gap == pytest.approx(rates.precision.value - placebo.rates.precision.value)
        assert placebo.rates.precision.low <= placebo.rates.precision.value <= placebo.rates.precision.high


def test_lists_with_scores_have_curves():
    plain, scored_lexicon = Lexicon.from_grams(["so"]), scored_lexicon_of(so=0.5, wait=0.9)
    comparison = compare_lexicons(
        MINE, UnitIndex.from_documents(DOCUMENTS), {"plain": plain, "other": scored_lexicon}, FEW
    )
    assert [(curve.name, curve.kind) for curve in comparison.curves] == [
        ("mine", "lexicon"),
        ("other", "beside"),
        ("random scores", "chance"),
    ]
    # the three planning grams find the 24 plans first, then come the steps with "so"
    assert comparison.curves[0].summary.recall_at[0][1].value == 1.0
    assert comparison.curves[0].average_precision.value == pytest.approx(1.0)
    assert [(order.name, order.ours, order.theirs) for order in comparison.orders] == [
        ("wang2025", "score", "frequency"),
        ("plain", "score", "frequency"),
        ("other", "score", "score"),
    ]


def test_candidates_continue_the_curve_beyond_the_list():
    candidates = {"let me": 0.9, "hmm": 0.8, "alternatively": 0.7, "so": 0.1, "the sum": 0.05, "now": 0.01}
    within, beyond = (
        compare_lexicons(MINE, UnitIndex.from_documents(DOCUMENTS), None, FEW, scores) for scores in (None, candidates)
    )
    assert beyond.curves[0].recall[-1] == 1.0
    assert len(beyond.curves[0].recall) > len(within.curves[0].recall)
    assert beyond.orders[0].ours == "candidates"
    assert beyond.placebos[0].n_candidates == 6


def test_labels_that_a_lexicon_was_made_with_are_recognized():
    digest = labels_digest(DOCUMENTS)
    for source in (
        {"scorer": {"labels": [{"name": "r", "digest": "0" * 64}, {"name": "m", "digest": digest}]}},
        {"pruning": [{"labels": [{"digest": digest}]}]},
    ):
        lexicon = Lexicon.build("mine", MINE.clusters, source)
        assert compare_lexicons(lexicon, UnitIndex.from_documents(DOCUMENTS), config=FEW).in_sample
        assert not compare_lexicons(lexicon, UnitIndex.from_documents(DOCUMENTS[1:]), config=FEW).in_sample


@pytest.mark.parametrize(
    "source",
    [
        {},
        {"scorer": "contrast"},
        {"scorer": {"labels": "r"}},
        {"pruning": {"a": 1}},
        {"scorer": {"labels": [3, {"digest": []}]}},
    ],
)
def test_a_source_without_label_digests_is_valid(source):
    assert training_label_digests(Lexicon.build("mine", MINE.clusters, source)) == set()


def test_the_order_of_documents_does_not_matter():
    first, second = (
        compare_lexicons(MINE, UnitIndex.from_documents(ordered), config=FEW).to_json()
        for ordered in (DOCUMENTS, DOCUMENTS[::-1])
    )
    for comparison in (first, second):
        for effect in (*comparison["worst"], *comparison["best"]):
            del effect["example"], effect["start"], effect["end"]  # the example is the first one
    assert first == second


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("reasoningflow_human.jsonl.gz", {"wang2025": (0.37, 0.57), "wang2025, 2+ words": (0.64, 0.29)}),
        ("thought_anchors_chunks.jsonl.gz", {"wang2025": (0.42, 0.82), "wang2025, 2+ words": (0.65, 0.41)}),
    ],
)
def test_the_published_list_has_its_published_rates(name, expected):
    if not (LABELS / name).exists():
        pytest.skip("the labeled sets are not here")
    documents = read_labels(LABELS / name)
    comparison = compare_lexicons(Lexicon.load("wang2025"), UnitIndex.from_documents(documents), config=FEW)
    for row in comparison.rows:
        units = row.evaluation.units
        assert (units.precision.value, units.recall.value) == pytest.approx(expected[row.name], abs=0.01)
    assert all(placebo.is_matched for placebo in comparison.placebos)
    gap = dict(comparison.placebos[1].gap)["precision"]
    assert 0 < gap.low < gap.value  # on words, the published list is better than chance
