"""What settles first by a checker's details, beside entropies, on curves whose steps are set by hand."""

import pytest

from sgram.analysis import AnalysisConfig, analyze, checked_phases, register_measure, unregister_measure
from sgram.analysis.findings import Finding
from sgram.errors import InputError
from sgram.reports.figures.report_figures import build_figures
from sgram.reports.wording import word
from sgram.statistics import Estimate
from tests.builders.analysis_examples import build_trace, byte_ids, write_rollouts, write_run
from tests.builders.report_tables import TableAnalysis, table

CONFIG = AnalysisConfig(n_placebos=0, n_draws=50)
EXECUTION, PLANNING = "testbed/right_execution", "testbed/right_method"
N_STEPS = 40
EARLY, LATE = 8, 25
"""Steps from which all four problems have changed; the end of a curve is the mean of its last 8 steps of 40."""


def rows(details, entropies=(None, None), n_steps=N_STEPS):
    """Return traces of four problems a step.

    `details` are (name, step): false at first, true for one problem more every other step, for all four from `step`;
    a step below 0 turns that round. `entropies` are the steps by which the entropy of execution and of planning tokens
    has fallen from 1 to 1/4 nat in the same way.
    """
    traces = []
    text = "so it"  # by the lexicon of the run "so" plans: 2 bytes of 5
    for step in range(n_steps):
        for problem in range(4):
            n_left = 2 * (3 - problem)  # steps until all four problems have changed
            levels = [0.5 if at is None else 1.0 if step + n_left < at else 0.25 for at in entropies]
            fields = {"prompt": str(problem), "group": f"{step}-{problem}", "correct": problem == 0}
            tokens = {"token_ids": byte_ids(text), "entropies": (levels[1],) * 2 + (levels[0],) * 3}
            meta = {name: (step + n_left >= abs(at)) == (at >= 0) for name, at in details}
            trace_id = f"{step}-{problem}"
            traces.append(build_trace(trace_id, text, step=step, model=None, meta=meta, **fields, **tokens))
    return traces


def phases(tmp_path, traces, of_change=0.9, name="testbed_phases"):
    analysis = analyze([write_run(tmp_path, "a", traces, tokenizer=True)], CONFIG)
    if name not in analysis.tables:
        return analysis, {}
    records = analysis.tables[name].records(of_change=of_change)
    return analysis, {record["judged_by"]: record for record in records}


def test_the_checker_says_what_settles_first_and_a_pair_of_other_curves_agrees(tmp_path):
    details = [(EXECUTION, EARLY), (PLANNING, LATE)]
    analysis, records = phases(tmp_path, rows(details, (EARLY, LATE)))
    truth = records["checker"]
    # each share is 0, 1/4, 1/2, 3/4 and 1, so nine tenths of the change are made where it becomes 1
    assert (truth["execution_step"], truth["planning_step"], truth["steps"]) == (EARLY, LATE, LATE - EARLY)
    assert (truth["first"], truth["agreement"], truth["n"]) == ("execution", None, N_STEPS)
    assert 0 < truth["low"] <= LATE - EARLY <= truth["high"]
    entropy = records["token entropy"]
    assert (entropy["first"], entropy["steps"], entropy["agreement"]) == ("execution", LATE - EARLY, "agrees")
    (finding,) = (finding for finding in analysis.findings if finding.measure == "testbed_phases")
    assert (finding.verdict, finding.estimate.value, dict(finding.verdicts)["token entropy"]) == ("up", 17, "up")


def test_entropies_contradict_a_checker_that_says_the_reverse(tmp_path):
    _, records = phases(tmp_path, rows([(EXECUTION, LATE), (PLANNING, EARLY)], (EARLY, LATE)))
    assert (records["checker"]["first"], records["checker"]["steps"]) == ("planning", EARLY - LATE)
    assert records["token entropy"]["agreement"] == "contradicts"


def test_entropies_that_do_not_change_cannot_say_and_the_reason_stands_beside_it(tmp_path):
    _, records = phases(tmp_path, rows([(EXECUTION, EARLY), (PLANNING, LATE)]))
    entropy = records["token entropy"]
    assert (entropy["first"], entropy["agreement"], entropy["steps"]) == ("cannot say", "cannot say", None)
    assert entropy["remark"].startswith("execution: the total change cannot be distinguished from 0")
    assert records["checker"]["first"] == "execution"


