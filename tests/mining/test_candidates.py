"""Every statistic of a candidate against counting straight from its definition."""

from collections import Counter, defaultdict
from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgram.errors import UsageError
from sgram.mining.array_store import ArrayStore
from sgram.mining.candidates import find_candidates, is_candidate_word, model_contrast, outcome_contrast
from sgram.mining.corpus import CORRECT, UNKNOWN, WRONG, Document
from tests.builders.mining_examples import count_documents, iter_uses, make_candidates

words = st.sampled_from(["a", "i", "x", "wait", "let", "me", "so", ".", ",", "7"])
documents = st.lists(
    st.builds(
        Document,
        st.lists(words, max_size=25).map(" ".join),
        st.sampled_from([UNKNOWN, CORRECT, WRONG]),
        st.tuples(
            st.none() | st.sampled_from(["p", "q", "r"]),
            st.none() | st.sampled_from(["d", "e"]),
            st.none() | st.sampled_from(["m-1", "m-2", "n-1"]),
        ),
    ),
    max_size=10,
)


class NaiveStatistics:
    """All statistics of all grams that are in at least `min_df` documents, straight from their definitions."""

    def __init__(self, samples, min_df, max_n):
        self.samples = samples
        self.documents, self.count = defaultdict(set), Counter()
        self.initial, self.final = Counter(), Counter()
        for use in iter_uses([doc.text for doc in samples], max_n):
            self.documents[use.gram].add(use.document)
            self.count[use.gram] += 1
            self.initial[use.gram] += use.before is None
            self.final[use.gram] += use.after is None
        self.frequent = {gram for gram, documents in self.documents.items() if len(documents) >= min_df}
        self.n_words = sum(self.count[gram] for gram in self.frequent if len(gram) == 1)

    def longer(self, gram, side):
        """Return the frequent grams one word longer on `side`."""
        inner = slice(1, None) if side == "left" else slice(None, -1)
        return [longer for longer in self.frequent if len(longer) == len(gram) + 1 and longer[inner] == gram]

    def is_candidate(self, gram, lengths, min_df, explained):
        df = len(self.documents[gram])
        if not lengths[0] <= len(gram) <= lengths[1] or df < min_df:
            return False
        if not self.has_candidate_words(gram):
            return False
        longer = self.longer(gram, "left") + self.longer(gram, "right")
        explaining = [gram for gram in longer if len(gram) <= lengths[1] and self.has_candidate_words(gram)]
        return explained is None or all(len(self.documents[gram]) < explained * df for gram in explaining)

    @staticmethod
    def has_candidate_words(gram):
        return not any(len(word) == 1 and word not in "ai" for word in gram)

    def facet_values(self, facet, gram):
        return {self.samples[doc].facets[facet] for doc in self.documents[gram]} - {None}

    def cohesion(self, gram):
        if len(gram) == 1:
            return 1.0
        p = {part: self.count[part] / self.n_words for part in (gram, gram[1:], gram[:-1], gram[:1], gram[-1:])}
        ends = [log(p[gram] / (p[gram[:-1]] * p[gram[-1:]])), log(p[gram] / (p[gram[:1]] * p[gram[1:]]))]
        return min(ends) / -log(p[gram])

    def row(self, gram):
        df = [sum(self.samples[doc].outcome == side for doc in self.documents[gram]) for side in range(3)]
        count = self.count[gram]
        neighbor = {
            side: max((self.count[longer] for longer in self.longer(gram, side)), default=0)
            for side in ("left", "right")
        }
        sizes = Counter(doc.outcome for doc in self.samples)
        rates = [log((df[side] + 1) / (sizes[side] + 1)) for side in (CORRECT, WRONG)]
        has_both_sides = sizes[CORRECT] and sizes[WRONG]
        return {
            "n": len(gram),
            "df": df,
            "count": count,
            "burstiness": count / sum(df),
            "initial": self.initial[gram] / count,
            "final": self.final[gram] / count,
            "problems": len(self.facet_values(0, gram)),
            "datasets": len(self.facet_values(1, gram)),
            "models": len(self.facet_values(2, gram)),
            "cohesion": self.cohesion(gram),
            "follows": neighbor["left"] / count,
            "leads": neighbor["right"] / count,
            "outcome_contrast": rates[0] - rates[1] if has_both_sides else float("nan"),
        }


@given(
    documents,
    st.integers(1, 2),
    st.integers(1, 4),
    st.tuples(st.integers(1, 3), st.integers(1, 3)).map(sorted),
    st.none() | st.sampled_from([0.5, 0.9, 1.0]),
)
def test_every_statistic_is_what_its_definition_says(samples, table_min_df, min_df, lengths, explained):
    corpus, table = count_documents(samples, table_min_df, 4)
    candidates = find_candidates(corpus, table, lengths=tuple(lengths), min_df=min_df, explained=explained)
    naive = NaiveStatistics(samples, table_min_df, 4)
    expected = sorted(
        (gram for gram in naive.frequent if naive.is_candidate(gram, lengths, min_df, explained)),
        key=lambda gram: (len(gram), gram),
    )
    assert candidates.texts == [" ".join(gram) for gram in expected]
    rows = [naive.row(gram) for gram in expected]
    for column in rows[0] if rows else ():
        np.testing.assert_allclose(
            getattr(candidates, column), [row[column] for row in rows], rtol=1e-12, atol=1e-12, err_msg=column
        )
    assert candidates.n_docs.tolist() == [sum(doc.outcome == side for doc in samples) for side in range(3)]
    assert candidates.df_total.tolist() == [len(naive.documents[gram]) for gram in expected]
    assert candidates.model_contrast is None
    assert (np.abs(candidates.cohesion) <= 1 + 1e-12).all()
    assert (candidates.burstiness >= 1).all()


