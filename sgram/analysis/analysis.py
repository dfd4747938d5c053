"""Inputs in, an analysis out: every table that they allow, beside its placebos. Knows nothing about HTML or figures."""

import os
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import sgram
from sgram.analysis.architecture import architecture_table
from sgram.analysis.config import AnalysisConfig
from sgram.analysis.corpus import corpus_table, success_table
from sgram.analysis.diagnoses import diagnose_held
from sgram.analysis.dynamics import aha_table, curves_table, order_of, series_of, settling_table
from sgram.analysis.entropies import conditional_table, semantic_table
from sgram.analysis.errors import diagnoses_table, equations_table, errors_table, kinds_of
from sgram.analysis.examples import Example, Showing, Siblings
from sgram.analysis.grams import grams_table
from sgram.analysis.planning import moves_table, scaling_table, shares_table
from sgram.analysis.sources import OTHERS, Source, find_inputs
from sgram.analysis.table import Column, Table, build_table
from sgram.analysis.token_tables import overlap_table, tokens_table
from sgram.analysis.trace_counts import Counted
from sgram.analysis.two_passes import Gathered, Inputs, Reading, Tell, gather
from sgram.diagnosis.kinds import Diagnosis
from sgram.errors import UsageError
from sgram.files import excerpt
from sgram.lexicon import Lexicon
from sgram.metrics import PhaseOrder
from sgram.traces import ReadOptions

TABLES = (
    "corpus",
    "success",
    "shares",
    "moves",
    "grams",
    "semantic_entropy",
    "conditional_entropy",
    "tokens",
    "overlap",
    "curves",
    "settling",
    "aha",
    "scaling",
    "errors",
    "diagnoses",
    "equations",
    "architecture",
    "placebo",
)
"""All tables, in the order of a report; one that the inputs do not allow is absent."""


@dataclass(frozen=True, slots=True, eq=False)
class Analysis:
    """What the inputs show, as tables, with what is needed to judge it."""

    title: str
    lexicon: Lexicon
    """The one that tags most traces."""
    sources: tuple[str, ...]
    tables: Mapping[str, Table]
    """By name, in the order of `TABLES`."""
    orders: Mapping[str, PhaseOrder]
    """Source -> whether execution settles before planning; empty without steps and entropies."""
    examples: tuple[Example, ...]
    siblings: tuple[Siblings, ...]
    provenance: Mapping[str, Any]
    """Inputs with digests, versions, seeds, lexicons, settings: JSON values without paths of the machine."""
    notes: tuple[str, ...]
    """What was sampled, left out or set aside."""
    placebo_orders: Mapping[str, PhaseOrder] = field(default_factory=dict)
    """The same as `orders` for the first placebo draw."""

    def frame(self, name: str) -> Any:
        """A table as a pandas DataFrame; `UsageError` for one that there is not."""
        if name not in self.tables:
            raise UsageError(
                f"there is no table {excerpt(name, 60)!r} in this analysis; there are {', '.join(self.tables)}"
            )
        return self.tables[name].frame()


