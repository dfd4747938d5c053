"""How long does tagging take where the ids are, on a CUDA device, and is the mask the CPU's?

    python benchmarks/tagging_gpu.py [--budget 240] [--out FILE.md]
    python benchmarks/tagging_gpu.py --device cpu --small

Needs one NVIDIA GPU and `pip install -e ".[gpu]" tokenizers`. With litellm (``--no-deps litellm==1.109.1``) the
tokenizer is DeepSeek's, else a BPE trained on the texts; without ../shared/data the texts are the shipped sample.

Batches of B rows of T ids of R1-like traces, one piece a T. Times are CUDA events around a call, median of 100 after
10, eager and replayed from a CUDA graph; "host us" is what an eager call keeps the Python thread. Every size is checked
bit by bit against the CPU's mask: eager, with an attention mask, and a graph captured on one batch and replayed on
another.
Eager calls are also made under ``torch.cuda.set_sync_debug_mode("error")``, where whatever waits for the device
raises. "bytes" are what a call cannot do without: ids, mask, one row of 16 bytes for each different token, the
lexicon's tables once; beside it how long they take at the bandwidth measured here by copying 1 GiB.

The masks of sentences are the host's work, wherever the ids are: a piece of its own times them with both copies.

A piece that is done is in reports/tagging_gpu; the same call goes on after it. Exit code 0 when all are, 75 when some
are left, 1 when a mask differs, 2 without a GPU or a package. On a CPU there are no graphs and no bandwidth.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cached_property, partial
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from gpu_pieces import Machine, Result, Settings, finish, open_machine, read_settings, run_pieces

MODULES = {"numpy": "numpy", "numba": "numba", "orjson": "orjson", "torch": "torch", "tokenizers": "tokenizers"}
"""Imported module -> package."""
KINDS = ("grams", "sentences", "grams-in-sentences")


@dataclass(frozen=True)
class Sizes:
    """What is measured."""

    rows: tuple[int, ...]
    lengths: tuple[int, ...]
    sentences: tuple[int, int]
    grams: int
    warm_up: int
    runs: int
    n_texts: int | None


FULL = Sizes((1, 8, 64, 256, 512), (512, 4096, 16384), (64, 4096), 2000, 10, 100, None)
SMALL = Sizes((1, 4), (64, 256), (4, 256), 300, 1, 3, 8)


class Bench:
    """Tokenizer, lexicon and ids, made when a piece first needs them."""

    def __init__(self, settings: Settings) -> None:
        self.device = settings.device
        self.sizes = SMALL if settings.small else FULL

    @cached_property
    def texts(self) -> tuple[list[str], str]:
        """R1-like responses, and where they are from."""
        from tagging_inputs import training_texts

        texts, source = training_texts()
        return texts[: self.sizes.n_texts], source

    @cached_property
    def tokenizer(self) -> tuple[Any, str]:
        """The tokenizer and its name."""
        from tagging_inputs import training_tokenizer

        return training_tokenizer(self.texts[0][:300])

    @cached_property
    def lexicon(self) -> Any:
        """The published list and frequent grams of the texts."""
        from tagging_inputs import lexicons

        return next(iter(lexicons(self.texts[0], [self.sizes.grams]).values()))

    @cached_property
    def tagger(self) -> Any:
        """The tagger of grams, compiled for the CPU."""
        from sgram.tagging.tagger import PlanningTagger

        tagger = PlanningTagger(self.lexicon, self.tokenizer[0], device=self.device)
        tagger(self.ids[:100])
        return tagger

    @cached_property
    def table_bytes(self) -> int:
        """Bytes of the lexicon's tables."""
        from sgram.tagging.kernel.automaton import Automaton

        automaton = Automaton.from_lexicon(self.lexicon)
        tables = [getattr(automaton, field.name) for field in fields(automaton)]
        return sum(table.nbytes for table in tables if hasattr(table, "nbytes"))  # names of moves have none

    @cached_property
    def ids(self) -> Any:
        """Ids for the largest batch."""
        from tagging_inputs import batch

        largest = max(max(self.sizes.rows) * max(self.sizes.lengths), self.sizes.sentences[0] * self.sizes.sentences[1])
        return batch(self.tokenizer[0], self.texts[0], 1, largest).ravel()

    def shaped(self, rows: int, length: int) -> tuple[Any, Any]:
        """Two batches of a size: the first ids, and others."""
        import numpy as np

        other = np.roll(self.ids, len(self.ids) // 3 + 1)
        first, second = (np.ascontiguousarray(ids[: rows * length].reshape(rows, length)) for ids in (self.ids, other))
        return first, second

    def about(self) -> Result:
        """What the figures are of."""
        return {
            "grams": len(self.lexicon.grams),
            "table_bytes": self.table_bytes,
            "tokenizer": self.tokenizer[1],
            "vocabulary": len(self.tagger.vocabulary.tokens),
            "texts": self.texts[1],
        }

    # -- clocks -----------------------------------------------------------------------------------------

    def seconds(self, work: Callable[[], object]) -> float:
        """Median seconds of `work` on the device: between events around it, on the CPU by the clock."""
        import torch

        for _ in range(self.sizes.warm_up):
            work()
        if self.device == "cpu":
            return self.host_seconds(work)
        events = [
            (torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)) for _ in range(self.sizes.runs)
        ]
        for start, end in events:
            start.record()
            work()
            end.record()
        torch.cuda.synchronize()
        return median(start.elapsed_time(end) for start, end in events) / 1e3

    def host_seconds(self, work: Callable[[], object], runs: int | None = None) -> float:
        """Median seconds that the Python thread spends in `work`, the device idle before each call."""
        spent = []
        for _ in range(runs or self.sizes.runs):
            self.synchronize()
            start = time.perf_counter()
            work()
            spent.append(time.perf_counter() - start)
        return median(spent)

    def synchronize(self) -> None:
        """Wait for the device."""
        import torch

        if self.device == "cuda":
            torch.cuda.synchronize()

    def without_waiting(self, work: Callable[[], Any]) -> Any:
        """Result of `work`, which must not wait for the device."""
        import torch

        if self.device == "cpu":
            return work()
        torch.cuda.synchronize()
        torch.cuda.set_sync_debug_mode("error")
        try:
            return work()
        finally:
            torch.cuda.set_sync_debug_mode("default")

    # -- pieces -----------------------------------------------------------------------------------------

    def measure_bandwidth(self) -> Result:
        """Bytes a second, read and written, of copying 1 GiB on the device."""
        import torch

        if self.device == "cpu":
            return {"bytes_per_second": None}
        source = torch.empty(1 << 30, dtype=torch.uint8, device="cuda")
        target = torch.empty_like(source)
        return {"bytes_per_second": 2 * source.numel() / self.seconds(lambda: target.copy_(source))}

    def measure_length(self, length: int) -> Result:
        """All batches of rows of `length` ids."""
        rows = [self._measure_size(*self.shaped(n_rows, length)) for n_rows in self.sizes.rows]
        return {**self.about(), "sizes": rows}

    def _measure_size(self, ids: Any, other: Any) -> Result:
        """One size: how many tokens differ from the CPU's in each way of calling, and how long it takes."""
        import numpy as np
        import torch

        on_device = torch.from_numpy(ids).to(self.device)
        self.tagger(on_device)  # compiles for this size
        expected = self.tagger(ids)
        differing = _differing(self.without_waiting(lambda: self.tagger(on_device)), expected)
        attended = np.arange(ids.shape[1]) >= np.random.default_rng(0).integers(0, ids.shape[1], (len(ids), 1))
        padded = torch.from_numpy(attended).to(self.device)
        masked = self.without_waiting(lambda: self.tagger(on_device, padded))
        differing += _differing(masked, self.tagger(ids, attended))
        graph_seconds = None
        if self.device == "cuda":
            replay, captured = self._capture(on_device, other)
            differing += _differing(captured, self.tagger(other))
            graph_seconds = self.seconds(replay)
        return {
            "rows": ids.shape[0],
            "length": ids.shape[1],
            "marked": int(expected.sum()),
            "differing": differing,
            "eager_seconds": self.seconds(lambda: self.tagger(on_device)),
            "host_seconds": self.host_seconds(lambda: self.tagger(on_device)),
            "graph_seconds": graph_seconds,
            "cpu_seconds": self.host_seconds(lambda: self.tagger(ids), runs=5),
            "bytes": ids.nbytes + ids.size + 16 * len(np.unique(ids)) + self.table_bytes,
        }

    def _capture(self, on_device: Any, other: Any) -> tuple[Callable[[], None], Any]:
        """(replay, its mask) of a graph that was captured on one batch and replayed on another."""
        import torch

        static = on_device.clone()
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                self.tagger(static)
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            captured = self.tagger(static)
        static.copy_(torch.from_numpy(other))
        graph.replay()
        torch.cuda.synchronize()
        return graph.replay, captured.clone()

    def measure_kinds(self) -> Result:
        """Masks of all kinds for ids on the device, copies to the host and back included."""
        import warnings

        import torch

        from sgram.tagging.tagger import PlanningTagger

        ids, _ = self.shaped(*self.sizes.sentences)
        on_device = torch.from_numpy(ids).to(self.device)
        rows = []
        for kind in KINDS:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # it says that the host does the work, as the table does
                tagger: Any = PlanningTagger(self.lexicon, self.tokenizer[0], mask=kind)  # type: ignore[arg-type]
                expected = tagger(ids)
                differing = _differing(tagger(on_device), expected)

                def work(tagger: Any = tagger) -> None:
                    tagger(on_device)
                    self.synchronize()

                rows.append(
                    {
                        "kind": kind,
                        "marked": int(expected.sum()),
                        "differing": differing,
                        "device_seconds": self.host_seconds(work),
                        "cpu_seconds": self.host_seconds(partial(tagger, ids)),
                    }
                )
        return {**self.about(), "rows": ids.shape[0], "length": ids.shape[1], "kinds": rows}


