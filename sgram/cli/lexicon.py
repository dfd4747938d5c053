"""``sgram lexicon``: show, compare, merge, check and export lexicons."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import cyclopts
from cyclopts import Parameter

from sgram.cli.console import note, print_table, printable
from sgram.errors import UsageError
from sgram.files import write_bytes
from sgram.lexicon import MOVES, Cluster, Gram, Lexicon, check_lexicon, diff_lexicons, merge_lexicons

app = cyclopts.App(name="lexicon", help="Show, compare, merge, check and export lexicons (files or presets).")

# allow_leading_hyphen permits "-"
_SOURCE = "A lexicon file (- for stdin), or a preset such as wang2025."
Source = Annotated[str, Parameter(help=_SOURCE, allow_leading_hyphen=True)]
_TARGET = Parameter(name=["--output", "-o"], help="File to write (- for stdout).", allow_leading_hyphen=True)
Target = Annotated[str, _TARGET]
AsJson = Annotated[bool, Parameter(name="--json", negative="", help="Print one JSON object.")]
if TYPE_CHECKING:
    Move = str
else:
    Move = Literal[MOVES]

_NUMBERS = ("df", "count", "df_correct", "df_wrong", "score", "core")
_SHOWN_MEMBERS = 6


def _print(line: str) -> None:
    print(printable(line))


def _print_json(kind: str, fields: dict[str, Any]) -> None:
    """Print one JSON object on one line, in ASCII, so that no escape sequence reaches a terminal."""
    print(json.dumps({"format": f"sgram-{kind}", "version": 1, **fields}, sort_keys=True, allow_nan=False))


def _check_target(output: str) -> None:
    if output.startswith("-") and output != "-":
        raise UsageError(f"-o {output} is not a file name; write ./{output} if it is one")


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


def _cell(field: object) -> object:
    """Return a table cell; "-" means unknown."""
    if isinstance(field, bool):
        return "yes" if field else "no"
    return "-" if field is None else field


def _abbreviate(texts: Sequence[str], limit: int = _SHOWN_MEMBERS) -> str:
    """Join the first few texts, and say how many are left out."""
    ellipsis = f", +{len(texts) - limit} more" if len(texts) > limit else ""
    return ", ".join(texts[:limit]) + ellipsis


@app.command
def show(
    lexicon: Source,
    /,
    *,
    top: Annotated[int | None, Parameter(help="Rows to show, 0 for all. Default: 20; all with --json.")] = None,
    grams: Annotated[bool, Parameter(negative="", help="Show one row for each gram instead of each cluster.")] = False,
    move: Annotated[Move | None, Parameter(help="Only clusters that make this move.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show a lexicon's clusters (or grams), the most frequent first, and its digest."""
    if top is not None and top < 0:
        raise UsageError(f"--top must be >= 0 (got {top}); 0 shows all rows")
    limit = (0 if as_json else 20) if top is None else top
    loaded = Lexicon.load(lexicon)
    clusters = [cluster for cluster in loaded.clusters if move in (None, cluster.move)]
    cluster_grams = [(cluster, gram) for cluster in clusters for gram in cluster.grams]
    cluster_grams.sort(key=lambda pair: pair[1].rank)
    if as_json:
        rows = (
            {"grams": [_gram_row(cluster, gram) for cluster, gram in cluster_grams[: limit or None]]}
            if grams
            else {"clusters": _cluster_rows(clusters[: limit or None])}
        )
        n_rows = len(cluster_grams if grams else clusters)
        _print_json("lexicon-show", {**_identity(loaded), "source": loaded.source, "n_rows": n_rows, **rows})
        return
    if grams:
        _show_grams(cluster_grams[: limit or None])
    else:
        _show_clusters(clusters[: limit or None])
    n_hidden = len(cluster_grams if grams else clusters) - limit
    if limit and n_hidden > 0:
        note(f"{n_hidden:,} more rows; --top 0 shows all")
    _print(_identity_line(loaded))


def _show_clusters(clusters: Sequence[Cluster]) -> None:
    rows = []
    for cluster in clusters:
        members = [gram.text for gram in cluster.grams if gram.text != cluster.medoid]
        rows.append((cluster.id, cluster.move, _cell(cluster.df), cluster.medoid, _abbreviate(members)))
    print_table(("rank", "move", "df", "medoid", "members"), rows)


