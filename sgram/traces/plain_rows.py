"""The short way of `sgram.traces.completing` for plain rows, which most rows are.

A row is plain if the names of its fields and columns leave nothing to choose: each field has one place, the response is
a string, and no messages, reasoning or solution stand beside it. What the names decide is planned once for all rows
with these names. A value that needs a second look (an empty string, another type than usual) makes the row not plain,
and `complete_fields` reads it. Both ways give the same fields and the same notes.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from math import isfinite
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from sgram.traces.aliases import OPEN_ANSWERS, SOLUTIONS, plain_name, plan_columns
from sgram.traces.column_readers import reader
from sgram.traces.column_values import CONVERTERS, number
from sgram.traces.dialect import Fields
from sgram.traces.ids import prompt_group
from sgram.traces.parts import find_parts
from sgram.traces.reward_columns import finite_sum, names_reward
from sgram.traces.rows import DOCUMENT_KEY, ROW_KEY

_EMPTY: Mapping[str, Any] = MappingProxyType({})
_STRINGS = frozenset({"id", "group", "run", "answer", "reference", "model"})
_ALIASES = _STRINGS | {"text", "prompt", "step", "reward", "correct"}
"""Fields that a column of a plain row may hold."""
_FIELDS = _ALIASES | {"rewards", "columns", "meta"}
"""Fields that a dialect may give a plain row."""
_VERDICT = frozenset({"run", "reward", "correct"})
_NOT_PLAIN = frozenset({"role", "meta", DOCUMENT_KEY, ROW_KEY})
"""Names of columns that say more of a row than the value of one field."""
_SHARED_TEXTS = ("generated_text", "content")
"""Columns of texts that may hold more, or something else, than the response."""


class Notes(Protocol):
    """The part of `ColumnNotes` that plain rows change."""

    became: dict[str, str]
    reward_columns: set[str]
    shapes: set[tuple[str, ...]]
    no_verdicts: frozenset[str]

    def note_verdict(self, column: str, value: Any) -> None:
        """Note a number in a column that is named as a verdict."""


class _Plan(NamedTuple):
    """Where the fields of plain rows with the same names stand."""

    names: tuple[str, ...]
    """Names of the columns."""
    columns: Mapping[str, str]
    """Field -> column that holds it."""
    text_column: str | None
    """None: the dialect gives the text."""
    prompt_column: str | None
    read_prompt: Callable[[Any], Any]
    """Returns None for a value in that column that is no prompt."""
    needs_prompt: bool
    """Whether a text without a prompt beside it may hold the prompt, too."""
    given: tuple[tuple[str, Callable[[Any], Any]], ...]
    """(field, what converts its value) of the other fields that the dialect gives."""
    read: tuple[tuple[str, str, Callable[[Any], Any]], ...]
    """(field, column, what reads its value) of the other fields that columns hold."""
    read_columns: frozenset[str]
    """Columns that hold a field."""
    open_fields: frozenset[str]
    """Fields that the dialect gives, and that a column may hold where it gives None."""


@lru_cache(maxsize=512)
def _plan(fields: tuple[str, ...], names: tuple[str, ...]) -> _Plan | None:
    """Return where the fields of rows with these names stand; None if the names leave something to choose."""
    given, column_plan = set(fields), plan_columns(names)
    candidates = dict(column_plan.candidates)
    if (
        not given <= _FIELDS
        or given >= {"reward", "rewards"}
        or not candidates.keys() <= _ALIASES
        or not _NOT_PLAIN.isdisjoint(names)
    ):
        return None
    if column_plan.conversations or any(plain_name(name) in OPEN_ANSWERS for name in names):
        return None
    if any(len(columns) > 1 or columns[0] not in names for columns in candidates.values()):
        return None
    if "rewards" in given:
        candidates.pop("reward", None)
    elif "reward" not in candidates and any(map(names_reward, names)):
        return None  # the reward is a sum of columns
    columns: dict[str, str] = {}
    for name, (column,) in candidates.items():
        if name not in given and column not in columns.values():  # else the field before it has taken the column
            columns[name] = column
    text_column, prompt_column = columns.get("text"), columns.get("prompt")
    if ("text" in given) == (text_column is not None) or plain_name(text_column or "") in _SHARED_TEXTS:
        return None
    if plain_name(columns.get("reference", "")) in SOLUTIONS or names_reward(columns.get("correct", "")):
        return None
    return _Plan(
        names,
        columns,
        text_column,
        prompt_column,
        reader("prompt", prompt_column or "prompt"),
        plain_name(text_column or "") == "text",
        tuple((name, CONVERTERS[name]) for name in fields if name in CONVERTERS),
        tuple((name, column, reader(name, column)) for name, column in columns.items() if name in CONVERTERS),
        frozenset(columns.values()),
        frozenset(given & candidates.keys()),
    )


def complete_plain(fields: Fields, notes: Notes, is_exact: bool, is_survey: bool) -> Fields | None:
    """Return what `complete_fields` returns for a plain row without options; None if the row is not plain.

    In a survey, only columns of rewards and verdicts are noted for certain.
    The first row with columns of these names is left to `complete_fields`, which notes what they look like.
    """
    columns: Mapping[str, Any] = fields.get("columns") or _EMPTY
    plan = _plan(tuple(fields), tuple(columns))
    if plan is None or not (is_survey or plan.names in notes.shapes):
        return None
    verdict_column = plan.columns.get("correct")
    if verdict_column is not None and notes.no_verdicts and verdict_column in notes.no_verdicts:
        return None
    text = fields["text"] if plan.text_column is None else columns[plan.text_column]
    prompt = fields.get("prompt") if plan.prompt_column is None else columns[plan.prompt_column]
    if type(text) is not str or not text or text.startswith("[{") or not _is_plain_prompt(prompt, plan, is_exact):
        return None
    completed = _convert(fields, columns, plan, is_exact, is_survey)
    if completed is None or ("rewards" in fields and not _add_rewards(completed, fields["rewards"], notes)):
        return None
    became = notes.became
    for name, column in plan.columns.items():
        if column not in became and (name in completed or name == "text" or (name == "prompt" and prompt is not None)):
            became[column] = name
    if "reward" in completed and "rewards" not in fields:
        notes.reward_columns.add(plan.columns.get("reward", "reward"))
    if is_survey:
        if verdict_column is not None:
            notes.note_verdict(verdict_column, columns[verdict_column])
        return completed
    if prompt is not None:
        completed["prompt"] = prompt
    if not is_exact:
        _set_group(completed, plan)
    meta = {
        name: value
        for name, value in columns.items()
        if value is not None and name not in plan.read_columns and (type(value) is not float or isfinite(value))
    }
    meta.update(fields.get("meta") or _EMPTY)
    if "parts" not in meta and (parts := find_parts(text)):
        meta["parts"] = parts
    completed["text"], completed["meta"] = text, meta
    return completed


def _is_plain_prompt(prompt: Any, plan: _Plan, is_exact: bool) -> bool:
    """Return whether a prompt is a text and no messages as JSON, or is missing where nothing else may hold it."""
    if prompt is None:
        return not plan.needs_prompt and "prompt" not in plan.open_fields
    if type(prompt) is not str or not prompt:
        return False
    if plan.prompt_column is not None and plan.read_prompt(prompt) is None:
        return False
    return is_exact or not (prompt[0] in "[{" or prompt[0].isspace())


def _convert(fields: Fields, columns: Mapping[str, Any], plan: _Plan, is_exact: bool, is_survey: bool) -> Fields | None:
    """Return the fields in their types, without text, prompt and sums of rewards; None if one is of another shape."""
    completed: Fields = {}
    for name, convert in plan.given:
        value = fields[name]
        if is_survey and name not in _VERDICT:
            continue
        if value is None:
            if name in plan.open_fields:
                return None
            continue
        if name == "reward" and type(value) is bool:  # it says what is correct
            return None
        if not (is_exact and type(value) is str and name in _STRINGS):
            value = convert(value)
            if value is None:
                return None
        completed[name] = value
    for name, column, read in plan.read:
        value = columns[column]
        if value is None or (is_survey and name not in _VERDICT):
            continue
        value = read(value)
        if name == "reward":
            value = None if type(value) is bool else number(value)
        if value is None:
            return None
        completed[name] = value
    return completed


def _add_rewards(completed: Fields, rewards: Any, notes: Notes) -> bool:
    """Set the reward to the sum of the dialect's rewards; return whether there are any."""
    if type(rewards) is not dict:
        return False
    numbers = {name: reward for name, value in rewards.items() if (reward := number(value)) is not None}
    if numbers and (total := finite_sum(numbers.values())) is not None:
        completed["reward"] = total
        notes.reward_columns.update(numbers)
        return True
    return False


def _set_group(completed: Fields, plan: _Plan) -> None:
    """Give the traces of one prompt at one step a group; what data call a group lasts for a step."""
    step, group = completed.get("step"), completed.get("group")
    if group is None:
        if "prompt" in completed:
            completed["group"] = prompt_group(step, completed["prompt"])
    elif step is not None and plan.columns.get("group", "group") != "group":
        completed["group"] = f"{step}/{group}"
