"""Wrong traces diagnosed and equations checked, of the traces that are held for it. Knows nothing about tables."""

from collections.abc import Callable

from sgram.analysis.errors import Checked, checked_trace
from sgram.analysis.two_passes import Gathered, Tell
from sgram.diagnosis.kinds import Diagnosis, Seen, diagnose_seen, seen
from sgram.tagging.span_finder import SpanFinder


def diagnose_held(gathered: Gathered, tell: Tell) -> tuple[dict[int, Diagnosis], list[Checked]]:
    """(diagnoses by key, what came of checking equations); every text is worked through once."""
    choice, held, counted = gathered.choice, gathered.held, gathered.counted
    place_of = {name: place for place, name in enumerate(counted.names)}
    finders = {each.digest: SpanFinder(each) for each in counted.lexicons}
    known: dict[int, Seen] = {}

    def look(key: int) -> Seen:
        if key not in known:
            name, trace = held[key]
            find: Callable = finders[counted.lexicon(place_of[name]).digest]
            known[key] = seen(trace, find)
        return known[key]

    diagnoses, checked = {}, []
    total = len(choice.diagnosed) + choice.n_checked
    for number, key in enumerate(choice.diagnosed):
        siblings = [look(other) for other in choice.siblings[key]]
        diagnoses[key] = diagnose_seen(held[key][1], look(key), siblings)
        if number % 16 == 0:
            tell("diagnosing", number, total)
    for outcome, keys in sorted(choice.checked.items()):
        for key in sorted(keys):
            name, trace = held[key]
            checked.append(checked_trace(place_of[name], trace, outcome, look(key).work.equations))
            if len(checked) % 16 == 0:
                tell("diagnosing", len(choice.diagnosed) + len(checked), total)
    return diagnoses, checked
