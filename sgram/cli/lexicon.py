"""``sgram lexicon``: show, compare, merge, check and export lexicons."""

import json
from collections.abc import Container, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import cyclopts
from cyclopts import Parameter

from sgram.cli.console import note, note_hidden, print_json, print_line, print_table
from sgram.cli.option_groups import METHOD, OUTPUT
from sgram.cli.path_checks import check_outputs
from sgram.cli.shared_flags import LEXICON, AsJson, output_flag
from sgram.errors import UsageError
from sgram.files import write_bytes
from sgram.lexicon import MOVES, Cluster, Gram, Lexicon, check_lexicon, diff_lexicons, merge_lexicons

app = cyclopts.App(
    name="lexicon", help="Show, compare, merge, check and export lexicons (files or presets).", group_parameters=METHOD
)

Source = Annotated[str, LEXICON]
Target = Annotated[str, output_flag("File to write (- for stdout).")]
if TYPE_CHECKING:
    Move = str
else:
    Move = Literal[MOVES]

_FULL = Parameter(
    group=OUTPUT, negative="--pruned", help="All grams (as masks use them), or only the core list that people read."
)
_NUMBERS = ("df", "count", "df_correct", "df_wrong", "score", "core")
_MEMBERS_SHOWN, _TOPICS_SHOWN = 6, 10


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


def _join_first(texts: Sequence[str], limit: int) -> str:
    """Join the first few texts, and say how many are left out."""
    return ", ".join(texts[:limit]) + (f", +{len(texts) - limit} more" if len(texts) > limit else "")


def _gram_rows(clusters: Iterable[Cluster]) -> list[dict[str, Any]]:
    """Return the grams of `clusters` as JSON values, by rank."""
    pairs = [(cluster, gram) for cluster in clusters for gram in cluster.grams]
    return [_gram_row(cluster, gram) for cluster, gram in sorted(pairs, key=lambda pair: pair[1].rank)]


