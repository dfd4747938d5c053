import pytest

from sgram.evaluation.label_index import UnitIndex
from sgram.evaluation.labeled_documents import LabeledDocument, Unit
from sgram.evaluation.lexicon_comparison import ComparisonConfig
from sgram.evaluation.mask_comparison import compare_masks
from sgram.evaluation.train_sentence_scorer import describe_labels
from sgram.lexicon import Lexicon, LinearWeights, SentenceScorer

LEXICON = Lexicon.from_grams(["let me", "so it"], move="branching")
SCORER = SentenceScorer(
    "own",
    LinearWeights(-1000, {"let me": 3000}),
    {"branching": LinearWeights(0, {}), "verification": LinearWeights(-5, {"check": 10})},
)
CONFIG = ComparisonConfig("problem", 20)
PARTS = (("Let me check.", "verify"), ("So it is 4.", "none"), ("Let me see.", "plan"), ("Is it 5?", "verify"))


def document(name, parts=PARTS):
    text, units = "", []
    for part, label in parts:
        units.append(Unit(len(text), len(text) + len(part), (label,)))
        text += part + " "
    return LabeledDocument(name, text, tuple(units), problem=name)


DOCUMENTS = [document("a"), document("b")]
INDEX = UnitIndex.from_documents(DOCUMENTS)


def test_each_kind_is_measured_on_units_and_on_words():
    masks = compare_masks(LEXICON, SCORER, INDEX, config=CONFIG)
    ours = {row.mask: row for row in masks.rows if row.kind == "lexicon"}
    # of 11 words in each document ("4" and "5" are none), 8 are in units that plan
    assert ours["grams"].words.n == 2 * 11
    assert ours["grams"].words.n_positive == 2 * 8
    # "let me", "so it", "let me"
    assert (ours["grams"].words.n_marked, ours["grams"].words.n_hits) == (2 * 6, 2 * 4)
    assert (ours["grams"].units.n_marked, ours["grams"].units.n_hits) == (2 * 3, 2 * 2)
    # "Let me check.", "Let me see."
    assert (ours["sentences"].words.n_marked, ours["sentences"].units.n_marked) == (2 * 6, 2 * 2)
    assert ours["grams-in-sentences"].words.n_marked == 2 * 4
    assert (masks.wrong_removed, masks.right_kept) == (1.0, 1.0)
    assert ours["sentences"].name == "own"


def test_a_gram_across_two_units_marks_nothing_and_a_sentence_marks_both():
    text = "Let me check it."
    units = (Unit(0, 3, ("plan",)), Unit(4, 16, ("none",)))
    index = UnitIndex.from_documents([LabeledDocument("a", text, units)])
    masks = compare_masks(LEXICON, SCORER, index, config=CONFIG)
    assert masks.row("grams").words.n_marked == 0
    assert (masks.row("sentences").words.n_marked, masks.row("sentences").units.n_marked) == (4, 2)
    assert (masks.wrong_removed, masks.right_kept) == (None, None)


def test_each_placebo_marks_as_many_words_as_its_kind():
    documents = [document(f"d{row}") for row in range(20)]
    masks = compare_masks(LEXICON, SCORER, UnitIndex.from_documents(documents), config=CONFIG)
    for kind in ("sentences", "grams-in-sentences"):
        ours, placebo = masks.row(kind).words, masks.row(kind, "placebo").words
        assert placebo.n_marked == pytest.approx(ours.n_marked, rel=0.05)


def test_published_and_other_lists_are_measured_by_kind_and_the_published_one_once():
    masks = compare_masks(LEXICON, SCORER, INDEX, {"mine": LEXICON}, CONFIG)
    assert [(row.kind, row.name, row.mask) for row in masks.rows if row.kind in ("published", "beside")] == [
        ("published", "wang2025", "grams"),
        ("published", "wang2025", "grams-in-sentences"),
        ("beside", "mine", "grams"),
        ("beside", "mine", "grams-in-sentences"),
    ]
    frame = masks.frame()  # two rows a mask: units and words
    assert frame["mask"].tolist() == [row.mask for row in masks.rows for _ in range(2)]
    assert frame.marked.tolist()[1::2] == [row.words.n_marked for row in masks.rows]
    masks = compare_masks("wang2025", SCORER, INDEX, config=CONFIG)
    assert [row.kind for row in masks.rows].count("published") == 0


def test_moves_agree_with_the_labels_that_name_one():
    masks = compare_masks(LEXICON, SCORER, INDEX, config=CONFIG)
    scorer, grams = masks.moves
    # labels: verification, goal-setting, verification; the scorer: verification, branching, branching
    # agreement 1/3; chance (2/3)(1/3) = 2/9; kappa = (1/3 - 2/9) / (1 - 2/9) = 1/7
    assert (scorer.n_named, scorer.n_labeled) == (6, 6)
    assert scorer.kappa.value == pytest.approx(1 / 7)
    # the lexicon's grams name the first and the third unit
    assert (grams.n_named, grams.n_labeled) == (4, 6)
    unnamed = UnitIndex.from_documents([document("a", (("Let me check.", "planning"),))])
    assert compare_masks(LEXICON, SCORER, unnamed, config=CONFIG).moves == ()


def test_a_scorer_that_was_fitted_on_these_labels_is_in_sample():
    def fitted_on(*documents):
        source = {"labels": [describe_labels("x", documents)]}
        return SentenceScorer("own", SCORER.planning, SCORER.moves, source=source)

    assert compare_masks(LEXICON, fitted_on(*DOCUMENTS), INDEX, config=CONFIG).in_sample is True
    assert compare_masks(LEXICON, fitted_on(document("c")), INDEX, config=CONFIG).in_sample is False
    assert compare_masks(LEXICON, SCORER, INDEX, config=CONFIG).in_sample is None
