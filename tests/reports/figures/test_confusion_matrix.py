"""The figure of a confusion matrix: the same bytes for the same matrix, names as text."""

import xml.etree.ElementTree as ElementTree

import pytest

pytest.importorskip("matplotlib", reason="figures need matplotlib")

from sgram.annotation.confusion import ConfusionMatrix
from sgram.errors import UsageError
from sgram.reports.figures.canvas import FORMS
from sgram.reports.figures.confusion_matrix import render_confusion_matrix

MATRIX = ConfusionMatrix(("plan", "fact"), ((3.0, 1.0), (0.0, 4.0)), ("ada", "ben"), 8)


@pytest.mark.parametrize("form", FORMS)
def test_equal_matrices_give_equal_bytes_without_a_date(form):
    first, again = (render_confusion_matrix(MATRIX, form) for _ in range(2))
    assert first == again
    assert first.startswith({"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF"}[form])
    assert not any(word in first for word in (b"CreationDate", b"dc:date"))


def test_every_number_and_name_changes_the_picture():
    others = [
        ConfusionMatrix(("plan", "fact"), ((3.0, 2.0), (0.0, 4.0)), ("ada", "ben"), 9),
        ConfusionMatrix(("plan", "text"), MATRIX.counts, ("ada", "ben"), 8),
        ConfusionMatrix(MATRIX.labels, MATRIX.counts, ("ada", "eve"), 8),
        ConfusionMatrix(MATRIX.labels, MATRIX.counts, ("ada", "ben", "eve"), 8),
    ]
    assert len({render_confusion_matrix(matrix) for matrix in (MATRIX, *others)}) == 5


@pytest.mark.parametrize("name", ["<script>", "$x^2$", "a\x1b[31m\u202eb", "\\frac$", "x" * 300])
def test_a_label_is_text_whatever_it_holds(name):
    svg = render_confusion_matrix(ConfusionMatrix((name, "fact"), MATRIX.counts, (name, "ben"), 8))
    ElementTree.fromstring(svg)  # noqa: S314
    assert b"<script" not in svg


def test_one_label_many_labels_and_empty_rows_are_drawn():
    for n in (1, 20):
        labels = tuple(f"label {number}" for number in range(n))
        counts = tuple(tuple(float(row == column == 0) for column in range(n)) for row in range(n))
        assert render_confusion_matrix(ConfusionMatrix(labels, counts, ("a", "b", "c"), 1), "png")
    with pytest.raises(UsageError, match="unknown figure format 'gif'"):
        render_confusion_matrix(MATRIX, "gif")
