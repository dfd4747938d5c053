"""Contrast with a background, worked out by hand; the packaged table is of sane shape."""

from math import exp, log, sqrt

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.errors import InputError
from sgram.files import canonical_json
from sgram.mining.score import Background, ContrastScorer
from sgram.text import NORMAL_FORM, gram_words
from tests.builders.mining_examples import documents_of_grams, make_candidates

words = st.sampled_from(["a", "i", "x", "wait", "let", "me", ".", ",", "7"])
texts = st.lists(st.lists(words, max_size=20).map(" ".join), min_size=1, max_size=8)


def background(df, n_docs, min_df=2, **origin):
    return Background(df, n_docs, min_df, origin)


def test_the_contrast_worked_out_by_hand():
    # 7 of 15 traces here, 1 of 31 in the background: rates with +1 are 8/16 and 2/32, their ratio 8;
    # the standard error of the log ratio is sqrt(1/8 + 1/2) = 0.79
    grams = make_candidates(["wait"], (3, 6, 6), df=[[1, 5, 1]])
    score = ContrastScorer(background({"wait": 1}, 31)).score(grams)
    assert score.tolist() == pytest.approx([log(8) - sqrt(0.625)])


def test_a_gram_that_the_background_lacks_is_in_none_of_its_documents():
    # 3 of 3 here: 4/4; none of 15 there: 1/16
    grams = make_candidates(["wait", "hmm"], (3, 0, 0), df=[[3, 0, 0], [3, 0, 0]])
    score = ContrastScorer(background({"wait": 15}, 15)).score(grams)
    assert score.tolist() == pytest.approx([0 - sqrt(1 / 4 + 1 / 16), log(16) - sqrt(1 / 4 + 1)])


def test_more_traces_at_the_same_rate_score_higher():
    few = make_candidates(["wait"], (9, 0, 0), df=[[4, 0, 0]])  # 5/10
    many = make_candidates(["wait"], (999, 0, 0), df=[[499, 0, 0]])  # 500/1000
    scorer = ContrastScorer(background({"wait": 9}, 99))
    assert many.df_total[0] / 998 == pytest.approx(0.5)
    assert scorer.score(few)[0] < scorer.score(many)[0] < log(5)


@given(st.permutations(range(5)))
def test_a_score_does_not_depend_on_the_other_rows(order):
    grams = make_candidates(list("abcde"), (20, 0, 0), df=[[row + 1, 0, 0] for row in range(5)])
    scorer = ContrastScorer(background({"a": 3, "c": 8}, 10))
    np.testing.assert_array_equal(scorer.score(grams)[list(order)], scorer.score(grams.take(np.array(order))))


def test_no_candidates_have_no_scores():
    none = make_candidates([], (5, 0, 0), df=np.zeros((0, 3), np.int64))
    assert ContrastScorer(background({}, 10)).score(none).shape == (0,)


def test_a_scorer_says_where_its_background_comes_from():
    scorer = ContrastScorer(background({}, 12, what="short answers"))
    assert scorer.name == "contrast"
    assert scorer.provenance == {"about": {"what": "short answers"}, "n_docs": 12}


@given(texts)
def test_a_background_holds_the_df_of_every_gram_of_two_documents(samples):
    background = Background.count(iter(samples), {"what": "test"})
    expected = {
        gram: len(documents)
        for gram, documents in documents_of_grams(samples).items()
        if len(documents) >= 2 and all(len(word) > 1 or word in "ai" for word in gram.split())
    }
    assert background.df == expected
    assert (background.n_docs, background.min_df, background.origin) == (len(samples), 2, {"what": "test"})


def test_a_background_of_nothing_is_refused():
    with pytest.raises(InputError, match="the background has no traces; give short"):
        Background.count([], {})


def test_a_saved_background_comes_back(tmp_path):
    background = Background.count(["wait, let me see", "let me see", "été, let me"], {"what": "test", "n": [1, 2]})
    background.save(tmp_path / "table.parquet")
    assert Background.load(tmp_path / "table.parquet") == background


def test_equal_backgrounds_are_saved_as_equal_bytes(tmp_path):
    first = background({"wait": 2, "hmm": 3}, 5, b=1, a=2)
    second = background({"hmm": 3, "wait": 2}, 5, a=2, b=1)
    for name, table in (("one", first), ("two", second)):
        table.save(tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert parquet.read_table(tmp_path / "one")["gram"].to_pylist() == ["hmm", "wait"]


def test_a_background_of_another_normal_form_is_refused(tmp_path):
    path = tmp_path / "old.parquet"
    metadata = {"about": {}, "min_df": 2, "n_docs": 5, "words": "sgram-words-0"}
    table = pa.table({"gram": ["wait"], "df": pa.array([3], pa.int32())})
    parquet.write_table(table.replace_schema_metadata({"sgram-background": canonical_json(metadata)}), path)
    with pytest.raises(
        InputError, match=r"old\.parquet was counted in .* sgram-words-0, not sgram-words-1; build it again"
    ):
        Background.load(path)
    assert NORMAL_FORM == "sgram-words-1"


def write_text(path):
    path.write_text("gram,df\nwait,3\n")


def write_other_table(path):
    parquet.write_table(pa.table({"gram": ["wait"], "df": [3]}), path)


def write_other_metadata(path):
    parquet.write_table(pa.table({"gram": ["wait"]}).replace_schema_metadata({"other": "1"}), path)


@pytest.mark.parametrize("write", [None, write_text, write_other_table, write_other_metadata])
def test_a_file_that_is_no_background_is_refused_by_name(tmp_path, write):
    path = tmp_path / "table.parquet"
    if write is not None:
        write(path)
    with pytest.raises(InputError, match=r"table\.parquet is not a background table .* Background\.save"):
        Background.load(path)


@pytest.fixture(scope="module")
def packaged():
    return Background.packaged()


def test_the_packaged_background_is_a_table_of_grams_in_normal_form(packaged):
    assert packaged.n_docs > 5_000
    assert packaged.min_df == 2
    assert len(packaged.df) > 50_000
    assert min(packaged.df.values()) >= packaged.min_df
    assert max(packaged.df.values()) <= packaged.n_docs
    assert packaged.origin["sources"]
    for gram in sorted(packaged.df)[::997]:
        assert " ".join(gram_words(gram)) == gram


def test_no_gram_of_the_packaged_background_is_in_more_documents_than_its_parts(packaged):
    df = packaged.df
    for gram in sorted(df)[::17]:
        for part in (gram.partition(" ")[2], gram.rpartition(" ")[0]):
            assert not part or df[part] >= df[gram]


def test_in_the_packaged_background_procedure_is_frequent_and_planning_is_rare(packaged):
    def rate(gram):
        return packaged.df.get(gram, 0) / packaged.n_docs

    assert min(map(rate, ("the sum of", "the number of", "equal to", "is equal to"))) > 0.02
    assert max(map(rate, ("wait", "hmm", "hold on", "let me double-check", "alternatively"))) < 0.005
    assert rate("the") > 0.5


def test_the_packaged_background_prefers_planning_at_equal_rates(packaged):
    grams = make_candidates(["wait", "let me double-check", "the sum of", "equal to"], (200, 0, 0), df=[[20, 0, 0]] * 4)
    score = ContrastScorer(packaged).score(grams)
    assert score[:2].min() > score[2:].max() + 1
    assert exp(score[:2].min()) > 5, "even its lower bound is several times more frequent"
