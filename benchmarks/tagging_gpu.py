"""How long does tagging take where the ids are, on a CUDA device, and is the mask the CPU's?

    python benchmarks/tagging_gpu.py [--out FILE.md] [--grams 2000] [--largest 8388608]

Batches of B rows of T ids of R1-like traces (DeepSeek's tokenizer where litellm is installed, else a BPE trained on
the texts), B from 1 to 512, T from 512 to 16,384. Times are CUDA events around a call, median of 100 after 10, eager
and replayed from a CUDA graph; "host us" is what an eager call keeps the Python thread. Every size is checked bit by
bit against the CPU's mask: eager, with an attention mask, and a graph captured on one batch and replayed on another.
Eager calls are also made under ``torch.cuda.set_sync_debug_mode("error")``, where whatever waits for the device
raises.

"bytes" are what a call cannot do without: ids, mask, one row of 16 bytes for each different token, the lexicon's tables
once; beside it how long they take at the bandwidth measured here by copying 1 GiB. Exit code 2 without CUDA or Triton.
"""

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from tagging_inputs import batch, lexicons, machine, training_texts, training_tokenizer

from sgram.lexicon import Lexicon
from sgram.tagging.kernel.automaton import Automaton
from sgram.tagging.tagger import PlanningTagger

ROWS, LENGTHS = (1, 8, 64, 256, 512), (512, 4096, 16384)
WARM_UP, RUNS = 10, 100


class Timing(NamedTuple):
    """One size."""

    shape: tuple[int, int]
    eager: float
    """Seconds between the events."""
    host: float
    """Seconds until the call returns."""
    graph: float
    """Seconds between the events, replayed."""
    bytes: int
    equal: bool


def device_or_exit():
    """torch with a CUDA device and Triton, or exit code 2 and a sentence."""
    try:
        import torch
    except ImportError:
        _leave("this benchmark needs torch with CUDA; torch is not installed")
    if not torch.cuda.is_available():
        _leave("this benchmark needs a CUDA device; torch finds none here")
    try:
        import triton  # noqa: F401
    except ImportError:
        _leave("this benchmark needs Triton, which runs the tagger on the device; pip install triton")
    return torch


def _leave(why: str) -> None:
    print(why, file=sys.stderr)
    raise SystemExit(2)


def event_seconds(torch, work: Callable[[], object]) -> float:
    """Median seconds between events around `work`."""
    for _ in range(WARM_UP):
        work()
    events = [(torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)) for _ in range(RUNS)]
    for start, end in events:
        start.record()
        work()
        end.record()
    torch.cuda.synchronize()
    return median(start.elapsed_time(end) for start, end in events) / 1e3


def host_seconds(torch, work: Callable[[], object]) -> float:
    """Median seconds that the Python thread spends in `work`, the device idle before each call."""
    spent = []
    for _ in range(RUNS):
        torch.cuda.synchronize()
        start = time.perf_counter()
        work()
        spent.append(time.perf_counter() - start)
    return median(spent)


def without_waiting(torch, work: Callable[[], object]) -> object:
    """Result of `work`, which must not wait for the device."""
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        return work()
    finally:
        torch.cuda.set_sync_debug_mode("default")


