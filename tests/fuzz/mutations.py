"""Changes of sample rows, as tools, exports and hands make them."""

import json
import random
import re
from collections.abc import Callable, Iterator
from typing import Any

Rows = list[Any]

_DEEP, _DIGITS = "@@deep{}@@", "@@digits{}@@"
_PLACEHOLDER = re.compile(rb'"@@(deep|digits)(\d+)@@"')

_STRINGS = (
    *("", " ", "\n", "\x00", "\x1b[31mred", "\u2028", "\ufeff", "\ud800", "wait\udfff", "e\u0301", "\U0001f914 hmm"),
    *("null", "NaN", "True", "1.0", "12", "-1", "1e999", "4", "None", "[]", "{}", '[{"role": "user"}]', "{'a': 1}"),
    *(
        "<think>",
        "</think>",
        "<think>\n</think>",
        "<think>so</think>\n\n<think>then</think>4",
        "a" * 3000,
        ",",
        '"',
        "\t",
    ),
    *("[{'role': 'user', 'content': '2+2?'}, {'role': 'assistant', 'content': '4'}]", "[" * 300, "(" * 300 + "1"),
    *('{"text": "so"}', "2+2?", "error", "../../etc/passwd", "=1+1", "a\r\nb", "row 1\rrow 2", "\x85", "%s%d{0}"),
)
_NUMBERS = (
    *(0, 1, -1, 0.0, -0.0, 0.5, 1e308, -1e308, 5e-324, 2**31, 2**32, 2**53 + 1, 2**63 - 1, 2**63, 2**64, -(2**63) - 1),
    *(10**30, 10**400, float("nan"), float("inf"), float("-inf"), 1e22, 0.1, 3.0, True, False),
)
_NAMES = (
    *("text", "prompt", "response", "output", "completion", "answer", "solution", "reasoning", "reasoning_content"),
    *("messages", "conversations", "reward", "rewards", "score", "correct", "is_correct", "label", "gold", "id", "uid"),
    *("group", "run", "step", "model", "meta", "error", "token_ids", "logprobs", "entropies", "finish_reason", "data"),
    *("rows", "choices", "outputs", "content", "role", "columns", "index", "parts", "pieces", "filter", "", "a.b", "é"),
    *(
        "__document__",
        "__key__",
        "0",
        "format_reward",
        "reward_0",
        "\x1b[31m",
        "a\nb",
        "\ud800",
        "text ",
        "Text",
        "x" * 500,
    ),
)
_FAILURES: tuple[dict[str, Any], ...] = (
    {"error": "timeout"},
    {"error": {"message": "rate limit\nexceeded", "code": 429}},
    {"error": None},
    {"status": "failed"},
    {"finish_reason": "error"},
    {"success": False},
    {"error": ["a", {"b": 1}]},
    {"is_error": True, "exception": "Traceback"},
)


def change_rows(rows: Rows, chance: random.Random) -> Rows:
    """Return rows with up to four changes, some of one row and some of all."""
    for _ in range(chance.choice((0, 0, 1, 1, 1, 2, 3, 4))):
        if chance.random() < 0.2:
            rows = chance.choice(_CHANGES_OF_ALL)(rows, chance)
        else:
            place = chance.randrange(len(rows))
            rows = [*rows[:place], change_row(rows[place], chance), *rows[place + 1 :]]
    return rows


def change_row(row: Any, chance: random.Random) -> Any:
    """Return a copy of a row with one change at any depth."""
    changed = copy(row)
    places = list(_places(changed))
    if not places:
        return _value(chance)
    parent, key = chance.choice(places)
    chance.choice(_CHANGES)(parent, key, chance)
    return changed


def copy(value: Any) -> Any:
    """Return a copy of a JSON value."""
    if isinstance(value, dict):
        return {name: copy(child) for name, child in value.items()}
    return [copy(child) for child in value] if isinstance(value, list) else value


def to_json(value: Any, **options: Any) -> bytes:
    """Return a value as JSON; where a change asked for it, deeper or longer than Python writes it."""
    data = json.dumps(value, **options).encode("utf-8", "surrogatepass")
    return _PLACEHOLDER.sub(_spell_out, data) if b'"@@' in data else data


