"""All measures: those of `sgram.analysis.measures`, then those that other packages add.

A file in that folder that declares a `Measure` is found by itself; `ORDER` only says which measures come first.
"""

from collections.abc import Iterable
from functools import cache

from sgram.analysis.columns_store import PerTrace
from sgram.analysis.measure import Measure
from sgram.declarations import add_declaration, declared_in, installed, with_distinct_names
from sgram.errors import SgramError
from sgram.files import excerpt

ENTRY_POINTS = "sgram.measures"
"""Group of entry points by which a package adds measures; each names a `Measure` or a sequence of them."""
ORDER = (
    *("corpus", "success", "shares", "moves", "grams", "semantic_entropy", "conditional_entropy", "tokens", "overlap"),
    *(
        "curves",
        "settling",
        "testbed_phases",
        "testbed_result_phases",
        "aha",
        "scaling",
        "regrading",
        "errors",
        "rivals",
        "diagnoses",
        "equations",
        "architecture",
        "placebo",
    ),
)
"""The order of a report. Other measures of `sgram.analysis.measures` come after these, by the name of their file."""
_registered: list[Measure] = []


def register_measure(measure: Measure) -> Measure:
    """Add a measure to every later analysis of this process, and return it.

    Raise `UsageError` if another measure has its name.

    >>> from sgram.analysis import Column, Measure, register_measure, unregister_measure
    >>> lines = Measure("lines", "Lines", (Column("n", "lines of text", "count"),), lambda data: [{"n": 1}])
    >>> register_measure(lines).name, all_measures()[-1].name
    ('lines', 'lines')
    >>> unregister_measure("lines")
    """
    return add_declaration(measure, _registered, all_measures(), "measure")


def unregister_measure(name: str) -> None:
    """Remove a measure that `register_measure` added; nothing happens if there is none of that name."""
    _registered[:] = [measure for measure in _registered if measure.name != name]


def all_measures() -> tuple[Measure, ...]:
    """Return the measures of `sgram.analysis`, then those of installed packages by name, then the registered ones.

    Raise `UsageError` if a package's measure cannot be loaded or two measures have the same name.
    """
    return with_distinct_names([*_own_measures(), *installed(ENTRY_POINTS, Measure), *_registered], "measure")


@cache
def _own_measures() -> tuple[Measure, ...]:
    """Return the measures that the files of `sgram.analysis.measures` declare."""
    declared = declared_in("sgram.analysis.measures", Measure)
    rank = {name: index for index, name in enumerate(ORDER)}
    return tuple(sorted(declared, key=lambda measure: rank.get(measure.name, len(rank))))


def per_trace_functions(names: Iterable[str]) -> dict[str, PerTrace]:
    """Return the functions of these measures that are computed for each trace.

    Raise `SgramError` if this process does not know one of the measures.
    """
    known = {measure.name: measure.per_trace for measure in all_measures() if measure.per_trace is not None}
    functions = {}
    for name in names:
        if name not in known:
            raise SgramError(
                f"this process does not know the measure {excerpt(name)!r}: install its package on every machine of "
                "the cluster, or leave out --engine"
            )
        functions[name] = known[name]
    return functions
