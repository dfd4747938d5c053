"""The words of findings: one set of templates for the page, for Markdown and for the terminal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from string import Formatter
from typing import TYPE_CHECKING

from sgram.analysis.arms import ArmContrast
from sgram.analysis.checked_details import CheckedOrder, agreement
from sgram.analysis.findings import Change, Contrast, Discoveries, Finding, Level, Question, SourceKind, Verdict
from sgram.analysis.kind_change import KindChange
from sgram.analysis.measures.corpus import CorpusSize
from sgram.analysis.measures.dynamics import ClusterGrowth, PhaseOrderQuestion
from sgram.analysis.measures.errors import KindBounds, KindLead, RegradedAccuracy
from sgram.analysis.measures.placebo import Controls
from sgram.reports.kind_wording import kinds_sentence, rivals_sentence, sources_sentence
from sgram.reports.words import Words, estimate_words
from sgram.statistics import Estimate

if TYPE_CHECKING:
    from sgram.analysis import Analysis

MAX_HEADLINES = 8
_MAX_NAMED = 3
"""Most sources of one verdict that a sentence names."""
_VERDICTS: tuple[Verdict, ...] = ("up", "down", "as placebo", "no change", "cannot say", "measured", "mixed")
Templates = Mapping[Verdict, str]

_SENTENCES: dict[type[Question], Templates] = {
    Question: {
        "up": "{subject} is above zero: {change}{placebo}.",
        "down": "{subject} is below zero: {change}{placebo}.",
        "no change": "{subject}: no difference from zero shown ({change}).",
        "as placebo": "{subject}: no difference beyond random phrases ({change}{placebo}).",
        "cannot say": "{subject}: cannot say.",
        "measured": "{subject}: {value}.",
    },
    Change: {
        "up": "{subject} rose from {first} to {last}, {change}{placebo}.",
        "down": "{subject} fell from {first} to {last}, {change}{placebo}.",
        "no change": "{subject}: no change shown ({first} to {last}, {change}).",
        "as placebo": "{subject}: no change beyond random phrases ({first} to {last}, {change}{placebo}).",
    },
    Contrast: {
        "up": "{subject} is higher for {compared} than for {reference}: {last} against {first}, {change}{placebo}.",
        "down": "{subject} is lower for {compared} than for {reference}: {last} against {first}, {change}{placebo}.",
        "no change": "{subject}: no difference shown between {compared} and {reference} "
        "({last} against {first}, {change}).",
        "as placebo": "{subject}: no difference between {compared} and {reference} beyond random phrases "
        "({last} against {first}, {change}{placebo}).",
        "cannot say": "{subject}: cannot say whether {compared} and {reference} differ.",
    },
    ArmContrast: {
        "up": "{subject} at the end of training is higher for {name}: {change}, seeds: {n}.",
        "down": "{subject} at the end of training is lower for {name}: {change}, seeds: {n}.",
        "no change": "{subject} at the end of training: no difference shown for {name} ({change}, seeds: {n}).",
        "cannot say": "{subject} at the end of training: cannot say for {name} ({change}, seeds: {n}).",
    },
    Discoveries: {"up": "{name}: {words}, {change}.", "down": "{name}: {words}, {change}."},
    ClusterGrowth: {
        "up": "the cluster of {name}: {words}, {change}.",
        "down": "the cluster of {name}: {words}, {change}.",
    },
    PhaseOrderQuestion: {
        "up": "by token entropy, execution settles before planning, by {change}{placebo}.",
        "down": "by token entropy, planning settles before execution, by {change}{placebo}.",
        "as placebo": "what settles first by token entropy: no difference from random phrases ({change}{placebo}).",
        "cannot say": "token entropy cannot say whether execution or planning settles first{because}.",
    },
    CheckedOrder: {
        "up": "by {subject}, execution settles before planning, by {change}{witnesses}.",
        "down": "by {subject}, planning settles before execution, by {change}{witnesses}.",
        "cannot say": "{subject} cannot say whether execution or planning settles first{because}{witnesses}.",
    },
    Controls: {
        "measured": "{n} placebos stand beside the results: lists of random phrases that mark as many {name} as the "
        "lexicon ({range}, to within {gap}).",
        "cannot say": "no placebo could be drawn, so no result is shown to be about planning.",
    },
    CorpusSize: {"measured": "{n} traces were read."},
    RegradedAccuracy: {"measured": "{subject} is {first} by the file and {last} by the grader."},
    KindBounds: {"measured": "{kinds}."},
    KindLead: dict.fromkeys(("up", "down", "no change", "cannot say"), "{rivals}."),
    KindChange: {
        "no change": "{subject}: no change shown ({first} at first, {last} at the end, {change}).",
        "cannot say": "{subject}: cannot say if there was a rise or a fall, {first} at first and {last} at the end, "
        "as some kinds are undecided.",
    },
}
"""Sentences about one source. Names in braces are filled in by `_fields`."""

_SUMMARIES: dict[type[Question], Templates] = {
    Question: {
        "up": "{subject} is above zero in {all}.",
        "down": "{subject} is below zero in {all}.",
        "no change": "{subject}: no difference from zero shown in {any}.",
        "as placebo": "{subject}: no difference beyond random phrases in {any}.",
        "cannot say": "{subject}: cannot say in {any}.",
        "measured": "{subject}: from {first} ({lowest}) to {last} ({highest}).",
        "mixed": "{subject}: {verdicts}.",
    },
    Change: {
        "up": "{subject} rose in {all}{extent}.",
        "down": "{subject} fell in {all}{extent}.",
        "no change": "{subject}: no change shown in {any}.",
        "as placebo": "{subject}: no change beyond random phrases in {any}.",
    },
    RegradedAccuracy: {"measured": "{subject} by the grader: from {first} ({lowest}) to {last} ({highest})."},
    KindBounds: {"measured": "{kinds}."},
    KindLead: {
        "up": "strategic errors are more frequent than procedural ones in {all}, whatever the undecided are.",
        "down": "procedural errors are more frequent than strategic ones in {all}, whatever the undecided are.",
        "no change": "{subject}, which is more frequent: no difference shown in {any}.",
        "cannot say": "{subject}, which is more frequent: cannot say in {any}, as it depends on the undecided.",
        "mixed": "{subject}, which is more frequent: {verdicts}.",
    },
    KindChange: {
        "cannot say": "{subject}: cannot say in {any} if there was a rise or a fall, as some kinds are undecided."
    },
    Contrast: {
        "up": "{subject} is higher for {compared} than for {reference} in {all}{extent}.",
        "down": "{subject} is lower for {compared} than for {reference} in {all}{extent}.",
        "no change": "{subject}: no difference shown between {compared} and {reference} in {any}.",
        "as placebo": "{subject}: no difference between {compared} and {reference} beyond random phrases in {any}.",
        "cannot say": "{subject}: cannot say in {any} whether {compared} and {reference} differ.",
        "mixed": "{subject}, {compared} against {reference}: {verdicts}.",
    },
    Discoveries: {
        "no change": "of {n} {things}, judged together, none {none}.",
        "up": "of {n} {things}, judged together: {ups} {high}.",
        "down": "of {n} {things}, judged together: {downs} {low}.",
        "mixed": "of {n} {things}, judged together: {ups} {high}, {downs} {low}.",
    },
    PhaseOrderQuestion: {
        "up": "by token entropy, execution settles before planning in {all}.",
        "down": "by token entropy, planning settles before execution in {all}.",
        "as placebo": "what settles first by token entropy: no difference from random phrases in {any}.",
        "cannot say": "token entropy cannot say in {any} whether execution or planning settles first.",
        "mixed": "what settles first by token entropy: {verdicts}.",
    },
    CheckedOrder: {
        "up": "by {subject}, execution settles before planning in {all}.",
        "down": "by {subject}, planning settles before execution in {all}.",
        "cannot say": "{subject} cannot say in {any} whether execution or planning settles first.",
        "mixed": "what settles first by {subject}: {verdicts}.",
    },
}
"""Sentences about several sources, or about many comparisons."""

_DETAILS: dict[type[Question], Templates] = {
    Contrast: {
        "up": "higher, {last} against {first}, {change}{placebo}.",
        "down": "lower, {last} against {first}, {change}{placebo}.",
        "no change": "no difference shown ({last} against {first}, {change}).",
        "as placebo": "no difference beyond random phrases ({last} against {first}, {change}{placebo}).",
        "cannot say": "cannot say.",
    },
    CheckedOrder: {
        "up": "execution settles before planning, by {change}{witnesses}.",
        "down": "planning settles before execution, by {change}{witnesses}.",
        "cannot say": "cannot say whether execution or planning settles first{because}{witnesses}.",
    },
    ArmContrast: {
        "up": "{name}: higher, {change}, seeds: {n}.",
        "down": "{name}: lower, {change}, seeds: {n}.",
        "no change": "{name}: no difference shown ({change}, seeds: {n}).",
        "cannot say": "{name}: cannot say ({change}, seeds: {n}).",
    },
}
"""Sentences about one source under a sentence about all, where they are shorter than those without the subject."""

_PHRASES: dict[type[Question], Templates] = {
    Question: {
        "up": "higher",
        "down": "lower",
        "no change": "no difference shown",
        "as placebo": "no difference beyond random phrases",
        "cannot say": "cannot say",
        "measured": "measured",
    },
    Change: {
        "up": "rose",
        "down": "fell",
        "no change": "no change shown",
        "as placebo": "no change beyond random phrases",
    },
    PhaseOrderQuestion: {"up": "execution", "down": "planning", "as placebo": "no difference from random phrases"},
    CheckedOrder: {"up": "execution", "down": "planning"},
    KindLead: {"up": "strategic", "down": "procedural"},
}
"""What `{verdicts}` of a sentence about several sources says of those with a verdict."""

_WITNESS_VERBS: Mapping[str, tuple[str, str]] = {
    "agrees": ("agrees", "agree"),
    "contradicts": ("contradicts it", "contradict it"),
    "cannot say": ("cannot say", "cannot say"),
    "execution": ("says execution", "say execution"),
    "planning": ("says planning", "say planning"),
}
"""What one or several entropies do beside a checker: agree with it or, if it cannot say, say something themselves."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A finding in words."""

    finding: Finding
    parts: tuple[Words, ...]

    @property
    def text(self) -> str:
        """The statement as plain text. Names of models and phrases in it come from traces and are not to be trusted."""
        return "".join(part.text for part in self.parts)


