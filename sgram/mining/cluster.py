"""Communities of vectors that are close together, independent of the order of the rows.

The rule is the greedy one of sentence-transformers' ``util.community_detection`` (6.2):

1. a point is a candidate center if at least `min_size` points, including itself, reach the threshold;
2. candidates are visited by number of neighbors, largest first;
3. a candidate that an earlier community has claimed is skipped;
4. its community is its unclaimed neighbors and itself, kept if these are at least `min_size`.

Differences from it:

1. ties between candidates are broken by key, not by row number, so that permuted rows give permuted labels;
2. "reaches the threshold" is a fixed property of two rows (`_are_neighbors`), whatever the machine, the blocks or the
   number of threads: a single-precision product decides only where its error cannot matter, and a double-precision
   sum in index order decides the rest;
3. no n x n matrix is built: blocks have a fixed size, and lists of neighbors are stored up to `MAX_STORED_PAIRS`.

Pruning, beyond `exact_limit` rows: rotate the rows so that the first k axes carry most of the energy. With h the first
k coordinates and t the length of the rest, x.y <= h(x).h(y) + t(x) t(y), by Cauchy and Schwarz. The right side is one
product of the (k + 1)-wide rows (h, t); only pairs whose bound reaches the threshold are computed in full. No neighbor
is missed, so the labels are those of the exact path. On 30,000 phrases at cosine 0.7 this leaves 0.5 % of the pairs at
a quarter of the multiplications; the usual method, the triangle inequality over 173 to 3,000 cells of k-means, leaves
35 to 91 %.
"""

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sgram.array_types import AnyArray, Float32Array, FloatArray, Int32Array, IntArray
from sgram.compiling import kernel
from sgram.errors import InputError, UsageError

TOLERANCE = 2.0**-22
"""A cosine this far below the threshold still reaches it: twice the rounding of single-precision unit rows."""

BLOCK = 1024
"""Rows and columns of one block of products: 4 MB, and twice as much for the pairs of neighbors in it."""

CHUNK = 32
"""Products of a row that are checked together; most chunks have no neighbor."""

MAX_STORED_PAIRS = 1 << 25
"""Neighbor pairs in memory (8 bytes each, twice while sorting); beyond, a center's neighbors are searched again."""

SAMPLE_ROWS = 1024
"""Rows in the sample on which the width of the bound is chosen."""

VERIFY_COST = 8000
"""Cost of computing one surviving pair in full, in coordinates of the block product (100 ns to 0.012 ns)."""

Keys = Sequence[Any] | AnyArray
"""Strings or numbers, one a row."""


class _NeighborRule(NamedTuple):
    """How a block of products is read: neighbors have cosine >= `limit`, products below `floor` exclude a pair."""

    limit: float
    floor: float
    exact: bool
    """Whether the products are the cosines (else upper bounds of them)."""


@kernel()
def _normalize(vectors: AnyArray, unit: Float32Array) -> int:
    """Fill `unit` with rows scaled to length one; zero rows stay. Return the first row that is not finite, or -1."""
    for row in range(vectors.shape[0]):
        largest = 0.0
        for column in range(vectors.shape[1]):
            size = abs(np.float64(vectors[row, column]))
            if not np.isfinite(size):
                return row
            largest = max(largest, size)
        if largest == 0.0:
            unit[row, :] = 0.0
            continue
        total = 0.0
        for column in range(vectors.shape[1]):
            scaled = np.float64(vectors[row, column]) / largest
            total += scaled * scaled
        length = np.sqrt(total)
        for column in range(vectors.shape[1]):
            scaled = np.float64(vectors[row, column]) / largest / length
            unit[row, column] = np.float32(scaled) + np.float32(0.0)  # -0.0 becomes 0.0
    return -1


@kernel()
def _dot(first: AnyArray, second: AnyArray) -> float:
    """Return the product of two rows in double precision, summed in index order: the same bits on every machine."""
    total = 0.0
    for column in range(first.shape[0]):
        total += np.float64(first[column]) * np.float64(second[column])
    return total


