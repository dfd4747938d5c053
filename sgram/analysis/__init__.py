"""Tables and examples of what traces show about planning: metrics, dynamics, errors, and their placebos.

Names are imported when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sgram.analysis.analysis import TABLES, Analysis, analyze
    from sgram.analysis.config import AnalysisConfig
    from sgram.analysis.examples import SiblingPair, TraceExample
    from sgram.analysis.table import Column, Table, build_table

_MODULES = {
    "TABLES": "analysis",
    "Analysis": "analysis",
    "analyze": "analysis",
    "AnalysisConfig": "config",
    "TraceExample": "examples",
    "SiblingPair": "examples",
    "Column": "table",
    "Table": "table",
    "build_table": "table",
}
__all__ = [
    "TABLES",
    "Analysis",
    "AnalysisConfig",
    "Column",
    "SiblingPair",
    "Table",
    "TraceExample",
    "analyze",
    "build_table",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'sgram.analysis' has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
