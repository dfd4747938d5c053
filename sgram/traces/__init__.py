"""Traces: the type, readers for every rollout format, writers. Knows nothing about words."""

from sgram.traces.readers import ReadOptions, ReadReport, TraceReader, read_traces
from sgram.traces.trace import Trace, check_trace
from sgram.traces.writers import write_traces

__all__ = ["ReadOptions", "ReadReport", "Trace", "TraceReader", "check_trace", "read_traces", "write_traces"]