@dataclass(frozen=True, slots=True)
class StatementGroup:
    """The statements on one question: one for all sources, then one for each source."""

    section: str
    headline: Statement
    details: tuple[Statement, ...]
    caution: str


def word(
    finding: Finding, source_kind: SourceKind = "source", *, with_source: bool = True, with_subject: bool = True
) -> Statement:
    """Return a finding in words.

    `source_kind` names the sources of a finding about several. `with_source` says whether the sentence begins with the
    source that it is about, `with_subject` whether it names its subject, which a headline above it may have named.

    >>> accuracy = Change(name="accuracy over training", subject="accuracy", series="pass@1")
    >>> sides = Estimate(0.25, 0.2, 0.3), Estimate(0.5, 0.45, 0.55)
    >>> word(Finding("curves", accuracy, "hicra", Estimate(0.25, 0.18, 0.32), verdict="up", sides=sides)).text
    'hicra: accuracy rose from 25.0 % to 50.0 %, +25.0 points [18.0, 32.0].'
    >>> word(Finding("curves", accuracy, None, verdict="up", n=3, verdicts=(("a", "up"),) * 3), "run").text
    'Accuracy rose in all 3 runs.'
    """
    is_discoveries = isinstance(finding.question, Discoveries)
    is_summary = (finding.source is None and bool(finding.verdicts)) or (is_discoveries and not finding.subject)
    template = _lookup(_SUMMARIES if is_summary else _SENTENCES, finding.question, finding.verdict)
    if not with_subject:
        details = _lookup(_DETAILS, finding.question, finding.verdict)
        template = details or template.removeprefix("{subject}").lstrip(": ")
    parts = _fill(template, _fields(finding, source_kind))
    if with_source and finding.source is not None and not finding.subject:
        parts = [Words(finding.source, "name"), Words(": "), *parts]
    notes = [Words(f" {note[:1].upper()}{note[1:]}{'' if note.endswith('.') else '.'}") for note in finding.notes]
    return Statement(finding, (*_capitalize(parts), *notes))


