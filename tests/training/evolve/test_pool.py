"""Pools of questions and pairs: duplicates, draws, files."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgram.errors import InputError, SgramError, UsageError
from sgram.training.evolve.pool import PairPool, PoolPair, PoolQuestion, QuestionPool, question_id


def pool_of(*steps):
    pool = QuestionPool(str.lower)
    for number, step in enumerate(steps):
        assert pool.add(PoolQuestion(f"q{number}", f"Question {number}?", step, "proposer"))
    return pool


def drawn(pool, n, how="uniform", seed=0, **options):
    return [question.id for question in pool.draw(n, np.random.default_rng(seed), how, **options)]


# -- rows -----------------------------------------------------------------------------------------------


def test_a_question_with_a_known_normal_form_does_not_join():
    pool = pool_of(0, 1)
    assert not pool.add(PoolQuestion("other", "QUESTION 1?", 5, "proposer"))
    assert pool.has("question 0?")
    assert not pool.has("question 2?")
    assert [question.step for question in pool.rows()] == [0, 1]


def test_two_questions_cannot_have_one_id():
    with pytest.raises(UsageError, match="two questions of the pool have the id q0"):
        pool_of(0).add(PoolQuestion("q0", "another?", 1, "proposer"))


def test_the_solve_rate_is_the_mean_of_the_scores_that_are_known():
    pool = pool_of(0)
    assert pool["q0"].solve_rate is None
    for score in (1.0, None, 0.25, float("nan")):
        pool.record("q0", score)
    assert (pool["q0"].n_scores, pool["q0"].solve_rate) == (2, 0.625)  # (1 + .25) / 2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda pool: pool.record("q9", 1.0), "no question with the id q9"),
        (lambda pool: pool.record("q0", 7), r"must be in \[0, 1\] \(got 7\)"),
        (lambda pool: PoolQuestion("a", "b", 0, "start", quality=7), r"quality must be in \[0, 1\]"),
        (lambda pool: drawn(pool, 1, "newest-first"), "how must be one of uniform, newest, capped"),
        (lambda pool: drawn(pool, 1, "capped", cap=0), "the cap >= 1"),
        (lambda pool: drawn(pool, -1), "must be >= 0"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(call, message):
    with pytest.raises(UsageError, match=message):
        call(pool_of(0))


def test_the_same_answer_to_the_same_question_joins_once():
    pool = PairPool()
    assert pool.add(PoolPair("a", "1 + 1?", "2", 1))
    assert not pool.add(PoolPair("a", "1 + 1?", "2", 2, score=1.0))
    assert pool.add(PoolPair("b", "2 + 0?", "2", 2))
    assert len(pool) == 2


def test_the_id_of_a_question_follows_from_its_normal_form():
    assert question_id("a") == question_id("a") != question_id("b")


# -- draws ----------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 5), min_size=1, max_size=12), st.integers(0, 30), st.integers(1, 6), st.integers(0, 99))
def test_no_question_is_drawn_twice_before_all_were_drawn_once(steps, n, cap, seed):
    pool = pool_of(*steps)
    for how, n_candidates in (("uniform", len(steps)), ("newest", len(steps)), ("capped", min(cap, len(steps)))):
        ids = drawn(pool, n, how, seed, cap=cap)
        assert len(ids) == n
        counts = [ids.count(name) for name in {question.id for question in pool.rows()}]
        assert max(counts) - min(sorted(counts, reverse=True)[:n_candidates]) <= 1
        assert ids == drawn(pool, n, how, seed, cap=cap)


def test_newest_takes_the_latest_steps_first_in_random_order_within_a_step():
    pool = pool_of(0, 3, 3, 3, 1)
    orders = {tuple(drawn(pool, 5, "newest", seed)) for seed in range(20)}
    assert {(order[3], order[4]) for order in orders} == {("q4", "q0")}
    assert {frozenset(order[:3]) for order in orders} == {frozenset({"q1", "q2", "q3"})}
    assert len(orders) > 1


def test_capped_draws_from_the_newest_rows_only_and_uniform_from_all():
    pool = pool_of(*range(6))
    assert {name for seed in range(30) for name in drawn(pool, 1, "capped", seed, cap=2)} == {"q4", "q5"}
    assert len({name for seed in range(60) for name in drawn(pool, 1, "uniform", seed)}) == 6


def test_nothing_can_be_drawn_from_an_empty_pool():
    assert QuestionPool(str.lower).draw(0, np.random.default_rng(0)) == []
    with pytest.raises(SgramError, match="the pool of questions is empty"):
        QuestionPool(str.lower).draw(1, np.random.default_rng(0))
    with pytest.raises(SgramError, match="the pool of pairs is empty"):
        PairPool().draw(1, np.random.default_rng(0))


# -- files ----------------------------------------------------------------------------------------------

SCORES = st.one_of(st.none(), st.floats(0, 1), st.floats(0, 1).map(np.float64), st.just(float("nan")))
TEXTS = st.text(st.characters(codec="utf-8"), max_size=8)


@settings(max_examples=20)
@given(st.lists(st.tuples(TEXTS, st.integers(0, 9), SCORES, SCORES), max_size=8), st.lists(SCORES, max_size=5))
def test_a_pool_that_is_saved_and_loaded_gives_the_same_draws_and_the_same_file(tmp_path_factory, rows, scores):
    path = tmp_path_factory.mktemp("pool") / "questions.jsonl"
    pool, pairs = QuestionPool(str.lower), PairPool()
    for number, (text, step, first, second) in enumerate(rows):
        pool.add(PoolQuestion(f"q{number}", text, step, "proposer", first, second))
        pairs.add(PoolPair(f"q{number}", text, text * 2, step, first, second))
    for score in scores if rows else ():
        pool.record("q0", score)
    pool.save(path)
    copy = QuestionPool.load(path, str.lower)
    assert copy.rows() == pool.rows()
    assert not rows or drawn(copy, 7) == drawn(pool, 7)
    first_bytes = path.read_bytes()
    copy.save(path)
    assert path.read_bytes() == first_bytes
    pairs.save(path)
    assert PairPool.load(path).rows() == pairs.rows()


GOOD = {"id": "a", "text": "b", "step": 0, "source": "start", "quality": None, "difficulty": None}
GOOD |= {"n_scores": 0, "score_sum": 0.0}


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "is not a sgram-question-pool of version 1"),
        ([{"format": "sgram-pair-pool", "version": 1}], "is not a sgram-question-pool of version 1"),
        (["{"], ":1 is not valid JSON"),
        ([{"format": "sgram-question-pool", "version": 1}, {"id": "a"}], "a row has other fields than difficulty"),
        ([{"format": "sgram-question-pool", "version": 1}, [1]], "a row has other fields than difficulty"),
        ([{"format": "sgram-question-pool", "version": 1}, {**GOOD, "text": 5}], "text must be str"),
        ([{"format": "sgram-question-pool", "version": 1}, {**GOOD, "quality": 5}], "quality must be in"),
        ([{"format": "sgram-question-pool", "version": 1}, {**GOOD, "quality": "x"}], "quality must be in"),
        ([{"format": "sgram-question-pool", "version": 1}, GOOD, {**GOOD, "id": "c"}], "occurs twice"),
        ([{"format": "sgram-question-pool", "version": 1}, GOOD, {**GOOD, "text": "c"}], "occurs twice"),
    ],
)
def test_a_file_that_is_no_pool_is_refused(tmp_path, lines, message):
    path = tmp_path / "pool.jsonl"
    path.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))
    with pytest.raises(InputError, match=message):
        QuestionPool.load(path, str.lower)


def test_a_pair_occurs_once_in_a_file():
    with pytest.raises(InputError, match="occurs twice"):
        PairPool.from_rows([PoolPair("a", "1 + 1?", "2", 1)] * 2)
