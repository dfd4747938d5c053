"""A mining run killed with SIGKILL before any one of its file operations, or at any moment, and run again: the same
bytes as a run that was never killed, and never a torn file under a final name.

The test runs this very file as a script. The script loads everything once, without starting a thread that stays, and
forks a child for every run, so that a fault point costs two mining runs and no start of an interpreter.
"""

import gzip
import json
import os
import random
import signal
import stat
import subprocess
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sgram.mining.classifier import GramClassifier
from tests.builders.paths import ROOT

SAMPLE = ROOT / "data" / "sample_traces.jsonl"
MEMORY = 280_000
"""Bytes of arrays held in memory, so that some of the sample's are spilled to disk."""
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}


# -- in the forked children: a file operation that kills ------------------------------------------------


class Fault:
    """Kills this process before its `at`-th file operation below `root`; `torn`: half of a flushed file is lost."""

    def __init__(self, root: Path, at: int, torn: bool):
        self.root, self.at, self.torn, self.n_operations = str(root), at, torn, 0
        self.fsync = os.fsync

    def arm(self) -> None:
        """From here on, every operation counts."""
        os.fsync = self.on_fsync
        sys.addaudithook(self.on_event)

    def on_event(self, event: str, details: tuple) -> None:
        if event == "open":
            path, mode, flags = details
            writes = any(letter in (mode or "") for letter in "wax+") or flags & (os.O_WRONLY | os.O_RDWR)
            if writes and isinstance(path, str | os.PathLike):
                self.step("open", os.fspath(path))
        elif event == "os.mkdir" and Path(details[0]).is_dir():
            return  # changes nothing
        elif event in ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.truncate"):
            inside = event in ("os.remove", "os.rmdir") and details[1] != -1  # rmtree names entries relatively
            self.step(event, self.root if inside else os.fspath(details[0]))

    def on_fsync(self, descriptor: int) -> None:
        file = not stat.S_ISDIR(os.fstat(descriptor).st_mode)
        if self.torn and file and self.n_operations + 1 == self.at:
            os.ftruncate(descriptor, os.fstat(descriptor).st_size // 2)
        self.step("fsync" if file else "fsync of a directory", self.root)
        self.fsync(descriptor)

    def step(self, event: str, path: str) -> None:
        if not path.startswith(self.root):
            return
        self.n_operations += 1
        if self.n_operations == self.at:
            os.write(2, f"\nkilled before {event}\n".encode())
            os.kill(os.getpid(), signal.SIGKILL)


# -- in the script: runs in forked children -------------------------------------------------------------


def _load() -> None:
    """Import all and compile or load every kernel, leaving no thread behind (fork would lose it)."""
    import pyarrow.dataset  # noqa: F401  what reading Parquet loads, pandas with it

    import sgram.cli.mine
    import sgram.mining.run  # noqa: F401
    from sgram.mining import Background, ContrastScorer, Miner, MiningConfig
    from sgram.traces import read_traces

    # not the packaged background: Arrow reads that, and its threads stay
    scorer = ContrastScorer(Background({}, 10, 2, {}))
    Miner(MiningConfig(embedder="hash"), scorer=scorer).fit(read_traces(SAMPLE))
    if sys.platform == "linux":
        assert len(os.listdir("/proc/self/task")) == 1  # noqa: PTH208


def _fork_run(folder: Path, arguments: list[str], prepare: Callable[[], None] | None = None) -> int:
    """Process id of a child that runs ``sgram`` with these arguments, talking into a log."""
    child = os.fork()
    if child:
        return child
    code = 99
    try:
        log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        from sgram.cli import main
        from sgram.mining.config import Resources

        Resources.array_memory = lambda self: MEMORY
        if prepare is not None:
            prepare()
        main(arguments)
    except SystemExit as exit_request:
        code = exit_request.code
    except BaseException:
        traceback.print_exc()  # into the log
    finally:
        sys.stdout.flush()
        os._exit(code)


class Trial:
    """One folder for a run's directory and its output, and checks of its files."""

    def __init__(self, folder: Path, inputs: Path, truth: dict[str, bytes] | None = None):
        self.folder, self.truth = folder, truth or {}
        self.arguments = [
            "mine",
            str(inputs),
            "--embedder",
            "hash",
            "--workers",
            "1",
            "--background",
            str(inputs.with_name("background.jsonl")),
            "--classifier",
            str(inputs.with_name("classifier.json")),
            "--runs",
            str(folder / "runs"),
            "-o",
            str(folder / "out" / "lexicon.json"),
        ]
        folder.mkdir()

    def run(self, prepare: Callable[[], None] | None = None) -> int:
        """Run to the end, whatever it is: exit code, or minus the signal."""
        return os.waitstatus_to_exitcode(os.waitpid(_fork_run(self.folder, self.arguments, prepare), 0)[1])

    def run_with_fault(self, at: int, torn: bool = False) -> int:
        return self.run(Fault(self.folder, at, torn).arm)

    def killed_after(self, seconds: float) -> int:
        child = _fork_run(self.folder, self.arguments)
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    def files(self) -> dict[str, bytes]:
        """Content of every file but the log, by its path."""
        paths = (path for path in sorted(self.folder.rglob("*")) if path.is_file() and path.name != "log")
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in paths}

    def find_faults(self) -> list[str]:
        """What is wrong after a kill: nothing under a final name may differ from the truth."""
        wrong = []
        for name, content in self.files().items():
            spilled = "/scratch/" in name and "/vectors/" not in name and name.endswith(".npy")
            if Path(name).name.startswith(".sgram-") or spilled:  # neither is a final name
                continue
            if self.truth.get(name) != content:
                wrong.append(f"{name} is not what it should be ({len(content)} bytes)")
        return wrong

    def find_faults_after_resuming(self) -> list[str]:
        """What is wrong after the run that was let go on: it must have come to the same end."""
        code = self.run()
        if code:
            return [f"the next run left with {code}: {(self.folder / 'log').read_text()[-2000:]}"]
        files = self.files()
        beside_output = {name for name in files if name.startswith("out/.sgram-")}  # write_atomic says so
        expected = {name: content for name, content in self.truth.items() if "/scratch/" not in name}
        differing = {name for name in files.keys() | expected.keys() if files.get(name) != expected.get(name)}
        return [f"{name} differs after the next run" for name in sorted(differing - beside_output)]