@app.command
def show(
    lexicon: Source,
    /,
    *,
    top: Annotated[
        int | None, Parameter(group=OUTPUT, help="Rows to show, 0 for all. Default: 20; all with --json.")
    ] = None,
    grams: Annotated[
        bool, Parameter(group=OUTPUT, negative="", help="Show one row for each gram instead of each cluster.")
    ] = False,
    move: Annotated[Move | None, Parameter(group=OUTPUT, help="Only clusters that make this move.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the clusters (or grams) of a lexicon and its digest.

    Those of the readable list come first, the most frequent first.

    With --json, rows are in the order of the file: the most frequent first.
    """
    if top is not None and top < 0:
        raise UsageError(f"--top must be >= 0 (got {top}); 0 shows all rows")
    limit = (0 if as_json else 20) if top is None else top
    loaded = Lexicon.load(lexicon)
    clusters = [cluster for cluster in loaded.clusters if move in (None, cluster.move)]
    gram_rows, cluster_rows = _gram_rows(clusters), [_cluster_row(cluster) for cluster in clusters]
    kind, rows = ("grams", gram_rows) if grams else ("clusters", cluster_rows)
    if not as_json:
        core = {gram.text for gram in loaded.core}
        rows = sorted(rows, key=lambda row: core.isdisjoint([row["text"]] if grams else row["grams"]))
    printed = rows[: limit or None]
    if as_json:
        print_json("lexicon-show", {**_identity(loaded), "source": loaded.source, "n_rows": len(rows), kind: printed})
        return
    if grams:
        names = ("text", "df", "score", "core", "move", "medoid")
        print_table(("gram", *names[1:]), [[_cell(row[name]) for name in names] for row in printed])
    else:
        print_table(("rank", "move", "df", "medoid", "members"), [_cluster_cells(row, core) for row in printed])
    note_hidden(len(rows) - len(printed), "rows", "--top 0 shows all")
    if topics := _topics(loaded):
        print_line(f"topics of its corpus, not in the readable list: {_join_first(topics, _TOPICS_SHOWN)}")
    print_line(_identity_line(loaded))


def _topics(lexicon: Lexicon) -> list[str]:
    """Return the grams that the source names as topics of its corpus, the most frequent first."""
    topics = lexicon.source.get("topics")
    names = topics.get("grams", ()) if isinstance(topics, Mapping) else ()
    return [gram.text for gram in sorted(lexicon.grams, key=lambda gram: gram.rank) if gram.text in names]


def _cluster_cells(row: Mapping[str, Any], core: Container[str]) -> tuple[object, ...]:
    members = sorted((gram for gram in row["grams"] if gram != row["medoid"]), key=lambda gram: gram not in core)
    return row["rank"], row["move"], _cell(row["df"]), row["medoid"], _join_first(members, _MEMBERS_SHOWN)


def _cluster_row(cluster: Cluster) -> dict[str, Any]:
    return {
        "rank": cluster.id,
        "move": cluster.move,
        "df": cluster.df,
        "score": cluster.score,
        "medoid": cluster.medoid,
        "grams": [gram.text for gram in cluster.grams],
    }


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
    """Show how NEW differs from OLD.

    These are grams added, removed, moved between clusters, and changed numbers.
    """
    before, after = Lexicon.load(old), Lexicon.load(new)
    difference = diff_lexicons(before, after)
    if as_json:
        print_json("lexicon-diff", {"old": _identity(before), "new": _identity(after), **difference.to_json()})
        return
    rows: list[tuple[object, ...]] = [("added", gram.text, "", _cell(gram.df)) for gram in difference.added]
    rows += [("removed", gram.text, _cell(gram.df), "") for gram in difference.removed]
    for gram in difference.moved:
        old_cluster, new_cluster = f"{gram.old_medoid} ({gram.old_move})", f"{gram.new_medoid} ({gram.new_move})"
        rows.append(("moved", gram.text, old_cluster, new_cluster))
    rows += [(change.field, change.text, _cell(change.old), _cell(change.new)) for change in difference.changed]
    if rows:
        print_table(("change", "gram", "old", "new"), rows)
    same = ", identical" if before == after else "" if difference else ", the grams are the same"
    print_line(
        f"{len(difference.added)} added, {len(difference.removed)} removed, {len(difference.moved)} moved, "
        f"{len(difference.changed)} numbers changed{same}"
    )
    print_line(f"old  {_identity_line(before)}")
    print_line(f"new  {_identity_line(after)}")


@app.command
def merge(
    *lexicons: Source,
    output: Target,
    name: Annotated[
        str, Parameter(group=OUTPUT, help="Name of the merged lexicon; default: that of the output file.")
    ] = "",
) -> None:
    """Merge two or more lexicons.

    The result is the union of their grams; clusters that share a gram become one.
    """
    if len(lexicons) < 2:
        raise UsageError(f"merge needs two or more lexicons (got {len(lexicons)})")
    check_outputs({"-o": output}, stdout=True)
    stem = "merged" if output == "-" else Path(output).name.removesuffix(".json")
    merged = merge_lexicons([Lexicon.load(path) for path in lexicons], name or stem or "merged")
    if output == "-":
        print(json.dumps(merged.to_json(), sort_keys=True, indent=1, allow_nan=False))
    else:
        merged.save(output)
    note(_identity_line(merged))


@app.command
def check(lexicon: Source, /, *, as_json: AsJson = False) -> None:
    """Warn of grams that make a lexicon noisy or hard to read.

    The exit code is 0 also with findings.
    """
    loaded = Lexicon.load(lexicon)
    findings = check_lexicon(loaded)
    if as_json:
        print_json("lexicon-check", {**_identity(loaded), "findings": [finding.to_json() for finding in findings]})
        return
    for finding in findings:
        print_line(f"{finding.rule}: {finding.message}")
        if finding.grams:
            print_line(f"    {_join_first(finding.grams, 12)}")
    print_line(f"{len(findings)} findings in {_identity_line(loaded)}")


@app.command
def export(
    lexicon: Source,
    /,
    *,
    form: Annotated[
        Literal["txt", "csv", "jsonl"], Parameter(group=OUTPUT, name="--format", help="Format of the list.")
    ] = "txt",
    full: Annotated[bool, _FULL] = False,
    output: Target = "-",
) -> None:
    """Write grams as a plain list, a CSV table or JSON lines."""
    check_outputs({"-o": output}, stdout=True)
    rows = [row for row in _gram_rows(Lexicon.load(lexicon).clusters) if full or row["core"]]
    text = {"txt": _as_text, "csv": _as_csv, "jsonl": _as_jsonl}[form](rows)
    if output == "-":
        for line in text.split("\n")[:-1]:
            print_line(line)
    else:
        write_bytes(output, text.encode())
        note(f"wrote {output}")


def _as_text(rows: Sequence[Mapping[str, Any]]) -> str:
    return "".join(f"{row['text']}\n" for row in rows)


def _as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    from sgram.analysis.table import Column, build_table
    from sgram.reports.pages.exports import encode_csv

    columns = [Column(name, name) for name in ("text", "cluster", "medoid", "move", *_NUMBERS)]
    return encode_csv(build_table("grams", "Grams", columns, rows)).decode()


def _as_jsonl(rows: Sequence[Mapping[str, Any]]) -> str:
    documents = ({name: field for name, field in row.items() if field is not None} for row in rows)
    return "".join(json.dumps(row, sort_keys=True, allow_nan=False) + "\n" for row in documents)


@app.command
def presets(*, as_json: AsJson = False) -> None:
    """List the lexicons that are shipped with sgram."""
    lexicons = [Lexicon.load(name) for name in Lexicon.presets()]
    if as_json:
        documents = [{**_identity(preset), "source": preset.source} for preset in lexicons]
        print_json("lexicon-presets", {"presets": documents})
        return
    rows = []
    for preset in lexicons:
        source = preset.source.get("citation", preset.source.get("method", ""))
        rows.append((preset.name, len(preset.clusters), len(preset.grams), source))
    print_table(("name", "clusters", "grams", "source"), rows)
