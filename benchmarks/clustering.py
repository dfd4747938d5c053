"""Communities of planted vectors: sgram beside sentence-transformers, CPU time, added memory, same labels.

    python benchmarks/clustering.py            n = 10,000
    python benchmarks/clustering.py --large    n = 10,000 and 50,000

Planted: 60 % of the rows in clusters of about 22, squared cosine to the center uniform over .62 to .92; 30 % of
the clusters in pairs whose centers have cosine .70, with bridge points (4 % of the rows) between them; the rest
background. Each method runs in a process of its own with one thread; compiling and imports come before the clock.
Rows are the keys, so that ties fall as they do in sentence-transformers, and the communities must be the same.
Does not measure real phrases; `--vectors FILE.npy` does.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

THRESHOLD, MIN_SIZE = 0.70, 5
METHODS = ("sentence-transformers", "sgram exact", "sgram pruned", "sgram")
ROOT = Path(__file__).resolve().parents[1]


def planted(n: int, seed: int = 0, width: int = 384):
    """Rows as the module's docstring describes them, shuffled."""
    import numpy as np

    rng = np.random.default_rng(seed)

    def unit(rows):
        return rows / np.linalg.norm(rows, axis=-1, keepdims=True)

    def around(center, size):
        squared = rng.uniform(0.62, 0.92, (size, 1))
        away = rng.standard_normal((size, width))
        away = unit(away - (away @ center)[:, None] * center)
        return np.sqrt(squared) * center + np.sqrt(1 - squared) * away

    parts, bridges, planted_rows = [], [], 0
    while planted_rows < 0.6 * n:
        center = unit(rng.standard_normal(width))
        centers = [center]
        if rng.random() < 0.3 / (2 - 0.3):  # a draw makes one cluster or two
            away = rng.standard_normal(width)
            centers.append(0.7 * center + np.sqrt(1 - 0.49) * unit(away - (away @ center) * center))
            bridges.append(unit(centers[0] + centers[1]))
        for one in centers:
            size = 5 + int(rng.geometric(1 / 17))
            parts.append(around(one, size))
            planted_rows += size
    parts += [around(bridges[place % len(bridges)], 1) for place in range(int(0.04 * n))]
    rows = np.concatenate(parts)[:n]
    rows = np.concatenate([rows, unit(rng.standard_normal((n - len(rows), width)))])
    return rng.permutation(rows).astype(np.float32)


def communities_of(method: str, vectors):
    """Labels that `method` gives, -1 for none."""
    import numpy as np

    if method == "sentence-transformers":
        from sentence_transformers.util import community_detection

        labels = np.full(len(vectors), -1, dtype=np.int64)
        for label, members in enumerate(community_detection(vectors, threshold=THRESHOLD, min_community_size=MIN_SIZE)):
            labels[members] = label
        return labels
    from sgram.mining.cluster import find_communities

    limit = {"sgram exact": {"exact_limit": len(vectors)}, "sgram pruned": {"exact_limit": 0}, "sgram": {}}[method]
    return find_communities(vectors, threshold=THRESHOLD, min_size=MIN_SIZE, keys=range(len(vectors)), **limit)


def measure(method: str, vectors_path: str, labels_path: str) -> None:
    """Run one method in this process; labels go to a file, the figures to stdout."""
    import numpy as np

    vectors = np.load(vectors_path)
    communities_of(method, vectors[:300])  # imports and compiles
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    clock = time.process_time()
    labels = communities_of(method, vectors)
    seconds = time.process_time() - clock
    added = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    np.save(labels_path, labels)
    print(json.dumps({"seconds": seconds, "added": added / 1024}))


def same_rows(labels_path: str, reference_path: str) -> None:
    """Share of rows whose community has the same members in both; a row in none is a community of its own."""
    import numpy as np

    def alone(labels):
        return np.where(labels < 0, labels.max() + 1 + np.arange(len(labels)), labels)

    ours, theirs = alone(np.load(labels_path)), alone(np.load(reference_path))
    _, ours, our_sizes = np.unique(ours, return_inverse=True, return_counts=True)
    _, theirs, their_sizes = np.unique(theirs, return_inverse=True, return_counts=True)
    _, both, sizes = np.unique(ours * len(their_sizes) + theirs, return_inverse=True, return_counts=True)
    same = (sizes[both] == our_sizes[ours]) & (sizes[both] == their_sizes[theirs])
    print(json.dumps({"same": float(same.mean()), "communities": int(np.load(labels_path).max()) + 1}))


def child(*arguments: str) -> dict:
    """What a process of this file prints, run with one thread."""
    one = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    environment = {**os.environ, **one, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, __file__, "--child", *arguments]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout or "{}")


def table(n: int, vectors: str | None) -> None:
    """Print one table. This process stays small: a child's peak counts what its parent held."""
    print(f"\n{n:,} rows, threshold {THRESHOLD}, at least {MIN_SIZE} members\n")
    print("| method | CPU s | times faster | added MB | communities | rows in the same community |")
    print("|---|--:|--:|--:|--:|--:|")
    with tempfile.TemporaryDirectory() as folder:
        rows = vectors or f"{folder}/rows.npy"
        if vectors is None:
            child("planted", str(n), rows)
        reference, slowest = f"{folder}/{METHODS[0]}.npy", None
        for method in METHODS:
            labels = f"{folder}/{method}.npy"
            figures = child("measure", method, rows, labels) | child("same", labels, reference)
            slowest = slowest or figures["seconds"]
            print(
                f"| {method} | {figures['seconds']:.2f} | {slowest / figures['seconds']:.1f} | {figures['added']:.0f} "
                f"| {figures['communities']:,} | {figures['same']:.2%} |",
                flush=True,
            )


def main() -> None:
    """Flags, or the part of a child."""
    if sys.argv[1:2] == ["--child"]:
        part, *arguments = sys.argv[2:]
        if part == "planted":
            import numpy as np

            np.save(arguments[1], planted(int(arguments[0])))
        else:
            {"measure": measure, "same": same_rows}[part](*arguments)
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--large", action="store_true", help="50,000 rows too (about a minute)")
    parser.add_argument("--vectors", help="an .npy file of vectors to cluster instead of planted ones")
    options = parser.parse_args()
    if options.vectors:
        import numpy as np

        table(len(np.load(options.vectors, mmap_mode="r")), options.vectors)
        return
    for n in (10_000, 50_000) if options.large else (10_000,):
        table(n, None)


if __name__ == "__main__":
    main()