def group_statements(analysis: "Analysis") -> list[StatementGroup]:
    """Return all findings in words, a group for each question, in the order of the measures."""
    section_of = {measure.name: measure.section for measure in analysis.measures}
    groups = []
    for _, findings in groupby(analysis.findings, key=lambda finding: (finding.measure, finding.question.name)):
        members = list(findings)
        with_source = len(analysis.sources) > 1
        headline = word(members[0], analysis.source_kind, with_source=with_source)
        details = tuple(word(finding, analysis.source_kind, with_subject=False) for finding in members[1:])
        section, caution = section_of.get(members[0].measure, ""), members[0].question.caution
        groups.append(StatementGroup(section, headline, details, caution))
    return groups


def headlines(analysis: "Analysis") -> list[Statement]:
    """Return the statements that a reader sees first, the most asked for first: at most `MAX_HEADLINES`."""
    ranked = [group.headline for group in group_statements(analysis) if group.headline.finding.question.rank]
    if any(isinstance(statement.finding.question, Change) for statement in ranked):
        # a mean over all steps says less than the change
        ranked = [statement for statement in ranked if not isinstance(statement.finding.question, Level)]
    return sorted(ranked, key=lambda statement: statement.finding.question.rank)[:MAX_HEADLINES]


def findings_json(analysis: "Analysis") -> list[dict[str, object]]:
    """Return every finding as JSON values, with its words in `text`."""
    with_source = len(analysis.sources) > 1
    return [
        {**finding.to_json(), "text": word(finding, analysis.source_kind, with_source=with_source).text}
        for finding in analysis.findings
    ]