def _differing(mask: Any, expected: Any) -> int:
    """Number of tokens whose mask is not the expected one."""
    return int((mask.cpu().numpy() != expected).sum())


def tables(machine: Machine, found: dict[str, Result]) -> str:
    """The markdown text of what was measured so far."""
    lines = [f"{machine}", ""]
    rate = found.get("bandwidth", {}).get("bytes_per_second")
    if rate:
        lines += [f"Copying 1 GiB on the device: {rate / 1e12:.2f} TB/s read and written.", ""]
    lengths = [result for name, result in found.items() if name.startswith("length-")]
    for result in [*lengths, *(found[name] for name in ("kinds",) if name in found)][:1]:
        lines += [
            f"{result['grams']:,} grams ({result['table_bytes'] / 1e6:.2f} MB of tables), {result['tokenizer']} "
            f"({result['vocabulary']:,} ids), {result['texts']}.",
            "",
        ]
    if lengths:
        lines += [
            "| B | T | tokens | eager us | host us | graph us | M tokens / s | bytes MB | us at that bandwidth "
            "| CPU us | differing tokens |",
            "|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
        ]
    for result in lengths:
        lines += [_size_row(row, rate) for row in result["sizes"]]
    if "kinds" in found:
        result = found["kinds"]
        lines += [
            "",
            f"{result['rows']} x {result['length']:,} ids on the device, from call to mask on the device:",
            "",
            "| mask | ms | ids on the host, ms | marked | differing tokens |",
            "|---|--:|--:|--:|--:|",
        ]
        for row in result["kinds"]:
            share = row["marked"] / (result["rows"] * result["length"])
            lines.append(
                f"| {row['kind']} | {1e3 * row['device_seconds']:.2f} | {1e3 * row['cpu_seconds']:.2f} | {share:.1%} "
                f"| {row['differing']} |"
            )
    if machine.device == "cuda" and lengths:
        lines += ["", 'No eager call waited for the device (sync debug mode "error").']
    return "\n".join(lines) + "\n"


