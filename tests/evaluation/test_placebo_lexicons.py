"""Placebos: as much is marked as was asked for, by grams that chance alone has chosen."""

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


def many(n=300, seed=0):
    """Texts of four to eight words of 26, the first letters the most frequent."""
    rng = np.random.default_rng(seed)
    return [" ".join(LETTERS[int(26 * each**2)] * 2 for each in rng.random(rng.integers(4, 9))) for _ in range(n)]


def index(texts):
    rows = [document(f"d{at:03}", (PLAN if at % 3 else STEP, text)) for at, text in enumerate(texts)]
    return UnitIndex.from_documents(rows)


@given(share=st.floats(0.05, 0.9), level=st.sampled_from(["units", "pieces"]), seed=st.integers(0, 9))
def test_a_placebo_marks_the_share_that_was_asked_for(share, level, seed):
    made = index(many(80))
    found = made.find(made.grams(1))
    placebo = draw_placebo_grams(found, share, level, seed)
    rows = np.isin(np.arange(found.n_grams), placebo.rows)
    marks = found.select(rows).marked_units() if level == "units" else found.select(rows).covered_pieces()
    assert placebo.share == marks.mean()
    assert placebo.met
    assert abs(marks.sum() - share * len(marks)) <= max(0.5, 0.02 * share * len(marks))


def test_what_cannot_be_reached_is_said():
    made = index(["aa bb", "aa cc", "dd", "ee"])
    placebo = draw_placebo_grams(made.find(["aa"]), 0.75)
    assert (placebo.met, placebo.share, placebo.wanted, placebo.rows.tolist()) == (False, 0.5, 0.75, [0])
    too_coarse = draw_placebo_grams(made.find(["aa"]), 0.25)
    assert (too_coarse.met, too_coarse.rows.tolist()) == (False, [])
    with pytest.raises(UsageError, match=r"a share from 0 to 1, not 1\.5"):
        draw_placebo_grams(made.find(["aa"]), 1.5)


def test_nothing_is_asked_for_and_nothing_is_drawn():
    made = index(["aa bb"])
    assert draw_placebo_grams(made.find(["aa"]), 0.0).met
    assert not len(draw_placebo_grams(made.find([]), 0.0).rows)


def test_the_seed_decides_what_is_drawn():
    made = index(many())
    found = made.find(made.grams(2))
    first, again, other = (draw_placebo_grams(found, 0.3, seed=seed).rows.tolist() for seed in (1, 1, 2))
    assert first == again != other


def test_chance_alone_draws_so_precision_is_the_base_rate():
    made = index(many())  # labels have nothing to do with words; 0.667 of the units are positive
    found = made.find(made.grams(2))
    shares = []
    for seed in range(20):
        rows = np.isin(np.arange(found.n_grams), draw_placebo_grams(found, 0.4, seed=seed).rows)
        shares.append(made.positive[found.select(rows).marked_units()].mean())
    assert np.mean(shares) == pytest.approx(made.positive.mean(), abs=0.02)


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
    texts, lexicon = many(), Lexicon.from_grams(["aa bb", "cc", "zz"], name="some")
    made = draw_placebo_lexicon(lexicon, texts, seed=3)
    assert covered(made, texts) == pytest.approx(covered(lexicon, texts), rel=0.02)
    assert made.source["of"] == {"name": "some", "digest": lexicon.digest}
    assert {cluster.move for cluster in made.clusters} == {"other"}
    assert made == draw_placebo_lexicon(lexicon, texts[::-1], seed=3)
    assert made != draw_placebo_lexicon(lexicon, texts, seed=4)


def test_a_placebo_lexicon_is_drawn_from_the_candidates_given():
    texts, lexicon = many(), Lexicon.from_grams(["aa"])
    candidates = ["bb", "cc", "dd", "ee", "ff", "gg", "hh", "ii", "jj", "kk", "ll", "mm"]
    made = draw_placebo_lexicon(lexicon, texts, candidates=candidates, tolerance=0.2)
    assert {gram.text for gram in made.grams} <= set(candidates)
    assert made == draw_placebo_lexicon(lexicon, texts, candidates=candidates[::-1], tolerance=0.2)


def test_a_placebo_lexicon_that_cannot_be_made_is_refused():
    with pytest.raises(UsageError, match="no gram of custom occurs in the texts"):
        draw_placebo_lexicon(Lexicon.from_grams(["yes"]), many())
    with pytest.raises(UsageError, match=r"1 candidates cover .* give more candidates or more texts"):
        draw_placebo_lexicon(Lexicon.from_grams(["aa"]), many(), candidates=["zz"])