# -- sentences ------------------------------------------------------------------------------------------


def _lookup(templates: dict[type[Question], Templates], question: Question, verdict: Verdict) -> str:
    """Return the template of the question's class, or of the nearest of its base classes that has one."""
    for base in type(question).__mro__:
        if base in templates and verdict in templates[base]:
            return templates[base][verdict]
    return ""


def _fields(finding: Finding, source_kind: SourceKind) -> dict[str, Sequence[Words]]:
    """Return what may stand in braces in a template."""
    question, unit = finding.question, finding.question.unit
    difference_unit = "points" if unit == "share" else unit
    n_sources = len(finding.verdicts)
    is_phrase = isinstance(question, Discoveries)
    name = f"“{finding.subject}”" if is_phrase else finding.subject
    if is_phrase and finding.source is not None:
        name += f" in {finding.source}"
    change = estimate_words(finding.estimate, difference_unit, signed=unit != "ratio")
    fields: dict[str, Sequence[Words]] = {
        "subject": [Words(question.subject)],
        "name": [Words(name, "name")],
        "value": estimate_words(finding.estimate, unit),
        "change": [Words("× "), *change] if unit == "ratio" else change,
        "gap": estimate_words(finding.estimate, difference_unit),
        "n": [Words(f"{finding.n or 0:,}", "number")],
        "all": [Words(f"both {source_kind}s" if n_sources == 2 else f"all {n_sources} {source_kind}s")],
        "any": [
            Words(f"either of the 2 {source_kind}s" if n_sources == 2 else f"any of the {n_sources} {source_kind}s")
        ],
        "verdicts": _verdicts(finding, source_kind),
        "kinds": [Words("kinds of errors: unknown")],
        "rivals": [Words(f"{question.subject}: unknown")],
        "placebo": [],
        "because": [],
        "witnesses": _witnesses(finding) if isinstance(question, CheckedOrder) else [],
        "extent": [],
        **{field: [Words("unknown")] for field in ("first", "last", "range", "lowest", "highest")},
    }
    if finding.placebo is not None:
        placebo = estimate_words(Estimate(finding.placebo.value), difference_unit, signed=True)
        fields["placebo"] = [Words("; random phrases: "), *placebo]
    if finding.estimate is not None:
        fields["because"] = [Words(", as the difference is "), *change]
    if isinstance(question, Contrast):
        fields |= {"reference": [Words(question.side_names[0])], "compared": [Words(question.side_names[1])]}
    if isinstance(question, Discoveries):
        directions = [verdict for _, verdict in finding.verdicts]
        low, high = question.words
        texts = {"low": low, "high": high, "words": high if finding.verdict == "up" else low, "none": question.none}
        fields |= {field: [Words(text)] for field, text in {**texts, "things": question.things}.items()}
        fields |= {f"{way}s": [Words(f"{directions.count(way):,}", "number")] for way in ("up", "down")}
        if unit != "ratio" and finding.estimate is not None:  # the words tell the direction
            fields["change"] = [Words("by "), *estimate_words(_size(finding.estimate), difference_unit)]
    if finding.sides is not None:
        # the sides of a summary are the smallest and the largest difference, others are what is compared
        is_difference = bool(finding.verdicts) and finding.verdict != "measured"
        side_unit = difference_unit if is_difference else unit
        first, last = (estimate_words(Estimate(side.value), side_unit, is_difference) for side in finding.sides)
        fields |= {"first": first, "last": last, "range": first if first == last else [*first, Words(" to "), *last]}
        if is_difference:
            fields["extent"] = _extent(finding.sides, side_unit, " and " if n_sources == 2 else " to ")
    if len(finding.errors) == 1:
        fields |= {"kinds": kinds_sentence(finding.errors[0]), "rivals": rivals_sentence(finding.errors[0])}
    elif finding.errors:
        fields["kinds"] = sources_sentence(finding.errors)
    if finding.at_most is not None and finding.sides is not None:
        fields |= _ends_with_undecided(finding, finding.sides, finding.at_most, fields["change"])
    if finding.verdict == "measured" and finding.verdicts:
        fields |= {
            "lowest": [Words(finding.verdicts[0][0], "name")],
            "highest": [Words(finding.verdicts[-1][0], "name")],
        }
    return fields


