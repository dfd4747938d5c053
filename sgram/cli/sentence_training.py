"""``sgram validate --train --unit sentence`` and ``--calibrate``: fit a sentence scorer, or adapt one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter

from sgram.cli.console import note, print_json, print_line, print_table
from sgram.cli.path_checks import check_no_options, check_one_stdin, check_outputs
from sgram.cli.shared_flags import path_argument
from sgram.cli.validation_tables import interval
from sgram.errors import InputError, UsageError
from sgram.evaluation.labeled_documents import POSITIVE_LABELS, LabeledDocument, read_labels
from sgram.lexicon import SentenceScorer
from sgram.urls import base_name, printable_name

if TYPE_CHECKING:
    from sgram.evaluation.train_sentence_scorer import LabeledSentence
    from sgram.statistics import Estimate

_TITLES = {
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "precision_at_recall_75": "precision at recall .75",
    "average_precision": "average precision",
    "kappa_of_moves": "kappa of moves",
}


@Parameter(name="*", group=Group("Sentence scorer", sort_key=3))
@dataclass(frozen=True)
class ScorerFlags:
    """Sentence scorer: which one is measured, or adapted to labels of your own."""

    scorer: Annotated[str, path_argument("A sentence scorer file or URL, or a preset.")] = "sgram"
    calibrate: Annotated[str | None, path_argument("Own labeled sentences (20 or more): adapt --scorer to them.")] = (
        None
    )
    even_without_gain: Annotated[bool, Parameter(negative="")] = False
    """Write the calibrated scorer even where its F1 out of fold is not shown to be larger."""


@dataclass(frozen=True, slots=True)
class LabelChoice:
    """Which labels of a file are read, and which of them mean planning."""

    annotator: str | None
    positive: frozenset[str]

    def read(self, path: str, max_tokens: int) -> "tuple[list[LabeledDocument], list[LabeledSentence]]":
        """Return the documents and labeled sentences of a file; raise `InputError` if none plans, or all do."""
        from sgram.evaluation.train_sentence_scorer import label_sentences

        documents = read_labels(path, self.annotator)
        positive = self.positive or POSITIVE_LABELS
        sentences = label_sentences(documents, positive, max_tokens=max_tokens)
        n_planning = sum(sentence.is_planning for sentence in sentences)
        if not 0 < n_planning < len(sentences):
            raise InputError(
                f"{printable_name(path)} must have sentences of both kinds (got {n_planning:,} that plan of "
                f"{len(sentences):,}); name the labels that mean planning with --positive"
            )
        return documents, sentences


def train_scorer(
    labels: Sequence[str], also_labels: Sequence[str], choice: LabelChoice, output: str, seed: int, as_json: bool
) -> None:
    """Fit a sentence scorer, write it, and print its figures out of fold."""
    from sgram.evaluation.train_sentence_scorer import (
        LONGEST_GRAM,
        Prior,
        ScorerFit,
        describe_labels,
        fit_sentence_scorer,
        score_out_of_fold,
    )

    if len(labels) != 1:
        raise UsageError(
            "--unit sentence takes one --labels, the schema to learn; give files of other schemas as --also-labels"
        )
    documents, sentences = choice.read(labels[0], LONGEST_GRAM)
    prior_labels = [(path, *choice.read(path, LONGEST_GRAM)) for path in also_labels]
    priors = [Prior(base_name(path), prior_sentences) for path, _, prior_sentences in prior_labels]
    out = score_out_of_fold(sentences, priors, ScorerFit(seed=seed))
    threshold = round(out.best_threshold(), 2)
    figures = _figures_of(out, threshold, seed)
    source = {
        "labels": [describe_labels(base_name(labels[0]), documents)],
        "priors": [describe_labels(base_name(path), prior_documents) for path, prior_documents, _ in prior_labels],
        "sentences": len(sentences),
        "out_of_fold": {name: estimate.to_json() for name, estimate in figures.items()},
    }
    fit = ScorerFit(seed=seed, threshold=threshold)
    scorer = fit_sentence_scorer(base_name(output).partition(".")[0], sentences, priors, fit, source)
    scorer.save(output)
    n_planning = sum(sentence.is_planning for sentence in sentences)
    n_problems = len({sentence.problem for sentence in sentences})
    if as_json:
        fields = {
            "scorer": output,
            "digest": scorer.digest,
            "threshold": threshold,
            "grams": len(scorer.planning.grams),
            "moves": list(scorer.moves),
            "sentences": len(sentences),
            "planning": n_planning,
            "problems": n_problems,
            "out_of_fold": {name: estimate.to_json() for name, estimate in figures.items()},
            "seed": seed,
        }
        print_json("scorer-training", fields)
    else:
        print_line(
            f"{base_name(labels[0])}: {len(sentences):,} sentences on {n_problems:,} problems, {n_planning:,} plan"
        )
        print_line(f"out of fold by problem, marked from probability {threshold:g}; brackets: 95 % over problems")
        print_table(("figure", "estimate"), [(_TITLES[name], interval(row)) for name, row in figures.items()])
    note(
        "out of fold: a sentence is scored by a scorer that saw no label on its problem; the threshold is that of the "
        "best F1 on these scores"
    )
    note(f"scorer {scorer.digest[:16]} written to {output}; use it with: sgram tag --mask sentences --scorer {output}")


def _figures_of(out: Any, threshold: float, seed: int) -> "dict[str, Estimate]":
    from sgram.evaluation.sentence_figures import ProblemDraws, draw_figures, draw_kappa

    draws = ProblemDraws.from_problems(out.problems, seed=seed)
    figures = draw_figures(draws, out.probabilities, out.is_planning, threshold)
    estimates = {name: draws.estimate(figure) for name, figure in figures.items()}
    labels = [move if plans else None for move, plans in zip(out.moves, out.is_planning.tolist(), strict=True)]
    kappa = draw_kappa(draws, labels, out.predicted_moves)
    estimates["kappa_of_moves"] = draws.estimate(kappa, "the labels name fewer than two moves")
    return estimates


def calibrate_scorer(
    flags: ScorerFlags, choice: LabelChoice, output: str | None, draws: int, seed: int, as_json: bool
) -> None:
    """Adapt a scorer to labeled sentences, print the gain out of fold, and write it if there is one."""
    from sgram.evaluation.calibrate_sentence_scorer import Calibration, calibrate, measure_gain
    from sgram.evaluation.train_sentence_scorer import describe_labels, label_sentences

    path = flags.calibrate or ""
    inputs = [path, flags.scorer]
    check_one_stdin(inputs)
    check_no_options(inputs, "validate")
    check_outputs({"-o": output}, inputs)
    scorer = SentenceScorer.load(flags.scorer)
    documents = read_labels(path, choice.annotator)
    sentences = label_sentences(documents, choice.positive or POSITIVE_LABELS, max_tokens=scorer.max_tokens)
    config = Calibration(seed=seed)
    measured = measure_gain(scorer, sentences, config, draws)
    is_calibrated = measured.is_shown or flags.even_without_gain
    result = scorer
    if is_calibrated:
        gains: Mapping[str, Any] = {name: estimate.to_json() for name, estimate in measured.gain.items()}
        source = {"labels": [describe_labels(base_name(path), documents)], "gain_out_of_fold": gains}
        result = calibrate(scorer, sentences, config, source=source)
    n_planning = sum(sentence.is_planning for sentence in sentences)
    if as_json:
        columns = {"before": measured.before, "after": measured.after, "gain": measured.gain}
        figures = {
            name: {figure: estimate.to_json() for figure, estimate in column.items()}
            for name, column in columns.items()
        }
        fields = {
            "scorer": {"name": scorer.name, "digest": scorer.digest},
            "sentences": len(sentences),
            "planning": n_planning,
            "out_of_fold": figures,
            "gain_shown": measured.is_shown,
            "calibrated": is_calibrated,
            "digest": result.digest,
            "output": output,
            "seed": seed,
        }
        print_json("calibration", fields)
    else:
        n_problems = measured.gain["f1"].n or 0
        print_line(f"{base_name(path)}: {len(sentences):,} sentences on {n_problems:,} problems, {n_planning:,} plan")
        print_line("out of fold by problem; brackets: 95 % intervals over problems")
        rows = [
            (_TITLES[name], interval(measured.before[name]), interval(measured.after[name]), interval(gain, True))
            for name, gain in measured.gain.items()
        ]
        print_table(("figure", f"{scorer.name} as it is", "calibrated", "gain"), rows)
        print_line(_verdict(measured.is_shown, is_calibrated))
    if output is not None:
        result.save(output)
        scorer_name = "calibrated scorer" if is_calibrated else f"scorer {scorer.name}, unchanged,"
        note(f"{scorer_name} {result.digest[:16]} written to {output}; use it with: --mask sentences --scorer {output}")
    else:
        note("nothing is written; name a file with -o")


def _verdict(is_shown: bool, is_calibrated: bool) -> str:
    if is_shown:
        return "gain shown: the interval of the gain in F1 lies above 0."
    decision = "calibrated all the same, as asked" if is_calibrated else "the scorer keeps its weights"
    return f"no gain shown: the interval of the gain in F1 includes 0, or lies below it; {decision}."
