"""``sgram tag``: write planning masks of rollouts, print planning shares and colored traces."""

from collections import deque
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from sgram.cli.console import note, note_hidden, print_json, print_next_table, print_table
from sgram.cli.engines import Address, EngineName, open_engine
from sgram.cli.estimate_cells import percent, percent_interval
from sgram.cli.option_groups import ADVANCED, OUTPUT
from sgram.cli.path_checks import check_no_options, check_one_stdin, check_outputs
from sgram.cli.read import InputFlags, open_traces, report_reading, row_counts_json
from sgram.cli.shared_flags import LEXICON, SCORER, AsJson, Limit, Mask, Part, TracePaths, number_flag, output_flag
from sgram.cli.tag_folder import is_folder_name, tag_folder
from sgram.cli.tagged_view import page_traces, share_table, show_traces
from sgram.errors import UsageError
from sgram.files import write_bytes
from sgram.lexicon import DEFAULT_LEXICON, Lexicon, SentenceScorer, connective_note
from sgram.tagging.spans import MaskKind
from sgram.traces import TraceReader
from sgram.traces.parts import PartChoice
from sgram.traces.tokens import load_tokenizer, tokenizer_name

if TYPE_CHECKING:
    from sgram.tagging.planning_shares import ShareRow
    from sgram.tagging.summary import TagSummary
    from sgram.tagging.tagged_rollouts import RolloutTagger

DEFAULT_SCORER = "sgram"
_OUTPUT = "Parquet file for the masks, or a folder for traces with masks, a file for each input; needs --tokenizer."
_GRAMS_SHOWN = 10
_MODELS_SHOWN = 12


@Parameter(name="*", group=OUTPUT)
@dataclass(frozen=True)
class ShowFlags:
    """Which traces are printed or written to a page."""

    show: Annotated[int, number_flag("show", 0, "Print this many traces, planning spans in their move's color.")] = 0
    lines: Annotated[int, number_flag("lines", 0, "Maximum lines of each printed trace; 0 for all.")] = 60
    html: Path | None = None
    """HTML page of traces to write, planning spans in their move's color."""
    html_traces: Annotated[
        int, number_flag("html-traces", 1, "Number of traces on that page, the first of the input.")
    ] = 50

    @property
    def n_traces(self) -> int:
        """Number of traces that must be kept for printing or the page."""
        return max(self.show, self.html_traces if self.html is not None else 0)


def tag(
    paths: TracePaths,
    /,
    *,
    lexicon: Annotated[str, LEXICON] = DEFAULT_LEXICON,
    mask: Mask = "grams",
    scorer: Annotated[str | None, SCORER] = None,
    output: Annotated[str | None, output_flag(_OUTPUT)] = None,
    reading: InputFlags = InputFlags(),  # noqa: B008
    showing: ShowFlags = ShowFlags(),
    part: Part = "all",
    limit: Limit = None,
    seed: Annotated[int, number_flag("seed", 0, "Seed of the bootstrap intervals.", ADVANCED)] = 0,
    engine: EngineName = "threads",
    address: Address = "auto",
    as_json: AsJson = False,
) -> None:
    """Mark the planning tokens of rollouts, and measure how much of them is planning.

    sgram tag rollouts.jsonl --tokenizer model/ -o masks.parquet

    sgram tag rollouts/ --tokenizer model/ -o tagged/

    sgram tag rollouts.jsonl --lexicon lexicon.json --show 3 --html page.html

    sgram tag rollouts.jsonl --mask grams-in-sentences --show 3
    """
    from sgram.tagging.summary import TagSummary

    if as_json and showing.show:
        raise UsageError("--json and --show both write to stdout; leave one out")
    check_no_options(paths, "tag")
    if scorer is not None and mask == "grams":
        raise UsageError("--scorer scores sentences; give --mask sentences or --mask grams-in-sentences with it")
    check_one_stdin([lexicon, *([scorer] if scorer else []), *paths])
    folders = ["-o"] if output is not None and is_folder_name(output) else []
    check_outputs({"-o": output, "--html": showing.html}, paths, folders=folders)
    if output is not None:
        _check_masks(output, reading)
    chosen_scorer = None if mask == "grams" else SentenceScorer.load(scorer or DEFAULT_SCORER)
    if output is not None and folders:
        from sgram.tagging.tagged_files import TagSettings

        if showing.n_traces or limit is not None:
            raise UsageError(f"-o {output} is a folder of files; leave out --show, --html and --limit")
        tag_folder(
            paths,
            output,
            reading,
            TagSettings(Lexicon.load(lexicon), str(reading.tokenizer), part, mask, chosen_scorer),
            open_engine(engine, address),
            as_json,
        )
        return
    if engine != "threads":
        raise UsageError("--engine is for a folder of masks; name one with -o, such as -o tagged/")
    summary = TagSummary(Lexicon.load(lexicon), showing.n_traces, mask, chosen_scorer)
    reader = TraceReader(paths, reading.dialect, options=reading.options(output))
    tagger = _tagger(summary, reading, part)
    _tag_traces(reader, tagger, summary, output, limit)
    if showing.html is not None:
        write_bytes(showing.html, _page(summary, tagger, seed, showing.html_traces))
    report_reading(reader)
    if remark := connective_note(summary.lexicon):
        note(remark)
    if chosen_scorer is not None:
        note(_describe_mask(mask, chosen_scorer))
    _report_ids(tagger, len(summary.counts))
    if as_json:
        fields = {
            "output": output,
            "html": None if showing.html is None else str(showing.html),
            "part": part,
            "left_out": tagger.selection.n_left_out,
            **summary.to_json(seed, _GRAMS_SHOWN),
            **_tokens_json(tagger),
            **row_counts_json(reader.report),
        }
        print_json("tag", fields)
    else:
        _print_tables(summary, tagger, seed)
    if showing.show:
        print()
        show_traces(summary.first_traces[: showing.show], showing.lines, summary.move_names)
    if output is not None:
        note(f"masks of {len(summary.counts):,} traces written to {output}")
    if showing.html is not None:
        note(f"page of {min(len(summary.first_traces), showing.html_traces):,} traces written to {showing.html}")


