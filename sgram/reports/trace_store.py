"""Traces of an input in a temporary database, from which `sgram view` answers page by page.

Texts stay on disk, so an input may be larger than memory. Equations are checked when a trace is asked for.
"""

import json
import sqlite3
import tempfile
import threading
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sgram.analysis import TraceExample
from sgram.diagnosis.kinds import Diagnosis
from sgram.equations import check_equations
from sgram.reports.pages.trace_records import lookup_choices, trace_record, trace_summary
from sgram.tagging.spans import Span
from sgram.traces import Trace

PAGE_TRACES = 20
"""Traces of an answer; `trace_lookup.js` counts with the same number."""
_PATTERN_LIMIT = 1000
"""Characters of a search that are looked for."""
_TABLE = """create table traces (
    key text primary key, source text, outcome text, kind text, moves text,
    id text, body text, phrases text, summary text, content text
)"""
_FIND = """select summary, count(*) over () from traces
where (:key = '' or key = :key)
    and (:source = '' or source = :source)
    and (:outcome = '' or outcome = :outcome)
    and (:kind = '' or kind = :kind)
    and (:move = '' or instr(moves, :move))
    and (
        :words = ''
        or (:in_id and instr(id, :words))
        or (:in_text and instr(body, :words))
        or (:in_phrase and instr(phrases, :words))
    )
order by rowid limit :count offset :first"""
_LONGEST_NUMBER = 10
_FIELDS = ("id", "text", "prompt", "correct", "answer", "reference", "step", "model", "run")


class TraceStore:
    """Traces on disk that can be searched; a context manager that removes its file.

    >>> with TraceStore() as store:
    ...     store.add(TraceExample(Trace(id="7", text="But wait"), "m", (Span(4, 8, "backtracking"),), ()))
    ...     store.find({"q": "wait", "where": "phrase"})["total"], store.find({"outcome": "wrong"})["total"]
    (1, 0)
    """

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="sgram-view-")
        self._lock = threading.Lock()
        self._database = sqlite3.connect(Path(self._folder.name, "traces.db"), check_same_thread=False)
        self._database.execute("pragma journal_mode = off")
        self._database.execute("pragma synchronous = off")
        self._database.execute(_TABLE)
        self._diagnoses: dict[str, Diagnosis] = {}
        self.n_repeated = 0
        """Traces that are left out because an equal one is stored."""

    def __enter__(self) -> "TraceStore":
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()
        self._folder.cleanup()

    def __len__(self) -> int:
        (count,) = self._database.execute("select count(*) from traces").fetchone()
        return int(count)

    def add(self, example: TraceExample) -> None:
        """Store a trace with its spans and its diagnosis."""
        trace, summary = example.trace, trace_summary(example)
        phrases = "\n".join(trace.text[span.start : span.end] for span in example.spans)
        content = {name: getattr(trace, name) for name in _FIELDS}
        content["spans"] = [[span.start, span.end, span.label] for span in example.spans]
        row = (
            summary["key"],
            _storable(summary["source"]),
            summary["outcome"],
            _storable(summary["kind"]),
            "," + ",".join(map(str, summary["moves"])) + ",",
            *(_storable(fold(text)) for text in (summary["id"], trace.text, phrases)),
            json.dumps(summary),
            json.dumps(content),
        )
        cursor = self._database.execute("insert or ignore into traces values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        self.n_repeated += cursor.rowcount == 0
        if cursor.rowcount and example.diagnosis is not None:
            self._diagnoses[summary["key"]] = example.diagnosis

    def choices(self) -> dict[str, list[str]]:
        """Return the sources, outcomes, kinds and moves that occur."""
        rows = self._select("select distinct source, outcome, kind, moves from traces")
        return lookup_choices(
            {
                "source": source,
                "outcome": outcome,
                "kind": kind,
                "moves": [int(move) for move in moves.split(",") if move],
            }
            for source, outcome, kind, moves in rows
        )

    def find(self, query: Mapping[str, str]) -> dict[str, Any]:
        """Return the number of traces that match, and the summaries of those on the page that is asked for.

        `query` has the fields of the look-up: q, where, source, outcome, kind, move, page and key. Unknown fields are
        ignored.
        """
        move, page, where = query.get("move", ""), query.get("page", ""), query.get("where", "")
        columns = {"id": ["id"], "text": ["text"], "phrase": ["phrase"]}.get(where, ["id", "text"])
        values = {
            **{name: query.get(name, "") for name in ("source", "outcome", "kind", "key")},
            "move": f",{int(move)}," if move.isdecimal() and len(move) < _LONGEST_NUMBER else move,
            "words": _storable(fold(query.get("q", "")[:_PATTERN_LIMIT]).strip()),
            **{f"in_{column}": column in columns for column in ("id", "text", "phrase")},
            "first": PAGE_TRACES * (int(page) if page.isdecimal() and len(page) < _LONGEST_NUMBER else 0),
            "count": PAGE_TRACES,
        }
        values = {name: _storable(value) if isinstance(value, str) else value for name, value in values.items()}
        rows = self._select(_FIND, values)
        return {"total": rows[0][1] if rows else 0, "rows": [json.loads(summary) for summary, _ in rows]}

    def whole(self, key: str) -> dict[str, Any] | None:
        """Return the record of a trace with its text and its marks; None if there is none of that key."""
        rows = self._select("select source, content from traces where key = :key", {"key": _storable(key)})
        if not rows:
            return None
        ((source, content),) = rows
        fields = json.loads(content)
        spans = tuple(Span(start, end, label) for start, end, label in fields.pop("spans"))
        trace = Trace(**fields)
        equations = tuple(check_equations(trace.text))
        return trace_record(TraceExample(trace, source, spans, equations, self._diagnoses.get(key)))

    def _select(self, statement: str, values: Mapping[str, object] | None = None) -> list[Any]:
        with self._lock:  # the server answers in several threads
            return self._database.execute(statement, values or {}).fetchall()


def fold(text: str) -> str:
    """Return `text` as it is compared in a search; `trace_lookup.js` does the same.

    >>> fold("WAIT, ﬁne")
    'wait, fine'
    """
    return unicodedata.normalize("NFKC", text).lower()


def _storable(text: str) -> str:
    """Return `text` without lone surrogates, which the database cannot hold."""
    return text.encode("utf-8", "replace").decode()
