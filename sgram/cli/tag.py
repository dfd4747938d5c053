"""``sgram tag``: rollouts in; masks, planning shares, colored traces out. Nothing but flags, progress and printing."""

import json
import os
from collections import deque
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from sgram.cli.console import meter, note, show_table
from sgram.cli.path_checks import refuse_options
from sgram.cli.read import InputFlags, tell, watched
from sgram.cli.tagged_view import page_legend, page_table, page_traces, percent, share_table, show_traces
from sgram.errors import UsageError
from sgram.files import write_bytes
from sgram.lexicon import Lexicon
from sgram.traces import TraceReader

if TYPE_CHECKING:
    from sgram.tagging.planning_shares import ShareRow
    from sgram.tagging.summary import TagSummary
    from sgram.tagging.tagged_rollouts import RolloutTagger

_GRAMS_SHOWN = 10
_MODELS_SHOWN = 12


@Parameter(name="*")
@dataclass(frozen=True)
class ShowFlags:
    """What people are shown of the traces."""

    show: int = 0
    """Print this many traces, planning spans in their move's color."""
    lines: int = 60
    """Most lines of each printed trace; 0 for all."""
    html: Path | None = None
    """Page of traces to write: one HTML file, planning spans in their move's color."""
    html_traces: int = 50
    """Traces on that page, the first of the input."""

    @property
    def to_keep(self) -> int:
        """How many traces must be kept to be shown."""
        return max(self.show, self.html_traces if self.html is not None else 0)

    def check(self) -> None:
        """Refuse numbers that mean nothing."""
        if self.show < 0 or self.lines < 0 or self.html_traces < 1:
            raise UsageError("--show and --lines take a number from 0, --html-traces one from 1")


_LEXICON = Parameter(help="A lexicon file (- for stdin), or a preset such as wang2025.", allow_leading_hyphen=True)
_OUTPUT = Parameter(
    name=["--output", "-o"], help="Parquet file for the masks; needs --tokenizer.", allow_leading_hyphen=True
)


def tag(
    paths: Annotated[list[str], Parameter(help="Files, folders, or - for stdin.", allow_leading_hyphen=True)],
    /,
    *,
    lexicon: Annotated[str, _LEXICON] = "wang2025",
    output: Annotated[str | None, _OUTPUT] = None,
    reading: InputFlags = InputFlags(),  # noqa: B008
    showing: ShowFlags = ShowFlags(),
    limit: Annotated[int | None, Parameter(help="Stop after this many traces.")] = None,
    seed: Annotated[int, Parameter(help="Seed of the bootstrap intervals.")] = 0,
    as_json: Annotated[bool, Parameter(name="--json", negative="", help="Print one JSON object.")] = False,
) -> int:
    """Mark the planning tokens of rollouts, and tell how much of them is planning.

    sgram tag rollouts.jsonl --tokenizer model/ -o masks.parquet

    sgram tag rollouts.jsonl --lexicon lexicon.json --show 3 --html page.html
    """
    from sgram.tagging.summary import TagSummary

    if as_json and showing.show:
        raise UsageError("stdout can hold the JSON or the traces, not both; leave out --json or --show")
    if seed < 0 or (limit is not None and limit < 1):
        raise UsageError("--seed takes a whole number from 0, --limit a number of traces")
    showing.check()
    _check_names(paths, lexicon, output, showing.html)
    if output is not None:
        _check_masks(output, reading)
    summary = TagSummary(Lexicon.load(lexicon), showing.to_keep)
    reader = TraceReader(paths, reading.dialect, options=reading.options(output))
    tagger = _tagger(summary.lexicon, reading)
    _pass(reader, tagger, summary, output, limit)
    if showing.html is not None:
        write_bytes(showing.html, _page(summary, tagger, seed, showing.html_traces))
    tell(reader)
    _tell_ids(tagger, len(summary.counts))
    if as_json:
        _print_json(reader, tagger, summary, {"output": output, "html": showing.html, "seed": seed})
    else:
        _print_tables(summary, tagger, seed)
    if showing.show:
        print()
        show_traces(summary.kept[: showing.show], showing.lines)
    _tell_files(summary, output, showing)
    return 0


def _check_names(paths: list[str], lexicon: str, output: str | None, html: Path | None) -> None:
    """Refuse names that cannot be meant, before anything is read."""
    refuse_options(paths, "tag")
    if lexicon == "-" and "-" in paths:
        raise UsageError("the traces and the lexicon both want stdin; name a file for one of them")
    written = [str(path) for path in (output, html) if path is not None]
    for path in written:
        if path == "-":
            raise UsageError("masks and pages go to files, not to stdout; name a file")
        if path.startswith("-"):
            raise UsageError(f"{path} names no file; write ./{path} if it does")
        _check_apart(path, paths)
    if len({os.path.realpath(path) for path in written}) < len(written):
        raise UsageError(f"-o and --html both name {output}; give each a file of its own")


def _check_apart(written: str, paths: list[str]) -> None:
    """Refuse to write over an input, or Parquet into an input folder, where the next run would read it."""
    target = Path(os.path.realpath(written))
    for path in paths:
        source = Path(os.path.realpath(path))
        if path != "-" and source == target:
            raise UsageError(f"{written} is an input; write to another file")
        if path != "-" and target.suffix == ".parquet" and source in target.parents:
            raise UsageError(
                f"{written} lies in {path}, where the next run would read it as rollouts; write it elsewhere"
            )


def _check_masks(output: str, reading: InputFlags) -> None:
    if not output.lower().endswith(".parquet"):
        raise UsageError(f"-o {output}: masks are written as Parquet; end the name in .parquet")
    if reading.tokenizer is None:
        raise UsageError(
            "-o needs --tokenizer: a mask is of token ids, and only the tokenizer knows what they spell; name the "
            "tokenizer.json (or its directory) of the model that wrote the rollouts"
        )


