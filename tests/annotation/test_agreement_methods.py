"""The methods paragraph: every number is that of the study, and nothing is said that the study does not have."""

import pytest

pytest.importorskip("krippendorff", reason="krippendorff comes with the extra validate")
pytest.importorskip("statsmodels", reason="statsmodels comes with the extra validate")

import sgram
from sgram.annotation.agreement import measure_agreement
from sgram.annotation.agreement_methods import (
    StudyDesign,
    cited_references,
    describe_methods,
    describe_sample,
    library_versions,
)
from sgram.annotation.ratings import Rating
from sgram.annotation.strategic_share import measure_strategic_shares
from tests.builders.annotation_examples import item, sample
from tests.builders.rating_examples import of_rows, of_table


def paragraph(ratings, design=None, **options):
    return " ".join(describe_methods(measure_agreement(ratings, n_draws=20, **options), design))


def test_two_raters_of_all_items():
    # 8 of 10 agree; each says a for 5: chance is .5, kappa (.8 - .5) / .5
    text = paragraph(of_table([[4, 1], [1, 4]]), seed=3)
    assert text.startswith("Two raters labeled 10 items with two labels (0, 1). Every rater labeled every item, which")
    assert "gives 20 ratings." in text
    assert "On both labels, percent agreement is 0.80 [" in text
    assert "Fleiss' κ is 0.60 [" in text
    assert "Cohen's κ is 0.60 [" in text
    assert "from 20 resamples of items with replacement (seed 3)" in text
    assert "Raters differ on 2 items (20.0% of those with at least two ratings)." in text
    assert text.endswith(f"computed with sgram {sgram.__version__}.")
    assert "strategic" not in text
    assert "rater00" not in text


def test_missing_ratings_and_undefined_coefficients_are_said():
    text = paragraph(of_rows("ab*a", "a*ba", "*bbb"))
    # 9 of 12 cells; every item has two ratings or more; the last has all three
    assert "There are 9 ratings: 25.0% of the pairs of item and rater are missing" in text
    assert "4 items have at least two ratings, and 1 were labeled by every rater" in text
    assert "(Cohen, 1960) for each pair of raters" in text
    text = paragraph(of_rows("aaa", "aaa"))
    assert (
        "On the one label, percent agreement is 1.00 [1.00, 1.00], Krippendorff's α is undefined (all ratings" in text
    )
    assert paragraph(of_rows("ab")).count("Agreement is undefined, because it needs two raters.") == 1


def test_phrases_have_their_design_shares_and_verdicts():
    phrases = sample(item("a1"), item("b2", kind="control"), name="mined")
    ratings = [
        Rating(name, rater, label)
        for name, labels in (("a1", ("branching", "deduction")), ("b2", ("procedural", "procedural")))
        for rater, label in zip(("ada", "bob"), labels, strict=True)
    ]
    measured = measure_agreement(ratings, n_draws=20)
    shares = measure_strategic_shares(ratings, measured.strategic.labels, phrases.items)
    design = StudyDesign("item", describe_sample(phrases), shares, 1, {"krippendorff": "9.9"})
    sentences = describe_methods(measured, design)
    text = " ".join(sentences)
    assert "The sample has 1 occurrence of Strategic Grams of the lexicon mined (SHA-256 dddddddddddd) and, as" in text
    assert "controls, 1 random phrase of the same traces" in text
    assert "On whether a label is strategic (branching, deduction) or not, percent agreement is 1.00" in text
    assert "50.0% of the ratings are strategic" in text
    # Wilson, 1 of 1: 20.7 to 100 %
    assert (
        "100.0% [20.7%, 100.0%] of the 1 rated Strategic Grams and 0.0% [0.0%, 79.3%] of the 1 rated controls" in text
    )
    assert "a difference of 100.0 [" in text
    assert (
        "Raters differ on 1 item (50.0% of those with at least two ratings); an adjudicator decided 1 of them." in text
    )
    assert text.endswith("(krippendorff 9.9).")
    assert [reference.partition(",")[0] for reference in cited_references(sentences)] == [
        *("Cohen", "Efron", "Fleiss", "Gwet", "Krippendorff", "Newcombe", "Wilson")
    ]


def test_many_labels_are_counted_and_not_listed():
    labels = "abcdefghijklm"
    assert "with 13 labels. Every" in paragraph(of_rows(labels, labels))


def test_the_libraries_that_compute_are_named_with_their_versions():
    assert set(library_versions()) == {"krippendorff", "statsmodels"}
