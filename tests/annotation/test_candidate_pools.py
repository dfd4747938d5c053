"""Pools of candidates: the smallest keys of each stratum, whatever order they come in."""

from collections import defaultdict

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sgram.annotation.candidate_pools import Candidate, Pools, hash_name, mix
from sgram.annotation.context import Context

offers = st.lists(
    st.tuples(st.integers(0, 4), st.sampled_from("mn"), st.integers(0, 2), st.integers(0, 40)), max_size=60, unique=True
)


def filled(given_offers, budget: int) -> dict:
    pools = Pools(budget, seed=0)
    for row, model, rank, hashed in given_offers:
        if pools.wants((row, model), rank, hashed):
            pools.put((row, model), Candidate(rank, hashed, "t", 0, 1, Context("x", 0, 1)))
    return {stratum: [each[:2] for each in pool] for stratum, pool in pools.items()}


@given(offers, st.integers(1, 12), st.data())
def test_what_is_held_are_the_smallest_keys_in_any_order(made, budget, data):
    groups = defaultdict(list)
    for row, model, rank, hashed in made:
        groups[row, model].append((rank, hashed))
    # of too many strata those whose names hash lowest; the rest share the budget alike
    strata = sorted(groups, key=lambda stratum: hash_name(0, repr(stratum)))[:budget]
    room = max(1, budget // max(1, len(strata)))
    wanted = {stratum: sorted(groups[stratum])[:room] for stratum in strata}
    assert filled(made, budget) == wanted
    assert filled(data.draw(st.permutations(made)), budget) == wanted


def test_no_more_than_twice_the_budget_is_ever_held():
    pools, budget = Pools(50, seed=0), 50
    for number in range(5000):
        stratum, hashed = (number // 100, "m"), int(mix(np.array([number], np.uint64))[0])
        if pools.wants(stratum, 0, hashed):
            pools.put(stratum, Candidate(0, hashed, str(number), 0, 1, Context("x", 0, 1)))
        assert pools._held == sum(map(len, pools._pools.values())) <= 2 * budget


def test_the_hash_is_splitmix64():
    # the first three outputs of the generator seeded with 0 are those of its state after 1, 2 and 3 steps
    step = 0x9E3779B97F4A7C15
    states = np.array([0, step, 2 * step % 2**64], np.uint64)
    assert [hex(value) for value in mix(states).tolist()] == [
        "0xe220a8397b1dcdaf",
        "0x6e789e6aa1b965f4",
        "0x6c45d188009454f",
    ]


def test_names_hash_by_seed():
    assert hash_name(0, "a") != hash_name(1, "a") != hash_name(1, "b")
    assert hash_name(0, "a") == hash_name(0, "a") < 2**64
