"""A lexicon beside others: the rows there are, and the published list on the labels that people gave."""

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
MADE = [
    document(
        f"d{at:02}", (PLAN, PLANS[at % 4]), *[(STEP, STEPS[(at + n) % 5]) for n in range(3)], problem=f"p{at // 2}"
    )
    for at in range(24)
]


def scored(**scores):
    grams = [Gram(tuple(name.split("_")), score=score) for name, score in scores.items()]
    return Lexicon.build("mine", [Cluster(0, (each,), None, each.text, "other") for each in grams], {})


MINE = scored(let_me=0.9, hmm=0.8, alternatively=0.7, so=0.1)


def test_a_lexicon_stands_beside_the_published_list_and_others():
    other = Lexicon.from_grams(["the sum"])
    found = compare_lexicons(MINE, UnitIndex.from_documents(MADE), {"other": other}, FEW)
    assert [(row.name, row.kind) for row in found.rows] == [
        ("mine", "lexicon"),
        ("wang2025", "published"),
        ("wang2025, 2+ words", "published"),
        ("other", "beside"),
    ]
    ours, *_, theirs = (row.evaluation.units for row in found.rows)
    assert (ours.recall.value, theirs.precision.value) == (1.0, 0.0)
    assert found.rows[0].gain == ()
    gain = dict(found.rows[-1].gain)["precision"]
    assert gain.value == pytest.approx(ours.precision.value - theirs.precision.value)
    assert gain.low > 0
    assert (found.n_documents, found.n_problems, found.in_sample) == (24, 12, False)
    assert json.loads(json.dumps(found.to_json(), allow_nan=False))["rows"][0]["name"] == "mine"


def test_the_published_list_does_not_stand_beside_itself():
    found = compare_lexicons(Lexicon.load("wang2025"), UnitIndex.from_documents(MADE), config=FEW)
    assert [row.kind for row in found.rows] == ["lexicon", "published"]


def test_placebos_mark_as_much_as_the_lexicon():
    found = compare_lexicons(MINE, UnitIndex.from_documents(MADE), config=FEW)
    ours = found.rows[0].evaluation
    for placebo, rates in zip(found.placebos, (ours.units, ours.pieces), strict=True):
        assert placebo.wanted == rates.coverage.value
        assert placebo.met == (abs(placebo.share - placebo.wanted) <= 0.021 * placebo.wanted)
        gap = dict(placebo.gap)["precision"].value
        assert gap == pytest.approx(rates.precision.value - placebo.rates.precision.value)
        assert placebo.rates.precision.low <= placebo.rates.precision.value <= placebo.rates.precision.high


def test_lists_with_scores_have_curves():
    plain, other = Lexicon.from_grams(["so"]), scored(so=0.5, wait=0.9)
    found = compare_lexicons(MINE, UnitIndex.from_documents(MADE), {"plain": plain, "other": other}, FEW)
    assert [(each.name, each.kind) for each in found.curves] == [
        ("mine", "lexicon"),
        ("other", "beside"),
        ("random scores", "chance"),
    ]
    # the three planning grams find the 24 plans first, then come the steps with "so"
    assert found.curves[0].summary.recall_at[0][1].value == 1.0
    assert found.curves[0].average_precision.value == pytest.approx(1.0)
    assert [(each.name, each.ours, each.theirs) for each in found.orders] == [
        ("wang2025", "score", "frequency"),
        ("plain", "score", "frequency"),
        ("other", "score", "score"),
    ]


def test_candidates_carry_the_curve_beyond_the_list():
    candidates = {"let me": 0.9, "hmm": 0.8, "alternatively": 0.7, "so": 0.1, "the sum": 0.05, "now": 0.01}
    within, beyond = (compare_lexicons(MINE, UnitIndex.from_documents(MADE), None, FEW, each) for each in (None, candidates))
    assert beyond.curves[0].recall[-1] == 1.0
    assert len(beyond.curves[0].recall) > len(within.curves[0].recall)
    assert beyond.orders[0].ours == "candidates"
    assert beyond.placebos[0].n_candidates == 6


def test_labels_that_a_lexicon_was_made_with_are_recognized():
    digest = labels_digest(MADE)
    for source in (
        {"scorer": {"labels": [{"name": "r", "digest": "0" * 64}, {"name": "m", "digest": digest}]}},
        {"pruning": [{"labels": [{"digest": digest}]}]},
    ):
        lexicon = Lexicon.build("mine", MINE.clusters, source)
        assert compare_lexicons(lexicon, UnitIndex.from_documents(MADE), config=FEW).in_sample
        assert not compare_lexicons(lexicon, UnitIndex.from_documents(MADE[1:]), config=FEW).in_sample


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
def test_a_source_that_names_no_labels_is_no_error(source):
    assert training_label_digests(Lexicon.build("mine", MINE.clusters, source)) == set()


def test_the_order_of_documents_does_not_matter():
    ours, theirs = (compare_lexicons(MINE, UnitIndex.from_documents(made), config=FEW).to_json() for made in (MADE, MADE[::-1]))
    for told in (ours, theirs):
        for effect in (*told["worst"], *told["best"]):
            del effect["example"], effect["start"], effect["end"]  # the first that there is
    assert ours == theirs


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("reasoningflow_human.jsonl.gz", {"wang2025": (0.37, 0.57), "wang2025, 2+ words": (0.64, 0.29)}),
        ("thought_anchors_chunks.jsonl.gz", {"wang2025": (0.42, 0.82), "wang2025, 2+ words": (0.65, 0.41)}),
    ],
)
def test_the_published_list_does_as_was_measured(name, expected):
    if not (LABELS / name).exists():
        pytest.skip("the labeled sets are not here")
    documents = read_labels(LABELS / name)
    found = compare_lexicons(Lexicon.load("wang2025"), UnitIndex.from_documents(documents), config=FEW)
    for row in found.rows:
        units = row.evaluation.units
        assert (units.precision.value, units.recall.value) == pytest.approx(expected[row.name], abs=0.01)
    assert all(placebo.met for placebo in found.placebos)
    gap = dict(found.placebos[1].gap)["precision"]
    assert 0 < gap.low < gap.value  # of words, even the published list is better than chance
