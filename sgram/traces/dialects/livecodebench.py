"""Outputs of LiveCodeBench: a problem with its responses, the code in each, and whether it passed the tests."""

from typing import Any

from sgram.traces.dialect import Dialect, DialectOptions, Fields, Record
from sgram.traces.eval_rows import keep_words, strings
from sgram.traces.trace import RowError

_READ = frozenset({"output_list", "code_list", "graded_list", "metadata", "pass@1", "question_content", "question_id"})


def parse(record: Record, _: DialectOptions) -> list[Fields]:
    """Return a trace for each response; they are one group."""
    texts = strings(record["output_list"])
    if not texts:
        raise RowError("output_list is no array of strings")
    columns = {name: value for name, value in record.items() if name not in _READ}
    code, verdicts = (_parallel(record.get(name), len(texts)) for name in ("code_list", "graded_list"))
    traces: list[Fields] = []
    for row, text in enumerate(texts):
        fields: Fields = {"text": text, "answer": code[row] or None, "correct": verdicts[row], "columns": columns}
        traces.append({**fields, "prompt": record.get("question_content"), "group": record.get("question_id")})
    return keep_words(traces)


def _parallel(values: Any, n: int) -> list[Any]:
    return values if isinstance(values, list) and len(values) == n else [None] * n


LIVECODEBENCH = Dialect(
    "livecodebench",
    "LiveCodeBench, generations and `*_eval_all.json`",
    parse,
    columns=(frozenset({"output_list", "code_list"}), frozenset({"output_list", "question_content"})),
    becomes={
        "output_list": "text, one trace for each",
        "question_content": "prompt",
        "code_list": "answer",
        "graded_list": "correct",
        "question_id": "group",
    },
    source="LiveCodeBench/LiveCodeBench lcb_runner/benchmarks/code_generation.py",
    judged_copy=(".json", "_eval_all.json"),
    rank=40,
)
