"""Placebos mark the requested share, with grams drawn at random."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.errors import UsageError
from sgram.evaluation.label_index import UnitIndex
from sgram.evaluation.placebo_lexicons import draw_placebo_grams, draw_placebo_lexicon
from sgram.lexicon import Lexicon
from sgram.tagging.span_finder import SpanFinder
from sgram.text import find_words
from tests.builders.labeled_examples import PLAN, STEP, document

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def random_texts(n=300, seed=0):
    """Texts of four to eight words from a vocabulary of 26, the first ones most frequent."""
    rng = np.random.default_rng(seed)
    return [" ".join(LETTERS[int(26 * number**2)] * 2 for number in rng.random(rng.integers(4, 9))) for _ in range(n)]


def index(texts):
    rows = [document(f"d{number:03}", (PLAN if number % 3 else STEP, text)) for number, text in enumerate(texts)]
    return UnitIndex.from_documents(rows)


@given(share=st.floats(0.05, 0.9), level=st.sampled_from(["units", "pieces"]), seed=st.integers(0, 9))
def test_a_placebo_marks_the_requested_share(share, level, seed):
    unit_index = index(random_texts(80))
    occurrences = unit_index.find(unit_index.grams(1))
    placebo = draw_placebo_grams(occurrences, share, level, seed)
    rows = np.isin(np.arange(occurrences.n_grams), placebo.rows)
    marks = occurrences.select(rows).marked_units() if level == "units" else occurrences.select(rows).covered_pieces()
    assert placebo.share == marks.mean()
    assert placebo.is_matched
    assert abs(marks.sum() - share * len(marks)) <= max(0.5, 0.02 * share * len(marks))


def test_an_unreachable_share_is_reported():
    unit_index = index(["aa bb", "aa cc", "dd", "ee"])
    placebo = draw_placebo_grams(unit_index.find(["aa"]), 0.75)
    assert (placebo.is_matched, placebo.share, placebo.target_share, placebo.rows.tolist()) == (False, 0.5, 0.75, [0])
    too_coarse = draw_placebo_grams(unit_index.find(["aa"]), 0.25)
    assert (too_coarse.is_matched, too_coarse.rows.tolist()) == (False, [])
    with pytest.raises(UsageError, match=r"the share of a placebo must be between 0 and 1 \(got 1\.5\)"):
        draw_placebo_grams(unit_index.find(["aa"]), 1.5)


def test_a_share_of_zero_draws_nothing():
    unit_index = index(["aa bb"])
    assert draw_placebo_grams(unit_index.find(["aa"]), 0.0).is_matched
    assert not len(draw_placebo_grams(unit_index.find([]), 0.0).rows)


def test_the_seed_determines_the_grams():
    unit_index = index(random_texts())
    occurrences = unit_index.find(unit_index.grams(2))
    first, repeated, second = (draw_placebo_grams(occurrences, 0.3, seed=seed).rows.tolist() for seed in (1, 1, 2))
    assert first == repeated != second


def test_the_mean_precision_of_placebos_is_the_base_rate():
    unit_index = index(random_texts())  # labels have nothing to do with words; 0.667 of the units are positive
    occurrences = unit_index.find(unit_index.grams(2))
    shares = []
    for seed in range(20):
        rows = np.isin(np.arange(occurrences.n_grams), draw_placebo_grams(occurrences, 0.4, seed=seed).rows)
        shares.append(unit_index.positive[occurrences.select(rows).marked_units()].mean())
    assert np.mean(shares) == pytest.approx(unit_index.positive.mean(), abs=0.02)


def covered(lexicon, texts):
    """Share of the words of `texts` inside spans, by the finder."""
    find, inside, total = SpanFinder(lexicon), 0, 0
    for text in texts:
        spans = find(text)
        for word in find_words(text):
            total += 1
            inside += any(span.start <= word.start and word.end <= span.end for span in spans)
    return inside / total


def test_a_placebo_lexicon_covers_as_many_words():
    texts, lexicon = random_texts(), Lexicon.from_grams(["aa bb", "cc", "zz"], name="some")
    placebo = draw_placebo_lexicon(lexicon, texts, seed=3)
    assert covered(placebo, texts) == pytest.approx(covered(lexicon, texts), rel=0.02)
    assert placebo.source["of"] == {"name": "some", "digest": lexicon.digest}
    assert {cluster.move for cluster in placebo.clusters} == {"other"}
    assert placebo == draw_placebo_lexicon(lexicon, texts[::-1], seed=3)
    assert placebo != draw_placebo_lexicon(lexicon, texts, seed=4)


def test_a_placebo_lexicon_is_drawn_from_the_given_candidates():
    texts, lexicon = random_texts(), Lexicon.from_grams(["aa"])
    candidates = ["bb", "cc", "dd", "ee", "ff", "gg", "hh", "ii", "jj", "kk", "ll", "mm"]
    placebo = draw_placebo_lexicon(lexicon, texts, candidates=candidates, tolerance=0.2)
    assert {gram.text for gram in placebo.grams} <= set(candidates)
    assert placebo == draw_placebo_lexicon(lexicon, texts, candidates=candidates[::-1], tolerance=0.2)


def test_an_impossible_placebo_lexicon_is_refused():
    with pytest.raises(UsageError, match="no gram of custom occurs in the texts"):
        draw_placebo_lexicon(Lexicon.from_grams(["yes"]), random_texts())
    with pytest.raises(UsageError, match=r"1 candidates cover .* give more candidates or more texts"):
        draw_placebo_lexicon(Lexicon.from_grams(["aa"]), random_texts(), candidates=["zz"])