def _truth(root: Path, inputs: Path) -> dict[str, bytes]:
    """All files of a run that is never killed, and those that it keeps on the way."""
    plain = Trial(root / "plain", inputs)
    assert plain.run() == 0, (plain.folder / "log").read_text()
    keeping = Trial(root / "keeping", inputs)

    def keep() -> None:
        from sgram.mining import run as job

        job.shutil.rmtree = lambda *_, **__: None

    assert keeping.run(keep) == 0
    on_the_way = {name: content for name, content in keeping.files().items() if "/scratch/" in name}
    assert any("/vectors/" in name for name in on_the_way)
    return plain.files() | on_the_way


def _operations(trial: Trial) -> list[str]:
    log = (trial.folder / "log").read_text()
    return [line.removeprefix("killed before ") for line in log.splitlines() if line.startswith("killed ")]


def _kill_everywhere(root: Path, inputs: Path, truth: dict[str, bytes]) -> dict[str, object]:
    """Kill before the first operation, the second, ... until a run comes through."""
    operations: list[str] = []
    faults: list[str] = []
    for at in range(1, 1000):
        trial = Trial(root / f"at-{at}", inputs, truth)
        code = trial.run_with_fault(at)
        faults += [f"before operation {at}: {fault}" for fault in trial.find_faults()]
        if code == 0:
            break
        assert code == -signal.SIGKILL, (trial.folder / "log").read_text()
        operations += _operations(trial)
        faults += [f"before operation {at}: {fault}" for fault in trial.find_faults_after_resuming()]
        if operations[-1] == "fsync":  # the same moment, had the disk kept half of the file only
            trial = Trial(root / f"torn-{at}", inputs, truth)
            assert trial.run_with_fault(at, torn=True) == -signal.SIGKILL
            faults += [
                f"torn at {at}: {fault}" for fault in (*trial.find_faults(), *trial.find_faults_after_resuming())
            ]
    return {"operations": Counter(operations), "came_through": code == 0, "faults": faults}


