"""What benchmarks on a GPU share: what they need, pieces of work that a later call does not repeat, and a budget.

Imports nothing but the standard library at its top, so that a fresh checkout on a bare machine gets a sentence about
what is missing, not a traceback. `--device cpu --small` takes the same path through a script in seconds.
"""

import argparse
import hashlib
import importlib.util
import json
import os
import platform
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).parents[1]
MORE_TO_DO = 75
"""Exit code where the same call goes on."""
UNMET = 2
"""Exit code where a package or the device is missing."""

Result = dict[str, Any]


class OutOfTimeError(BaseException):
    """The budget is over; no `Exception`, so that nothing on the way takes it for a failure."""


@dataclass(frozen=True)
class Settings:
    """What a call was asked for."""

    device: str
    small: bool
    budget: float
    """Seconds."""
    results: Path
    """Folder of one JSON file a piece."""
    out: Path | None


@dataclass(frozen=True)
class Machine:
    """Where figures were taken; figures of another machine or version are taken again."""

    name: str
    device: str
    versions: dict[str, str]
    source: str
    """Digest of sgram and of the benchmarks."""
    small: bool

    def __str__(self) -> str:
        versions = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        return f"{self.name}; Python {platform.python_version()}, {versions}{'; --small' if self.small else ''}"


def read_settings(script: str, about: str, arguments: Sequence[str] | None = None) -> Settings:
    """Return the settings of a call."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--small", action="store_true", help="tiny sizes, for a look at the path through the script")
    parser.add_argument("--budget", type=float, default=240, metavar="SECONDS", help="end by then; default 240")
    parser.add_argument("--results", type=Path, help=f"folder of the pieces; default reports/{script}")
    parser.add_argument("--out", type=Path, metavar="FILE.md", help="also write the tables here")
    options = parser.parse_args(arguments)
    results = options.results or ROOT / "reports" / script
    return Settings(options.device, options.small, options.budget, results, options.out)


def leave(why: str, code: int = UNMET) -> None:
    """End the process with a sentence on stderr."""
    print(why, file=sys.stderr)
    raise SystemExit(code)


def open_machine(settings: Settings, modules: Mapping[str, str], requirements: str) -> Machine:
    """Return the machine, or leave with what is missing: `modules` maps what is imported to the package's name.

    `requirements` are those of pip that bring them.
    """
    if settings.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # before torch is imported, so that trainers stay on the CPU, too
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    sys.path.insert(0, str(ROOT))  # a checkout that is not installed
    install = f"python -m pip install -e {requirements}"
    absent = [package for module, package in modules.items() if importlib.util.find_spec(module) is None]
    if absent:
        leave(
            f"this benchmark needs {', '.join(absent)}, not installed for {sys.executable}. With a network: {install} "
            "(torch with CUDA is about 3 GB; it counts as time on the device). Without one: on a machine like it, "
            f"python -m pip download -d wheels {requirements} hatchling; carry the folder; {install} --no-index "
            "--find-links wheels"
        )
    import torch

    if settings.device == "cuda" and not torch.cuda.is_available():
        built = "this torch is built without CUDA" if torch.version.cuda is None else "torch finds no CUDA device"
        leave(
            f"this benchmark needs an NVIDIA GPU, and {built} ({torch.__version__}); --device cpu --small does without"
        )
    names = [package for package in modules.values() if package != "triton" or settings.device == "cuda"]
    versions = {name: metadata.version(name) for name in names}
    if settings.device == "cpu":
        name = f"no GPU, {platform.machine()} CPU, {torch.get_num_threads()} threads"
    else:
        capability = ".".join(map(str, torch.cuda.get_device_capability()))
        name = f"{torch.cuda.get_device_name()}, compute capability {capability}, CUDA {torch.version.cuda}"
    return Machine(name, settings.device, versions, _source_digest(), settings.small)


def _source_digest() -> str:
    hashed = hashlib.sha256()
    for path in sorted([*(ROOT / "sgram").rglob("*.py"), *(ROOT / "benchmarks").glob("*.py")]):
        hashed.update(path.read_bytes())
    return hashed.hexdigest()[:16]


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise `OutOfTimeError` in the block once so many seconds are over."""

    def stop(_: int, __: FrameType | None) -> None:
        raise OutOfTimeError

    handler = signal.signal(signal.SIGALRM, stop)
    timer = signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001), 2)  # again, where what is raised was caught
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, *timer)


def run_pieces(
    pieces: Mapping[str, Callable[[], Result]], machine: Machine, settings: Settings, started: float
) -> dict[str, Result]:
    """Return the results by piece, those of earlier calls included; what the budget does not allow is absent.

    `started` is the process's first `time.monotonic()`. The file of a piece is written at once when it is done.
    """
    from sgram.files import pretty_json, write_bytes

    found: dict[str, Result] = {}
    n_begun = 0
    for name, measure in pieces.items():
        path = settings.results / f"{name}.json"
        earlier = _read(path, machine)
        if earlier is not None:
            found[name] = earlier
            continue
        left = settings.budget - (time.monotonic() - started)
        if left <= 0:
            continue
        n_begun += 1
        began = time.monotonic()
        try:
            with time_limit(left):
                result = measure()
        except OutOfTimeError:
            alone = "; it takes the whole budget, so give a larger --budget" if n_begun == 1 else ""
            print(f"{name}: left after {time.monotonic() - began:.0f} s{alone}", file=sys.stderr)
            continue
        found[name] = {**result, "seconds": round(time.monotonic() - began, 2)}
        settings.results.mkdir(parents=True, exist_ok=True)
        write_bytes(path, pretty_json({"machine": asdict(machine), "result": found[name]}))
        print(f"{name}: {found[name]['seconds']} s", file=sys.stderr, flush=True)
    return found


def _read(path: Path, machine: Machine) -> Result | None:
    """Result of an earlier call on the same machine with the same versions."""
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    result = document.get("result")
    return result if document.get("machine") == asdict(machine) and isinstance(result, dict) else None


def finish(text: str, is_right: bool, n_missing: int, settings: Settings, wrong: str) -> int:
    """Print the tables, and return the exit code: 1 if a comparison failed, 75 if pieces are missing, else 0."""
    print(text, end="")
    if settings.out:
        from sgram.files import write_bytes

        write_bytes(settings.out, text.encode())
    if not is_right:
        print(wrong, file=sys.stderr)
        return 1
    if n_missing:
        print(f"{n_missing} pieces are left: the same call again goes on", file=sys.stderr)
        return MORE_TO_DO
    return 0