def test_a_share_that_falls_is_not_learned_so_the_checker_cannot_say(tmp_path):
    """Without this, a policy that unlearns arithmetic early would be said to settle execution first."""
    analysis, records = phases(tmp_path, rows([(EXECUTION, -EARLY), (PLANNING, LATE)], (EARLY, LATE)))
    truth = records["checker"]
    assert (truth["first"], truth["steps"], truth["execution_step"]) == ("cannot say", None, EARLY)
    assert truth["remark"] == f"share of {EXECUTION} falls, 1 to 0"
    assert (records["token entropy"]["first"], records["token entropy"]["agreement"]) == ("execution", "cannot say")
    (finding,) = (finding for finding in analysis.findings if finding.measure == "testbed_phases")
    assert (finding.verdict, finding.estimate, finding.notes) == ("cannot say", None, (truth["remark"],))


def test_half_of_the_change_has_rows_of_its_own(tmp_path):
    """Two of four problems have changed four steps before all have: at 4 and at 21."""
    _, records = phases(tmp_path, rows([(EXECUTION, EARLY), (PLANNING, LATE)]), of_change=0.5)
    assert (records["checker"]["execution_step"], records["checker"]["planning_step"]) == (EARLY - 4, LATE - 4)


def test_where_nearly_all_of_a_change_cannot_be_dated_the_sentence_says_what_half_of_it_says():
    cells = {"source": "m", "judged_by": "checker", "steps": 9, "low": -10, "high": 14}
    records = [
        {**cells, "of_change": 0.9, "first": "cannot say"},
        {**cells, "of_change": 0.5, "first": "execution", "low": 3},
    ]
    (finding,) = TableAnalysis({"testbed_phases": table("testbed_phases", records)}, ("m",)).findings
    assert word(finding, with_source=False).text == (
        "The testbed's checker cannot say whether execution or planning settles first, as the difference is +9 steps "
        "[−10, 14]. By half of the change, execution settles first."
    )


def test_shares_are_of_the_responses_that_have_the_detail_and_stand_among_the_curves(tmp_path):
    traces = rows([(EXECUTION, EARLY), (PLANNING, LATE)])
    silent = build_trace("silent", "so", step=30, model=None, prompt="5", group="30-5", meta={PLANNING: False})
    analysis, _ = phases(tmp_path, [*traces, silent])
    # step 30: four responses have both details; another one announces no method, which is wrong, and no execution
    at_30 = {series: analysis.tables["curves"].records(series=series, step=30)[0] for series in (EXECUTION, PLANNING)}
    assert (at_30[EXECUTION]["value"], at_30[EXECUTION]["n"]) == (1.0, 4)
    assert (at_30[PLANNING]["value"], at_30[PLANNING]["n"]) == (4 / 5, 5)
    assert {EXECUTION, PLANNING} <= set(analysis.tables["settling"].texts("series"))


@pytest.mark.parametrize("details", [[], [(PLANNING, EARLY)], [("other/right_method", EARLY), (EXECUTION, EARLY)]])
def test_without_both_details_there_is_no_table(tmp_path, details):
    assert phases(tmp_path, rows(details, n_steps=6))[1] == {}


def test_rollouts_without_steps_have_no_table(tmp_path):
    traces = [build_trace(str(n), "so it", meta={EXECUTION: True, PLANNING: n > 2}) for n in range(6)]
    analysis = analyze([write_rollouts(tmp_path, traces)], CONFIG)
    assert "testbed_phases" not in analysis.tables


def test_few_steps_cannot_say(tmp_path):
    _, records = phases(tmp_path, rows([(EXECUTION, 1), (PLANNING, 2)], n_steps=4))
    assert records["checker"]["first"] == "cannot say"
    assert records["checker"]["remark"] == (
        f"share of {EXECUTION}: there are 4 steps, fewer than 5; share of {PLANNING}: there are 4 steps, fewer than 5"
    )


@pytest.mark.parametrize("detail", [0.7, "true", [True]])
def test_a_detail_that_is_no_boolean_is_refused_with_its_trace(tmp_path, detail):
    traces = rows([(EXECUTION, 1), (PLANNING, 2)], n_steps=3)
    broken = build_trace("broken", "so", step=1, model=None, prompt="0", meta={EXECUTION: detail})
    with pytest.raises(InputError, match=f"trace broken: the detail '{EXECUTION}' must be true or false"):
        phases(tmp_path, [*traces, broken])


