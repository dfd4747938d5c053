"""Rows with columns for each model: `deepseek_thinking_trajectory`, `deepseek_attempt`, `gemini_attempt`.

One trace for each model, all in one group. A column that begins or ends with the model's name is its own:
`deepseek_grade`, `score_gpt4`.
"""

from typing import Any, NamedTuple

from sgram.traces.aliases import (
    CONVERSATIONS,
    find_column,
    is_alias,
    is_model_response,
    may_be_model,
    model_first,
    model_name,
    plain_name,
    split_reasoning,
    split_response,
)
from sgram.traces.dialect import Dialect, DialectOptions, Fields, Record
from sgram.traces.dialects.generations import share_row
from sgram.traces.trace import RowError


class ModelColumns(NamedTuple):
    """The columns of one model's response."""

    prefix: str
    response: str
    reasoning: str | None


def find_models(record: Record) -> list[ModelColumns]:
    """Return the columns of each model's response; empty if another column is named so, or holds all of it.

    A response needs a reasoning of the same model beside it, or a name that names a model.

    >>> [found.prefix for found in find_models({"r1_reasoning": "Hmm.", "r1_solution": "4", "gpt4_response": "5"})]
    ['r1', 'gpt4']
    >>> find_models({"official_solution": "4", "judge_response": "ok"})
    []
    """
    reasonings: dict[str, str] = {}
    responses: dict[str, tuple[int, str]] = {}
    for column, value in record.items():
        if not isinstance(value, str) or not value:
            continue
        prefix = split_reasoning(column)
        if prefix is not None and may_be_model(prefix):
            reasonings.setdefault(prefix, column)
        split = split_response(column)
        if split is not None and may_be_model(split[0]):
            responses[split[0]] = min(responses.get(split[0], (99, "")), (split[1], column))
    models = [
        ModelColumns(prefix, column, reasonings.get(prefix))
        for prefix, (_, column) in responses.items()
        if prefix in reasonings or is_model_response(column)
    ]
    text_column = find_column(record, "text") if models else None
    response_columns = {columns.response for columns in models}
    if text_column is not None and text_column not in response_columns and isinstance(record[text_column], str):
        return []
    if len(models) == 1 and models[0].reasoning is None and _is_said_in_full(record, record[models[0].response]):
        return []
    return models


def _is_said_in_full(record: Record, response: str) -> bool:
    """Return whether a message of a conversation beside the response says it, and more: a reasoning before it."""
    for column in record:
        messages = record[column] if plain_name(column) in CONVERSATIONS else None
        for message in messages if isinstance(messages, list) else ():
            contents = [message.get(key) for key in ("content", "value")] if isinstance(message, dict) else []
            if any(isinstance(content, str) and response in content and response != content for content in contents):
                return True
    return False


def recognize(record: Record) -> bool:
    """Return whether columns hold the responses of models, by name."""
    return any(split_response(column) for column in record) and bool(find_models(record))


def parse(record: Record, _: DialectOptions) -> list[Fields]:
    """Return the fields of each model's response."""
    models = find_models(record)
    if not models:
        raise RowError("no columns hold the responses of models")
    read_columns: set[str] = set()
    samples: list[Fields] = []
    for prefix, response, reasoning in models:
        read_columns |= {response} if reasoning is None else {response, reasoning}
        model_columns: dict[str, Any] = {}
        for column, value in record.items():
            if model_first(column).startswith(f"{prefix}_") and column not in read_columns:
                ending = model_first(column)[len(prefix) + 1 :]
                is_field = is_alias(ending, "correct", "reward", "answer", "model", "token_ids")
                model_columns[ending if is_field else column] = value
                read_columns.add(column)
        sample: Fields = {"text": record[response], "columns": model_columns}
        if reasoning is not None:
            sample["reasoning"] = record[reasoning]
        samples.append(sample)
    row_columns = {column: value for column, value in record.items() if column not in read_columns}
    for model, sample in zip(models, samples, strict=True):
        name = model_name(model.prefix)
        if name is not None and (len(models) > 1 or find_column(row_columns, "model") is None):
            sample["model"] = name
    return share_row(samples, row_columns)


MODEL_COLUMNS = Dialect(
    "model-columns",
    "data sets with columns for each model",
    parse,
    recognize=recognize,
    becomes={
        "deepseek_solution, gemini_attempt, ...": "text; the name before it is the model",
        "deepseek_reasoning, gemini_thinking_trajectory, ...": "text, before the answer",
        "deepseek_grade, gemini_grade, ...": "correct",
    },
    source=(
        "cards of data sets: simplescaling/s1K-1.1, open-thoughts/OpenThoughts-114k (config metadata), "
        "GeneralReasoning/GeneralThought-430K"
    ),
    rank=57,
)
