"""Questions and scores of reasoning-gym, computed inside a worker process.

The process isolates the library: some datasets evaluate an answer as code when they score it, some compute for long,
and some make other questions under another order of Python's sets, which the worker process fixes.
"""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import reasoning_gym
from reasoning_gym.factory import DATASETS


def reply(question: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entries ``first`` to ``end`` of a dataset, or the score of an ``answer`` to the entry ``first``.

    A dataset is given by its name, seed, size and configuration. The reply is ``{"unknown": names}`` if there is no
    such dataset, and ``{"refused": why}`` if the dataset does not accept the configuration.
    """
    if question["dataset"] not in DATASETS:
        return {"unknown": sorted(DATASETS)}
    try:
        dataset = _make_dataset(question["dataset"], question["seed"], question["size"], json.dumps(question["config"]))
    except (TypeError, ValueError, AssertionError, KeyError) as error:
        return {"refused": str(error)[:300] or type(error).__name__}
    if "answer" in question:
        return {"score": _score(dataset, question["answer"], dataset[question["first"]])}
    gym_rows = (dataset[index] for index in range(question["first"], question["end"]))
    return {"entries": [_question_and_answer(gym_row) for gym_row in gym_rows]}


def _score(dataset: Any, answer: str, gym_row: Mapping[str, Any]) -> float:
    """Return the dataset's score, 0 if its scorer fails on the form of the answer."""
    try:
        return float(dataset.score_answer(answer, gym_row))
    except (MemoryError, RecursionError, OSError):
        raise  # the answer has not been judged
    except Exception:
        return 0.0


@lru_cache(maxsize=4)
def _make_dataset(name: str, seed: int, size: int, config: str) -> Any:
    return reasoning_gym.create_dataset(name, size=size, seed=seed, **json.loads(config))


def _question_and_answer(gym_row: Mapping[str, Any]) -> dict[str, str | None]:
    answer = gym_row["answer"]
    return {"question": str(gym_row["question"]), "answer": None if answer is None else str(answer)}