def analyze(
    inputs: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    config: AnalysisConfig | None = None,
    tell: Tell = lambda stage, done, total: None,
    *,
    options: ReadOptions | None = None,
    dialect: str = "auto",
) -> Analysis:
    """Everything that the `inputs` allow: directories of training runs or comparisons, or rollouts of any format.

    `tell` gets (stage, done, in all). `options` and `dialect` say how rollouts are read. The result depends on what is
    read, on `config` and on the versions of what computes, not on the order of inputs. `InputError` where an input
    cannot be read or holds no trace.
    """
    config = config or AnalysisConfig()
    sources, notes = find_inputs([inputs] if isinstance(inputs, str | os.PathLike) else inputs)
    given = _with_lexicons(sources, config, options, dialect)
    gathered = gather(given, config, tell)
    counted = gathered.counted
    diagnoses, checked = diagnose_held(gathered, tell)
    kinds = kinds_of(counted, diagnoses)
    tell("measuring", 0, len(TABLES))
    series = {source: made for source in range(len(counted.names)) if (made := series_of(counted, source, kinds))}
    held = gathered.held
    by_source = [(held[key][0], held[key][1], found) for key, found in diagnoses.items()]
    made = (
        corpus_table,
        success_table,
        shares_table,
        moves_table,
        grams_table,
        semantic_table,
        conditional_table,
        tokens_table,
        overlap_table,
        lambda of: curves_table(of, series),
        lambda of: settling_table(of, series),
        aha_table,
        scaling_table,
        lambda of: errors_table(of, kinds),
        lambda of: diagnoses_table(by_source),
        lambda of: equations_table(of, checked),
        architecture_table,
        placebo_table,
    )
    tables = {}
    for number, (name, make) in enumerate(zip(TABLES, made, strict=True)):
        table = make(counted)
        if len(table):
            tables[name] = table
        tell("measuring", number + 1, len(TABLES))
    orders, placebo_orders = (
        {counted.names[source]: order for source, some in series.items() if (order := order_of(counted, some, draw))}
        for draw in (0, 1)
    )
    home = {name: counted.lexicon(place) for place, name in enumerate(counted.names)}
    showing = Showing(held, home.__getitem__, diagnoses)
    return Analysis(
        _title(gathered),
        counted.lexicons[0],
        counted.names,
        tables,
        orders,
        showing.examples(gathered.choice),
        showing.siblings(gathered.choice),
        _provenance(gathered, given, config),
        (*notes, *_notes(gathered, given, diagnoses)),
        placebo_orders,
    )


def _with_lexicons(
    sources: Sequence[Source], config: AnalysisConfig, options: ReadOptions | None, dialect: str
) -> Inputs:
    """The inputs, each with its lexicon and tokenizer."""
    known: dict[str, Lexicon] = {}
    lexicons = []
    for source in sources:
        name = config.lexicon if config.lexicon is not None else source.lexicon or config.default_lexicon
        if name not in known:
            known[name] = Lexicon.load(name)
        lexicons.append(known[name])
    tokenizers = tuple(
        source.tokenizer or config.tokenizer if source.kind == "run" else config.tokenizer for source in sources
    )
    return Inputs(tuple(sources), tuple(lexicons), tokenizers, options or ReadOptions(), dialect)


def placebo_table(counted: Counted) -> Table:
    """The placebo draws, and how well they match; empty where none was wanted."""
    columns = [
        Column("draw", "number of the draw; also its seed, counted from the analysis's", "count"),
        Column("texts", "what it is matched on: the training runs together, or a source by itself"),
        Column("lexicon", "what it is a placebo of"),
        Column("grams", "random grams in it", "count"),
        Column("unit", "what was matched: words, or tokens where all sources have a tokenizer"),
        Column("share_wanted", "of these, in the sampled texts, those that the lexicon marks", "share"),
        Column("share", "of the same, those that the draw marks", "share"),
        Column("met", "whether the two are within 2 % of each other", "flag"),
    ]
    records = [
        {
            "draw": number + 1,
            "texts": one.of,
            "lexicon": one.lexicon.name,
            "grams": len(each.grams),
            "unit": each.source["unit"],
            "share_wanted": each.source["wanted"],
            "share": each.source["share"],
            "met": True,
        }
        for one in counted.draws
        for number, each in enumerate(one.placebos)
    ]
    records += [
        {"draw": len(one.placebos) + number + 1, "texts": one.of, "lexicon": one.lexicon.name, "met": False}
        for one in counted.draws
        for number in range(len(one.failures))
    ]
    note = (
        "Grams that occur in at least two of the sampled texts, drawn at random until they mark as much of these texts "
        "as the lexicon does; in one outcome or at one step the shares differ, as the tables tell."
    )
    return build_table("placebo", "The controls", columns, records, note)


def _title(gathered: Gathered) -> str:
    names, n = gathered.counted.names, len(gathered.counted.columns)
    told = names[0] if len(names) == 1 else f"{len(names)} sources"
    return f"{n:,} traces of {told}"