@kernel(fastmath=True)
def _quick_dot(first: Float32Array, second: Float32Array) -> np.float32:
    """Return the product of two rows in single precision."""
    total = np.float32(0.0)
    for column in range(first.shape[0]):
        total += first[column] * second[column]
    return total


@kernel()
def _are_neighbors(
    first: Float32Array, second: Float32Array, cosine: np.float32, limit: float, error: np.float32
) -> bool:
    """Return whether the cosine of two rows is >= `limit`; `cosine` is their product, wrong by less than `error`."""
    if cosine >= limit + error:
        return True
    return bool(cosine > limit - error and _dot(first, second) >= limit)


@kernel()
def _has_reaching(products: Float32Array, floor: np.float32) -> bool:
    """Return whether a product is >= `floor`."""
    n_reaching = np.uint32(0)
    for column in range(products.shape[0]):
        n_reaching += np.uint32(products[column] >= floor)  # no early exit: this form is vectorized
    return bool(n_reaching > 0)


@kernel()
def _write_survivors(products: Float32Array, begin: int, floor: np.float32, columns: IntArray) -> int:
    """Write the columns from `begin` on whose product is >= `floor` to `columns`; return their number."""
    n_survivors = 0
    for start in range(begin // CHUNK * CHUNK, products.shape[0], CHUNK):
        end = min(start + CHUNK, products.shape[0])
        if _has_reaching(products[start:end], floor):
            for column in range(max(start, begin), end):
                columns[n_survivors] = column
                n_survivors += products[column] >= floor
    return n_survivors


@kernel()
def _scan_block(
    block: Float32Array,
    corner: tuple[int, int],
    unit: Float32Array,
    rule: _NeighborRule,
    degrees: IntArray,
    pairs: Int32Array,
) -> int:
    """Write the neighbor pairs of one block (above the diagonal) to `pairs`, count them in `degrees`, return how many.

    `corner` is the row and the column of `unit` at which the block begins.
    """
    columns = np.empty(block.shape[1] + 1, dtype=np.int64)
    error = np.float32(unit.shape[1] * 2.0**-23)
    n_pairs = 0
    for block_row in range(block.shape[0]):
        row = corner[0] + block_row
        n_survivors = _write_survivors(block[block_row], max(0, row + 1 - corner[1]), np.float32(rule.floor), columns)
        for column in columns[:n_survivors]:
            neighbor = corner[1] + column
            cosine = block[block_row, column] if rule.exact else _quick_dot(unit[row], unit[neighbor])
            if _are_neighbors(unit[row], unit[neighbor], cosine, rule.limit, error):
                pairs[n_pairs, 0], pairs[n_pairs, 1] = row, neighbor
                degrees[row] += 1
                degrees[neighbor] += 1
                n_pairs += 1
    return n_pairs


@kernel()
def _distribute_pairs(pairs: Int32Array, cursors: IntArray, neighbors: Int32Array) -> None:
    """Write each row of a pair to the other's list in `neighbors`, at its cursor, and advance the cursor."""
    for index in range(pairs.shape[0]):
        first, second = pairs[index]
        neighbors[cursors[first]] = second
        cursors[first] += 1
        neighbors[cursors[second]] = first
        cursors[second] += 1


@kernel()
def _collect_listed(neighbors: Int32Array, labels: Int32Array, members: Int32Array) -> int:
    """Write the unclaimed `neighbors` to `members` after the center; return the size of the community with it."""
    size = 1
    for row in neighbors:
        if labels[row] < 0:
            members[size] = row
            size += 1
    return size


@kernel()
def _collect_searched(center: int, labels: Int32Array, unit: Float32Array, limit: float, members: Int32Array) -> int:
    """Do the same as `_collect_listed` without a list of neighbors, by a search over all rows."""
    error = np.float32(unit.shape[1] * 2.0**-23)
    size = 1
    for row in range(unit.shape[0]):
        if labels[row] >= 0 or row == center:
            continue
        if _are_neighbors(unit[center], unit[row], _quick_dot(unit[center], unit[row]), limit, error):
            members[size] = row
            size += 1
    return size


@kernel()
def _claim_members(
    centers: IntArray, starts: IntArray, neighbors: Int32Array, unit: Float32Array, limit: float, min_size: int
) -> Int32Array:
    """Return the label of each row by steps 3 and 4 of the rule, candidate centers in the order of `centers`.

    The neighbors of row i are ``neighbors[starts[i] : starts[i + 1]]``; if `starts` is empty they are searched.
    """
    labels = np.full(unit.shape[0], -1, dtype=np.int32)
    members = np.empty(unit.shape[0], dtype=np.int32)
    n_communities = 0
    for center in centers:
        if labels[center] >= 0:
            continue
        members[0] = center
        if starts.shape[0]:
            size = _collect_listed(neighbors[starts[center] : starts[center + 1]], labels, members)
        else:
            size = _collect_searched(center, labels, unit, limit, members)
        if size >= min_size:
            labels[members[:size]] = n_communities
            n_communities += 1
    return labels


def _scale_rows(vectors: npt.ArrayLike) -> Float32Array:
    """Return the rows scaled to length one. Raise `UsageError` or `InputError` if they are no finite numbers."""
    rows = np.asarray(vectors)
    if rows.size == 0 and rows.ndim < 2:
        rows = np.empty((0, 1), dtype=np.float32)
    if rows.ndim != 2 or rows.dtype.kind not in "fiub":
        raise UsageError(f"vectors must be a 2-D array of numbers, one row a text (got {rows.shape} of {rows.dtype})")
    if rows.dtype not in (np.float32, np.float64):
        rows = rows.astype(np.float64)
    rows = np.ascontiguousarray(rows)
    unit = np.empty(rows.shape, dtype=np.float32)
    bad_row = _normalize(rows, unit)
    if bad_row >= 0:
        raise InputError(f"vector {bad_row} contains NaN or infinity; embed its text again or leave it out")
    return unit


def _canonical_order(unit: Float32Array, keys: Keys | None) -> IntArray:
    """Return the row numbers sorted by key, then by digest of the row; rows equal in both are interchangeable."""
    rows = np.ascontiguousarray(unit, dtype="<f4")
    sort_keys = keys.tolist() if isinstance(keys, np.ndarray) else keys
    if sort_keys is not None and len(sort_keys) != len(unit):
        raise UsageError(f"one key a vector is required (got {len(sort_keys)} keys for {len(unit)} vectors)")
    order = list(range(len(unit)))
    if sort_keys is None or len(set(sort_keys)) < len(unit):
        order.sort(key=lambda row: blake2b(rows[row].data, digest_size=16).digest())
    if sort_keys is not None:
        order.sort(key=sort_keys.__getitem__)
    return np.array(order, dtype=np.int64)


def _project(unit: Float32Array, axes: FloatArray) -> Float32Array:
    """Return the coordinates of each row along `axes`, and in a last column the length of the rest of the row."""
    rows = np.empty((len(unit), axes.shape[1] + 1), dtype=np.float32)
    for start in range(0, len(unit), 4096):
        part = unit[start : start + 4096].astype(np.float64)  # in single precision a short rest would be inexact
        head = part @ axes
        squared_rest = np.einsum("ij,ij->i", part, part) - np.einsum("ij,ij->i", head, head)
        rows[start : start + 4096, :-1] = head
        rows[start : start + 4096, -1] = np.sqrt(np.maximum(squared_rest, 0.0))
    return rows


def _cheapest_width(sample: Float32Array, axes: FloatArray, limit: float) -> int:
    """Return the number of axes at which products and surviving pairs together cost least; all axes: do not prune."""
    whole = _project(sample, axes)[:, :-1]
    energy = np.cumsum(whole.astype(np.float64) ** 2, axis=1)
    n_pairs = len(sample) * (len(sample) - 1)
    costs = {len(axes): float(len(axes))}
    for k in range(15, len(axes) - 8, 16):
        tail = np.sqrt(np.maximum(energy[:, -1] - energy[:, k - 1], 0.0)).astype(np.float32)
        products = whole[:, :k] @ whole[:, :k].T + tail[:, None] * tail
        n_survivors = max(int(np.count_nonzero(products >= limit)) - len(sample), 0)  # less the diagonal
        costs[k] = k + 1 + VERIFY_COST * n_survivors / n_pairs
    return min(costs, key=costs.__getitem__)


def _bound_rows(unit: Float32Array, limit: float, exact_limit: int) -> tuple[Float32Array, _NeighborRule]:
    """Return the rows whose products bound the cosines at least cost. The choice cannot change a label."""
    n, width = unit.shape
    if n > max(exact_limit, 1):
        axes = np.linalg.eigh((unit.T @ unit).astype(np.float64))[1][:, ::-1]  # most energy first
        sample = unit[np.linspace(0, n - 1, min(n, SAMPLE_ROWS)).astype(np.int64)]
        best_width = _cheapest_width(sample, axes, limit)
        if best_width < width:
            floor = limit - (best_width + 16) * 2.0**-23
            return _project(unit, axes[:, :best_width]), _NeighborRule(limit, floor, False)
    return unit, _NeighborRule(limit, limit - width * 2.0**-23, True)


def _iter_corners(n: int) -> Iterator[tuple[int, int]]:
    """Yield the first row and first column of each block on or above the diagonal."""
    for first_row in range(0, n, BLOCK):
        for first_column in range(first_row, n, BLOCK):
            yield first_row, first_column


def _find_neighbors(
    unit: Float32Array, rows: Float32Array, rule: _NeighborRule
) -> tuple[IntArray, IntArray, Int32Array]:
    """Return the number of neighbors of each row and their lists (starts, neighbors), empty if too many to store."""
    degrees = np.zeros(len(unit), dtype=np.int64)
    product = np.empty(BLOCK * BLOCK, dtype=np.float32)
    pairs = np.empty((BLOCK * BLOCK, 2), dtype=np.int32)
    stored_pairs: list[Int32Array] = []
    n_pairs = 0
    for corner in _iter_corners(len(unit)):
        left_rows, right_rows = rows[corner[0] :][:BLOCK], rows[corner[1] :][:BLOCK]
        block = product[: len(left_rows) * len(right_rows)].reshape(len(left_rows), len(right_rows))
        np.matmul(left_rows, right_rows.T, out=block)
        n_block_pairs = _scan_block(block, corner, unit, rule, degrees, pairs)
        n_pairs += n_block_pairs
        if n_pairs <= MAX_STORED_PAIRS:
            stored_pairs.append(pairs[:n_block_pairs].copy())
        else:
            stored_pairs.clear()
    if n_pairs > MAX_STORED_PAIRS:
        return degrees, np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int32)
    starts = np.zeros(len(unit) + 1, dtype=np.int64)
    np.cumsum(degrees, out=starts[1:])
    neighbors = np.empty(2 * n_pairs, dtype=np.int32)
    cursors = starts[:-1].copy()
    while stored_pairs:
        _distribute_pairs(stored_pairs.pop(), cursors, neighbors)
    return degrees, starts, neighbors


