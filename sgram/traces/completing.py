"""From what a dialect reads out of a record to the fields of a trace: names of columns, reasoning, parts, rewards.

The order: columns that the user named, columns that the dialect knows, names in the table of aliases. What is left goes
to `meta`. A value of another shape than its field stays in `meta` under its column's name, and is counted.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from math import isfinite
from types import MappingProxyType
from typing import Any, NamedTuple

from sgram.files import excerpt
from sgram.traces.aliases import OPEN_ANSWERS, SOLUTIONS, find_column, plain_name, plan_columns
from sgram.traces.api_objects import find_failure
from sgram.traces.chat_templates import split_template
from sgram.traces.column_readers import Reader, are_messages, is_one_string, reader, reply_message
from sgram.traces.column_values import CONVERTERS, flag, lookup, number
from sgram.traces.containers.json_values import loads
from sgram.traces.dialect import Fields, Record
from sgram.traces.ids import prompt_group
from sgram.traces.messages import Conversation, is_of_others, read_asked, read_conversation, reasoning_texts
from sgram.traces.option_names import name_option
from sgram.traces.parts import Part, Piece, find_parts, insert_reasoning, text_and_parts
from sgram.traces.plain_rows import complete_plain
from sgram.traces.python_literals import read_literal
from sgram.traces.reward_columns import finite_sum, main_reward, names_reward, said_correct, weighted_sum
from sgram.traces.rows import DOCUMENT_KEY, ROW_KEY
from sgram.traces.trace import FailedRowError, RowError

_EMPTY: Mapping[str, Any] = MappingProxyType({})
_STICKY = frozenset({"reward", "correct"})
"""Fields that are read from one column in all rows of a file: two columns of them mean two things."""
_QUIET = frozenset({"reasoning", "text", "prompt", "run", "id"})
"""Fields for which a value of another shape is another use of the name, not a fault."""
_STRINGS = frozenset({"id", "group", "run", "answer", "reference", "model"})
_VERDICT = ("run", "reward", "correct")
"""Fields that tell for a run which of its responses are correct."""
_MAX_HINTED = 60
"""Most characters of the name of a column in a hint."""
_MIN_HINTED = 20
"""Fewest characters of a single word that may be a response."""
_MIN_WORDS = 3
"""Fewest words of a response in a column `answer`; shorter ones may be the expected answer."""
_MIN_ANSWER = 60
"""Fewest characters of a response in a column `answer` that need no words."""
_MODELS = re.compile("(model|generated|assistant|llm|actual|predicted)_")
"""Beginning of the name of a column that holds what the model wrote."""
_ANYONES = ("text", "response", "completion", "output")
"""Columns of a response that may be somebody else's."""
_MIN_OWN_SOLUTION = 60
"""Fewest characters of a solution that is the response's own, not the reference, if the response holds it."""


@dataclass(slots=True)
class ColumnNotes:
    """What became of the columns of one file."""

    became: dict[str, str] = field(default_factory=dict)
    """Column -> the field that it was read as, for columns that the dialect does not know itself."""
    looks_like: dict[str, str] = field(default_factory=dict)
    """Column that was not read -> the field that it looks like."""
    misfits: Counter[str] = field(default_factory=Counter)
    """Column -> rows in which its value is of another shape than the field."""
    reward_columns: set[str] = field(default_factory=set)
    """Columns that the reward is from; if there are several, their numbers were added up."""
    open_answer: str = ""
    """Column `answer`, or one like it, that was read as the reference, as there is no better one."""
    shapes: set[tuple[str, ...]] = field(default_factory=set)
    """Names of the columns of rows that were looked at for `looks_like`."""
    verdict_numbers: dict[str, float | None] = field(default_factory=dict)
    """Column of numbers that is named as a verdict -> a number in it that is none, such as 0.5; None so far."""
    no_verdicts: frozenset[str] = frozenset()
    """Columns that are named as verdicts and are none, as other rows show."""

    def note_verdict(self, column: str, value: Any) -> None:
        """Note a number in a column that is named as a verdict: 0 and 1 are verdicts, -1 often means none."""
        amount = None if isinstance(value, bool) else number(value)
        if amount is not None and self.verdict_numbers.get(column) is None:
            self.verdict_numbers[column] = None if amount in (0, 1, -1) else amount


