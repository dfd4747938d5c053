"""Score rollouts with a local model into a file, in parts, so that an interrupted job can resume."""

import hashlib
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import sgram
from sgram.errors import UsageError
from sgram.files import canonical_json, digest, excerpt, write_bytes
from sgram.run_directory import RunDirectory
from sgram.traces import Trace, TraceReader, write_traces

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from sgram.scoring.log_probs import ScoringConfig
    from sgram.training.models import LoadedModel

TRACES_PER_PART = 64
_TIMED_TOKENS = 256
"""About the length of the sequence by which `estimate_cost` measures speed."""


@dataclass(frozen=True, slots=True)
class ScoredFile:
    """The file that `score_file` wrote."""

    path: Path
    tokenizer: Path
    """The model's tokenizer.json beside the file, with which its planning tokens can be found."""
    n_traces: int
    n_scored: int
    """Traces with log-probabilities and entropies; the others are too long, or empty."""
    n_reused: int
    """Traces in parts that an earlier, interrupted job wrote."""


@dataclass(frozen=True, slots=True)
class ScoringCost:
    """What scoring would cost; the field names are those of ``sgram metrics --dry-run --json``."""

    traces: int
    tokens: int
    """Tokens of prompts and responses that would go through the model."""
    too_long: int
    seconds: float | None
    memory: int
    """Bytes: weights, logits of a window, keys and values of the longest sequence."""


def score_file(
    reader: TraceReader,
    loaded: "LoadedModel",
    output: Path,
    config: "ScoringConfig",
    report_progress: Callable[[int], None] = lambda n_traces: None,
) -> ScoredFile:
    """Score every trace of `reader` and write them to `output`, with the tokenizer beside it.

    Parts of an interrupted job are in ``<output>.parts/`` under a digest of the model, the settings and the part's
    traces. The same command resumes after them; another command never uses them. `report_progress` is called with the
    number of traces so far. Raise `UsageError` if `output` has no format for rollouts.
    """
    from sgram.scoring.log_probs import score_traces

    check_format(output)
    parts_folder = Path(f"{output}.parts")
    identity = {"verb": "score", "model": model_digest(loaded), "scoring": asdict(config), "sgram": sgram.__version__}
    run = RunDirectory.open(parts_folder, "score", identity)
    part_paths: list[Path] = []
    n_traces, n_scored, n_reused = 0, 0, 0
    for traces in _split_into_parts(reader):
        part_digest = digest(canonical_json([[trace.id, trace.prompt, trace.text] for trace in traces]))
        part_path = run.part(f"part-{part_digest[:24]}.jsonl.gz")
        if part_path.exists():
            n_reused += len(traces)
        else:
            write_traces(score_traces(traces, loaded, config), part_path)
        part_paths.append(part_path)
        n_traces += len(traces)
        report_progress(n_traces)

    def read_parts() -> Iterator[Trace]:
        nonlocal n_scored
        for part_path in part_paths:
            for trace in TraceReader(part_path, "sgram", "raise"):
                n_scored += trace.entropies is not None
                yield trace

    write_traces(read_parts(), output)
    tokenizer_path = Path(f"{output}.tokenizer.json")
    write_bytes(tokenizer_path, loaded.tokenizer.backend_tokenizer.to_str().encode())
    shutil.rmtree(parts_folder)
    return ScoredFile(output, tokenizer_path, n_traces, n_scored, n_reused)


def check_format(output: Path) -> None:
    """Raise `UsageError` unless the name of `output` ends in a format for rollouts.

    >>> check_format(Path("scored.jsonl.gz"))
    >>> check_format(Path("scored.csv"))
    Traceback (most recent call last):
    sgram.errors.UsageError: -o scored.csv: rollouts are written as .jsonl, .jsonl.gz, .jsonl.zst or .parquet
    """
    name = str(output).lower().removesuffix(".gz").removesuffix(".zst")
    if not name.endswith((".jsonl", ".ndjson", ".parquet")):
        raise UsageError(f"-o {excerpt(output)}: rollouts are written as .jsonl, .jsonl.gz, .jsonl.zst or .parquet")


def _split_into_parts(reader: TraceReader) -> Iterator[list[Trace]]:
    traces = iter(reader)
    while part := list(islice(traces, TRACES_PER_PART)):
        yield part


def model_digest(loaded: "LoadedModel") -> str:
    """Return a digest of the weights: of a sample of each tensor, and of all names, shapes and types."""
    weights = hashlib.sha256()
    for name, tensor in sorted(loaded.model.state_dict().items()):
        flat = tensor.detach().reshape(-1)
        sample = flat[:: max(1, len(flat) // 64)].float().cpu().numpy().tobytes()
        weights.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode() + sample)
    return weights.hexdigest()


def estimate_cost(traces: Iterable[Trace], loaded: "LoadedModel", config: "ScoringConfig") -> ScoringCost:
    """Return what scoring would cost, from the speed of one short sequence. Nothing is written.

    >>> from sgram.scoring.log_probs import ScoringConfig
    >>> from sgram.testbed import TestbedConfig, WarmUpConfig, make_tokenizer
    >>> from sgram.testbed.warmup import make_model
    >>> from sgram.training.models import LoadedModel
    >>> tokenizer = make_tokenizer(TestbedConfig())
    >>> loaded = LoadedModel(make_model(tokenizer, WarmUpConfig()), tokenizer)
    >>> cost = estimate_cost([Trace(id="a", text="The answer is 3.")], loaded, ScoringConfig(max_length=2))
    >>> cost.traces, cost.tokens, cost.too_long
    (1, 0, 1)
    """
    from sgram.scoring.log_probs import LOGIT_BYTES, encode_trace, max_sequence_length, score_traces

    n_traces, n_tokens, n_too_long, max_length = 0, 0, 0, 0
    longest: Trace | None = None
    limit = max_sequence_length(loaded, config)
    for trace in traces:
        length = encode_trace(trace, loaded.tokenizer, config).length
        n_traces += 1
        if length > limit:
            n_too_long += 1
            continue
        n_tokens += length
        max_length = max(max_length, length)
        if longest is None or len(trace.text) > len(longest.text):
            longest = trace
    seconds = None
    if longest is not None:
        sample = Trace(id="sample", prompt=None, text=longest.text[: 4 * _TIMED_TOKENS])
        length = encode_trace(sample, loaded.tokenizer, config).length
        score_traces([sample], loaded, config)  # the first pass also allocates memory
        start = time.perf_counter()
        score_traces([sample], loaded, config)
        seconds = (time.perf_counter() - start) / max(1, length) * n_tokens
    memory = _weight_bytes(loaded.model) + LOGIT_BYTES + _cache_bytes(loaded.model, max_length)
    return ScoringCost(n_traces, n_tokens, n_too_long, seconds, memory)


def _weight_bytes(model: "PreTrainedModel") -> int:
    return sum(parameter.numel() * parameter.element_size() for parameter in model.parameters())


def _cache_bytes(model: "PreTrainedModel", length: int) -> int:
    """Return the bytes of the keys and values of a sequence of `length` tokens."""
    config = model.config.get_text_config()
    head_size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    n_heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    number_size = next(model.parameters()).element_size()
    return int(2 * config.num_hidden_layers * length * n_heads * head_size * number_size)
