"""What weakens the conclusions of a report, in one sentence each; it stands at the head of the page."""

from collections import defaultdict
from typing import TYPE_CHECKING

from sgram.analysis.measures.placebo import Controls
from sgram.diagnosis.kind_shares import KindsOfErrors
from sgram.reports.pages.templates import shorten

if TYPE_CHECKING:
    from sgram.analysis import Analysis

MOSTLY_UNDECIDED = 0.5
"""Share of the wrong traces without a known kind of error from which on kinds say little."""
_MAX_NAMED = 3


def find_alerts(analysis: "Analysis") -> list[str]:
    """Return the sentences that hold of an analysis; none if nothing weakens what it says."""
    sentences = (_nothing_judged(analysis), _one_seed(analysis), _no_placebo(analysis), _mostly_undecided(analysis))
    return [sentence for sentence in sentences if sentence]


def _nothing_judged(analysis: "Analysis") -> str:
    table = analysis.tables.get("corpus")
    if table is None or any(table.numbers("correct")) or any(table.numbers("wrong")):
        return ""
    return "No trace is known to be right or wrong, so nothing is said of accuracy and errors."


def _one_seed(analysis: "Analysis") -> str:
    seeds: dict[str, set[str]] = defaultdict(set)
    for record in analysis.provenance.get("inputs", ()):
        config = record.get("config")
        if record.get("kind") == "run" and isinstance(config, dict):
            seeds[str(config.get("method"))].add(str(config.get("seed")))
    if not seeds and len(analysis.tables.get("curves", ())) and len(analysis.sources) == 1:
        return "One run: what it shows may be the seed."
    if not seeds or any(len(of_method) > 1 for of_method in seeds.values()):
        return ""
    of_each = " of each method" if len(seeds) > 1 else ""
    return f"One run{of_each}: what differs from other runs may be the seed."


def _no_placebo(analysis: "Analysis") -> str:
    controls = [finding for finding in analysis.findings if isinstance(finding.question, Controls)]
    if controls and all(finding.verdict != "cannot say" for finding in controls):
        return ""
    return "No random phrases stand beside the results, so nothing shows that they are about planning."


def _mostly_undecided(analysis: "Analysis") -> str:
    names = []
    for errors in _errors_of_sources(analysis):
        share = errors.kind("undecided").share.value
        if share is not None and share >= MOSTLY_UNDECIDED:
            names.append(shorten(errors.source or "", 60))
    if not names:
        return ""
    if len(names) == len(analysis.sources):
        where = ""
    else:
        n_others = len(names) - _MAX_NAMED
        more = f" and {n_others} other{'s' * (n_others > 1)}" if n_others > 0 else ""
        where = f" of {', '.join(names[:_MAX_NAMED])}{more}"
    return f"Half or more of the wrong traces{where} show no kind of error: shares of kinds are bounds."


def _errors_of_sources(analysis: "Analysis") -> list[KindsOfErrors]:
    return [
        errors
        for finding in analysis.findings
        if finding.question.name == "kinds of errors" and finding.source is not None
        for errors in finding.errors
    ]