@dataclass(frozen=True, slots=True)
class ColumnOptions:
    """What the user says of columns."""

    columns: Mapping[str, str] = field(default_factory=dict)
    """Field -> column, from `--column`; a key of an object is written `outer.inner`."""
    rewards: Mapping[str, float] = field(default_factory=dict)
    """Column -> weight, from `--reward`; a member of an object of rewards goes by its key."""


def complete_fields(
    fields: Fields,
    options: ColumnOptions,
    notes: ColumnNotes,
    record: Record | None = None,
    is_exact: bool = False,
    is_survey: bool = False,
) -> Fields:
    r"""Return the fields of one trace, converted, with `meta`; missing ones are absent.

    `record` is searched for columns that the user named and that the dialect took for something else. With `is_exact`
    (see `Dialect`) strings stay as they are, and no group is made of the prompt. With `is_survey` only run, reward and
    correctness are needed: parts, prompt, reference, group and `meta` are left out. Raise `FailedRowError` if the
    record says itself that there is no response, `RowError` if none is found, and `UsageError` if a reward that the
    user named is missing.

    >>> columns = {"question": "2+2?", "thinking": "Hmm, 2 and 2.", "response": "4", "gold": 4, "topic": "sums"}
    >>> notes = ColumnNotes()
    >>> trace = complete_fields({"columns": columns}, ColumnOptions(), notes)
    >>> trace["text"], trace["prompt"], trace["reference"], trace["meta"]["topic"], notes.became["gold"]
    ('Hmm, 2 and 2.\n\n4', '2+2?', '4', 'sums', 'reference')
    """
    if not options.columns and not options.rewards:
        plain = complete_plain(fields, notes, is_exact, is_survey)
        if plain is not None:
            return plain
    return complete_in_full(fields, options, notes, record, is_exact, is_survey)


def complete_in_full(
    fields: Fields,
    options: ColumnOptions,
    notes: ColumnNotes,
    record: Record | None = None,
    is_exact: bool = False,
    is_survey: bool = False,
) -> Fields:
    """Return what `complete_fields` returns, whether the row is plain or not."""
    row = _Row(fields, notes, is_exact)
    row.name_columns(options.columns, record)
    row.take_aliases()
    if is_survey:
        row.check_response()
        row.read_reward(options.rewards)
        return row.verdict()
    text, parts = row.read_text()
    row.read_prompt()
    row.choose_reference(text)
    row.read_reward(options.rewards)
    return row.complete(text, parts)


class _Plan(NamedTuple):
    """What rows with columns of these names may hold."""

    candidates: tuple[tuple[str, tuple[tuple[str, bool, Reader], ...]], ...]
    """(field, (column, whether it is a key of an object in a column, reader) of each column, the likeliest first)."""
    conversations: tuple[str, ...]
    resembling: tuple[tuple[str, str], ...]
    rewards: tuple[str, ...]
    """Columns that are named as rewards; none if one column is named as the reward."""
    open_answers: tuple[str, ...]
    """Columns that may hold the expected answer or the model's."""
    is_of_document: bool
    """Whether there are fields of the document that the rows were taken out of."""


@lru_cache(maxsize=512)
def _plan(names: tuple[str, ...]) -> _Plan:
    plan = plan_columns(names)
    fields = dict(plan.candidates)
    if not {"prompt", "reasoning"} & fields.keys():  # a content alone may be anything's
        fields["text"] = tuple(column for column in fields.get("text", ()) if plain_name(column) != "content")
    candidates = tuple(
        (name, tuple((column, column not in names, reader(name, column)) for column in columns))
        for name, columns in fields.items()
        if columns
    )
    rewards = () if "reward" in fields else tuple(name for name in names if names_reward(name))
    return _Plan(
        candidates,
        plan.conversations,
        plan.resembling,
        rewards,
        tuple(name for name in names if plain_name(name) in OPEN_ANSWERS),
        DOCUMENT_KEY in names or ROW_KEY in names,
    )


