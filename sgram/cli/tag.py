"""``sgram tag``: write planning masks of rollouts, print planning shares and colored traces."""

import json
import os
from collections import deque
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from sgram.cli.console import meter, note, print_table
from sgram.cli.number_checks import check_minimum
from sgram.cli.path_checks import check_no_options
from sgram.cli.read import InputFlags, report_reading, with_progress
from sgram.cli.tagged_view import (
    page_legend,
    page_table,
    page_traces,
    percent,
    percent_interval,
    share_table,
    show_traces,
)
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
    """Which traces are printed or written to a page."""

    show: int = 0
    """Print this many traces, planning spans in their move's color."""
    lines: int = 60
    """Maximum lines of each printed trace; 0 for all."""
    html: Path | None = None
    """HTML page of traces to write, planning spans in their move's color."""
    html_traces: int = 50
    """Number of traces on that page, the first of the input."""

    @property
    def n_traces(self) -> int:
        """Number of traces that must be kept for printing or the page."""
        return max(self.show, self.html_traces if self.html is not None else 0)

    def check(self) -> None:
        """Raise `UsageError` for numbers out of range."""
        check_minimum("show", self.show, 0)
        check_minimum("lines", self.lines, 0)
        check_minimum("html-traces", self.html_traces, 1)


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
    """Mark the planning tokens of rollouts, and measure how much of them is planning.

    sgram tag rollouts.jsonl --tokenizer model/ -o masks.parquet

    sgram tag rollouts.jsonl --lexicon lexicon.json --show 3 --html page.html
    """
    from sgram.tagging.summary import TagSummary

    if as_json and showing.show:
        raise UsageError("--json and --show both write to stdout; leave one out")
    check_minimum("seed", seed, 0)
    check_minimum("limit", limit, 1)
    showing.check()
    _check_names(paths, lexicon, output, showing.html)
    if output is not None:
        _check_masks(output, reading)
    summary = TagSummary(Lexicon.load(lexicon), showing.n_traces)
    reader = TraceReader(paths, reading.dialect, options=reading.options(output))
    tagger = _tagger(summary.lexicon, reading)
    _tag_traces(reader, tagger, summary, output, limit)
    if showing.html is not None:
        write_bytes(showing.html, _page(summary, tagger, seed, showing.html_traces))
    report_reading(reader)
    _report_ids(tagger, len(summary.counts))
    if as_json:
        _print_json(reader, tagger, summary, {"output": output, "html": showing.html, "seed": seed})
    else:
        _print_tables(summary, tagger, seed)
    if showing.show:
        print()
        show_traces(summary.first_traces[: showing.show], showing.lines)
    _report_files(summary, output, showing)
    return 0


def _check_names(paths: list[str], lexicon: str, output: str | None, html: Path | None) -> None:
    """Raise `UsageError` for invalid file names, before anything is read."""
    check_no_options(paths, "tag")
    if lexicon == "-" and "-" in paths:
        raise UsageError("stdin cannot hold both the traces and the lexicon; name a file for one of them")
    targets = [str(path) for path in (output, html) if path is not None]
    for path in targets:
        if path == "-":
            raise UsageError("masks and pages are files and cannot go to stdout; name a file")
        if path.startswith("-"):
            raise UsageError(f"{path} is not a file name; write ./{path} if it is one")
        _check_is_no_input(path, paths)
    if len({os.path.realpath(path) for path in targets}) < len(targets):
        raise UsageError(f"-o and --html both name {output}; give each a file of its own")


def _check_is_no_input(output: str, paths: list[str]) -> None:
    """Raise `UsageError` if the output is an input, or Parquet in an input folder, where the next run would read it."""
    target = Path(os.path.realpath(output))
    for path in paths:
        source = Path(os.path.realpath(path))
        if path != "-" and source == target:
            raise UsageError(f"{output} is an input; write to another file")
        if path != "-" and target.suffix == ".parquet" and source in target.parents:
            raise UsageError(
                f"{output} lies in {path}, where the next run would read it as rollouts; write it elsewhere"
            )


def _check_masks(output: str, reading: InputFlags) -> None:
    if not output.lower().endswith(".parquet"):
        raise UsageError(f"-o {output}: masks are written as Parquet; end the name in .parquet")
    if reading.tokenizer is None:
        raise UsageError(
            "-o needs --tokenizer, which gives the text of token ids; name the tokenizer.json (or its folder) of the "
            "model that wrote the rollouts"
        )


def _tagger(lexicon: Lexicon, reading: InputFlags) -> "RolloutTagger":
    from sgram.tagging.tagged_rollouts import RolloutTagger

    if reading.tokenizer is None:
        return RolloutTagger(lexicon)
    from sgram.traces.tokens import load_tokenizer, tokenizer_name

    return RolloutTagger(lexicon, load_tokenizer(reading.tokenizer), tokenizer_name(reading.tokenizer))


