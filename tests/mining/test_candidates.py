"""Every statistic of a candidate against counting straight from its definition."""

from collections import Counter, defaultdict
from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgram.errors import UsageError
from sgram.mining.array_store import ArrayStore
from sgram.mining.candidates import find_candidates, is_wordy, model_contrast, outcome_contrast
from sgram.mining.corpus import CORRECT, UNKNOWN, WRONG, Document
from tests.builders.mining_examples import candidates, counted, uses

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


class Naive:
    """All statistics of all grams that are in at least `least` documents."""

    def __init__(self, samples, least, max_n):
        self.samples, self.least, self.max_n = samples, least, max_n
        self.held, self.count = defaultdict(set), Counter()
        self.initial, self.final = Counter(), Counter()
        for use in uses([doc.text for doc in samples], max_n):
            self.held[use.gram].add(use.document)
            self.count[use.gram] += 1
            self.initial[use.gram] += use.before is None
            self.final[use.gram] += use.after is None
        self.known = {gram for gram, held in self.held.items() if len(held) >= least}
        self.n_words = sum(self.count[gram] for gram in self.known if len(gram) == 1)

    def longer(self, gram, side):
        """Known grams one word longer."""
        inner = slice(1, None) if side == "left" else slice(None, -1)
        return [other for other in self.known if len(other) == len(gram) + 1 and other[inner] == gram]

    def is_candidate(self, gram, lengths, min_df, explained):
        df = len(self.held[gram])
        if not lengths[0] <= len(gram) <= lengths[1] or df < min_df:
            return False
        if not self.is_wordy(gram):
            return False
        longer = self.longer(gram, "left") + self.longer(gram, "right")
        explaining = [other for other in longer if len(other) <= lengths[1] and self.is_wordy(other)]
        return explained is None or all(len(self.held[other]) < explained * df for other in explaining)

    @staticmethod
    def is_wordy(gram):
        return not any(len(word) == 1 and word not in "ai" for word in gram)

    def values(self, facet, gram):
        return {self.samples[doc].facets[facet] for doc in self.held[gram]} - {None}

    def cohesion(self, gram):
        if len(gram) == 1:
            return 1.0
        p = {part: self.count[part] / self.n_words for part in (gram, gram[1:], gram[:-1], gram[:1], gram[-1:])}
        ends = [log(p[gram] / (p[gram[:-1]] * p[gram[-1:]])), log(p[gram] / (p[gram[:1]] * p[gram[1:]]))]
        return min(ends) / -log(p[gram])

    def row(self, gram):
        df = [sum(self.samples[doc].outcome == side for doc in self.held[gram]) for side in range(3)]
        count = self.count[gram]
        neighbor = {
            side: max((self.count[other] for other in self.longer(gram, side)), default=0) for side in ("left", "right")
        }
        sizes = Counter(doc.outcome for doc in self.samples)
        rates = [log((df[side] + 1) / (sizes[side] + 1)) for side in (CORRECT, WRONG)]
        both = sizes[CORRECT] and sizes[WRONG]
        return {
            "n": len(gram),
            "df": df,
            "count": count,
            "burstiness": count / sum(df),
            "initial": self.initial[gram] / count,
            "final": self.final[gram] / count,
            "problems": len(self.values(0, gram)),
            "datasets": len(self.values(1, gram)),
            "models": len(self.values(2, gram)),
            "cohesion": self.cohesion(gram),
            "follows": neighbor["left"] / count,
            "leads": neighbor["right"] / count,
            "outcome_contrast": rates[0] - rates[1] if both else float("nan"),
        }


@given(
    documents,
    st.integers(1, 2),
    st.integers(1, 4),
    st.tuples(st.integers(1, 3), st.integers(1, 3)).map(sorted),
    st.none() | st.sampled_from([0.5, 0.9, 1.0]),
)
def test_every_statistic_is_what_its_definition_says(samples, least, min_df, lengths, explained):
    corpus, table = counted(samples, least, 4)
    found = find_candidates(corpus, table, lengths=tuple(lengths), min_df=min_df, explained=explained)
    naive = Naive(samples, least, 4)
    expected = sorted(
        (gram for gram in naive.known if naive.is_candidate(gram, lengths, min_df, explained)),
        key=lambda gram: (len(gram), gram),
    )
    assert found.texts == [" ".join(gram) for gram in expected]
    rows = [naive.row(gram) for gram in expected]
    for column in rows[0] if rows else ():
        np.testing.assert_allclose(
            getattr(found, column), [row[column] for row in rows], rtol=1e-12, atol=1e-12, err_msg=column
        )
    assert found.n_docs.tolist() == [sum(doc.outcome == side for doc in samples) for side in range(3)]
    assert found.df_total.tolist() == [len(naive.held[gram]) for gram in expected]
    assert found.model_contrast is None
    assert (np.abs(found.cohesion) <= 1 + 1e-12).all()
    assert (found.burstiness >= 1).all()