class _Row:
    """One trace on its way from columns to fields."""

    def __init__(self, fields: Fields, notes: ColumnNotes, is_exact: bool) -> None:
        self.notes, self.is_exact = notes, is_exact
        self.fields = {name: value for name, value in fields.items() if value is not None}
        self.meta: dict[str, Any] = dict(self.fields.pop("meta", ()))
        row_columns: Mapping[str, Any] = self.fields.pop("columns", {})
        self.columns = {
            name: value
            for name, value in row_columns.items()
            if value is not None and (type(value) is not float or isfinite(value))
        }
        self.names = tuple(row_columns)
        self.plan = _plan(self.names)
        self.origins: dict[str, str] = {}
        """Field -> column that it was read from."""
        self.values: dict[str, Any] = {}
        """Field -> value of that column, as it stands there."""
        self.named: Mapping[str, str] = {}
        """Field -> column that the user named."""
        if "meta" in self.columns and isinstance(self.columns["meta"], Mapping):
            self.meta = {**self.columns.pop("meta"), **self.meta}

    # -- names ------------------------------------------------------------------------------------------------

    def name_columns(self, named: Mapping[str, str], record: Record | None) -> None:
        """Take the columns that the user named; what they replace goes to `meta`."""
        self.named = named
        for name, column in named.items():
            value = lookup(self.columns, column)
            if value is None and record is not None:
                value = lookup(record, column)
                if name == "text" and isinstance(value, list) and ("text" in self.fields or "pieces" in self.fields):
                    self.notes.became[column] = "text"  # the dialect has taken the list apart
                    continue
            if value is None or (type(value) is float and not isfinite(value)):
                continue
            replaced = self.fields.pop(name, None)
            if replaced is not None and replaced != value:
                self.meta.setdefault(name, replaced)
            if name == "text":
                self.fields.pop("pieces", None)
            if name == "reward":
                self.fields.pop("rewards", None)
            self.notes.became[column] = name
            self._take(name, column, value, value)

    def _take(self, name: str, column: str, value: Any, read: Any) -> None:
        self.fields[name] = read
        self.origins[name] = column
        self.values[name] = value
        self.notes.became.setdefault(column, name)
        if not (name == "correct" and names_reward(column)):
            self.columns.pop(column, None)

    def take_aliases(self) -> None:
        """Move columns to the fields that they are named after, for fields that are still open."""
        fields, columns = self.fields, self.columns
        if not columns:
            return
        for name, candidates in self.plan.candidates:
            if name in fields or (name == "text" and "pieces" in fields) or (name == "reward" and "rewards" in fields):
                continue
            if len(candidates) > 1 and name in _STICKY:
                candidates = (
                    tuple(candidate for candidate in candidates if self.notes.became.get(candidate[0]) == name)[:1]
                    or candidates
                )
            misfit, is_read = "", False
            for column, is_nested, read_as in candidates:
                value = lookup(columns, column) if is_nested else columns.get(column)
                if value is None or (value == "" and name != "text"):
                    continue
                if name == "correct":
                    if column in self.notes.no_verdicts:
                        self.notes.looks_like.setdefault(column, name)
                        continue
                    self.notes.note_verdict(column, value)
                read = read_as(value)
                if read is None:
                    is_count = name == "token_ids" and type(value) is int  # how many tokens there are
                    misfit = misfit or ("" if is_count else column)
                    continue
                is_read = True
                if name == "text" and len(candidates) > 1:
                    column = self._choose_text(candidates)
                    value = read = columns[column]
                self._take(name, column, value, read)
                break
            if misfit and not is_read and name not in _QUIET:
                self.notes.misfits[misfit] += 1
        if self.plan.is_of_document:
            self._take_document()

    def _choose_text(self, candidates: Iterable[tuple[str, bool, Reader]]) -> str:
        """Return the column of the response. A text that holds both the prompt and another response is neither.

        Beside other words in a column that is named as a model's, `output` and the like hold the expected response.
        """
        fitting = [
            column
            for column, _, read_as in candidates
            if column in self.columns and read_as(self.columns[column]) is not None
        ]
        worded = [column for column in fitting if self.columns[column] != ""] or fitting
        if len(worded) > 1 and plain_name(worded[0]) == "text":
            prompt = self.fields.get("prompt") or self.columns.get(find_column(self.columns, "prompt") or "")
            whole, response = self.columns[worded[0]], self.columns[worded[1]]
            if isinstance(whole, str) and isinstance(response, str) and isinstance(prompt, str):
                is_whole = len(prompt) + len(response) <= len(whole) and prompt in whole and response in whole
                return worded[is_whole]
        first = worded[0]
        own = next((column for column in worded[1:] if _MODELS.match(plain_name(column))), None)
        if own is not None and plain_name(first) in _ANYONES:
            expected, said = self.columns[first], self.columns[own]
            are_texts = isinstance(expected, str) and isinstance(said, str) and _has_words(said)
            if are_texts and said.strip() not in expected and expected.strip() not in said:
                self.notes.looks_like.setdefault(first, "text or reference")
                return own
        return first

    def _take_document(self) -> None:
        """Take model, run and step of the document that the record was taken out of, and the record's name in it."""
        key, document = self.columns.pop(ROW_KEY, None), self.columns.pop(DOCUMENT_KEY, None)
        if key is not None and "id" not in self.fields:
            self.fields["id"] = key
        elif key is not None:
            self.meta.setdefault("key", key)
        if not isinstance(document, Mapping):
            return
        unread = dict(document)
        for name in ("model", "run", "step"):
            column = find_column(unread, name)
            if name not in self.fields and column is not None and reader(name, column)(unread[column]) is not None:
                self.fields[name] = unread.pop(column)
        if unread:
            self.meta.setdefault("document", unread)

    # -- the response -----------------------------------------------------------------------------------------

    def read_text(self) -> tuple[str, list[Part]]:
        """Return the response and its parts: the text, or the answer after a reasoning, or the model's messages."""
        pieces = self.check_response()
        if len(pieces) == 1 and pieces[0][0] == "answer":
            text = pieces[0][1]
            return text, find_parts(text)
        return text_and_parts(pieces)

    def check_response(self) -> list[Piece]:
        """Return the pieces of the response; raise `RowError` if there is none."""
        pieces = self._pieces()
        if "reasoning" in self.fields:
            pieces = self._insert_reasoning(pieces)
        if self.is_exact:
            return pieces
        for _, text in pieces:
            if text:
                return pieces
        self._check_success()
        if not pieces:
            raise FailedRowError("the response has no text")
        return pieces

    def _insert_reasoning(self, pieces: list[Piece]) -> list[Piece]:
        reasoning = self.fields.pop("reasoning")
        try:
            texts = reasoning_texts(reasoning)
        except RowError:
            self._set_aside("reasoning", reasoning)
            return pieces
        if not texts:  # settings, or encrypted
            column = self.origins.get("reasoning", "reasoning")
            self.columns.setdefault(column, reasoning)
            self.notes.became.pop(column, None)
        return insert_reasoning(pieces, texts)

    def _pieces(self) -> list[Piece]:
        pieces, text = self.fields.pop("pieces", None), self.fields.pop("text", None)
        if pieces is not None:
            return list(pieces)
        column = self._conversation_column() if self.plan.conversations else None
        if isinstance(text, str) and "text" in self.origins and not self.is_exact:
            text = _messages_in(text)
        if isinstance(text, str) and (text or column is None):
            if "role" in self.columns:
                self._check_role()
            if "text" in self.origins:
                text = self._without_prompt(text)
            if column is not None:
                self._read_asked(column, text)
            return [("answer", text)]
        if text is not None and not isinstance(text, str):
            reply = read_conversation(text if are_messages(text) else reply_message(text), prompt_messages="")
            if column is not None:
                self._read_asked(column, None)
            self._keep_calls(reply)
            return list(reply.pieces)
        read = read_asked if "reasoning" in self.fields else read_conversation  # a reasoning answers the last message
        conversation = None if column is None else read(_loaded(self.columns[column]))
        if column is not None and conversation is not None:
            del self.columns[column]
            self.notes.became.setdefault(column, "prompt and text")
            if conversation.prompt is not None:
                self.fields.setdefault("prompt", conversation.prompt)
            self._keep_calls(conversation)
            if not conversation.failed:
                return list(conversation.pieces)
        if "reasoning" in self.fields:
            return self._answer_pieces()
        answer = self.values.get("answer")
        if conversation is None and isinstance(answer, str) and _has_words(answer) and len(answer) >= _MIN_ANSWER:
            self.notes.became[self.origins.pop("answer")] = "text"
            del self.fields["answer"]
            return [("answer", answer)]
        self._check_success()
        if conversation is not None:
            raise FailedRowError(conversation.failure)
        raise self._no_response()

    def _check_role(self) -> None:
        """Raise `FailedRowError` if the row is a single message that is not the model's."""
        role = self.columns["role"]
        if plain_name(self.origins.get("text", "")) in ("text", "content") and is_of_others(role):
            raise FailedRowError(f"the row is a message of the role {role}, not of the model")

    def _without_prompt(self, text: str) -> str:
        """Return a text without the prompt at its beginning, where tools write both into one column."""
        name, prompt = plain_name(self.origins["text"]), self.fields.get("prompt")
        if name == "generated_text" and isinstance(prompt, str) and prompt:
            return text[len(prompt) :] if text.startswith(prompt) and text != prompt else text
        split = split_template(text) if name == "text" and prompt is None and "text" not in self.named else None
        if split is None:
            return text
        self.fields["prompt"], response = split
        self.notes.became[self.origins["text"]] = "prompt and text"
        return response

    def _keep_calls(self, conversation: Conversation) -> None:
        if conversation.tool_calls:
            self.meta.setdefault("tool_calls", list(conversation.tool_calls))

    def _conversation_column(self) -> str | None:
        """Return the column that holds messages, if there is one."""
        for column in self.plan.conversations:
            value = self.columns.get(column)
            if are_messages(value) or (isinstance(value, str) and value.lstrip()[:2] in ("[{", '{"', "{'")):
                return column
        return None

    def _read_asked(self, column: str, text: str | None) -> None:
        """Read the prompt out of messages beside a text; they are dropped if they say nothing else than both."""
        try:
            conversation = read_asked(_loaded(self.columns[column]))
        except RowError:
            return  # they stay in `meta` as they are
        if "prompt" not in self.fields and conversation.prompt is not None:
            self.fields["prompt"] = conversation.prompt
            self.notes.became.setdefault(column, "prompt")
        if all(text is not None and piece in text for _, piece in conversation.pieces):
            self.columns.pop(column)

    def _answer_pieces(self) -> list[Piece]:
        """Return the column `answer`, or else `solution`, as the response after a reasoning.

        It has to be said in words; a short `answer` is the response, too, if another column is the reference.
        """
        column = next((name for name in self.columns if plain_name(name) == "answer"), None)
        answer = None if column is None else self.columns[column]
        if column is not None and isinstance(answer, str) and (_has_words(answer) or "reference" in self.origins):
            is_sure = plain_name(self.origins.get("reference", "")) != "solution"
            if is_sure or _has_words(answer):
                del self.columns[column]
                self.notes.became.setdefault(column, "text")
                return [("answer", answer)]
        column, solution = self.origins.get("reference", ""), self.values.get("reference")
        is_open = plain_name(column) == "solution" and "reference" not in self.named
        if is_open and isinstance(solution, str) and _has_words(solution):
            del self.fields["reference"], self.values["reference"], self.origins["reference"]
            self.notes.became[column] = "text"
            return [("answer", solution)]
        return []

    def _check_success(self) -> None:
        """Raise `FailedRowError` if the record says why it has no response."""
        reason = find_failure({**self.columns, **self.meta})
        if reason is not None:
            raise FailedRowError(f"the rollout failed: {reason}")

    def _no_response(self) -> RowError:
        """Return the error for a record without a response; it says which column may be one."""
        empty = [column for name, columns in self.plan.candidates if name == "text" for column, _, _ in columns]
        if empty and all(column not in self.columns and column not in self.origins.values() for column in empty):
            return FailedRowError(f"the response is missing: {excerpt(empty[0])} is empty")
        prompt_column = self.origins.get("prompt")
        texts = {name: value for name, value in self.columns.items() if isinstance(value, str)}
        for name, value in self.values.items():
            if self.origins[name] != prompt_column and isinstance(value, str):
                texts[self.origins[name]] = value
        longest = max(texts, key=lambda name: (len(texts[name]), name), default="")
        is_long = " " in texts.get(longest, "").strip() or len(texts.get(longest, "")) >= _MIN_HINTED
        return no_response(self.names, longest if is_long else "")

    # -- prompt, reference, answer ----------------------------------------------------------------------------

    def read_prompt(self) -> None:
        """Make the prompt a text; an instruction is followed by its input."""
        if self.is_exact and isinstance(self.fields.get("prompt"), str):
            return
        value = self.fields.pop("prompt", None)
        if value is None:
            return
        text = _prompt_text(value)
        if text is None:
            self._set_aside("prompt", value)
            return
        if plain_name(self.origins.get("prompt", "")) == "instruction":
            column = next((name for name in self.columns if plain_name(name) == "input"), None)
            input_text = None if column is None else self.columns[column]
            if column is not None and isinstance(input_text, str):
                del self.columns[column]
                self.notes.became.setdefault(column, "prompt, after the instruction")
                text = f"{text}\n\n{input_text}" if input_text.strip() else text
        if text:
            self.fields["prompt"] = text

    def choose_reference(self, text: str) -> None:
        """Decide what the columns `solution` and `answer` are.

        A solution that the response holds is its own. `answer` is the reference beside a prompt (or what names it) or
        a solution, if no other column is; else it may be the model's, is left in `meta`, and reported. A column that is
        named as the reference and empty in this row counts, too.
        """
        if "reference" not in self.origins and not self.named and not self.plan.open_answers:
            return
        origin, reference = self.origins.get("reference", ""), self.values.get("reference")
        is_solution = plain_name(origin) in SOLUTIONS and "reference" not in self.named
        if is_solution and isinstance(reference, str) and _is_own(reference, text):
            self.columns[origin] = self.values.pop("reference")
            del self.fields["reference"], self.origins["reference"]
            self._unread(origin, "reference")
            is_solution = False
        column = next((name for name in self.columns if plain_name(name) in OPEN_ANSWERS), None)
        if column is None:
            return
        value = self.columns[column]
        read = CONVERTERS["reference"](value)
        is_open = "reference" not in self.fields and ("prompt" in self.fields or "group" in self.fields)
        is_open = is_open and not self._has_empty_reference()
        if (is_open or is_solution) and read is not None:
            if is_solution:
                self.columns[origin] = self.values["reference"]
                self._unread(origin, "reference")
            self._take("reference", column, value, read)
            self.notes.open_answer = column
        else:
            self.notes.looks_like.setdefault(column, "reference or answer")

    def _has_empty_reference(self) -> bool:
        """Return whether a column is named as the reference, other than as a solution, and is empty in this row."""
        named = next((columns for name, columns in self.plan.candidates if name == "reference"), ())
        return any(
            column in self.names and self.columns.get(column, "") == "" and plain_name(column) not in SOLUTIONS
            for column, _, _ in named
        )

    def _unread(self, column: str, name: str) -> None:
        if self.notes.became.get(column) == name:
            del self.notes.became[column]
        self.notes.looks_like.setdefault(column, name)

    # -- rewards ------------------------------------------------------------------------------------------------

    def read_reward(self, weights: Mapping[str, float]) -> None:
        """Set the reward: the weighted sum that the user asked for, the one reward, or the sum of the rewards."""
        value = self.fields.pop("reward", None)
        rewards: Mapping[str, Any] = self.fields.pop("rewards", _EMPTY)
        if not weights and value is None:
            if rewards or self.plan.rewards:
                reward = self._summed(rewards)
                if reward is not None:
                    self.fields["reward"] = reward
            return
        column = self.origins.get("reward", "reward")
        if value is not None and number(value) is None:
            self.columns.setdefault(column, value)
        if weights:
            reward = self._weighted(value, rewards, weights, column)
        else:
            reward, columns = main_reward(column, value)
            if reward is not None:
                self.notes.reward_columns.update(columns)
            elif columns:
                self.notes.became.pop(column, None)
                self.notes.looks_like.update(dict.fromkeys(columns, "reward"))
            else:
                self.notes.misfits[column] += 1
        if reward is not None:
            self.fields["reward"] = reward
        correct = said_correct(value)
        if correct is not None:
            self.fields.setdefault("correct", correct)

    def _weighted(
        self, value: Any, rewards: Mapping[str, Any], weights: Mapping[str, float], column: str
    ) -> float | None:
        """Return the weighted sum of the rewards that the user named, without those that are missing here."""
        sources = [("reward", value), (column, value)] if value is not None else []
        sources += [*rewards.items(), *self.columns.items(), *self.meta.items()]
        may_be_missing = {*self.names, *self.meta, *rewards, *self.notes.reward_columns}
        total = weighted_sum(sources, weights, may_be_missing)
        if total is not None:
            self.notes.reward_columns.update(weights)
        return total

    def _summed(self, rewards: Mapping[str, Any]) -> float | None:
        """Return the sum of the rewards of the dialect, or else of the columns that are named as rewards."""
        if not rewards and self.plan.rewards:
            rewards = {name: self.columns[name] for name in self.plan.rewards if name in self.columns}
        if not rewards:
            return None
        numbers = {name: reward for name, value in rewards.items() if (reward := number(value)) is not None}
        self.notes.reward_columns.update(numbers)
        return finite_sum(numbers.values())

    # -- the trace ----------------------------------------------------------------------------------------------

    def verdict(self) -> Fields:
        """Return run, reward and correctness in their types, as far as they are known."""
        converted = {name: self._convert(name, self.fields[name]) for name in _VERDICT if name in self.fields}
        return {name: value for name, value in converted.items() if value is not None}

    def _convert(self, name: str, value: Any) -> Any:
        """Return the value of a field in its type; None if it is missing or of another shape."""
        convert = CONVERTERS.get(name)
        if convert is None or value is None or (name in self.origins and name not in self.named):
            return value
        return value if self.is_exact and isinstance(value, str) and name in _STRINGS else convert(value)

    def complete(self, text: str, parts: list[Part]) -> Fields:
        """Return the fields in their types, and `meta` with all that is left."""
        completed: Fields = {}
        for name, value in self.fields.items():
            converted = self._convert(name, value)
            if converted is None:
                self._set_aside(name, value)
            else:
                completed[name] = converted
        if "token_ids" in completed:
            self._check_lengths(completed)
        if not self.is_exact:
            self._set_group(completed)
        meta = {**self.columns, **self.meta}
        if parts and "parts" not in meta:
            meta["parts"] = parts
        if self.names not in self.notes.shapes:
            self._note_resembling(completed)
        completed["text"], completed["meta"] = text, meta
        return completed

    def _check_lengths(self, completed: Fields) -> None:
        """Set numbers of tokens aside if they are more or fewer than the tokens."""
        for name in ("logprobs", "entropies"):
            if name in completed and len(completed[name]) != len(completed["token_ids"]):
                self._set_aside(name, list(completed.pop(name)))

    def _set_group(self, completed: Fields) -> None:
        """Give the traces of one prompt at one step a group; what data call a group lasts for a step."""
        step, group = completed.get("step"), completed.get("group")
        if group is None and "prompt" in completed:
            completed["group"] = prompt_group(step, completed["prompt"])
        elif group is not None and step is not None and self.origins.get("group", "group") != "group":
            completed["group"] = f"{step}/{group}"

    def _set_aside(self, name: str, value: Any) -> None:
        """Keep a value in `meta` that cannot be its field, under its column's name, and count it."""
        column = self.origins.get(name, name)
        if value != "":
            self.notes.misfits[column] += 1
        self.columns.setdefault(column, value)

    def _note_resembling(self, completed: Fields) -> None:
        """Note columns that look like a field and were not read."""
        self.notes.shapes.add(self.names)
        unread = [
            (column, name)
            for name, candidates in self.plan.candidates
            if name in self.origins or name not in completed  # else the dialect knows better
            for column, _, read_as in candidates
            if column in self.columns and read_as(self.columns[column]) is not None
        ]
        resembling = [
            (column, name) for column, name in self.plan.resembling if _resembles(name, self.columns.get(column))
        ]
        resembling += [(column, "prompt and text") for column, value in self.columns.items() if _is_chat(value)]
        read_columns = {*self.notes.became, *self.notes.reward_columns, *self.origins.values()}
        for column, name in (*unread, *resembling):
            if column not in read_columns:
                self.notes.looks_like.setdefault(column, name)


