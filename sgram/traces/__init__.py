"""Traces: the type, readers of every known rollout format, writers.

- `trace`: the frozen dataclass `Trace` and its checks; `trace_keys` identifies traces, problems and groups.
- `readers`, `writers`: traces out of files and into files; `conditions` selects among them.
- `from_python`: traces out of DataFrames, data sets, rows and texts.
- `input_files`, `containers`: which files are read, and their rows.
- `dialect`, `dialects`: how each tool writes a rollout, a file for each.
- `aliases`, `completing`: what columns are called, and how they become the fields of a trace.
- `messages`, `parts`: conversations as text, and which part of a text is reasoning; `part_texts`: the text of one part.
- `runs`, `outcomes`: names of runs, and rewards that say what is correct.
- `tokens`: tokenizers, for exports that hold token ids.
"""

from sgram.traces.from_python import as_traces
from sgram.traces.readers import ReadOptions, ReadReport, TraceReader, read_traces
from sgram.traces.trace import Trace, check_trace
from sgram.traces.writers import write_traces

__all__ = [
    "ReadOptions",
    "ReadReport",
    "Trace",
    "TraceReader",
    "as_traces",
    "check_trace",
    "read_traces",
    "write_traces",
]
