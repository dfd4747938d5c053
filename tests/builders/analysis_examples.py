"""Small traces, lexicons, runs and tokenizers whose counts can be checked by hand."""

import json
from pathlib import Path
from typing import Any

from sgram.lexicon import Cluster, Gram, Lexicon
from sgram.traces import Trace, write_traces


def build_lexicon(*clusters: tuple[str, tuple[str, ...]]) -> Lexicon:
    """Return a lexicon of (move, grams); by default three clusters of backtracking, verification and deduction."""
    clusters = clusters or (
        ("backtracking", ("wait", "wait no")),
        ("verification", ("let me check",)),
        ("deduction", ("so",)),
    )
    return Lexicon.build(
        "by hand",
        [
            Cluster(0, tuple(Gram(tuple(gram.split(" "))) for gram in grams), None, grams[0], move)
            for move, grams in clusters
        ],
        {},
    )


def build_trace(id: str, text: str, **fields: Any) -> Trace:  # noqa: A002
    """Return a trace of the model "m"; without a group or prompt it has a problem of its own."""
    return Trace(id=id, text=text, **{"model": "m", **fields})


def write_rollouts(folder: Path, traces: list[Trace], name: str = "rollouts.jsonl") -> str:
    """Write traces to a file and return its path."""
    path = folder / name
    write_traces(traces, path)
    return str(path)


def write_run(
    root: Path,
    name: str,
    traces: list[Trace],
    *,
    method: str = "hicra",
    seed: int = 0,
    tokenizer: bool = False,
    ended: bool = True,
    **config: Any,
) -> Path:
    """Write the directory of a training run with these rollouts, one file a step, and return its path."""
    directory = root / f"train-{name}"
    (directory / "rollouts").mkdir(parents=True)
    run_file = {"verb": "train", "config": {"method": method, "seed": seed, **config}, "sgram": "0", "versions": {}}
    (directory / "run.json").write_text(json.dumps(run_file))
    build_lexicon().save(directory / "lexicon.json")
    if ended:
        (directory / "result.json").write_text("{}")
    for step in sorted({trace.step for trace in traces}):
        step_traces = [trace for trace in traces if trace.step == step]
        write_traces(step_traces, directory / f"rollouts/step-{step:06d}.jsonl.gz")
    if tokenizer:
        (directory / "model").mkdir()
        write_byte_tokenizer(directory / "model" / "tokenizer.json")
    return directory


def write_byte_tokenizer(path: Path) -> None:
    """Write a tokenizer whose tokens are the bytes of a text; `byte_ids` returns their ids."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={letter: id_ for id_, letter in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.save(str(path))


def byte_ids(text: str) -> tuple[int, ...]:
    """Return the ids of an ASCII `text` under the tokenizer of `write_byte_tokenizer`."""
    from tokenizers import pre_tokenizers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    pieces = pre_tokenizers.ByteLevel(add_prefix_space=False).pre_tokenize_str(text)
    return tuple(alphabet.index(letter) for piece, _ in pieces for letter in piece)
