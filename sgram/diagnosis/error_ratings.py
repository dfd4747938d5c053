"""Ratings of wrong traces: why people say that they are wrong.

`sgram annotate import` writes them as JSONL, one rating a line: ``item``, ``rater`` and ``label`` as all ratings, with
``trace``, ``digest`` (of the response), ``probability`` (chance of a wrong trace to be in the sample) and ``n_wrong``
(traces that the sample was drawn from). Other ratings are read as well: then ``item`` is the id of the trace, the text
is not compared, and the rated traces are taken for a random sample.
"""

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sgram.annotation.items import parse_json
from sgram.annotation.ratings import LoadedRatings, Rating, load_ratings, write_rating_rows
from sgram.diagnosis.error_items import ErrorSample
from sgram.diagnosis.kind_guideline import ERRORS
from sgram.diagnosis.kinds import KINDS, Kind
from sgram.errors import InputError, UsageError
from sgram.files import excerpt
from sgram.safe_reading import iter_lines, open_input
from sgram.urls import printable_name

_NAMES_SHOWN = 3


@dataclass(frozen=True, slots=True)
class RatedTrace:
    """What raters say of one trace."""

    trace: str
    """Id of the trace."""
    kind: Kind | None
    """The kind that more raters give than any other; None for a tie."""
    votes: tuple[tuple[str, Kind], ...]
    """(rater, kind), by rater."""
    digest: str | None
    """Digest of the text that was rated; None if the ratings do not say."""
    probability: float | None
    """Chance of a wrong trace to be rated; None if the ratings do not say."""


@dataclass(frozen=True, slots=True)
class ErrorRatings:
    """Rated traces by id."""

    traces: Mapping[str, RatedTrace]
    n_ratings: int
    n_wrong: int | None
    """Wrong traces that the rated ones were drawn from; None if the ratings do not say."""

    @property
    def n_tied(self) -> int:
        """Traces without a majority, which are left out."""
        return sum(rated.kind is None for rated in self.traces.values())

    @property
    def raters(self) -> tuple[str, ...]:
        """Names of the raters, sorted."""
        return tuple(sorted({rater for rated in self.traces.values() for rater, _ in rated.votes}))


@dataclass(frozen=True, slots=True)
class _Origin:
    """Which trace an item is, and how it was drawn."""

    trace: str
    digest: str | None = None
    probability: float | None = None
    n_wrong: int | None = None


def majority(kinds: Iterable[Kind]) -> Kind | None:
    """Return the kind that is named more often than any other; None if there is none.

    >>> majority(["strategic", "procedural", "strategic"]), majority(["strategic", "procedural"])
    ('strategic', None)
    """
    (winner, n_votes), *rivals = Counter(kinds).most_common()
    return None if rivals and rivals[0][1] == n_votes else winner


def read_error_ratings(path: str | os.PathLike[str]) -> ErrorRatings:
    """Return the ratings of wrong traces in a file.

    Raise `InputError` as `load_ratings`, and if a label is not a kind of error. Raise `UsageError` for stdin.
    """
    if os.fspath(path) == "-":
        raise UsageError("--ratings is read twice, so it cannot be stdin; give a file")
    loaded = load_ratings(path)
    origins = _read_origins(path)
    if origins and (strangers := [rating.item for rating in loaded.ratings if rating.item not in origins]):
        raise InputError(
            f"{printable_name(path)}: {len(strangers):,} ratings do not say which trace they rate, such as that of "
            f"item '{excerpt(strangers[0], 40)}', and others do; keep ratings of different kinds in files of their own"
        )
    return _group(loaded, origins, printable_name(path))


def _read_origins(path: str | os.PathLike[str]) -> dict[str, _Origin]:
    """Return the origin of each item in ratings that `write_error_ratings` wrote; {} for other ratings."""
    origins: dict[str, _Origin] = {}
    with open_input(path) as stream:
        for line in iter_lines(stream):
            if not line.data.strip().startswith(b"{"):
                continue
            location = f"{stream.name}:{line.number}"
            row = parse_json(line.data, location)
            if not isinstance(row, dict) or "trace" not in row:
                continue
            origin = _parse_origin(row, location)
            if origins.setdefault(str(row.get("item")), origin) != origin:
                raise InputError(f"{location}: item '{excerpt(str(row.get('item')), 40)}' is of two samples; keep one")
    return origins


def _parse_origin(row: Mapping[str, object], location: str) -> _Origin:
    trace, text_digest, probability, n_wrong = (row.get(name) for name in ("trace", "digest", "probability", "n_wrong"))
    if (
        not isinstance(trace, str)
        or not isinstance(text_digest, str)
        or not isinstance(probability, float | int)
        or not 0 < probability <= 1
        or not isinstance(n_wrong, int)
    ):
        raise InputError(
            f"{location}: invalid trace, digest, probability or n_wrong; give the file as sgram annotate import wrote "
            "it"
        )
    return _Origin(trace, text_digest, float(probability), n_wrong)


def _group(loaded: LoadedRatings, origins: Mapping[str, _Origin], name: str) -> ErrorRatings:
    votes: dict[str, list[tuple[str, Kind]]] = {}
    for rating in loaded.ratings:
        votes.setdefault(rating.item, []).append((rating.rater, _parse_kind(rating, name)))
    traces: dict[str, RatedTrace] = {}
    for item, item_votes in votes.items():
        origin = origins.get(item, _Origin(item))
        if origin.trace in traces:
            raise InputError(
                f"{name}: trace '{excerpt(origin.trace, 60)}' was rated in two samples; give one file for each sample"
            )
        kind = majority(kind for _, kind in item_votes)
        traces[origin.trace] = RatedTrace(origin.trace, kind, tuple(item_votes), origin.digest, origin.probability)
    numbers = {origin.n_wrong for origin in origins.values()}
    return ErrorRatings(traces, len(loaded.ratings), numbers.pop() if len(numbers) == 1 else None)


def _parse_kind(rating: Rating, name: str) -> Kind:
    label = ERRORS.find_label(rating.label)
    for kind in KINDS:
        if kind == label:
            return kind
    raise InputError(
        f"{name}: item '{excerpt(rating.item, 60)}' has the label '{excerpt(rating.label, 60)}', which is not a kind "
        f"of error; must be one of {', '.join(KINDS)}"
    )


def write_error_ratings(path: str | os.PathLike[str], ratings: Iterable[Rating], sample: ErrorSample) -> None:
    """Write `ratings` of the items of `sample` as sorted JSONL, atomically; ``-`` is stdout.

    Raise `UsageError` if the file name promises another format.
    """
    items = {item.item: item for item in sample.items}
    rows = []
    for rating in sorted(set(ratings)):
        item = items[rating.item]
        row = {"item": rating.item, "label": rating.label, "rater": rating.rater, "trace": item.trace}
        rows.append(row | {"digest": item.digest, "probability": item.probability, "n_wrong": sample.n_wrong})
    write_rating_rows(path, rows)