def _tag_traces(
    reader: TraceReader, tagger: "RolloutTagger", summary: "TagSummary", output: str | None, limit: int | None
) -> None:
    """Read the traces once, tag and count them, and write masks."""
    total = reader.bytes_total
    with meter("tagging", total / 1e6 if total else None, "MB") as bar, closing(with_progress(reader, bar)) as traces:
        tagged = summary.count_traces(tagger(islice(traces, limit)))
        if output is None:
            deque(tagged, maxlen=0)
        else:
            from sgram.tagging.masks import write_masks

            if tagger.vocabulary is None:
                raise AssertionError("masks need a tokenizer, which was checked")
            write_masks(output, (trace.mask_row() for trace in tagged), summary.lexicon, tagger.vocabulary)


def _report_ids(tagger: "RolloutTagger", n_traces: int) -> None:
    """Print where the token ids come from, and warn if they do not spell the texts."""
    report = tagger.id_counts
    if tagger.vocabulary is None:
        note("no --tokenizer: shares are shares of non-space characters; shares and masks of tokens need a tokenizer")
        return
    note(f"token ids: {report.n_with_ids:,} rollouts contain them, {report.n_encoded:,} were encoded from their text")
    if report.n_mismatched:
        note(
            f"warning: {report.n_mismatched:,} of {n_traces:,} rollouts have ids that do not spell their text; "
            "their mask follows the ids"
        )
    if report.n_projected:
        note(
            f"the tokenizer {tagger.vocabulary.name} changes text when it encodes, so {report.n_projected:,} masks "
            "were projected from the spans of the text through the encoder's offsets"
        )


def _report_files(summary: "TagSummary", output: str | None, showing: ShowFlags) -> None:
    if output is not None:
        note(f"masks of {len(summary.counts):,} traces written to {output}")
    if showing.html is not None:
        note(f"page of {min(len(summary.first_traces), showing.html_traces):,} traces written to {showing.html}")


def _unit(tagger: "RolloutTagger") -> str:
    return "characters" if tagger.vocabulary is None else "tokens"


def _print_json(reader: TraceReader, tagger: "RolloutTagger", summary: "TagSummary", flags: dict[str, Any]) -> None:
    vocabulary, ids, report, html = tagger.vocabulary, tagger.id_counts, reader.report, flags["html"]
    document = {
        "format": "sgram-tag",
        "version": 1,
        "output": flags["output"],
        "html": None if html is None else str(html),
        "tokenizer": None if vocabulary is None else {"name": vocabulary.name, "digest": vocabulary.digest},
        "unit": _unit(tagger),
        **summary.to_json(flags["seed"], _GRAMS_SHOWN),
        "ids": {
            "given": ids.n_with_ids,
            "encoded": ids.n_encoded,
            "unlike_text": ids.n_mismatched,
            "projected": ids.n_projected,
        },
        "rows_in": report.rows_in,
        "rows_skipped": report.rows_skipped,
        "rows_quarantined": report.rows_quarantined,
    }
    print(json.dumps(document, sort_keys=True, allow_nan=False))  # ASCII: no escape sequence reaches a terminal


def _main_rows(summary: "TagSummary", seed: int) -> tuple[list["ShareRow"], int]:
    """Return the rows that are printed (all, by outcome, by model), and how many models are left out."""
    rows = [row for row in summary.shares(seed) if row.model is None or row.outcome is None]
    models = [row for row in rows if row.model is not None]
    pooled = [row for row in rows if row.model is None]
    return pooled + models[:_MODELS_SHOWN], max(0, len(models) - _MODELS_SHOWN)


def _print_tables(summary: "TagSummary", tagger: "RolloutTagger", seed: int) -> None:
    rows, n_hidden = _main_rows(summary, seed)
    print_table(*share_table(rows, _unit(tagger)))
    if n_hidden:
        note(f"{n_hidden:,} more models; --json lists all")
    print()
    print_table(("move", "spans", "of all"), [(row.move, row.spans, percent(row.share, 6)) for row in summary.moves()])
    grams = summary.grams(_GRAMS_SHOWN)
    if grams:
        print()
        print_table(("most frequent grams", "move", "spans", "traces"), grams)


def _page(summary: "TagSummary", tagger: "RolloutTagger", seed: int, max_traces: int) -> bytes:
    from sgram.reports.pages.trace_page import TracePage, render_trace_page

    rows, _ = _main_rows(summary, seed)
    total, lexicon, n_traces = rows[0], summary.lexicon, len(summary.counts)
    page_tagged = summary.first_traces[:max_traces]
    tokenizer = f" (tokenizer {tagger.vocabulary.name})" if tagger.vocabulary is not None else ""
    share = total.pooled
    interval = "" if share.ends is None else f" (95 % interval {percent_interval(*share.ends)})"
    page = TracePage(
        title=f"{n_traces:,} traces, planning words marked",
        summary=(
            f"{percent(share.value)}{interval} of the {total.n_units:,} {_unit(tagger)}{tokenizer} are planning: they "
            f"belong to one of the {len(lexicon.grams):,} grams of the lexicon {lexicon.name}.",
            *([f"Below are the first {len(page_tagged):,} traces."] if len(page_tagged) < n_traces else []),
        ),
        moves=page_legend(summary.moves()),
        tables=(page_table(*share_table(rows, _unit(tagger), whole_names=True)),),
        traces=page_traces(page_tagged),
    )
    return render_trace_page(page)