def _kill_at_random(root: Path, inputs: Path, truth: dict[str, bytes]) -> dict[str, object]:
    """Runs killed at random times until one comes through, and then once more; for 24 starts in all."""
    draw = random.Random(5)
    faults: list[str] = []
    kills, trial = 0, None
    for start in range(24):
        trial = trial or Trial(root / f"random-{start}", inputs, truth)
        killed = trial.killed_after(draw.uniform(0.0, 0.25)) == -signal.SIGKILL
        faults += [f"start {start}: {fault}" for fault in trial.find_faults()]
        kills += killed
        if not killed:
            faults += [f"start {start}: {fault}" for fault in trial.find_faults_after_resuming()]
            trial = None
    return {"kills": kills, "faults": faults}


def _main(root: Path, inputs: Path) -> None:
    _load()
    truth = _truth(root, inputs)
    report = {"truth": sorted(truth)}
    report["everywhere"] = _kill_everywhere(root, inputs, truth)
    report["at_random"] = _kill_at_random(root, inputs, truth)
    (root / "report.json").write_text(json.dumps(report))


# -- the test -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Report of the script on the sample in three shards with one row that cannot be read.

    The background and the classifier are small: loading those of sgram takes most of a run, and writes nothing.
    """
    root = tmp_path_factory.mktemp("killed")
    inputs = root / "inputs"
    inputs.mkdir()
    lines = SAMPLE.read_bytes().splitlines(keepends=True)
    (inputs / "a.jsonl").write_bytes(b"".join(lines[:40]) + b"oops\n")
    (inputs / "b.jsonl.gz").write_bytes(gzip.compress(b"".join(lines[40:80]), mtime=0))
    (inputs / "c.jsonl").write_bytes(b"".join(lines[80:]))
    texts = ("We get 4.", "So we get 6.")
    rows = [json.dumps({"id": str(number), "text": text}) for number, text in enumerate(texts)]
    (root / "background.jsonl").write_text("\n".join(rows))
    replace(GramClassifier.packaged(), bag={}, counts={}).save(root / "classifier.json")
    process = subprocess.run(
        [sys.executable, __file__, str(root), str(inputs)],
        cwd=ROOT,
        env=os.environ | ONE_THREAD | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stdout[-3000:] + process.stderr[-3000:]
    return json.loads((root / "report.json").read_bytes())


def test_a_run_killed_before_any_file_operation_ends_with_the_same_bytes_when_run_again(report):
    everywhere = report["everywhere"]
    assert everywhere["faults"] == []
    assert everywhere["came_through"]


def test_a_run_killed_at_random_times_ends_with_the_same_bytes(report):
    assert report["at_random"]["faults"] == []
    assert report["at_random"]["kills"] >= 3, "kills come before the end"


def test_the_faults_met_every_product_and_every_kind_of_operation(report):
    names = {Path(name).name for name in report["truth"]}
    assert names >= {
        "run.json",
        "lexicon.json",
        "examples.jsonl",
        "candidates.parquet",
        "summary.json",
        "quarantine.jsonl",
        "lexicon.examples.jsonl",
    }
    operations = report["everywhere"]["operations"]
    # each file but the lock and the spilled arrays appears atomically: opened, synced, renamed, directory synced
    vectors = [name for name in report["truth"] if "/vectors/" in name]
    atomic = len([name for name in report["truth"] if not name.endswith((".npy", "/lock"))]) + len(vectors)
    assert operations["fsync"] == operations["fsync of a directory"] == operations["os.rename"] == atomic
    assert operations["open"] > atomic, "arrays are spilled"
    assert operations["os.mkdir"] >= 3
    assert operations["os.remove"] > 0
    assert operations["os.rmdir"] > 0


if __name__ == "__main__":
    _main(Path(sys.argv[1]), Path(sys.argv[2]))
