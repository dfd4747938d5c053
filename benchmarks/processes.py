"""Run `sgram` in a process of its own and tell what it cost. Shared by the benchmarks."""

import os
import re
import resource
import subprocess
import sys
import time

# The child reports its own high-water mark: ru_maxrss of a child starts at its parent's.
_CHILD = (
    "import sys, re, atexit; from pathlib import Path; from sgram.cli import main;"
    "atexit.register(lambda: print('VmHWM', re.search(r'VmHWM:\\s*(\\d+)',"
    " Path('/proc/self/status').read_text())[1], file=sys.stderr)); main(sys.argv[1:])"
)


def measured_sgram(*arguments: str, **environment: str) -> tuple[str, dict[str, float]]:
    """What ``sgram`` prints, and its wall seconds, CPU seconds and peak resident bytes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | environment,
    )
    wall = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(done.stderr)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    peak = int(re.search(r"VmHWM (\d+)", done.stderr)[1]) * 1024
    return done.stdout, {"wall": wall, "cpu": cpu, "peak": peak}