def columns(found):
    return {name: getattr(found, name) for name in found.__dataclass_fields__ if getattr(found, name) is not None}


@settings(max_examples=30)
@given(
    documents, st.randoms(use_true_random=False), st.sampled_from([1, 40, 1000]), st.sampled_from([1, 3]), st.booleans()
)
def test_candidates_do_not_depend_on_order_shards_workers_or_spilling(
    tmp_path_factory, samples, random, shard_bytes, workers, spill
):
    shuffled = list(samples)
    random.shuffle(shuffled)
    store = ArrayStore(tmp_path_factory.mktemp("candidates"), limit=0) if spill else None
    plain = find_candidates(*counted(samples, 1, 4), lengths=(1, 3), min_df=2)
    other = find_candidates(
        *counted(shuffled, 1, 4, store=store, shard_bytes=shard_bytes, workers=workers),
        lengths=(1, 3),
        min_df=2,
        workers=workers,
    )
    one, two = columns(plain), columns(other)
    assert one.keys() == two.keys()
    for name, column in one.items():
        np.testing.assert_array_equal(column, two[name], err_msg=name)


def found_in(texts, lengths=(1, 3), min_df=1, **options):
    found = find_candidates(*counted(texts, 1, 4), lengths=lengths, min_df=min_df, **options)
    return {text: row for row, text in enumerate(found.texts)}, found


def test_cohesion_worked_out_by_hand():
    # 12 words: let 4, me 3, see 2, us 1, go 1, on 1; "let me" 3 times, "me see" twice, "let me see" twice.
    row, found = found_in(["let me see. let me see. let me go. let us. on"], explained=None)
    # two words: the ends are one and the same: log((3/12) / (4/12 * 3/12)) / -log(3/12) = log 3 / log 4
    assert found.cohesion[row["let me"]] == pytest.approx(log(3) / log(4))
    # three words: tail (2/12) / (3/12 * 2/12) = 4, head (2/12) / (2/12 * 4/12) = 3: the weaker end is the head
    assert found.cohesion[row["let me see"]] == pytest.approx(log(3) / log(6))
    assert found.cohesion[row["let"]] == 1


def test_an_explained_gram_is_dropped():
    # "the fact" 10 times: "the fact that" in 9 of them explains it at 0.9, not above
    texts = ["the fact that"] * 9 + ["the fact"]
    assert "the fact" not in found_in(texts, explained=0.9)[0]
    assert "the fact" in found_in(texts, explained=0.91)[0]
    assert "the fact" in found_in(texts, explained=None)[0]
    assert "fact that" not in found_in(texts, explained=1.0)[0], "a longer gram on the left explains too"


def test_a_gram_that_cannot_be_a_candidate_explains_nothing():
    row, _ = found_in(["one two three four"] * 3, lengths=(1, 3))
    assert row.keys() == {"one two three", "two three four"}, "four words are not asked for"
    row, _ = found_in(["the root x is"] * 3)
    assert "the root" in row, "a one-letter word keeps the longer gram from taking its place"


def test_one_letter_words_are_no_candidates_but_a_and_i():
    row, _ = found_in(["let x be a. i see. é"], explained=None)
    assert row.keys() == {"let", "be", "be a", "a", "i", "i see", "see"}
    assert is_wordy(["a", "i", "x", "é", "ab", "等", "等等"]).tolist() == [True, True, False, False, True, False, True]


def test_follows_and_leads_tell_a_torn_phrase():
    # "me see" 4 times: after "let" 3 times, before "if" once
    row, found = found_in(["let me see. let me see if. let me see. so me see"], explained=None)
    assert found.follows[row["me see"]] == 0.75
    assert found.leads[row["me see"]] == 0.25
    assert found.leads[row["let me"]] == 1.0
    assert found.follows[row["let"]] == 0.0


def test_outcome_contrast_worked_out_by_hand():
    # in 3 of 4 correct and 0 of 1 wrong traces: log(4/5) - log(1/2) = log 1.6
    contrast = outcome_contrast(np.array([[7, 3, 0]]), np.array([9, 4, 1]))
    assert contrast == pytest.approx([log(1.6)])
    for n_docs in ([5, 4, 0], [5, 0, 4], [5, 0, 0]):
        assert np.isnan(outcome_contrast(np.array([[5, 0, 0]]), np.array(n_docs))).all()


