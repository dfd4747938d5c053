"""Planning in logs of Inspect (inspect-ai): a scorer for its evaluations, and a scan of logs that exist.

- `scorers`: the scorer `planning`, which Inspect knows as ``sgram/planning``.
- `scan`: `scan_logs` adds its scores to the samples of logs.
- `planning_score`: what is said of one sample, without Inspect.

Inspect imports this module by its entry point, so ``inspect score log.eval --scorer sgram/planning`` works as it is.
"""

from sgram.errors import MissingExtraError

try:
    from sgram.integrations.inspect.scan import ScannedLog, scan_logs
    from sgram.integrations.inspect.scorers import planning
except ModuleNotFoundError as error:
    if (error.name or "").startswith("sgram"):
        raise
    raise MissingExtraError(f"scoring in Inspect needs inspect-ai ({error}); pip install 'sgram[inspect]'") from error

__all__ = ["ScannedLog", "planning", "scan_logs"]
