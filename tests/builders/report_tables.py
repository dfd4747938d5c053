"""Hand-made tables of an analysis, for tests of figures, findings and exports."""

import math
from dataclasses import dataclass, field
from functools import cached_property
from types import SimpleNamespace

from sgram.analysis import Finding, Measure, all_measures
from sgram.analysis.findings import FindingContext, build_findings
from sgram.analysis.table import Table, build_table
from sgram.diagnosis.kinds import KINDS
from tests.builders.real_columns import real_columns


def table(name, records):
    """Return a table with the columns that a real analysis gives them; their names are the keys of the records."""
    names = list(dict.fromkeys(key for record in records for key in record))
    columns = {column.name: column for column in real_columns()[name]}
    return build_table(name, f"Table of {name}", [columns[column_name] for column_name in names], records, "A note.")


@dataclass
class TableAnalysis:
    """The parts of an analysis that reports read."""

    tables: dict[str, Table]
    sources: tuple[str, ...]
    title: str = "A report"
    phase_orders: dict = field(default_factory=dict)
    placebo_phase_orders: dict = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    provenance: dict = field(default_factory=dict)
    lexicon: object = field(default_factory=lambda: SimpleNamespace(name="tiny", grams=("wait", "so")))
    measures: tuple[Measure, ...] = field(default_factory=all_measures)
    source_kind: str = "model"

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """The findings of the tables, as an analysis has them."""
        context = FindingContext(self.tables, self.sources, self.phase_orders, self.placebo_phase_orders)
        questions = [(measure.name, question) for measure in self.measures for question in measure.questions]
        return build_findings(questions, context)


def ends(value, by=0.1):
    return {"value": value, "low": value * (1 - by), "high": value * (1 + by)}


def corpus(sources):
    return table(
        "corpus",
        [
            {
                "source": name,
                "traces": 100 + index,
                "problems": 20,
                "correct": 60,
                "wrong": 35,
                "not_judged": 5,
                "words": 12345,
                "tokens": 23456,
                "length": 123.4,
            }
            for index, name in enumerate(sources)
        ],
    )


def success(sources):
    return table(
        "success",
        [
            {"source": name, "measure": measure, **ends(value - 0.03 * index), "problems": 20, "samples": 8}
            for index, name in enumerate(sources)
            for measure, value in (("pass@1", 0.6), ("pass@4", 0.8), ("maj@4", 0.7))
        ],
    )


def shares(sources, outcomes=("all", "correct", "wrong"), placebo=0.8):
    rows = []
    for index, name in enumerate(sources):
        for outcome_index, outcome in enumerate(outcomes):
            value = 0.1 + 0.01 * index + 0.02 * outcome_index
            for list_name, factor in (("SGs", 1.0), ("placebo", placebo)):
                rows.append(
                    {
                        "source": name,
                        "outcome": outcome,
                        "list": list_name,
                        **ends(value * factor),
                        "traces": 100,
                        "problems": 20,
                        "unit": "words",
                    }
                )
    return table("shares", rows)


def moves(sources, outcomes=("all", "correct", "wrong")):
    rows = []
    for index, name in enumerate(sources):
        for move, rate in (("deduction", 12.0), ("branching", 3.0), ("backtracking", 1.0), ("verification", 2.0)):
            for outcome_index, outcome in enumerate(outcomes):
                per = rate * (1 + 0.3 * outcome_index) + index
                rows.append(
                    {
                        "source": name,
                        "move": move,
                        "outcome": outcome,
                        "count": int(10 * per),
                        "per_1000_words": per,
                        "low": 0.8 * per,
                        "high": 1.2 * per,
                        "traces_share": 0.4,
                    }
                )
    return table("moves", rows)


def grams(n=30):
    return table(
        "grams",
        [
            {
                "gram": f"gram number {index}",
                "cluster": index % 5,
                "move": "branching",
                "core": True,
                "count": 90,
                "traces": 40,
                "traces_share": 0.4,
                "correct_share": 0.4 + 0.01 * index,
                "wrong_share": 0.5,
                "difference": 0.01 * index - 0.1,
                "low": 0.01 * index - 0.18,
                "high": 0.01 * index - 0.02,
                "entropy": 1.2,
            }
            for index in range(n)
        ],
    )