def no_response(names: Iterable[str], longest: str) -> RowError:
    """Return the error for a record with columns of these `names`, of which `longest`, if any, may be the response.

    >>> no_response(["topic", "words"], "")
    RowError('no column looks like the response: topic, words')
    """
    listed_names = ", ".join(name for name in names if name not in (DOCUMENT_KEY, ROW_KEY))
    columns = excerpt(listed_names) or "there is none"
    if longest:
        column = excerpt(longest, _MAX_HINTED)
        columns = f"if {column} holds it, {name_option('columns', {'text': column})}; columns: {columns}"
    return RowError(f"no column looks like the response: {columns}")


# -- values ---------------------------------------------------------------------------------------------------


def _resembles(name: str, value: Any) -> bool:
    """Return whether the value of a column that looks like a field by its name does not rule that out."""
    if name == "reward":
        return number(value) is not None
    if name == "correct":
        return flag(value) is not None
    return isinstance(value, str) and value.strip() != ""


def _is_chat(value: Any) -> bool:
    """Return whether a value is messages of two roles or more."""
    is_list = isinstance(value, list) and len(value) > 1 and are_messages(value)
    return is_list and len({str(message.get("role") or message.get("from")) for message in value} - {"None"}) > 1


def _has_words(text: str) -> bool:
    """Return whether a text is said in words; a bare answer is a number, a formula, one word or two."""
    words = [word for word in text.split() if len(word) > 1 and word.strip("(\"'.,;:!?)").isalpha()]
    return len(words) >= _MIN_WORDS or len(text) >= _MIN_ANSWER or "\\boxed" in text


