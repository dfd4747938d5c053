"""Rollouts scored by a model, into a file, part by part: what was cut off goes on. Knows nothing of how it scores."""

import hashlib
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sgram
from sgram.errors import UsageError
from sgram.files import canonical_json, digest, excerpt, write_bytes
from sgram.run_directory import RunDirectory
from sgram.traces import Trace, TraceReader, write_traces

if TYPE_CHECKING:
    from sgram.scoring.log_probs import Scoring
    from sgram.training.models import LoadedModel

PART = 64
"""Traces of a part."""
_TRIED = 256


@dataclass(frozen=True, slots=True)
class ScoredFile:
    """What came of scoring."""

    path: Path
    tokenizer: Path
    """The model's tokenizer.json, beside the file: what planning tokens are found with."""
    traces: int
    scored: int
    """Of these, with log-probabilities and entropies; the others were too long, or empty."""
    reused: int
    """Traces of parts that an earlier try had left."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What scoring would take."""

    traces: int
    tokens: int
    """Of prompts and responses that would go through the model."""
    too_long: int
    seconds: float | None
    memory: int
    """Bytes: weights, logits of a window, keys and values of the longest sequence."""


def score_file(
    reader: TraceReader,
    loaded: "LoadedModel",
    output: Path,
    scoring: "Scoring",
    tell: Callable[[int], None] = lambda done: None,
) -> ScoredFile:
    """Score every trace of `reader` and write them to `output`, with the tokenizer beside it.

    Parts of a try that was cut off lie in ``<output>.parts/`` under the digest of the model, the settings and each
    part's traces: the same command goes on after them, and another command never takes them. `tell` gets the number of
    traces that are done.
    """
    from sgram.scoring.log_probs import score_traces

    check_format(output)
    name = str(output)
    folder = Path(f"{name}.parts")
    identity = {"verb": "score", "model": _model_digest(loaded), "scoring": asdict(scoring), "sgram": sgram.__version__}
    run = RunDirectory.open(folder, "score", identity)
    parts, total, scored, reused = [], 0, 0, 0
    for traces in _cut(reader):
        path = run.part(
            f"part-{digest(canonical_json([[each.id, each.prompt, each.text] for each in traces]))[:24]}.jsonl.gz"
        )
        if path.exists():
            reused += len(traces)
        else:
            write_traces(score_traces(traces, loaded, scoring), path)
        parts.append(path)
        total += len(traces)
        tell(total)

    def all_traces() -> Iterator[Trace]:
        nonlocal scored
        for path in parts:
            for trace in TraceReader(path, "sgram", "raise"):
                scored += trace.entropies is not None
                yield trace

    write_traces(all_traces(), output)
    tokenizer = Path(f"{name}.tokenizer.json")
    write_bytes(tokenizer, loaded.tokenizer.backend_tokenizer.to_str().encode())
    shutil.rmtree(folder)
    return ScoredFile(output, tokenizer, total, scored, reused)


def check_format(output: Path) -> None:
    """`UsageError` for a name that says no format in which rollouts are written."""
    plain = str(output).lower().removesuffix(".gz").removesuffix(".zst")
    if not plain.endswith((".jsonl", ".ndjson", ".parquet")):
        raise UsageError(
            f"-o {excerpt(output)}: scored rollouts are written as .jsonl, .jsonl.gz, .jsonl.zst or .parquet"
        )


def _cut(traces: TraceReader) -> Iterator[list[Trace]]:
    rest = iter(traces)
    while part := list(islice(rest, PART)):
        yield part


def _model_digest(loaded: "LoadedModel") -> str:
    """What stands for the weights: a digest of a few of each tensor, and of their names and shapes."""
    held = hashlib.sha256()
    for name, tensor in sorted(loaded.model.state_dict().items()):
        flat = tensor.detach().reshape(-1)
        some = flat[:: max(1, len(flat) // 64)].float().cpu().numpy().tobytes()
        held.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode() + some)
    return held.hexdigest()


def estimate(reader: Iterable[Trace], loaded: "LoadedModel", scoring: "Scoring") -> Estimate:
    """What scoring would take, by the speed of one short sequence; nothing is written."""
    from sgram.scoring.log_probs import LOGIT_BYTES, encode, longest, score_traces

    n, tokens, too_long, widest, sample = 0, 0, 0, 0, None
    limit = longest(loaded, scoring)
    for trace in reader:
        length = encode(trace, loaded.tokenizer, scoring).length
        n += 1
        if length > limit:
            too_long += 1
            continue
        tokens += length
        widest = max(widest, length)
        if sample is None or len(trace.text) > len(sample.text):
            sample = trace
    seconds = None
    if sample is not None:
        part = Trace(id="sample", prompt=None, text=sample.text[: 4 * _TRIED])
        length = encode(part, loaded.tokenizer, scoring).length
        score_traces([part], loaded, scoring)  # the first time, memory is asked for
        began = time.perf_counter()
        score_traces([part], loaded, scoring)
        seconds = (time.perf_counter() - began) / max(1, length) * tokens
    return Estimate(n, tokens, too_long, seconds, _weights(loaded.model) + LOGIT_BYTES + _cache(loaded.model, widest))


def _weights(model: Any) -> int:
    return sum(each.numel() * each.element_size() for each in model.parameters())


def _cache(model: Any, length: int) -> int:
    shape = model.config.get_text_config()
    head = getattr(shape, "head_dim", None) or shape.hidden_size // shape.num_attention_heads
    heads = getattr(shape, "num_key_value_heads", None) or shape.num_attention_heads
    size = next(model.parameters()).element_size()
    return 2 * shape.num_hidden_layers * length * heads * head * size
