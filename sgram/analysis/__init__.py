"""Tables, findings and examples of what traces show about planning: metrics, dynamics, errors, and their placebos.

Names are imported when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sgram.analysis.analysis import Analysis, analyze
    from sgram.analysis.checked_details import checked_phases
    from sgram.analysis.config import AnalysisConfig
    from sgram.analysis.examples import SiblingPair, TraceExample
    from sgram.analysis.findings import Finding
    from sgram.analysis.measure import Measure
    from sgram.analysis.registry import all_measures, register_measure, unregister_measure
    from sgram.analysis.table import Column, Table, build_table
    from sgram.analysis.trace_means import trace_mean

_MODULES = {
    "Analysis": "analysis",
    "analyze": "analysis",
    "AnalysisConfig": "config",
    "checked_phases": "checked_details",
    "TraceExample": "examples",
    "SiblingPair": "examples",
    "Finding": "findings",
    "Measure": "measure",
    "all_measures": "registry",
    "register_measure": "registry",
    "unregister_measure": "registry",
    "Column": "table",
    "Table": "table",
    "build_table": "table",
    "trace_mean": "trace_means",
}
__all__ = [
    "Analysis",
    "AnalysisConfig",
    "Column",
    "Finding",
    "Measure",
    "SiblingPair",
    "Table",
    "TraceExample",
    "all_measures",
    "analyze",
    "build_table",
    "checked_phases",
    "register_measure",
    "trace_mean",
    "unregister_measure",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'sgram.analysis' has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
