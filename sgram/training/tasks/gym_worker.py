"""Questions and scores of reasoning-gym. Knows nothing about responses, rewards or time limits.

Runs in the worker process only: some datasets evaluate an answer as code when they score it, some compute for long,
and some make other questions with another order of Python's sets, which that process holds fixed.
"""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import reasoning_gym
from reasoning_gym.factory import DATASETS


def reply(question: Mapping[str, Any]) -> dict[str, Any]:
    """Entries ``first`` to ``end`` of a dataset, or the score of an ``answer`` to the entry ``first``.

    A dataset is its name, seed, size and configuration. ``{"unknown": names}`` where there is no such dataset,
    ``{"refused": why}`` where it does not take the configuration.
    """
    if question["dataset"] not in DATASETS:
        return {"unknown": sorted(DATASETS)}
    try:
        dataset = _dataset(question["dataset"], question["seed"], question["size"], json.dumps(question["config"]))
    except (TypeError, ValueError, AssertionError, KeyError) as error:
        return {"refused": str(error)[:300] or type(error).__name__}
    if "answer" in question:
        return {"score": _score(dataset, question["answer"], dataset[question["first"]])}
    entries = (dataset[at] for at in range(question["first"], question["end"]))
    return {"entries": [_entry(entry) for entry in entries]}


def _score(dataset: Any, answer: str, entry: Mapping[str, Any]) -> float:
    """The dataset's score; 0 for an answer of a form that its scorer trips over."""
    try:
        return float(dataset.score_answer(answer, entry))
    except (MemoryError, RecursionError, OSError):
        raise  # that is no judgment
    except Exception:
        return 0.0


@lru_cache(maxsize=4)
def _dataset(name: str, seed: int, size: int, config: str) -> Any:
    return reasoning_gym.create_dataset(name, size=size, seed=seed, **json.loads(config))


def _entry(entry: Mapping[str, Any]) -> dict[str, str | None]:
    answer = entry["answer"]
    return {"question": str(entry["question"]), "answer": None if answer is None else str(answer)}
