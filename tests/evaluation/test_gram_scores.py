"""What grams score, and tables of candidates that cannot be used."""

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


def test_a_lexicon_has_scores_when_every_gram_has_one():
    wait, so = Gram(("wait",), score=0.5), Gram(("so",), score=0.25)
    assert lexicon_scores(lexicon(wait, so)) == {"wait": 0.5, "so": 0.25}
    assert lexicon_scores(lexicon(wait, Gram(("so",)))) is None


def test_a_list_without_scores_goes_by_frequency():
    index = UnitIndex.from_documents(two_documents())
    counted = lexicon(Gram(("let", "me"), df=3), Gram(("wait",), df=9))
    found = index.find([gram.text for gram in counted.grams])
    assert frequency_scores(counted, index, found) == {"let me": 3, "wait": 9}
    listed = Lexicon.from_grams(["let me", "wait", "never"])
    found = index.find([gram.text for gram in listed.grams])
    assert frequency_scores(listed, index, found) == {"let me": 2, "wait": 1, "never": 0}


def test_a_unit_scores_as_its_best_gram():
    index, known = UnitIndex.from_documents(two_documents()), {"wait": 1.0, "let me": 2.0}
    assert unit_scores(known, index.find(list(known))).tolist() == [2.0, -np.inf, 1.0, 2.0, -np.inf]


def written(path, **columns):
    parquet.write_table(pa.table(columns), path)
    return path


def test_candidates_are_read(tmp_path):
    path = written(tmp_path / "c.parquet", gram=["wait", "so"], score=[0.5, -1.0], df=[3, 4])
    assert read_candidate_scores(path) == {"wait": 0.5, "so": -1.0}


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"gram": ["wait"], "df": [1]}, "cannot be read as candidates"),
        ({"gram": ["wait"], "score": [float("nan")]}, "row 0: a candidate is a gram and a finite score"),
        ({"gram": ["wait", None], "score": [1.0, 2.0]}, "row 1: a candidate"),
        ({"gram": ["wait", "wait"], "score": [1.0, 2.0]}, "holds a gram twice"),
        ({"gram": ["wait"], "score": ["high"]}, "row 0: a candidate"),
        ({"gram": pa.array([], pa.string()), "score": pa.array([], pa.float64())}, "holds no candidate"),
    ],
)
def test_a_table_that_is_none_of_candidates_is_told(tmp_path, columns, said):
    with pytest.raises(InputError, match=said):
        read_candidate_scores(written(tmp_path / "c.parquet", **columns))


def test_a_file_that_is_no_table_is_told(tmp_path):
    (tmp_path / "c.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(InputError, match="cannot be read as candidates"):
        read_candidate_scores(tmp_path / "c.parquet")
    with pytest.raises(InputError, match="no such file"):
        read_candidate_scores(tmp_path / "missing.parquet")
