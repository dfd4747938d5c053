"""What does mining all real traces cost, from a cold start, embeddings included?

    python benchmarks/mining.py

Runs ``sgram mine ../shared/data/traces`` with default settings three times in processes of their own: once with
nothing compiled (an empty numba cache), then twice warm, with 2 workers and with 1. The digest must be one.
"""

import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from corpora import SHARED
from processes import measured_sgram


def mined(folder: str, cache: str, workers: int) -> dict:
    """One run in a process of its own."""
    out, used = measured_sgram(
        "mine", str(SHARED / "traces"), "--json", "--runs", folder, "--workers", str(workers), NUMBA_CACHE_DIR=cache
    )
    return json.loads(out) | used


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
        print(f"| {name} | {run['wall']:.1f} | {run['cpu']:.1f} | {run['peak'] / 2**20:.0f} | {same} |")


if __name__ == "__main__":
    main()
