"""What does mining all real traces cost, from a cold start, embeddings included?

    python benchmarks/mining.py
    python benchmarks/mining.py --against CHECKOUT [--rounds 5]

Runs ``sgram mine ../shared/data/traces`` with default settings three times in processes of their own: once with
nothing compiled (an empty numba cache), then twice warm, with 2 workers and with 1. The digest must be one.

Second form: this checkout and another one, such as that of an earlier commit, in turn, warm, with 2 workers.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parent))
from corpora import SHARED
from processes import measured_sgram

HERE = Path(__file__).parents[1]


def mined(folder: str, cache: str, workers: int, checkout: Path = HERE) -> dict:
    """One run of `checkout` in a process of its own."""
    out, used = measured_sgram(
        "mine",
        str(SHARED / "traces"),
        "--json",
        "--runs",
        folder,
        "--workers",
        str(workers),
        NUMBA_CACHE_DIR=cache,
        PYTHONPATH=str(checkout),
        PYTHONSAFEPATH="1",  # not the package of the current folder
    )
    return json.loads(out) | used


def compare_with(other: Path, rounds: int) -> None:
    """Run this checkout and another one in turn; print medians and the ratio of the wall times."""
    runs: dict[str, list[dict]] = {"other": [], "this": []}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds + 1):
            for name, checkout in (("other", other), ("this", HERE)):
                run = mined(f"{folder}/{name}-{number}", f"{folder}/numba-{name}", 2, checkout)
                if number:  # the first compiles
                    runs[name].append(run)
    print("| checkout | wall s | CPU s | peak RSS MiB |")
    print("|---|--:|--:|--:|")
    for name, measured in runs.items():
        wall, cpu, peak = (median(run[figure] for run in measured) for figure in ("wall", "cpu", "peak"))
        print(f"| {name} | {wall:.1f} | {cpu:.1f} | {peak / 2**20:.0f} |")
    ratios = [here["wall"] / there["wall"] for here, there in zip(runs["this"], runs["other"], strict=True)]
    digests = {run["digest"] for measured in runs.values() for run in measured}
    print(f"\nwall time, this by other: median {median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")
    print(f"same digest: {'yes' if len(digests) == 1 else 'NO'}")


def main() -> None:
    """Three runs, one table; or two checkouts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", type=Path, help="another checkout of sgram")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if not (SHARED / "traces").exists():
        raise SystemExit(f"no traces under {SHARED}: this benchmark needs them")
    if options.against is not None:
        compare_with(options.against.resolve(), options.rounds)
        return
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