def _size_row(row: Result, rate: float | None) -> str:
    n_tokens = row["rows"] * row["length"]
    best = row["graph_seconds"] or row["eager_seconds"]
    times = [row["eager_seconds"], row["host_seconds"], row["graph_seconds"]]
    shown = " | ".join("-" if seconds is None else f"{1e6 * seconds:,.1f}" for seconds in times)
    least = f"{1e6 * row['bytes'] / rate:,.1f}" if rate else "-"
    return (
        f"| {row['rows']} | {row['length']:,} | {n_tokens:,} | {shown} | {n_tokens / best / 1e6:,.0f} "
        f"| {row['bytes'] / 1e6:.2f} | {least} | {1e6 * row['cpu_seconds']:,.0f} | {row['differing']} |"
    )


def main() -> int:
    """Take the pieces that are left, print the tables."""
    started = time.monotonic()
    settings = read_settings("tagging_gpu", (__doc__ or "").splitlines()[0])
    modules = MODULES | ({"triton": "triton"} if settings.device == "cuda" else {})
    machine = open_machine(settings, modules, '".[gpu]" tokenizers')
    bench = Bench(settings)
    pieces: dict[str, Callable[[], Result]] = {"bandwidth": bench.measure_bandwidth}
    pieces |= {f"length-{length}": partial(bench.measure_length, length) for length in bench.sizes.lengths}
    pieces["kinds"] = bench.measure_kinds
    found = run_pieces(pieces, machine, settings, started)
    rows = [row for result in found.values() for row in (*result.get("sizes", ()), *result.get("kinds", ()))]
    is_right = not any(row["differing"] for row in rows)
    return finish(
        tables(machine, found), is_right, len(pieces) - len(found), settings, "a mask on the device is not the CPU's"
    )


if __name__ == "__main__":
    sys.exit(main())
