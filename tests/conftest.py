"""Settings of the whole suite."""

import gc
import os
import tempfile
from collections.abc import Generator

import hypothesis
import pytest

# Compiled functions are built at their first use, inside whatever example comes first: no deadlines. Where a change
# is judged (.ci/run), examples are the same every time; elsewhere they are new ones each time, and find what is left.
hypothesis.settings.register_profile("sgram", deadline=None, derandomize="SGRAM_SAME_EXAMPLES" in os.environ)
hypothesis.settings.load_profile("sgram")
# The note about compiling appears in the first process only; tests that compare stderr must not depend on that.
os.environ["SGRAM_QUIET_COMPILING"] = "1"
# pytest-xdist sets it for its workers: what is printed must not depend on how the tests are run.
os.environ.pop("COLUMNS", None)
# trackio reads this once, when it is imported; TRL imports it with itself.
_TRACKIO = tempfile.TemporaryDirectory(prefix="sgram-trackio-")
os.environ["TRACKIO_DIR"] = _TRACKIO.name


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no garbage while tests are imported, and later only among what the tests make.

    What is imported stays until the end: PyTorch and the tests are millions of objects, and every training asks for a
    collection.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


def pytest_unconfigure() -> None:
    """Give back what was passed over: libraries report what is not freed at the end as leaks."""
    gc.unfreeze()


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Return the parameter's name as the id of a bytes value; pytest appends a number.

    Bytes may hold the time (a gzip header, a pickle of a set), and pytest-xdist runs nothing if its workers collect
    different ids.
    """
    return argname if isinstance(val, bytes) else None


@pytest.fixture
def collected_ids(request: pytest.FixtureRequest) -> list[str]:
    """Ids of the tests that this session collected, before any were deselected or reordered."""
    return sorted(request.config.stash[_COLLECTED])


_COLLECTED = pytest.StashKey[list[str]]()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Note the ids of all collected tests for `collected_ids`."""
    config.stash[_COLLECTED] = [item.nodeid for item in items]
