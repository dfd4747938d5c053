"""The methods paragraph of a paper on an annotation study, with its numbers filled in.

The sentences are plain text with Greek letters; pages and LaTeX files escape them. Raters are not named.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata

import sgram
from sgram.annotation.agreement import Agreement, LabelAgreement
from sgram.annotation.items import Sample
from sgram.annotation.strategic_share import StrategicShares
from sgram.statistics import Estimate

_NUMBER_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_MAX_LABELS_LISTED = 12
REFERENCES: Mapping[str, str] = {
    "Cohen, 1960": "Cohen, J. (1960). A coefficient of agreement for nominal scales. Educational and Psychological "
    "Measurement, 20(1), 37–46.",
    "Efron and Tibshirani, 1993": "Efron, B., and Tibshirani, R. J. (1993). An introduction to the bootstrap. Chapman "
    "and Hall.",
    "Fleiss, 1971": "Fleiss, J. L. (1971). Measuring nominal scale agreement among many raters. Psychological "
    "Bulletin, 76(5), 378–382.",
    "Gwet, 2008": "Gwet, K. L. (2008). Computing inter-rater reliability and its variance in the presence of high "
    "agreement. British Journal of Mathematical and Statistical Psychology, 61(1), 29–48.",
    "Krippendorff, 2011": "Krippendorff, K. (2011). Computing Krippendorff's alpha-reliability. University of "
    "Pennsylvania, Annenberg School for Communication.",
    "Newcombe, 1998": "Newcombe, R. G. (1998). Interval estimation for the difference between independent "
    "proportions: comparison of eleven methods. Statistics in Medicine, 17(8), 873–890.",
    "Wilson, 1927": "Wilson, E. B. (1927). Probable inference, the law of succession, and statistical inference. "
    "Journal of the American Statistical Association, 22(158), 209–212.",
}
"""Sources of the statistics, by the citation in the paragraph."""


@dataclass(frozen=True, slots=True)
class StudyDesign:
    """What the ratings alone do not say of a study."""

    item_noun: str = "item"
    """What raters labeled, in the singular."""
    description: str = ""
    """How the items were drawn, as sentences; "" if unknown."""
    shares: StrategicShares | None = None
    n_verdicts: int | None = None
    """Disputed items that an adjudicator decided; None if there was no adjudication."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Version by library, such as `library_versions()`; that of sgram is always named."""