def _notes(gathered: Gathered, given: Inputs, diagnoses: Mapping[int, Diagnosis]) -> list[str]:
    choice, counted, notes = gathered.choice, gathered.counted, []
    for reading in gathered.readings:
        if reading.set_aside:
            notes.append(
                f"{reading.set_aside:,} rows of {reading.source.shown} could not be read; first: {reading.first_fault}."
            )
        notes += [f"{reading.source.shown}: {warning}" for warning in reading.warnings]
    notes += gathered.notes
    merged = sorted(name for name, shown in choice.names.items() if name != shown)
    if merged:
        notes.append(
            f"{len(merged)} sources with the fewest traces are put together as {OTHERS!r}: {', '.join(merged[:40])}."
        )
    others = sorted(each.name for each in counted.lexicons[1:])
    if others:
        notes.append(f"Sources were tagged by different lexicons; the table grams is without {', '.join(others)}.")
    if len(diagnoses) < choice.n_wrong:
        notes.append(
            f"{len(diagnoses):,} of {choice.n_wrong:,} wrong traces were diagnosed, chosen by the digest of their text."
        )
    if counted.config.told_errors and (counted.columns.told[counted.columns.outcome == 1] >= 0).any():
        notes.append(
            "Where the traces tell the kind of an error (meta.error), errors are counted as told; diagnoses are ours."
        )
    return notes + _token_notes(gathered, given)


def _token_notes(gathered: Gathered, given: Inputs) -> list[str]:
    counted, notes = gathered.counted, []
    known = ~_nan(counted)
    if not known.any():
        if any(tokenizer is None for tokenizer in given.tokenizers) and (counted.columns.tokens >= 0).any():
            notes.append(
                "Entropies of planning and execution tokens are left out: only a tokenizer knows what token ids are; "
                "name the tokenizer.json of the model that wrote the traces (--tokenizer)."
            )
        else:
            notes.append(
                "Entropies of planning and execution tokens are left out: the traces hold none. Compute them with the "
                "model that wrote them (sgram metrics --model)."
            )
    elif not known.all():
        notes.append(
            f"{int((~known).sum()):,} of {len(known):,} traces hold no entropies that could be assigned to tokens."
        )
    held = sum(len(each.entropies) for each in counted.tokens)
    total = int(counted.columns.lists[0].tokens[known].sum())
    if held < total:
        notes.append(
            f"The tokens of high entropy were found among {held:,} of {total:,} tokens: whole traces, chosen by the "
            "digest of their text."
        )
    return notes


def _nan(counted: Counted) -> Any:
    entropy = counted.columns.lists[0].entropy[:, 0]
    return entropy != entropy


def _provenance(gathered: Gathered, given: Inputs, config: AnalysisConfig) -> dict[str, Any]:
    readings = {id(each.source): each for each in gathered.readings}
    inputs = []
    for source in given.sources:
        reading: Reading = readings[id(source)]
        told = {**source.record(), "kind": source.kind, "traces": reading.traces, "set_aside": reading.set_aside}
        if source.kind == "run":
            told |= {"source": source.name, **(source.facts or {})}
        inputs.append(told)
    counted = gathered.counted
    return {
        "inputs": inputs,
        "versions": _versions(),
        "seed": config.seed,
        "lexicons": [
            {
                "name": each.lexicon.name,
                "digest": each.lexicon.digest,
                "grams": len(each.lexicon.grams),
                "placebos_of": each.of,
                "placebos": [one.digest for one in each.placebos],
            }
            for each in counted.draws
        ],
        "config": _named(asdict(config)),
    }


def _named(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings without the machine's folders."""
    return {
        name: Path(value).name if isinstance(value, str) and os.sep in value else value
        for name, value in settings.items()
    }


def _versions() -> dict[str, str]:
    names = ("numpy", "numba", "tokenizers", "sympy", "math-verify")
    found = {"sgram": sgram.__version__, "python": platform.python_version(), "platform": sys.platform}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
