"""Arrays that spill are the arrays that stayed, read back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.mining.array_store import ArrayStore

shapes = st.one_of(
    st.tuples(st.integers(0, 9)),
    st.tuples(st.integers(0, 9), st.integers(0, 3)),
    st.tuples(st.integers(0, 4), st.integers(0, 3), st.integers(0, 3)),
)
kinds = st.sampled_from([np.int8, np.int32, np.int64, np.uint64, np.float64, np.bool_])


def filled(shape, kind=np.int64):
    return np.arange(int(np.prod(shape))).reshape(shape).astype(kind)


@given(shapes, kinds, st.integers(0, 12), st.none() | st.integers(0, 12), st.booleans())
def test_rows_of_a_spilled_array_are_the_rows_of_the_array(tmp_path_factory, shape, kind, start, stop, turned):
    array = np.asfortranarray(filled(shape, kind)) if turned else filled(shape, kind)
    held, spilled = ArrayStore(), ArrayStore(tmp_path_factory.mktemp("store"), limit=-1)
    held.put("rows", array)
    spilled.put("rows", array)
    one, two = held.get("rows", start, stop), spilled.get("rows", start, stop)
    assert one.shape == two.shape
    assert one.dtype == two.dtype
    np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(two, array[start:stop])


def test_a_column_of_an_array_spills_like_any_other(tmp_path):
    store = ArrayStore(tmp_path, limit=0)
    table = filled((4, 3))
    store.put("column", table[:, 1])  # neither order is contiguous
    store.put("turned", table.T)
    assert store.get("column").tolist() == [1, 4, 7, 10]
    assert store.get("turned", 1, 2).tolist() == [[1, 4, 7, 10]]


def test_arrays_stay_in_memory_up_to_the_limit_and_go_to_disk_beyond(tmp_path):
    store = ArrayStore(tmp_path, limit=100)
    store.put("a", np.zeros(80, np.uint8))
    store.put("b", np.ones(21, np.uint8))  # 80 + 21 is more than 100
    store.put("c", np.zeros(20, np.uint8))  # 80 + 20 is not
    assert (store.held, store.spilled) == (100, 21)
    assert [path.name for path in tmp_path.iterdir()] == ["b.npy"]
    assert store.get("b").sum() == 21


def test_without_a_directory_everything_stays_in_memory():
    store = ArrayStore(limit=0)
    store.put("a", np.zeros(80, np.uint8))
    assert (store.held, store.spilled) == (80, 0)


def test_dropping_gives_memory_back_and_removes_the_file(tmp_path):
    store = ArrayStore(tmp_path, limit=10)
    store.put("small", np.zeros(10, np.uint8))
    store.put("large", np.zeros(11, np.uint8))
    assert list(tmp_path.iterdir())
    store.drop("small")
    store.drop("large")
    assert store.held == 0
    assert not list(tmp_path.iterdir())
    for name in ("small", "large"):
        with pytest.raises(KeyError):
            store.get(name)
    store.drop("never there")


@pytest.mark.parametrize(("first", "second"), [(10, 4), (10, 200), (200, 10), (200, 300)])
def test_putting_a_name_again_replaces_it_wherever_it_was(tmp_path, first, second):
    store = ArrayStore(tmp_path, limit=100)
    store.put("a", np.zeros(first, np.uint8))
    store.put("a", np.ones(second, np.uint8))
    assert store.get("a").tolist() == [1] * second
    assert store.held == (second if second <= 100 else 0)
    assert len(list(tmp_path.iterdir())) == (second > 100)


def test_the_directory_is_made_when_the_first_array_spills(tmp_path):
    store = ArrayStore(tmp_path / "deep" / "down", limit=0)
    assert not (tmp_path / "deep").exists()
    store.put("a", filled((3, 2)))
    assert store.get("a", 1).tolist() == [[2, 3], [4, 5]]


def test_release_moves_everything_to_disk_and_changes_nothing(tmp_path):
    store = ArrayStore(tmp_path, limit=1 << 20)
    store.put("a", filled((3, 2)))
    store.release()
    assert store.held == 0
    assert (tmp_path / "a.npy").exists()
    assert store.get("a").tolist() == filled((3, 2)).tolist()


def test_release_without_a_directory_keeps_what_is_held():
    store = ArrayStore()
    store.put("a", filled((3, 2)))
    store.release()
    assert store.get("a").tolist() == filled((3, 2)).tolist()
