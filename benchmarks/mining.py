"""What does mining all real traces cost, from a cold start, embeddings included?

    python benchmarks/mining.py

Runs ``sgram mine ../shared/data/traces`` with default settings three times in processes of their own: once with
nothing compiled (an empty numba cache), then twice warm, with 2 workers and with 1. The digest must be one.
"""

import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from corpora import SHARED

CHILD = (
    "import sys, re, atexit; from pathlib import Path; from sgram.cli import main;"
    "atexit.register(lambda: print('VmHWM', re.search(r'VmHWM:\\s*(\\d+)',"
    " Path('/proc/self/status').read_text())[1], file=sys.stderr)); main(sys.argv[1:])"
)


def mined(folder: str, cache: str, workers: int) -> dict:
    """One run in a process of its own."""
    command = [sys.executable, "-c", CHILD, "mine", str(SHARED / "traces"), "--json", "--runs", folder]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    environment = os.environ | {"NUMBA_CACHE_DIR": cache}
    done = subprocess.run(
        [*command, "--workers", str(workers)], capture_output=True, text=True, check=False, env=environment
    )  # fmt: skip
    wall = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(done.stderr)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    # The child reports its own high-water mark: ru_maxrss of a child starts at its parent's.
    peak = int(re.search(r"VmHWM (\d+)", done.stderr)[1]) / 2**10
    return json.loads(done.stdout) | {"wall": wall, "cpu": cpu, "peak": peak}


def main() -> None:
    """Three runs, one table."""
    if not (SHARED / "traces").exists():
        raise SystemExit(f"no traces under {SHARED}: this benchmark needs them")
    with tempfile.TemporaryDirectory() as folder:
        cache = f"{folder}/numba"
        runs = {
            "cold, 2 workers": mined(f"{folder}/a", cache, 2),
            "warm, 2 workers": mined(f"{folder}/b", cache, 2),
            "warm, 1 worker": mined(f"{folder}/c", cache, 1),
        }
    first = runs["cold, 2 workers"]
    print(f"{first['rows']['kept']:,} traces, {first['grams']:,} grams, {len(first['core'])} for reading\n")
    print("| run | wall s | CPU s | peak RSS MiB | same digest |")
    print("|---|---|---|---|---|")
    for name, run in runs.items():
        same = "yes" if run["digest"] == first["digest"] else "NO"
        print(f"| {name} | {run['wall']:.1f} | {run['cpu']:.1f} | {run['peak']:.0f} | {same} |")


if __name__ == "__main__":
    main()
