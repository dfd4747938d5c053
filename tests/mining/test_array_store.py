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
dtypes = st.sampled_from([np.int8, np.int32, np.int64, np.uint64, np.float64, np.bool_])


def filled_array(shape, dtype=np.int64):
    return np.arange(int(np.prod(shape))).reshape(shape).astype(dtype)


@given(shapes, dtypes, st.integers(0, 12), st.none() | st.integers(0, 12), st.booleans())
def test_rows_of_a_spilled_array_are_the_rows_of_the_array(tmp_path_factory, shape, dtype, start, stop, fortran_order):
    array = np.asfortranarray(filled_array(shape, dtype)) if fortran_order else filled_array(shape, dtype)
    in_memory, on_disk = ArrayStore(), ArrayStore(tmp_path_factory.mktemp("store"), memory_limit=-1)
    in_memory.put("rows", array)
    on_disk.put("rows", array)
    memory_rows, disk_rows = in_memory.get("rows", start, stop), on_disk.get("rows", start, stop)
    assert memory_rows.shape == disk_rows.shape
    assert memory_rows.dtype == disk_rows.dtype
    np.testing.assert_array_equal(memory_rows, disk_rows)
    np.testing.assert_array_equal(disk_rows, array[start:stop])


def test_a_column_of_an_array_spills_like_any_other(tmp_path):
    store = ArrayStore(tmp_path, memory_limit=0)
    table = filled_array((4, 3))
    store.put("column", table[:, 1])  # neither order is contiguous
    store.put("fortran_order", table.T)
    assert store.get("column").tolist() == [1, 4, 7, 10]
    assert store.get("fortran_order", 1, 2).tolist() == [[1, 4, 7, 10]]


def test_arrays_stay_in_memory_up_to_the_limit_and_go_to_disk_beyond(tmp_path):
    store = ArrayStore(tmp_path, memory_limit=100)
    store.put("a", np.zeros(80, np.uint8))
    store.put("b", np.ones(21, np.uint8))  # 80 + 21 is more than 100
    store.put("c", np.zeros(20, np.uint8))  # 80 + 20 is not
    assert (store.bytes_in_memory, store.bytes_on_disk) == (100, 21)
    assert [path.name for path in tmp_path.iterdir()] == ["b.npy"]
    assert store.get("b").sum() == 21


def test_without_a_directory_everything_stays_in_memory():
    store = ArrayStore(memory_limit=0)
    store.put("a", np.zeros(80, np.uint8))
    assert (store.bytes_in_memory, store.bytes_on_disk) == (80, 0)


def test_dropping_gives_memory_back_and_removes_the_file(tmp_path):
    store = ArrayStore(tmp_path, memory_limit=10)
    store.put("small", np.zeros(10, np.uint8))
    store.put("large", np.zeros(11, np.uint8))
    assert list(tmp_path.iterdir())
    store.drop("small")
    store.drop("large")
    assert store.bytes_in_memory == 0
    assert not list(tmp_path.iterdir())
    for name in ("small", "large"):
        with pytest.raises(KeyError):
            store.get(name)
    store.drop("never there")


@pytest.mark.parametrize(("first", "second"), [(10, 4), (10, 200), (200, 10), (200, 300)])
def test_putting_a_name_again_replaces_it_wherever_it_was(tmp_path, first, second):
    store = ArrayStore(tmp_path, memory_limit=100)
    store.put("a", np.zeros(first, np.uint8))
    store.put("a", np.ones(second, np.uint8))
    assert store.get("a").tolist() == [1] * second
    assert store.bytes_in_memory == (second if second <= 100 else 0)
    assert len(list(tmp_path.iterdir())) == (second > 100)


def test_the_directory_is_made_when_the_first_array_spills(tmp_path):
    store = ArrayStore(tmp_path / "deep" / "down", memory_limit=0)
    assert not (tmp_path / "deep").exists()
    store.put("a", filled_array((3, 2)))
    assert store.get("a", 1).tolist() == [[2, 3], [4, 5]]


def test_moving_to_disk_changes_no_array(tmp_path):
    store = ArrayStore(tmp_path, memory_limit=1 << 20)
    store.put("a", filled_array((3, 2)))
    store.move_to_disk()
    assert store.bytes_in_memory == 0
    assert (tmp_path / "a.npy").exists()
    assert store.get("a").tolist() == filled_array((3, 2)).tolist()


def test_without_a_directory_nothing_moves_to_disk():
    store = ArrayStore()
    store.put("a", filled_array((3, 2)))
    store.move_to_disk()
    assert store.get("a").tolist() == filled_array((3, 2)).tolist()
