"""The few of many candidates that a sample is drawn from, whatever order they come in. Knows nothing about grams.

A candidate's key comes from a hash, so that to hold the smallest keys is to hold a random few, always the same ones.
"""

import heapq
from bisect import insort
from collections.abc import Iterator
from hashlib import blake2b
from typing import NamedTuple

import numpy as np

from sgram.annotation.context import Context

Stratum = tuple[int, str]
"""What candidates are held apart by, such as (row of a gram, model)."""


class Candidate(NamedTuple):
    """A stretch of a trace, ordered by key."""

    rank: int
    """How many of its stratum in the same trace go before it."""
    hash: int
    trace: str
    start: int
    """In the trace."""
    end: int
    context: Context


class Pools:
    """The candidates of smallest key of each stratum, at most about `budget` in all.

    Strata share the budget alike. Of more strata than that, those whose names hash lowest are held, one candidate each.
    """

    def __init__(self, budget: int, seed: int):
        self._budget, self._seed, self._held, self._room = budget, seed, 0, budget
        self._pools: dict[Stratum, list[Candidate]] = {}
        self._names: list[tuple[int, Stratum]] = []  # (-hash, stratum): the one to go first is at the top

    def wants(self, stratum: Stratum, rank: int, hashed: int) -> bool:
        """Whether a candidate would be held now; if not, one of a larger key never will be."""
        pool = self._pools.get(stratum)
        if pool is None:
            full = len(self._pools) >= self._budget
            return not full or hash_name(self._seed, repr(stratum)) < -self._names[0][0]
        return len(pool) < self._room or (rank, hashed) < pool[self._room - 1][:2]

    def put(self, stratum: Stratum, candidate: Candidate) -> None:
        """Hold a candidate that is wanted."""
        if stratum not in self._pools:
            self._open(stratum)
        insort(self._pools[stratum], candidate)
        self._held += 1
        self._trim(stratum)
        if self._held > 2 * self._budget:
            for each in self._pools:
                self._trim(each)

    def _open(self, stratum: Stratum) -> None:
        if len(self._pools) >= self._budget:
            _, gone = heapq.heappop(self._names)
            self._held -= len(self._pools.pop(gone))
        heapq.heappush(self._names, (-hash_name(self._seed, repr(stratum)), stratum))
        self._pools[stratum] = []
        self._room = max(1, self._budget // len(self._pools))

    def _trim(self, stratum: Stratum) -> None:
        pool = self._pools[stratum]
        self._held -= max(0, len(pool) - self._room)
        del pool[self._room :]

    def items(self) -> Iterator[tuple[Stratum, list[Candidate]]]:
        """(stratum, candidates by key)."""
        for stratum in self._pools:
            self._trim(stratum)
        return iter(self._pools.items())


def hash_name(seed: int, name: str) -> int:
    """64 bits that stand for a name."""
    data = f"{seed}\0{name}".encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "little")


def mix(values: np.ndarray) -> np.ndarray:
    """SplitMix64 of each value, uint64 (n,)."""
    mixed = values + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
