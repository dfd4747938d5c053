"""A row with a list of responses to one prompt: one trace for each, all in one group.

Lists of the same length beside it (correctness, scores, models, ...) are taken apart. What a row says once about the
correctness, the reward or the answer cannot be every response's, and stays in `meta`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sgram.traces.aliases import (
    ALIASES,
    CONVERSATIONS,
    OPEN_ANSWERS,
    find_column,
    is_alias,
    is_model_response,
    plain_name,
)
from sgram.traces.api_objects import name_samples
from sgram.traces.containers.json_values import loads
from sgram.traces.dialect import Dialect, DialectOptions, Fields, Record
from sgram.traces.messages import read_asked, read_conversation
from sgram.traces.python_literals import read_literal
from sgram.traces.trace import FailedRowError, RowError

LISTS = (
    *("responses", "completions", "outputs", "generations", "predictions", "samples", "candidates", "attempts"),
    *("rollouts", "output_list", "response_list", "completion_list", "generation_list"),
)
"""Names of lists of responses."""
_NAMES = (*LISTS, *(name for name in ALIASES["text"] if name not in LISTS and name != "content"))
"""Names of columns that may hold a list of responses; a list of contents is one conversation."""
_PER_RESPONSE = ("correct", "reward", "answer", "token_ids", "logprobs", "entropies")
"""Fields that each response has for itself."""
_PER_TOKEN = ("token_ids", "logprobs", "entropies")
_PER_PROMPT = frozenset(
    {
        *("tests", "test_cases", "test_list", "options", "choices", "examples", "images", "videos", "tools", "tags"),
        *("topics", "topic", "steps", "hints", "subjects", "subject", "domains", "domain", "categories", "category"),
        *("keywords", "metadata"),
    }
)
"""Names of lists that belong to the prompt, whatever their length."""
_WORDS = frozenset({"finish_reason", "stop_reason", "finish", "status", "model", "extracted", "id", "uuid"})
"""Names of lists of strings of which each response has one, beside those of fields."""


# -- lists of responses -----------------------------------------------------------------------------------------


def find_generations(record: Record) -> str | None:
    """Return the column that holds a list of responses; None if there is none.

    >>> find_generations({"problem": "2+2?", "r1_generations": ["4", "5"]})
    'r1_generations'
    >>> find_generations({"problem": "2+2?", "solutions": ["4", "5"]}) is None
    True
    """
    names = {plain_name(column): column for column in record}
    listed = [name for name in _NAMES if name in names]
    listed += [name for name in names if name not in listed and is_model_response(_singular(name))]
    return next((names[name] for name in listed if read_responses(name, record[names[name]]) is not None), None)


def read_responses(name: str, value: Any) -> Sequence[Any] | None:
    """Return the responses of a list: strings, messages, objects that hold a text, or None; None if it is no such list.

    A list in a string is read if its column is called `name` like a list.

    >>> read_responses("samples", '["4", "5"]'), read_responses("response", "[4]")
    (['4', '5'], None)
    """
    if name in LISTS:
        value = _list_in(value)
        if isinstance(value, Mapping) and value and all(key.isdecimal() for key in value):
            value = list(value.values())
    if not isinstance(value, list | tuple) or not any(part is not None for part in value):
        return None
    if name not in LISTS and any(isinstance(part, Mapping) and ("role" in part or "from" in part) for part in value):
        return None  # one conversation
    return value if all(part is None or isinstance(part, str) or _holds_text(part) for part in value) else None


def _list_in(value: Any, length: int | None = None) -> Any:
    """Return the list that a string holds as JSON or as Python writes it, if it has that length; else the value."""
    if not isinstance(value, str) or value[:1] != "[":
        return value
    try:
        values = loads(value.encode())[0]
    except ValueError:
        try:
            values = read_literal(value)
        except RowError:
            return value
    return values if isinstance(values, list) and length in (None, len(values)) else value


def _holds_text(part: Any) -> bool:
    """Return whether an element is a message of the model, messages, or an object with a text and no own prompt."""
    if isinstance(part, list):
        return bool(part) and all(isinstance(message, Mapping) and "role" in message for message in part)
    if not isinstance(part, Mapping):
        return False
    column = find_column(part, "text")
    if column is None:
        return "role" in part and "content" in part
    return isinstance(part[column], str) and find_column(part, "prompt") is None


def _read_response(part: Any) -> Fields:
    """Return the text or the pieces of one response, and the columns of its own."""
    if isinstance(part, str):
        return {"text": part}
    column = None if isinstance(part, list) or "role" in part else find_column(part, "text")
    if column is None:
        return {"pieces": list(read_conversation(part, prompt_messages="").pieces)}
    return {"text": part[column], "columns": {name: value for name, value in part.items() if name != column}}


# -- lists beside them ------------------------------------------------------------------------------------------


def _singular(name: str) -> str:
    return name.removesuffix("_list") if name.endswith("_list") else name.removesuffix("s")


def _single_name(column: str) -> str:
    """Return what one element of a list is called: a name of the table, or the name of the list."""
    name = plain_name(column)
    single = _singular(name)
    fields = (*_PER_RESPONSE, "model", "reasoning", "id")
    return single if not is_alias(name, *fields) and (single in _WORDS or is_alias(single, *fields)) else column


def is_parallel(column: str, value: Any, n: int) -> bool:
    """Return whether a list holds one element for each of `n` responses.

    >>> is_parallel("finish_reasons", ["stop", "length"], 2), is_parallel("gold", ["4", "four"], 2)
    (True, False)
    >>> is_parallel("scores", [1, 0], 2), is_parallel("scores", [1, 0, 0], 2), is_parallel("tags", ["a", "b"], 2)
    (True, False, False)
    """
    if not isinstance(value, list | tuple) or len(value) != n:
        return False
    name, single = plain_name(column), plain_name(_single_name(column))
    if name in CONVERSATIONS or name in _PER_PROMPT or name in OPEN_ANSWERS or is_alias(name, "reference"):
        return False
    if is_alias(single, *_PER_TOKEN):
        return all(part is None or isinstance(part, list) for part in value)
    if is_alias(single, *_PER_RESPONSE, "model", "reasoning") or single in _WORDS:
        return True
    has_words = any(isinstance(part, str) for part in value)
    return is_alias(name, "prompt") if has_words else not is_alias(name, "prompt")


def split_columns(record: Record, name: str, n: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the columns that each of the `n` responses in column `name` has for itself, and those that they share."""
    parallel = [
        (column, _single_name(column), value)
        for column, value in record.items()
        if column != name and is_parallel(column, value, n)
    ]
    shared = {column: value for column, value in record.items() if column != name}
    for column, value in record.items():
        if plain_name(column) in OPEN_ANSWERS and isinstance(value, list) and len(value) == n > 1:
            if all(part == value[0] for part in value):
                shared[column] = value[0]  # the expected answer: the responses need not agree
            elif find_column(record, "reference") is not None:
                parallel.append((column, ALIASES["answer"][0], value))
    response_columns = [{single: value[index] for _, single, value in parallel} for index in range(n)]
    parallel_names = {column for column, _, _ in parallel}
    return response_columns, {column: value for column, value in shared.items() if column not in parallel_names}


