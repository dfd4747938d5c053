"""Which wrong traces are diagnosed if there are more of them than a limit: a sample stratified by step and problem.

Every stratum, a source at a training step, gets an equal part of the limit, or all of its wrong traces if it has fewer:
so the steps of a run stay comparable. Within a stratum the traces are ordered by problem, and a systematic sample with
a random start is taken: every trace has the same chance, and the sample is spread over the problems as evenly as the
traces are. A diagnosed trace then stands for as many wrong traces of its stratum as there are for each diagnosed one.
"""

from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

import numpy as np

from sgram.array_types import BoolArray, FloatArray, IntArray
from sgram.files import digest

Stratum = TypeVar("Stratum", bound=Hashable)


def allocate(sizes: Mapping[Stratum, int], limit: int) -> dict[Stratum, int]:
    """Return how many of each stratum are sampled: all if they are few, else equal numbers; `limit` in all.

    What is left after equal numbers goes to the strata with the smallest digests, one each.

    >>> allocate({"step 1": 2, "step 2": 50, "step 3": 90}, limit=12)
    {'step 1': 2, 'step 2': 5, 'step 3': 5}
    """
    numbers = dict.fromkeys(sizes, 0)
    open_strata = [stratum for stratum, size in sizes.items() if size]
    n_left = min(limit, sum(sizes.values()))
    while n_left >= len(open_strata) > 0:
        part = n_left // len(open_strata)
        for stratum in open_strata:
            added = min(part, sizes[stratum] - numbers[stratum])
            numbers[stratum] += added
            n_left -= added
        open_strata = [stratum for stratum in open_strata if numbers[stratum] < sizes[stratum]]
    for stratum in sorted(open_strata, key=lambda stratum: digest(repr(stratum).encode()))[:n_left]:
        numbers[stratum] += 1
    return numbers


def draw_error_sample(strata: Sequence[Stratum], problems: Sequence[int], keys: Sequence[int], limit: int) -> list[int]:
    """Return the sorted rows of the wrong traces that are diagnosed, at most `limit`.

    `strata`, `problems` and `keys` have one of each a trace; problems and keys are digests. Which traces are drawn does
    not depend on their order.

    >>> draw_error_sample([1] * 4 + [2] * 2, [7, 7, 8, 8, 7, 8], [5, 6, 7, 8, 9, 10], limit=4)
    [0, 2, 4, 5]
    """
    if len(strata) <= limit:
        return list(range(len(strata)))
    rows_by_stratum: dict[Stratum, list[int]] = {}
    for row, stratum in enumerate(strata):
        rows_by_stratum.setdefault(stratum, []).append(row)
    numbers = allocate({stratum: len(rows) for stratum, rows in rows_by_stratum.items()}, limit)
    sample: list[int] = []
    for stratum, rows in rows_by_stratum.items():
        ordered = sorted(rows, key=lambda row: (problems[row], keys[row]))
        number, size = numbers[stratum], len(ordered)
        start = int(digest(f"sample of {stratum!r}".encode())[:12], 16) / 16**12
        sample += [ordered[int((index + start) * size / number)] for index in range(number)]
    return sorted(sample)


def sample_weights(
    strata: Sequence[Hashable], is_diagnosed: Sequence[bool] | BoolArray, sources: Sequence[Hashable]
) -> FloatArray:
    """Return how many wrong traces each diagnosed trace stands for, (traces,); 0 for the others.

    A diagnosed trace stands for those of its stratum. Strata without a diagnosed trace are shared out among the others
    of their source, so that the weights of a source sum to its wrong traces.

    >>> sample_weights(["a", "a", "a", "b"], [True, False, False, True], sources=[1] * 4).tolist()
    [3.0, 0.0, 0.0, 1.0]
    >>> sample_weights(["a", "a", "a", "b"], [True, False, False, False], sources=[1] * 4).tolist()
    [4.0, 0.0, 0.0, 0.0]
    """
    weights = np.asarray(is_diagnosed, np.float64)
    for labels in (strata, sources):
        codes = _encode(labels)
        sizes, sums = np.bincount(codes), np.bincount(codes, weights)
        weights = weights * np.divide(sizes, sums, out=np.zeros(len(sizes)), where=sums > 0)[codes]
    return weights


def _encode(labels: Sequence[Hashable]) -> IntArray:
    """Return a code from 0 for each label."""
    codes: dict[Hashable, int] = {}
    return np.array([codes.setdefault(label, len(codes)) for label in labels], np.int64)