def _spell_out(match: re.Match[bytes]) -> bytes:
    count = int(match[2])
    if match[1] == b"digits":
        return b"9" * count
    return b"[" * count + b"]" * count if count % 2 else b'{"a":' * count + b"1" + b"}" * count


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield (object or list, key or place) of every value."""
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from _places(value[key])


def _value(chance: random.Random, depth: int = 0) -> Any:
    """Return any JSON value."""
    kind = chance.randrange(8 if depth < 3 else 5)
    if kind == 0:
        return None
    if kind <= 2:
        return chance.choice(_STRINGS)
    if kind <= 4:
        return chance.choice(_NUMBERS)
    if kind == 5:
        return {chance.choice(_NAMES): _value(chance, depth + 1) for _ in range(chance.randrange(4))}
    if kind == 6:
        return [_value(chance, depth + 1) for _ in range(chance.randrange(4))]
    return [_value(chance, depth + 1)] * chance.randrange(1, 4)


# -- changes of one value: the object or list that holds it, and its key or place -----------------------------------


def _drop(parent: Any, key: Any, _: random.Random) -> None:
    del parent[key]


def _rename(parent: Any, key: Any, chance: random.Random) -> None:
    if isinstance(parent, dict):
        parent[chance.choice(_NAMES)] = parent.pop(key)


def _replace(parent: Any, key: Any, chance: random.Random) -> None:
    parent[key] = _value(chance)


def _clear(parent: Any, key: Any, chance: random.Random) -> None:
    parent[key] = chance.choice((None, "", [], {}, float("nan"), [None], [""], [[]], [{}]))


def _retype(parent: Any, key: Any, chance: random.Random) -> None:
    value = parent[key]
    if isinstance(value, str):
        parent[key] = chance.choice(([value], {"text": value}, list(value[:9]), len(value), [value] * 3, repr(value)))
    elif isinstance(value, dict):
        parent[key] = chance.choice(([value], list(value.values()), to_json(value).decode(), repr(value), list(value)))
    elif isinstance(value, list):
        parent[key] = chance.choice(
            (dict(enumerate(value)), to_json(value).decode(), repr(value), [value], value[0] if value else None)
        )
    else:
        parent[key] = chance.choice((str(value), [value], {"value": value}, repr([value])))


def _resize(parent: Any, key: Any, chance: random.Random) -> None:
    value = parent[key]
    if isinstance(value, list):
        parent[key] = chance.choice((value[:-1], value + value, [*value, None], value[::-1], [*value, _value(chance)]))
    elif isinstance(value, str):
        parent[key] = chance.choice(
            (value[: len(value) // 2], value + value, value[::-1], chance.choice(_STRINGS) + value)
        )
    elif isinstance(value, dict):
        value[chance.choice(_NAMES)] = _value(chance)


def _nest(parent: Any, key: Any, chance: random.Random) -> None:
    kind = chance.choice((_DEEP, _DEEP, _DIGITS))
    if chance.random() < 0.5:
        parent[key] = kind.format(chance.choice((20, 97, 98, 99, 100, 101, 199, 254, 255, 1001, 5000, 40_001)))
        return
    nested = parent[key]
    for _ in range(chance.choice((5, 50, 90, 96, 97, 98, 99, 100, 101, 150))):
        nested = [nested] if chance.random() < 0.5 else {chance.choice(("a", "text", "content", "data")): nested}
    parent[key] = nested


def _add(parent: Any, key: Any, chance: random.Random) -> None:
    if isinstance(parent, dict):
        parent[chance.choice(_NAMES)] = chance.choice((parent[key], _value(chance)))
    else:
        parent.insert(key, _value(chance))


def _fail(parent: Any, _: Any, chance: random.Random) -> None:
    if isinstance(parent, dict):
        parent.update(chance.choice(_FAILURES))


_CHANGES: tuple[Callable[[Any, Any, random.Random], None], ...] = (
    *(_drop, _rename, _replace, _replace, _clear, _retype, _retype, _resize, _nest, _add, _fail),
)


# -- changes of all rows --------------------------------------------------------------------------------------------


def _change_column(rows: Rows, chance: random.Random) -> Rows:
    """Change one column of all rows in one way."""
    changed = [copy(row) for row in rows]
    objects = [row for row in changed if isinstance(row, dict) and row]
    if not objects:
        return rows
    key, change, seed = chance.choice(list(objects[0])), chance.choice(_CHANGES), chance.random()
    for row in objects:
        if key in row:
            change(row, key, random.Random(seed))
    return changed


def _repeat(rows: Rows, chance: random.Random) -> Rows:
    return [*rows, copy(chance.choice(rows))]


def _repeat_id(rows: Rows, chance: random.Random) -> Rows:
    name = chance.choice(("id", "uid", "group", "run", "step", "index"))
    value = chance.choice((1, "same", "", None, 2.5, [1]))
    return [{**row, name: value} if isinstance(row, dict) else row for row in rows]


def _add_other(rows: Rows, chance: random.Random) -> Rows:
    other = chance.choice(([], {}, None, 3, "so", [1, 2], {"lr": 0.1, "seed": 1}, [{"text": "so"}], {"data": []}, [[]]))
    place = chance.randrange(len(rows) + 1)
    return [*rows[:place], other, *rows[place:]]


def _reward_all(rows: Rows, chance: random.Random) -> Rows:
    name = chance.choice(("reward", "score", "acc", "format_reward", "rewards", "advantage"))
    values = chance.choice(((0, 1), (-1, 1), (0.0, 0.5), ("0", "1"), (True, False), (1e308, 1e308), (None, 1)))
    return [{**row, name: chance.choice(values)} if isinstance(row, dict) else row for row in rows]


_CHANGES_OF_ALL: tuple[Callable[[Rows, random.Random], Rows], ...] = (
    *(_change_column, _change_column, _repeat, _repeat_id, _add_other, _reward_all),
)