def _check_masks(output: str, reading: InputFlags) -> None:
    if not (output.lower().endswith(".parquet") or is_folder_name(output)):
        raise UsageError(
            f"-o {output}: masks are written as Parquet; end the name in .parquet, or in / for a folder of files"
        )
    if reading.tokenizer is None:
        raise UsageError(
            "-o needs --tokenizer, which gives the text of token ids; name the tokenizer.json (or its folder) of the "
            "model that wrote the rollouts"
        )


def _tagger(summary: "TagSummary", reading: InputFlags, part: PartChoice) -> "RolloutTagger":
    from sgram.tagging.tagged_rollouts import RolloutTagger

    tokenizer = None if reading.tokenizer is None else load_tokenizer(reading.tokenizer)
    name = None if reading.tokenizer is None else tokenizer_name(reading.tokenizer)
    scorer = summary.scorer or DEFAULT_SCORER
    return RolloutTagger(summary.lexicon, tokenizer, name, part=part, mask=summary.mask, scorer=scorer)


def _describe_mask(mask: MaskKind, scorer: SentenceScorer) -> str:
    marked = "planning sentences" if mask == "sentences" else "grams inside planning sentences"
    unused = "; the lexicon is not used" if mask == "sentences" else ""
    threshold = f"probability of {scorer.threshold:.2g} or more by the scorer {scorer.name}"
    return f"mask: {marked} ({threshold}){unused}; moves are those of the sentences"


def _tag_traces(
    reader: TraceReader, tagger: "RolloutTagger", summary: "TagSummary", output: str | None, limit: int | None
) -> None:
    """Read the traces once, tag and count them, and write masks."""
    with open_traces(reader, "tagging") as traces:
        tagged = summary.count_traces(tagger(islice(traces, limit)))
        if output is None or tagger.vocabulary is None:
            deque(tagged, maxlen=0)
        else:
            from sgram.tagging.masks import write_masks

            rows = (trace.mask_row() for trace in tagged)
            write_masks(
                output, rows, summary.lexicon, tagger.vocabulary, tagger.selection.part, tagger.mask, tagger.scorer
            )


