"""Hand-made analyses for pages. A function `word` can replace every text that comes from traces."""

from collections.abc import Callable, Mapping
from types import SimpleNamespace

from sgram.analysis import all_measures
from sgram.analysis.findings import Finding
from sgram.analysis.table import Column, Table, build_table
from sgram.diagnosis.degenerate import Evidence
from sgram.diagnosis.kind_shares import KindCounts, KindsOfErrors
from sgram.diagnosis.kinds import Diagnosis
from sgram.diagnosis.siblings import Divergence
from sgram.equations import Equation
from sgram.lexicon import Lexicon
from sgram.reports.figures.figure import RenderedFigure
from sgram.statistics import Estimate
from sgram.tagging.spans import find_spans, remove_overlaps
from sgram.traces import Trace

SVG = (
    b'<svg xmlns="http://www.w3.org/2000/svg" width="480" height="200">'
    b'<rect width="480" height="200" fill="#fff"/></svg>'
)
LEXICON = Lexicon.from_grams(["but wait", "let me try", "so then"], name="made by hand")

WRONG = (
    "We have 3 boxes of 17 pens.\n\nSo then 3 * 17 = 52 pens.\n\nBut wait, let me try another way: 10 * 3 = 30.\n\n"
    "The answer is 52."
)
CORRECT = "We have 3 boxes of 17 pens.\n\nSo then 3 * 17 = 51 pens.\n\nThe answer is 51."


def column(name: str, kind: str = "text", meaning: str = "") -> Column:
    return Column(name, meaning or f"what {name} means", kind)


def low_high(kind: str) -> tuple[Column, Column]:
    return column("low", kind), column("high", kind)


def equations_of(text: str, word: Callable[[str], str]) -> tuple[Equation, ...]:
    equations = []
    for written, verdict, reason in (
        ("3 * 17 = 52", "wrong", "3 * 17 is 51, not 52"),
        ("3 * 17 = 51", "right", ""),
        ("10 * 3 = 30", "right", ""),
    ):
        at = text.find(written)
        if at >= 0:
            equations.append(Equation(at, at + len(written), written, verdict, word(reason)))
    return tuple(sorted(equations, key=lambda equation: equation.start))


def example(
    text: str, correct: bool | None, word: Callable[[str], str] = str, name: str = "t1", source: str = "grpo, seed 0"
) -> SimpleNamespace:
    """Return a trace as in an analysis; `word` replaces every text that comes from traces."""
    diagnosis = None
    if correct is False:
        start = max(0, text.find("3 * 17"))
        end = min(len(text), start + 11)
        evidence = (Evidence(word("the product is wrong"), start, end), Evidence(word("its sibling says 51")))
        diagnosis = Diagnosis(word(name), "procedural", 1, max(0, start - 8), end, evidence, 0.83, {"procedural": 0.83})
    spans = tuple(remove_overlaps(find_spans(text, LEXICON)))
    trace = Trace(
        id=word(name),
        group=word("g1"),
        prompt=word("How many pens?"),
        text=text,
        correct=correct,
        answer=word("52"),
        reference=word("51"),
        step=40,
        model=word("tiny"),
    )
    return SimpleNamespace(
        trace=trace, source=word(source), spans=spans, equations=equations_of(text, word), diagnosis=diagnosis
    )


