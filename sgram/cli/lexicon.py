"""``sgram lexicon``: show, compare, merge, check and export. Nothing but flags and printing."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import cyclopts
from cyclopts import Parameter

from sgram.cli.console import note, printable, show_table
from sgram.errors import UsageError
from sgram.files import write_bytes
from sgram.lexicon import MOVES, Cluster, Gram, Lexicon
from sgram.lexicon import check as check_lexicon
from sgram.lexicon import diff as diff_lexicons
from sgram.lexicon import merge as merge_lexicons

app = cyclopts.App(name="lexicon", help="Show, compare, merge, check and export lexicons (files or presets).")

# allow_leading_hyphen lets "-" through
_SOURCE = "A lexicon file (- for stdin), or a preset such as wang2025."
Source = Annotated[str, Parameter(help=_SOURCE, allow_leading_hyphen=True)]
_TARGET = Parameter(name=["--output", "-o"], help="File to write (- for stdout).", allow_leading_hyphen=True)
Target = Annotated[str, _TARGET]
AsJson = Annotated[bool, Parameter(name="--json", negative="", help="Print one JSON object.")]
Move = Literal[MOVES]

_NUMBERS = ("df", "count", "df_correct", "df_wrong", "score", "core")
_SHOWN_MEMBERS = 6


def _say(line: str) -> None:
    print(printable(line))


def _say_json(kind: str, fields: dict[str, Any]) -> None:
    """One object on one line, in ASCII: no terminal can be moved by it."""
    print(json.dumps({"format": f"sgram-{kind}", "version": 1, **fields}, sort_keys=True, allow_nan=False))


def _check_target(output: str) -> None:
    if output.startswith("-") and output != "-":
        raise UsageError(f"-o {output} names no file; write ./{output} if it does")


def _identity(lexicon: Lexicon) -> dict[str, Any]:
    return {
        "name": lexicon.name,
        "digest": lexicon.digest,
        "n_clusters": len(lexicon.clusters),
        "n_grams": len(lexicon.grams),
        "n_core": len(lexicon.core),
    }


def _identity_line(lexicon: Lexicon) -> str:
    return (
        f"{lexicon.name}: {len(lexicon.clusters)} clusters, {len(lexicon.grams)} grams "
        f"({len(lexicon.core)} core), digest {lexicon.digest}"
    )


def _cell(value: object) -> object:
    """A table cell: "-" for what is not known."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None else value


def _some(texts: Sequence[str], limit: int = _SHOWN_MEMBERS) -> str:
    """The first few texts, and how many more there are."""
    more = f", +{len(texts) - limit} more" if len(texts) > limit else ""
    return ", ".join(texts[:limit]) + more


