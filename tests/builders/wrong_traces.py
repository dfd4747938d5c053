"""Wrong traces by hand, whose kinds the classifier does not need to find."""

from sgram.diagnosis.error_items import ErrorSample, ErrorSurvey, build_error_sample
from sgram.traces import Trace


def wrong_trace(name: str, **fields: object) -> Trace:
    """A wrong answer to a small sum."""
    number = int(name)
    given = {
        "prompt": f"What is {number} + 1?",
        "text": f"It is {number + 2}.",
        "reference": str(number + 1),
        "correct": False,
        **fields,
    }
    return Trace(id=name, **given)


def error_sample(traces: list[Trace], kinds: list[str], n: int = 60, seed: int = 0) -> ErrorSample:
    """A sample of traces, of which the classifier says `kinds`."""
    survey = ErrorSurvey()
    for trace, kind in zip(traces, kinds, strict=True):
        survey.add(trace, kind)
    return build_error_sample(traces, survey, n, seed)
