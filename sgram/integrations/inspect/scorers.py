"""The scorer ``sgram/planning`` of Inspect."""

from threading import Lock
from typing import Any

import anyio.to_thread
from inspect_ai.scorer import Score, Scorer, Target, mean, scorer, stderr
from inspect_ai.solver import TaskState

from sgram.integrations.inspect.planning_score import PlanningScore, PlanningScorer
from sgram.tagging.spans import MaskKind
from sgram.traces import Trace, as_traces
from sgram.traces.own_scores import own_mark
from sgram.traces.parts import PartChoice
from sgram.traces.readers import ReadOptions


@scorer(metrics={"*": [mean(), stderr()]}, name="planning")
def planning(
    lexicon: str = "sgram",
    mask: MaskKind = "grams",
    sentence_scorer: str = "sgram",
    part: PartChoice = "all",
    judge_answers: bool = True,
    diagnosis: bool = True,
) -> Scorer:
    """Return the scorer of planning: share of the text that plans, share of each move, and the kind of error.

    `lexicon` is a path, a preset or an address of the hub, `mask` what is marked, `sentence_scorer` a path or preset
    for the masks of sentences, `part` what of a response is read: all, reasoning or answer. A sample is correct or
    wrong by the scorers before this one; with `judge_answers`, else by its target. Wrong samples are diagnosed unless
    `diagnosis` is False.

    The value of a sample has ``planning_share``, one share a move, and ``error_<kind>``, which is 1 or 0; the metrics
    are their means: ``error_strategic`` is the share of the judged samples with a strategic error. A sample without
    text is not scored. Raise what `PlanningScorer` raises.
    """
    score_trace = PlanningScorer(lexicon, mask, sentence_scorer, part, judge_answers, diagnosis)
    lock = Lock()  # the finders keep what they have compiled, and their arrays are large

    def score_alone(trace: Trace) -> PlanningScore | None:
        with lock:
            return score_trace(trace)

    async def score(state: TaskState, target: Target) -> Score:
        trace = trace_of_sample(state, target)
        planning_score = None if trace is None else await anyio.to_thread.run_sync(score_alone, trace)
        if planning_score is None:
            return Score.unscored(reason="no_text", explanation=f"The sample has no text (part: {part}).")
        return Score(
            value=planning_score.value, explanation=planning_score.explanation, metadata=planning_score.metadata
        )

    return score


def trace_of_sample(state: TaskState, target: Target) -> Trace | None:
    """Return a sample as the trace that reading its log gives; None if the model said nothing."""
    scores = {
        name: {"value": score.value, "answer": score.answer, **own_mark(score.metadata)}
        for name, score in (state.scores or {}).items()
    }
    record: dict[str, Any] = {
        "id": str(state.sample_id),
        "epoch": state.epoch,
        "uuid": state.uuid,
        "model": str(state.model),
        "input": state.input if isinstance(state.input, str) else [_plain(message) for message in state.input],
        "messages": [_plain(message) for message in state.messages],
        "completion": state.output.completion if state.output.choices else None,
        "target": list(target.target),
        "scores": scores,
    }
    traces = list(as_traces([record], options=ReadOptions(max_bad=1.0), dialect="inspect"))
    return traces[0] if traces else None


def _plain(message: Any) -> dict[str, Any]:
    plain: dict[str, Any] = message.model_dump(exclude_none=True)
    return plain