@app.command
def show(
    lexicon: Source,
    /,
    *,
    top: Annotated[int | None, Parameter(help="Rows to show, 0 for all. By default 20; all with --json.")] = None,
    grams: Annotated[bool, Parameter(negative="", help="One row a gram instead of one a cluster.")] = False,
    move: Annotated[Move | None, Parameter(help="Only clusters that make this move.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show a lexicon's clusters (or grams), the most frequent first, and its digest."""
    if top is not None and top < 0:
        raise UsageError(f"--top {top} means nothing; give a number of rows, or 0 for all")
    limit = (0 if as_json else 20) if top is None else top
    loaded = Lexicon.load(lexicon)
    clusters = [cluster for cluster in loaded.clusters if move in (None, cluster.move)]
    places = [(cluster, gram) for cluster in clusters for gram in cluster.grams]
    places.sort(key=lambda place: place[1].rank)
    if as_json:
        rows = places if grams else clusters
        shown = rows[: limit or None]
        fields = {"grams": [_gram_row(*row) for row in shown]} if grams else {"clusters": _cluster_rows(shown)}
        _say_json("lexicon-show", {**_identity(loaded), "source": loaded.source, "n_rows": len(rows), **fields})
        return
    if grams:
        _show_grams(places[: limit or None])
    else:
        _show_clusters(clusters[: limit or None])
    left = len(places if grams else clusters) - limit
    if limit and left > 0:
        note(f"{left:,} more rows; --top 0 shows all")
    _say(_identity_line(loaded))


def _show_clusters(clusters: Sequence[Cluster]) -> None:
    rows = []
    for cluster in clusters:
        members = [gram.text for gram in cluster.grams if gram.text != cluster.medoid]
        rows.append((cluster.id, cluster.move, _cell(cluster.df), cluster.medoid, _some(members)))
    show_table(("rank", "move", "df", "medoid", "members"), rows)


def _show_grams(places: Sequence[tuple[Cluster, Gram]]) -> None:
    rows = [
        (gram.text, _cell(gram.df), _cell(gram.score), _cell(gram.core), cluster.move, cluster.medoid)
        for cluster, gram in places
    ]
    show_table(("gram", "df", "score", "core", "move", "medoid"), rows)


def _cluster_rows(clusters: Sequence[Cluster]) -> list[dict[str, Any]]:
    return [
        {
            "rank": cluster.id,
            "move": cluster.move,
            "df": cluster.df,
            "score": cluster.score,
            "medoid": cluster.medoid,
            "grams": [gram.text for gram in cluster.grams],
        }
        for cluster in clusters
    ]


def _gram_row(cluster: Cluster, gram: Gram) -> dict[str, Any]:
    return {
        "text": gram.text,
        "cluster": cluster.id,
        "medoid": cluster.medoid,
        "move": cluster.move,
        **{name: getattr(gram, name) for name in _NUMBERS},
    }


@app.command
def diff(old: Source, new: Source, /, *, as_json: AsJson = False) -> None:
    """Show what NEW has other than OLD: grams added, removed, moved, with other numbers."""
    before, after = Lexicon.load(old), Lexicon.load(new)
    found = diff_lexicons(before, after)
    if as_json:
        _say_json("lexicon-diff", {"old": _identity(before), "new": _identity(after), **found.to_json()})
        return
    rows = [("added", gram.text, "", _cell(gram.df)) for gram in found.added]
    rows += [("removed", gram.text, _cell(gram.df), "") for gram in found.removed]
    for moved in found.moved:
        was, now = f"{moved.old_medoid} ({moved.old_move})", f"{moved.new_medoid} ({moved.new_move})"
        rows.append(("moved", moved.text, was, now))
    rows += [(change.field, change.text, _cell(change.old), _cell(change.new)) for change in found.changed]
    if rows:
        show_table(("change", "gram", "old", "new"), rows)
    same = ", identical" if before == after else "" if found else ", the grams are alike"
    _say(
        f"{len(found.added)} added, {len(found.removed)} removed, {len(found.moved)} moved, "
        f"{len(found.changed)} numbers changed{same}"
    )
    _say(f"old  {_identity_line(before)}")
    _say(f"new  {_identity_line(after)}")


@app.command
def merge(
    *lexicons: Source,
    output: Target,
    name: Annotated[str, Parameter(help="Name of the result; without it, that of the output file.")] = "",
) -> None:
    """Join two or more lexicons: the union of their grams, clusters that share a gram made one."""
    if len(lexicons) < 2:
        raise UsageError(f"merge joins two or more lexicons; {len(lexicons)} given")
    _check_target(output)
    merged = merge_lexicons([Lexicon.load(each) for each in lexicons], name or _stem(output))
    if output == "-":
        print(json.dumps(merged.to_json(), sort_keys=True, indent=1, allow_nan=False))
    else:
        merged.save(output)
    note(_identity_line(merged))


def _stem(output: str) -> str:
    return "merged" if output == "-" else Path(output).name.removesuffix(".json") or "merged"


@app.command
def check(lexicon: Source, /, *, as_json: AsJson = False) -> None:
    """Warn of what makes a lexicon noisy or hard to read; findings leave the exit code 0."""
    loaded = Lexicon.load(lexicon)
    findings = check_lexicon(loaded)
    if as_json:
        _say_json("lexicon-check", {**_identity(loaded), "findings": [finding.to_json() for finding in findings]})
        return
    for finding in findings:
        _say(f"{finding.rule}: {finding.message}")
        if finding.grams:
            _say(f"    {_some(finding.grams, 12)}")
    _say(f"{len(findings)} findings in {_identity_line(loaded)}")


@app.command
def export(
    lexicon: Source,
    /,
    *,
    form: Annotated[Literal["txt", "csv", "jsonl"], Parameter(name="--format", help="Form of the list.")] = "txt",
    full: Annotated[
        bool, Parameter(negative="--pruned", help="Every gram (as masks use), or the core list that people read.")
    ] = False,
    output: Target = "-",
) -> None:
    """Write a lexicon's grams as a plain list, a CSV table or JSON lines."""
    _check_target(output)
    loaded = Lexicon.load(lexicon)
    kept = [(cluster, gram) for cluster in loaded.clusters for gram in cluster.grams if full or gram.core]
    kept.sort(key=lambda place: place[1].rank)
    rows = [_gram_row(cluster, gram) for cluster, gram in kept]
    text = {"txt": _as_text, "csv": _as_csv, "jsonl": _as_jsonl}[form](rows)
    _deliver(text, output)


def _as_text(rows: list[dict[str, Any]]) -> str:
    return "".join(f"{row['text']}\n" for row in rows)


def _as_csv(rows: list[dict[str, Any]]) -> str:
    from sgram.analysis.table import Column, Table
    from sgram.reports.pages.exports import csv_bytes

    names = ("text", "cluster", "medoid", "move", *_NUMBERS)
    cells = tuple(tuple(row[name] for name in names) for row in rows)
    return csv_bytes(Table("grams", "Grams", tuple(Column(name, name) for name in names), cells)).decode()


def _as_jsonl(rows: list[dict[str, Any]]) -> str:
    known = ({name: value for name, value in row.items() if value is not None} for row in rows)
    return "".join(json.dumps(row, sort_keys=True, allow_nan=False) + "\n" for row in known)


def _deliver(text: str, output: str) -> None:
    """Write `text` to a file exactly, or line by line to stdout with nothing that could move a terminal."""
    if output != "-":
        write_bytes(output, text.encode())
        note(f"wrote {output}")
        return
    for line in text.split("\n")[:-1]:
        _say(line)


@app.command
def presets(*, as_json: AsJson = False) -> None:
    """List the lexicons that come with sgram."""
    loaded = [Lexicon.load(name) for name in Lexicon.presets()]
    if as_json:
        _say_json("lexicon-presets", {"presets": [{**_identity(each), "source": each.source} for each in loaded]})
        return
    show_table(
        ("name", "clusters", "grams", "source"),
        [
            (each.name, len(each.clusters), len(each.grams), each.source.get("citation", each.source.get("method", "")))
            for each in loaded
        ],
    )