def _show_grams(cluster_grams: Sequence[tuple[Cluster, Gram]]) -> None:
    rows = [
        (gram.text, _cell(gram.df), _cell(gram.score), _cell(gram.core), cluster.move, cluster.medoid)
        for cluster, gram in cluster_grams
    ]
    print_table(("gram", "df", "score", "core", "move", "medoid"), rows)


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
    """Show how NEW differs from OLD: grams added, removed, moved between clusters, and changed numbers."""
    before, after = Lexicon.load(old), Lexicon.load(new)
    difference = diff_lexicons(before, after)
    if as_json:
        _print_json("lexicon-diff", {"old": _identity(before), "new": _identity(after), **difference.to_json()})
        return
    rows: list[tuple[object, ...]] = [("added", gram.text, "", _cell(gram.df)) for gram in difference.added]
    rows += [("removed", gram.text, _cell(gram.df), "") for gram in difference.removed]
    for moved_gram in difference.moved:
        old_cluster = f"{moved_gram.old_medoid} ({moved_gram.old_move})"
        new_cluster = f"{moved_gram.new_medoid} ({moved_gram.new_move})"
        rows.append(("moved", moved_gram.text, old_cluster, new_cluster))
    rows += [(change.field, change.text, _cell(change.old), _cell(change.new)) for change in difference.changed]
    if rows:
        print_table(("change", "gram", "old", "new"), rows)
    same = ", identical" if before == after else "" if difference else ", the grams are the same"
    _print(
        f"{len(difference.added)} added, {len(difference.removed)} removed, {len(difference.moved)} moved, "
        f"{len(difference.changed)} numbers changed{same}"
    )
    _print(f"old  {_identity_line(before)}")
    _print(f"new  {_identity_line(after)}")


@app.command
def merge(
    *lexicons: Source,
    output: Target,
    name: Annotated[str, Parameter(help="Name of the merged lexicon; default: that of the output file.")] = "",
) -> None:
    """Merge two or more lexicons: the union of their grams; clusters that share a gram become one."""
    if len(lexicons) < 2:
        raise UsageError(f"merge needs two or more lexicons (got {len(lexicons)})")
    _check_target(output)
    merged = merge_lexicons([Lexicon.load(path) for path in lexicons], name or _stem(output))
    if output == "-":
        print(json.dumps(merged.to_json(), sort_keys=True, indent=1, allow_nan=False))
    else:
        merged.save(output)
    note(_identity_line(merged))


def _stem(output: str) -> str:
    return "merged" if output == "-" else Path(output).name.removesuffix(".json") or "merged"


@app.command
def check(lexicon: Source, /, *, as_json: AsJson = False) -> None:
    """Warn of grams that make a lexicon noisy or hard to read; the exit code is 0 also with findings."""
    loaded = Lexicon.load(lexicon)
    findings = check_lexicon(loaded)
    if as_json:
        _print_json("lexicon-check", {**_identity(loaded), "findings": [finding.to_json() for finding in findings]})
        return
    for finding in findings:
        _print(f"{finding.rule}: {finding.message}")
        if finding.grams:
            _print(f"    {_abbreviate(finding.grams, 12)}")
    _print(f"{len(findings)} findings in {_identity_line(loaded)}")


@app.command
def export(
    lexicon: Source,
    /,
    *,
    form: Annotated[Literal["txt", "csv", "jsonl"], Parameter(name="--format", help="Format of the list.")] = "txt",
    full: Annotated[
        bool,
        Parameter(negative="--pruned", help="All grams (as masks use them), or only the core list that people read."),
    ] = False,
    output: Target = "-",
) -> None:
    """Write a lexicon's grams as a plain list, a CSV table or JSON lines."""
    _check_target(output)
    loaded = Lexicon.load(lexicon)
    exported = [(cluster, gram) for cluster in loaded.clusters for gram in cluster.grams if full or gram.core]
    exported.sort(key=lambda pair: pair[1].rank)
    rows = [_gram_row(cluster, gram) for cluster, gram in exported]
    text = {"txt": _as_text, "csv": _as_csv, "jsonl": _as_jsonl}[form](rows)
    _write_text(text, output)


def _as_text(rows: list[dict[str, Any]]) -> str:
    return "".join(f"{row['text']}\n" for row in rows)


def _as_csv(rows: list[dict[str, Any]]) -> str:
    from sgram.analysis.table import Column, Table
    from sgram.reports.pages.exports import encode_csv

    names = ("text", "cluster", "medoid", "move", *_NUMBERS)
    cells = tuple(tuple(row[name] for name in names) for row in rows)
    return encode_csv(Table("grams", "Grams", tuple(Column(name, name) for name in names), cells)).decode()


def _as_jsonl(rows: list[dict[str, Any]]) -> str:
    documents = ({name: field for name, field in row.items() if field is not None} for row in rows)
    return "".join(json.dumps(row, sort_keys=True, allow_nan=False) + "\n" for row in documents)


def _write_text(text: str, output: str) -> None:
    """Write `text` unchanged to a file, or line by line and escaped to stdout."""
    if output != "-":
        write_bytes(output, text.encode())
        note(f"wrote {output}")
        return
    for line in text.split("\n")[:-1]:
        _print(line)


@app.command
def presets(*, as_json: AsJson = False) -> None:
    """List the lexicons that are shipped with sgram."""
    loaded = [Lexicon.load(name) for name in Lexicon.presets()]
    if as_json:
        _print_json(
            "lexicon-presets", {"presets": [{**_identity(preset), "source": preset.source} for preset in loaded]}
        )
        return
    print_table(
        ("name", "clusters", "grams", "source"),
        [
            (
                preset.name,
                len(preset.clusters),
                len(preset.grams),
                preset.source.get("citation", preset.source.get("method", "")),
            )
            for preset in loaded
        ],
    )
