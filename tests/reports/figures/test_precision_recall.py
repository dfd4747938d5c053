"""The figure: the same bytes for the same panels, nothing of the clock in it, names as text."""

import xml.etree.ElementTree as ET

import pytest

pytest.importorskip("matplotlib", reason="figures need matplotlib")

from sgram.errors import UsageError
from sgram.reports.figures.precision_recall import (
    FORMS,
    PlottedList,
    PlottedNumber,
    PrecisionRecallPanel,
    figure_format,
    render_precision_recall,
)

POINT = PlottedList("published", PlottedNumber(0.4, 0.35, 0.5), PlottedNumber(0.6, 0.5, 0.7))
CURVE = PlottedList(
    "mined", PlottedNumber(0.7), PlottedNumber(0.5), ((0.1, 0.9), (0.3, 0.8), (0.5, 0.7)), note="AP 0.66"
)
CHANCE = PlottedList("random scores", curve=((0.1, 0.3), (1.0, 0.3)), is_control=True)


def panel(*lists, title="labels"):
    return PrecisionRecallPanel(title, 51, 5408, 0.31, "documents", lists or (CURVE, POINT, CHANCE))


@pytest.mark.parametrize("form", FORMS)
def test_equal_panels_give_equal_bytes_without_a_date(form):
    first, again = (render_precision_recall([panel(), panel(title="others")], form) for _ in range(2))
    assert first == again
    assert not any(word in first for word in (b"CreationDate", b"dc:date", b"Creation Time"))
    assert first.startswith({"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF"}[form])


def test_settings_of_the_process_neither_count_nor_change():
    import matplotlib as mpl

    expected = render_precision_recall([panel()])
    with mpl.rc_context({"font.size": 30, "lines.linewidth": 9, "svg.hashsalt": None}):
        assert render_precision_recall([panel()]) == expected
        assert mpl.rcParams["font.size"] == 30


def test_every_number_changes_the_picture():
    expected = render_precision_recall([panel()])
    changed_panels = [
        panel(CURVE, PlottedList("published", PlottedNumber(0.4, 0.3, 0.5), POINT.recall), CHANCE),
        panel(PlottedList("mined", CURVE.precision, CURVE.recall, CURVE.curve[:2], "AP 0.66"), POINT, CHANCE),
        PrecisionRecallPanel("labels", 51, 5408, 0.4, "documents", (CURVE, POINT, CHANCE)),
        PrecisionRecallPanel("labels", 51, 5408, 0.31, "problems", (CURVE, POINT, CHANCE)),
    ]
    assert len({expected, *(render_precision_recall([changed_panel]) for changed_panel in changed_panels)}) == 5


@pytest.mark.parametrize("name", ["<script>", "$x^2$", "a\x1b[31m\u202eb", "_hidden", "\\frac$", "x" * 300, "&amp;"])
def test_a_name_is_text_whatever_it_holds(name):
    svg = render_precision_recall([panel(PlottedList(name, PlottedNumber(0.5), PlottedNumber(0.5)), title=name)])
    ET.fromstring(svg)  # noqa: S314
    assert b"<script" not in svg
    assert b"\x1b" not in svg
    renamed_svg = render_precision_recall([panel(PlottedList("y", PlottedNumber(0.5), PlottedNumber(0.5)), title=name)])
    assert svg != renamed_svg  # the legend tells the name, one that begins with an underscore, too


def test_a_list_keeps_its_color_from_panel_to_panel():
    svg = render_precision_recall([panel(CURVE, POINT), panel(POINT)]).decode()
    assert "#d55e00" in svg  # the second color is the published list's in both
    assert render_precision_recall([panel(POINT)]).decode().count("#d55e00") == 0


def test_the_name_of_the_file_tells_its_form():
    assert [figure_format(name) for name in ("a.svg", "b.PNG", "c/d.pdf")] == ["svg", "png", "pdf"]
    with pytest.raises(UsageError, match=r"a\.jpg: a figure's name must end in \.svg, \.png, \.pdf"):
        figure_format("a.jpg")
    with pytest.raises(UsageError, match="unknown figure format 'gif'"):
        render_precision_recall([panel()], "gif")
    with pytest.raises(UsageError, match="at least one panel"):
        render_precision_recall([])
