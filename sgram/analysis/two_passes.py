"""Two passes over all traces: a survey, then the counts by every list. Knows nothing about tables."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from sgram.analysis.columns_store import Ledger, TraceRow
from sgram.analysis.config import AnalysisConfig
from sgram.analysis.errors import told_kind
from sgram.analysis.placebo import Draws, draw_placebos
from sgram.analysis.sample_plan import Choice, SmallestKeys, Survey, group_of, key_of, outcome_of, problem_of
from sgram.analysis.sources import Source, largest
from sgram.analysis.text_marker import TextMarker
from sgram.analysis.token_marker import TokenMarker, tokenizer_digest
from sgram.analysis.trace_counts import Counted, HeldTokens
from sgram.errors import InputError
from sgram.lexicon import Lexicon
from sgram.metrics.architecture import architecture
from sgram.scan import word_offsets
from sgram.traces import ReadOptions, Trace
from sgram.traces.tokens import load_tokenizer

Tell = Callable[[str, int, int], None]
"""Gets a stage, what is done and what there is in all."""
RUNS = "training runs"
MISSPELLED = 0.05
"""Share of traces whose token ids do not spell their text from which that is told; a text cut within a character, or
with special tokens in it, is no sign of another tokenizer."""


@dataclass(slots=True)
class Reading:
    """What an input gave."""

    source: Source
    traces: int = 0
    set_aside: int = 0
    first_fault: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Gathered:
    """What the two passes leave."""

    counted: Counted
    choice: Choice
    held: dict[int, tuple[str, Trace]]
    """(source's name, trace) of each trace whose text is held."""
    readings: tuple[Reading, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Inputs:
    """What is read, and how."""

    sources: tuple[Source, ...]
    lexicons: tuple[Lexicon, ...]
    """Of each source."""
    tokenizers: tuple[str | None, ...]
    """Of each source."""
    options: ReadOptions = field(default_factory=ReadOptions)
    dialect: str = "auto"


def gather(inputs: Inputs, config: AnalysisConfig, tell: Tell) -> Gathered:
    """Read everything twice: to see what there is and draw placebos from it, then to count."""
    survey, readings = Survey(config), []
    lexicon_of: dict[str, Lexicon] = {}
    for number, (source, lexicon) in enumerate(zip(inputs.sources, inputs.lexicons, strict=True)):
        reader = source.reader(inputs.options, inputs.dialect)
        for trace in reader:
            name = source.name_of(trace)
            lexicon_of.setdefault(name, lexicon)
            survey.add(trace, name)
        report = reader.report
        readings.append(
            Reading(source, report.rows_kept, report.rows_quarantined, report.first_fault, tuple(report.warnings))
        )
        tell("reading", number + 1, len(inputs.sources))
    if not len(survey):
        raise InputError("the inputs hold no trace; name files with rollouts, or take off conditions")
    names = _names(survey, lexicon_of, config)
    choice = survey.choose(names)
    homes = _homes(inputs, names, lexicon_of)
    draws, notes = _draws(survey, homes, _shared_tokenizers(inputs, homes), config, tell)
    return _count(inputs, config, tell, choice, homes, draws, readings, notes)


def _names(survey: Survey, lexicon_of: dict[str, Lexicon], config: AnalysisConfig) -> dict[str, str]:
    """What sources are called; only sources with the commonest lexicon are put together."""
    sizes: dict[str, int] = {}
    for name, n in survey.n_of.items():
        sizes[lexicon_of[name].digest] = sizes.get(lexicon_of[name].digest, 0) + n
    main = min(sizes, key=lambda digest: (-sizes[digest], digest))
    return {
        name: shown if lexicon_of[name].digest == main else name
        for name, shown in largest(survey.n_of.items(), config.max_sources).items()
    }


@dataclass(frozen=True, slots=True, order=True)
class _Home:
    """What sources share their placebos: their lexicon, and texts of one kind."""

    digest: str
    of: str
    """Training runs together, as they are compared with each other; any other source by itself."""
    lexicon: Lexicon = field(compare=False)


def _homes(inputs: Inputs, names: dict[str, str], lexicon_of: dict[str, Lexicon]) -> dict[str, _Home]:
    """Name of a source -> its home."""
    runs = {source.name for source in inputs.sources if source.kind == "run"}
    return {
        name: _Home(lexicon.digest, RUNS if name in runs else names[name], lexicon)
        for name, lexicon in lexicon_of.items()
    }


def _shared_tokenizers(inputs: Inputs, homes: dict[str, _Home]) -> dict[_Home, str]:
    """Tokenizers to match placebos by, of the homes of which every source has one."""
    by_run = {source.name: tokenizer for source, tokenizer in zip(inputs.sources, inputs.tokenizers, strict=True)}
    of_traces = [
        tokenizer
        for source, tokenizer in zip(inputs.sources, inputs.tokenizers, strict=True)
        if source.kind == "traces"
    ]
    known: dict[_Home, list[str | None]] = {}
    for name, home in homes.items():
        known.setdefault(home, []).extend([by_run[name]] if name in by_run else of_traces)
    return {home: min(found) for home, found in known.items() if None not in found}


def _draws(
    survey: Survey, homes: dict[str, _Home], tokenizers: dict[_Home, str], config: AnalysisConfig, tell: Tell
) -> tuple[tuple[Draws, ...], list[str]]:
    notes, draws, sampled = [], [], []
    known = sorted(set(homes.values()))
    for number, home in enumerate(known):
        texts = SmallestKeys(config.placebo_chars)
        for name in sorted(homes):
            if homes[name] == home:
                texts.take(survey.texts[name])
        tokenizer = load_tokenizer(tokenizers[home]) if home in tokenizers else None
        made = draw_placebos(home.lexicon, home.of, texts.texts, config.n_placebos, config.seed, tokenizer)
        draws.append(made)
        if len(texts.texts) < texts.n_seen:
            sampled.append(f"{len(texts.texts):,} of the {texts.n_seen:,} traces of {home.of}")
        if made.failures:
            notes.append(
                f"{len(made.failures)} of {config.n_placebos} placebos of {home.lexicon.name} could not be drawn for "
                f"{home.of}: {made.failures[0]}."
            )
        tell("drawing placebos", number + 1, len(known))
    if sampled and config.n_placebos:
        notes.insert(0, f"Placebos were matched on {', '.join(sampled)}, chosen by the digest of their text.")
    return tuple(draws), notes


def _count(
    inputs: Inputs,
    config: AnalysisConfig,
    tell: Tell,
    choice: Choice,
    homes: dict[str, _Home],
    draws: tuple[Draws, ...],
    readings: list[Reading],
    notes: list[str],
) -> Gathered:
    place_of = {(each.lexicon.digest, each.of): place for place, each in enumerate(draws)}
    place = {name: place_of[home.digest, home.of] for name, home in homes.items()}
    markers = [[TextMarker(each) for each in (one.lexicon, *one.placebos)] for one in draws]
    ledger = Ledger(max(map(len, markers)))
    shown = _ranked(readings, choice, inputs, homes)
    counter = _Counter(choice, ledger, {name: place for place, name in enumerate(shown)})
    token_markers: dict[tuple[str, int], TokenMarker] = {}
    alike = {each: tokenizer_digest(each) for each in inputs.tokenizers if each is not None}
    for number, source in enumerate(inputs.sources):
        tokenizer = inputs.tokenizers[number]
        for trace in source.reader(inputs.options, inputs.dialect):
            name = source.name_of(trace)
            lists, tokens = draws[place[name]], None
            if tokenizer is not None:
                key = alike[tokenizer], place[name]
                if key not in token_markers:
                    token_markers[key] = TokenMarker(tokenizer, (lists.lexicon, *lists.placebos))
                tokens = token_markers[key]
            counter.add(trace, name, markers[place[name]], tokens)
        tell("counting", number + 1, len(inputs.sources))
    home_of = {choice.names[name]: at for name, at in place.items()}
    tokens = tuple(sorted(counter.tokens, key=lambda each: (each.key, len(each.entropies))))
    counted = Counted(ledger.columns(), shown, tuple(home_of[name] for name in shown), draws, config, tokens)
    if counter.misspelled > MISSPELLED * counter.with_ids:
        notes.append(
            f"In {counter.misspelled:,} of {counter.with_ids:,} traces the token ids do not spell the text by the "
            "tokenizer given: it may be that of another model, and then nothing said of tokens holds."
        )
    return Gathered(counted, choice, counter.held, tuple(readings), tuple(notes))


def _ranked(readings: Sequence[Reading], choice: Choice, inputs: Inputs, homes: dict[str, _Home]) -> tuple[str, ...]:
    """Names as shown: runs in their order, then models, those of most traces first; what is put together comes last."""
    runs = [source.name for source in inputs.sources if source.kind == "run"]
    order = {choice.names[name]: place for place, name in enumerate(runs) if name in choice.names}
    sizes: dict[str, int] = {}
    for name in homes:
        sizes[choice.names[name]] = sizes.get(choice.names[name], 0) + choice.n_of[name]
    grouped = {shown for name, shown in choice.names.items() if name != shown}
    return tuple(sorted(sizes, key=lambda name: (name in grouped, order.get(name, len(order)), -sizes[name], name)))


class _Counter:
    """The second pass, trace by trace."""

    def __init__(self, choice: Choice, ledger: Ledger, place_of: dict[str, int]):
        self._choice, self._ledger, self._place_of = choice, ledger, place_of
        self.held: dict[int, tuple[str, Trace]] = {}
        self.tokens: list[HeldTokens] = []
        self.with_ids, self.misspelled = 0, 0

    def add(self, trace: Trace, name: str, markers: Sequence[TextMarker], token_marker: TokenMarker | None) -> None:
        shown, key = self._choice.names[name], key_of(name, trace.id, trace.text)
        words = word_offsets(trace.text)
        marks = [marker(trace.text, words) for marker in markers]
        tokens = None if token_marker is None else token_marker(trace)
        n_tokens = None if trace.token_ids is None else len(trace.token_ids)
        shape = architecture(marks[0].gaps())
        problem = key_of(problem_of(trace))
        row = TraceRow(
            key,
            self._place_of[shown],
            outcome_of(trace),
            problem,
            key_of(group_of(trace)),
            trace.step,
            len(words),
            n_tokens if tokens is None else len(tokens.ids),
            key_of(trace.answer) if trace.answer is not None else 0,
            told_kind(trace),
            (shape.kind, shape.similarity, shape.variation),
        )
        first = None
        if token_marker is not None:
            first = token_marker.first_entropies(trace, tokens, marks[0])
            self.with_ids += tokens.spelled is not None
            self.misspelled += not token_marker.spells(trace, tokens)
        self._ledger.add(row, marks, None if tokens is None else tokens.sums, first)
        known = tokens is not None and trace.token_ids is not None and trace.entropies is not None
        if known and key <= self._choice.token_limit:
            values = np.array(trace.entropies, np.float32)
            self.tokens.append(HeldTokens(key, row.source, problem, values, tokens.masks))
        if key in self._choice.held:
            lean = replace(trace, token_ids=None, logprobs=None, entropies=None)
            self.held[key] = (shown, lean)