def library_versions() -> dict[str, str]:
    """Return the versions of the libraries that compute coefficients, as far as they are installed."""
    versions = {}
    for library in ("krippendorff", "statsmodels"):
        try:
            versions[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            continue
    return versions


def describe_sample(sample: Sample) -> str:
    """Return sentences that say how the phrases of `sample` were drawn.

    >>> from sgram.annotation.items import Item
    >>> item = Item("a1", "sg", "wait", 3, "backtracking", "t7", None, "But wait, is it?", 4, 8)
    >>> describe_sample(Sample("0123456789abcdef", 0, (item,), {"name": "mined"}))
    'The sample has 1 occurrence of Strategic Grams of the lexicon mined (SHA-256 0123456789ab).'
    """
    n_controls = sum(item.kind == "control" for item in sample.items)
    name = str(sample.source.get("name", "without a name"))
    occurrences = _count(len(sample.items) - n_controls, "occurrence")
    lexicon = f"the lexicon {name} (SHA-256 {sample.lexicon[:12]})"
    grams = f"The sample has {occurrences} of Strategic Grams of {lexicon}"
    if not n_controls:
        return f"{grams}."
    return (
        f"{grams} and, as controls, {_count(n_controls, 'random phrase')} of the same traces. Raters saw each phrase "
        "marked in its passage, in random order, without knowing which of the two it is."
    )


def describe_methods(measured: Agreement, design: StudyDesign | None = None) -> tuple[str, ...]:
    """Return the sentences of the methods paragraph.

    >>> from sgram.annotation.agreement import measure_agreement
    >>> from sgram.annotation.ratings import Rating
    >>> rows = ["1 ada plan", "1 bob plan", "2 ada plan", "2 bob fact"]
    >>> sentences = describe_methods(measure_agreement((Rating(*row.split()) for row in rows), n_draws=10))
    >>> sentences[0]
    'Two raters labeled 2 items with two labels (fact, plan).'
    """
    design = StudyDesign() if design is None else design
    shares = [] if design.shares is None else [*_share_sentences(design.shares)]
    return tuple(
        sentence
        for sentence in (
            _raters_sentence(measured, design.item_noun),
            design.description,
            _coverage_sentence(measured, design.item_noun),
            _statistics_sentence(measured),
            _interval_sentence(measured),
            _result_sentence(measured),
            _strategic_sentence(measured),
            *shares,
            _dispute_sentence(measured, design),
            _software_sentence(design.versions),
        )
        if sentence
    )


def cited_references(sentences: tuple[str, ...]) -> tuple[str, ...]:
    """Return the references that `sentences` cite, sorted.

    >>> cited_references(("We report Cohen's κ (Cohen, 1960).",))[0][:35]
    'Cohen, J. (1960). A coefficient of '
    """
    text = " ".join(sentences)
    return tuple(sorted(reference for citation, reference in REFERENCES.items() if citation in text))


def in_words(n: int) -> str:
    """Return a number up to ten as a word.

    >>> in_words(2), in_words(1200)
    ('two', '1,200')
    """
    return _NUMBER_WORDS[n] if 0 <= n < len(_NUMBER_WORDS) else f"{n:,}"


def format_value(estimate: Estimate) -> str:
    """Return a number with its interval, or why it is undefined.

    >>> format_value(Estimate(0.71, 0.625, 0.8)), format_value(Estimate(None, undefined="no item has two ratings"))
    ('0.71 [0.62, 0.80]', 'undefined (no item has two ratings)')
    """
    if estimate.value is None:
        return f"undefined ({estimate.undefined})"
    ends = estimate.ends
    interval = "" if ends is None else f" [{format_number(ends[0])}, {format_number(ends[1])}]"
    return f"{format_number(estimate.value)}{interval}"


def format_number(number: float, decimals: int = 2) -> str:
    """Return a number with a minus sign for a negative one, and without a negative zero.

    >>> format_number(-0.125), format_number(-0.001)
    ('−0.12', '0.00')
    """
    return f"{round(number, decimals) + 0.0:.{decimals}f}".replace("-", "−")


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%"


def _raters_sentence(measured: Agreement, noun: str) -> str:
    labels = measured.overall.labels
    listed = f" ({', '.join(labels)})" if len(labels) <= _MAX_LABELS_LISTED else ""
    raters = f"{in_words(measured.n_raters).capitalize()} rater{'s' if measured.n_raters != 1 else ''}"
    n_labels = f"{in_words(len(labels))} label{'s' if len(labels) != 1 else ''}"
    return f"{raters} labeled {_count(measured.n_items, noun)} with {n_labels}{listed}."


def _coverage_sentence(measured: Agreement, noun: str) -> str:
    if measured.n_ratings == measured.n_items * measured.n_raters:
        return f"Every rater labeled every {noun}, which gives {_count(measured.n_ratings, 'rating')}."
    return (
        f"There are {_count(measured.n_ratings, 'rating')}: {_percent(measured.missing)} of the pairs of {noun} and "
        f"rater are missing, {_count(measured.n_items_with_two, noun)} have at least two ratings, and "
        f"{measured.n_items_with_all:,} were labeled by every rater."
    )


def _statistics_sentence(measured: Agreement) -> str:
    if measured.n_raters < 2:
        return ""
    complete = "" if not measured.missing else f", over the {measured.n_items_with_all:,} that every rater labeled"
    pairs = "" if measured.n_raters == 2 else " for each pair of raters"
    return (
        "We report the share of pairs of raters who agree, averaged over items (percent agreement), Krippendorff's α "
        f"for nominal data (Krippendorff, 2011), Gwet's AC1 (Gwet, 2008), Fleiss' κ (Fleiss, 1971){complete}, and "
        f"Cohen's κ (Cohen, 1960){pairs}."
    )


def _interval_sentence(measured: Agreement) -> str:
    overall = measured.overall
    estimates = [overall.agreement, overall.alpha, overall.ac1, overall.fleiss, *(pair.kappa for pair in overall.pairs)]
    if not any(estimate.ends for estimate in estimates):
        return ""
    n_undefined = max(estimate.n_undefined for estimate in estimates)
    left_out = (
        f" Resamples in which a coefficient is undefined were left out (at most {n_undefined:,} of "
        f"{measured.n_draws:,})."
        if n_undefined
        else ""
    )
    return (
        "Brackets are 95% percentile bootstrap intervals (Efron and Tibshirani, 1993) from "
        f"{_count(measured.n_draws, 'resample')} of items with replacement (seed {measured.seed}).{left_out}"
    )


def _result_sentence(measured: Agreement) -> str:
    overall = measured.overall
    if measured.n_raters < 2:
        return "Agreement is undefined, because it needs two raters."
    cohen = ""
    if measured.n_raters == 2 and overall.pairs:
        cohen = f", and Cohen's κ is {format_value(overall.pairs[0].kappa)}"
    return (
        f"On {_name_labels(overall)}, percent agreement is {format_value(overall.agreement)}, Krippendorff's α is "
        f"{format_value(overall.alpha)}, Gwet's AC1 is {format_value(overall.ac1)}{',' if cohen else ', and'} "
        f"Fleiss' κ is {format_value(overall.fleiss)}{cohen}."
    )


def _name_labels(overall: LabelAgreement) -> str:
    n = len(overall.labels)
    return f"all {in_words(n)} labels" if n > 2 else "both labels" if n == 2 else "the one label"


def _strategic_sentence(measured: Agreement) -> str:
    strategic = measured.strategic
    if strategic is None or strategic.share is None or len(measured.overall.labels) < 3 or measured.n_raters < 2:
        return ""
    labels = ", ".join(strategic.labels)
    return (
        f"On whether a label is strategic ({labels}) or not, percent agreement is {format_value(strategic.agreement)}, "
        f"Krippendorff's α is {format_value(strategic.alpha)}, and Gwet's AC1 is {format_value(strategic.ac1)}; "
        f"{_percent(strategic.share)} of the ratings are strategic."
    )


def _share_sentences(shares: StrategicShares) -> list[str]:
    named = [
        f"{_percent(share.share)} [{_percent(share.low)}, {_percent(share.high)}] of the {share.n_rated:,} rated {noun}"
        for share, noun in ((shares.sg, "Strategic Grams"), (shares.control, "controls"))
        if share.share is not None and share.low is not None and share.high is not None
    ]
    if not named:
        return []
    sentence = (
        f"The majority of raters judged {' and '.join(named)} strategic (ties count half; intervals of Wilson, 1927)"
    )
    if shares.difference is None or shares.low is None or shares.high is None:
        return [f"{sentence}."]
    points, low, high = (format_number(100 * end, 1) for end in (shares.difference, shares.low, shares.high))
    return [
        f"{sentence}, a difference of {points} [{low}, {high}] percentage points (interval of Newcombe, 1998, "
        "method 10). These intervals take the items as independent."
    ]


def _dispute_sentence(measured: Agreement, design: StudyDesign) -> str:
    n_disputes = len(measured.disputes)
    if measured.n_raters < 2 or not measured.n_items_with_two:
        return ""
    share = _percent(n_disputes / measured.n_items_with_two)
    sentence = f"Raters differ on {_count(n_disputes, design.item_noun)} ({share} of those with at least two ratings)"
    if design.n_verdicts is None:
        return f"{sentence}."
    return f"{sentence}; an adjudicator decided {design.n_verdicts:,} of them."


def _software_sentence(versions: Mapping[str, str]) -> str:
    libraries = ", ".join(f"{name} {version}" for name, version in versions.items())
    return f"All numbers were computed with sgram {sgram.__version__}{f' ({libraries})' if libraries else ''}."