def unshared(columns: Mapping[str, Any], response_columns: Iterable[str], n: int) -> dict[str, Any]:
    """Return the columns that would be fields of one response, but are said once for `n` of them.

    A model is one of them if `response_columns`, the names of the columns of the responses, name theirs. Different
    answers, as many as there are responses, are theirs or forms of the expected one.

    >>> unshared({"problem": "2+2?", "score": 1.0, "model": "m", "answer": ["4", "5"]}, ["generation_model"], 2)
    {'score': 1.0, 'model': 'm', 'answer': ['4', '5']}
    """
    fields = (*_PER_RESPONSE, "model") if any(is_alias(name, "model") for name in response_columns) else _PER_RESPONSE
    return {
        name: value
        for name, value in columns.items()
        if is_alias(name, *fields) or (plain_name(name) in OPEN_ANSWERS and isinstance(value, list) and len(value) == n)
    }


# -- traces -----------------------------------------------------------------------------------------------------


def share_row(samples: Sequence[Fields], columns: Mapping[str, Any]) -> list[Fields]:
    """Return the samples of one row with its `columns`, as traces of one group, their ids numbered.

    The prompt is read out of messages beside them; messages that hold nothing else than one of the responses are
    dropped. Raise `FailedRowError` if there is no sample.
    """
    if not samples:
        raise FailedRowError("the row has no response")
    row_columns = dict(columns)
    if len(samples) > 1:
        once = unshared(row_columns, {name for sample in samples for name in sample.get("columns", ())}, len(samples))
        row_columns = {name: value for name, value in row_columns.items() if name not in once}
        row_values = {name: value for name, value in once.items() if value is not None}
        samples = [{**sample, "meta": {**row_values, **sample.get("meta", {})}} for sample in samples]
    id_column = find_column(row_columns, "id")
    name = None if id_column is None else row_columns.pop(id_column)
    prompt = None
    for column in [name for name in row_columns if plain_name(name) in CONVERSATIONS]:
        try:
            conversation = read_asked(row_columns[column])
        except RowError:
            continue
        prompt = conversation.prompt if prompt is None and find_column(row_columns, "prompt") is None else prompt
        if all(any(text in sample.get("text", "") for sample in samples) for _, text in conversation.pieces):
            del row_columns[column]
    return name_samples(samples, name, prompt, row_columns)


def parse_list(record: Record, name: str) -> list[Fields]:
    """Return the fields of each response in the column `name`. Raise `RowError` if it holds something else."""
    responses = read_responses(LISTS[0], record[name])
    if responses is None:
        raise RowError(f"{name} holds no responses")
    if isinstance(record[name], str):  # the lists beside it are strings, too
        record = {column: _list_in(value, len(responses)) for column, value in record.items()}
    response_columns, shared = split_columns(record, name, len(responses))
    samples: list[Fields] = []
    for part, columns in zip(responses, response_columns, strict=True):
        if part is not None:
            sample = _read_response(part)
            samples.append({**sample, "columns": {**columns, **sample.get("columns", {})}})
    return share_row(samples, shared)


def parse(record: Record, _: DialectOptions) -> list[Fields]:
    """Return the fields of each response of a list."""
    name = find_generations(record)
    if name is None:
        raise RowError("no column holds a list of responses")
    return parse_list(record, name)


def recognize(record: Record) -> bool:
    """Return whether a column holds a list of responses, by its name and its elements."""
    return find_generations(record) is not None


GENERATIONS = Dialect(
    "generations",
    "data sets and scripts with a list of responses in a row",
    parse,
    recognize=recognize,
    becomes={
        **dict.fromkeys(LISTS, "text, a trace for each element"),
        "lists of the same length": "columns of each trace (correctness, scores, models, finish reasons, ...)",
    },
    source=(
        "cards of data sets: open-r1/OpenR1-Math-220k, ScalingIntelligence/monkey_business, "
        "openbmb/UltraFeedback; open-r1, scripts/generate_reasoning.py; Qwen2.5-Math, evaluation/math_eval.py; "
        "LiveCodeBench, lcb_runner; verl, trainer/main_generation.py"
    ),
    rank=55,
)