def tables(word: Callable[[str], str] = str) -> dict[str, Table]:
    """Return a table for each table name that a page knows, with a row or two."""
    source, sgs = word("grpo, seed 0"), ("SGs", "placebo")
    number, share, count = "number", "share", "count"
    declarations = (
        (
            "corpus",
            [
                column("source"),
                *(
                    column(column_name, count)
                    for column_name in ("traces", "problems", "correct", "wrong", "not_judged", "words", "tokens")
                ),
                column("length", number),
            ],
            [
                {
                    "source": source,
                    "traces": 1200,
                    "problems": 36,
                    "correct": 300,
                    "wrong": 900,
                    "not_judged": 0,
                    "words": 123456,
                    "tokens": None,
                    "length": 102.88,
                }
            ],
        ),
        (
            "success",
            [
                column("source"),
                column("measure"),
                column("value", share),
                *low_high(share),
                column("problems", count),
                column("samples", count),
            ],
            [
                {
                    "source": source,
                    "measure": "pass@1",
                    "value": 0.25,
                    "low": 0.2,
                    "high": 0.3,
                    "problems": 36,
                    "samples": 1200,
                }
            ],
        ),
        (
            "shares",
            [
                column("source"),
                column("outcome"),
                column("list"),
                column("value", share),
                *low_high(share),
                column("traces", count),
                column("problems", count),
                column("unit"),
            ],
            [
                {
                    "source": source,
                    "outcome": outcome,
                    "list": list_name,
                    "value": value,
                    "low": value - 0.01,
                    "high": value + 0.01,
                    "traces": 1200,
                    "problems": 36,
                    "unit": "words",
                }
                for outcome, values in (("all", (0.123, 0.121)), ("wrong", (0.18, 0.11)))
                for list_name, value in zip(sgs, values, strict=True)
            ],
        ),
        (
            "moves",
            [
                column("source"),
                column("move"),
                column("outcome"),
                column("count", count),
                column("per_1000_words", number),
                *low_high(number),
                column("traces_share", share),
            ],
            [
                {
                    "source": source,
                    "move": word("branching"),
                    "outcome": "all",
                    "count": 1234,
                    "per_1000_words": 4.2,
                    "low": 3.9,
                    "high": 4.6,
                    "traces_share": 0.4,
                }
            ],
        ),
        (
            "grams",
            [
                column("gram"),
                column("cluster", count),
                column("move"),
                column("core", "flag"),
                column("count", count),
                column("traces", count),
                column("traces_share", share),
                column("correct_share", share),
                column("wrong_share", share),
                column("difference", share),
                *low_high(share),
                column("entropy", number),
            ],
            [
                {
                    "gram": word(gram),
                    "cluster": cluster,
                    "move": word(move),
                    "core": core,
                    "count": n,
                    "traces": n // 2,
                    "traces_share": n / 2400,
                    "correct_share": 0.1,
                    "wrong_share": 0.2,
                    "difference": difference,
                    "low": None if difference is None else difference - 0.02,
                    "high": None if difference is None else difference + 0.02,
                    "entropy": entropy,
                }
                for cluster, (gram, move, core, n, difference, entropy) in enumerate(
                    [
                        ("but wait", "backtracking", True, 420, -0.1, 1.25),
                        ("let me try", "branching", True, 77, 0.03, None),
                        ("so then", "deduction", False, 1900, None, 0.4),
                        ("we know", "deduction", True, 9, 0.0, 12.0),
                        ("case 10", "verification", False, 1000, 0.2, 0.05),
                        ("case 2", "other", True, 12, -0.3, None),
                        ("the aim is", "goal-setting", True, 55, 0.01, 2.5),
                        ("hold on", "backtracking", True, 421, -0.01, 0.9),
                        ("Zebra so", "other", False, 3, None, None),
                    ]
                )
            ],
        ),
        (
            "semantic_entropy",
            [
                column("source"),
                column("outcome"),
                column("bins"),
                column("list"),
                column("occurrences", count),
                column("n_bins", count),
                column("plugin", number),
                column("corrected", number),
                column("size", count),
                column("at_size", number),
                *low_high(number),
            ],
            [
                {
                    "source": source,
                    "outcome": "all",
                    "bins": "grams",
                    "list": list_name,
                    "occurrences": 5000,
                    "n_bins": 200,
                    "plugin": value,
                    "corrected": value + 0.1,
                    "size": 1000,
                    "at_size": value,
                    "low": value - 0.1,
                    "high": value + 0.1,
                }
                for list_name, value in zip(sgs, (4.1, 4.5), strict=True)
            ],
        ),
        (
            "conditional_entropy",
            [
                column("source"),
                column("list"),
                column("value", number),
                *low_high(number),
                column("occurrences", count),
                column("size", count),
            ],
            [
                {
                    "source": source,
                    "list": list_name,
                    "value": 2.5,
                    "low": 2.4,
                    "high": 2.6,
                    "occurrences": 5000,
                    "size": 900,
                }
                for list_name in sgs
            ],
        ),
        (
            "tokens",
            [
                column("source"),
                column("token_class"),
                column("list"),
                column("entropy", number),
                column("entropy_low", number),
                column("entropy_high", number),
                column("perplexity", number),
                column("perplexity_low", number),
                column("perplexity_high", number),
                column("tokens", count),
            ],
            [
                {
                    "source": source,
                    "token_class": kind,
                    "list": list_name,
                    "entropy": 0.9,
                    "entropy_low": 0.8,
                    "entropy_high": 1.0,
                    "perplexity": 2.1,
                    "perplexity_low": 2.0,
                    "perplexity_high": 2.2,
                    "tokens": 70000,
                }
                for kind in ("planning", "execution")
                for list_name in sgs
            ],
        ),
        (
            "overlap",
            [
                column("source"),
                column("list"),
                column("high_given_planning", share),
                *low_high(share),
                column("planning_given_high", share),
                column("chance", share),
                column("tokens", count),
            ],
            [
                {
                    "source": source,
                    "list": list_name,
                    "high_given_planning": value,
                    "low": value - 0.02,
                    "high": value + 0.02,
                    "planning_given_high": 0.1,
                    "chance": 0.3,
                    "tokens": 70000,
                }
                for list_name, value in zip(sgs, (0.55, 0.31), strict=True)
            ],
        ),
        (
            "curves",
            [
                column("source"),
                column("step", count),
                column("series"),
                column("list"),
                column("value", number),
                *low_high(number),
                column("n", count),
                column("relative", number),
            ],
            [
                {
                    "source": source,
                    "step": step,
                    "series": series,
                    "list": list_name,
                    "value": scale * (1 + step / 80),
                    "low": None,
                    "high": None,
                    "n": 100,
                    "relative": 1 + step / 80,
                }
                for step in (0, 40, 80)
                for series, scale in (("pass@1", 0.2), ("length", 150.0))
                for list_name in sgs
            ],
        ),
        (
            "settling",
            [
                column("source"),
                column("series"),
                column("total_change", number),
                column("step90", "count"),
                *low_high(number),
                column("change_point", "count"),
                column("change_low", number),
                column("change_high", number),
                column("p_value", number),
            ],
            [
                {
                    "source": source,
                    "series": "execution entropy",
                    "total_change": -0.5,
                    "step90": 40.0,
                    "low": 30.0,
                    "high": 55.0,
                    "change_point": 33.0,
                    "change_low": 20.0,
                    "change_high": 50.0,
                    "p_value": 0.013,
                }
            ],
        ),
        (
            "aha",
            [
                column("source"),
                column("cluster", count),
                column("move"),
                column("gram"),
                column("medoid"),
                column("first_step", count),
                column("start_rate", number),
                column("end_rate", number),
                column("ratio", number),
                *low_high(number),
            ],
            [
                {
                    "source": source,
                    "cluster": 3,
                    "move": "backtracking",
                    "gram": word("but wait"),
                    "medoid": word("wait"),
                    "first_step": 0,
                    "start_rate": 0.4,
                    "end_rate": 0.8,
                    "ratio": 2.0,
                    "low": 1.5,
                    "high": 2.6,
                }
            ],
        ),
        (
            "scaling",
            [
                column("source"),
                column("bin_low", count),
                column("bin_high", count),
                column("traces", count),
                column("value", share),
                *low_high(share),
                column("list"),
            ],
            [
                {
                    "source": source,
                    "bin_low": 0,
                    "bin_high": 100,
                    "traces": 600,
                    "value": 0.1,
                    "low": 0.09,
                    "high": 0.11,
                    "list": list_name,
                }
                for list_name in sgs
            ],
        ),
        (
            "errors",
            [
                column("source"),
                column("step", count),
                column("kind"),
                column("count", count),
                column("share", share),
                *low_high(share),
                column("of_judged", share),
            ],
            [
                {
                    "source": source,
                    "step": step,
                    "kind": kind,
                    "count": 30,
                    "share": 0.3,
                    "low": 0.2,
                    "high": 0.4,
                    "of_judged": 0.2,
                }
                for step in (0, 80)
                for kind in ("strategic", "procedural")
            ],
        ),
        (
            "diagnoses",
            [
                column("trace"),
                column("source"),
                column("kind"),
                column("step", count),
                column("confidence", number),
                column("evidence"),
            ],
            [
                {
                    "trace": word("t1"),
                    "source": source,
                    "kind": "procedural",
                    "step": 1,
                    "confidence": 0.83,
                    "evidence": word("the product is wrong"),
                }
            ],
        ),
        (
            "equations",
            [
                column("source"),
                column("outcome"),
                *(column(column_name, count) for column_name in ("right", "wrong", "unchecked")),
                column("wrong_share", share),
                *low_high(share),
            ],
            [
                {
                    "source": source,
                    "outcome": "all",
                    "right": 900,
                    "wrong": 50,
                    "unchecked": 10,
                    "wrong_share": 0.05,
                    "low": 0.04,
                    "high": 0.06,
                }
            ],
        ),
        (
            "architecture",
            [
                column("source"),
                column("outcome"),
                column("kind"),
                column("traces", count),
                column("share", share),
                column("similarity", number),
                column("variation", number),
            ],
            [
                {
                    "source": source,
                    "outcome": "all",
                    "kind": kind,
                    "traces": 300,
                    "share": 0.25,
                    "similarity": -0.01,
                    "variation": 0.9,
                }
                for kind in ("ordered", "anti-ordered", "similar", "mixed")
            ],
        ),
        (
            "placebo",
            [
                column("draw", count),
                column("grams", count),
                column("share_wanted", share),
                column("share", share),
                column("met", "flag"),
            ],
            [{"draw": draw, "grams": 300, "share_wanted": 0.12, "share": 0.121, "met": True} for draw in range(3)],
        ),
    )
    return {
        name: build_table(name, word(f"The table {name}"), columns, records, word(f"A note on {name}."))
        for name, columns, records in declarations
    }


