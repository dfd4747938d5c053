"""Mine a lexicon from responses sampled from the policy before training."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from sgram.array_types import BoolArray
from sgram.lexicon import Lexicon, SentenceScorerLike
from sgram.mining import MiningConfig, mine
from sgram.tagging.mask_kinds import PlanningFinder
from sgram.tagging.spans import MaskKind, Span
from sgram.traces import Trace
from sgram.training.experiments.evaluate import SampledResponses
from sgram.training.tasks.task import Task, TaskWithTruth
from sgram.training.trainer.rollouts import prompt_text


class MaskQuality(NamedTuple):
    """How well a mask marks the true planning spans, counted in non-space characters."""

    precision: float | None
    recall: float | None
    share: float
    """Share of the characters that are in true planning spans."""


def make_start_traces(responses: SampledResponses, task: Task) -> list[Trace]:
    """Judge responses and return them as traces."""
    outcomes = task.judge(responses.problems, responses.texts)
    return [
        Trace(
            id=f"start-{row:05d}",
            group=problem.id,
            prompt=prompt_text(problem.prompt),
            text=text,
            reward=outcome.reward,
            correct=outcome.correct,
            answer=outcome.answer,
            token_ids=tuple(ids),
        )
        for row, (problem, text, ids, outcome) in enumerate(
            zip(responses.problems, responses.texts, responses.ids, outcomes, strict=True)
        )
    ]


def mine_from_responses(responses: SampledResponses, task: Task, config: MiningConfig | None = None) -> Lexicon:
    """Return the lexicon that `sgram mine` finds in these responses. Raise `SgramError` if they hold too little."""
    return mine(make_start_traces(responses, task), config or MiningConfig())


def measure_mask_quality(
    lexicon: Lexicon,
    responses: SampledResponses,
    task: TaskWithTruth,
    mask: MaskKind = "grams",
    scorer: SentenceScorerLike = "sgram",
) -> MaskQuality:
    """Return precision and recall of what a mask marks against the true planning spans."""
    find_spans = PlanningFinder(lexicon, mask, scorer)
    n_right = n_marked = n_true = n_characters = 0
    for problem, text in zip(responses.problems, responses.texts, strict=True):
        is_solid = np.array([not char.isspace() for char in text], bool)
        is_marked = _cover(len(text), find_spans(text)) & is_solid
        is_true = _cover(len(text), task.planning_spans(problem, text)) & is_solid
        n_right += int((is_marked & is_true).sum())
        n_marked, n_true = n_marked + int(is_marked.sum()), n_true + int(is_true.sum())
        n_characters += int(is_solid.sum())
    return MaskQuality(
        n_right / n_marked if n_marked else None, n_right / n_true if n_true else None, n_true / max(1, n_characters)
    )


def _cover(size: int, spans: Iterable[Span]) -> BoolArray:
    """Return bool (size,): characters inside a span."""
    mask = np.zeros(size, bool)
    for span in spans:
        mask[span.start : span.end] = True
    return mask
