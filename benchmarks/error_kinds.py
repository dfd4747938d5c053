"""Are wrong traces classified as strategic and procedural? Against true labels, people's reasons and simple baselines.

    python benchmarks/error_kinds.py [--only testbed sample mr-ben loops answers] [--rollouts FOLDER]

testbed: responses of the built-in task's solver, and such responses with one injected fault: a slip in an equation
(carried on into the answer), a number misread, an answer copied wrongly, no method named, a cut, a loop. The truth is
the testbed's own verdict, or the cut or loop. Fresh data: no weight was chosen on them.
sample: the shipped sample traces, whose authors wrote each error on purpose.
mr-ben: people's reasons for the first wrong step, read by keywords (`reason_kind`); only where both annotators' reasons
say the same.
loops: exact loops against the zlib ratio that the shared traces carry. answers: what is judged here against what the
traces' sources say. Those three need ../shared/data.
Undecided counts as wrong in accuracy; beside it, how many are decided and how many of these are right. Traces rated by
annotators are measured by diagnosis.py. Intervals: 95 %, bootstrap over problems.
"""

import argparse
import gzip
import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from corpora import SHARED

from sgram.annotation.agreement import measure_agreement
from sgram.annotation.ratings import Rating
from sgram.diagnosis.degenerate import LONG_TEXT, LOOP_RATIO, find_loop
from sgram.diagnosis.kinds import KINDS, diagnose, diagnose_group, make_span_finder
from sgram.diagnosis.operations import replace_operator_words
from sgram.equations import check_equations
from sgram.files import data_path, digest
from sgram.grading.fill_correct import AnswerGrader
from sgram.lexicon import Lexicon
from sgram.statistics import mean_by_problem
from sgram.testbed.solver import Solver
from sgram.testbed.task import PRESETS, Testbed
from sgram.traces import Trace, read_traces

PARTS = ("testbed", "sample", "mr-ben", "loops", "answers")
PROBLEMS, SAMPLES = 60, 8
PLAN_OR_SLIP = ("strategic", "procedural")
EQUATION = re.compile(r"(\d+) ([-+*]|plus|minus|times) (\d+) (=|is) (\d+)")
OPERATORS = {"+": int.__add__, "-": int.__sub__, "*": int.__mul__}
SIGN_OF = {"plus": "+", "minus": "-", "times": "*"}


@dataclass(frozen=True)
class Case:
    """One wrong trace: its problem, what is true of it, what is said of it."""

    problem: str
    truth: str
    said: dict[str, str]


# -- the testbed, with faults -----------------------------------------------------------------------------


def recomputed(text: str, first: int, changed: dict[str, str], slip: int = 0) -> str:
    """`text` with the numbers `changed` from the character `first` on, its equations made to hold, but for a `slip`."""

    def redone(found: re.Match[str]) -> str:
        nonlocal slip
        left, right = (changed.get(found[place], found[place]) for place in (1, 3))
        result = OPERATORS[SIGN_OF.get(found[2], found[2])](int(left), int(right)) + slip
        slip, changed[found[5]] = 0, str(result)
        return f"{left} {found[2]} {right} {found[4]} {result}"

    tail = EQUATION.sub(redone, text[first:])
    return text[:first] + re.sub(r"answer is (\d+)", lambda f: f"answer is {changed.get(f[1], f[1])}", tail)


def with_fault(text: str, fault: str, rng: np.random.Generator) -> str:
    """`text`, a right response, with one fault."""
    found = list(EQUATION.finditer(text))
    start = max(text.rfind(lead) for lead in ("This makes", "We get", "That gives"))
    last = [each for each in found if each.start() > start]
    one = last[int(rng.integers(len(last)))]
    delta = int(rng.choice([-10, -2, -1, 1, 2, 10]))
    if fault == "slip":
        return recomputed(text, one.start(), {}, delta)
    if fault == "misread":
        number = last[0][1]
        return recomputed(text, last[0].start(), {number: str(int(number) + abs(delta))})
    if fault == "miscopied":
        return re.sub(r"answer is (\d+)", lambda f: f"answer is {int(f[1]) + delta}", text)
    if fault == "no method":
        return re.sub(r"(?:^|(?<=\. ))[^.]*(?:try to|idea is to|we can|could|way is to) [^.]*\. ", "", text)
    if fault == "cut":
        return text[: int(rng.integers(one.start() + 1, text.rfind("nswer is") + 8))].rstrip(" .0123456789")
    sentence = text[max(0, text.rfind(". ", 0, one.start())) :][:60]
    return text[: one.start()] + sentence * int(rng.integers(12, 40))


