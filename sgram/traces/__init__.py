"""Traces: the type, readers of every known rollout format, writers.

- `trace`: the frozen dataclass `Trace` and its checks.
- `readers`, `writers`: traces out of files and into files; `conditions` selects among them.
- `input_files`, `rows`: which files are read, and their rows; `parquet` and `inspect_logs` are containers.
- `dialects`: how each tool writes a rollout; `fields`, `messages` and `ids` convert its values.
- `tokens`: tokenizers, for exports that hold token ids.
"""

from sgram.traces.readers import ReadOptions, ReadReport, TraceReader, read_traces
from sgram.traces.trace import Trace, check_trace
from sgram.traces.writers import write_traces

__all__ = ["ReadOptions", "ReadReport", "Trace", "TraceReader", "check_trace", "read_traces", "write_traces"]
