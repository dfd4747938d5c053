"""Token ids of a conversation of several turns, of which the policy wrote some: its turns, not the tools' answers."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from sgram.errors import InputError
from sgram.files import excerpt
from sgram.traces.dialect import DialectOptions, Fields
from sgram.traces.fields import is_number
from sgram.traces.parts import SEPARATOR, Part, find_parts
from sgram.traces.trace import RowError, Trace

TURN_SPACE = " \t\n\r\v\f"
"""Whitespace that is cut off both ends of a turn in a text of turns alone (`turn_pieces`)."""


@dataclass(slots=True)
class PolicyTokens:
    """Tokens of prompt and response, and numbers for each where a tool wrote them."""

    token_ids: list[int] = field(default_factory=list)
    by_policy: list[bool] = field(default_factory=list)
    """Whether the policy sampled the token."""
    logprobs: list[float] | None = field(default_factory=list)
    """None if a token of the policy has none; 0 for tokens of others."""
    entropies: list[float] | None = field(default_factory=list)

    def extend(self, token_ids: Any, mask: Any, logprobs: Any = None, entropies: Any = None) -> None:
        """Add the tokens of one turn; `logprobs` and `entropies` are those of its sampled tokens.

        Raise `RowError` if they do not belong together.
        """
        ids, sampled = check_tokens(token_ids or [], mask or [], "token_ids", "mask")
        self.token_ids += ids
        self.by_policy += sampled
        self.logprobs = _spread(self.logprobs, sampled, logprobs)
        self.entropies = _spread(self.entropies, sampled, entropies)

    @property
    def n_before(self) -> int:
        """Number of tokens before the first one of the policy; all if there is none."""
        return next((row for row, sampled in enumerate(self.by_policy) if sampled), len(self.by_policy))

    @property
    def span(self) -> slice:
        """The response: from the first token of the policy to its last one."""
        rows = [row for row, sampled in enumerate(self.by_policy) if sampled]
        return slice(rows[0], rows[-1] + 1) if rows else slice(0, 0)


def check_tokens(token_ids: Any, mask: Any, ids_name: str, mask_name: str) -> tuple[list[int], list[bool]]:
    """Return token ids and whether each was sampled. Raise `RowError` if they are no such lists of one length."""
    if not isinstance(token_ids, list) or not isinstance(mask, list) or len(token_ids) != len(mask):
        raise RowError(f"{ids_name} and {mask_name} are not two arrays of one length")
    if any(type(token_id) is not int or not 0 <= token_id < 1 << 31 for token_id in token_ids):
        raise RowError(f"field {ids_name} holds something else than token ids")
    return token_ids, [bool(sampled) for sampled in mask]


def _spread(numbers: list[float] | None, sampled: Sequence[bool], added: Any) -> list[float] | None:
    """Return `numbers` with those of the sampled tokens added, 0 for the others; None if they are missing."""
    n_sampled = sum(sampled)
    if numbers is None or (n_sampled and not (isinstance(added, list) and len(added) == n_sampled)):
        return None
    if n_sampled and not all(map(is_number, added)):
        return None
    values = iter(added if n_sampled else ())
    return [*numbers, *(next(values) if is_sampled else 0.0 for is_sampled in sampled)]


def add_policy_tokens(fields: Fields, tokens: PolicyTokens, options: DialectOptions) -> None:
    """Replace the response in `fields` by what the tokens spell, with the ids and what belongs to each.

    Nothing changes without a decoder, or without a token of the policy. If others wrote tokens between those of the
    policy, ``meta.policy_ids`` holds the half-open ranges of the policy's in ``token_ids``.
    """
    span, decode = tokens.span, options.decode
    if decode is None or span.stop == 0:
        return
    token_ids = tokens.token_ids[span]
    for name in ("pieces", "reasoning"):
        fields.pop(name, None)
    fields["text"], fields["token_ids"] = decode(token_ids), token_ids
    for name, numbers in (("logprobs", tokens.logprobs), ("entropies", tokens.entropies)):
        if numbers is not None:
            fields[name] = numbers[span]
    ranges = policy_ranges(tokens.by_policy[span])
    if len(ranges) > 1:
        meta: dict[str, Any] = fields.setdefault("meta", {})
        meta["policy_ids"] = ranges
        parts = _parts(fields["text"], token_ids, ranges, decode)
        if parts:
            meta["parts"] = parts


def policy_ranges(by_policy: Iterable[bool]) -> list[list[int]]:
    """Return the half-open ranges of the tokens that the policy sampled.

    >>> policy_ranges([True, True, False, True])
    [[0, 2], [3, 4]]
    """
    ranges, start = [], 0
    for sampled, run in groupby(by_policy):
        end = start + sum(1 for _ in run)
        if sampled:
            ranges.append([start, end])
        start = end
    return ranges


def written_by_policy(trace: Trace) -> list[bool] | None:
    """Return for each token id of a trace whether the policy wrote it; None if it wrote all of them, or there are none.

    Statistics of tokens and planning masks leave out the others. Raise `InputError` if ``meta.policy_ids`` are no
    ascending ranges within the ids.

    >>> written_by_policy(Trace(id="a", text="so 4", token_ids=(1, 2, 3), meta={"policy_ids": [[0, 1], [2, 3]]}))
    [True, False, True]
    """
    ranges = trace.meta.get("policy_ids")
    if ranges is None or trace.token_ids is None:
        return None
    n_ids, end = len(trace.token_ids), 0
    sampled = [False] * n_ids
    for pair in ranges if isinstance(ranges, list | tuple) else [ranges]:
        is_pair = isinstance(pair, list | tuple) and len(pair) == 2 and all(type(bound) is int for bound in pair)
        if not is_pair or not end <= pair[0] <= pair[1] <= n_ids:
            raise InputError(
                f"trace '{excerpt(trace.id)}': meta.policy_ids are no ascending ranges within its {n_ids} token ids; "
                "correct or remove them"
            )
        start, end = pair
        sampled[start:end] = [True] * (end - start)
    return None if all(sampled) else sampled


def n_policy_tokens(trace: Trace) -> int:
    """Return how many of the token ids of a trace the policy wrote. Raise the error of `written_by_policy`.

    >>> n_policy_tokens(Trace(id="a", text="so 4", token_ids=(1, 2, 3), meta={"policy_ids": [[0, 1], [2, 3]]}))
    2
    """
    sampled = written_by_policy(trace)
    return len(trace.token_ids or ()) if sampled is None else sum(sampled)


def turn_pieces(pieces: Sequence[bytes], by_policy: Sequence[bool]) -> list[bytes]:
    """Return the bytes that each token has in a text that holds the policy's turns alone, joined by a blank line.

    `pieces` are the bytes of each token. Other tokens have none; the one before a turn stands for the blank line. The
    whitespace around a turn (`TURN_SPACE`) and turns without text are left out.

    >>> turn_pieces([b"Wait", b"<call>", b"42", b"So ", b"4"], [True, False, False, True, True])
    [b'Wait', b'', b'\\n\\n', b'So ', b'4']
    """
    spelled = [b""] * len(pieces)
    has_turn = False
    for start, end in policy_ranges(by_policy):
        turn = b"".join(pieces[start:end])
        first, stop = len(turn) - len(turn.lstrip()), len(turn.rstrip())
        if first >= stop:
            continue
        if has_turn:
            spelled[start - 1] = SEPARATOR.encode()
        position, has_turn = 0, True
        for row in range(start, end):
            spelled[row] = pieces[row][max(0, first - position) : max(0, stop - position)]
            position += len(pieces[row])
    return spelled


def _parts(
    text: str, token_ids: Sequence[int], ranges: Sequence[Sequence[int]], decode: Callable[[list[int]], str]
) -> list[Part]:
    """Return a turn for each range of the policy, its parts, and the text between as that of tools.

    There are no parts if a character lies across the end of a range.
    """
    bounds = [bound for pair in ranges for bound in pair]
    segments = [decode(list(token_ids[start:end])) for start, end in zip(bounds, bounds[1:], strict=False)]
    if "".join(segments) != text:
        return []
    parts: list[Part] = []
    position = 0
    for row, segment in enumerate(segments):
        start = position + len(segment) - len(segment.lstrip())
        end = position + len(segment.rstrip())
        if end > start and row % 2:
            parts.append(Part(kind="tool", start=start, end=end))
        elif end > start:
            segment_parts = find_parts(segment) or [Part(kind="answer", start=start - position, end=end - position)]
            parts.append(Part(kind="turn", start=start, end=end))
            parts += [
                Part(kind=part["kind"], start=part["start"] + position, end=part["end"] + position)
                for part in segment_parts
            ]
        position += len(segment)
    return parts
