"""What does Ray cost beside threads, for mining by parts and for files that are tagged?

    python benchmarks/ray_engine.py [--parts 4] [--rounds 3]

Needs Ray beside sgram; `make test-ray` installs both in one environment. A local cluster of two workers is started
first and warmed by one run of each job. Then ``sgram mine join`` on a split of all real traces, and ``sgram tag`` of
their files, run in turn with ``--engine threads`` and ``--engine ray`` on that cluster. The cost of Ray is the CPU of
the command and of all processes of the cluster in that time. The written files must be equal, byte for byte.
"""

import argparse
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from statistics import median

os.environ |= {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}

import ray

sys.path.insert(0, str(Path(__file__).parent))
from corpora import SHARED
from processes import measured_sgram
from tagging_inputs import machine, training_texts, training_tokenizer

from sgram.files import digest
from sgram.mining.products import CANDIDATES, EXAMPLES, LEXICON

Measured = dict[str, float]


class ClusterMeter(threading.Thread):
    """Follows the CPU time of the daemons of the cluster and of their workers.

    Workers of Ray end when they are idle, and nobody waits for them, so that their time is lost unless it is read while
    they live: it is read twenty times a second.
    """

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.seconds: dict[tuple[int, str], float] = {}
        """CPU seconds by process and its start, as last seen."""

    def run(self) -> None:
        """Read until the program ends."""
        while True:
            self.read()
            time.sleep(0.05)

    def read(self) -> float:
        """Read all processes, and return the CPU seconds of those below the Ray daemons started here."""
        fields = {}
        for path in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                words = path.read_text().rpartition(")")[2].split()
                fields[int(path.parent.name)] = int(words[1]), words[19], sum(map(int, words[11:13]))
        below = set(DAEMONS)
        while more := {process for process, (parent, *_) in fields.items() if parent in below} - below:
            below |= more
        for process in below & fields.keys():
            _, start, ticks = fields[process]
            self.seconds[process, start] = ticks / os.sysconf("SC_CLK_TCK")
        return sum(list(self.seconds.values()))


DAEMONS: set[int] = set()
"""Processes of the cluster that this one has started."""


def child_processes() -> set[int]:
    """Return the processes whose parent is this one."""
    children = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(path.read_text().rpartition(")")[2].split()[1]) == os.getpid():
                children.add(int(path.parent.name))
    return children


def run_once(job: Callable[[list[str]], Measured], flags: list[str], meter: ClusterMeter) -> float:
    """Return the CPU seconds of a command and, meanwhile, of the cluster."""
    before = meter.read()
    used = job(flags)
    return used["cpu"] + (meter.read() - before if "ray" in flags else 0.0)


def compare(
    title: str,
    run: Callable[[list[str], Path], Measured],
    names: Callable[[Path], list[Path]],
    rounds: int,
    root: Path,
    meter: ClusterMeter,
) -> None:
    """Run a job by both engines in turn, after a warm-up, and print medians and the ratio."""
    address = ray.get_runtime_context().gcs_address
    engines = {"threads": ["--engine", "threads"], "ray": ["--engine", "ray", "--address", address]}
    costs: dict[str, list[float]] = {name: [] for name in engines}
    digests = set()
    for number in range(rounds + 1):
        for name, flags in engines.items():
            folder = root / f"{name}-{number}"
            cpu = run_once(lambda flags, folder=folder: run(flags, folder), flags, meter)
            if number:  # the first is the warm-up: imports and compiled functions in the workers
                costs[name].append(cpu)
            digests.add(digest(b"".join(path.read_bytes() for path in names(folder))))
            shutil.rmtree(folder)
    ratios = [by_ray / by_threads for by_ray, by_threads in zip(costs["ray"], costs["threads"], strict=True)]
    print(
        f"| {title} | {median(costs['threads']):.1f} | {median(costs['ray']):.1f} | {median(ratios):.2f} "
        f"({min(ratios):.2f} to {max(ratios):.2f}) | {'yes' if len(digests) == 1 else 'NO'} |",
        flush=True,
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    traces = SHARED / "traces"
    if not traces.exists():
        raise SystemExit(f"no traces under {SHARED}: this benchmark needs them")
    print(f"{machine('ray', 'numba')}\n", flush=True)
    ray.init(num_cpus=2, log_to_driver=False, logging_level="ERROR", include_dashboard=False)
    DAEMONS.update(child_processes())
    meter = ClusterMeter()
    meter.start()
    print("| job | threads, CPU s | Ray, CPU s | ratio | same bytes |")
    print("|---|--:|--:|--:|--:|")
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        split = root / "split"
        measured_sgram("mine", "split", str(traces), "--parts", str(options.parts), "--exact-parts", "-o", str(split))

        def mine(flags: list[str], folder: Path) -> Measured:
            shutil.copytree(split, folder)
            return measured_sgram("mine", "join", str(folder), "--rows", "0", "--workers", "1", *flags)[1]

        def products(folder: Path) -> list[Path]:
            return [folder / name for name in (LEXICON, EXAMPLES, CANDIDATES)]

        compare(f"mine join, {options.parts} parts", mine, products, options.rounds, root, meter)
        texts, _ = training_texts()
        tokenizer, _ = training_tokenizer(texts)
        tokenizer.save(str(root / "tokenizer.json"))

        def tag(flags: list[str], folder: Path) -> Measured:
            arguments = ("tag", str(traces), "--tokenizer", str(root / "tokenizer.json"), "-o", f"{folder}/")
            return measured_sgram(*arguments, *flags)[1]

        def masks(folder: Path) -> list[Path]:
            return sorted(folder.glob("*.parquet"))

        compare(f"tag, {len(list(traces.glob('*.jsonl*')))} files", tag, masks, options.rounds, root, meter)
    ray.shutdown()


if __name__ == "__main__":
    main()
