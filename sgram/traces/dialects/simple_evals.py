"""Results of openai/simple-evals (``*_allresults.json``): conversations, and the HTML of each with the verdict.

One document holds all responses of an evaluation. Forks write a line for each (`SingleEvalResult`).
"""

import html
import math
import re
from collections.abc import Mapping
from typing import Any

from sgram.traces.dialect import Dialect, DialectOptions, Fields, Record
from sgram.traces.eval_rows import keep_words, mapping
from sgram.traces.messages import read_conversation
from sgram.traces.trace import FailedRowError, RowError, json_type

_VERDICT = re.compile(
    r"<p>Correct Answer: (?P<reference>[^<]*)</p>\s*<p>Extracted Answer: (?P<answer>[^<]*)</p>\s*"
    r"<p>Score: (?P<score>[^<]*)</p>"
)
_SCORES = {"true": 1.0, "false": 0.0}


def parse(record: Record, _: DialectOptions) -> list[Fields]:
    """Return the trace of each conversation of an evaluation."""
    conversations, pages = record["convos"], record["htmls"]
    if not isinstance(conversations, list):
        raise RowError(f"convos is {json_type(conversations)}, not an array")
    listed = mapping(record.get("metadata")).get("example_level_metadata")
    n = len(conversations)
    texts = pages if isinstance(pages, list) and len(pages) == n else [None] * n
    metadata = listed if isinstance(listed, list) and len(listed) == n else [None] * n
    rows = zip(conversations, texts, metadata, strict=True)
    return keep_words([_fields(conversation, page, mapping(example)) for conversation, page, example in rows])


def parse_single(record: Record, _: DialectOptions) -> list[Fields]:
    """Return the trace of one conversation."""
    example = mapping(record.get("example_level_metadata"))
    fields = _fields(record["convo"], record.get("html"), {**example, "score": record.get("score")})
    if isinstance(record.get("metrics"), Mapping) and record["metrics"]:
        fields["meta"]["metrics"] = record["metrics"]
    return keep_words([fields])


def _fields(messages: Any, page: Any, example: Record) -> Fields:
    """Return the fields of one conversation, with the verdict of its HTML, or else the score beside it."""
    if not messages:
        raise FailedRowError("the conversation is empty")
    conversation = read_conversation(messages)
    fields: Fields = {"prompt": conversation.prompt, "pieces": list(conversation.pieces), "meta": {}}
    verdicts = list(_VERDICT.finditer(page)) if isinstance(page, str) else []
    if verdicts:
        fields["reference"] = html.unescape(verdicts[-1]["reference"]) or None
        answer = html.unescape(verdicts[-1]["answer"])
        fields["answer"] = answer if answer not in ("", "None") else None
        score = _score(verdicts[-1]["score"])
        if score is not None:
            fields["reward"] = score
            fields["correct"] = score == 1 if score in (0, 1) else None
    elif _score(example.get("score")) is not None:
        fields["reward"] = _score(example["score"])
    for name in ("prompt_id", "completion_id"):
        if isinstance(example.get(name), str):
            fields["meta"][name] = example[name]
    return fields


def _score(value: Any) -> float | None:
    """Return a score, which may be a number or its words."""
    if isinstance(value, str):
        words = value.strip().lower()
        if words in _SCORES:
            return _SCORES[words]
    try:
        score = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return score if math.isfinite(score) else None


SIMPLE_EVALS = Dialect(
    "simple-evals",
    "openai/simple-evals, `*_allresults.json`",
    parse,
    columns=(frozenset({"convos", "htmls"}),),
    becomes={
        "convos[]": "prompt and text, one trace for each",
        "htmls[], Correct Answer": "reference",
        "htmls[], Extracted Answer": "answer",
        "htmls[], Score": "reward and correct",
        "metadata.example_level_metadata[].score": "reward, if the HTML has no score",
    },
    source="openai/simple-evals simple_evals.py, common.py, types.py",
    rank=20,
)
SIMPLE_EVALS_SINGLE = Dialect(
    "simple-evals-single",
    "forks of openai/simple-evals that write each `SingleEvalResult`",
    parse_single,
    columns=(frozenset({"convo", "score"}), frozenset({"convo", "html"})),
    becomes={"convo": "prompt and text", "html": "reference, answer, reward and correct", "score": "reward"},
    source="openai/simple-evals types.py",
    rank=20,
)