FAULTS = ("slip", "misread", "miscopied", "no method", "cut", "loop")
FORMAL = {"cut": "unfinished", "loop": "degenerate"}


def faulty_groups(preset: str, seed: int = 0) -> Iterator[tuple[list[Trace], dict[str, str]]]:
    """(traces of a problem, truth of the wrong ones by id)."""
    task = Testbed(replace(PRESETS[preset], seed=seed))
    solver, rng = Solver(task.config), np.random.default_rng([seed, 6])
    for number, problem in enumerate(task.problems("train")[:PROBLEMS]):
        texts = [solver(problem, rng) for _ in range(SAMPLES)]
        right = [text for text, told in zip(texts, task.judge([problem] * SAMPLES, texts), strict=True) if told.correct]
        faults = [None] * SAMPLES
        for at, fault in enumerate(FAULTS):
            if right and (number + at) % 2:
                texts.append(with_fault(right[at % len(right)], fault, rng))
                faults.append(fault)
        traces, truth = [], {}
        verdicts = task.judge([problem] * len(texts), texts)
        for place, (text, verdict, fault) in enumerate(zip(texts, verdicts, faults, strict=True)):
            wrong = fault in FORMAL or not verdict.correct
            name = f"{preset}-{problem.id}-{place}"
            traces.append(Trace(id=name, group=problem.id, prompt=problem.prompt, text=text, correct=not wrong))
            if wrong:
                kind = FORMAL.get(fault, verdict.error)
                truth[name] = "undecided" if kind == "format" else kind
        yield traces, truth


def simple(text: str) -> str:
    """The baseline: a wrong equation anywhere says procedural."""
    wrong = any(each.verdict == "wrong" for each in check_equations(replace_operator_words(text)))
    return "procedural" if wrong else "strategic"


def judged(groups, lexicon: Lexicon, names: Sequence[str]) -> list[Case]:
    """A case for each wrong trace; `names` are those of the ways to tell: alone, siblings, siblings and lexicon."""
    cases, find = [], make_span_finder(lexicon)
    for traces, truth in groups:
        corrects = [trace for trace in traces if trace.correct]
        alone = {trace.id: diagnose(trace).kind for trace in traces if trace.id in truth}
        beside = {told.trace_id: told.kind for told in diagnose_group(traces)}
        both = {told.trace_id: told.kind for told in diagnose_group(traces, find)}
        for trace in traces:
            if trace.id in truth and (corrects or "alone" in names):
                said = {"alone": alone[trace.id], "with siblings": beside[trace.id]}
                said |= {"with siblings and lexicon": both[trace.id], "wrong equation or not": simple(trace.text)}
                cases.append(Case(trace.group or trace.id, truth[trace.id], {name: said[name] for name in names}))
    return cases


# -- people's reasons -------------------------------------------------------------------------------------

PROCEDURAL = re.compile(
    r"calculat|miscalcul|arithmetic|simplif|expan(?:d|sion)|\bsigns?\b|substitut|comput|solv(?:ing|ed) (?:the|for)|"
    r"algebra|factor(?:ed|ing|iz)|typo|copied|rounding|operation(?:al)? error|omitted the term|decimal",
    re.IGNORECASE,
)
STRATEGIC = re.compile(
    r"misunder|assum|believ|concept|consider|overlook|confus|misinterpret|misconception|approach|method|logic|"
    r"reasoning|understanding|definition|ignor|unaware|theorem|neglect|fail(?:s|ed)? to (?:understand|recogni)|"
    r"interpret|condition",
    re.IGNORECASE,
)


def reason_kind(reason: str) -> str | None:
    """What a reason in people's words names: words of calculating only, words of understanding only, or neither."""
    procedural, strategic = bool(PROCEDURAL.search(reason)), bool(STRATEGIC.search(reason))
    return None if procedural == strategic else "procedural" if procedural else "strategic"