def semantic_entropy(sources, outcomes=("all", "correct", "wrong")):
    rows = []
    for index, name in enumerate(sources):
        for outcome_index, outcome in enumerate(outcomes):
            for bins, top in (("grams", 4.0), ("clusters", 2.5), ("moves", 1.2)):
                for list_name, factor in (("SGs", 1.0), ("placebo", 1.1)):
                    value = (top + 0.1 * outcome_index + 0.05 * index) * factor
                    rows.append(
                        {
                            "source": name,
                            "outcome": outcome,
                            "bins": bins,
                            "list": list_name,
                            "occurrences": 500,
                            "n_bins": 80,
                            "plugin": value + 0.1,
                            "corrected": value + 0.2,
                            "size": 200,
                            "at_size": value,
                            "low": 0.97 * value,
                            "high": 1.03 * value,
                        }
                    )
    return table("semantic_entropy", rows)


def conditional_entropy(sources):
    return table(
        "conditional_entropy",
        [
            {"source": name, "list": list_name, **ends(value), "occurrences": 500, "size": 200}
            for name in sources
            for list_name, value in (("SGs", 2.0), ("placebo", 2.2))
        ],
    )


def tokens(sources):
    rows = []
    for name in sources:
        for token_class, list_name, value in (
            ("planning", "SGs", 0.9),
            ("execution", "SGs", 0.3),
            ("planning", "placebo", 0.5),
            ("execution", "placebo", 0.34),
        ):
            rows.append(
                {
                    "source": name,
                    "token_class": token_class,
                    "list": list_name,
                    "entropy": value,
                    "entropy_low": 0.9 * value,
                    "entropy_high": 1.1 * value,
                    "perplexity": math.exp(value),
                    "perplexity_low": math.exp(0.9 * value),
                    "perplexity_high": math.exp(1.1 * value),
                    "tokens": 2345,
                }
            )
    return table("tokens", rows)


def overlap(sources):
    return table(
        "overlap",
        [
            {
                "source": name,
                "list": list_name,
                "high_given_planning": value,
                "low": 0.9 * value,
                "high": 1.1 * value,
                "planning_given_high": value / 6,
                "chance": 0.05,
                "tokens": 9000,
            }
            for name in sources
            for list_name, value in (("SGs", 0.55), ("placebo", 0.35))
        ],
    )


SERIES = {
    "pass@1": (0.3, 0.7),
    "length": (120, 180),
    "planning share": (0.1, 0.14),
    "planning entropy": (0.9, 0.5),
    "execution entropy": (0.5, 0.2),
    "planning perplexity": (2.5, 1.7),
    "execution perplexity": (1.6, 1.2),
    "semantic entropy": (3.0, 3.4),
    "cluster entropy": (2.0, 2.3),
    "conditional entropy": (1.5, 1.5),
}
NO_LIST = ("pass@1", "length")


def curves(sources, steps=range(0, 81, 5)):
    rows = []
    for index, name in enumerate(sources):
        for series, (first, last) in SERIES.items():
            for list_name in ("SGs",) if series in NO_LIST else ("SGs", "placebo"):
                for step in steps:
                    rate = 15 + 5 * index + (10 if list_name == "placebo" else 0)
                    value = last + (first - last) * math.exp(-step / rate)
                    rows.append(
                        {
                            "source": name,
                            "step": step,
                            "series": series,
                            "list": list_name,
                            **ends(value, 0.06),
                            "n": 64,
                            "relative": value / first,
                        }
                    )
    return table("curves", rows)


def settling(sources):
    return table(
        "settling",
        [
            {
                "source": name,
                "series": series,
                "total_change": last - first,
                "step90": 30.0 + 4 * index,
                "low": 20.0,
                "high": 45.0 + 4 * index,
                "change_point": 15.0,
                "change_low": 10.0,
                "change_high": 20.0,
                "p_value": 0.01,
            }
            for index, name in enumerate(sources)
            for series, (first, last) in SERIES.items()
        ],
    )


