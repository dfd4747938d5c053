"""The loop closed: a lexicon mined from what the starting policy samples. Knows nothing about training."""

from typing import NamedTuple

import numpy as np

from sgram.lexicon import Lexicon
from sgram.mining import MiningConfig, mine
from sgram.tagging.span_finder import SpanFinder
from sgram.traces import Trace
from sgram.training.experiments.evaluate import Sampled
from sgram.training.tasks.task import Task, TaskWithTruth
from sgram.training.trainer.rollouts import prompt_text


class MaskQuality(NamedTuple):
    """How well a lexicon marks the words that truly plan, by non-space characters."""

    precision: float | None
    recall: float | None
    share: float
    """Characters that truly plan."""


def sampled_traces(sampled: Sampled, task: Task) -> list[Trace]:
    """Responses as traces, judged."""
    verdicts = task.judge(sampled.problems, sampled.texts)
    return [
        Trace(
            id=f"start-{row:05d}",
            group=problem.id,
            prompt=prompt_text(problem.prompt),
            text=text,
            reward=verdict.reward,
            correct=verdict.correct,
            answer=verdict.answer,
            token_ids=tuple(ids),
        )
        for row, (problem, text, ids, verdict) in enumerate(
            zip(sampled.problems, sampled.texts, sampled.ids, verdicts, strict=True)
        )
    ]


def mined_lexicon(sampled: Sampled, task: Task, config: MiningConfig | None = None) -> Lexicon:
    """The lexicon that `sgram mine` finds in these responses."""
    return mine(sampled_traces(sampled, task), config or MiningConfig())


def mask_quality(lexicon: Lexicon, sampled: Sampled, task: TaskWithTruth) -> MaskQuality:
    """Precision and recall of a lexicon's spans against the true planning spans."""
    finder = SpanFinder(lexicon)
    right = marked = true = total = 0
    for problem, text in zip(sampled.problems, sampled.texts, strict=True):
        solid = np.array([not char.isspace() for char in text], bool)
        found = _covered(len(text), finder(text)) & solid
        truth = _covered(len(text), task.planning_spans(problem, text)) & solid
        right += int((found & truth).sum())
        marked, true, total = marked + int(found.sum()), true + int(truth.sum()), total + int(solid.sum())
    return MaskQuality(right / marked if marked else None, right / true if true else None, true / max(1, total))


def _covered(size: int, spans) -> np.ndarray:
    marks = np.zeros(size, bool)
    for span in spans:
        marks[span.start : span.end] = True
    return marks
