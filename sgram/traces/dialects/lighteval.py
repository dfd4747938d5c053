"""Details of lighteval (``details_<task>_<date>.parquet``), in the layouts of new and of old versions.

New ones hold three objects (`doc`, `metric`, `model_response`), old ones a column for each field of `Detail`; some
versions wrote columns as strings (``str(value)``). The responses of a row are one group, by their prompt: `doc.id` is
not unique in all versions. Their scores are those of all together, so that only a single response has one.
"""

from collections.abc import Mapping
from typing import Any

from sgram.traces.dialect import Dialect, DialectOptions, Fields, Record
from sgram.traces.eval_rows import add_group_scores, choose_score, keep_words, mapping, strings
from sgram.traces.python_literals import read_literal
from sgram.traces.trace import RowError

_OPENINGS = ("[", "{", "(")


def _plain(value: Any) -> Any:
    """Return a column's value; a string that begins like a list or an object is read as one."""
    if isinstance(value, str) and value.startswith(_OPENINGS):
        try:
            return read_literal(value)
        except RowError:
            return value
    return value


def _texts(value: Any) -> list[str]:
    """Return responses: strings, perhaps one list inside another."""
    nested = _plain(value)
    while isinstance(nested, list) and len(nested) == 1 and isinstance(nested[0], list):
        nested = nested[0]
    return strings(nested)


def _scores(value: Any) -> dict[str, Any]:
    scores = mapping(_plain(value))
    return {str(name): score for name, score in scores.items() if isinstance(score, int | float | str | bool)}


def _gold(choices: Any, gold_index: Any) -> Any:
    """Return the expected answers: the choices at the index, or at each of several; None if there are none."""
    choices, indices = _plain(choices), _plain(gold_index)
    texts = strings(choices)
    if isinstance(indices, str) and indices.isascii() and indices.isdigit() and len(indices) < 6:
        indices = int(indices)
    listed = indices if isinstance(indices, list) else [indices]
    golds = [texts[index] for index in listed if type(index) is int and 0 <= index < len(texts)]
    return (golds[0] if len(golds) == 1 else golds) if golds and len(golds) == len(listed) else None


def _prompt(value: Any) -> Any:
    """Return a prompt: text, or messages."""
    prompt = _plain(value)
    if isinstance(prompt, list) and prompt and all(isinstance(item, Mapping) and "content" in item for item in prompt):
        return prompt
    return value if isinstance(value, str) and value else None


def _rows(
    texts: list[str], reasonings: list[Any], scores: dict[str, Any], shared: Fields, specific: Any
) -> list[Fields]:
    """Return a trace for each response. What a metric took out of a single one is its answer, if it is one thing."""
    extracted = strings(mapping(_plain(specific)).get("extracted_predictions"))
    if len(texts) == 1 and len(set(extracted)) == 1:
        shared["answer"] = extracted[0]
    traces = []
    for row, text in enumerate(texts):
        fields: Fields = {**shared, "text": text, "meta": dict(shared["meta"])}
        if len(reasonings) == len(texts) and isinstance(reasonings[row], str) and reasonings[row].strip():
            fields["reasoning"] = reasonings[row]
        is_single = len(texts) == 1
        traces.append(choose_score(scores).add_to(fields) if is_single else add_group_scores(fields, scores))
    return keep_words(traces)


def parse(record: Record, _: DialectOptions) -> list[Fields]:
    """Return a trace for each response of a row of the new layout."""
    doc, response = mapping(_plain(record.get("doc"))), mapping(_plain(record.get("model_response")))
    texts = _texts(response.get("text"))
    if not texts:
        raise RowError("model_response.text holds no text: a row of a loglikelihood task")
    shared: Fields = {
        "prompt": _prompt(response.get("input")) or _prompt(doc.get("query")),
        "reference": _gold(doc.get("choices"), doc.get("gold_index")),
        "meta": {name: doc[name] for name in ("task_name", "id", "num_samples") if doc.get(name) is not None},
    }
    reasonings = response.get("reasonings")
    reasonings = reasonings if isinstance(reasonings, list) else []
    return _rows(texts, reasonings, _scores(record.get("metric")), shared, doc.get("specific"))


def parse_flat(record: Record, _: DialectOptions) -> list[Fields]:
    """Return a trace for each response of a row of the old layout."""
    texts = _texts(record.get("predictions"))
    if not texts:
        raise RowError("predictions holds no text: a row of a loglikelihood task")
    golds = _texts(record.get("gold"))
    reference: Any = golds[0] if len(golds) == 1 else golds
    shared: Fields = {
        "prompt": _prompt(record.get("full_prompt")) or _prompt(record.get("example")),
        "reference": reference or _gold(record.get("choices"), record.get("gold_index")),
        "meta": {},
    }
    return _rows(texts, [], _scores(record.get("metrics")), shared, record.get("specifics"))


LIGHTEVAL = Dialect(
    "lighteval",
    "lighteval, details in Parquet",
    parse,
    columns=(frozenset({"doc", "metric", "model_response"}),),
    becomes={
        "model_response.text": "text, one trace for each",
        "model_response.reasonings": "reasoning",
        "model_response.input, doc.query": "prompt",
        "doc.choices[doc.gold_index]": "reference",
        "doc.specific.extracted_predictions": "answer, if there is one response",
        "metric": "reward and correct, if there is one response; meta.metrics",
    },
    source="huggingface/lighteval src/lighteval/logging/info_loggers.py, models/model_output.py",
    rank=30,
)
LIGHTEVAL_FLAT = Dialect(
    "lighteval-flat",
    "lighteval before version 0.10, details in Parquet",
    parse_flat,
    columns=(frozenset({"full_prompt", "predictions", "metrics"}), frozenset({"full_prompt", "predictions", "gold"})),
    becomes={
        "predictions": "text, one trace for each",
        "full_prompt, example": "prompt",
        "gold, choices[gold_index]": "reference",
        "specifics.extracted_predictions": "answer, if there is one response",
        "metrics": "reward and correct, if there is one response; meta.metrics",
    },
    source="huggingface/lighteval src/lighteval/logging/info_loggers.py, Detail",
    rank=30,
)