def _tagger(lexicon: Lexicon, reading: InputFlags) -> "RolloutTagger":
    from sgram.tagging.tagged_rollouts import RolloutTagger

    if reading.tokenizer is None:
        return RolloutTagger(lexicon)
    from sgram.traces.tokens import load_tokenizer, tokenizer_name

    return RolloutTagger(lexicon, load_tokenizer(reading.tokenizer), tokenizer_name(reading.tokenizer))


def _pass(
    reader: TraceReader, tagger: "RolloutTagger", summary: "TagSummary", output: str | None, limit: int | None
) -> None:
    """Let the traces through once, writing masks on the way."""
    total = reader.bytes_total
    with meter("tagging", total / 1e6 if total else None, "MB") as bar, closing(watched(reader, bar)) as seen:
        tagged = summary.passing(tagger(islice(seen, limit)))
        if output is None:
            deque(tagged, maxlen=0)
        else:
            from sgram.tagging.masks import write_masks

            write_masks(output, (one.row() for one in tagged), summary.lexicon, tagger.vocabulary)


def _tell_ids(tagger: "RolloutTagger", n_traces: int) -> None:
    """Say which ids the masks are of, and what may be wrong with them."""
    told = tagger.report
    if tagger.vocabulary is None:
        note("no --tokenizer: shares are of the characters that are not space; masks of tokens need one")
        return
    note(f"token ids: {told.n_given:,} rollouts hold their own, {told.n_encoded:,} were encoded from their text")
    if told.n_unlike_text:
        note(
            f"warning: {told.n_unlike_text:,} of {n_traces:,} rollouts hold ids that do not spell their text; "
            "their mask follows the ids"
        )
    if told.n_projected:
        note(
            f"the tokenizer {tagger.vocabulary.name} does not keep a text as it is, so {told.n_projected:,} masks "
            "were projected from the spans of the text through the encoder's offsets"
        )


def _tell_files(summary: "TagSummary", output: str | None, showing: ShowFlags) -> None:
    if output is not None:
        note(f"masks of {len(summary.counts):,} traces written to {output}")
    if showing.html is not None:
        note(f"page of {min(len(summary.kept), showing.html_traces):,} traces written to {showing.html}")


def _unit(tagger: "RolloutTagger") -> str:
    return "characters" if tagger.vocabulary is None else "tokens"


def _print_json(reader: TraceReader, tagger: "RolloutTagger", summary: "TagSummary", flags: dict[str, object]) -> None:
    made, ids, report, html = tagger.vocabulary, tagger.report, reader.report, flags["html"]
    told = {
        "format": "sgram-tag",
        "version": 1,
        "output": flags["output"],
        "html": None if html is None else str(html),
        "tokenizer": None if made is None else {"name": made.name, "digest": made.digest},
        "unit": _unit(tagger),
        **summary.to_json(flags["seed"], _GRAMS_SHOWN),
        "ids": {
            "given": ids.n_given,
            "encoded": ids.n_encoded,
            "unlike_text": ids.n_unlike_text,
            "projected": ids.n_projected,
        },
        "rows_in": report.rows_in,
        "rows_skipped": report.rows_skipped,
        "rows_quarantined": report.rows_quarantined,
    }
    print(json.dumps(told, sort_keys=True, allow_nan=False))  # ASCII: no terminal can be moved by it


def _chosen_rows(summary: "TagSummary", seed: int) -> tuple[list["ShareRow"], int]:
    """Rows of shares that people are shown: all, by outcome, by model; and how many models are left out."""
    rows = [row for row in summary.shares(seed) if row.model is None or row.outcome is None]
    models = [row for row in rows if row.model is not None]
    others = [row for row in rows if row.model is None]
    return others + models[:_MODELS_SHOWN], max(0, len(models) - _MODELS_SHOWN)


def _print_tables(summary: "TagSummary", tagger: "RolloutTagger", seed: int) -> None:
    rows, left = _chosen_rows(summary, seed)
    show_table(*share_table(rows, _unit(tagger)))
    if left:
        note(f"{left:,} more models; --json tells all")
    print()
    show_table(("move", "spans", "of all"), [(row.move, row.spans, percent(row.share, 6)) for row in summary.moves()])
    grams = summary.grams(_GRAMS_SHOWN)
    if grams:
        print()
        show_table(("most frequent grams", "move", "spans", "traces"), grams)


def _page(summary: "TagSummary", tagger: "RolloutTagger", seed: int, most: int) -> bytes:
    from sgram.reports.pages.trace_page import TracePage, trace_page

    rows, _ = _chosen_rows(summary, seed)
    everything, lexicon, n_traces = rows[0], summary.lexicon, len(summary.counts)
    shown = summary.kept[:most]
    by = f" (tokenizer {tagger.vocabulary.name})" if tagger.vocabulary is not None else ""
    share = everything.pooled
    interval = "" if share.low is None else f" (95 % interval {100 * share.low:.1f} to {100 * share.high:.1f})"
    page = TracePage(
        title=f"{n_traces:,} traces, planning words marked",
        summary=(
            f"{percent(share.value)}{interval} of the {everything.n_units:,} {_unit(tagger)}{by} are planning: they "
            f"belong to one of the {len(lexicon.grams):,} grams of the lexicon {lexicon.name}.",
            *([f"Below are the first {len(shown):,} traces."] if len(shown) < n_traces else []),
        ),
        moves=page_legend(summary.moves()),
        tables=(page_table(*share_table(rows, _unit(tagger), whole_names=True)),),
        traces=page_traces(shown),
    )
    return trace_page(page)
