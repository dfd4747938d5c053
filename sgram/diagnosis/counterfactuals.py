"""Which single change of its computations would lead a wrong response to the reference answer.

If a wrong result is put right and the answer becomes the reference, then the plan was right and carrying it out failed
there. If another operation in one place leads to the reference, the plan may have lacked that operation. References
that are no numbers tell nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from sgram.diagnosis.derivations import Computation, Derivation, Path, computations, tree_numbers, tree_values
from sgram.diagnosis.operations import Work, format_fraction
from sgram.equations import Tree

Change = Literal["slip put right", "right result changed", "sign turned", "other operation"]
NEAR = Fraction(1, 100)
"""Largest difference, relative to the number, of a right result that was changed by miscounting or rounding."""
_OPERATIONS = ("add", "subtract", "multiply", "divide")
_SIGNS = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/"}
_DIRECTIONS = (False, True)


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """A change that leads to the reference."""

    change: Change
    sentence: str
    start: int
    """Character offsets of what would be changed."""
    end: int


def find_counterfactuals(work: Work, derivation: Derivation | None, reference: Fraction | None) -> list[Counterfactual]:
    """Return the changes that lead to `reference`, at most one of each kind; none without a derivation or reference.

    >>> from sgram.diagnosis.derivations import derive
    >>> from sgram.diagnosis.operations import extract_work
    >>> from sgram.traces import Trace
    >>> trace = Trace(id="1", text="6 + 9 = 14, so 14 * 2 = 28. The answer is 28.")
    >>> work = extract_work(trace)
    >>> [found.sentence for found in find_counterfactuals(work, derive(work, trace), Fraction(30))]
    ['6+9 is 15, not 14; with 15 the answer would be 30, the reference']
    """
    if reference is None or work.answer is None or work.answer == reference:
        return []
    own_computations = computations(work)
    counterfactuals = [_right_result_changed(own_computations, work.answer, reference)]
    if work.answer == -reference:
        last = own_computations[-1] if own_computations else None
        start, end = (last.start, last.end) if last is not None else (0, 0)
        sentence = f"the answer is the reference {format_fraction(reference)} with the other sign"
        counterfactuals.append(Counterfactual("sign turned", sentence, start, end))
    if derivation is not None:
        counterfactuals += [_slip_put_right(derivation, reference), _other_operation(derivation, reference)]
    return [counterfactual for counterfactual in counterfactuals if counterfactual is not None]


def _slip_put_right(derivation: Derivation, reference: Fraction) -> Counterfactual | None:
    for index, step in enumerate(derivation.steps):
        if not step.is_right and derivation.answer_with(index, step.value) == reference:
            value, result = format_fraction(step.value), format_fraction(step.result)
            sentence = f"{step.key} is {value}, not {result}; with {value} the answer would be "
            sentence += f"{format_fraction(reference)}, the reference"
            return Counterfactual("slip put right", sentence, step.start, step.end)
    return None


def _right_result_changed(
    own_computations: Sequence[Computation], answer: Fraction, reference: Fraction
) -> Counterfactual | None:
    """Return where the response had the reference, by the same operation with a number that differs a little."""
    for right in own_computations:
        if right.result != reference or not right.is_right:
            continue
        for step in own_computations:
            if step.result == answer and _shape(step.tree) == _shape(right.tree):
                pairs = [
                    (number, meant)
                    for (_, number), (_, meant) in zip(tree_numbers(step.tree), tree_numbers(right.tree), strict=True)
                    if number != meant
                ]
                if len(pairs) == 1 and 0 < abs(pairs[0][0] - pairs[0][1]) <= NEAR * abs(pairs[0][1]):
                    sentence = f"it has {right.key} = {format_fraction(reference)}, which is right, and "
                    sentence += f"{step.key} = {format_fraction(answer)}, which it answers"
                    return Counterfactual("right result changed", sentence, step.start, step.end)
    return None


def _shape(tree: Tree) -> object:
    return (
        "number" if tree[0] == "number" else (tree[0], *(_shape(part) for part in tree[1:] if isinstance(part, tuple)))
    )


def _other_operation(derivation: Derivation, reference: Fraction) -> Counterfactual | None:
    for index, step in enumerate(derivation.steps):
        if not step.is_right:
            continue
        for path, tree in _operation_nodes(step.tree):
            for name in _OPERATIONS:
                for swapped in _DIRECTIONS:
                    first, second = (tree[2], tree[1]) if swapped else (tree[1], tree[2])
                    values = tree_values(_with_node(step.tree, path, (name, first, second)))
                    if name != tree[0] and values and derivation.answer_with(index, values[0]) == reference:
                        sentence = (
                            f"{step.key} with {_SIGNS[name]} in place of {_SIGNS[tree[0]]} would lead to "
                            f"{format_fraction(reference)}, the reference"
                        )
                        return Counterfactual("other operation", sentence, step.start, step.end)
    return None


def _operation_nodes(tree: Tree, path: Path = ()) -> Iterator[tuple[Path, Tree]]:
    if tree[0] in _OPERATIONS:
        yield path, tree
    for index, operand in enumerate(tree[1:], 1):
        if isinstance(operand, tuple):
            yield from _operation_nodes(operand, (*path, index))


def _with_node(tree: Tree, path: Path, node: Tree) -> Tree:
    if not path:
        return node
    return (*tree[: path[0]], _with_node(tree[path[0]], path[1:], node), *tree[path[0] + 1 :])
