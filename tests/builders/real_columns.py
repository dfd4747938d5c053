"""Columns of the tables that a real analysis returns, by table name."""

import tempfile
from functools import cache
from pathlib import Path

from sgram.analysis import AnalysisConfig, Column, analyze
from sgram.traces import Trace
from tests.builders.analysis_examples import build_trace, byte_ids, write_rollouts, write_run


def _run_traces() -> list[Trace]:
    """Return traces of four steps with token ids, entropies and log-probabilities, half of them wrong."""
    traces = []
    for step in range(4):
        for index, text in enumerate(("so it is. wait no 1 + 1 = 3", "let me check it. so 1 + 1 = 2", "so we wait")):
            ids = byte_ids(text)
            entropies = tuple(2.0 - step / 4 + position % 3 for position in range(len(ids)))
            fields = {"step": step, "prompt": f"p{index}", "group": f"{step}-{index}", "correct": index != 0}
            logprobs = tuple(-entropy for entropy in entropies)
            traces.append(
                build_trace(f"{step}-{index}", text, token_ids=ids, entropies=entropies, logprobs=logprobs, **fields)
            )
    return traces


@cache
def real_columns() -> dict[str, tuple[Column, ...]]:
    """Return the columns of every table, from one analysis of a small run and of rollouts without steps."""
    config = AnalysisConfig(n_placebos=1, n_draws=20)
    with tempfile.TemporaryDirectory() as folder:
        run = write_run(Path(folder), "a", _run_traces(), tokenizer=True)
        texts = ["so we add. wait no that is bad. " * (1 + n % 10) for n in range(40)]
        traces = [build_trace(str(n), text, group=f"g{n // 4}", correct=n % 2 == 0) for n, text in enumerate(texts)]
        rollouts = write_rollouts(Path(folder), traces)
        analysis = analyze([run, rollouts], config)
    return {name: tuple(table.columns) for name, table in analysis.tables.items()}
