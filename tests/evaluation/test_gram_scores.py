"""Scores of grams, and invalid tables of candidates."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from sgram.errors import InputError
from sgram.evaluation.gram_scores import frequency_scores, lexicon_scores, read_candidate_scores, unit_scores
from sgram.evaluation.label_index import UnitIndex
from sgram.lexicon import Cluster, Gram, Lexicon
from tests.builders.labeled_examples import two_documents


def lexicon(*grams):
    return Lexicon.build("made", [Cluster(0, (gram,), gram.df, gram.text, "other") for gram in grams], {})


def test_a_lexicon_has_scores_if_every_gram_has_one():
    wait, so = Gram(("wait",), score=0.5), Gram(("so",), score=0.25)
    assert lexicon_scores(lexicon(wait, so)) == {"wait": 0.5, "so": 0.25}
    assert lexicon_scores(lexicon(wait, Gram(("so",)))) is None


def test_a_list_without_scores_is_ordered_by_frequency():
    index = UnitIndex.from_documents(two_documents())
    with_df = lexicon(Gram(("let", "me"), df=3), Gram(("wait",), df=9))
    occurrences = index.find([gram.text for gram in with_df.grams])
    assert frequency_scores(with_df, index, occurrences) == {"let me": 3, "wait": 9}
    without_df = Lexicon.from_grams(["let me", "wait", "never"])
    occurrences = index.find([gram.text for gram in without_df.grams])
    assert frequency_scores(without_df, index, occurrences) == {"let me": 2, "wait": 1, "never": 0}


def test_the_score_of_a_unit_is_that_of_its_best_gram():
    index, scores = UnitIndex.from_documents(two_documents()), {"wait": 1.0, "let me": 2.0}
    assert unit_scores(scores, index.find(list(scores))).tolist() == [2.0, -np.inf, 1.0, 2.0, -np.inf]


def write_table(path, **columns):
    parquet.write_table(pa.table(columns), path)
    return path


def test_candidates_are_read(tmp_path):
    path = write_table(tmp_path / "c.parquet", gram=["wait", "so"], score=[0.5, -1.0], df=[3, 4])
    assert read_candidate_scores(path) == {"wait": 0.5, "so": -1.0}


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"gram": ["wait"], "df": [1]}, "cannot read candidates in"),
        ({"gram": ["wait"], "score": [float("nan")]}, "row 0: invalid candidate; must be a gram with a finite score"),
        ({"gram": ["wait", None], "score": [1.0, 2.0]}, "row 1: invalid candidate"),
        ({"gram": ["wait", "wait"], "score": [1.0, 2.0]}, "contains a gram twice"),
        ({"gram": ["wait"], "score": ["high"]}, "row 0: invalid candidate"),
        ({"gram": pa.array([], pa.string()), "score": pa.array([], pa.float64())}, "contains no candidate"),
    ],
)
def test_an_invalid_table_is_refused(tmp_path, columns, message):
    with pytest.raises(InputError, match=message):
        read_candidate_scores(write_table(tmp_path / "c.parquet", **columns))


def test_a_file_that_is_not_a_table_is_refused(tmp_path):
    (tmp_path / "c.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(InputError, match="cannot read candidates in"):
        read_candidate_scores(tmp_path / "c.parquet")
    with pytest.raises(InputError, match="no such file"):
        read_candidate_scores(tmp_path / "missing.parquet")