def test_zero_and_one_are_false_and_true(tmp_path):
    traces = rows([(EXECUTION, EARLY), (PLANNING, LATE)])
    for trace in traces:
        trace.meta.update({name: int(detail) for name, detail in trace.meta.items()})
    assert phases(tmp_path, traces)[1]["checker"]["steps"] == LATE - EARLY


def test_any_checker_can_be_registered_by_the_names_of_its_details(tmp_path):
    register_measure(checked_phases("proofs", "the proof checker", execution="steps_hold", planning="lemma_fits"))
    try:
        traces = rows([("steps_hold", EARLY), ("lemma_fits", LATE)])
        analysis, records = phases(tmp_path, traces, name="proofs")
    finally:
        unregister_measure("proofs")
    assert records["checker"]["steps"] == LATE - EARLY
    assert "testbed_phases" not in analysis.tables
    assert "proofs" in [figure.name for figure in build_figures(analysis)]
    (finding,) = (finding for finding in analysis.findings if finding.measure == "proofs")
    assert word(finding, with_source=False).text.startswith("By the proof checker, execution settles before planning,")


# -- words ------------------------------------------------------------------------------------------------

QUESTION = checked_phases("proofs", "the proof checker", execution="e", planning="p").questions[0]
UP, DOWN, OPEN = ("token entropy", "up"), ("perplexity", "down"), ("semantic entropy", "cannot say")


def sentence(verdict, *verdicts, estimate=Estimate(17, 10, 20), notes=()):  # noqa: B008  frozen
    finding = Finding("proofs", QUESTION, "m", estimate, verdict=verdict, verdicts=verdicts, notes=notes)
    return word(finding, with_source=False).text


@pytest.mark.parametrize(
    ("verdict", "verdicts", "text"),
    [
        ("up", (UP,), "settles before planning, by +17 steps [10, 20]; token entropy agrees."),
        ("up", (UP, ("perplexity", "up")), "by +17 steps [10, 20]; token entropy and perplexity agree."),
        (
            "up",
            (UP, DOWN, OPEN),
            "by +17 steps [10, 20]; token entropy agrees, perplexity contradicts it, semantic entropy cannot say.",
        ),
        ("up", (), "By the proof checker, execution settles before planning, by +17 steps [10, 20]."),
        (
            "cannot say",
            (UP, DOWN, OPEN),
            "The proof checker cannot say whether execution or planning settles first, as the difference is +17 steps "
            "[10, 20]; token entropy says execution, perplexity says planning, semantic entropy cannot say.",
        ),
    ],
)
def test_one_sentence_has_the_truth_and_what_entropies_say_of_it(verdict, verdicts, text):
    assert sentence(verdict, *verdicts).endswith(text)


def test_the_reason_follows_where_there_is_no_step():
    text = sentence("cannot say", UP, estimate=None, notes=("share of e falls, 1 to 0",))
    assert text == (
        "The proof checker cannot say whether execution or planning settles first; token entropy says execution. "
        "Share of e falls, 1 to 0."
    )


def test_of_several_sources_agreements_are_counted():
    """The checker says execution of a and b, nothing of c; token entropy says execution of a, planning of b and c."""
    firsts = {
        "a, seed 0": ("execution", "execution"),
        "b, seed 0": ("execution", "planning"),
        "c, seed 0": ("cannot say", "planning"),
    }
    records = [
        {"source": source, "judged_by": judge, "of_change": 0.9, "first": first, "steps": 3, "low": 1, "high": 5}
        for source, pair in firsts.items()
        for judge, first in zip(("checker", "token entropy"), pair, strict=True)
    ]
    analysis = TableAnalysis({"testbed_phases": table("testbed_phases", records)}, tuple(firsts))
    assert word(analysis.findings[0], "run").text == (
        "What settles first by the testbed's checker: execution in 2 of 3 runs (a, seed 0; b, seed 0); cannot say in 1 "
        "(c, seed 0). Token entropy: agrees in 1; contradicts in 1; cannot say in 1."
    )
