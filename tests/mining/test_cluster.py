"""Communities against a naive twin and against sentence-transformers, in any order of rows, on every path."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgram.errors import InputError, UsageError
from sgram.mining import cluster
from sgram.mining.cluster import find_communities, find_medoids


def plane(*degrees):
    """Unit vectors of the plane at these angles."""
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def planted(n_clusters, size, width=64, seed=0):
    """Clusters of `size` points around random directions, and as many lone points; rows shuffled."""
    rng = np.random.default_rng(seed)
    centers = rng.standard_normal((n_clusters, width))
    points = np.repeat(centers, size, axis=0) + 0.45 * rng.standard_normal((n_clusters * size, width))
    rows = np.concatenate([points, rng.standard_normal((n_clusters * size, width))])
    return rng.permutation(rows).astype(np.float32)


def cosine(first, second):
    return sum(x * y for x, y in zip(first, second, strict=True))


def label_naively(vectors, threshold, min_size, keys):
    """The rule in plain Python: neighbors, candidates by size then key, claim, rank."""
    unit = [[x / math.sqrt(sum(y * y for y in row)) if x else 0.0 for x in row] for row in vectors]
    rows = [row for row in range(len(unit)) if any(unit[row])]
    neighbors = {
        center: [row for row in rows if cosine(unit[center], unit[row]) >= threshold - 2.0**-22] for center in rows
    }
    claimed, communities = set(), []
    for center in sorted(rows, key=lambda row: (-len(neighbors[row]), keys[row])):
        members = [row for row in neighbors[center] if row not in claimed]
        if center not in claimed and len(members) >= min_size:
            claimed.update(members)
            communities.append(members)
    communities.sort(key=lambda members: (-len(members), min(keys[row] for row in members)))
    labels = [-1] * len(vectors)
    for label, members in enumerate(communities):
        for row in members:
            labels[row] = label
    return labels


SMALL_ROWS = st.lists(st.lists(st.integers(-2, 2), min_size=3, max_size=3), max_size=14)


@settings(max_examples=300, deadline=None)
@given(
    rows=SMALL_ROWS, threshold=st.sampled_from([0.3, 0.5, 0.7, 0.9, 1.0]), min_size=st.integers(1, 4), data=st.data()
)
def test_labels_equal_those_of_the_naive_twin_with_duplicates_and_ties(rows, threshold, min_size, data):
    keys = data.draw(st.permutations(range(len(rows))))
    vectors = np.array(rows, dtype=np.float64).reshape(-1, 3)
    expected = label_naively(rows, threshold, min_size, keys)
    for exact_limit in (0, 100):
        labels = find_communities(vectors, threshold=threshold, min_size=min_size, keys=keys, exact_limit=exact_limit)
        assert labels.dtype == np.int32
        assert labels.tolist() == expected


@settings(max_examples=100, deadline=None)
@given(rows=SMALL_ROWS, min_size=st.integers(1, 3), keyed=st.booleans(), data=st.data())
def test_permuted_rows_give_permuted_labels(rows, min_size, keyed, data):
    order = data.draw(st.permutations(range(len(rows))))
    vectors = np.array(rows, dtype=np.float32).reshape(-1, 3)
    keys = [f"gram {sum(row) % 3}" for row in rows] if keyed else None  # few keys, so that many are equal
    labels = find_communities(vectors, threshold=0.6, min_size=min_size, keys=keys)
    permuted_keys = [keys[row] for row in order] if keyed else None
    permuted = find_communities(vectors[list(order)], threshold=0.6, min_size=min_size, keys=permuted_keys)
    assert permuted.tolist() == labels[list(order)].tolist()


def test_a_large_permuted_table_gives_permuted_labels_on_both_paths():
    vectors = planted(60, 10)
    order = np.random.default_rng(1).permutation(len(vectors))
    for exact_limit in (0, len(vectors)):
        labels = find_communities(vectors, exact_limit=exact_limit)
        assert (find_communities(vectors[order], exact_limit=exact_limit) == labels[order]).all()


def test_labels_are_the_partition_that_sentence_transformers_finds():
    util = pytest.importorskip("sentence_transformers.util", reason="sentence-transformers is not installed")
    # Cluster sizes 40, 39, ... 11 keep the degrees apart, so that no tie is left to the order of rows.
    rng = np.random.default_rng(3)
    sizes = range(40, 10, -1)
    centers = rng.standard_normal((len(sizes), 64))
    members = [c + 0.15 * rng.standard_normal((size, 64)) for c, size in zip(centers, sizes, strict=True)]
    vectors = np.concatenate([*members, rng.standard_normal((300, 64))]).astype(np.float32)
    vectors = rng.permutation(vectors)
    theirs = util.community_detection(vectors, threshold=0.7, min_community_size=5)
    ours = find_communities(vectors, threshold=0.7, min_size=5)
    assert len(theirs) == len(sizes)
    assert ours.max() + 1 == len(theirs)
    for label, rows in enumerate(theirs):
        assert sorted(rows) == np.flatnonzero(ours == label).tolist()


@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.9])
def test_pruned_search_gives_the_labels_of_the_exact_search(threshold):
    vectors = planted(150, 10, seed=5)  # 3,000 rows
    exact = find_communities(vectors, threshold=threshold)
    assert (find_communities(vectors, threshold=threshold, exact_limit=100) == exact).all()
    assert exact.max() > 20


def test_the_pruned_path_prunes():
    vectors = cluster._scale_rows(planted(150, 10, seed=5))
    rows, rule = cluster._bound_rows(vectors, 0.8, exact_limit=100)
    assert not rule.exact
    assert rows.shape[1] < vectors.shape[1]


def test_no_neighbor_is_below_its_bound():
    unit = cluster._scale_rows(planted(30, 10, seed=7))
    axes = np.linalg.eigh((unit.T @ unit).astype(np.float64))[1][:, ::-1]
    for k in (1, 15, 40):
        rows = cluster._project(unit, axes[:, :k])
        assert (rows @ rows.T >= unit @ unit.T - (k + 16) * 2.0**-23).all()


def test_searched_neighbors_give_the_same_labels_as_stored_neighbors(monkeypatch):
    vectors = planted(60, 10)
    expected = find_communities(vectors)
    monkeypatch.setattr(cluster, "MAX_STORED_PAIRS", 100)
    assert (find_communities(vectors) == expected).all()


def test_blocks_smaller_than_the_table_change_nothing(monkeypatch):
    vectors = planted(30, 10)
    expected = find_communities(vectors)
    monkeypatch.setattr(cluster, "BLOCK", 37)
    assert (find_communities(vectors) == expected).all()
    assert (find_communities(vectors, exact_limit=0) == expected).all()


def test_the_point_with_most_neighbors_claims_first():
    # Cosine 0.7 is 45.6 degrees. Neighbors: 0 -> {0, 40}; 40 -> {0, 40, 80}; 80 -> {40, 80, 120}; 120 -> {80, 120}.
    # 40 and 80 tie with three; by key 40 comes first and claims 0, 40, 80. 80 is claimed; 120 is left alone.
    vectors = plane(0, 40, 80, 120)
    assert find_communities(vectors, keys=[0, 1, 2, 3]).tolist() == [0, 0, 0, -1]
    # With keys the other way round 80 comes first and claims 40, 80, 120.
    assert find_communities(vectors, keys=[3, 2, 1, 0]).tolist() == [-1, 0, 0, 0]


def test_a_candidate_whose_center_is_claimed_is_passed_over():
    # 0 has neighbors -40, -20, 0, 20, 40 and claims them. 40 has 0, 20, 40, 70, 80 -> also five, but a larger key.
    # Were 40 not passed over, 70 and 80 would join it; so they form their own pair.
    vectors = plane(-40, -20, 0, 20, 40, 70, 80)
    assert find_communities(vectors, keys=[1, 2, 0, 3, 4, 5, 6]).tolist() == [0, 0, 0, 0, 0, 1, 1]


def test_labels_are_ranks_by_size_then_smallest_key():
    vectors = plane(0, 0, 90, 90, 180, 180, 180)
    assert find_communities(vectors, keys=list("dcbafeg")).tolist() == [2, 2, 1, 1, 0, 0, 0]


@pytest.mark.parametrize(("threshold", "together"), [(0.6, True), (0.600001, False), (0.599999, True)])
def test_a_cosine_equal_to_the_threshold_reaches_it(threshold, together):
    # (1, 0) and (3, 4) have cosine 3/5 exactly; TOLERANCE is 2.4e-7.
    labels = find_communities(np.array([[1.0, 0.0], [3.0, 4.0]]), threshold=threshold)
    assert labels.tolist() == ([0, 0] if together else [-1, -1])


def test_threshold_one_joins_equal_directions_only():
    rng = np.random.default_rng(0)
    row = rng.standard_normal(384)
    vectors = np.stack([row, 3.7 * row, row + 0.01 * rng.standard_normal(384)])
    assert find_communities(vectors, threshold=1.0).tolist() == [0, 0, -1]


def test_min_size_one_gives_every_direction_a_community_but_not_zeros():
    vectors = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    assert find_communities(vectors, min_size=1, keys=["b", "a", "c"]).tolist() == [1, 0, -1]


def test_rows_need_not_have_length_one():
    vectors = plane(0, 10, 90) * np.array([[1e-30], [1e30], [5.0]])
    assert find_communities(vectors).tolist() == [0, 0, -1]


@pytest.mark.parametrize("vectors", [np.empty((0, 5)), []])
def test_no_vector_gives_no_label(vectors):
    assert find_communities(vectors).shape == (0,)
    assert find_medoids(vectors, np.empty(0, dtype=np.int32)).shape == (0,)


def test_one_vector_is_alone():
    assert find_communities([[1.0, 2.0]]).tolist() == [-1]
    assert find_medoids([[1.0, 2.0]], [-1]).tolist() == []


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_vector_that_is_not_finite_is_named(bad):
    with pytest.raises(InputError, match="vector 1 contains NaN or infinity"):
        find_communities([[1.0, 0.0], [0.0, bad]])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"vectors": [1.0, 2.0]}, r"one row a text \(got \(2,\)"),
        ({"vectors": [["a"]]}, "2-D array of numbers"),
        ({"vectors": [[1.0]], "threshold": 0.0}, r"threshold .* \(got 0.0\)"),
        ({"vectors": [[1.0]], "threshold": float("nan")}, r"threshold .* \(got nan\)"),
        ({"vectors": [[1.0]], "min_size": 0}, r"min_size must be >= 1 \(got 0\)"),
        ({"vectors": [[1.0]], "keys": ["a", "b"]}, "2 keys for 1 vectors"),
    ],
)
def test_an_invalid_argument_is_refused(arguments, message):
    with pytest.raises(UsageError, match=message):
        find_communities(**arguments)


def test_the_medoid_is_the_member_nearest_to_all():
    # 0, 10, 30: sums of cosines with the others are largest for 10 (cos 10 + cos 20); 90 and 91 tie, by key.
    vectors = plane(0, 10, 30, 90, 91, 200)
    labels = np.array([0, 0, 0, 1, 1, -1])
    assert find_medoids(vectors, labels, keys=list("abcdef")).tolist() == [1, 3]
    assert find_medoids(vectors, labels, keys=list("fedcba")).tolist() == [1, 4]


def test_medoids_of_permuted_rows_are_the_same_texts():
    vectors = planted(20, 10)
    keys = [f"gram {row}" for row in range(len(vectors))]
    labels = find_communities(vectors, keys=keys)
    order = np.random.default_rng(2).permutation(len(vectors))
    medoids = find_medoids(vectors, labels, keys)
    permuted = find_medoids(vectors[order], labels[order], [keys[row] for row in order])
    assert order[permuted].tolist() == medoids.tolist()
    assert labels[medoids].tolist() == list(range(labels.max() + 1))


def test_medoids_refuse_labels_that_do_not_fit():
    with pytest.raises(UsageError, match="labels of shape"):
        find_medoids([[1.0]], [0, 1])
    with pytest.raises(UsageError, match="label 0 has no row"):
        find_medoids([[1.0]], [1])
