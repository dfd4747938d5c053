"""All measures: those of this folder, then those that other packages add.

A file in this folder that declares a `Measure` is found by itself; nothing lists it. `BUILT_IN` only says which
measures come first, and in which order.
"""

from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from pkgutil import iter_modules

from sgram.analysis.architecture import ARCHITECTURE
from sgram.analysis.corpus import CORPUS, SUCCESS
from sgram.analysis.dynamics import AHA, CURVES, SETTLING
from sgram.analysis.entropies import CONDITIONAL_ENTROPY, SEMANTIC_ENTROPY
from sgram.analysis.errors import DIAGNOSES, EQUATIONS, ERRORS
from sgram.analysis.grams import GRAMS
from sgram.analysis.measure import Measure
from sgram.analysis.placebo import PLACEBOS
from sgram.analysis.planning import MOVE_RATES, SCALING, SHARES
from sgram.analysis.token_tables import OVERLAP, TOKENS
from sgram.errors import UsageError
from sgram.files import excerpt

ENTRY_POINTS = "sgram.measures"
"""Group of entry points by which a package adds measures; each names a `Measure` or a sequence of them."""
BUILT_IN = (
    CORPUS,
    SUCCESS,
    SHARES,
    MOVE_RATES,
    GRAMS,
    SEMANTIC_ENTROPY,
    CONDITIONAL_ENTROPY,
    TOKENS,
    OVERLAP,
    CURVES,
    SETTLING,
    AHA,
    SCALING,
    ERRORS,
    DIAGNOSES,
    EQUATIONS,
    ARCHITECTURE,
    PLACEBOS,
)
"""The order of a report. A measure of this folder that is not named here comes after these, by the name of its file."""
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
    if any(other.name == measure.name and other is not measure for other in all_measures()):
        raise UsageError(f"a measure named {measure.name!r} exists already; choose another name")
    if measure not in _registered:
        _registered.append(measure)
    return measure


def unregister_measure(name: str) -> None:
    """Remove a measure that `register_measure` added; nothing happens if there is none of that name."""
    _registered[:] = [measure for measure in _registered if measure.name != name]


def all_measures() -> tuple[Measure, ...]:
    """Return the measures of `sgram.analysis`, then those of installed packages by name, then the registered ones.

    Raise `UsageError` if a package's measure cannot be loaded or two measures have the same name.
    """
    measures = [*_own_measures(), *_installed_measures(), *_registered]
    names = [measure.name for measure in measures]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"{names.count(name)} measures are named {name!r}; rename or uninstall one of them")
    return tuple(measures)


@cache
def _own_measures() -> tuple[Measure, ...]:
    """Return `BUILT_IN`, then the other measures that files of this folder declare, by the names of the files."""
    modules = [import_module(f"sgram.analysis.{module.name}") for module in iter_modules([str(Path(__file__).parent)])]
    declared = [declared for module in modules for declared in vars(module).values() if isinstance(declared, Measure)]
    return tuple(dict.fromkeys((*BUILT_IN, *declared)))


def _installed_measures() -> list[Measure]:
    measures: list[Measure] = []
    for entry in sorted(entry_points(group=ENTRY_POINTS), key=lambda entry: (entry.name, entry.value)):
        origin = f"the measure {excerpt(entry.name)} ({excerpt(entry.value)})"
        try:
            loaded = entry.load()
        except Exception as error:  # any error of foreign code
            raise UsageError(f"cannot load {origin}: {excerpt(str(error))}; mend or uninstall its package") from error
        declared = [loaded] if isinstance(loaded, Measure) else loaded
        if not isinstance(declared, list | tuple) or not all(isinstance(measure, Measure) for measure in declared):
            raise UsageError(f"{origin} is not a Measure or a list of them; mend or uninstall its package")
        measures += declared
    return measures
