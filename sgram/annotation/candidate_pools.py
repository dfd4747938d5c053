"""Bounded pools of sampling candidates, one per stratum, independent of the order in which candidates arrive.

A candidate's key is a hash. To keep the candidates of smallest key is therefore to keep a random subset, which is the
same on every run.
"""

import heapq
from bisect import insort
from collections.abc import Iterator
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sgram.annotation.context import Context

Stratum = tuple[int, str]
"""Key by which candidates are grouped, for example (row of a gram, model)."""


class Candidate(NamedTuple):
    """A span of a trace that may become an item; ordered by key, (rank, hash)."""

    rank: int
    """Number of candidates of the same stratum and trace that precede it."""
    hash: int
    """64 bits."""
    trace: str
    """Id of the trace."""
    start: int
    """Character offset in the trace."""
    end: int
    context: Context


class Pools:
    """The candidates of smallest key of each stratum, about `budget` candidates in total.

    All strata have the same capacity. If there are more strata than `budget`, the strata whose names have the smallest
    hashes are kept, with one candidate each.

    >>> pools = Pools(budget=2, seed=0)
    >>> for number in (30, 10, 20):
    ...     if pools.accepts((0, "model"), 0, number):
    ...         pools.add((0, "model"), Candidate(0, number, "trace", 4, 8, Context("But wait", 4, 8)))
    >>> [[candidate.hash for candidate in pool] for _, pool in pools.items()]
    [[10, 20]]
    """

    def __init__(self, budget: int, seed: int):
        self._budget, self._seed, self._n_candidates, self._capacity = budget, seed, 0, budget
        self._pools: dict[Stratum, list[Candidate]] = {}
        self._strata_heap: list[tuple[int, Stratum]] = []  # (-hash, stratum): the stratum to drop first is on top

    def accepts(self, stratum: Stratum, rank: int, key_hash: int) -> bool:
        """Return whether a candidate would be kept now; if not, no candidate of a larger key ever will be."""
        pool = self._pools.get(stratum)
        if pool is None:
            is_full = len(self._pools) >= self._budget
            return not is_full or hash_name(self._seed, repr(stratum)) < -self._strata_heap[0][0]
        return len(pool) < self._capacity or (rank, key_hash) < pool[self._capacity - 1][:2]

    def add(self, stratum: Stratum, candidate: Candidate) -> None:
        """Add a candidate for which `accepts` is true."""
        if stratum not in self._pools:
            self._open_pool(stratum)
        insort(self._pools[stratum], candidate)
        self._n_candidates += 1
        self._trim(stratum)
        if self._n_candidates > 2 * self._budget:
            for stratum_to_trim in self._pools:
                self._trim(stratum_to_trim)

    def _open_pool(self, stratum: Stratum) -> None:
        if len(self._pools) >= self._budget:
            _, dropped_stratum = heapq.heappop(self._strata_heap)
            self._n_candidates -= len(self._pools.pop(dropped_stratum))
        heapq.heappush(self._strata_heap, (-hash_name(self._seed, repr(stratum)), stratum))
        self._pools[stratum] = []
        self._capacity = max(1, self._budget // len(self._pools))

    def _trim(self, stratum: Stratum) -> None:
        pool = self._pools[stratum]
        self._n_candidates -= max(0, len(pool) - self._capacity)
        del pool[self._capacity :]

    def items(self) -> Iterator[tuple[Stratum, list[Candidate]]]:
        """Return (stratum, candidates sorted by key) of every stratum."""
        for stratum in self._pools:
            self._trim(stratum)
        return iter(self._pools.items())


def hash_name(seed: int, name: str) -> int:
    """Return a 64-bit hash of `name` that depends on `seed`.

    >>> hash_name(0, "trace-1") == hash_name(0, "trace-1") != hash_name(1, "trace-1")
    True
    """
    content = f"{seed}\0{name}".encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(content, digest_size=8).digest(), "little")


def mix(states: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Return the SplitMix64 output of each state, (n,) (Steele, Lea and Flood 2014).

    >>> hex(mix(np.array([0], np.uint64))[0])
    '0xe220a8397b1dcdaf'
    """
    mixed = states + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