def _size(difference: Estimate) -> Estimate:
    """Return a difference without its sign."""
    if difference.value is None or difference.value >= 0:
        return difference
    low, high = (None if end is None else -end for end in (difference.high, difference.low))
    return Estimate(-difference.value, low, high)


def _extent(sides: tuple[Estimate, Estimate], unit: str, joint: str) -> list[Words]:
    """Return by how much all sources rose or fell, without signs: the verb tells the direction."""
    sizes = sorted(abs(side.value) for side in sides if side.value is not None)
    if len(sizes) < 2:
        return []
    (least, *_), most = (estimate_words(Estimate(size), unit) for size in sizes)
    if [least] == most:
        return [Words(", by "), *most]
    return [Words(", by "), least._replace(text=least.text.removesuffix(f" {unit}")), Words(joint), *most]


def _ends_with_undecided(
    finding: Finding, sides: tuple[Estimate, Estimate], at_most: tuple[Estimate, Estimate], change: Sequence[Words]
) -> dict[str, Sequence[Words]]:
    """Return what a kind of error rises or falls from and to, if undecided traces may add to it."""
    lows = [estimate_words(side, finding.question.unit) for side in sides]
    highs = [estimate_words(side, finding.question.unit) for side in at_most]
    if finding.verdict in ("cannot say", "no change"):
        first, last = ([Words("between "), *low, Words(" and "), *high] for low, high in zip(lows, highs, strict=True))
        return {"first": first, "last": last}
    at_least, at_most_words = Words("at least "), Words("at most ")
    if finding.verdict == "up":
        first, last = [at_most_words, *highs[0]], [at_least, *lows[1]]
    else:
        first, last = [at_least, *lows[0]], [at_most_words, *highs[1]]
    return {"first": first, "last": last, "change": [*change, Words(" at least")]}


def _verdicts(finding: Finding, source_kind: SourceKind) -> list[Words]:
    """Return what holds of how many sources, those with a difference first."""
    sources: dict[Verdict, list[str]] = {}
    for source, verdict in sorted(finding.verdicts, key=lambda pair: _VERDICTS.index(pair[1])):
        sources.setdefault(verdict, []).append(source)
    parts: list[Words] = []
    for verdict, names in sources.items():
        of_all = "" if parts else f" of {len(finding.verdicts)} {source_kind}s"
        phrase = _lookup(_PHRASES, finding.question, verdict)
        parts.append(Words(f"{'; ' if parts else ''}{phrase} in {len(names)}{of_all}"))
        if len(names) <= _MAX_NAMED:
            separator = "; " if any("," in name for name in names) else ", "
            parts += [Words(" ("), Words(separator.join(names), "name"), Words(")")]
    return parts


def _witnesses(finding: Finding) -> list[Words]:
    """Return which entropies agree with the checker or, if it cannot say, what they say themselves."""
    names: dict[str, list[str]] = {}
    for judge, verdict in finding.verdicts if finding.source is not None else ():
        is_checked = finding.verdict != "cannot say"
        answer = agreement(verdict, finding.verdict) if is_checked else _lookup(_PHRASES, finding.question, verdict)
        names.setdefault(answer, []).append(judge)
    clauses = [
        f"{' and '.join(filter(None, (', '.join(judges[:-1]), judges[-1])))} {_WITNESS_VERBS[answer][len(judges) > 1]}"
        for answer, judges in names.items()
        if answer in _WITNESS_VERBS
    ]
    return [Words(f"; {', '.join(clauses)}")] if clauses else []


def _fill(template: str, fields: Mapping[str, Sequence[Words]]) -> list[Words]:
    """Return the template as parts, names in braces replaced by their parts."""
    parts: list[Words] = []
    for literal, name, _, _ in Formatter().parse(template):
        parts += [Words(literal)] if literal else []
        parts += fields[name] if name is not None else []
    return parts


def _capitalize(parts: Sequence[Words]) -> list[Words]:
    """Return the parts with a capital at the beginning of the sentence, unless it begins with a name."""
    first, *later_parts = parts
    return [
        first if first.style == "name" else first._replace(text=first.text[:1].upper() + first.text[1:]),
        *later_parts,
    ]