def _report_ids(tagger: "RolloutTagger", n_traces: int) -> None:
    """Print the part, where the token ids come from, and warn if they do not spell the texts."""
    report, selection = tagger.id_counts, tagger.selection
    if selection.part != "all":
        note(selection.describe())
    if tagger.vocabulary is None:
        note("no --tokenizer: shares are shares of non-space characters; shares and masks of tokens need a tokenizer")
        return
    note(f"token ids: {report.n_with_ids:,} rollouts contain them, {report.n_encoded:,} were encoded from their text")
    if report.n_unaligned:
        note(
            f"warning: {report.n_unaligned:,} rollouts are left out: their ids do not spell their text, so it is "
            f"unknown which of their tokens are {selection.part}"
        )
    elif report.n_mismatched:
        note(
            f"warning: {report.n_mismatched:,} of {n_traces:,} rollouts have ids that do not spell their text; "
            "their mask follows the ids"
        )
    if report.n_projected:
        note(
            f"the tokenizer {tagger.vocabulary.name} changes text when it encodes, so {report.n_projected:,} masks "
            "were projected from the spans of the text through the encoder's offsets"
        )


def _unit(tagger: "RolloutTagger") -> str:
    return "characters" if tagger.vocabulary is None else "tokens"


def _tokens_json(tagger: "RolloutTagger") -> dict[str, object]:
    vocabulary, ids = tagger.vocabulary, tagger.id_counts
    return {
        "tokenizer": None if vocabulary is None else {"name": vocabulary.name, "digest": vocabulary.digest},
        "unit": _unit(tagger),
        "ids": {
            "given": ids.n_with_ids,
            "encoded": ids.n_encoded,
            "unlike_text": ids.n_mismatched,
            "projected": ids.n_projected,
            "left_out": ids.n_unaligned,
        },
    }


def _main_rows(summary: "TagSummary", seed: int) -> tuple[list["ShareRow"], int]:
    """Return the rows that are printed (all, by outcome, by model), and how many models are left out."""
    rows = [row for row in summary.shares(seed) if row.model is None or row.outcome is None]
    models = [row for row in rows if row.model is not None]
    pooled = [row for row in rows if row.model is None]
    return pooled + models[:_MODELS_SHOWN], max(0, len(models) - _MODELS_SHOWN)


def _print_tables(summary: "TagSummary", tagger: "RolloutTagger", seed: int) -> None:
    rows, n_hidden = _main_rows(summary, seed)
    print_table(*share_table(rows, _unit(tagger)))
    note_hidden(n_hidden, "models")
    moves = [(row.move, row.spans, percent(row.share, 6)) for row in summary.moves()]
    print_next_table(("move", "spans", "of all"), moves)
    grams = summary.grams(_GRAMS_SHOWN)
    if grams:
        move = "move" if summary.mask == "grams" else "main move"
        print_next_table(("most frequent grams", move, "spans", "traces"), grams)


def _page(summary: "TagSummary", tagger: "RolloutTagger", seed: int, max_traces: int) -> bytes:
    from sgram.reports.pages.trace_page import TracePage, render_trace_page

    rows, _ = _main_rows(summary, seed)
    total, lexicon, n_traces = rows[0], summary.lexicon, len(summary.counts)
    page_tagged = summary.first_traces[:max_traces]
    part = tagger.selection.part
    tokenizer = f" (tokenizer {tagger.vocabulary.name})" if tagger.vocabulary is not None else ""
    share = total.pooled
    interval = "" if share.ends is None else f" (95 % interval {percent_interval(*share.ends)})"
    columns, cells = share_table(rows, _unit(tagger), whole_names=True)
    units = _unit(tagger) if part == "all" else f"{part} {_unit(tagger)}"
    of_lexicon = f"one of the {len(lexicon.grams):,} grams of the lexicon {lexicon.name}"
    if summary.scorer is None:
        reason = f"belong to {of_lexicon}"
    elif summary.mask == "sentences":
        reason = f"belong to a sentence that plans by the scorer {summary.scorer.name}"
    else:
        reason = f"belong to {of_lexicon}, inside a sentence that plans by the scorer {summary.scorer.name}"
    marked = "sentences" if summary.mask == "sentences" else "words"
    page = TracePage(
        title=f"{n_traces:,} traces, planning {marked} {'' if part == 'all' else f'of the {part} '}marked",
        summary=(
            f"{percent(share.value)}{interval} of the {total.n_units:,} {units}{tokenizer} are planning: they "
            f"{reason}.",
            *([f"Below are the first {len(page_tagged):,} traces."] if len(page_tagged) < n_traces else []),
        ),
        columns=columns,
        rows=cells,
        move_counts={row.move: row.spans for row in summary.moves()},
        traces=page_traces(page_tagged, summary.scorer if summary.mask == "sentences" else None),
    )
    return render_trace_page(page)
