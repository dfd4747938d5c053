"""EvalPlus and BigCodeBench: samples of code (``samples.jsonl``), and their results (``*_eval_results.json``)."""

from collections.abc import Mapping
from typing import Any

from sgram.traces.dialect import Dialect, DialectOptions, Fields, Record
from sgram.traces.eval_rows import keep_words, mapping
from sgram.traces.fields import sampled_text
from sgram.traces.trace import RowError

_PROMPTS = frozenset({"prompt", "question", "problem", "instruction", "query", "input", "answer", "test", "tests"})
_READ = frozenset({"task_id", "solution", "raw_solution"})
_STATUSES = ("plus_status", "status", "base_status")
"""The strictest first: `plus` has the more tests."""


def parse_sample(record: Record, _: DialectOptions) -> list[Fields]:
    """Return the trace of a sample; `raw_solution` is what the model wrote, if the solution was cut out of it."""
    raw = record.get("raw_solution")
    is_cut = isinstance(raw, str) and raw.strip() != ""
    fields: Fields = {
        "text": raw if is_cut else sampled_text(record["solution"], "solution", "sample"),
        "answer": record["solution"] if is_cut else None,
        "group": record["task_id"],
        "columns": {key: value for key, value in record.items() if key not in _READ},
    }
    return keep_words([fields])


def recognize_sample(record: Record) -> bool:
    """Return whether a solution stands beside a task and without the task's text, so that it is the model's."""
    return _PROMPTS.isdisjoint(record) and not isinstance(record.get("solution"), list | Mapping)


def parse_results(record: Record, _: DialectOptions) -> list[Fields]:
    """Return a trace for each sample of each task."""
    traces: list[Fields] = []
    for task, samples in record["eval"].items():
        if not isinstance(samples, list):
            raise RowError(f"eval.{task} is no array of samples")
        traces += [_judged(task, mapping(sample)) for sample in samples]
    return keep_words(traces)


def _judged(task: Any, sample: Mapping[str, Any]) -> Fields:
    status = next((sample[name] for name in _STATUSES if isinstance(sample.get(name), str)), None)
    columns = {name: value for name, value in sample.items() if name not in ("task_id", "solution")}
    fields: Fields = {
        "text": sampled_text(sample.get("solution"), "solution", "sample"),
        "group": task,
        "columns": columns,
    }
    if status is not None:
        fields["correct"] = status == "pass"
    return fields


def recognize_results(record: Record) -> bool:
    """Return whether `eval` holds the samples of each task with their solutions."""
    tasks = record.get("eval")
    if not isinstance(tasks, Mapping) or not tasks:
        return False
    samples = next(iter(tasks.values()))
    return isinstance(samples, list) and bool(samples) and "solution" in mapping(samples[0])


EVALPLUS_SAMPLES = Dialect(
    "evalplus-samples",
    "EvalPlus and BigCodeBench, samples",
    parse_sample,
    columns=(frozenset({"task_id", "solution"}),),
    recognize=recognize_sample,
    becomes={"solution": "text", "raw_solution": "text; solution is then answer", "task_id": "group"},
    source="evalplus/evalplus evalplus/codegen.py",
    judged_copy=(".jsonl", "_eval_results.json"),
    rank=40,
)
EVALPLUS_RESULTS = Dialect(
    "evalplus-results",
    "EvalPlus and BigCodeBench, results of an evaluation",
    parse_results,
    columns=(frozenset({"eval"}),),
    recognize=recognize_results,
    becomes={
        "eval.<task>[].solution": "text, one trace for each; the task is its group",
        "eval.<task>[].plus_status, status, base_status": "correct, by the first of them",
    },
    source="evalplus/evalplus evalplus/evaluate.py",
    judged_copy=(".jsonl", "_eval_results.json"),
    rank=40,
)
