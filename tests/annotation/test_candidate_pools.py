"""Candidate pools: the smallest keys of each stratum, in any order of arrival."""

from collections import defaultdict

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sgram.annotation.candidate_pools import Candidate, Pools, hash_name, mix
from sgram.annotation.context import Context

offers = st.lists(
    st.tuples(st.integers(0, 4), st.sampled_from("mn"), st.integers(0, 2), st.integers(0, 40)), max_size=60, unique=True
)


def fill_pools(candidates, budget: int) -> dict:
    pools = Pools(budget, seed=0)
    for row, model, rank, key_hash in candidates:
        if pools.accepts((row, model), rank, key_hash):
            pools.add((row, model), Candidate(rank, key_hash, "t", 0, 1, Context("x", 0, 1)))
    return {stratum: [candidate[:2] for candidate in pool] for stratum, pool in pools.items()}


@given(offers, st.integers(1, 12), st.data())
def test_pools_keep_the_smallest_keys_in_any_order(candidates, budget, data):
    keys = defaultdict(list)
    for row, model, rank, key_hash in candidates:
        keys[row, model].append((rank, key_hash))
    # too many strata: those whose names hash lowest remain, and have equal capacity
    strata = sorted(keys, key=lambda stratum: hash_name(0, repr(stratum)))[:budget]
    capacity = max(1, budget // max(1, len(strata)))
    expected = {stratum: sorted(keys[stratum])[:capacity] for stratum in strata}
    assert fill_pools(candidates, budget) == expected
    assert fill_pools(data.draw(st.permutations(candidates)), budget) == expected


def test_pools_never_exceed_twice_the_budget():
    pools, budget = Pools(50, seed=0), 50
    for number in range(5000):
        stratum, key_hash = (number // 100, "m"), int(mix(np.array([number], np.uint64))[0])
        if pools.accepts(stratum, 0, key_hash):
            pools.add(stratum, Candidate(0, key_hash, str(number), 0, 1, Context("x", 0, 1)))
        assert pools._n_candidates == sum(map(len, pools._pools.values())) <= 2 * budget


def test_the_hash_is_splitmix64():
    # the first three outputs of the generator seeded with 0 are those of its state after 1, 2 and 3 steps
    step = 0x9E3779B97F4A7C15
    states = np.array([0, step, 2 * step % 2**64], np.uint64)
    assert [hex(number) for number in mix(states).tolist()] == [
        "0xe220a8397b1dcdaf",
        "0x6e789e6aa1b965f4",
        "0x6c45d188009454f",
    ]


def test_the_hash_of_a_name_depends_on_the_seed():
    assert hash_name(0, "a") != hash_name(1, "a") != hash_name(1, "b")
    assert hash_name(0, "a") == hash_name(0, "a") < 2**64