def bandwidth(torch) -> float:
    """Bytes a second, read and written, of copying 1 GiB on the device."""
    source = torch.empty(1 << 30, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    return 2 * source.numel() / event_seconds(torch, lambda: target.copy_(source))


def measure(torch, tagger: PlanningTagger, ids: np.ndarray, other: np.ndarray, table_bytes: int) -> Timing:
    """One size: equal to the CPU in every way of calling, and how long it takes."""
    on_device = torch.from_numpy(ids).cuda()
    tagger(on_device)  # compiles for this size
    eager = without_waiting(torch, lambda: tagger(on_device))
    equal = _same(eager, tagger(ids))

    attended = np.arange(ids.shape[1]) >= np.random.default_rng(0).integers(0, ids.shape[1], (len(ids), 1))
    padded = torch.from_numpy(attended).cuda()
    equal &= _same(without_waiting(torch, lambda: tagger(on_device, padded)), tagger(ids, attended))

    static = on_device.clone()
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            tagger(static)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        captured = tagger(static)
    static.copy_(torch.from_numpy(other))
    graph.replay()
    equal &= _same(captured, tagger(other))
    n_bytes = ids.nbytes + ids.size + 16 * len(np.unique(ids)) + table_bytes
    return Timing(
        ids.shape,
        event_seconds(torch, lambda: tagger(on_device)),
        host_seconds(torch, lambda: tagger(on_device)),
        event_seconds(torch, graph.replay),
        n_bytes,
        equal,
    )


def _same(found, expected: np.ndarray) -> bool:
    return found.device.type == "cuda" and bool(np.array_equal(found.cpu().numpy(), expected))


def cpu_seconds(tagger: PlanningTagger, ids: np.ndarray) -> float:
    """Median wall seconds of the CPU's tagger on the same ids, all cores, and copying them there and back left out."""
    spent = []
    for _ in range(5):
        start = time.perf_counter()
        tagger(ids)
        spent.append(time.perf_counter() - start)
    return median(spent)


def table_size(lexicon: Lexicon) -> int:
    """Bytes of the lexicon's tables."""
    automaton = Automaton.from_lexicon(lexicon)
    return sum(getattr(automaton, each.name).nbytes for each in fields(automaton))


def report(torch, timings: list[tuple[Timing, float]], about: str, rate: float) -> str:
    """The markdown text."""
    capability = ".".join(map(str, torch.cuda.get_device_capability()))
    lines = [
        f"{torch.cuda.get_device_name()}, compute capability {capability}, CUDA {torch.version.cuda}; "
        f"{machine('torch', 'triton', 'numpy')}",
        "",
        about,
        f"Copying 1 GiB on the device: {rate / 1e12:.2f} TB/s read and written.",
        "",
        "| B | T | tokens | eager us | host us | graph us | M tokens / s (graph) | bytes MB | us at that bandwidth "
        "| CPU us | same mask as the CPU |",
        "|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|",
    ]
    for timing, on_cpu in timings:
        n_rows, length = timing.shape
        times = " | ".join(f"{1e6 * each:,.1f}" for each in (timing.eager, timing.host, timing.graph))
        lines.append(
            f"| {n_rows} | {length:,} | {n_rows * length:,} | {times} | {n_rows * length / timing.graph / 1e6:,.0f} "
            f"| {timing.bytes / 1e6:.2f} | {1e6 * timing.bytes / rate:,.1f} | {1e6 * on_cpu:,.0f} "
            f"| {'yes' if timing.equal else 'NO'} |"
        )
    lines += [
        "",
        'No call waited for the device (sync debug mode "error"). Masks were compared three ways: eager, with an '
        "attention mask, and from a graph captured on one batch and replayed on another.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """One table; exit code 1 when a mask differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="also write the markdown here")
    parser.add_argument("--grams", type=int, default=2000)
    parser.add_argument("--largest", type=int, default=max(ROWS) * max(LENGTHS), help="most tokens of a batch")
    options = parser.parse_args()
    torch = device_or_exit()
    texts, source = training_texts()
    tokenizer, name = training_tokenizer(texts)
    lexicon = next(iter(lexicons(texts, [options.grams]).values()))
    tagger = PlanningTagger(lexicon, tokenizer, device="cuda")
    ids = batch(tokenizer, texts, 1, min(options.largest, max(ROWS) * max(LENGTHS))).ravel()
    other = np.roll(ids, len(ids) // 3 + 1)
    tagger(ids[:100])  # compiles for the CPU
    rate, table_bytes = bandwidth(torch), table_size(lexicon)
    timings = []
    for length in LENGTHS:
        for rows in ROWS:
            if rows * length > len(ids):
                continue
            shaped = [np.ascontiguousarray(each[: rows * length].reshape(rows, length)) for each in (ids, other)]
            timings.append((measure(torch, tagger, *shaped, table_bytes), cpu_seconds(tagger, shaped[0])))
            print(f"{rows} x {length}: {1e6 * timings[-1][0].eager:.1f} us", file=sys.stderr, flush=True)
    about = (
        f"{len(lexicon.grams):,} grams ({table_bytes / 1e6:.2f} MB of tables), {name} "
        f"({len(tagger.vocabulary.tokens):,} ids), {source}."
    )
    text = report(torch, timings, about, rate)
    print(text, end="")
    if options.out:
        options.out.write_text(text, encoding="utf-8")
    if not all(timing.equal for timing, _ in timings):
        raise SystemExit("the device's mask differs from the CPU's")


if __name__ == "__main__":
    main()