def aha(sources, n=5):
    return table(
        "aha",
        [
            {
                "source": name,
                "cluster": index,
                "move": "backtracking",
                "gram": f"wait let me check {index}",
                "medoid": f"let me check {index}",
                "first_step": 3 * index,
                "start_rate": 0.5 + index,
                "end_rate": 2.0 + 0.2 * index,
                "ratio": (2.0 + 0.2 * index) / (0.5 + index),
                "low": 0.3,
                "high": 4.5,
            }
            for name in sources
            for index in range(n)
        ],
    )


def scaling(sources, n=4):
    return table(
        "scaling",
        [
            {
                "source": name,
                "bin_low": 50 * 2**index,
                "bin_high": 100 * 2**index,
                "traces": 25,
                "list": list_name,
                **ends((0.1 + 0.01 * index) * factor),
            }
            for name in sources
            for index in range(n)
            for list_name, factor in (("SGs", 1.0), ("placebo", 0.9))
        ],
    )


def placebo(sources=()):
    return table(
        "placebo",
        [
            {
                "draw": draw,
                "lexicon": "wang2025",
                "grams": 40,
                "share_wanted": 0.1,
                "share": 0.099 + 0.001 * draw,
                "met": True,
            }
            for draw in (1, 2, 3)
        ],
    )


def equations(sources):
    return table(
        "equations",
        [
            {
                "source": name,
                "outcome": outcome,
                "right": 90,
                "wrong": 10,
                "unchecked": 5,
                "wrong_share": value,
                "low": value - 0.02,
                "high": value + 0.02,
            }
            for name in sources
            for outcome, value in (("correct", 0.02), ("wrong", 0.1))
        ],
    )


SHARES = {"strategic": 0.5, "procedural": 0.3, "unfinished": 0.06, "degenerate": 0.04, "undecided": 0.1}


def errors(sources, steps=(None,)):
    """Return shares of error kinds of 40 wrong traces, one wrong trace fewer at each step; 10 % are undecided."""
    rows = []
    for name in sources:
        for step_index, step in enumerate(steps):
            wrong = 40 - step_index if step is not None else 40
            for kind in KINDS:
                part = SHARES.get(kind, 0.0)
                most = part + (0 if kind == "undecided" else SHARES["undecided"])
                rows.append(
                    {
                        "source": name,
                        "step": step,
                        "kind": kind,
                        "count": round(part * wrong),
                        "share": part,
                        "low": max(0.0, part - 0.04),
                        "high": part + 0.05,
                        "at_most": most,
                        "at_most_low": max(0.0, most - 0.04),
                        "at_most_high": most + 0.05,
                        "of_judged": part * wrong / 100,
                        "diagnosed": wrong,
                        "wrong": wrong,
                    }
                )
    return table("errors", rows)


def rivals(sources):
    """Return the leads of these shares: .5 - .3 - .1 and .3 - .5 - .1, give or take .08."""
    leads = {"strategic": 0.1, "procedural": -0.3}
    return table(
        "rivals",
        [
            {"source": name, "kind": kind, "lead": lead, "low": lead - 0.08, "high": lead + 0.08}
            for name in sources
            for kind, lead in leads.items()
        ],
    )


def architecture(sources, outcomes=("all", "correct", "wrong")):
    return table(
        "architecture",
        [
            {
                "source": name,
                "outcome": outcome,
                "kind": kind,
                "traces": int(100 * share),
                "share": share,
                "similarity": 0.1,
                "variation": 0.9,
            }
            for name in sources
            for outcome in outcomes
            for kind, share in (("ordered", 0.2), ("anti-ordered", 0.15), ("similar", 0.6), ("mixed", 0.05))
        ],
    )


def full_analysis(sources=("model-a", "model-b"), steps=range(0, 81, 5)):
    """Return an analysis with every table that figures need."""
    sources = tuple(sources)
    makers = (
        corpus,
        success,
        shares,
        moves,
        semantic_entropy,
        conditional_entropy,
        tokens,
        overlap,
        aha,
        scaling,
        architecture,
        equations,
        placebo,
        rivals,
    )
    tables = [make(sources) for make in makers] + [grams()]
    if steps:
        tables += [curves(sources, steps), settling(sources), errors(sources, steps)]
    else:
        tables += [errors(sources)]
    return TableAnalysis({report_table.name: report_table for report_table in tables}, sources)