def findings(word: Callable[[str], str] = str) -> tuple[Finding, ...]:
    """Return findings of real questions; `word` replaces the names and notes that come from data."""
    questions = {
        question.name: (measure.name, question) for measure in all_measures() for question in measure.questions
    }
    grpo, hicra = word("grpo, seed 0"), word("hicra, seed 0")

    def finding(question_name: str, source: str | None, verdict: str, **fields: object) -> Finding:
        return Finding(*questions[question_name], source, verdict=verdict, **fields)

    accuracy, planning = Estimate(0.25, 0.2, 0.3), Estimate(0.123, 0.113, 0.133)
    return (
        finding(
            "planning share",
            None,
            "measured",
            n=2,
            sides=(planning, accuracy),
            verdicts=((grpo, "measured"), (hicra, "measured")),
        ),
        finding("planning share", grpo, "measured", estimate=planning, n=1200),
        finding("planning share", hicra, "measured", estimate=accuracy, n=1200),
        finding("planning by outcome", None, "mixed", n=2, verdicts=((grpo, "up"), (hicra, "cannot say"))),
        finding(
            "planning by outcome", grpo, "up", estimate=planning, placebo=Estimate(0.01), sides=(planning, accuracy)
        ),
        finding("planning by outcome", hicra, "cannot say", n=9, notes=(word("too few wrong traces"),)),
        finding("grams by outcome", None, "down", n=9, verdicts=((word("but wait"), "down"),)),
        finding("grams by outcome", grpo, "down", estimate=Estimate(-0.1, -0.12, -0.08), subject=word("but wait")),
        finding("accuracy over training", None, "up", n=2, verdicts=((grpo, "up"), (hicra, "up"))),
        *(
            finding(
                "accuracy over training", source, "up", estimate=accuracy, sides=(accuracy, Estimate(0.5, 0.45, 0.55))
            )
            for source in (grpo, hicra)
        ),
        finding(
            "accuracy of methods",
            None,
            "no change",
            estimate=Estimate(0.0, -0.1, 0.1),
            n=1,
            subject=word("hicra against grpo"),
        ),
        finding("what settles first", grpo, "cannot say", notes=(word("no curve settles"),)),
        finding(
            "strategic or procedural",
            hicra,
            "cannot say",
            estimate=Estimate(0.1, -0.1, 0.3),
            errors=(kinds_of_errors(),),
        ),
    )