def columns_of(candidates):
    return {
        name: getattr(candidates, name)
        for name in candidates.__dataclass_fields__
        if getattr(candidates, name) is not None
    }


@settings(max_examples=30)
@given(
    documents, st.randoms(use_true_random=False), st.sampled_from([1, 40, 1000]), st.sampled_from([1, 3]), st.booleans()
)
def test_candidates_do_not_depend_on_order_shards_workers_or_spilling(
    tmp_path_factory, samples, random, shard_bytes, workers, spill
):
    shuffled = list(samples)
    random.shuffle(shuffled)
    store = ArrayStore(tmp_path_factory.mktemp("candidates"), memory_limit=0) if spill else None
    plain = find_candidates(*count_documents(samples, 1, 4), lengths=(1, 3), min_df=2)
    permuted = find_candidates(
        *count_documents(shuffled, 1, 4, store=store, shard_bytes=shard_bytes, workers=workers),
        lengths=(1, 3),
        min_df=2,
        workers=workers,
    )
    plain_columns, permuted_columns = columns_of(plain), columns_of(permuted)
    assert plain_columns.keys() == permuted_columns.keys()
    for name, column in plain_columns.items():
        np.testing.assert_array_equal(column, permuted_columns[name], err_msg=name)


def candidates_of(texts, lengths=(1, 3), min_df=1, **options):
    candidates = find_candidates(*count_documents(texts, 1, 4), lengths=lengths, min_df=min_df, **options)
    return {text: row for row, text in enumerate(candidates.texts)}, candidates


def test_cohesion_worked_out_by_hand():
    # 12 words: let 4, me 3, see 2, us 1, go 1, on 1; "let me" 3 times, "me see" twice, "let me see" twice.
    row_of, candidates = candidates_of(["let me see. let me see. let me go. let us. on"], explained=None)
    # two words: the ends are one and the same: log((3/12) / (4/12 * 3/12)) / -log(3/12) = log 3 / log 4
    assert candidates.cohesion[row_of["let me"]] == pytest.approx(log(3) / log(4))
    # three words: tail (2/12) / (3/12 * 2/12) = 4, head (2/12) / (2/12 * 4/12) = 3: the weaker end is the head
    assert candidates.cohesion[row_of["let me see"]] == pytest.approx(log(3) / log(6))
    assert candidates.cohesion[row_of["let"]] == 1


def test_an_explained_gram_is_dropped():
    # "the fact" 10 times: "the fact that" in 9 of them explains it at 0.9, not above
    texts = ["the fact that"] * 9 + ["the fact"]
    assert "the fact" not in candidates_of(texts, explained=0.9)[0]
    assert "the fact" in candidates_of(texts, explained=0.91)[0]
    assert "the fact" in candidates_of(texts, explained=None)[0]
    assert "fact that" not in candidates_of(texts, explained=1.0)[0], "a longer gram on the left explains too"


def test_a_gram_that_cannot_be_a_candidate_explains_nothing():
    row_of, _ = candidates_of(["one two three four"] * 3, lengths=(1, 3))
    assert row_of.keys() == {"one two three", "two three four"}, "four words are not asked for"
    row_of, _ = candidates_of(["the root x is"] * 3)
    assert "the root" in row_of, "a one-letter word keeps the longer gram from taking its place"


def test_one_letter_words_are_no_candidates_but_a_and_i():
    row_of, _ = candidates_of(["let x be a. i see. é"], explained=None)
    assert row_of.keys() == {"let", "be", "be a", "a", "i", "i see", "see"}
    assert is_candidate_word(["a", "i", "x", "é", "ab", "等", "等等"]).tolist() == [
        True,
        True,
        False,
        False,
        True,
        False,
        True,
    ]


def test_follows_and_leads_tell_a_torn_phrase():
    # "me see" 4 times: after "let" 3 times, before "if" once
    row_of, candidates = candidates_of(["let me see. let me see if. let me see. so me see"], explained=None)
    assert candidates.follows[row_of["me see"]] == 0.75
    assert candidates.leads[row_of["me see"]] == 0.25
    assert candidates.leads[row_of["let me"]] == 1.0
    assert candidates.follows[row_of["let"]] == 0.0