def _rank_labels(labels: Int32Array) -> Int32Array:
    """Renumber labels by (size descending, first row); rows are in the order of their keys."""
    numbers, first_rows, sizes = np.unique(labels, return_index=True, return_counts=True)
    is_community = numbers >= 0
    n_communities = int(is_community.sum())
    rank = np.full(n_communities + 1, -1, dtype=np.int32)  # the last row is the rank of label -1
    order = np.lexsort((first_rows[is_community], -sizes[is_community]))
    rank[numbers[is_community][order]] = np.arange(n_communities)
    return rank[labels]


def find_communities(
    vectors: npt.ArrayLike,
    *,
    threshold: float = 0.70,
    min_size: int = 2,
    keys: Keys | None = None,
    exact_limit: int = 20_000,
) -> Int32Array:
    """Return the label of each row's community, -1 for none. Labels are ranks by (size descending, smallest key).

    `vectors`, (n, d), are scaled to length one; the labels are int32 (n,). A zero row has no direction, so no
    community. `keys` (strings or numbers, one a row) break ties; without them a digest of the row does. Permuted rows
    give permuted labels. Beyond `exact_limit` rows pairs are pruned; the labels are the same. Memory grows with n and,
    up to `MAX_STORED_PAIRS`, with the pairs of neighbors.

    Raise `UsageError` if an argument is invalid, `InputError` if a vector is not finite.

    >>> find_communities([[1, 0], [0.9, 0.1], [0, 1], [1, 0.1]], threshold=0.9).tolist()
    [0, 0, -1, 0]
    """
    if not 0 < threshold <= 1:
        raise UsageError(f"threshold must be a cosine in (0, 1] (got {threshold})")
    if min_size < 1:
        raise UsageError(f"min_size must be >= 1 (got {min_size})")
    unit = _scale_rows(vectors)
    order = _canonical_order(unit, keys)
    order = order[unit[order].any(axis=1)]
    labels = np.full(len(unit), -1, dtype=np.int32)
    if len(order) == 0:
        return labels
    unit = unit[order]
    limit = threshold - TOLERANCE
    degrees, starts, neighbors = _find_neighbors(unit, *_bound_rows(unit, limit, exact_limit))
    centers = np.argsort(-degrees, kind="stable")
    centers = centers[degrees[centers] + 1 >= min_size]
    labels[order] = _rank_labels(_claim_members(centers, starts, neighbors, unit, limit, min_size))
    return labels