def kinds_of_errors() -> KindsOfErrors:
    """Return the kinds of ten wrong traces, of which four are undecided."""
    counts = KindCounts()
    for number, kind in enumerate(("strategic", "strategic", "procedural", "undecided", "undecided") * 2):
        counts.add(Trace(id=str(number), text="", group=str(number)), kind)
    return counts.all_models()


def analysis(word: Callable[[str], str] = str, **fields: object) -> SimpleNamespace:
    """Return a whole analysis; `word` replaces every text that comes from traces."""
    wrong, correct = example(word(WRONG), False, word), example(word(CORRECT), True, word, "t2")
    defaults: Mapping[str, object] = {
        "title": word("Two runs of a tiny model"),
        "lexicon": LEXICON,
        "sources": (word("grpo, seed 0"), word("hicra, seed 0")),
        "source_kind": "run",
        "tables": tables(word),
        "measures": all_measures(),
        "findings": findings(word),
        "examples": (wrong, correct, example(word("let me try 10 * 3 = 30"), None, word, "t3")),
        "sibling_pairs": (
            SimpleNamespace(
                prompt=word("How many pens?"),
                wrong=wrong,
                correct=correct,
                divergence=Divergence(30, 30, 1, "procedural", word("it says 52 where the other says 51")),
            ),
        ),
        "provenance": {
            "inputs": [{"path": word("runs/a.jsonl"), "digest": "ab" * 32, "bytes": 12345, "traces": 1200}],
            "versions": {"sgram": "0.1.0", "python": "3.11"},
            "command": word("sgram report runs -o report.html"),
            "seed": 0,
        },
        "notes": (word("Of 1,200 traces 3 are shown."),),
        "lookup": (wrong, correct),
    }
    return SimpleNamespace(**{**defaults, **fields})


def figures(word: Callable[[str], str] = str) -> list[RenderedFigure]:
    return [
        RenderedFigure(name, word(f"The figure {name}"), word("Bars are 95 % intervals of 36 problems."), SVG, section)
        for name, section in (
            ("success", "summary"),
            ("moves", "lexicon"),
            ("dynamics", "dynamics"),
            ("errors", "errors"),
            ("hedges", "more"),
        )
    ]