def test_outcome_contrast_worked_out_by_hand():
    # in 3 of 4 correct and 0 of 1 wrong traces: log(4/5) - log(1/2) = log 1.6
    contrast = outcome_contrast(np.array([[7, 3, 0]]), np.array([9, 4, 1]))
    assert contrast == pytest.approx([log(1.6)])
    for n_docs in ([5, 4, 0], [5, 0, 4], [5, 0, 0]):
        assert np.isnan(outcome_contrast(np.array([[5, 0, 0]]), np.array(n_docs))).all()


@settings(max_examples=50)
@given(documents, st.sampled_from([("m-",), ("n",), ("1",), ("m-1", "n")]), st.sampled_from([1, 1000]))
def test_model_contrast_is_what_its_definition_says(samples, models, shard_bytes):
    corpus, table = count_documents(samples, 1, 3, shard_bytes=shard_bytes)
    candidates = find_candidates(corpus, table, lengths=(1, 3), min_df=1)
    is_inside = [doc.facets[2] is not None and any(part in doc.facets[2] for part in models) for doc in samples]
    if sum(is_inside) in (0, len(is_inside)):
        with pytest.raises(UsageError, match="leaves one side without traces"):
            model_contrast(corpus, table, candidates, models)
        return
    naive = NaiveStatistics(samples, 1, 3)
    expected = []
    for text in candidates.texts:
        documents_of_gram = naive.documents[tuple(text.split(" "))]
        df_inside = sum(is_inside[doc] for doc in documents_of_gram)
        inside = log((df_inside + 1) / (sum(is_inside) + 1))
        outside = log((len(documents_of_gram) - df_inside + 1) / (len(is_inside) - sum(is_inside) + 1))
        expected.append(inside - outside)
    np.testing.assert_allclose(model_contrast(corpus, table, candidates, models), expected, atol=1e-12)


def test_model_contrast_counts_a_trace_of_no_known_model_among_the_others():
    samples = [Document("wait", facets=(None, None, "qwq-32b")), Document("so"), Document("so wait")]
    corpus, table = count_documents(samples, 1, 1)
    candidates = find_candidates(corpus, table, lengths=(1, 1), min_df=1)
    # so: 0 of 1 and 2 of 2: log(1/2) - log(3/3); wait: 1 of 1 and 1 of 2: log(2/2) - log(2/3)
    assert model_contrast(corpus, table, candidates, ("qwq",)) == pytest.approx([log(1 / 2), -log(2 / 3)])


def test_model_contrast_names_the_models_when_a_side_is_empty():
    corpus, table = count_documents([Document("wait", facets=(None, None, "qwq-32b"))], 1, 1)
    candidates = find_candidates(corpus, table, lengths=(1, 1), min_df=1)
    for models in (("llama",), ("qwq",)):
        with pytest.raises(UsageError, match=r"contrast_models .* leaves one side without traces; .*qwq-32b"):
            model_contrast(corpus, table, candidates, models)
    corpus, table = count_documents([Document("wait")], 1, 1)
    with pytest.raises(UsageError, match="models in the input: none"):
        model_contrast(corpus, table, find_candidates(corpus, table, lengths=(1, 1), min_df=1), ("llama",))


def test_taking_rows_takes_them_of_every_column():
    three = make_candidates(
        ["one", "two three", "four"], (1, 2, 3), count=[5, 6, 7], df=[[1, 0, 0], [0, 2, 0], [0, 0, 3]]
    )
    three.model_contrast = np.array([0.1, 0.2, 0.3])
    two = three.take(np.array([2, 0]))
    assert two.texts == ["four", "one"]
    assert two.count.tolist() == [7, 5]
    assert two.df.tolist() == [[0, 0, 3], [1, 0, 0]]
    assert two.df_total.tolist() == [3, 1]
    assert two.model_contrast.tolist() == [0.3, 0.1]
    assert two.n_docs.tolist() == [1, 2, 3]
    assert len(two) == 2
    assert len(three.take(np.zeros(0, np.int64))) == 0


def test_labels_lie_at_the_rows_of_the_table():
    corpus, table = count_documents(["a wait. wait so", "wait so"], 1, 2)
    candidates = find_candidates(corpus, table, lengths=(1, 2), min_df=1, explained=None)
    row_of = {text: candidates.texts.index(text) for text in candidates.texts}
    for n, labels in enumerate(candidates.label_grams(table), 1):
        assert labels.tolist() == [row_of.get(text, -1) for text in table.texts(n)]
    level_labels = candidates.label_grams(
        table, np.where(np.array(candidates.texts) == "wait so", 0, -1).astype(np.int32)
    )
    assert [labels.tolist() for labels in level_labels] == [[-1, -1, -1], [-1, 0]]


@pytest.mark.parametrize("samples", [[], [""], ["x. y"], ["wait"]])
def test_no_candidates_are_an_empty_table_of_the_right_shape(samples):
    candidates = find_candidates(*count_documents(samples, 1, 3), lengths=(1, 2), min_df=2)
    assert len(candidates) == 0
    assert candidates.df.shape == (0, 3)
    assert candidates.df_total.shape == candidates.cohesion.shape == (0,)
    assert candidates.n_docs.sum() == len(samples)
    assert len(candidates.take(np.flatnonzero(candidates.problems >= 1))) == 0
