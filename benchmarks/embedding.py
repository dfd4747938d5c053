"""Phrases a CPU second of each embedder, and how often it names the same nearest phrase as MiniLM.

    python benchmarks/embedding.py                           2,000 phrases of data/sample_traces.jsonl
    python benchmarks/embedding.py --traces FILE.jsonl.gz    phrases of other traces

Phrases are grams of 3 to 5 words, taken evenly from all of the traces' in alphabetical order. Each embedder runs
in a process of its own with one thread, encoding after it has loaded; the last row is sentence-transformers'
`encode` with its own settings on the same model. Times chunking too, not the cache.
"""

import argparse
import gzip
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MINILM = "all-MiniLM-L6-v2"
PLAIN = "sentence-transformers encode"
METHODS = (MINILM, "static", "hash", PLAIN)


def phrases_of(path: Path, count: int) -> list[str]:
    """`count` distinct grams of 3 to 5 words of the traces in a JSONL file."""
    from sgram.text import find_sentences

    grams = set()
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
        for line in lines:
            row = json.loads(line)
            for words in find_sentences(row.get("text") or row.get("response") or ""):
                for n in (3, 4, 5):
                    grams |= {" ".join(words[at : at + n]) for at in range(len(words) - n + 1)}
    ordered = sorted(grams)
    step = max(len(ordered) / count, 1.0)
    return [ordered[int(place * step)] for place in range(min(count, len(ordered)))]


def measure(method: str, phrases_path: str, vectors_path: str) -> None:
    """Encode in this process; vectors go to a file, the figures to stdout."""
    import numpy as np

    from sgram.mining.embed import embed_texts, get_embedder

    phrases = json.loads(Path(phrases_path).read_text())
    clock = time.process_time()
    embedder = get_embedder(MINILM if method == PLAIN else method)
    embedder.encode(["warm up"])
    loading, clock = time.process_time() - clock, time.process_time()
    if method == PLAIN:
        vectors = embedder._model.encode(phrases, normalize_embeddings=True, show_progress_bar=False)
    else:
        vectors = embed_texts(phrases, embedder)
    seconds = time.process_time() - clock
    np.save(vectors_path, vectors)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"rate": len(phrases) / seconds, "loading": loading, "peak": peak}))


def agreement(vectors_path: str, reference_path: str) -> None:
    """Share of phrases with the same nearest other phrase in both."""
    import numpy as np

    def nearest(path):
        vectors = np.load(path)
        cosines = vectors @ vectors.T
        np.fill_diagonal(cosines, -2)
        return cosines.argmax(axis=1)

    print(json.dumps({"agreement": float((nearest(vectors_path) == nearest(reference_path)).mean())}))


def child(*arguments: str) -> dict:
    """What a process of this file prints, run with one thread."""
    one = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"), "1")
    environment = {**os.environ, **one, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, __file__, "--child", *arguments]
    return json.loads(subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout)


def main() -> None:
    """Flags, or the part of a child."""
    if sys.argv[1:2] == ["--child"]:
        {"measure": measure, "agreement": agreement}[sys.argv[2]](*sys.argv[3:])
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--traces", type=Path, default=ROOT / "data" / "sample_traces.jsonl")
    parser.add_argument("--phrases", type=int, default=2000)
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    phrases = phrases_of(options.traces, options.phrases)
    print(f"\n{len(phrases):,} phrases of {options.traces.name}\n")
    print("| embedder | phrases a CPU s | times MiniLM | loading CPU s | peak MB | same nearest phrase as MiniLM |")
    print("|---|--:|--:|--:|--:|--:|")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "phrases.json").write_text(json.dumps(phrases))
        base = None
        for method in METHODS:
            vectors = f"{folder}/{method}.npy"
            figures = child("measure", method, f"{folder}/phrases.json", vectors)
            figures |= child("agreement", vectors, f"{folder}/{MINILM}.npy")
            base = base or figures["rate"]
            print(
                f"| {method} | {figures['rate']:,.0f} | {figures['rate'] / base:.2f} | {figures['loading']:.1f} "
                f"| {figures['peak']:,.0f} | {figures['agreement']:.1%} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
