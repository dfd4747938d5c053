"""Measure `placebo`: the placebo draws, and how well they match the lexicon."""

from collections.abc import Iterator
from typing import Any

from sgram.analysis.findings import Finding, FindingContext, Question
from sgram.analysis.measure import AnalysisData, Measure
from sgram.analysis.table import Column, Table
from sgram.analysis.table_columns import count, share, text
from sgram.statistics import Estimate


class Controls(Question):
    """How many placebos stand beside the lexicon, and whether they mark as much text."""

    def findings(self, measure: str, table: Table, context: FindingContext) -> Iterator[Finding]:
        """Yield one finding: the marked share, from the smallest to the largest of the texts, and the largest miss."""
        rows = table.records()
        pairs = [
            (share_wanted, share)
            for row in rows
            if (share_wanted := row.number("share_wanted")) is not None and (share := row.number("share")) is not None
        ]
        n_failed = len(rows) - len(pairs)
        notes = (f"{n_failed:,} of {len(rows):,} placebos could not be drawn.",) if n_failed else ()
        if not pairs:
            yield Finding(measure, self, None, verdict="cannot say", n=0, notes=notes)
            return
        wanted_shares = [share_wanted for share_wanted, _ in pairs]
        yield Finding(
            measure,
            self,
            None,
            Estimate(max(abs(share - share_wanted) for share_wanted, share in pairs)),
            n=len(pairs),
            notes=notes,
            subject=rows[0].text("unit") or "words",
            sides=(Estimate(min(wanted_shares)), Estimate(max(wanted_shares))),
        )


def _records(data: AnalysisData) -> Iterator[dict[str, Any]]:
    for placebo_set in data.counts.placebo_sets:
        for draw, placebo in enumerate(placebo_set.placebos, 1):
            yield {
                "draw": draw,
                "texts": placebo_set.scope,
                "lexicon": placebo_set.lexicon.name,
                "grams": len(placebo.grams),
                "unit": placebo.source["unit"],
                "share_wanted": placebo.source["wanted"],
                "share": placebo.source["share"],
                "met": True,
            }
    for placebo_set in data.counts.placebo_sets:
        for draw, _ in enumerate(placebo_set.failures, len(placebo_set.placebos) + 1):
            yield {"draw": draw, "texts": placebo_set.scope, "lexicon": placebo_set.lexicon.name, "met": False}


PLACEBOS = Measure(
    "placebo",
    "The controls",
    (
        count("draw", "number of the draw; also its seed, counted from the analysis's"),
        text("texts", "what it is matched on: the training runs together, or a source by itself"),
        text("lexicon", "what it is a placebo of"),
        count("grams", "random grams in it"),
        text("unit", "what was matched: words, or tokens where all sources have a tokenizer"),
        share("share_wanted", "of these, in the sampled texts, those that the lexicon marks"),
        share("share", "of the same, those that the draw marks"),
        Column("met", "whether the two are within 2 % of each other", "flag"),
    ),
    _records,
    "Grams that occur in at least two of the sampled texts, drawn at random until they mark as much of these texts "
    "as the lexicon does; in one outcome or at one step the shares differ, as the tables tell.",
    needs="Controls need traces with enough phrases to draw a placebo from (and `placebos` above 0)",
    section="controls",
    questions=(Controls(name="controls", subject="placebos"),),
)
