"""Kernels compile and run wherever the package lies, also if no usual cache folder can be written."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.builders.paths import ROOT

KERNEL = """
from sgram.compiling import kernel

@kernel()
def total(numbers):
    result = 0
    for number in numbers:
        result += number
    return result
"""
RUN_KERNEL = """
import numpy as np
from numba.core import config
from sgram.compiling import announce_compilation
announce_compilation(lambda: print("compiling"))
from sgram.example_kernel import total
print(total(np.arange(5)), total(np.arange(3.0)), repr(config.CACHE_DIR))
"""
RUN_SCAN = """
from sgram.scan import find_words
print([word.text for word in find_words("Wait, let me check.")])
"""
COMPILED = ["compiling", "10 3.0 ''"]
LOADED = ["10 3.0 ''"]


@pytest.fixture
def site(tmp_path):
    """A folder with a copy of the package into whose cache folder nobody can write, not even root."""
    package = tmp_path / "site" / "sgram"
    package.mkdir(parents=True)
    for path in (ROOT / "sgram").glob("*.py"):
        shutil.copy(path, package)
    (package / "example_kernel.py").write_text(KERNEL)
    (package / "__pycache__").write_text("a file where a folder is needed")
    (tmp_path / "home").write_text("a file, too")
    (tmp_path / "temporary").mkdir()
    return tmp_path / "site"


def output_lines(site: Path, code: str) -> list[str]:
    """Lines that a process prints whose package, home and cache folders cannot be written."""
    environment = {
        name: text
        for name, text in os.environ.items()
        if not name.startswith(("NUMBA_", "XDG_")) and name not in ("PYTHONPYCACHEPREFIX", "TEMP", "TMP")
    }
    environment |= {"HOME": str(site.parent / "home"), "TMPDIR": str(site.parent / "temporary")}
    process = subprocess.run(
        [sys.executable, "-c", code], cwd=site, env=environment, capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr
    assert process.stderr == ""
    return process.stdout.splitlines()


def cache_folder(site: Path) -> Path:
    return site.parent / "temporary" / f"sgram-kernels-{os.getuid()}"


def test_kernels_are_cached_in_a_temporary_folder_if_package_and_home_cannot_be_written(site):
    assert output_lines(site, RUN_KERNEL) == COMPILED
    assert list(cache_folder(site).rglob("example_kernel.total-*.nbc"))
    assert cache_folder(site).stat().st_mode & 0o777 == 0o700
    assert output_lines(site, RUN_KERNEL) == LOADED


def test_the_words_of_a_text_are_found_without_a_cache_folder(site):
    cache_folder(site).write_text("a file where a folder is needed")
    assert output_lines(site, RUN_SCAN) == ["['wait', 'let', 'me', 'check']"]


@pytest.mark.parametrize("obstacle", ["writable by others", "a link", "a file"])
def test_a_temporary_folder_that_others_could_write_is_not_used(site, obstacle):
    folder = cache_folder(site)
    if obstacle == "writable by others":
        folder.mkdir()
        folder.chmod(0o777)
    elif obstacle == "a link":
        (site.parent / "target").mkdir(mode=0o700)
        folder.symlink_to(site.parent / "target")
    else:
        folder.write_text("")
    for _ in range(2):
        assert output_lines(site, RUN_KERNEL) == COMPILED  # each process compiles: nothing was stored
    assert not list(site.parent.rglob("*.nbc"))


def test_a_writable_package_holds_its_own_cache(site):
    (site / "sgram" / "__pycache__").unlink()
    assert output_lines(site, RUN_KERNEL) == COMPILED
    assert list((site / "sgram" / "__pycache__").glob("example_kernel.total-*.nbc"))
    assert not cache_folder(site).exists()
    assert output_lines(site, RUN_KERNEL) == LOADED


def test_a_compilation_from_python_is_announced_on_stderr_once_and_can_be_silenced(site):
    code = "\n".join(line for line in RUN_KERNEL.splitlines() if "announce" not in line)
    for quiet in ("", "1"):
        environment = {name: text for name, text in os.environ.items() if name != "SGRAM_QUIET_COMPILING"}
        environment |= {"SGRAM_QUIET_COMPILING": quiet} if quiet else {}
        environment |= {"HOME": str(site.parent / "home"), "TMPDIR": str(site.parent / f"temporary{quiet}")}
        (site.parent / f"temporary{quiet}").mkdir(exist_ok=True)
        process = subprocess.run(
            [sys.executable, "-c", code], cwd=site, env=environment, capture_output=True, text=True, check=True
        )
        note = "compiling kernels; this takes about 20 seconds and happens once\n"
        assert process.stderr == ("" if quiet else note)


def test_the_hook_of_the_command_line_loads_no_compiler():
    code = "import sys, sgram.compiling; print([name for name in ('numba', 'numpy') if name in sys.modules])"
    process = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert process.stdout.strip() == "[]"
