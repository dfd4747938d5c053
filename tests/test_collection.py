"""The same tests are collected by every process, whenever it starts: pytest-xdist runs nothing otherwise."""

import os
import subprocess
import sys

import pytest

from tests.builders.paths import ROOT


def collect(*arguments: str, hash_seed: str) -> list[str]:
    """Collect tests in a fresh interpreter and return their ids, sorted.

    Without pytest-randomly, which changes the order only: it imports PyTorch (by way of thinc) when it is loaded.
    """
    options = ["--collect-only", "-q", "-o", "addopts=", "--disable-socket", "-p", "no:randomly"]
    command = [sys.executable, "-m", "pytest", *options, *arguments]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTEST_ADDOPTS": ""}
    environment = {name: text for name, text in environment.items() if not name.startswith("PYTEST_XDIST")}
    process = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240)
    assert process.returncode == 0, process.stdout[-2000:] + process.stderr[-2000:]
    return sorted(line for line in process.stdout.splitlines() if "::" in line)


def test_a_later_process_with_another_hash_seed_collects_the_same_ids(request, collected_ids):
    """This process collected when the session began, the other one collects now, seconds later."""
    later_ids = collect(*request.config.args, hash_seed="77")
    only_once = set(collected_ids) ^ set(later_ids)
    assert not only_once, f"collected by one process only: {sorted(only_once)[:5]}"


def test_an_id_that_holds_the_time_would_be_noticed(tmp_path):
    """The comparison fails where it must: ids with the time in them differ between two processes."""
    (tmp_path / "test_clock.py").write_text(
        "import time, pytest\n@pytest.mark.parametrize('text', [str(time.time_ns())])\ndef test_text(text): pass\n"
    )
    first, second = (collect(str(tmp_path), hash_seed=seed) for seed in ("1", "2"))
    assert len(first) == len(second) == 1
    assert first != second


@pytest.mark.parametrize("content", [os.urandom(8)])
def test_bytes_never_stand_in_an_id(request, content):
    assert request.node.name == "test_bytes_never_stand_in_an_id[content]"