@settings(max_examples=50)
@given(documents, st.sampled_from([("m-",), ("n",), ("1",), ("m-1", "n")]), st.sampled_from([1, 1000]))
def test_model_contrast_is_what_its_definition_says(samples, models, shard_bytes):
    corpus, table = counted(samples, 1, 3, shard_bytes=shard_bytes)
    found = find_candidates(corpus, table, lengths=(1, 3), min_df=1)
    chosen = [doc.facets[2] is not None and any(part in doc.facets[2] for part in models) for doc in samples]
    if sum(chosen) in (0, len(chosen)):
        with pytest.raises(UsageError, match="leaves one side without traces"):
            model_contrast(corpus, table, found, models)
        return
    naive = Naive(samples, 1, 3)
    expected = []
    for text in found.texts:
        held = naive.held[tuple(text.split(" "))]
        inside, outside = sum(chosen[doc] for doc in held), sum(not chosen[doc] for doc in held)
        expected.append(log((inside + 1) / (sum(chosen) + 1)) - log((outside + 1) / (len(chosen) - sum(chosen) + 1)))
    np.testing.assert_allclose(model_contrast(corpus, table, found, models), expected, atol=1e-12)


def test_model_contrast_counts_a_trace_of_no_known_model_among_the_others():
    samples = [Document("wait", facets=(None, None, "qwq-32b")), Document("so"), Document("so wait")]
    corpus, table = counted(samples, 1, 1)
    found = find_candidates(corpus, table, lengths=(1, 1), min_df=1)
    # so: 0 of 1 and 2 of 2: log(1/2) - log(3/3); wait: 1 of 1 and 1 of 2: log(2/2) - log(2/3)
    assert model_contrast(corpus, table, found, ("qwq",)) == pytest.approx([log(1 / 2), -log(2 / 3)])


def test_model_contrast_names_the_models_when_a_side_is_empty():
    corpus, table = counted([Document("wait", facets=(None, None, "qwq-32b"))], 1, 1)
    found = find_candidates(corpus, table, lengths=(1, 1), min_df=1)
    for models in (("llama",), ("qwq",)):
        with pytest.raises(UsageError, match=r"contrast_models .* leaves one side without traces; .*qwq-32b"):
            model_contrast(corpus, table, found, models)
    corpus, table = counted([Document("wait")], 1, 1)
    with pytest.raises(UsageError, match="models here: none"):
        model_contrast(corpus, table, find_candidates(corpus, table, lengths=(1, 1), min_df=1), ("llama",))


def test_taking_rows_takes_them_of_every_column():
    many = candidates(["one", "two three", "four"], (1, 2, 3), count=[5, 6, 7], df=[[1, 0, 0], [0, 2, 0], [0, 0, 3]])
    many.model_contrast = np.array([0.1, 0.2, 0.3])
    few = many.take(np.array([2, 0]))
    assert few.texts == ["four", "one"]
    assert few.count.tolist() == [7, 5]
    assert few.df.tolist() == [[0, 0, 3], [1, 0, 0]]
    assert few.df_total.tolist() == [3, 1]
    assert few.model_contrast.tolist() == [0.3, 0.1]
    assert few.n_docs.tolist() == [1, 2, 3]
    assert len(few) == 2
    assert len(many.take(np.zeros(0, np.int64))) == 0


def test_labels_lie_at_the_rows_of_the_table():
    corpus, table = counted(["a wait. wait so", "wait so"], 1, 2)
    found = find_candidates(corpus, table, lengths=(1, 2), min_df=1, explained=None)
    own = {text: found.texts.index(text) for text in found.texts}
    for n, labels in enumerate(found.labels(table), 1):
        assert labels.tolist() == [own.get(text, -1) for text in table.texts(n)]
    chosen = found.labels(table, np.where(np.array(found.texts) == "wait so", 0, -1).astype(np.int32))
    assert [labels.tolist() for labels in chosen] == [[-1, -1, -1], [-1, 0]]


@pytest.mark.parametrize("samples", [[], [""], ["x. y"], ["wait"]])
def test_no_candidates_are_an_empty_table_of_the_right_shape(samples):
    found = find_candidates(*counted(samples, 1, 3), lengths=(1, 2), min_df=2)
    assert len(found) == 0
    assert found.df.shape == (0, 3)
    assert found.df_total.shape == found.cohesion.shape == (0,)
    assert found.n_docs.sum() == len(samples)
    assert len(found.take(np.flatnonzero(found.problems >= 1))) == 0
