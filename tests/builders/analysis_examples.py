"""Traces, lexicons, runs and tokenizers made by hand, small enough to count on fingers."""

import json
from pathlib import Path
from typing import Any

from sgram.lexicon import Cluster, Gram, Lexicon
from sgram.traces import Trace, write_traces


def lexicon(*clusters: tuple[str, tuple[str, ...]]) -> Lexicon:
    """A lexicon of (move, grams); by default three clusters of backtracking, verification and deduction."""
    given = clusters or (
        ("backtracking", ("wait", "wait no")),
        ("verification", ("let me check",)),
        ("deduction", ("so",)),
    )
    made = [
        Cluster(0, tuple(Gram(tuple(gram.split(" "))) for gram in grams), None, grams[0], move) for move, grams in given
    ]
    return Lexicon.build("by hand", made, {})


def trace(id: str, text: str, **known: Any) -> Trace:  # noqa: A002
    """A trace of a problem and a model of its own name."""
    return Trace(id=id, text=text, **{"model": "m", **known})


def rollouts(folder: Path, traces: list[Trace], name: str = "rollouts.jsonl") -> str:
    """A file of traces."""
    path = folder / name
    write_traces(traces, path)
    return str(path)


def run(
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
    """The directory of a training run with these rollouts, a file a step."""
    place = root / f"train-{name}"
    (place / "rollouts").mkdir(parents=True)
    about = {"verb": "train", "config": {"method": method, "seed": seed, **config}, "sgram": "0", "versions": {}}
    (place / "run.json").write_text(json.dumps(about))
    lexicon().save(place / "lexicon.json")
    if ended:
        (place / "result.json").write_text("{}")
    for step in sorted({each.step for each in traces}):
        write_traces([each for each in traces if each.step == step], place / f"rollouts/step-{step:06d}.jsonl.gz")
    if tokenizer:
        (place / "model").mkdir()
        byte_tokenizer(place / "model" / "tokenizer.json")
    return place


def byte_tokenizer(path: Path) -> None:
    """A tokenizer whose tokens are the bytes of a text, the id of an ASCII character being its place below."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE(vocab={letter: place for place, letter in enumerate(alphabet)}, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.save(str(path))


def byte_ids(text: str) -> tuple[int, ...]:
    """The ids of an ASCII `text` under `byte_tokenizer`."""
    from tokenizers import pre_tokenizers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    spelled = "".join(piece for piece, _ in pre_tokenizers.ByteLevel(add_prefix_space=False).pre_tokenize_str(text))
    return tuple(alphabet.index(letter) for letter in spelled)