def mr_ben() -> list[Case]:
    """A case for each wrong solution whose two reasons name the same kind."""
    cases = []
    with gzip.open(SHARED / "labels" / "mr_ben_math.jsonl.gz", "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            reasons = row["Model_Solution_Error_Reason"]
            kinds = {reason_kind(reason) for reason in reasons} if isinstance(reasons, list) else {None}
            if len(kinds) == 1 and None not in kinds:
                text = "\n".join(row["Model_Solution_Steps"])
                prompt = f"{row['Question']} {row['Options'] or ''}"
                trace = Trace(id=row["Question_UUID"], prompt=prompt, text=text, correct=False)
                said = {"alone": diagnose(trace).kind, "wrong equation or not": simple(text)}
                cases.append(Case(row["problem_id"], kinds.pop(), said))
    return cases


# -- tables -----------------------------------------------------------------------------------------------


def tables(title: str, cases: Sequence[Case]) -> Iterator[str]:
    """Accuracy and agreement of every way to tell, and the confusions of the last but the baseline."""
    truths = Counter(case.truth for case in cases)
    problems = [case.problem for case in cases]
    most = truths.most_common(1)[0][0]
    ways = {"majority": [most] * len(cases)}
    ways |= {name: [case.said[name] for case in cases] for name in reversed(list(cases[0].said))}
    yield f"\n### {title}\n"
    told = ", ".join(f"{truths[kind]:,} {kind}" for kind in KINDS if truths[kind])
    yield f"{len(cases):,} wrong traces of {len(set(problems)):,} problems: {told}.\n"
    yield "| told by | accuracy | 95 % | Cohen's kappa | 95 % | decided | right of the decided |"
    yield "|---|---|---|---|---|---|---|"
    for name, said in ways.items():
        hits = [float(one == case.truth) for one, case in zip(said, cases, strict=True)]
        share = mean_by_problem(problems, hits)
        ratings = [Rating(str(at), "truth", case.truth) for at, case in enumerate(cases)]
        found = measure_agreement(ratings + [Rating(str(at), "said", one) for at, one in enumerate(said)]).overall
        kappa = found.pairs[0].kappa
        numbers = f"{share.value:.3f} | {share.low:.3f} to {share.high:.3f} | {number(kappa.value)} | "
        numbers += "-" if kappa.low is None else f"{kappa.low:.2f} to {kappa.high:.2f}"
        yield f"| {name} | {numbers} | {decided(said, [case.truth for case in cases])} |"
    said = list(ways)[-1]
    counts = Counter(zip((case.truth for case in cases), ways[said], strict=True))
    columns = [kind for kind in KINDS if any(counts[truth, kind] for truth in truths)]
    yield f"\nTruth in rows, told ({said}) in columns:\n"
    yield f"| | {' | '.join(columns)} | found |"
    yield f"|---|{'---|' * (len(columns) + 1)}"
    for truth in (kind for kind in KINDS if truths[kind]):
        row = " | ".join(str(counts[truth, kind]) for kind in columns)
        yield f"| {truth} | {row} | {counts[truth, truth] / truths[truth]:.2f} |"


def decided(said: Sequence[str], truths: Sequence[str]) -> str:
    """Of traces that are strategic or procedural, the share called one of these, and the share of it that is right."""
    pairs = [pair for pair in zip(said, truths, strict=True) if pair[1] in PLAN_OR_SLIP]
    told = [pair for pair in pairs if pair[0] in PLAN_OR_SLIP]
    right = sum(one == truth for one, truth in told)
    return f"{len(told) / len(pairs):.2f} | {right / len(told):.2f} ({right} of {len(told)})" if told else "0 | -"


def number(value: float | None) -> str:
    """A coefficient."""
    return "-" if value is None else f"{value:.2f}"


WAYS = ("with siblings and lexicon", "with siblings", "alone", "wrong equation or not")


def testbed_tables() -> Iterator[str]:
    """One table a preset of the testbed."""
    for preset in ("default", "middle", "long"):  # the presets of stories, into which faults can be put
        yield from tables(f"Testbed, {preset}", judged(faulty_groups(preset), Testbed().lexicon(), WAYS))


def rollout_tables(folder: Path) -> Iterator[str]:
    """The rollouts of training runs on the testbed, every eleventh step."""
    groups, lexicon = defaultdict(list), None
    for run in sorted(folder.glob("train-*")):
        lexicon = lexicon or Lexicon.load(run / "lexicon.json")
        for file in sorted(run.glob("rollouts/step-*.jsonl.gz"))[::11]:
            for trace in read_traces(file):
                groups[f"{run.name} {trace.group}"].append(trace)
    held = ((traces, {each.id: _told(each) for each in traces if each.correct is False}) for traces in groups.values())
    yield from tables("Rollouts of training", judged(held, lexicon, WAYS))


def _told(trace: Trace) -> str:
    return "undecided" if trace.meta["error"] == "format" else trace.meta["error"]


def sample_tables() -> Iterator[str]:
    """The shipped sample traces."""
    groups = defaultdict(list)
    for trace in read_traces(data_path("sample_traces.jsonl")):
        groups[trace.group].append(trace)
    held = [(each, {one.id: one.meta["error"] for one in each if one.correct is False}) for each in groups.values()]
    yield from tables("Sample traces", judged(held, Lexicon.load("wang2025"), WAYS))


def mr_ben_tables() -> Iterator[str]:
    """Mr-Ben."""
    yield from tables("Mr-Ben, people's reasons", mr_ben())


def loop_tables() -> Iterator[str]:
    """Exact loops and compression_ratio on the shared traces."""
    counts = Counter()
    for trace in read_traces(SHARED / "traces"):
        small = len(trace.text) > LONG_TEXT and trace.meta["zlib_ratio"] < LOOP_RATIO
        found = find_loop(trace.text)
        counts[small, found is not None and "compresses" not in found.sentence, trace.correct] += 1
    yield "\n### Loops: exact runs against zlib_ratio < 0.12\n"
    yield "| zlib says loop | exact run found | wrong | right | not judged |"
    yield "|---|---|---|---|---|"
    for small in (True, False):
        for exact in (True, False):
            row = " | ".join(f"{counts[small, exact, correct]:,}" for correct in (False, True, None))
            yield f"| {'yes' if small else 'no'} | {'yes' if exact else 'no'} | {row} |"


def answer_tables(size: int = 1500) -> Iterator[str]:
    """Answers judged here against what the sources say, on a sample drawn by digest."""
    traces = [each for each in read_traces(SHARED / "traces") if each.correct is not None and each.reference]
    traces = sorted(traces, key=lambda trace: digest(trace.id.encode()))[:size]
    counts: dict[str, Counter] = defaultdict(Counter)
    with AnswerGrader() as judge:
        for trace, told in zip(traces, judge([replace(each, correct=None) for each in traces]), strict=True):
            found = counts[trace.meta["source"].partition("@")[0]]
            found[trace.correct, told.correct] += 1
            found["alone"] += right_by_math_verify(trace) == trace.correct
    yield f"\n### Answers judged by reference against the sources' verdicts, {size:,} traces\n"
    yield (
        "| source | traces | same | math-verify alone the same | judged right, source wrong | "
        "judged wrong, source right | not judged |"
    )
    yield "|---|--:|--:|--:|--:|--:|--:|"
    total = sum(counts.values(), Counter())
    for name, found in (*sorted(counts.items()), ("all", total)):
        same, lost = found[True, True] + found[False, False], found[True, None] + found[False, None]
        n_traces = found.total() - found["alone"]
        yield (
            f"| {name} | {n_traces:,} | {same / n_traces:.1%} | {found['alone'] / n_traces:.1%} | "
            f"{found[False, True]} | {found[True, False]} | {lost} |"
        )


def right_by_math_verify(trace: Trace) -> bool:
    """What its own search through the whole response, under its own time limits, makes of a trace."""
    from math_verify import parse, verify

    return verify(parse(f"\\boxed{{{trace.reference}}}"), parse(trace.text))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", choices=PARTS, default=PARTS)
    parser.add_argument("--rollouts", type=Path, help="folder of training runs on the testbed, to be classified too")
    asked = parser.parse_args()
    parts = {
        "testbed": testbed_tables,
        "sample": sample_tables,
        "mr-ben": mr_ben_tables,
        "loops": loop_tables,
        "answers": answer_tables,
    }
    for name in asked.only:
        if name in ("mr-ben", "loops", "answers") and not SHARED.exists():
            print(f"\n{name}: needs {SHARED.name} beside the checkout; left out")
            continue
        for line in parts[name]():
            print(line)
    if asked.rollouts:
        for line in rollout_tables(asked.rollouts):
            print(line)


if __name__ == "__main__":
    main()