def _is_own(solution: str, text: str) -> bool:
    """Return whether a solution is a piece of the response, or the response itself."""
    return (len(solution) >= _MIN_OWN_SOLUTION and solution in text) or solution.strip() == text.strip()


def _loaded(value: Any) -> Any:
    """Return messages that stand in a string as Python writes them; everything else is returned as it is."""
    if isinstance(value, str) and value.lstrip()[:3] in ("[{'", "{'r", "{'c", "{'f"):
        try:
            return read_literal(value)
        except RowError:
            return value
    return value


def _messages_in(text: str) -> Any:
    """Return the messages of a model that a text is, as JSON or as Python writes them; any other text as it is.

    >>> _messages_in("[{'role': 'assistant', 'content': '4'}]"), _messages_in('[{"x": 1}]')
    ([{'role': 'assistant', 'content': '4'}], '[{"x": 1}]')
    """
    if not text.startswith("[{"):
        return text
    try:
        messages = loads(text.encode())[0]
    except ValueError:
        messages = _loaded(text)
    if not are_messages(messages):
        return text
    roles = [message.get("role") or message.get("from") for message in messages]
    return messages if any(role is not None and not is_of_others(role) for role in roles) else text


def _prompt_text(value: Any) -> str | None:
    """Return a prompt as a text: a string, messages, or messages in a string; None if it is something else."""
    if is_one_string(value):
        return str(value[0])
    if isinstance(value, str) and value.lstrip()[:2] not in ("[{", '{"', "{'"):
        return value
    messages = _loaded(value)
    if not isinstance(messages, str) and not are_messages(messages):
        return value if isinstance(value, str) else None
    try:
        return read_conversation(messages, whole=True).prompt or ""
    except RowError:
        return value if isinstance(value, str) else None
