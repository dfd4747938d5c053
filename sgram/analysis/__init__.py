"""What traces show about planning, as tables: metrics, dynamics, errors, controls. Knows nothing about HTML or figures.

Names load what they need when first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sgram.analysis.analysis import TABLES, Analysis, analyze
    from sgram.analysis.config import AnalysisConfig
    from sgram.analysis.examples import Example, Siblings
    from sgram.analysis.table import Column, Table, build_table

_HOMES = {
    "TABLES": "analysis",
    "Analysis": "analysis",
    "analyze": "analysis",
    "AnalysisConfig": "config",
    "Example": "examples",
    "Siblings": "examples",
    "Column": "table",
    "Table": "table",
    "build_table": "table",
}
__all__ = ["TABLES", "Analysis", "AnalysisConfig", "Column", "Example", "Siblings", "Table", "analyze", "build_table"]


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module 'sgram.analysis' has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