@kernel()
def _closeness(unit: Float32Array, labels: IntArray, n_labels: int) -> FloatArray:
    """Return the product of each row with the sum of its community, summed in row order."""
    totals = np.zeros((n_labels, unit.shape[1]))
    for row in range(unit.shape[0]):
        if labels[row] >= 0:
            for column in range(unit.shape[1]):
                totals[labels[row], column] += unit[row, column]
    closeness = np.zeros(unit.shape[0])
    for row in range(unit.shape[0]):
        if labels[row] >= 0:
            closeness[row] = _dot(unit[row], totals[labels[row]])
    return closeness


def find_medoids(vectors: npt.ArrayLike, labels: npt.ArrayLike, keys: Keys | None = None) -> IntArray:
    """Return the row of each community's medoid: the member with the largest mean cosine to all members.

    int64 (number of labels,); index k is label k. Means less than `TOLERANCE` apart are ties, broken by key.
    Raise `UsageError` if a label from 0 to the largest has no row.

    >>> find_medoids([[1, 0], [0.9, 0.3], [0, 1], [0.8, 0.6]], [0, 0, 1, 0]).tolist()
    [1, 2]
    """
    unit = _scale_rows(vectors)
    labels = np.asarray(labels)
    if labels.shape != (len(unit),):
        raise UsageError(f"one label a vector is required (got labels of shape {labels.shape} for {len(unit)} vectors)")
    n_labels = int(labels.max(initial=-1)) + 1
    if n_labels == 0:
        return np.empty(0, dtype=np.int64)
    order = _canonical_order(unit, keys)
    labels = labels[order].astype(np.int64)
    sizes = np.bincount(labels[labels >= 0], minlength=n_labels)
    if not sizes.all():
        raise UsageError(f"label {int(np.argmin(sizes))} has no row; labels must be 0, 1, 2, ... without gaps")
    closeness = _closeness(unit[order], labels, n_labels)
    best = np.full(n_labels, -np.inf)
    np.maximum.at(best, labels[labels >= 0], closeness[labels >= 0])
    tied = np.flatnonzero((labels >= 0) & (closeness >= (best - TOLERANCE * sizes)[labels]))
    return order[tied[np.unique(labels[tied], return_index=True)[1]]]
